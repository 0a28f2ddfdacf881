"""The model registry: register, list, look up, load and promote models; store and load the results of experiments."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from pneumo import config
from pneumo.errors import UserError
from pneumo.evaluation.stored_arrays import StoredArrays
from pneumo.files import printable
from pneumo.registry import embedded, runs
from pneumo.registry.backend import Backend
from pneumo.registry.connection import as_user_error
from pneumo.registry.entry import SHA256_TAG, Entry, UnreadableEntry, best_of, describe_entries, find_entry, read_entry, tags_of
from pneumo.registry.networks import create_version, load_network
from pneumo.registry.stored_results import (
    AnyExperiment,
    load_adaptations,
    load_experiments,
    load_external_evaluations,
    run_file,
)
from pneumo.registry.test_access import Access, log_access, read_accesses
from pneumo.results.adaptation import Adaptation, AdaptedRecord
from pneumo.results.experiment import Experiment
from pneumo.results.external import ExternalEvaluation, ScoredCohort
from pneumo.results.files import AnyResult, parse_result, read_predictions
from pneumo.results.model import AnyRecord, ModelRecord
from pneumo.results.registered import RegisteredRecord

if TYPE_CHECKING:
    import keras

Arrays = TypeVar("Arrays", bound=StoredArrays)
MODEL_NAME = "pneumonia-classifier"
BY_NAME = f"name = '{MODEL_NAME}'"
CHAMPION = "champion"
PROMOTED_TAG = "champion_promoted"
"""Tag of a registry whose champion was promoted by hand."""
NO_MODEL_REMEDY = "run `make train` first, or give the folder of another registry with --registry.directory"


class Registry:
    """Registered models: the versions of one MLflow model, embedded in a folder or on a tracking server."""

    def __init__(self, settings: config.Registry) -> None:
        self._backend = Backend(settings)
        self._location = self._backend.location

    def add(
        self,
        record: RegisteredRecord,
        model: "keras.Model",
        predictions: Mapping[str, pd.DataFrame],
        figures: Iterable[Path] = (),
        attachments: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Entry:
        """Register a model with its record, predictions by part, figures, and other files by name.

        Until one is promoted by hand, the champion is chosen by worst views: see `best_of`.

        The version is created last, in one call, so an incomplete registration of a killed process is not listed.
        """
        with self._backend.writing() as client:
            # Imported here: it imports Keras, and MLflow's environment must be set before.
            from pneumo.registry.model_run import log_model  # noqa: PLC0415

            logged, sha256 = log_model(record, model, predictions, figures, attachments)
            added = create_version(client, MODEL_NAME, logged, tags_of(record, sha256))
            # Of all models: a process killed at this point would leave a registry without a champion.
            if PROMOTED_TAG not in client.get_registered_model(MODEL_NAME).tags:
                client.set_registered_model_alias(MODEL_NAME, CHAMPION, str(best_of(self.entries()).version))
            return self.get(str(added.version))

    def add_experiment(self, result: Experiment, predictions: pd.DataFrame, figures: Iterable[Path] = ()) -> str:
        """Store the result of an experiment and return the id of its MLflow run; it is listed when it is complete."""
        with self._backend.writing() as client:
            return runs.log_experiment(client, result, predictions, figures)

    def add_external_evaluation(self, result: ExternalEvaluation, predictions: pd.DataFrame) -> str:
        """Store the evaluation of a model on another cohort and return the id of its MLflow run."""
        with self._backend.writing() as client:
            return runs.log_external_evaluation(client, result, predictions)

    def add_adaptation(self, result: Adaptation, predictions: pd.DataFrame) -> str:
        """Store the learning curve of a model on another cohort and return the id of its MLflow run."""
        with self._backend.writing() as client:
            return runs.log_adaptation(client, result, predictions)

    def entries(self, recipe: str | None = None) -> list[Entry]:
        """List the models of one recipe or of all, the newest last; without those of `unreadable`."""
        return [entry for entry in self._listing() if isinstance(entry, Entry) and recipe in (None, entry.recipe)]

    def unreadable(self) -> list[str]:
        """Describe each model that this version of the package cannot read: which, where, why and what to do."""
        return [self._refusal(entry) for entry in self._listing() if isinstance(entry, UnreadableEntry)]

    def newest(self, data_fingerprint: str, protocol_fingerprint: str) -> list[Entry]:
        """List the newest model of each recipe among those of one cohort and one protocol, without adapted ones.

        Raises:
            UserError: there is none.
        """
        listing = [entry for entry in self._listing() if entry.data_fingerprint == data_fingerprint]
        readable = [entry for entry in listing if isinstance(entry, Entry) and entry.parent_version is None]
        by_recipe = {entry.recipe: entry for entry in readable if entry.protocol_fingerprint == protocol_fingerprint}
        if by_recipe:
            return list(by_recipe.values())
        if readable:
            raise UserError(
                f"The models of this cohort in {self._location} were validated under another protocol: give the settings of "
                "`protocol` that they were trained with, or train models with the current ones"
            )
        unreadable = [entry for entry in listing if isinstance(entry, UnreadableEntry)]
        if unreadable:
            raise UserError(self._refusal(unreadable[-1]))
        raise UserError(f"No model of this cohort is registered in {self._location}: run `make train` first")

    def newest_experiments(self, kind: type[AnyExperiment], data_fingerprint: str) -> list[AnyExperiment]:
        """Load the newest result of each name among the experiments of one kind and cohort."""
        return load_experiments(self._backend, kind, data_fingerprint)

    def external_evaluations(self, entry: Entry) -> list[ScoredCohort]:
        """Load the newest evaluation of a model on each other cohort, sorted by the cohorts' names."""
        return load_external_evaluations(self._backend, entry)

    def adaptations(self, entry: Entry) -> list[Adaptation]:
        """Load the newest learning curve of a model on each other cohort, sorted by the cohorts' names."""
        return load_adaptations(self._backend, entry)

    def adapted(self, entry: Entry) -> list[Entry]:
        """List the models that were adapted from a model, the newest last."""
        return [other for other in self.entries() if other.parent_version == entry.version]

    def get(self, reference: str | int) -> Entry:
        """Look up a model by its version, by "champion", or by its recipe, of which the newest is returned.

        A recipe that is trained from several seeds stands for its newest ensemble, or without one for the newest model of a seed.

        Raises:
            UserError: there is none, or this version of the package cannot read it.
        """
        listing, name = self._listing(), str(reference)
        entry = find_entry(listing, name)
        if isinstance(entry, UnreadableEntry):
            raise UserError(self._refusal(entry))
        if entry is not None:
            return entry
        if not listing:
            raise UserError(f"No model is registered in {self._location} yet: {NO_MODEL_REMEDY}")
        advice = f"name a version, a recipe or champion; {describe_entries(listing, name)}"
        raise UserError(f"No model `{printable(name)}` in {self._location}: {advice}")

    def record(self, entry: Entry) -> ModelRecord:
        """Load the record of a trained model."""
        return self._record(entry, ModelRecord)

    def adapted_record(self, entry: Entry) -> AdaptedRecord:
        """Load the record of an adapted model."""
        return self._record(entry, AdaptedRecord)

    def registered_record(self, entry: Entry) -> AnyRecord:
        """Load the record of a model, trained or adapted."""
        return self.record(entry) if entry.parent_version is None else self.adapted_record(entry)

    def predictions(self, entry: Entry, part: str) -> pd.DataFrame:
        """Read a model's predictions on "validation", "validation_shifted" or "test", or on "out_of_fold" of an adapted one.

        Columns path, patient, y_true, y_score.
        """
        with self._model_file(entry, runs.predictions_file(part)) as path:
            return read_predictions(path)

    def attachment(self, entry: Entry, name: str) -> bytes | None:
        """Read a file that was registered with a model; None where it has none of this name, as one of an earlier version."""
        with as_user_error(self._location):
            stored = {file.path for file in self._backend.client().list_artifacts(entry.run_id)}
        if name not in stored:
            return None
        with self._model_file(entry, name) as path:
            return path.read_bytes()

    def arrays(self, entry: Entry, name: str, kind: type[Arrays]) -> Arrays | None:
        """Read a record of arrays that was registered with a model; None where it has none of this name.

        Raises:
            UserError: it is damaged.
        """
        content = self.attachment(entry, name)
        try:
            return None if content is None else kind.from_bytes(content)
        except ValueError as error:
            raise UserError(
                f"{name} of model {entry.version} is damaged: {self._backend.remedy(f'train {entry.recipe}')}"
            ) from error

    def figure(self, entry: Entry, name: str) -> bytes:
        """Read a figure that was registered with a model."""
        with self._model_file(entry, f"{runs.FIGURES}/{name}") as path:
            return path.read_bytes()

    def load(self, entry: Entry) -> "keras.Model":
        """Load a model for prediction, after checking that its file is the one that was registered.

        Raises:
            UserError: the file is missing, has changed, or contains code.
        """
        owner = f"model {entry.version}"
        return load_network(self._backend, MODEL_NAME, entry, owner=owner, action=f"train {entry.recipe}")

    def promote(self, reference: str | int) -> Entry:
        """Make a model the champion in place of the current one, whatever is registered after it."""
        entry = self.get(reference)
        with as_user_error(self._location):
            client = self._backend.client()
            client.set_registered_model_tag(MODEL_NAME, PROMOTED_TAG, "by hand")
            client.set_registered_model_alias(MODEL_NAME, CHAMPION, str(entry.version))
        return entry

    def log_test_access(self, recipe: str, data_fingerprint: str, content_fingerprint: str | None = None) -> list[Access]:
        """Log that the audit or a recipe's model is about to access test; return all accesses to those radiographs, this one last.

        Args:
            content_fingerprint: of the cohort, with which accesses to the same radiographs in other splits count as well.
        """
        return log_access(self._backend, recipe, data_fingerprint, content_fingerprint)

    def test_accesses(self, data_fingerprint: str, content_fingerprint: str | None = None) -> list[Access]:
        """Return all accesses to a cohort's test split, and to the same radiographs in other splits, the newest last."""
        return read_accesses(self._backend, data_fingerprint, content_fingerprint)

    def ui_command(self, port: int = 5000) -> list[str]:
        """Return the command that runs the MLflow UI on an embedded registry."""
        if self._backend.tracking_uri is not None:
            raise UserError(f"The registry is at {self._location}: open that in a browser")
        # Also updates the stored locations of a folder that was moved.
        if not self._listing():
            raise UserError(f"No model is registered in {self._location} yet: {NO_MODEL_REMEDY}")
        # One worker: each takes seconds to start and half a gigabyte of memory.
        server = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        directory = self._backend.directory
        stores = ["--backend-store-uri", embedded.uri(directory), "--artifacts-destination", str(directory / embedded.ARTIFACTS)]
        return [*server, *stores]

    def _listing(self) -> list[Entry | UnreadableEntry]:
        """List all models, the newest last."""
        if not self._backend.exists:
            return []
        with as_user_error(self._location):
            client = self._backend.client()
            models, versions = client.search_registered_models(BY_NAME), client.search_model_versions(BY_NAME)
        aliases: dict[int, list[str]] = {}
        for alias, version in (item for model in models for item in model.aliases.items()):
            aliases.setdefault(int(version), []).append(alias)
        # A server may hold versions of this name that were not made by this package.
        entries = [read_entry(version, aliases) for version in versions if SHA256_TAG in version.tags]
        return sorted(entries, key=lambda entry: entry.version)

    def _refusal(self, entry: UnreadableEntry) -> str:
        return (
            f"Model {entry.version} in {self._location} is of an incompatible version of pneumo (without a valid {entry.fields}): "
            f"{self._backend.remedy(f'train {entry.recipe}')}"
        )

    def _record(self, entry: Entry, kind: type[AnyResult]) -> AnyResult:
        with self._model_file(entry, runs.RECORD) as path:
            name = f"The record of model {entry.version} in {self._location}"
            return parse_result(path.read_bytes(), kind, name, self._backend.remedy(f"train {entry.recipe}"))

    def _model_file(self, entry: Entry, name: str) -> AbstractContextManager[Path]:
        return run_file(self._backend, entry.run_id, name, f"model {entry.version}", f"train {entry.recipe}")
