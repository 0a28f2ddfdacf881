from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest

from pneumo.config import Augmentation, Cnn, Fit, Recipe
from pneumo.nets import cnn
from pneumo.radiographs.batches import evaluation_batches, training_batches
from pneumo.search.fits import NOT_A_NUMBER, AdjustableDropout, SearchData, finished_fit, kept_fit, shared_network
from pneumo.training.fit import compile_model
from pneumo.training.precision import prepare

RECIPE = Recipe(
    image_size_px=16,
    augmentation=Augmentation(),
    network=Cnn(filters=(4, 4), dense_units=4),
    fit=Fit(epochs=2, batch_size=8, precision="float32", class_weights="balanced"),
)
POINT = {"learning_rate": 3e-3, "dense_dropout": 0.31, "convolution_dropout": 0.13}


@pytest.fixture
def data(tmp_path):
    generator = np.random.default_rng(0)
    np.save(tmp_path / "pixels.npy", generator.integers(0, 256, (40, 16, 16), dtype=np.uint8))
    rows = np.arange(3, 33)
    return SearchData(
        RECIPE, tmp_path / "pixels.npy", rows, (rows % 3 > 0).astype(np.int64), tmp_path / "fits", "these radiographs"
    )


def plain_fit(data, rows):
    """What a stage would train with the point's settings, and its scores of the other rows."""
    pixels = np.load(data.pixels)
    network = RECIPE.network.model_copy(update={"dense_dropout": 0.31, "convolution_dropout": 0.13})
    prepare(RECIPE.fit)
    model = cnn.build(network, RECIPE.image_size_px)
    compile_model(model, RECIPE.fit.model_copy(update={"learning_rate": 3e-3}))
    y_true = (rows % 3 > 0).astype(np.int64)
    batches = training_batches(pixels, rows, y_true, augmentation=RECIPE.augmentation, batch_size=8, epochs=range(2), seed=0)
    weights = dict(enumerate(len(y_true) / (2 * np.bincount(y_true))))
    model.fit(batches, epochs=2, steps_per_epoch=3, class_weight=weights, shuffle=False, verbose=0)
    held_out = np.setdiff1d(data.rows, rows)
    return model.predict(evaluation_batches(pixels, held_out, held_out * 0, batch_size=8), verbose=0)[:, 0]


def test_a_fit_of_the_search_is_the_fit_that_a_stage_would_make_whatever_was_fitted_before(data):
    rows = data.rows[:20]
    finished_fit(data, data.rows[8:], {"learning_rate": 1e-4, "dense_dropout": 0.05, "convolution_dropout": 0.4})
    ours = finished_fit(data, rows, POINT)
    assert ours.failure is None
    np.testing.assert_allclose(ours.y_score, plain_fit(data, rows), rtol=1e-6)


def test_another_point_and_another_fold_need_no_other_trace(data, monkeypatch):
    finished_fit(data, data.rows[:20], POINT)
    model, _ = shared_network(RECIPE)

    def traced_again(*_):
        raise AssertionError("the network was traced again")

    monkeypatch.setattr(model, "train_step", traced_again)
    monkeypatch.setattr(model, "predict_step", traced_again)
    for point in (POINT | {"dense_dropout": 0.2}, POINT | {"learning_rate": 1e-4}):
        assert finished_fit(data, data.rows[5:], point).failure is None


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_adjustable_dropout_drops_what_keras_own_does(policy):
    keras.config.set_dtype_policy(policy)
    images = np.ones((4, 8, 8, 3), np.float32)
    ours, theirs = AdjustableDropout(0.5, seed=7), keras.layers.Dropout(0.3, seed=7)
    ours.build(images.shape)
    ours.adjustable_rate.assign(0.3)
    for _ in range(2):
        assert np.array_equal(ours(images, training=True), theirs(images, training=True))
    assert np.array_equal(ours(images, training=False), theirs(images, training=False))
    keras.config.set_dtype_policy("float32")


def test_fits_in_several_threads_do_not_disturb_one_another(data):
    points = [POINT | {"dense_dropout": rate} for rate in (0.1, 0.2, 0.3, 0.4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda point: finished_fit(data, data.rows[:20], point).y_score, points))
    alone = replace(data, directory=data.directory.with_name("alone"))
    assert together == [finished_fit(alone, data.rows[:20], point).y_score for point in points]


def test_a_finished_fit_is_not_made_again(data):
    first = finished_fit(data, data.rows[:20], POINT)
    again = finished_fit(data, data.rows[:20], POINT)
    assert again == first
    assert again.seconds == first.seconds
    other = [kept_fit(data, data.rows[:19], POINT), kept_fit(data, data.rows[:20], POINT | {"dense_dropout": 0.1})]
    assert other == [None, None]


def test_a_fit_cut_short_while_written_counts_as_none(data):
    finished_fit(data, data.rows[:20], POINT)
    (file,) = data.directory.iterdir()
    file.write_bytes(file.read_bytes()[:50])
    assert kept_fit(data, data.rows[:20], POINT) is None


def test_a_loss_that_is_no_number_is_a_failed_fit(data):
    point = POINT | {"learning_rate": 1e30}
    failed = finished_fit(data, data.rows[:20], point)
    assert (failed.failure, failed.y_score) == (NOT_A_NUMBER, None)
    assert finished_fit(data, data.rows[:20], point) == failed
    # And the next fit does not suffer from it.
    assert finished_fit(data, data.rows[:20], POINT).failure is None
