"""A series of fits, whole and interrupted."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pneumo.cohort.splits import fold_partitions
from pneumo.config import Augmentation, Cnn, Config, Fit, Recipe
from pneumo.training.dataset import define, load_cohort
from pneumo.training.series import evaluation_of, fit_each
from tests.killing import Killed, KillingConsole

RECIPE = Recipe(
    image_size_px=16,
    augmentation=Augmentation(),
    network=Cnn(filters=(4,), dense_units=4, dense_dropout=0.3),
    fit=Fit(epochs=2, batch_size=4, optimizer="adam", early_stopping_patience=1, precision="float32", deterministic=True),
)


def studies(folder, radiographs):
    config = Config(
        data=radiographs,
        cohort={"cache_dir": folder / "data", "validation_fraction": 0.3},
        registry={"directory": folder / "models"},
    )
    cohort, _ = load_cohort(config, quiet())
    return [define(config, f"fold-{k}", RECIPE, cohort, parts) for k, parts in enumerate(fold_partitions(cohort, 2, seed=0), 1)]


def quiet():
    return Console(file=io.StringIO(), width=200)


def test_a_series_killed_in_its_second_fit_ends_with_the_same_bits_as_one_left_alone(tmp_path, kermany_folder):
    whole = fit_each(studies(tmp_path / "whole", kermany_folder), quiet())
    # An epoch's line comes before its state: this kill is in the second fit, one epoch of which is kept.
    with pytest.raises(Killed):
        fit_each(studies(tmp_path / "killed", kermany_folder), KillingConsole("Epoch  2", times=2))
    console = quiet()
    resumed = fit_each(studies(tmp_path / "killed", kermany_folder), console)
    said = console.file.getvalue()
    assert "1 of 2, fold-1: accuracy" in said
    assert said.count("finished before") == 1
    assert said.count("Continuing after epoch 1 of 2") == 1
    for one, other in zip(resumed, whole, strict=True):
        pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
        assert one.summary.history == other.summary.history
        assert one.scores == other.scores
    # Nor does a fit depend on those before it.
    alone = fit_each(studies(tmp_path / "alone", kermany_folder)[1:], quiet())[0]
    pd.testing.assert_frame_equal(alone.predictions, whole[1].predictions, check_exact=True)


def test_each_fit_scores_its_own_fold_and_nothing_else(tmp_path, kermany_folder):
    fits = fit_each(studies(tmp_path, kermany_folder), quiet())
    table = fits[0].study.cohort.table
    for fit in fits:
        expected = table.iloc[fit.study.rows("validation")]
        assert fit.predictions["path"].tolist() == expected["path"].tolist()
        assert set(expected["split"]) == {"train"}
        assert not len(fit.study.rows("test"))
        assert not set(expected["patient"]) & set(table["patient"].iloc[fit.study.rows("training")])
        # With early stopping the weights that are scored are those of the best epoch.
        assert fit.scores.loss == pytest.approx(min(fit.summary.history["val_loss"]), abs=1e-6)
    # In whatever order predictions come, each keeps its own subtype.
    shuffled = fits[0].predictions.sample(frac=1, random_state=0)
    assert evaluation_of(fits[0].study, shuffled).half == evaluation_of(fits[0].study, fits[0].predictions).half
    assert np.isfinite(fits[0].scores.auroc)
