"""Inputs of the report, collected by its stage: the report itself needs neither TensorFlow nor MLflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score

from pneumo.errors import UserError
from pneumo.evaluation.scores import PARTS, Evaluation
from pneumo.files import printable
from pneumo.results.experiment import Ablation, CrossValidation, Experiment
from pneumo.results.model import RegisteredModel


@dataclass(frozen=True)
class CohortSummary:
    """The radiographs that the models were trained and tested on."""

    name: str
    """Name of the cohort's folder, never a path."""
    table: pd.DataFrame
    """A row for each radiograph: split, label, subtype, patient, width, height, mode, part (training, validation, test, unused)."""
    synthetic: bool
    foreign: Mapping[str, int]
    """Number of ignored entries of the folder by kind."""
    left_out: pd.DataFrame
    """Excluded files: columns path, problem, detail."""
    patients_from: str
    """Where patients were read from, as a phrase."""
    patients_known: bool
    """False where images were split instead of patients."""
    splits_from: str
    """Where the splits come from, as a sentence."""
    fingerprint: str
    published: bool
    """The radiographs of Kermany et al. (2018)."""
    test_accesses: Mapping[str, int]
    """Accesses to the test split by recipe, from the test-access log."""
    audits: int
    """Times that the audit read the test split, from the same log."""


@dataclass(frozen=True)
class Experiments:
    """Results on the cohort that are not models."""

    cross_validations: Sequence[CrossValidation] = ()
    ablations: Sequence[Ablation] = ()

    def all(self) -> list[Experiment]:
        """Return all results in the order of the page."""
        return [*self.cross_validations, *self.ablations]


@dataclass(frozen=True)
class Sample:
    """A radiograph to show as an example of its class."""

    pixels: npt.NDArray[np.uint8]
    """(H, W), grey values."""
    caption: str


def count_test_accesses(cohort: CohortSummary, models: Sequence[RegisteredModel]) -> dict[str, int]:
    """Return the accesses that scored a model, by recipe: from the log, or from the models' records where the log has fewer."""
    counts = dict(cohort.test_accesses)
    for model in models:
        counts[model.record.recipe] = max(counts.get(model.record.recipe, 0), model.record.test_accesses_of_recipe)
    return counts


def check_inputs(cohort: CohortSummary, models: Sequence[RegisteredModel], experiments: Experiments) -> None:
    """Check that all results are of this cohort, and that each model's predictions give the scores in its record.

    Raises:
        UserError: they do not, or there is no model.
    """
    if not models:
        raise UserError("no model of this cohort is registered yet, so there is nothing to report: run `make train` first")
    fingerprints = {model.name: model.record.data_fingerprint for model in models}
    fingerprints |= {f"{result.KIND} of {result.name}": result.data_fingerprint for result in experiments.all()}
    for name, fingerprint in fingerprints.items():
        if fingerprint != cohort.fingerprint:
            raise UserError(
                f"{name} was trained on other radiographs than {cohort.name} (fingerprint"
                f" {fingerprint[:12]}, not {cohort.fingerprint[:12]}): run `pneumo report` with the data it was trained on"
            )
    for model in models:
        for part in PARTS:
            if not _reproduces(model.predictions[part], model.evaluation(part)):
                raise UserError(
                    f"the {part} predictions stored with {model.name} do not give the scores in its record: train it again"
                )
        for scored in model.external:
            if not _reproduces(scored.predictions, scored.evaluation.statistics.scores):
                other = printable(scored.evaluation.data_name)
                raise UserError(
                    f"the predictions of {model.name} on {other} do not give the scores stored with them: run"
                    f" `pneumo evaluate {model.version}` again"
                )


def _reproduces(rows: pd.DataFrame, scores: Evaluation) -> bool:
    """Whether stored predictions give the number of images and the AUROC of an evaluation."""
    if len(rows) != scores.images:
        return False
    return scores.auroc is None or abs(roc_auc_score(rows["y_true"], rows["y_score"]) - scores.auroc) < 1e-6  # noqa: PLR2004
