import io

import numpy as np
from PIL import Image

from pneumo.figures.lungs import ACCEPTED_COLOUR, CAPTION_PX, COLUMNS, REJECTED_COLOUR, SIDE_PX, contact_sheet


def test_every_radiograph_is_drawn_with_its_mask_in_the_colour_of_its_verdict():
    images = np.full((12, 24, 24), 100, np.uint8)
    masks = np.zeros(images.shape, bool)
    masks[:, 6:18, 4:20] = True
    with Image.open(io.BytesIO(contact_sheet(images, masks, [None] * 11 + ["one part"]))) as sheet:
        assert sheet.size == (COLUMNS * SIDE_PX, 2 * (SIDE_PX + CAPTION_PX))
        pixels = np.asarray(sheet).astype(int)
    row, left = SIDE_PX + CAPTION_PX, 6 * SIDE_PX // 24
    for place, colour in (((0, 0), ACCEPTED_COLOUR), ((row, SIDE_PX), REJECTED_COLOUR)):
        drawn = pixels[place[0] : place[0] + SIDE_PX, place[1] : place[1] + SIDE_PX]
        assert tuple(drawn[left, SIDE_PX // 2]) == colour
        assert tuple(drawn[5, 5]) == (100, 100, 100)
        inside = drawn[SIDE_PX // 2, SIDE_PX // 2]
        assert np.abs(inside - 100).max() < np.abs(np.array(colour) - 100).max() / 2
        assert inside.std() > 0
