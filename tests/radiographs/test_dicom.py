"""One radiograph in every photometric interpretation and transfer syntax that can be written here gives the same pixels."""

import io
import os
import zlib
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space
from pydicom.uid import (
    HEVCMP51,
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from pneumo.radiographs.decode import decode
from pneumo.radiographs.radiograph import UnreadableError, UnsuitableError, open_radiograph
from tests.dicom_files import as_jpeg, chest_like, content, dataset, in_syntax, read, transcoded

WIDE = chest_like()
WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}
EXPECTED = np.rint((WIDE - 2047.5) / 4095 * 255 + 127.5).clip(0, 255).astype(np.uint8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "radiograph"


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_uncompressed_syntaxes_give_the_same_pixels(file: Path, syntax: str) -> None:
    file.write_bytes(content(in_syntax(dataset(WIDE, **WINDOW), syntax)))
    np.testing.assert_array_equal(read(file), EXPECTED)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_syntaxes_give_the_same_pixels(file: Path, syntax: str, signed: bool) -> None:
    written = dataset(WIDE, **WINDOW)
    if signed:
        written = dataset((WIDE.astype(np.int32) - 2048).astype(np.int16), WindowCenter=0, WindowWidth=4096)
    written.compress(syntax)
    file.write_bytes(content(written))
    np.testing.assert_array_equal(read(file), EXPECTED)


@pytest.mark.parametrize(
    "syntax",
    [
        gdcm.TransferSyntax.JPEGLosslessProcess14,
        gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        gdcm.TransferSyntax.JPEGLSLossless,
        gdcm.TransferSyntax.JPEG2000Lossless,
    ],
)
def test_lossless_syntaxes_of_another_encoder_give_the_same_pixels(file: Path, syntax: int) -> None:
    file.write_bytes(transcoded(content(dataset(WIDE, **WINDOW)), syntax))
    np.testing.assert_array_equal(read(file), EXPECTED)


def test_lossy_syntaxes_differ_by_less_than_two_grey_levels(file: Path) -> None:
    near = dataset(WIDE, **WINDOW)
    near.compress(JPEGLSNearLossless, jls_error=8)
    wavelets = dataset(WIDE, **WINDOW)
    wavelets.compress(JPEG2000, j2k_cr=[5])
    eight = (WIDE >> 4).astype(np.uint8)
    for written in (
        near,
        wavelets,
        as_jpeg(dataset(eight, 8), quality=95),
        as_jpeg(dataset(eight, 8), quality=95, progressive=True),
    ):
        file.write_bytes(content(written))
        assert np.abs(read(file).astype(int) - EXPECTED).mean() < 2


def test_colour_becomes_luma_in_every_photometric_interpretation(file: Path) -> None:
    colour = np.dstack([EXPECTED, 255 - EXPECTED, EXPECTED // 2])
    luma = np.asarray(Image.fromarray(colour).convert("L")).astype(int)
    ybr = convert_color_space(colour, "RGB", "YBR_FULL")
    half = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    subsampled = dataset(ybr, 8, PhotometricInterpretation="YBR_FULL_422")
    subsampled.PixelData = half.tobytes()
    planar = dataset(colour, 8, PlanarConfiguration=1)
    planar.PixelData = np.ascontiguousarray(np.moveaxis(colour, -1, 0)).tobytes()
    lossless, run_length = dataset(colour, 8), dataset(colour, 8)
    lossless.compress(JPEG2000Lossless)
    run_length.compress(RLELossless)
    for written, most in (
        (dataset(colour, 8), 0),
        (planar, 0),
        (run_length, 0),
        (lossless, 0),
        (dataset(colour.astype(np.uint16) << 8, 16), 0),
        (dataset(ybr, 8, PhotometricInterpretation="YBR_FULL"), 2),
        (subsampled, 2),
        (as_jpeg(dataset(colour, 8, PhotometricInterpretation="YBR_FULL_422"), quality=95), 12),
    ):
        file.write_bytes(content(written))
        difference = np.abs(read(file) - luma)
        assert difference.max() <= most
        assert difference.mean() < 2


def test_palettes_are_looked_up(file: Path) -> None:
    indices = (EXPECTED // 2).astype(np.uint8)
    written = dataset(indices, 8, PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(written, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(written, f"{colour}PaletteColorLookupTableData", (np.arange(256) * 2 % 256 * 257).astype("<u2").tobytes())
    file.write_bytes(content(written))
    np.testing.assert_array_equal(read(file), EXPECTED // 2 * 2)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_file_without_preamble_or_file_meta_is_read(file: Path, syntax: str) -> None:
    whole = content(in_syntax(dataset(WIDE, **WINDOW), syntax))
    meta = 132 + 12 + int.from_bytes(whole[140:144], "little")
    for part in (whole[132:], whole[meta:]):
        file.write_bytes(part)
        np.testing.assert_array_equal(read(file), EXPECTED)


def test_text_that_is_no_dicom_does_not_count_as_one(file: Path) -> None:
    for text in (b"\x08\x00 a text\n" * 40, b"patient,label\n1,NORMAL\n" * 30, os.urandom(4000), b"\x02\x00" + b"UI" * 200):
        file.write_bytes(text)
        with pytest.raises(UnreadableError):
            read(file)


def spaced(pixels: np.ndarray, **spacing: object) -> Dataset:
    return dataset(pixels, **WINDOW, **spacing)


@pytest.mark.parametrize(
    ("element", "size"),
    [
        ({"PixelSpacing": [0.2, 0.1]}, (160, 256)),
        ({"ImagerPixelSpacing": [0.1, 0.2]}, (320, 128)),
        ({"PixelAspectRatio": [3, 2]}, (160, 192)),
        ({"PixelSpacing": [0.1431, 0.143]}, (160, 128)),
        ({"PixelSpacing": [0.14, 0.14], "ImagerPixelSpacing": [0.14, 0.28]}, (160, 128)),
    ],
)
def test_pixels_that_are_not_square_are_resampled(file: Path, element: dict[str, object], size: tuple[int, int]) -> None:
    file.write_bytes(content(spaced(WIDE, **element)))
    with open_radiograph(file) as radiograph:
        assert radiograph.size == size
        assert radiograph.grey().size == size
    back = np.asarray(Image.fromarray(read(file)).resize((160, 128), Image.Resampling.BOX)).astype(int)
    assert np.abs(back - EXPECTED).mean() < 2


@pytest.mark.parametrize("size", [(640, 512), (643, 517)])
@pytest.mark.parametrize("signed", [False, True])
def test_jpeg_2000_decoded_at_a_fraction_is_nearly_the_same_after_resizing(file: Path, size: tuple[int, int], signed: bool) -> None:
    pixels = chest_like(*size)
    written = dataset(pixels, **WINDOW)
    if signed:
        written = dataset((pixels.astype(np.int32) - 2048).astype(np.int16), WindowCenter=0, WindowWidth=4096)
    written.compress(JPEG2000Lossless)
    file.write_bytes(content(written))
    with open_radiograph(file) as radiograph:
        reduced = radiograph.grey(at_least=(128, 96))
        assert reduced.size == (-(-size[0] // 4), -(-size[1] // 4))
    full = np.asarray(Image.fromarray(read(file)).resize((64, 48), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(np.asarray(reduced.resize((64, 48), Image.Resampling.BILINEAR)) - full).mean() < 1
    assert decode(file, 32, "squash").shape == (32, 32)


def refusal(file: Path, written: Dataset | bytes) -> str:
    file.write_bytes(written if isinstance(written, bytes) else content(written))
    with pytest.raises(UnreadableError) as caught:
        read(file)
    assert len(str(caught.value).splitlines()) == 1
    return f"{type(caught.value).__name__} {caught.value}"


def test_what_is_no_single_still_image_is_refused_with_the_reason(file: Path) -> None:
    assert refusal(file, dataset(WIDE, NumberOfFrames=3)) == f"{UnsuitableError.__name__} 3 frames in one file"
    assert "no pixel data" in refusal(file, dataset(WIDE, PixelData=None))
    assert "no Rows" in refusal(file, dataset(WIDE, Rows=None))
    assert "a side below 16" in refusal(file, dataset(WIDE[:9]))
    assert "ARGB is not supported" in refusal(file, dataset(WIDE, PhotometricInterpretation="ARGB"))
    video = dataset(WIDE)
    video.PixelData = encapsulate([b"video"])
    video["PixelData"].is_undefined_length = True
    assert "no decoder for the transfer syntax HEVC/H.265 Main Profile" in refusal(file, in_syntax(video, HEVCMP51))


def test_truncated_pixel_data_are_refused(file: Path) -> None:
    whole = content(dataset(WIDE))
    assert "less than expected" in refusal(file, whole[:-100])
    compressed = dataset(WIDE)
    compressed.compress(JPEG2000Lossless)
    assert "truncated" in refusal(file, content(compressed)[:-300])


@pytest.mark.parametrize("name", ["rle", "jpeg", "jpeg_lossless", "jpeg_ls", "jpeg_2000"])
def test_a_frame_whose_last_part_is_missing_is_refused(file: Path, name: str) -> None:
    written = dataset(WIDE)
    if name == "jpeg":
        written = as_jpeg(dataset((WIDE >> 4).astype(np.uint8), 8))
    elif name == "jpeg_lossless":
        written = pydicom.dcmread(io.BytesIO(transcoded(content(written), gdcm.TransferSyntax.JPEGLosslessProcess14_1)))
    else:
        written.compress({"rle": RLELossless, "jpeg_ls": JPEGLSLossless, "jpeg_2000": JPEG2000Lossless}[name])
    frame = next(pydicom.encaps.generate_frames(written.PixelData, number_of_frames=1))
    written.PixelData = encapsulate([frame[: len(frame) * 2 // 3 // 2 * 2] + (b"\xff\xd9" if "jpeg" in name else b"")])
    refusal(file, written)


@pytest.mark.parametrize("name", ["jpeg", "jpeg_lossless", "jpeg_ls"])
def test_a_frame_with_a_zeroed_part_is_refused(file: Path, name: str) -> None:
    if name == "jpeg":
        whole = content(as_jpeg(dataset((WIDE >> 4).astype(np.uint8), 8), quality=95))
    else:
        syntax = gdcm.TransferSyntax.JPEGLosslessProcess14_1 if name == "jpeg_lossless" else gdcm.TransferSyntax.JPEGLSLossless
        whole = transcoded(content(dataset(WIDE)), syntax)
    damaged = bytearray(whole)
    damaged[-2000:-1000] = bytes(1000)
    refusal(file, bytes(damaged))


def test_sizes_beyond_the_limits_are_refused_before_decoding(file: Path) -> None:
    assert "MiB when decoded" in refusal(file, dataset(WIDE, Rows=20000, Columns=20000))
    assert "one side more than 10 times" in refusal(file, dataset(WIDE, Rows=20000, Columns=500))
    assert "one side more than 10 times" in refusal(file, dataset(WIDE, PixelSpacing=[0.001, 1]))


def test_a_deflate_bomb_is_refused(file: Path) -> None:
    whole = content(in_syntax(dataset(WIDE), DeflatedExplicitVRLittleEndian))
    meta = 132 + 12 + int.from_bytes(whole[140:144], "little")
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(squeeze.compress(bytes(2**20)) for _ in range(300)) + squeeze.flush()
    assert "decompression bomb" in refusal(file, whole[:meta] + bomb)


def test_nothing_is_printed_of_a_strange_header(
    file: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    whole = content(
        dataset(WIDE, PatientAge="34Y", PatientName="M\u00fcller", SpecificCharacterSet="ISO_IR 100", StudyDate="20200101")
    )
    file.write_bytes(whole.replace(b"20200101", b"2020/1/1").replace(b"ISO_IR 100", b"ISO_IR 999"))
    recwarn.clear()
    assert read(file).shape == WIDE.shape
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])
def test_high_throughput_jpeg_2000_gives_the_same_pixels(file: Path, syntax: str) -> None:
    # Written by OpenJPH, as imagecodecs 2026.3.6 offers it: no library of this environment encodes it.
    codestream = (Path(__file__).parent / "chest_like_64x48.j2c").read_bytes()
    pixels = chest_like(64, 48)
    written = dataset(pixels, **WINDOW)
    written.PixelData = encapsulate([codestream])
    written["PixelData"].is_undefined_length = True
    file.write_bytes(content(in_syntax(written, syntax)))
    expected = np.rint((pixels - 2047.5) / 4095 * 255 + 127.5).clip(0, 255)
    np.testing.assert_array_equal(read(file), expected)


def test_every_refusal_says_whether_the_content_is_dicom(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = content(dataset(WIDE))
    contents = [content(dataset(WIDE, NumberOfFrames=3)), content(dataset(WIDE, PixelData=None)), whole[:-100], whole[:140]]
    contents += [content(dataset(WIDE, Rows=20000, Columns=20000)), b"\x89PNG\r\n\x1a\n", b"patient,label\n", whole]
    monkeypatch.setattr("pneumo.radiographs.radiograph.MAX_FILE_BYTES", len(whole) - 1)
    of_dicom = []
    for written in contents:
        file.write_bytes(written)
        with pytest.raises(UnreadableError) as caught:
            read(file)
        of_dicom.append(caught.value.dicom)
    assert of_dicom == [True] * 5 + [False] * 2 + [True]
