"""Audit of a cohort, as `pneumo audit` saves it for the report: leakage, acquisition shortcuts and the linear pixel baseline."""

from typing import Literal

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.scores import Result
from pneumo.results.provenance import Provenance

FILE = "audit.json"
"""In the report's directory."""
CHANCE = 0.5
"""AUROC of a trait that does not predict the label."""
Verdict = Literal["shortcut", "redundant", "shared", "unclear", "untested", "uninformative", "constant", "too_few"]
"""shortcut: the trait predicts the label in train and clearly less in test; redundant: it does so only through another shortcut;
shared: in test too; unclear: too few test radiographs to decide; untested: no test radiographs; uninformative: it does not predict
the label in train; constant: the same for all radiographs of train; too_few: too few patients to judge."""


class Group(Result):
    """Radiographs with identical pixels."""

    paths: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    patients: int


class Pair(Result):
    """Two similar radiographs of different patients."""

    first: str
    second: str
    correlation: float
    """Correlation of their fine structure."""
    across_splits: bool
    across_labels: bool


class Leakage(Result):
    """Patients and images shared between parts or splits, among the radiographs that passed the index."""

    patients: int
    patients_in_several_splits: int
    patients_in_several_parts: int
    """Of training, validation and test."""
    left_out: dict[str, int]
    """Number of radiographs left out by the index, by problem."""
    identical: tuple[Group, ...]
    identical_across_splits: int
    """Number of groups; likewise the next field."""
    identical_with_two_labels: int
    near_duplicate_correlation: float
    """Correlation from which two radiographs of different patients count as near-duplicates."""
    near_duplicates: tuple[Pair, ...]
    most_similar: tuple[Pair, ...]
    """The pairs with the highest correlations below it."""


class Finding(Result):
    """How well one trait alone predicts the label, and what follows from that."""

    trait: str
    training: Estimate
    """AUROC of the trait as a score of PNEUMONIA, as the next two: below 0.5 where PNEUMONIA has lower values; None where the trait
    is constant."""
    validation: Estimate
    test: Estimate
    verdict: Verdict
    redundant_with: str | None = None
    """The shortcut that a redundant trait is correlated with."""

    @property
    def lower(self) -> bool:
        """Whether PNEUMONIA has the lower values in training."""
        return self.training.value is not None and self.training.value < CHANCE


class LinearBaseline(Result):
    """Scores of the linear pixel baseline: a logistic regression on the pixels of very small images."""

    side_px: int
    folds: int
    cross_validated: Estimate
    """AUROC of the out-of-fold predictions on the train split, folds grouped by patient."""
    test: Estimate
    """AUROC on the test split after training on the whole train split."""
    sensitivity: Estimate
    """On test at 0.5, as the specificity."""
    specificity: Estimate


class Originals(Result):
    """Traits of the original files that some of the cohort's radiographs were resized from."""

    images: int
    findings: tuple[Finding, ...]
    stretch_follows_shape: Estimate
    """Pearson correlation of the anatomical stretch of the cohort's copies with the logarithm of the originals' aspect ratio."""


class Audit(Provenance):
    """All results of the audit of a cohort."""

    images: int
    leakage: Leakage
    findings: tuple[Finding, ...]
    originals: Originals | None
    linear_baseline: LinearBaseline | None

    @property
    def shortcuts(self) -> list[Finding]:
        """Findings about traits that predict the label in train and not, or clearly less, in test."""
        return [finding for finding in self.findings if finding.verdict == "shortcut"]

    @property
    def suspects(self) -> list[Finding]:
        """Findings about traits of the originals that predict the label in train and are not known in test."""
        return [finding for finding in self.originals.findings if finding.verdict == "untested"] if self.originals else []
