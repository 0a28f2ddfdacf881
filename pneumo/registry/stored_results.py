"""Results beside models, read back from their MLflow runs: experiments, external evaluations and adaptations."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from pneumo.registry import runs
from pneumo.registry.backend import Backend
from pneumo.registry.connection import as_user_error
from pneumo.registry.entry import Entry
from pneumo.results.adaptation import Adaptation
from pneumo.results.experiment import Experiment
from pneumo.results.external import ExternalEvaluation, ScoredCohort
from pneumo.results.files import AnyResult, parse_result, read_predictions

AnyExperiment = TypeVar("AnyExperiment", bound=Experiment)


def load_experiments(backend: Backend, kind: type[AnyExperiment], data_fingerprint: str) -> list[AnyExperiment]:
    """Load the newest result of each name among the experiments of one kind and cohort.

    Raises:
        UserError: a result is missing or cannot be read by this version of the package.
    """
    if not backend.exists:
        return []
    with as_user_error(backend.location):
        run_ids: Iterable[str] = runs.newest_runs(backend.client(), kind.KIND, data_fingerprint)
    return [_result(backend, kind, f"{kind.KIND} {run_id}", run_id, f"run the {kind.KIND}") for run_id in run_ids]


def load_external_evaluations(backend: Backend, entry: Entry) -> list[ScoredCohort]:
    """Load the newest evaluation of a model on each other cohort, sorted by the cohorts' names.

    Raises:
        UserError: a result is missing or cannot be read by this version of the package.
    """
    with as_user_error(backend.location):
        run_ids = runs.newest_on_other_cohorts(backend.client(), ExternalEvaluation.KIND, entry.version, entry.model_sha256)
    action, scored = f"run `pneumo evaluate {entry.version}`", []
    for run_id in run_ids:
        owner = f"{ExternalEvaluation.KIND} {run_id}"
        evaluation = _result(backend, ExternalEvaluation, owner, run_id, action)
        with run_file(backend, run_id, runs.PREDICTIONS, owner, action) as path:
            scored.append(ScoredCohort(evaluation, read_predictions(path)))
    return sorted(scored, key=lambda cohort: (cohort.evaluation.data_name, cohort.evaluation.data_fingerprint))


def load_adaptations(backend: Backend, entry: Entry) -> list[Adaptation]:
    """Load the newest learning curve of a model on each other cohort, sorted by the cohorts' names.

    Raises:
        UserError: a result is missing or cannot be read by this version of the package.
    """
    with as_user_error(backend.location):
        run_ids = runs.newest_on_other_cohorts(backend.client(), Adaptation.KIND, entry.version, entry.model_sha256)
    action = f"run `pneumo adapt {entry.version}`"
    loaded = [_result(backend, Adaptation, f"{Adaptation.KIND} {run_id}", run_id, action) for run_id in run_ids]
    return sorted(loaded, key=lambda result: (result.data_name, result.data_fingerprint))


def run_file(backend: Backend, run_id: str, name: str, owner: str, action: str) -> AbstractContextManager[Path]:
    """Yield a temporary copy of a file of an MLflow run; an error names the owner and what to do again."""
    return backend.download(f"runs:/{run_id}/{name}", owner, f"{action} again")


def _result(backend: Backend, kind: type[AnyResult], owner: str, run_id: str, action: str) -> AnyResult:
    with run_file(backend, run_id, runs.RESULT, owner, action) as path:
        return parse_result(path.read_bytes(), kind, f"The result of {owner} in {backend.location}", backend.remedy(action))
