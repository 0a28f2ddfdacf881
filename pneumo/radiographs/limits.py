"""Limits of size and shape, checked before anything is decoded: a file of a few kilobytes can describe gigabytes."""

from pneumo.radiographs.errors import UnreadableError

MAX_DECODED_BYTES = 128 * 2**20
"""Of one radiograph as its decoder holds it: 64 megapixels of 16 bits, where the largest detectors have 25. Two threads stay below
1 GiB."""
MAX_FILE_BYTES = 256 * 2**20
MIN_SIDE_PX = 16
"""Smaller images show no chest."""
MAX_ASPECT_RATIO = 10
"""Longer side to shorter one: at a fixed height, the width of a picture is bounded too."""


def check_shape(size: tuple[int, int], bytes_per_pixel: int) -> None:
    """Refuse an image by its width and height in pixels and the bytes that a decoder needs for each of them.

    Raises:
        UnreadableError: too small, too narrow, or too large.
    """
    width, height = size
    if min(size) < MIN_SIDE_PX:
        raise UnreadableError(f"{width} × {height} pixels, a side below {MIN_SIDE_PX}")
    if max(size) > MAX_ASPECT_RATIO * min(size):
        raise UnreadableError(f"{width} × {height} pixels, one side more than {MAX_ASPECT_RATIO} times the other")
    if width * height * bytes_per_pixel > MAX_DECODED_BYTES:
        raise UnreadableError(f"{width} × {height} pixels, more than {MAX_DECODED_BYTES // 2**20} MiB when decoded")
