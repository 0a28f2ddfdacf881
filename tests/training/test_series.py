"""A series of fits, uninterrupted and interrupted."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pneumo.cohort.splits import fold_partitions
from pneumo.config import Augmentation, Cnn, CnnRecipe, Config, Fit
from pneumo.training.dataset import load_cohort
from pneumo.training.run import define_run
from pneumo.training.series import fit_each
from tests.killing import Killed, KillingConsole

RECIPE = CnnRecipe(
    image_size_px=16,
    augmentation=Augmentation(),
    network=Cnn(filters=(4,), dense_units=4, dense_dropout=0.3),
    fit=Fit(epochs=2, batch_size=4, optimizer="adam", early_stopping_patience=1, precision="float32", deterministic=True),
)


def fold_runs(folder, radiographs):
    config = Config(
        data=radiographs,
        cohort={"cache_dir": folder / "data"},
        protocol={"validation_fraction": 0.3},
        registry={"directory": folder / "models"},
    )
    cohort, _ = load_cohort(config.data, config.cohort, config.protocol, quiet())
    partitions = enumerate(fold_partitions(cohort, 2, seed=0), start=1)
    return [define_run(config, f"fold-{number}", RECIPE, cohort, parts) for number, parts in partitions]


def quiet():
    return Console(file=io.StringIO(), width=200)


def test_a_series_killed_in_its_second_fit_ends_with_the_same_bits_as_an_uninterrupted_one(tmp_path, kermany_folder):
    uninterrupted = fit_each(fold_runs(tmp_path / "uninterrupted", kermany_folder), quiet())
    # An epoch's line is printed before its state is saved: killed in the second fit, when one of its epochs is saved.
    with pytest.raises(Killed):
        fit_each(fold_runs(tmp_path / "killed", kermany_folder), KillingConsole("Epoch  2", times=2))
    console = quiet()
    resumed = fit_each(fold_runs(tmp_path / "killed", kermany_folder), console)
    output = console.file.getvalue()
    assert "1 of 2, fold-1: accuracy" in output
    assert output.count("finished before") == 1
    assert output.count("Resuming after epoch 1 of 2") == 1
    for one, other in zip(resumed, uninterrupted, strict=True):
        pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
        assert one.summary.history == other.summary.history
        assert one.scores == other.scores
    # A fit does not depend on those before it.
    alone = fit_each(fold_runs(tmp_path / "alone", kermany_folder)[1:], quiet())[0]
    pd.testing.assert_frame_equal(alone.predictions, uninterrupted[1].predictions, check_exact=True)


def test_each_fit_scores_its_own_fold_alone(tmp_path, kermany_folder):
    fits = fit_each(fold_runs(tmp_path, kermany_folder), quiet())
    table = fits[0].run.dataset.table
    for fit in fits:
        dataset = fit.run.dataset
        expected = table.iloc[dataset.rows("validation")]
        assert fit.predictions["path"].tolist() == expected["path"].tolist()
        assert set(expected["split"]) == {"train"}
        assert not len(dataset.rows("test"))
        assert not set(expected["patient"]) & set(table["patient"].iloc[dataset.rows("training")])
        # With early stopping, the weights of the best epoch are scored.
        assert fit.scores.loss == pytest.approx(min(fit.summary.history["val_loss"]), abs=1e-6)
    # Subtypes are matched by path, whatever the order of the predictions.
    shuffled = fits[0].predictions.sample(frac=1, random_state=0)
    dataset = fits[0].run.dataset
    assert dataset.evaluate(shuffled, 0.5).half == dataset.evaluate(fits[0].predictions, 0.5).half
    assert np.isfinite(fits[0].scores.auroc)
