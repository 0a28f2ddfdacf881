"""The audit of a cohort. It reads test radiographs and their labels; no model is scored, so this is not a test access."""

import numpy as np
import pandas as pd
from scipy.stats import pearsonr

from pneumo import config
from pneumo.audit.leakage import find_leakage
from pneumo.audit.linear_baseline import linear_baseline
from pneumo.audit.measures import Measures
from pneumo.audit.shortcuts import find_shortcuts
from pneumo.cohort.index import Cohort
from pneumo.evaluation.bootstrap import Estimate
from pneumo.results.audit import Audit, Finding, Originals
from pneumo.results.provenance import provenance

_MIN_FOR_CORRELATION = 10


def audit(cohort: Cohort, parts: pd.Series, measures: Measures, originals: pd.DataFrame | None, protocol: config.Protocol) -> Audit:
    """Search a cohort for leakage and acquisition shortcuts, and fit the linear pixel baseline.

    The parts are those of `partition`; the originals are the traits of files that some radiographs were resized from, as
    `measure_originals` gives them.
    """
    table = cohort.table
    return Audit(
        **provenance(cohort, protocol.fingerprint),
        images=len(table),
        leakage=find_leakage(table, parts, cohort.left_out, measures.thumbnails),
        findings=_findings(measures.traits, table, parts),
        originals=None if originals is None else _originals(originals, table, measures.traits["stretch"]),
        linear_baseline=linear_baseline(measures.thumbnails, table, protocol.seed),
    )


def _originals(traits: pd.DataFrame, table: pd.DataFrame, stretch: pd.Series) -> Originals:
    # There are few originals, so those of grouped validation, which is cut from train, count as training.
    parts = table.loc[traits.index, "split"].map({"train": "training", "val": "unused", "test": "test"})
    return Originals(
        images=len(traits),
        findings=_findings(traits, table.loc[traits.index], parts),
        stretch_follows_shape=_correlation(np.log(traits["aspect_ratio"]), stretch[traits.index]),
    )


def _findings(traits: pd.DataFrame, table: pd.DataFrame, parts: pd.Series) -> tuple[Finding, ...]:
    y_true = (table["label"] == "PNEUMONIA").to_numpy().astype(int)
    return find_shortcuts(traits, y_true, table["patient"].to_numpy(str), parts.to_numpy(str))


def _correlation(first: pd.Series, second: pd.Series) -> Estimate:
    """Pearson correlation with its 95 % interval; undefined for few radiographs or constant values."""
    if len(first) < _MIN_FOR_CORRELATION or first.nunique() == 1 or second.nunique() == 1:
        return Estimate(value=None)
    result = pearsonr(first, second)
    low, high = result.confidence_interval(0.95)
    return Estimate(value=float(result.statistic), low=float(low), high=float(high))
