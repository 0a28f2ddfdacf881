"""Linear pixel baseline: a logistic regression on the pixels of very small images, which a network should beat.

It uses grey values at fixed positions, not texture or shapes at varying positions: its performance comes from acquisition and
brightness.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pneumo.cohort.splits import folds
from pneumo.evaluation.bootstrap import Proportion, estimates
from pneumo.evaluation.scores import HALF
from pneumo.evaluation.weighted_scores import auroc
from pneumo.results.audit import LinearBaseline

SIDE_PX = 32
FOLDS = 5
# Inverse regularization strength. Neighbouring pixels are highly correlated; ten times more or less changes little.
_C = 1e-3


def linear_baseline(thumbnails: npt.NDArray[np.uint8], table: pd.DataFrame, seed: int) -> LinearBaseline | None:
    """Fit the regression on train, and score it out of fold and on test; None where train has too few patients for folds.

    The thumbnails, (N, H, W) with sides a multiple of SIDE_PX, are in the order of the table, with columns split, label and
    patient. The seed is that of the folds.
    """
    images, factor = len(thumbnails), thumbnails.shape[1] // SIDE_PX
    pixels = thumbnails.reshape(images, SIDE_PX, factor, SIDE_PX, factor).mean(axis=(2, 4), dtype=np.float32).reshape(images, -1)
    y_true = (table["label"] == "PNEUMONIA").to_numpy().astype(int)
    train, test = ((table["split"] == split).to_numpy() for split in ("train", "test"))
    patients = table["patient"].to_numpy(str)
    n_folds = min(FOLDS, int(table[train].groupby("label")["patient"].nunique().min()))
    if n_folds < 2:  # noqa: PLR2004
        return None
    x_train, y_train, y_test = pixels[train], y_true[train], y_true[test]
    regression = make_pipeline(StandardScaler(), LogisticRegression(C=_C, max_iter=1000))
    cv = folds(table[train], n_folds, seed)
    out_of_fold = cross_val_predict(regression, x_train, y_train, cv=cv, method="predict_proba")[:, 1]
    y_score = regression.fit(x_train, y_train).predict_proba(pixels[test])[:, 1]
    y_pred = y_score >= HALF
    on_test, _ = estimates(
        patients[test],
        {"auroc": auroc(y_test, y_score)},
        {"sensitivity": Proportion(y_pred, y_test == 1), "specificity": Proportion(~y_pred, y_test == 0)},
    )
    cross_validated, _ = estimates(patients[train], {"auroc": auroc(y_train, out_of_fold)})
    return LinearBaseline(
        side_px=SIDE_PX,
        folds=n_folds,
        cross_validated=cross_validated["auroc"],
        test=on_test["auroc"],
        sensitivity=on_test["sensitivity"],
        specificity=on_test["specificity"],
    )
