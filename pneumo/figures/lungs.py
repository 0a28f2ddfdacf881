"""Contact sheet of lung masks over radiographs, for review by eye."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_erosion

COLUMNS = 10
SIDE_PX = 144
CAPTION_PX = 14
ACCEPTED_COLOUR, REJECTED_COLOUR = (80, 220, 120), (255, 90, 70)
TINT = 0.22


def contact_sheet(images: npt.NDArray[np.uint8], masks: npt.NDArray[np.bool_], rejections: Sequence[str | None]) -> bytes:
    """Draw each radiograph with its mask: green where it is accepted, red with the reason below where not.

    Args:
        images: (N, H, H), grey values; `masks` likewise.
        rejections: (N,), None where the mask is accepted.

    Returns:
        A PNG of ten columns.
    """
    rows = -(-len(images) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIDE_PX, rows * (SIDE_PX + CAPTION_PX)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    for number, (image, mask, reason) in enumerate(zip(images, masks, rejections, strict=True)):
        place = (number % COLUMNS * SIDE_PX, number // COLUMNS * (SIDE_PX + CAPTION_PX))
        sheet.paste(_outlined(image, mask, REJECTED_COLOUR if reason else ACCEPTED_COLOUR), place)
        draw.text((place[0] + 3, place[1] + SIDE_PX + 1), reason or "accepted", fill="black", font=font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _outlined(image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], colour: tuple[int, int, int]) -> Image.Image:
    """The radiograph with the mask tinted and its outline drawn."""
    grey = np.asarray(Image.fromarray(image).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))
    large = np.asarray(Image.fromarray(mask).resize((SIDE_PX, SIDE_PX), Image.Resampling.NEAREST))
    outline = large & ~binary_erosion(large)
    opacity = np.where(outline, 1.0, np.where(large, TINT, 0.0))[..., None]
    return Image.fromarray(((1 - opacity) * grey[..., None] + opacity * np.array(colour)).round().astype(np.uint8))
