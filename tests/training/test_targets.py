import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from pneumo.config import Cnn, CnnRecipe, Fit
from pneumo.nets import cnn
from pneumo.nets.subtypes import PNEUMONIA, VIRAL, with_subtypes, without_subtypes
from pneumo.training.dataset import Dataset
from pneumo.training.fit import compile_model
from pneumo.training.targets import SubtypeTargets, subtype_codes, trains_subtypes

SUBTYPES = CnnRecipe(targets="subtypes")
CLASSES = ("normal", "unknown", "bacterial", "viral")


def dataset(subtypes):
    labels = ["NORMAL" if subtype == "normal" else "PNEUMONIA" for subtype in subtypes]
    return Dataset(None, pd.DataFrame({"label": labels, "subtype": subtypes, "part": "training"}), None, None)


@pytest.fixture(scope="module")
def network():
    return with_subtypes(cnn.build(Cnn(filters=(4,), dense_units=8), 16), seed=3)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (8, 16, 16, 1)).astype(np.float32)


def loss(network, images, codes, class_weight, smoothing=0.0):
    compile_model(network, Fit(label_smoothing=smoothing))
    batches = tf.data.Dataset.from_tensors((images, codes[:, None].astype(np.float32)))
    return network.evaluate(SubtypeTargets(class_weight)(batches), return_dict=True, verbose=0)["loss"]


def three_probabilities(network, images):
    outputs = network.predict(images, verbose=0)
    pneumonia, viral = outputs[PNEUMONIA][:, 0].astype(float), outputs[VIRAL][:, 0].astype(float)
    return np.stack([1 - pneumonia, pneumonia * (1 - viral), pneumonia * viral], axis=1)


def test_the_loss_is_the_cross_entropy_of_the_three_classes(network, images):
    codes = np.array([0, 2, 3, 0, 3, 2, 2, 0])
    p = three_probabilities(network, images)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    expected = -np.log(p[np.arange(8), np.select([codes == 0, codes == 2], [0, 1], 2)]).mean()
    assert loss(network, images, codes, None) == pytest.approx(expected, rel=1e-4)


def test_where_the_subtype_is_unknown_the_loss_is_that_of_the_label(network, images):
    p = three_probabilities(network, images)
    assert loss(network, images, np.ones(8), None) == pytest.approx(-np.log(1 - p[:, 0]).mean(), rel=1e-4)


def test_class_weights_multiply_the_loss_of_their_class(network, images):
    weight = {0: 2.0, 1: 0.5}
    for code, factor in ((0, 2.0), (1, 0.5), (2, 0.5), (3, 0.5)):
        codes = np.full(8, code)
        assert loss(network, images, codes, weight) == pytest.approx(factor * loss(network, images, codes, None), rel=1e-5)


def test_the_probability_of_pneumonia_is_untouched_by_the_second_output(network, images):
    plain = without_subtypes(network)
    assert len(plain.outputs) == 1
    assert [layer.name for layer in plain.layers][-2:] == ["logit", "probability"]
    np.testing.assert_array_equal(plain.predict(images, verbose=0), network.predict(images, verbose=0)[PNEUMONIA])


def test_codes_follow_label_and_subtype():
    assert subtype_codes(dataset(CLASSES), "training").tolist() == [0, 1, 2, 3]


def test_subtypes_are_trained_only_where_both_are_known():
    assert trains_subtypes(dataset(CLASSES), SUBTYPES)
    assert not trains_subtypes(dataset(CLASSES), CnnRecipe())
    assert not trains_subtypes(dataset(("normal", "unknown", "bacterial")), SUBTYPES)
