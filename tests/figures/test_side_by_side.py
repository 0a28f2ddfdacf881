import io

import numpy as np
from PIL import Image

from pneumo.figures.side_by_side import Row, draw

RADIOGRAPH = np.full((48, 64), 120, np.uint8)


def drawn(**maps):
    return np.asarray(Image.open(io.BytesIO(draw([Row(RADIOGRAPH, "a radiograph $", maps)]))).convert("RGB"), int)


def test_every_method_has_its_panel_and_only_a_map_colours_it():
    empty = np.zeros(RADIOGRAPH.shape, np.float32)
    lesion = empty.copy()
    lesion[12:24, 16:32] = 1
    with_map, without = drawn(method=lesion), drawn(method=empty)
    coloured = np.ptp(with_map, axis=2) > 30
    assert coloured.any()
    # To the right of the radiograph, which stays grey.
    columns = np.flatnonzero(coloured.any(axis=0))
    assert columns.min() > with_map.shape[1] / 4
    assert columns.max() < with_map.shape[1] / 2
    assert not (np.ptp(without, axis=2) > 30).any()


def test_a_note_is_part_of_the_figure():
    row = Row(RADIOGRAPH, "a radiograph", {"method": np.ones(RADIOGRAPH.shape, np.float32)})
    assert draw([row], "synthetic") != draw([row])
