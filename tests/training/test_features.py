import io
from dataclasses import replace

import keras
import numpy as np
import pytest
from rich.console import Console

from pneumo.config import Augmentation, Backbone, Fit, Transfer
from pneumo.errors import UserError
from pneumo.nets import backbone
from pneumo.radiographs.batches import training_batches
from pneumo.training.features import Radiographs, feature_batches, frozen_features

SIZE_PX, WIDTH = 32, 16
RECIPE = Transfer(image_size_px=SIZE_PX, network=Backbone(weights="none"), fit=Fit(batch_size=4), views=2)
BYTES_OF_ONE_RECIPE = 4 * WIDTH * (2 * 10 + 5) + 3 * 128


@pytest.fixture(scope="module")
def extractor():
    """A small one: what is kept does not depend on what computes it."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE_PX, SIZE_PX, 1))
    x = keras.layers.Conv2D(WIDTH, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


@pytest.fixture(scope="module")
def radiographs():
    pixels = np.random.default_rng(0).integers(0, 256, (20, SIZE_PX, SIZE_PX), dtype=np.uint8)
    return Radiographs(pixels, "f00d", training=np.arange(3, 13), validation=np.arange(13, 18))


@pytest.fixture
def features(extractor, radiographs, tmp_path):
    def compute(recipe=RECIPE, radiographs=radiographs):
        return frozen_features(extractor, radiographs, recipe, tmp_path, Console(file=io.StringIO()))

    return compute


def files(folder):
    return {file.name: file.stat().st_ino for file in folder.glob("cache/features/*.npy")}


def epoch(radiographs, number):
    """An epoch's images in the order of their rows, which each label here is."""
    batches = training_batches(
        radiographs.pixels,
        radiographs.training,
        np.arange(10),
        augmentation=RECIPE.augmentation,
        batch_size=4,
        epochs=range(number, number + 1),
        seed=RECIPE.fit.seed,
    )
    images, rows = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    return images[np.argsort(rows[:, 0])]


def test_features_are_the_backbones_own_of_each_augmented_epoch_and_of_validation_unchanged(radiographs, tmp_path):
    extractor = backbone.feature_extractor(backbone.build(RECIPE.network, SIZE_PX))
    found = frozen_features(extractor, radiographs, RECIPE, tmp_path, Console(file=io.StringIO()))
    for number, view in enumerate(found.views):
        np.testing.assert_allclose(view, extractor(epoch(radiographs, number)), rtol=1e-4, atol=1e-5)
    assert np.abs(found.views[0] - found.views[1]).max() > 0.01, "both views are the same"
    plain = radiographs.pixels[radiographs.validation][..., None].astype(np.float32)
    np.testing.assert_allclose(found.validation, extractor(plain), rtol=1e-4, atol=1e-5)
    assert found.validation.dtype == np.float32


def test_a_second_call_computes_nothing_and_one_more_view_only_that_view(features, tmp_path):
    first = features()
    before = files(tmp_path)
    again = features()
    assert files(tmp_path) == before
    np.testing.assert_array_equal(again.views[1], first.views[1])
    features(RECIPE.model_copy(update={"views": 3}))
    after = files(tmp_path)
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()


def test_whatever_changes_the_features_makes_others(features, radiographs, tmp_path):
    features()
    count = len(files(tmp_path))
    other_augmentation = RECIPE.model_copy(update={"augmentation": Augmentation(rotation_degrees=5)})
    other_seed = RECIPE.model_copy(update={"fit": RECIPE.fit.model_copy(update={"seed": 1})})
    for recipe in (other_augmentation, other_seed):
        features(recipe)
        assert len(files(tmp_path)) == count + 2, "validation is not augmented, and stays"
        count += 2
    for other in (replace(radiographs, fingerprint="beef"), replace(radiographs, training=np.arange(10))):
        features(radiographs=other)
        assert len(files(tmp_path)) > count
        count = len(files(tmp_path))


def test_other_weights_give_other_features(extractor, features, tmp_path):
    features()
    count = len(files(tmp_path))
    changed = extractor.weights[-1]
    before = changed.numpy()
    changed.assign(before + 1)
    features()
    changed.assign(before)
    assert len(files(tmp_path)) == 2 * count


def test_a_damaged_file_is_computed_again(features, tmp_path):
    expected = np.array(features().validation)
    for file in tmp_path.glob("cache/features/*.npy"):
        file.write_bytes(file.read_bytes()[:200])
    np.testing.assert_array_equal(features().validation, expected)


def test_the_cache_keeps_to_its_room_and_what_was_used_last(features, tmp_path):
    # Room for one recipe and a half.
    bounded = RECIPE.model_copy(update={"feature_cache_gib": 1.5 * BYTES_OF_ONE_RECIPE / 2**30})
    features(bounded)
    first = files(tmp_path)
    for seed in (1, 2, 3):
        features(bounded.model_copy(update={"fit": RECIPE.fit.model_copy(update={"seed": seed})}))
        kept = files(tmp_path)
        assert sum(file.stat().st_size for file in tmp_path.glob("cache/features/*.npy")) <= 1.5 * BYTES_OF_ONE_RECIPE
        assert len(kept) >= 3
    assert len(first.keys() & kept.keys()) == 1, "validation was used each time, and the first views were not"


def test_more_views_than_there_is_room_for_are_refused_before_anything_is_computed(features, tmp_path):
    with pytest.raises(UserError, match=r"2 views of 10 radiographs take .*raise it, or lower `views`"):
        features(RECIPE.model_copy(update={"feature_cache_gib": 0.9 * BYTES_OF_ONE_RECIPE / 2**30}))
    assert not files(tmp_path)


def test_epochs_learn_from_one_view_after_another_in_the_order_of_training_batches(radiographs):
    views = [np.arange(10, dtype=np.float32)[:, None] + np.float32(100 * view) for view in range(2)]
    batches = list(feature_batches(views, np.arange(10), batch_size=4, epochs=range(1, 4), seed=0))
    assert [len(rows) for _, rows in batches] == [4, 4, 2] * 3
    for number in range(3):
        read, rows = (np.concatenate(arrays) for arrays in zip(*batches[3 * number : 3 * number + 3], strict=True))
        np.testing.assert_array_equal(read, 100 * ((number + 1) % 2) + rows)
        shown = training_batches(
            radiographs.pixels,
            radiographs.training,
            np.arange(10),
            augmentation=Augmentation(),
            batch_size=4,
            epochs=range(number + 1, number + 2),
            seed=0,
        )
        np.testing.assert_array_equal(rows, np.concatenate([labels for _, labels in shown]))
