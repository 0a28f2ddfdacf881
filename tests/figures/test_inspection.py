import io

import numpy as np
import pytest
from PIL import Image

from pneumo.figures.inspection import WIDTH_PX, Inspection, Layer, draw

GREY = np.full((20, 40), 128, np.uint8)


def inspection(layers=2, *, empty=False):
    """Of a grey radiograph; the maps are random, or empty."""
    random = np.random.default_rng(0)
    grad_cam = np.zeros(GREY.shape, np.float32) if empty else random.uniform(0, 1, GREY.shape).astype(np.float32)
    channels = random.uniform(0, 1, (8, 5, 5)).astype(np.float32)
    return Inspection(
        radiograph=GREY,
        target="PNEUMONIA",
        networks=1,
        kernel_layer="convolution_1",
        kernels=random.normal(0, 1, (10, 3, 3)).astype(np.float32),
        layers=tuple(Layer(f"convolution_{number}", 10, channels, grad_cam) for number in range(1, layers + 1)),
        layers_in_network=layers,
    )


def drawn(inspected, title="a radiograph"):
    with Image.open(io.BytesIO(draw(inspected, title))) as picture:
        return np.asarray(picture.convert("RGB"))


def radiographs_in(picture):
    """Grey radiographs at the left, from the top, as arrays (h, w, 3)."""
    grey = np.concatenate([[False], (picture[:, 30] == 128).all(axis=-1), [False]])
    starts, ends = np.flatnonzero(np.diff(grey.astype(int))).reshape(-1, 2).T
    crops = [picture[start:end] for start, end in zip(starts, ends, strict=True) if end - start > 50]
    return [crop[:, (crop[3] == 128).all(axis=-1)] for crop in crops]


def test_the_figure_has_a_fixed_width_and_shows_the_radiograph_at_its_aspect_ratio():
    picture = drawn(inspection(empty=True))
    assert picture.shape[1] == WIDTH_PX
    radiographs = radiographs_in(picture)
    assert len(radiographs) == 3
    for radiograph in radiographs:
        assert radiograph.shape[1] / radiograph.shape[0] == pytest.approx(2, rel=0.02)
    assert drawn(inspection(layers=5)).shape[0] > picture.shape[0]


def test_an_empty_map_leaves_the_radiograph_under_a_word_in_white_on_black():
    radiograph, *maps = radiographs_in(drawn(inspection(empty=True)))
    assert (radiograph == 128).all()
    for overlay in maps:
        assert (overlay == 0).all(axis=-1).any()
        assert (overlay == 255).all(axis=-1).any()
        assert 0.8 < (overlay == 128).mean() < 1


def test_a_title_is_never_parsed_as_mathematics_and_is_wrapped_where_it_is_long():
    short, long = drawn(inspection(), r"$\nonsense{"), drawn(inspection(), "person_" * 40)
    assert long.shape[0] > short.shape[0]
    margin = long[:, -8:]
    assert (margin == 255).all()


def test_the_same_inspection_gives_the_same_bytes():
    assert draw(inspection(), "a radiograph") == draw(inspection(), "a radiograph")
