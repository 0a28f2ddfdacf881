import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from pneumo.figures import models as figures
from tests.report.report_inputs import with_record, with_test


def every_figure(models, synthetic):
    yield from figures.learning_curves(models[0].record.history, models[0].name, "v1", synthetic)
    for part in ("validation", "test"):
        yield figures.roc(models, part, synthetic)
        yield figures.precision_recall(models, part, synthetic)
    yield figures.confusion(models[0], models[0].record.test.half, "half", synthetic)
    yield figures.sensitivity_by_subtype(models, synthetic)


def test_every_figure_is_an_image_with_texts_and_drawing_changes_no_global_state(inputs):
    models, before = inputs().models, dict(mpl.rcParams)
    pictures = list(every_figure(models, synthetic=True))
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    assert len(pictures) == 4 + 4 + 2
    assert len({picture.name for picture in pictures}) == len(pictures)
    # The stamp of a synthetic cohort is in the pixels.
    for picture, plain in zip(pictures, every_figure(models, synthetic=False), strict=True):
        assert picture.png != plain.png
        image = Image.open(io.BytesIO(picture.png))
        assert image.size == (picture.width, picture.height)
        assert len(np.unique(np.asarray(image))) > 10
        assert picture.alt
        assert picture.caption


def test_a_dollar_sign_in_a_recipe_is_not_mathematics(inputs):
    model = with_record(inputs().models[1], recipe=r"$\frac{")
    assert r"$\frac{ v2" in figures.confusion(model, model.record.test.locked, "locked", synthetic=False).alt
    assert figures.roc([model], "test", synthetic=False).png


def test_the_alternative_text_of_the_confusion_matrix_has_its_counts(inputs):
    model = inputs().models[0]
    point = model.record.test.locked
    alt = figures.confusion(model, point, "locked", synthetic=False).alt
    assert f"{point.false_positives} false positives, {point.false_negatives} false negatives" in alt


def test_a_model_without_a_curve_is_named_as_undefined(inputs):
    model = inputs().models[0]
    rows = model.predictions["test"]
    model = with_test(model, rows[rows["y_true"] == 1])
    assert "undefined" in figures.roc([model], "test", synthetic=False).alt
    assert figures.precision_recall([model], "test", synthetic=False).png
    assert figures.confusion(model, model.record.test.half, "half", synthetic=False).png
    assert figures.sensitivity_by_subtype([model], synthetic=False).png


@pytest.mark.parametrize("shape", [(900, 1200), (64, 64)])
def test_a_sample_keeps_its_aspect_ratio(shape):
    picture = figures.sample(1, np.zeros(shape, np.uint8), "NORMAL")
    assert max(picture.width, picture.height) <= 480
    assert picture.width / picture.height == pytest.approx(shape[1] / shape[0], rel=0.01)
