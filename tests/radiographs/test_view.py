import pytest

from pneumo.radiographs.view import is_lateral, is_lateral_name


@pytest.mark.parametrize("view", ["Lateral", "L", "LL", "RL", "RLAT", "L-LATERAL", "LEFT LATERAL", "Lateral chest"])
def test_lateral_views(view: str) -> None:
    assert is_lateral(view)


@pytest.mark.parametrize("view", ["PA", "AP", "AP_horizontal", "Left lateral decubitus", "LLD", "Lateral oblique", "LLO", ""])
def test_other_views(view: str) -> None:
    assert not is_lateral(view)


def test_names_of_lateral_views() -> None:
    names = ("view2_lateral.jpg", "LATERAL.png", "bilateral.png", "1.png")
    assert [is_lateral_name(name) for name in names] == [True, True, False, False]
