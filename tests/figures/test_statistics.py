import io

import numpy as np
from PIL import Image

from pneumo.figures import statistics as figures
from pneumo.report.scores import model_statistics


def every_figure(models, statistics, synthetic):
    yield figures.scores_with_intervals(models, statistics, synthetic)
    yield figures.predictive_values(models, statistics, synthetic)
    yield figures.decision_curves(models, statistics, synthetic)
    for model, own in zip(models, statistics, strict=True):
        yield figures.roc_band(model, own, synthetic)
        yield figures.reliability(model, own, synthetic)


def test_every_figure_is_an_image_with_texts_and_stamped_where_synthetic(inputs):
    models = inputs().models
    statistics = [model_statistics(model) for model in models]
    pictures = list(every_figure(models, statistics, synthetic=True))
    assert len({picture.name for picture in pictures}) == len(pictures) == 7
    for stamped, plain in zip(pictures, every_figure(models, statistics, synthetic=False), strict=True):
        image = Image.open(io.BytesIO(stamped.png))
        assert image.size == (stamped.width, stamped.height)
        assert len(np.unique(np.asarray(image))) > 10
        assert stamped.alt
        assert stamped.caption
        assert stamped.png != plain.png
