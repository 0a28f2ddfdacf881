from pneumo.figures.robustness import robustness_curves
from tests.report.report_inputs import robustness


def test_the_alternative_text_has_the_numbers_and_the_stamp_is_in_the_image():
    model = robustness(1)
    picture = robustness_curves([model], [0], synthetic=False)
    assert model.summary in picture.alt
    assert "Grey column" in picture.caption
    assert robustness_curves([model], [0], synthetic=True).png != picture.png


def test_a_model_has_the_style_of_its_place_in_the_other_figures():
    model = robustness(1)
    assert robustness_curves([model], [0], synthetic=False).png != robustness_curves([model], [1], synthetic=False).png
