from pneumo.figures.audit import trait_aurocs
from tests.report.report_inputs import audited


def test_the_alternative_text_has_the_numbers_and_the_stamp_is_in_the_image():
    picture = trait_aurocs(audited(False))
    assert "aspect ratio 0.930 in training, 0.550 in test" in picture.alt
    assert "Shortcuts: aspect ratio." in picture.alt
    assert "colour" not in picture.alt
    assert trait_aurocs(audited(True)).png != picture.png


def test_where_no_trait_varies_there_is_no_figure():
    constant = tuple(finding for finding in audited(False).findings if finding.verdict == "constant")
    assert trait_aurocs(audited(False).model_copy(update={"findings": constant})) is None
