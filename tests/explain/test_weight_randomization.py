import keras
import numpy as np
import pytest
from keras import layers

from pneumo.config import Cnn, ResidualCnn
from pneumo.evaluation.heatmap_metrics import MapMetric, fails_randomization_check, rank_correlation
from pneumo.explain.activations import ActivationModel, flat_layers, members
from pneumo.explain.cam import class_activation_maps
from pneumo.explain.comparison import randomize_weights
from pneumo.nets import cnn, ensemble, residual

SIDE_PX = 16


@pytest.fixture(autouse=True)
def _fixed_initial_weights():
    keras.utils.set_random_seed(0)


def with_varied_weights(model, seed=0):
    """As after training: no array of equal values, and normalizations with different variances."""
    random = np.random.default_rng(seed)
    for layer in flat_layers(model):
        layer.set_weights(
            [random.uniform(0.5, 1.5, weights.shape) if weights.ndim == 1 else weights for weights in layer.get_weights()]
        )
    return model


def sequential():
    rescaled = [keras.Input((SIDE_PX, SIDE_PX, 1)), layers.Rescaling(1 / 255)]
    features = [layers.Conv2D(3, 3, activation="relu"), layers.Flatten(), layers.Dense(4)]
    return keras.Sequential([*rescaled, *features, layers.Dense(1, name="logit"), layers.Activation("sigmoid", name="probability")])


def functional():
    return cnn.build(Cnn(filters=(3, 4), dense_units=4, dense_dropout=0.5), SIDE_PX + 4)


def residual_network(seed=0):
    return with_varied_weights(residual.build(ResidualCnn(filters=(3, 4), blocks=1), SIDE_PX, seed=seed), seed)


def nested():
    inner = keras.Input((SIDE_PX, SIDE_PX, 3))
    stem = keras.Sequential(
        [layers.Conv2D(4, 3, name="stem_convolution"), layers.BatchNormalization(name="stem_norm")], name="stem"
    )
    x = layers.Conv2D(4, 3, activation="relu", name="inner_convolution")(stem(inner))
    backbone = keras.Model(inner, layers.GlobalAveragePooling2D()(x), name="backbone")
    backbone.trainable = False
    inputs = keras.Input((SIDE_PX, SIDE_PX, 1))
    features = backbone(layers.Concatenate()([layers.Rescaling(1 / 255)(inputs)] * 3), training=False)
    logit = layers.Dense(1, name="logit")(layers.Dense(4, name="hidden")(features))
    return keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))


def ensemble_of_two():
    return ensemble.build([residual_network(0), residual_network(1)])


KINDS = [sequential, functional, residual_network, nested, ensemble_of_two]


def weights_of(model):
    """Each member's layers that have weights, from the first to the logit, as (name, arrays)."""
    return [[(layer.name, layer.get_weights()) for layer in flat_layers(member) if layer.weights] for member in members(model)]


def changed(model, copy):
    """Each member's layers whose weights differ, by name."""
    return [
        [name for (name, before), (_, after) in zip(*pair, strict=True) if not all(map(np.array_equal, before, after))]
        for pair in zip(weights_of(model), weights_of(copy), strict=True)
    ]


@pytest.mark.parametrize("build", KINDS)
def test_every_array_is_permuted_and_the_model_itself_is_unchanged(build):
    model = with_varied_weights(build())
    before, images = model.get_weights(), np.random.default_rng(1).uniform(0, 255, (2, *model.inputs[0].shape[1:]))
    predicted = model(images).numpy()
    copy = randomize_weights(model, 1)
    for weights, unchanged in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, unchanged)
    np.testing.assert_array_equal(model(images), predicted)
    for member, randomized in zip(weights_of(model), weights_of(copy), strict=True):
        for (name, arrays), (same_name, others) in zip(member, randomized, strict=True):
            assert name == same_name
            for array, other in zip(arrays, others, strict=True):
                np.testing.assert_array_equal(np.sort(array, axis=None), np.sort(other, axis=None))
                if np.unique(array).size > 4:
                    assert not np.array_equal(array, other), name
    assert not np.allclose(copy(images), predicted)


@pytest.mark.parametrize("build", KINDS)
def test_the_smallest_share_randomizes_the_logit_layer_only(build):
    model = with_varied_weights(build())
    copy = randomize_weights(model, 1e-6)
    assert changed(model, copy) == [["logit"]] * len(members(model))
    images = np.random.default_rng(1).uniform(0, 255, (2, *model.inputs[0].shape[1:]))
    for pair in zip(members(model), members(copy), strict=True):
        features, unchanged = (keras.Model(member.inputs[0], member.get_layer("logit").input)(images) for member in pair)
        np.testing.assert_array_equal(features, unchanged)


def test_layers_of_a_nested_backbone_are_counted_from_the_logit_downwards():
    model = with_varied_weights(nested())
    names = [name for name, _ in weights_of(model)[0]]
    assert names == ["stem_convolution", "stem_norm", "inner_convolution", "hidden", "logit"]
    for top in range(1, 6):
        assert changed(model, randomize_weights(model, top / 5)) == [names[-top:]]


def test_the_same_layers_of_every_member_of_an_ensemble_are_randomized_differently():
    model = ensemble_of_two()
    names = [name for name, _ in weights_of(model)[0]]
    assert changed(model, randomize_weights(model, 0.5)) == [names[-round(len(names) / 2) :]] * 2
    first, second = weights_of(randomize_weights(ensemble.build([residual_network(0), residual_network(0)]), 1))
    assert not np.array_equal(first[-1][1][0], second[-1][1][0])


def test_a_larger_share_randomizes_more_layers_and_the_same_ones_equally():
    model = with_varied_weights(functional())
    half, whole = (weights_of(randomize_weights(model, share, seed=3))[0] for share in (0.5, 1))
    for (_, arrays), (_, others) in zip(half[2:], whole[2:], strict=True):
        for array, other in zip(arrays, others, strict=True):
            np.testing.assert_array_equal(array, other)
    assert not np.array_equal(whole[0][1][0], weights_of(randomize_weights(model, 1, seed=4))[0][0][1][0])


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        randomize_weights(sequential(), share)


@pytest.fixture(scope="module")
def radiographs():
    """Noise with a bright square: in the upper half of the first half of the radiographs, in the lower half of the others."""
    random = np.random.default_rng(2)
    radiographs = random.uniform(0, 80, (48, 24, 24, 1)).astype(np.float32)
    for number, radiograph in enumerate(radiographs):
        row, column = random.integers(2, 6) + 12 * (number >= 24), random.integers(2, 18)
        radiograph[row : row + 5, column : column + 5] += 150
    return radiographs


def edges(images):
    """An edge detector, which does not depend on a network."""
    rows, columns = np.gradient(images[..., 0], axis=(1, 2))
    return np.hypot(rows, columns)


def test_grad_cam_passes_the_randomization_check_and_an_edge_detector_fails_it(radiographs):
    model = cnn.build(Cnn(filters=(6, 8), dense_units=8), 24)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    is_pneumonia = np.arange(48) >= 24
    model.fit(radiographs, is_pneumonia.astype(np.float32), epochs=30, batch_size=16, verbose=0)
    assert ((model(radiographs).numpy()[:, 0] > 0.5) == is_pneumonia).mean() > 0.9
    positive = radiographs[is_pneumonia]
    maps, *randomized_maps = (
        class_activation_maps(ActivationModel(network), positive, "PNEUMONIA")["grad-cam"]
        for network in (model, *(randomize_weights(model, 1, seed=seed) for seed in range(3)))
    )
    assert fails_randomization_check(MapMetric.of(rank_correlation(maps, maps)))
    # After one randomization, a network this small may respond to the square by chance, but not after all three.
    correlations = np.concatenate([rank_correlation(maps, others) for others in randomized_maps])
    assert fails_randomization_check(MapMetric.of(correlations)) is False
    assert fails_randomization_check(MapMetric.of(rank_correlation(edges(positive), edges(positive))))
