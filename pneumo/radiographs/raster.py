"""Raster files (JPEG, PNG, BMP, TIFF, WebP, PGM): opening, and decoding to 8-bit grey."""

import io
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from pneumo.radiographs import jpeg
from pneumo.radiographs.errors import UnreadableError, UnsuitableError, as_unreadable_error, warnings_of_decoders
from pneumo.radiographs.grey import Grey, rows_of, stretch, stretch_codes, to_luma_8
from pneumo.radiographs.jpeg_integrity import check_block_means, check_progressive
from pneumo.radiographs.limits import check_shape
from pneumo.radiographs.raster_integrity import check_tiff, png_chunks
from pneumo.radiographs.raster_wide import is_wide_colour, wide_luma

SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pgm"})
# Only these decoders may open a file, whatever its suffix: others, such as EPS, start external programs.
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM")
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDES_EXCHANGED = frozenset({5, 6, 7, 8})
_WHITE_IS_ZERO = 0  # value of PhotometricInterpretation
_UNSIGNED, _SIGNED = 1, 2  # of SampleFormat
_ROWS_AT_ONCE = 256
_WHITE = 255
_COLOUR_PX = 128  # sides at most of the image that colour is measured on
_ADOBE_RGB = 0  # stored as red, green and blue instead of luma and chroma
# 16-bit WhiteIsZero of big-endian TIFF is missing from Pillow's table, though its pixels are stored as those of BlackIsZero.
TiffImagePlugin.OPEN_INFO.setdefault((b"MM", 0, (1,), 1, (16,), ()), ("I;16B", "I;16B"))


class RasterRadiograph:
    """An opened raster file."""

    header = None

    def __init__(self, content: bytes) -> None:
        """Read the header of a file's content.

        Raises:
            UnreadableError: of no supported format, damaged, or too large.
            UnsuitableError: more than one image.
        """
        self._content = content
        with as_unreadable_error(), warnings_of_decoders():
            image = self._open()
            if isinstance(image, PngImagePlugin.PngImageFile):
                for kind, data in png_chunks(content):
                    if kind == b"eXIf":  # may follow the pixels, where Pillow has not read it yet
                        image.info["exif"] = data
            # A JPEG with more pictures (MPO) shows its first one, the primary image.
            images = getattr(image, "n_frames", 1)
            if images > 1 and not isinstance(image, JpegImagePlugin.JpegImageFile):
                raise UnsuitableError(f"{images} images in one file")
            if _sample_format(image) == _SIGNED and image.mode in {"L", "RGB", "RGBA"}:
                raise UnreadableError("signed values of 8 bits are not supported")
            check_shape(image.size, _bytes_per_pixel(image))
            # The method of PNG files would decode the pixels first, to find an eXIf chunk behind them.
            self._orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
        self.mode = image.mode
        self._image = image
        swapped_by_pillow = isinstance(image, TiffImagePlugin.TiffImageFile) and (
            image.tag_v2.get(ExifTags.Base.Orientation) in _SIDES_EXCHANGED
        )
        exchanged = self._orientation in _SIDES_EXCHANGED and not swapped_by_pillow
        self.size = image.size[::-1] if exchanged else image.size

    @property
    def jpeg_quantization(self) -> Sequence[int] | None:
        """Luminance quantization table of a JPEG; None for other formats."""
        return self._image.quantization.get(0) if isinstance(self._image, JpegImagePlugin.JpegImageFile) else None

    def grey(self, at_least: tuple[int, int] | None = None, *, known_sound: bool = False) -> Image.Image:
        """Decode to 8-bit grey, upright; see `pneumo.radiographs.radiograph.Radiograph.grey`."""
        with as_unreadable_error():
            if isinstance(self._image, JpegImagePlugin.JpegImageFile):
                return self._upright(self._jpeg(self._image, at_least, known_sound))
            if isinstance(self._image, TiffImagePlugin.TiffImageFile):
                if not known_sound:
                    check_tiff(self._image.tag_v2, self._content)
                return self._decoded()  # turned upright by Pillow
            return self._upright(self._decoded())

    def colourfulness(self) -> float:
        """Mean difference between the channels in grey levels; see `pneumo.radiographs.radiograph.Radiograph.colourfulness`."""
        if Image.getmodebase(self.mode) == "L":
            return 0.0
        with as_unreadable_error(), warnings_of_decoders():
            # Opened again, because decoding changes the opened image, which `grey` needs as it is.
            image = self._open()
            image.draft("RGB", (_COLOUR_PX, _COLOUR_PX))
            # Nearest pixels, because averages would mix colours to grey.
            size = min(image.width, _COLOUR_PX), min(image.height, _COLOUR_PX)
            reduced = image.resize(size, Image.Resampling.NEAREST)
            if reduced.has_transparency_data:  # transparent pixels are black, as in `to_luma_8`
                reduced = Image.alpha_composite(Image.new("RGBA", size, (0, 0, 0, 255)), reduced.convert("RGBA"))
            red, green, blue = (np.asarray(channel) for channel in reduced.convert("RGB").split())
        # Faster than a reduction over the last axis of one array.
        largest, smallest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
        return float((largest - smallest).mean())

    def _open(self) -> ImageFile.ImageFile:
        """Open the content; not the file, of which Pillow would map pixels into memory without regard to TIFF orientation."""
        try:
            image: ImageFile.ImageFile = Image.open(io.BytesIO(self._content), formats=_FORMATS)
        except UnidentifiedImageError as error:
            raise UnreadableError("not a DICOM, JPEG, PNG, BMP, TIFF, WebP or PGM image") from error
        _read_16_bit_pgm_unscaled(image)
        return image

    def _upright(self, image: Image.Image) -> Image.Image:
        method = _TRANSPOSITIONS.get(self._orientation)
        return image if method is None else image.transpose(method)

    def _jpeg(self, image: JpegImagePlugin.JpegImageFile, at_least: tuple[int, int] | None, known_sound: bool) -> Image.Image:
        if "progressive" in image.info and not known_sound:
            check_progressive(self._content)
        if at_least is not None and self._orientation in _SIDES_EXCHANGED:
            at_least = at_least[::-1]
        factor = jpeg.reduction(image.size, at_least)
        if image.mode == "CMYK":
            return Image.fromarray(jpeg.decode_cmyk(self._content, image.size, factor, inverted="adobe" in image.info))
        grey = jpeg.decode_grey(self._content, image.size, factor)
        if not known_sound and image.info.get("adobe_transform") != _ADOBE_RGB:
            check_block_means(self._content, image.size, grey, factor)
        return Image.fromarray(grey)

    def _decoded(self) -> Image.Image:
        image, inverted = self._image, False
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            inverted = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
        if is_wide_colour(image):
            return Image.fromarray(stretch_codes(rows_of(wide_luma(self._open))))
        image.load()
        if image.mode.startswith(("I", "F")):
            return Image.fromarray(_stretched(image, inverted))
        return to_luma_8(image)


def _sample_format(image: Image.Image) -> int | None:
    """SampleFormat of a TIFF; None for other formats."""
    return (
        image.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (_UNSIGNED,))[0]
        if isinstance(image, TiffImagePlugin.TiffImageFile)
        else None
    )


def _read_16_bit_pgm_unscaled(image: ImageFile.ImageFile) -> None:
    """Make Pillow read PGM and PPM of more than 8 bits directly: it would scale them value by value, in seconds."""
    if image.format == "PPM" and len(image.tile) == 1 and image.tile[0].codec_name == "ppm":
        raw_mode = {"I": "I;16B", "RGB": "RGB;16B"}.get(image.mode)
        _, largest = cast("tuple[str, int]", image.tile[0].args)
        if raw_mode and largest > _WHITE:
            image.tile = [image.tile[0]._replace(codec_name="raw", args=(raw_mode, 0, 1))]


def _bytes_per_pixel(image: ImageFile.ImageFile) -> int:
    """Memory that decoding takes for each pixel."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        channels = len(image.getbands())
        # All coefficients of a progressive JPEG, of 16 bits, are held until the last scan. Colour is decoded to luma directly.
        return 2 * channels if "progressive" in image.info else 4 if image.mode == "CMYK" else 1
    if is_wide_colour(image):
        return 3 * len(image.getbands())  # high and low bytes are decoded one after the other
    if image.mode.startswith("I;16"):
        return 2
    # 32-bit values are sorted for their percentiles.
    return {"1": 1, "L": 1, "P": 1, "I": 8, "F": 8}.get(image.mode, 4)


def _stretched(image: Image.Image, inverted: bool) -> Grey:
    """Grey values, (H, W), of an image of more than 8 bits; `inverted`: 0 is white."""
    if not image.mode.startswith("I;16"):
        values: NDArray[np.int32 | np.uint32 | np.float32] = np.asarray(image)
        if _sample_format(image) == _UNSIGNED and values.dtype == np.int32:
            values = values.view(np.uint32)  # Pillow's mode I is signed
        return stretch(values.max() - values if inverted else values)
    transparent = image.info.get("transparency")

    def rows() -> Iterator[NDArray[np.uint16]]:
        for top in range(0, image.height, _ROWS_AT_ONCE):
            block = np.asarray(image.crop((0, top, image.width, min(top + _ROWS_AT_ONCE, image.height))))
            yield block if transparent is None else np.where(block == transparent, 0, block).astype(np.uint16)

    return stretch_codes(rows, inverted)
