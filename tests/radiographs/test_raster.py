import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from pneumo.radiographs.decode import decode_at_height
from pneumo.radiographs.radiograph import UnreadableError, UnsuitableError, open_radiograph
from tests.dicom_files import chest_like, read

GREY = (np.arange(16 * 24, dtype=np.uint16) * 255 // (16 * 24 - 1)).reshape(16, 24).astype(np.uint8)
WIDE = chest_like(60, 40)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "radiograph"


def refusal(file: Path) -> str:
    with pytest.raises(UnreadableError) as caught:
        read(file)
    return str(caught.value)


def png(pixels: NDArray[np.uint16], colour_type: int, extra: bytes = b"") -> bytes:
    """A 16-bit PNG of pixels, (H, W) or (H, W, channels), which Pillow cannot write in colour."""
    rows = pixels.astype(">u2").reshape(len(pixels), -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiff(pixels: NDArray[np.generic], photometric: int, order: str = "<", **tags: int) -> bytes:
    """An uncompressed TIFF of pixels, (H, W) or (H, W, 3), of one strip."""
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    bits = pixels.dtype.itemsize * 8
    entries = {256: pixels.shape[1], 257: pixels.shape[0], 258: bits, 259: 1, 262: photometric, 273: 8, 277: channels}
    entries |= {278: pixels.shape[0], 279: len(data), **{getattr(ExifTags.Base, name): value for name, value in tags.items()}}
    after = 8 + len(data) + 2 + 12 * len(entries) + 4
    directory = b""
    for tag in sorted(entries):
        if tag == 258 and channels > 1:
            directory += struct.pack(f"{order}HHII", tag, 3, channels, after)
        else:
            directory += struct.pack(f"{order}HHII", tag, 4, 1, entries[tag])
    magic = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(data))
    bits_of_channels = struct.pack(f"{order}{channels}H", *[bits] * channels)
    return magic + data + struct.pack(f"{order}H", len(entries)) + directory + bytes(4) + bits_of_channels


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "pgm", "webp"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grey_and_colour_files_of_one_image_give_the_same_pixels(tmp_path: Path, mode: str, suffix: str) -> None:
    written = tmp_path / f"radiograph.{suffix}"
    if suffix == "pgm":
        mode = "L"
    Image.fromarray(GREY).convert(mode).save(written, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read(written), GREY)


def test_palette_images_are_converted_through_their_palette(file: Path) -> None:
    radiograph = Image.fromarray(255 - GREY).convert("L")
    radiograph.putpalette([255 - value // 3 for value in range(768)])  # entry v shows as 255 - v
    radiograph.save(file, "PNG")
    assert Image.open(file).mode == "P"
    np.testing.assert_array_equal(read(file), GREY)


def test_one_bit_images_become_black_and_white(file: Path) -> None:
    Image.fromarray(GREY > 100).save(file, "PNG")
    np.testing.assert_array_equal(read(file), np.where(GREY > 100, 255, 0))


def test_transparent_pixels_become_black(file: Path) -> None:
    rgba = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)])
    rgba[:3, :, 3] = 0
    Image.fromarray(rgba).save(file, "PNG")
    np.testing.assert_array_equal(read(file), np.where(np.arange(16)[:, None] < 3, 0, GREY))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF lzw", "PNG at the end"])
def test_orientation_is_honoured(file: Path, orientation: int, format_: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray((WIDE >> 4).astype(np.uint8))
    options = {"lossless": True} if format_ == "WEBP" else {"compression": "tiff_lzw"} if format_ == "TIFF lzw" else {}
    stored.save(file, format_.split(maxsplit=1)[0], exif=exif, **options)
    if format_ == "PNG at the end":
        content = file.read_bytes()
        start, length = content.index(b"eXIf") - 4, 12 + int.from_bytes(content[content.index(b"eXIf") - 4 :][:4], "big")
        exif_chunk = content[start : start + length]
        file.write_bytes(content[:start] + content[start + length : -12] + exif_chunk + content[-12:])
    reference = Image.open(file) if format_ == "JPEG" else stored
    reference.getexif()[ExifTags.Base.Orientation] = orientation
    np.testing.assert_array_equal(read(file), np.asarray(ImageOps.exif_transpose(reference)))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_rotated_jpeg_is_decoded_at_a_fraction_that_is_large_enough(file: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray((chest_like(800, 200) >> 4).astype(np.uint8)).save(file, "JPEG", exif=exif)
    with open_radiograph(file) as radiograph:
        at_least = (200, 50) if radiograph.size[0] > radiograph.size[1] else (50, 200)
        assert radiograph.grey(at_least).size == at_least
        assert radiograph.grey((at_least[0] + 1, at_least[1])).size == (2 * at_least[0], 2 * at_least[1])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
def test_white_is_zero_is_black_is_zero_inverted(file: Path, bits: int, order: str) -> None:
    black_is_zero = (WIDE >> 4).astype(np.uint8) if bits == 8 else WIDE
    file.write_bytes(tiff(black_is_zero, 1, order))
    expected = read(file)
    for white in {8: (255,), 16: (4095, 65535)}[bits]:
        file.write_bytes(tiff(white - black_is_zero, 0, order))
        np.testing.assert_array_equal(read(file), expected)


def test_16_bit_files_of_one_image_give_the_same_pixels_grey_or_colour(file: Path) -> None:
    file.write_bytes(png(WIDE, 0))
    expected = read(file)
    assert expected.std() > 50
    colour = np.dstack([WIDE] * 3)
    opaque = np.full_like(WIDE, 65535)
    swapped = io.BytesIO()
    Image.fromarray(WIDE).save(swapped, "TIFF", compression="tiff_adobe_deflate")
    for name, content in {
        "grey and alpha": png(np.dstack([WIDE, opaque]), 4),
        "colour": png(colour, 2),
        "colour and alpha": png(np.dstack([colour, opaque]), 6),
        "little-endian TIFF": tiff(colour, 2),
        "big-endian TIFF": tiff(colour, 2, ">"),
        "turned TIFF": tiff(np.rot90(colour, 1), 2, Orientation=6),
        "grey TIFF": tiff(WIDE, 1, ">"),
        "deflated TIFF": swapped.getvalue(),
        "PGM": b"P5 60 40 4095\n" + WIDE.astype(">u2").tobytes(),
        "PGM of 16 bits": b"P5 60 40 65535\n" + WIDE.astype(">u2").tobytes(),
        "PPM": b"P6 60 40 4095\n" + colour.astype(">u2").tobytes(),
    }.items():
        file.write_bytes(content)
        np.testing.assert_array_equal(read(file), expected, err_msg=name)


def test_compressed_16_bit_colour_tiff_keeps_its_low_bytes(file: Path) -> None:
    file.write_bytes(png(WIDE, 0))
    expected = read(file)
    data = zlib.compress(np.dstack([WIDE] * 3).astype("<u2").tobytes())
    whole = bytearray(tiff(np.dstack([WIDE] * 3), 2))
    plain = 40 * 60 * 6
    whole[8 : 8 + plain] = data.ljust(plain, b"\0")
    for tag, value in ((259, 8), (279, len(data))):
        at = whole.index(struct.pack("<HHI", tag, 4, 1), 8 + plain) + 8
        whole[at : at + 4] = struct.pack("<I", value)
    file.write_bytes(whole)
    np.testing.assert_array_equal(read(file), expected)


def test_transparent_pixels_of_16_bits_become_black(file: Path) -> None:
    alpha = np.full_like(WIDE, 65535)
    alpha[:5] = 0
    file.write_bytes(png(np.dstack([WIDE, alpha]), 4))
    assert not read(file)[:5].any()
    keyed = WIDE.copy()
    keyed[:5] = 4000
    file.write_bytes(png(keyed, 0, chunk(b"tRNS", struct.pack(">H", 4000))))
    assert not read(file)[:5].any()


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_32_bit_values_are_scaled_too(file: Path, dtype: type) -> None:
    file.write_bytes(png(WIDE, 0))
    expected = read(file).astype(int)
    Image.fromarray((WIDE.astype(dtype) - 100) * 300).save(file, "TIFF")
    np.testing.assert_allclose(read(file), expected, atol=1)


@pytest.mark.parametrize("area", [1, 20, 60])
def test_a_hot_pixel_or_a_marker_leaves_all_else_as_it_is(file: Path, area: int) -> None:
    file.write_bytes(png(WIDE, 0))
    film = read(file).astype(int)
    marked = WIDE.copy()
    marked[30, :area] = 65535
    file.write_bytes(png(marked, 0))
    rest = marked != 65535
    assert np.abs(read(file)[rest] - film[rest]).mean() < 2
    assert (read(file)[~rest] == 255).all()


def test_undefined_values_are_refused(file: Path) -> None:
    Image.fromarray(np.where(GREY > 100, np.nan, GREY).astype(np.float32)).save(file, "TIFF")
    assert "undefined values" in refusal(file)


@pytest.mark.parametrize("transform", ["inverted by Adobe", "YCCK", "plain"])
def test_jpegs_of_four_inks_become_their_luma(file: Path, transform: str) -> None:
    colour = Image.fromarray(np.dstack([GREY, 255 - GREY, GREY]).repeat(8, 0).repeat(8, 1))
    inks = colour.convert("CMYK")
    expected = np.asarray(inks.convert("L")).astype(int)
    if transform == "inverted by Adobe":
        inks.save(file, "JPEG", quality=100)
    else:
        # Pillow writes inverted values; these are written so that they are as stored.
        written = Image.merge("CMYK", [ImageOps.invert(band) for band in inks.split()])
        written.save(file, "JPEG", quality=100)
        content = file.read_bytes()
        at = content.index(b"\xff\xee")
        file.write_bytes(content[:at] + content[at + 16 :])
        if transform == "YCCK":
            *colours, black = inks.split()
            # Y, Cb and Cr of the inks, of which Adobe stores the complement, and the complement of black.
            ycck = (*Image.merge("RGB", colours).convert("YCbCr").split(), ImageOps.invert(black))
            Image.merge("CMYK", [ImageOps.invert(band) for band in ycck]).save(file, "JPEG", quality=100)
            content = bytearray(file.read_bytes())
            content[content.index(b"\xff\xee") + 15] = 2
            file.write_bytes(content)
    assert np.abs(read(file) - expected).mean() < 3


def test_adobe_rgb_jpegs_become_their_luma(file: Path) -> None:
    colour = Image.fromarray(np.dstack([GREY, 255 - GREY, GREY // 2]).repeat(8, 0).repeat(8, 1))
    colour.save(file, "JPEG", quality=100, keep_rgb=True)
    assert np.abs(read(file) - np.asarray(colour.convert("L")).astype(int)).mean() < 2


@pytest.mark.parametrize("format_", ["TIFF", "PNG", "WEBP"])
def test_more_than_one_page_or_frame_is_refused(file: Path, format_: str) -> None:
    first, second = Image.fromarray(GREY), Image.fromarray(255 - GREY)
    first.save(file, format_, save_all=True, append_images=[second])
    with pytest.raises(UnsuitableError, match="2 images in one file"):
        read(file)


@pytest.mark.parametrize(
    ("size", "mode", "reason"),
    [
        ((1, 1), "L", "a side below 16"),
        ((15, 100), "L", "a side below 16"),
        ((20, 201), "L", "one side more than 10 times"),
        ((9459, 9459), "I;16", "MiB when decoded"),
        ((7000, 7000), "RGB", "MiB when decoded"),
        ((20000, 17), "L", "one side more than 10 times"),
    ],
)
def test_sizes_beyond_the_limits_are_refused_before_decoding(file: Path, size: tuple[int, int], mode: str, reason: str) -> None:
    Image.new(mode, size).save(file, "PNG")
    assert reason in refusal(file)


def test_the_largest_aspect_ratio_has_a_picture_of_bounded_width(file: Path) -> None:
    Image.new("L", (1600, 160)).save(file, "JPEG")
    assert decode_at_height(file, 320).shape == (320, 3200)


def test_more_pixels_than_pillow_allows_are_refused_without_a_warning(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(GREY).save(file, "PNG")
    filters = list(warnings.filters)
    for limit in (383, 150):  # Pillow itself would only warn at the first
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with warnings.catch_warnings(record=True) as caught:
            assert f"bomb: more than {limit} pixels" in refusal(file)
        assert not caught
    assert warnings.filters == filters


def test_a_file_of_another_format_is_refused_whatever_its_suffix(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "radiograph.jpeg", format="GIF")
    assert refusal(tmp_path / "radiograph.jpeg") == "not a DICOM, JPEG, PNG, BMP, TIFF, WebP or PGM image"


def test_a_pipe_named_like_a_radiograph_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "radiograph.jpeg")
    assert refusal(tmp_path / "radiograph.jpeg") == "not a regular file"


def encoded(format_: str, **options: object) -> bytes:
    with io.BytesIO() as stream:
        Image.fromarray((chest_like(300, 200) >> 4).astype(np.uint8)).save(stream, format_, **options)
        return stream.getvalue()


CHECKED = {
    "JPEG": ("JPEG", {"quality": 90}),
    "progressive JPEG": ("JPEG", {"quality": 90, "progressive": True}),
    "PNG": ("PNG", {}),
    "deflated TIFF": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF of JPEG": ("TIFF", {"compression": "jpeg"}),
}


@pytest.mark.parametrize("name", CHECKED)
def test_damage_that_a_decoder_warns_of_or_a_checksum_shows_is_refused(file: Path, name: str) -> None:
    format_, options = CHECKED[name]
    intact = encoded(format_, **options)
    file.write_bytes(intact)
    read(file)
    rng, accepted = np.random.default_rng(0), 0
    for _ in range(30):
        damaged, at = bytearray(intact), int(rng.integers(len(intact) // 3, len(intact) - 1200))
        damaged[at : at + 1024] = bytes(1024)
        file.write_bytes(damaged)
        try:
            read(file)
            accepted += 1
        except UnreadableError:
            pass
    assert accepted <= (1 if "JPEG" in name else 0)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_cut_and_closed_with_an_end_marker_is_refused(file: Path, progressive: bool) -> None:
    intact = encoded("JPEG", quality=90, progressive=progressive)
    for share in (0.4, 0.6, 0.9):
        file.write_bytes(intact[: int(len(intact) * share)] + b"\xff\xd9")
        refusal(file)


def test_a_progressive_jpeg_without_its_last_scan_is_refused(file: Path) -> None:
    intact = encoded("JPEG", quality=90, progressive=True)
    file.write_bytes(intact[: intact.rindex(b"\xff\xda")] + b"\xff\xd9")
    assert "scans of the progressive JPEG are missing" in refusal(file)


def test_a_jpeg_whose_means_have_slipped_is_refused(file: Path) -> None:
    """Eight bytes exchanged, found by trying, after which libjpeg decodes white without a warning."""
    rng, slipped = np.random.default_rng(3), 0
    intact = encoded("JPEG", quality=60)
    start = intact.index(b"\xff\xda") + 12
    for _ in range(150):
        damaged = bytearray(intact)
        at = int(rng.integers(start, start + 2000))
        damaged[at : at + 8] = rng.bytes(8)
        file.write_bytes(damaged)
        try:
            read(file)
        except UnreadableError as error:
            slipped += "darker than black or brighter than white" in str(error)
    assert slipped >= 3


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"IEND", b"tEXt"])
def test_a_wrong_crc_of_any_png_chunk_is_refused(file: Path, kind: bytes) -> None:
    damaged = bytearray(png(WIDE, 0, chunk(b"tEXt", b"Title\0chest")))
    at = damaged.index(kind)
    damaged[at + 4 + int.from_bytes(damaged[at - 4 : at], "big")] ^= 1
    file.write_bytes(damaged)
    refusal(file)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "BMP", "PPM", "WEBP"])
def test_truncated_files_are_refused(file: Path, format_: str) -> None:
    intact = encoded(format_)
    for share in (0.3, 0.6, 0.95):
        file.write_bytes(intact[: int(len(intact) * share)])
        refusal(file)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "BMP", "PPM", "WEBP"])
def test_random_damage_raises_only_unreadable_error_and_prints_nothing(
    file: Path, format_: str, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    generator = np.random.default_rng(0)
    intact = encoded(format_)
    refused = 0
    for _ in range(150):
        damaged = bytearray(intact)
        for position in generator.integers(0, min(len(intact), 400), 4):
            damaged[position] = generator.integers(256)
        file.write_bytes(damaged[: generator.integers(1, len(intact))])
        try:
            read(file)
        except UnreadableError:
            refused += 1
    assert refused > 50
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def with_strip(strip: bytes, compression: int) -> bytes:
    """A small TIFF, by its header, whose one strip holds these bytes."""
    where = len(tiff(GREY, 1))
    return tiff(GREY, 1, Compression=compression, StripOffsets=where, StripByteCounts=len(strip)) + strip


def test_a_tiff_whose_strip_holds_more_than_the_limit_is_refused_before_it_is_decoded(file: Path) -> None:
    deflate = zlib.compressobj()
    deflated = b"".join(deflate.compress(bytes(2**24)) for _ in range(64)) + deflate.flush()
    file.write_bytes(with_strip(deflated, 8))
    assert "decompression bomb" in refusal(file)
    with io.BytesIO() as stream:
        Image.new("L", (12_000, 12_000)).save(stream, "JPEG")
        file.write_bytes(with_strip(stream.getvalue(), 7))
    assert "decompression bomb" in refusal(file)


def test_unsigned_32_bit_tiff_is_read_as_unsigned(file: Path) -> None:
    values = GREY.astype(np.uint32) << 24
    file.write_bytes(tiff(values, 1, SampleFormat=1))
    wide = read(file)
    file.write_bytes(tiff(values >> 8, 1, SampleFormat=1))
    np.testing.assert_array_equal(wide, read(file))


def test_signed_8_bit_tiff_is_refused(file: Path) -> None:
    file.write_bytes(tiff(GREY, 1, SampleFormat=2))
    assert "signed" in refusal(file)
