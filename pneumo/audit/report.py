"""What `pneumo audit` found out about a cohort, as its file keeps it for the report."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
from scipy.stats import pearsonr

from pneumo.audit.leakage import Leakage, find_leakage
from pneumo.audit.linear_baseline import LinearBaseline, linear_baseline
from pneumo.audit.measures import Measures
from pneumo.audit.shortcuts import Finding, find_shortcuts
from pneumo.cohort.index import Cohort
from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.scores import Result

FILE = "audit.json"
"""Its name in the report's folder."""
_FEWEST_FOR_CORRELATION = 10


class Originals(Result):
    """What the original files of some radiographs tell."""

    images: int
    findings: tuple[Finding, ...]
    stretch_follows_shape: Estimate
    """Pearson correlation of the stretch of the anatomy in the cohort's copies with the logarithm of the true aspect ratio."""


class Audit(Result):
    """Leakage, shortcuts, and what tiny images give away."""

    created: datetime
    """In UTC."""
    data_fingerprint: str
    """Of the cohort that was audited."""
    synthetic: bool
    images: int
    leakage: Leakage
    findings: tuple[Finding, ...]
    originals: Originals | None
    linear_baseline: LinearBaseline | None

    @property
    def shortcuts(self) -> list[Finding]:
        """List what gives the label away in train and not, or clearly less, in test."""
        return [finding for finding in self.findings if finding.verdict == "shortcut"]

    @property
    def suspects(self) -> list[Finding]:
        """List what the originals' making gives away: no disease does it, and how it is in test is not known."""
        return [finding for finding in self.originals.findings if finding.verdict == "untested"] if self.originals else []


def audit(cohort: Cohort, parts: pd.Series, measures: Measures, originals: pd.DataFrame | None, seed: int) -> Audit:
    """Look for leakage and shortcuts.

    Args:
        parts: what each radiograph is for.
        measures: of the cohort's radiographs.
        originals: traits of the files that some of them were resized from, indexed by the rows of the cohort's table.
        seed: of the folds.
    """
    table = cohort.table
    return Audit(
        created=datetime.now(UTC),
        data_fingerprint=cohort.fingerprint,
        synthetic=cohort.synthetic,
        images=len(table),
        leakage=find_leakage(table, parts, cohort.left_out, measures.thumbnails),
        findings=_findings(measures.traits, table, parts),
        originals=None if originals is None else _originals(originals, table, measures.traits["squeeze"]),
        linear_baseline=linear_baseline(measures.thumbnails, table, seed),
    )


def _originals(traits: pd.DataFrame, table: pd.DataFrame, stretch: pd.Series) -> Originals:
    # Few radiographs, so those of the grouped validation set, which is cut from train, count as train.
    parts = table.loc[traits.index, "split"].map({"train": "training", "val": "unused", "test": "test"})
    return Originals(
        images=len(traits),
        findings=_findings(traits, table.loc[traits.index], parts),
        stretch_follows_shape=_correlation(np.log(traits["aspect_ratio"]), stretch[traits.index]),
    )


def _findings(traits: pd.DataFrame, table: pd.DataFrame, parts: pd.Series) -> tuple[Finding, ...]:
    y_true = (table["label"] == "PNEUMONIA").to_numpy().astype(int)
    return find_shortcuts(traits, y_true, table["patient"].to_numpy(str), parts.to_numpy(str))


def _correlation(one: pd.Series, other: pd.Series) -> Estimate:
    if len(one) < _FEWEST_FOR_CORRELATION or one.nunique() == 1 or other.nunique() == 1:
        return Estimate(value=None)
    found = pearsonr(one, other)
    low, high = found.confidence_interval(0.95)
    return Estimate(value=float(found.statistic), low=float(low), high=float(high))
