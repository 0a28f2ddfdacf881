import io

import numpy as np
from PIL import Image

from pneumo.figures.side_by_side import Row, draw

FILM = np.full((48, 64), 120, np.uint8)


def picture(**maps):
    return np.asarray(Image.open(io.BytesIO(draw([Row(FILM, "a radiograph $", maps)]))).convert("RGB"), int)


def test_every_method_has_its_panel_and_only_a_map_colours_it():
    marked, empty = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)
    marked[1, 1] = 1
    with_map, without = picture(one=marked), picture(one=empty)
    coloured = np.ptp(with_map, axis=2) > 30
    assert coloured.any()
    # On the right of the radiograph itself, which stays grey.
    columns = np.flatnonzero(coloured.any(axis=0))
    assert columns.min() > with_map.shape[1] / 4
    assert columns.max() < with_map.shape[1] / 2
    assert not (np.ptp(without, axis=2) > 30).any()


def test_a_note_is_part_of_the_picture():
    row = Row(FILM, "a radiograph", {"one": np.ones((4, 4), np.float32)})
    assert draw([row], "synthetic") != draw([row])
