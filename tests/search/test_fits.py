from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest

from pneumo.config import Augmentation, Cnn, CnnRecipe, Fit
from pneumo.nets import cnn
from pneumo.radiographs.batches import evaluation_batches, training_batches
from pneumo.search.fits import NOT_A_NUMBER, AdjustableDropout, SearchTask, fit_point, load_fit, shared_network
from pneumo.training.fit import compile_model
from pneumo.training.precision import prepare
from tests.tiny_datasets import tiny_dataset

RECIPE = CnnRecipe(
    image_size_px=16,
    augmentation=Augmentation(),
    network=Cnn(filters=(4, 4), dense_units=4),
    fit=Fit(epochs=2, batch_size=8, precision="float32", class_weights="balanced"),
)
POINT = {"learning_rate": 3e-3, "dense_dropout": 0.31, "convolution_dropout": 0.13}


@pytest.fixture
def task(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    parts = ["validation"] * 3 + ["training"] * 30 + ["test"] * 7
    return SearchTask(RECIPE, tiny_dataset(tmp_path, pixels, np.arange(40) % 3 > 0, parts), tmp_path / "fits")


def plain_fit(task, rows):
    """Train as a stage would with the settings of POINT, and score the other rows."""
    pixels = task.dataset.pixels
    network = RECIPE.network.model_copy(update={"dense_dropout": 0.31, "convolution_dropout": 0.13})
    prepare(RECIPE.fit)
    model = cnn.build(network, RECIPE.image_size_px)
    compile_model(model, RECIPE.fit.model_copy(update={"learning_rate": 3e-3}))
    y_true = (rows % 3 > 0).astype(np.int64)
    batches = training_batches(pixels, rows, y_true, augmentation=RECIPE.augmentation, batch_size=8, epochs=range(2), seed=0)
    weights = dict(enumerate(len(y_true) / (2 * np.bincount(y_true))))
    model.fit(batches, epochs=2, steps_per_epoch=3, class_weight=weights, shuffle=False, verbose=0)
    held_out = np.setdiff1d(task.rows, rows)
    return model.predict(evaluation_batches(pixels, held_out, held_out * 0, batch_size=8), verbose=0)[:, 0]


def test_a_fit_of_the_search_equals_that_of_a_stage_whatever_was_fitted_before(task):
    rows = task.rows[:20]
    fit_point(task, task.rows[8:], {"learning_rate": 1e-4, "dense_dropout": 0.05, "convolution_dropout": 0.4})
    ours = fit_point(task, rows, POINT)
    assert ours.failure is None
    np.testing.assert_allclose(ours.y_score, plain_fit(task, rows), rtol=1e-6)


def test_another_point_and_another_fold_do_not_retrace_the_network(task, monkeypatch):
    fit_point(task, task.rows[:20], POINT)
    model, _ = shared_network(RECIPE)

    def traced_again(*_):
        raise AssertionError("the network was traced again")

    monkeypatch.setattr(model, "train_step", traced_again)
    monkeypatch.setattr(model, "predict_step", traced_again)
    for point in (POINT | {"dense_dropout": 0.2}, POINT | {"learning_rate": 1e-4}):
        assert fit_point(task, task.rows[5:], point).failure is None


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_adjustable_dropout_drops_the_same_units_as_that_of_keras(policy):
    keras.config.set_dtype_policy(policy)
    images = np.ones((4, 8, 8, 3), np.float32)
    ours, theirs = AdjustableDropout(0.5, seed=7), keras.layers.Dropout(0.3, seed=7)
    ours.build(images.shape)
    ours.adjustable_rate.assign(0.3)
    for _ in range(2):
        assert np.array_equal(ours(images, training=True), theirs(images, training=True))
    assert np.array_equal(ours(images, training=False), theirs(images, training=False))
    keras.config.set_dtype_policy("float32")


def test_fits_in_several_threads_do_not_disturb_one_another(task):
    points = [POINT | {"dense_dropout": rate} for rate in (0.1, 0.2, 0.3, 0.4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda point: fit_point(task, task.rows[:20], point).y_score, points))
    alone = replace(task, directory=task.directory.with_name("alone"))
    assert together == [fit_point(alone, task.rows[:20], point).y_score for point in points]


def test_a_finished_fit_is_loaded_and_not_repeated(task):
    first = fit_point(task, task.rows[:20], POINT)
    again = fit_point(task, task.rows[:20], POINT)
    assert again == first
    assert again.seconds == first.seconds
    other = [load_fit(task, task.rows[:19], POINT), load_fit(task, task.rows[:20], POINT | {"dense_dropout": 0.1})]
    assert other == [None, None]


def test_a_truncated_result_is_not_loaded(task):
    fit_point(task, task.rows[:20], POINT)
    (file,) = task.directory.iterdir()
    file.write_bytes(file.read_bytes()[:50])
    assert load_fit(task, task.rows[:20], POINT) is None


def test_a_loss_that_is_not_a_number_is_a_failed_fit(task):
    point = POINT | {"learning_rate": 1e30}
    failed = fit_point(task, task.rows[:20], point)
    assert (failed.failure, failed.y_score) == (NOT_A_NUMBER, None)
    assert fit_point(task, task.rows[:20], point) == failed
    # The next fit is not affected.
    assert fit_point(task, task.rows[:20], POINT).failure is None
