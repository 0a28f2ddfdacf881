import io

import numpy as np
from PIL import Image

from pneumo.figures.experiments import ablation_curves, fold_curves
from tests.tiny_experiments import ablation, cross_validation


def every_figure(synthetic):
    name = "$\\frac{"  # a possible name of a recipe
    validation = cross_validation(name).model_copy(update={"synthetic": synthetic})
    yield fold_curves(validation, "folds.png")
    yield fold_curves(validation.model_copy(update={"folds": validation.folds * 4}), "twelve-folds.png")
    yield ablation_curves(ablation().model_copy(update={"synthetic": synthetic}), "ablation.png")


def test_every_figure_is_an_image_with_texts_and_stamped_where_synthetic():
    for picture, plain in zip(every_figure(synthetic=True), every_figure(synthetic=False), strict=True):
        image = Image.open(io.BytesIO(picture.png))
        assert image.size == (picture.width, picture.height)
        assert len(np.unique(np.asarray(image))) > 10
        assert picture.caption
        assert picture.png != plain.png


def test_the_alternative_texts_have_the_numbers():
    spread = cross_validation().spread
    assert f"accuracy {spread['accuracy'].mean:.3f} and {spread['accuracy'].sd:.3f}" in fold_curves(cross_validation(), "a.png").alt
    assert f"{ablation().variants[0].scores.accuracy:.3f}, plain." in ablation_curves(ablation(), "a.png").alt


def test_folds_that_stopped_at_different_epochs_are_drawn_in_one_figure():
    lengths = {len(fold.history["loss"]) for fold in cross_validation().folds}
    assert len(lengths) > 1
    assert fold_curves(cross_validation(), "folds.png").png
