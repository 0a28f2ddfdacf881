"""How well acquisition traits alone predict the label of a cohort: what a refitted head could use instead of the disease."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pneumo.audit.shortcuts import find_shortcuts
from pneumo.evaluation.bootstrap import estimates
from pneumo.evaluation.out_of_fold import Folds, OutOfFold, fold_auroc
from pneumo.evaluation.scores import HALF, Labels
from pneumo.results.adaptation import AcquisitionBaseline


def acquisition_baseline(traits: pd.DataFrame, y_true: Labels, patient: npt.NDArray[np.str_], folds: Folds) -> AcquisitionBaseline:
    """Score a logistic regression on all traits out of fold, and each trait by itself.

    Args:
        traits: a row for each of N radiographs, nan where one lacks a trait.
        y_true: (N,), 1 where PNEUMONIA.
        patient: (N,).
        folds: (R, N), number of each radiograph's fold in each of R repetitions.
    """
    varying = traits.loc[:, traits.nunique() > 1]
    probability = np.full(folds.shape, HALF)
    regression = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression(max_iter=1000))
    for repeat, number in ((repeat, number) for repeat, fold in enumerate(folds) for number in np.unique(fold)):
        scored = folds[repeat] == number
        if not varying.empty:
            fitted = regression.fit(varying[~scored], y_true[~scored])
            probability[repeat, scored] = fitted.predict_proba(varying[scored])[:, 1]
    out_of_fold = OutOfFold(folds, probability, probability >= HALF)
    findings = find_shortcuts(traits, y_true, patient, np.full(len(y_true), "training"))
    return AcquisitionBaseline(
        all_traits=estimates(patient, {"auroc": fold_auroc(y_true, out_of_fold)})[0]["auroc"],
        by_trait={finding.trait: finding.training for finding in findings if finding.training.value is not None},
    )
