import io
from dataclasses import replace

import keras
import numpy as np
import pytest
from rich.console import Console

from pneumo.config import Augmentation, Backbone, Fit, TransferRecipe
from pneumo.errors import UserError
from pneumo.nets import backbone
from pneumo.radiographs.batches import training_batches
from pneumo.training.features import feature_batches, frozen_features
from tests.tiny_datasets import tiny_dataset

SIZE_PX, WIDTH = 32, 16
RECIPE = TransferRecipe(image_size_px=SIZE_PX, network=Backbone(weights="none"), fit=Fit(batch_size=4), views=2)
BYTES_OF_ONE_RECIPE = 4 * WIDTH * (2 * 10 + 5) + 3 * 128


@pytest.fixture(scope="module")
def extractor():
    """A small one: what is cached does not depend on what computes it."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE_PX, SIZE_PX, 1))
    x = keras.layers.Conv2D(WIDTH, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


PARTS = ["unused"] * 3 + ["training"] * 10 + ["validation"] * 5 + ["test"] * 2


def noise(folder, seed=0, parts=PARTS):
    pixels = np.random.default_rng(seed).integers(0, 256, (20, SIZE_PX, SIZE_PX), dtype=np.uint8)
    return tiny_dataset(folder, pixels, np.arange(20) % 2, parts)


@pytest.fixture
def dataset(tmp_path):
    return noise(tmp_path)


@pytest.fixture
def features(extractor, dataset):
    def compute(recipe=RECIPE, dataset=dataset):
        return frozen_features(extractor, dataset, recipe, Console(file=io.StringIO()))

    return compute


def files(folder):
    return {file.name: file.stat().st_ino for file in folder.glob("cache/features/*.npy")}


def images_of_epoch(dataset, number):
    """An epoch's images in the order of their rows; the position of a row serves as its label."""
    batches = training_batches(
        dataset.pixels,
        dataset.rows("training"),
        np.arange(10),
        augmentation=RECIPE.augmentation,
        batch_size=4,
        epochs=range(number, number + 1),
        seed=RECIPE.fit.seed,
    )
    images, rows = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    return images[np.argsort(rows[:, 0])]


def test_features_are_those_of_the_backbone_for_each_augmented_epoch_and_for_validation_without_augmentation(dataset):
    extractor = backbone.feature_extractor(backbone.build(RECIPE.network, SIZE_PX))
    features = frozen_features(extractor, dataset, RECIPE, Console(file=io.StringIO()))
    for number, view in enumerate(features.views):
        np.testing.assert_allclose(view, extractor(images_of_epoch(dataset, number)), rtol=1e-4, atol=1e-5)
    assert np.abs(features.views[0] - features.views[1]).max() > 0.01, "both views are the same"
    validation = dataset.pixels[dataset.rows("validation")][..., None].astype(np.float32)
    np.testing.assert_allclose(features.validation, extractor(validation), rtol=1e-4, atol=1e-5)
    assert features.validation.dtype == np.float32


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


def test_other_settings_pixels_or_parts_give_other_features(features, tmp_path):
    features()
    count = len(files(tmp_path))
    other_augmentation = RECIPE.model_copy(update={"augmentation": Augmentation(rotation_degrees=5)})
    other_seed = RECIPE.model_copy(update={"fit": RECIPE.fit.model_copy(update={"seed": 1})})
    for recipe in (other_augmentation, other_seed):
        features(recipe)
        assert len(files(tmp_path)) == count + 2, "features of validation do not depend on the augmentation"
        count += 2
    other_pixels, other_parts = noise(tmp_path / "other", seed=1), noise(tmp_path / "same", parts=[*PARTS[3:], *PARTS[:3]])
    for other in (other_pixels, other_parts):
        features(dataset=replace(other, cache_dir=tmp_path))
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


def test_the_cache_stays_below_its_limit_and_deletes_the_least_recently_used(features, tmp_path):
    # Space for the features of one recipe and a half.
    bounded = RECIPE.model_copy(update={"feature_cache_gib": 1.5 * BYTES_OF_ONE_RECIPE / 2**30})
    features(bounded)
    first = files(tmp_path)
    for seed in (1, 2, 3):
        features(bounded.model_copy(update={"fit": RECIPE.fit.model_copy(update={"seed": seed})}))
        cached = files(tmp_path)
        assert sum(file.stat().st_size for file in tmp_path.glob("cache/features/*.npy")) <= 1.5 * BYTES_OF_ONE_RECIPE
        assert len(cached) >= 3
    assert len(first.keys() & cached.keys()) == 1, "validation was used each time, and the first views were not"


def test_more_views_than_the_cache_may_hold_are_refused_before_anything_is_computed(features, tmp_path):
    with pytest.raises(UserError, match=r"2 views of 10 radiographs take .*raise it, or lower `views`"):
        features(RECIPE.model_copy(update={"feature_cache_gib": 0.9 * BYTES_OF_ONE_RECIPE / 2**30}))
    assert not files(tmp_path)


def test_epochs_use_the_views_in_turn_in_the_order_of_training_batches(dataset):
    views = [np.arange(10, dtype=np.float32)[:, None] + np.float32(100 * view) for view in range(2)]
    batches = list(feature_batches(views, np.arange(10), batch_size=4, epochs=range(1, 4), seed=0))
    assert [len(rows) for _, rows in batches] == [4, 4, 2] * 3
    for number in range(3):
        read, rows = (np.concatenate(arrays) for arrays in zip(*batches[3 * number : 3 * number + 3], strict=True))
        np.testing.assert_array_equal(read, 100 * ((number + 1) % 2) + rows)
        augmented = training_batches(
            dataset.pixels,
            dataset.rows("training"),
            np.arange(10),
            augmentation=Augmentation(),
            batch_size=4,
            epochs=range(number + 1, number + 2),
            seed=0,
        )
        np.testing.assert_array_equal(rows, np.concatenate([labels for _, labels in augmented]))
