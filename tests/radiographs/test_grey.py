"""The percentile stretch: what decides it, and what does not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pneumo.radiographs.errors import UnreadableError
from pneumo.radiographs.grey import luma, over_black, rows_of, stretch, stretch_codes
from tests.dicom_files import chest_like

FILM = chest_like(400, 300)


def stretched(values: NDArray[np.uint16]) -> NDArray[np.int64]:
    return stretch_codes(rows_of(values)).astype(np.int64)


def test_a_clean_radiograph_keeps_nearly_all_of_its_grey_values() -> None:
    grey = stretched(FILM)
    linear = (FILM.astype(float) - FILM.min()) / (FILM.max() - FILM.min()) * 255
    assert np.abs(grey - linear).mean() < 4
    assert ((grey == 0) | (grey == 255)).mean() < 0.01


@pytest.mark.parametrize("edge", [0, 65535])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_border_far_from_all_tissue_does_not_decide_the_stretch(edge: int, share: float) -> None:
    bordered = FILM + np.uint16(20000)
    inside = np.s_[:, round(share * 400) :]
    expected = stretched(np.ascontiguousarray(bordered[inside]))
    bordered[:, : round(share * 400)] = edge
    np.testing.assert_array_equal(stretched(bordered)[inside], expected)


def test_a_black_border_leaves_a_radiograph_as_it_is() -> None:
    bordered = FILM.copy()
    bordered[:, :240] = 0
    assert np.abs(stretched(bordered)[:, 240:] - stretched(FILM)[:, 240:]).mean() < 8


def test_several_hot_and_dead_pixels_do_not_decide_the_stretch() -> None:
    damaged = FILM + np.uint16(1000)
    expected = stretched(damaged)
    rng = np.random.default_rng(0)
    damaged.ravel()[rng.choice(damaged.size, 50, replace=False)] = np.r_[rng.integers(6000, 65536, 25), rng.integers(0, 900, 25)]
    assert np.abs(stretched(damaged) - expected).mean() < 1


def test_a_constant_image_is_black_and_a_nearly_constant_one_defined() -> None:
    constant = np.full((20, 20), 9000, np.uint16)
    assert not stretched(constant).any()
    constant[3, 3] = 9001
    assert (np.unique(stretched(constant)) == [0, 255]).all()


def test_inverting_the_values_inverts_the_grey_values() -> None:
    np.testing.assert_array_equal(stretch_codes(rows_of(4095 - FILM), inverted=True), stretched(FILM))


@pytest.mark.parametrize(
    "values", [FILM.astype(np.float32) * 3.7 - 5, FILM.astype(np.int32) - 70000, FILM.astype(np.int32) * 10**5]
)
def test_other_types_are_stretched_alike(values: NDArray[np.generic]) -> None:
    np.testing.assert_allclose(stretch(values).astype(int), stretched(FILM), atol=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_undefined_values_are_refused(value: float) -> None:
    values = FILM.astype(np.float32)
    values[0, 0] = value
    with pytest.raises(UnreadableError, match="infinite or undefined"):
        stretch(values)


def test_luma_and_opacity_are_exact_at_the_ends_of_16_bits() -> None:
    ends = np.array([[0, 1, 4095, 65534, 65535]], np.uint16)
    np.testing.assert_array_equal(luma([ends, ends, ends].__getitem__), ends)
    np.testing.assert_array_equal(over_black(ends, np.full_like(ends, 65535)), ends)
    assert not over_black(ends, np.zeros_like(ends)).any()
