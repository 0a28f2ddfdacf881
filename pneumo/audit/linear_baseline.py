"""The least that a network has to beat: a logistic regression on the grey values of tiny radiographs.

It knows no shapes that move and no texture. What it reaches is what can be had from how the radiographs were taken, brightness and all.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from pneumo.cohort.splits import folds
from pneumo.evaluation.bootstrap import Estimate, Share, estimates
from pneumo.evaluation.scores import HALF, Result
from pneumo.evaluation.weighted import auroc

SIDE_PX = 32
FOLDS = 5
# Neighbouring pixels say nearly the same, so the weights need holding together; ten times more or less changes little.
STRENGTH = 1e-3


class LinearBaseline(Result):
    """What the regression reaches."""

    side_px: int
    folds: int
    cross_validated: Estimate
    """AUROC of the out-of-fold predictions on the train split, folds grouped by patient."""
    test: Estimate
    """AUROC on the test split, trained on the whole train split."""
    sensitivity: Estimate
    """On test, at 0.5, as the next."""
    specificity: Estimate


def linear_baseline(thumbnails: npt.NDArray[np.uint8], table: pd.DataFrame, seed: int) -> LinearBaseline | None:
    """Train the regression on train, and score it out of fold and on test; None where train has too few patients for folds.

    Args:
        thumbnails: (N, H, W), sides a multiple of SIDE_PX, in the order of the table.
        table: the cohort's: split, label, patient.
        seed: of the folds.
    """
    images, factor = len(thumbnails), thumbnails.shape[1] // SIDE_PX
    pixels = thumbnails.reshape(images, SIDE_PX, factor, SIDE_PX, factor).mean(axis=(2, 4), dtype=np.float32).reshape(images, -1)
    y_true = (table["label"] == "PNEUMONIA").to_numpy().astype(int)
    train, test = ((table["split"] == split).to_numpy() for split in ("train", "test"))
    patients = table["patient"].to_numpy(str)
    n_folds = min(FOLDS, int(table[train].groupby("label")["patient"].nunique().min()))
    if n_folds < 2:  # noqa: PLR2004
        return None
    x, y = pixels[train], y_true[train]
    out_of_fold = np.empty(len(y))
    for fitted, left in folds(table[train], n_folds, seed):
        out_of_fold[left] = _scores(_regression().fit(x[fitted], y[fitted]), x[left])
    scores = _scores(_regression().fit(x, y), pixels[test])
    called, truth = scores >= HALF, y_true[test]
    on_test, _ = estimates(
        patients[test],
        {"auroc": auroc(truth, scores)},
        {"sensitivity": Share(called, truth == 1), "specificity": Share(~called, truth == 0)},
    )
    cross_validated, _ = estimates(patients[train], {"auroc": auroc(y, out_of_fold)})
    return LinearBaseline(
        side_px=SIDE_PX,
        folds=n_folds,
        cross_validated=cross_validated["auroc"],
        test=on_test["auroc"],
        sensitivity=on_test["sensitivity"],
        specificity=on_test["specificity"],
    )


def _regression() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))


def _scores(regression: Pipeline, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return regression.predict_proba(pixels)[:, 1].astype(np.float64)
