"""The grey values of DICOM against pydicom's own functions, and the rules that these leave open."""

from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ImplicitVRLittleEndian

from pneumo.radiographs.dicom_lut import to_grey
from pneumo.radiographs.errors import UnreadableError
from tests.dicom_files import chest_like, dataset, in_syntax, read, write

PIXELS = chest_like()


def lut(first: int, entries: list[int], bits: int = 16) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item.LUTData = entries
    return item


def by_pydicom(stored: NDArray[np.generic], header: Dataset, low: float, high: float) -> NDArray[np.float64]:
    """Grey values 0..255 of what pydicom's functions return between two output values."""
    shown = apply_voi_lut(apply_modality_lut(stored, header), header, index=0).astype(float)
    return (shown - low) / (high - low) * 255


@pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning:pydicom")  # in pydicom's own sigmoid
@pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2.5, -1000), (0.37, 12.5), (-1, 4095)])
@pytest.mark.parametrize("width", [1, 2, 300.5, 4096, 20000])
def test_windows_on_rescaled_values_are_those_of_pydicom(
    function: str | None, slope: float, intercept: float, width: float
) -> None:
    elements = {"VOILUTFunction": function} if function else {}
    centre = slope * 2000 + intercept
    header = dataset(PIXELS, RescaleSlope=slope, RescaleIntercept=intercept, WindowCenter=centre, WindowWidth=width, **elements)
    # pydicom maps a window to the range of the rescaled values, whose ends change places with a negative slope.
    low, high = intercept, slope * 4095 + intercept
    if function == "LINEAR_EXACT" and width == 1 and slope == 1:
        pytest.skip("the value at the very edge is defined by rounding")
    if width == 1 and function in {None, "LINEAR"}:
        np.testing.assert_array_equal(to_grey(PIXELS, header), np.where(PIXELS * float(slope) + intercept <= centre - 0.5, 0, 255))
        return
    np.testing.assert_allclose(to_grey(PIXELS, header), by_pydicom(PIXELS, header, low, high), atol=0.51)


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_windows_on_stored_values_are_those_of_pydicom_signed_or_not(bits: int, signed: bool) -> None:
    pixels = chest_like(white=2**bits - 1)
    low, high = 0, 2**bits - 1
    if signed:
        low = -(2 ** (bits - 1))
        high += low
        pixels = (pixels.astype(np.int32) + low).astype(np.int16)
    header = dataset(pixels, bits, WindowCenter=(low + high) / 2 + 7, WindowWidth=(high - low) / 3)
    np.testing.assert_allclose(to_grey(pixels, header), by_pydicom(pixels, header, low, high), atol=0.51)


@pytest.mark.parametrize("first", [0, 500, 3000])
def test_voi_luts_are_those_of_pydicom(first: int) -> None:
    entries = np.rint(65535 * np.linspace(0, 1, 1024) ** 0.5).astype(int).tolist()
    header = dataset(PIXELS, VOILUTSequence=[lut(first, entries)], WindowCenter=1, WindowWidth=1)
    np.testing.assert_allclose(to_grey(PIXELS, header), by_pydicom(PIXELS, header, 0, 65535), atol=0.51)


def test_modality_luts_come_before_windows_as_with_pydicom() -> None:
    entries = np.rint(4095 * np.linspace(0, 1, 4096) ** 2).astype(int).tolist()
    header = dataset(PIXELS, ModalityLUTSequence=[lut(0, entries)], WindowCenter=900, WindowWidth=1500)
    np.testing.assert_allclose(to_grey(PIXELS, header), by_pydicom(PIXELS, header, 0, 65535), atol=0.51)


def test_a_lut_that_declares_more_bits_than_it_uses_is_not_dark() -> None:
    header = dataset(PIXELS, VOILUTSequence=[lut(0, list(range(4096)), 16)])
    np.testing.assert_allclose(to_grey(PIXELS, header), PIXELS / 4095 * 255, atol=0.51)


def test_luts_of_bytes_and_of_words_are_read_alike() -> None:
    entries = np.arange(4096) // 16
    words = lut(0, entries.tolist(), 8)
    packed = lut(0, [0], 8)
    packed.LUTDescriptor = [4096, 0, 8]
    packed["LUTData"].VR = "OW"
    packed.LUTData = entries.astype(np.uint8).tobytes()
    np.testing.assert_array_equal(
        to_grey(PIXELS, dataset(PIXELS, VOILUTSequence=[packed])), to_grey(PIXELS, dataset(PIXELS, VOILUTSequence=[words]))
    )


def test_an_incomplete_lut_is_refused() -> None:
    broken = lut(0, list(range(100)))
    broken.LUTDescriptor = [4096, 0, 12]
    with pytest.raises(UnreadableError, match="lookup table of the header is incomplete"):
        to_grey(PIXELS, dataset(PIXELS, VOILUTSequence=[broken]))


def test_of_several_windows_the_first_counts() -> None:
    several = dataset(PIXELS, WindowCenter=[1000, 3000], WindowWidth=[500, 50])
    first = dataset(PIXELS, WindowCenter=1000, WindowWidth=500)
    np.testing.assert_array_equal(to_grey(PIXELS, several), to_grey(PIXELS, first))


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME1", "IDENTITY", True),
    ],
)
def test_an_image_is_inverted_once_at_most(photometric: str, shape: str | None, inverted: bool) -> None:
    elements = {"PresentationLUTShape": shape} if shape else {}
    for voi in ({}, {"WindowCenter": 2048, "WindowWidth": 3000}):
        plain = to_grey(PIXELS, dataset(PIXELS, **voi))
        shown = to_grey(PIXELS, dataset(PIXELS, PhotometricInterpretation=photometric, **elements, **voi))
        np.testing.assert_array_equal(shown, 255 - plain if inverted else plain)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_decide_the_stretch(photometric: str) -> None:
    padded = PIXELS.copy()
    padded[:, :40], padded[:, -40:] = 4095, 4090
    padded[0, 60] = 4092
    header = dataset(padded, PhotometricInterpretation=photometric, PixelPaddingValue=4095, PixelPaddingRangeLimit=4090)
    inside = np.ascontiguousarray(PIXELS[1:, 40:-40])
    grey = to_grey(padded, header)
    assert not grey[:, :40].any()
    assert not grey[:, -40:].any()
    assert grey[0, 60] == 0
    np.testing.assert_allclose(
        grey[1:, 40:-40], to_grey(inside, dataset(inside, PhotometricInterpretation=photometric)).astype(int), atol=4
    )


def test_signed_padding_that_the_stored_bits_cannot_hold_is_black() -> None:
    signed = (PIXELS.astype(np.int32) - 1024).clip(-1024, 2047).astype(np.int16)
    signed[:30] = -2000
    assert not to_grey(signed, dataset(signed, 12, PixelPaddingValue=-2000, PhotometricInterpretation="MONOCHROME1"))[:30].any()


def test_bits_above_the_stored_ones_are_masked() -> None:
    overlaid = PIXELS | np.where(np.indices(PIXELS.shape).sum(0) % 5 == 0, 1 << 13, 0).astype(np.uint16)
    for voi in ({}, {"WindowCenter": 2048, "WindowWidth": 4096}):
        np.testing.assert_array_equal(to_grey(overlaid, dataset(overlaid, **voi)), to_grey(PIXELS, dataset(PIXELS, **voi)))


def test_plain_8_bit_values_are_grey_values_already() -> None:
    pixels = (PIXELS >> 5).astype(np.uint8) + 9
    np.testing.assert_array_equal(to_grey(pixels, dataset(pixels, 8)), pixels)
    np.testing.assert_array_equal(to_grey(pixels, dataset(pixels, 8, RescaleSlope=1, RescaleIntercept=0)), pixels)


@pytest.mark.parametrize("element", [{"RescaleSlope": 0.25, "RescaleIntercept": -7}, {"WindowCenter": 5, "WindowWidth": 0}, {}])
def test_without_a_usable_voi_wider_values_are_stretched_whatever_they_are_rescaled_by(element: dict[str, float]) -> None:
    grey = to_grey(PIXELS, dataset(PIXELS, **element))
    np.testing.assert_allclose(grey, to_grey(PIXELS, dataset(PIXELS)).astype(int), atol=1)
    assert (grey.min(), grey.max()) == (0, 255)


def test_a_negative_slope_inverts_the_stretch() -> None:
    inverted = to_grey(PIXELS, dataset(PIXELS, RescaleSlope=-1, RescaleIntercept=4095))
    np.testing.assert_allclose(inverted, 255 - to_grey(PIXELS, dataset(PIXELS)).astype(int), atol=1)


def test_values_of_32_bits_and_floating_point_values_are_read() -> None:
    for wide in (PIXELS.astype(np.uint32) * 1000, PIXELS.astype(np.float32) / 7):
        np.testing.assert_allclose(to_grey(wide, dataset(wide, 32)), to_grey(PIXELS, dataset(PIXELS)).astype(int), atol=1)
        header = dataset(wide, 32, WindowCenter=float(wide.max()) / 2, WindowWidth=float(wide.max()))
        np.testing.assert_allclose(to_grey(wide, header), PIXELS / PIXELS.max() * 255, atol=1.5)


def test_the_files_that_pydicom_ships_agree_with_its_own_functions() -> None:
    compared = 0
    for file in sorted(Path(pydicom.data.__file__).parent.rglob("*.dcm")):
        header = pydicom.dcmread(file, force=True)
        if "WindowWidth" not in header or "PixelData" not in header or header.get("NumberOfFrames", 1) != 1:
            continue
        if file.stem.endswith(("truncated", "badVR")):
            continue
        stored = header.pixel_array
        low = header.BitsStored and (0 if header.PixelRepresentation == 0 else -(2 ** (header.BitsStored - 1)))
        high = low + 2**header.BitsStored - 1
        slope, intercept = float(header.get("RescaleSlope", 1)), float(header.get("RescaleIntercept", 0))
        expected = by_pydicom(stored, header, low * slope + intercept, high * slope + intercept)
        if header.PhotometricInterpretation == "MONOCHROME1":
            expected = 255 - expected
        if "PixelPaddingValue" in header:
            expected[stored == header.PixelPaddingValue] = 0
        np.testing.assert_allclose(to_grey(stored, header), expected, atol=0.51, err_msg=file.name)
        compared += 1
    assert compared >= 5


@pytest.mark.parametrize(("bits", "high"), [(12, 15), (12, 13), (10, 11)])
def test_stored_bits_may_lie_anywhere_in_a_word(tmp_path: Path, bits: int, high: int) -> None:
    values = chest_like(white=2**bits - 1)
    window = {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits}
    low = read(write(tmp_path / "low", dataset(values, bits=bits, **window)))
    moved = dataset(values << (high + 1 - bits), bits=bits, HighBit=high, **window)
    np.testing.assert_array_equal(read(write(tmp_path / "high", moved)), low)


def test_the_first_value_of_a_voi_lut_is_signed_where_values_are_in_any_encoding(tmp_path: Path) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 2**16 - 2048, 16])
    item.add_new("LUTData", "OW", (np.arange(4096, dtype="<u2") * 16).tobytes())
    written = dataset(chest_like(), RescaleSlope=1, RescaleIntercept=-2048, VOILUTSequence=[item])
    plain = dataset(chest_like(), WindowCenter=2048, WindowWidth=4096)
    implicit = read(write(tmp_path / "implicit", in_syntax(written, ImplicitVRLittleEndian))).astype(int)
    assert np.abs(implicit - read(write(tmp_path / "plain", plain))).max() <= 1


def test_undefined_values_are_refused_with_a_window_too(tmp_path: Path) -> None:
    written = dataset(chest_like(), WindowCenter=2048, WindowWidth=4096)
    values = np.asarray(chest_like(), np.float32)
    values[3, 4] = np.nan
    written.BitsAllocated = 32
    del written.PixelData, written.BitsStored, written.HighBit, written.PixelRepresentation
    written.FloatPixelData = values.tobytes()
    with pytest.raises(UnreadableError, match="undefined"):
        read(write(tmp_path / "float", written))
