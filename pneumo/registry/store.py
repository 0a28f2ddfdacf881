"""The registry itself: models in, models out, and the results that are not models."""

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import pandas as pd
from pydantic import ValidationError

from pneumo import config
from pneumo.errors import UserError
from pneumo.registry import embedded, files
from pneumo.registry.connection import as_user_error, connect, import_mlflow, one_line
from pneumo.registry.entry import Entry, headline
from pneumo.registry.experiments import AnyExperiment, Kept, log_experiment, newest_runs, read_predictions
from pneumo.registry.test_access import TestAccess, log_access, read_accesses
from pneumo.results.experiment import Experiment
from pneumo.results.model import ModelRecord
from pneumo.startup import quiet_start

if TYPE_CHECKING:
    import keras

MODEL_NAME = "pneumonia-classifier"
CHAMPION = "champion"
LOCK_TIMEOUT_SECONDS = 300


class Registry:
    """Registered models: the versions of one MLflow model, embedded in a folder or on a tracking server."""

    def __init__(self, settings: config.Registry) -> None:
        self._tracking_uri = settings.tracking_uri
        self._directory = settings.directory.resolve()
        self._location = settings.tracking_uri or str(self._directory)
        # One object for each registry, since an outer call that holds it makes inner ones.
        self._lock: AbstractContextManager[Any] = (
            nullcontext()
            if settings.tracking_uri
            else filelock.FileLock(self._directory / "registry.lock", timeout=LOCK_TIMEOUT_SECONDS)
        )

    def add(
        self, record: ModelRecord, model: "keras.Model", predictions: Mapping[str, pd.DataFrame], figures: Iterable[Path] = ()
    ) -> Entry:
        """Register a model with everything that belongs to it; the first of all becomes the champion.

        The version comes last and in one call: a process killed before it leaves nothing that is listed.

        Args:
            predictions: columns path, patient, y_true, y_score, by "validation", "validation_shifted" and "test".
        """
        with self._writing() as client:
            # Imported here: it brings Keras, and MLflow's environment must be set by then.
            from pneumo.registry.run import log_run  # noqa: PLC0415

            logged = log_run(record, model, predictions, figures)
            _ensure_model_name(client)
            tags = headline(record) | {"model_sha256": logged.sha256}
            source = f"models:/{logged.model_id}"
            added = client.create_model_version(MODEL_NAME, source, logged.run_id, tags, model_id=logged.model_id)
            entries = self.entries()
            # Looked for each time: a process killed right here must not leave a registry without a champion.
            if not any(CHAMPION in entry.aliases for entry in entries):
                self.promote(entries[0].version)
            return self.get(str(added.version))

    def add_experiment(self, result: Experiment, predictions: pd.DataFrame, figures: Iterable[Path] = ()) -> str:
        """Keep a result that is not a model, listed only when all of it is there.

        Returns:
            MLflow's name of the run that holds it.
        """
        with self._writing():
            return log_experiment(result, predictions, figures)

    def entries(self, recipe: str | None = None) -> list[Entry]:
        """List the models, of one recipe or of all, the newest last."""
        if self._tracking_uri is None and not embedded.database(self._directory).exists():
            return []
        with as_user_error(self._location):
            client = self._client()
            aliases = [
                each for model in client.search_registered_models(f"name = '{MODEL_NAME}'") for each in model.aliases.items()
            ]
            found = [
                Entry.model_validate(
                    each.tags
                    | {
                        "version": each.version,
                        "run_id": each.run_id,
                        "aliases": [alias for alias, number in aliases if int(number) == int(each.version)],
                    }
                )
                for each in client.search_model_versions(f"name = '{MODEL_NAME}'")
                # A server may hold versions of that name which somebody else made.
                if "model_sha256" in each.tags
            ]
        return sorted((entry for entry in found if recipe in (None, entry.recipe)), key=lambda entry: entry.version)

    def newest(self, data_fingerprint: str, validation_fingerprint: str) -> list[Entry]:
        """List the newest model of each recipe among those trained on one cohort and validated on the same radiographs of it.

        Raises:
            UserError: none was.
        """
        of_cohort = [entry for entry in self.entries() if entry.data_fingerprint == data_fingerprint]
        if not of_cohort:
            raise UserError(f"No model of this cohort is registered in {self._location}: run `make train` first")
        by_recipe = {entry.recipe: entry for entry in of_cohort if entry.validation_fingerprint in {None, validation_fingerprint}}
        if not by_recipe:
            raise UserError(
                f"The models of this cohort in {self._location} were validated on other radiographs: give the settings of `cohort` that "
                "they were trained with"
            )
        return list(by_recipe.values())

    def newest_experiments(self, kind: type[AnyExperiment], data_fingerprint: str) -> list[Kept[AnyExperiment]]:
        """Read the results of one kind and cohort, the newest of each name."""
        if self._tracking_uri is None and not embedded.database(self._directory).exists():
            return []
        with as_user_error(self._location):
            runs = newest_runs(self._client(), kind.KIND, data_fingerprint)
        return [self._experiment(kind, run_id) for run_id in runs]

    def get(self, reference: str) -> Entry:
        """Find a model by its version, by "champion", or by its recipe, whose newest it then is.

        Raises:
            UserError: there is none; the message names those there are.
        """
        entries = self.entries()
        for entry in reversed(entries):
            if reference in (str(entry.version), entry.recipe, *entry.aliases):
                return entry
        if not entries:
            raise UserError(f"No model is registered in {self._location} yet: run `make train` first")
        existing = ", ".join(f"{entry.version} ({', '.join((entry.recipe, *entry.aliases))})" for entry in entries)
        raise UserError(f"No model `{reference}` in {self._location}: name a version, a recipe or champion; there are {existing}")

    def record(self, entry: Entry) -> ModelRecord:
        """Read everything that travels with a model."""
        with self._model_file(entry, f"runs:/{entry.run_id}/{files.RECORD}") as path:
            try:
                return ModelRecord.model_validate_json(path.read_bytes())
            except ValidationError as error:
                raise UserError(
                    f"The record of model {entry.version} in {self._location} cannot be read by this version of pneumo "
                    f"({error.error_count()} errors): train {entry.recipe} again"
                ) from error

    def predictions(self, entry: Entry, split: str) -> pd.DataFrame:
        """Read a model's predictions on "validation", "validation_shifted" or "test": path, patient, y_true, y_score."""
        with self._model_file(entry, f"runs:/{entry.run_id}/{files.predictions(split)}") as path:
            # A patient called 007 or NA keeps that name.
            texts = {"path": str, "patient": str}
            return pd.read_csv(path, dtype=texts, keep_default_na=False)

    def figure(self, entry: Entry, name: str) -> bytes:
        """Read a picture that was kept with a model."""
        with self._model_file(entry, f"runs:/{entry.run_id}/{files.FIGURES}/{name}") as path:
            return path.read_bytes()

    def load(self, entry: Entry) -> "keras.Model":
        """Load a model for prediction, once its file has proved to be the one that was registered.

        Raises:
            UserError: the file is missing, has changed, or would run code of its own.
        """
        with self._model_file(entry, f"models:/{MODEL_NAME}/{entry.version}/{files.MODEL}") as path:
            # Imported here: listing models must not take Keras' six seconds.
            with quiet_start():
                import keras  # noqa: PLC0415

            if files.sha256(path) != entry.model_sha256:
                raise UserError(
                    f"The file of model {entry.version} in {self._location} is not the one that was registered "
                    f"(sha256 differs): restore it from a backup, or train {entry.recipe} again"
                )
            try:
                return keras.saving.load_model(path, compile=False, safe_mode=True)
            except (TypeError, ValueError) as error:
                raise UserError(
                    f"Model {entry.version} in {self._location} is refused: train {entry.recipe} again ({one_line(error)})"
                ) from error

    def promote(self, version: int) -> None:
        """Make a model the champion in place of the one that is."""
        entry = self.get(str(version))
        with as_user_error(self._location):
            self._client().set_registered_model_alias(MODEL_NAME, CHAMPION, str(entry.version))

    def log_test_access(self, recipe: str, data_fingerprint: str) -> list[TestAccess]:
        """Write down that a recipe's model is about to be tested, and list all openings of that cohort's test split."""
        return log_access(self._directory, recipe, data_fingerprint)

    def test_accesses(self, data_fingerprint: str) -> list[TestAccess]:
        """List all openings of a cohort's test split, the last one last."""
        return read_accesses(self._directory, data_fingerprint)

    def ui_command(self, port: int = 5000) -> list[str]:
        """Return the command that serves MLflow's own page, and have the page find the artifacts of a folder that was moved."""
        if self._tracking_uri is not None:
            raise UserError(f"The registry is at {self._tracking_uri}: open that in a browser")
        if not self.entries():
            raise UserError(f"No model is registered in {self._location} yet: run `make train` first")
        # One worker for one reader: each takes seconds to start and half a gigabyte.
        server = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        stores = ["--backend-store-uri", embedded.uri(self._directory)]
        return [*server, *stores, "--artifacts-destination", str(embedded.artifacts(self._directory))]

    def _client(self) -> Any:
        if self._tracking_uri is not None:
            return connect(self._tracking_uri)
        with self._locked():
            return embedded.open_folder(self._directory)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except filelock.Timeout as error:
            raise UserError(
                f"Another process has held {error.lock_file} for {LOCK_TIMEOUT_SECONDS} s: see what it is doing"
            ) from error

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        """Yield MLflow's client of the registry, which is made where there was none, and is this process's alone."""
        with as_user_error(self._location):
            if self._tracking_uri is not None:
                yield self._client()
                return
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._locked():
                if not embedded.database(self._directory).exists():
                    embedded.create(self._directory)
                client = self._client()
                # This process holds the lock, so whoever else was writing is dead.
                embedded.end_abandoned_runs(client)
                yield client

    def _experiment(self, kind: type[AnyExperiment], run_id: str) -> Kept[AnyExperiment]:
        owner, remedy = f"{kind.KIND} {run_id}", f"make the {kind.KIND} again"
        with self._file(f"runs:/{run_id}/{files.RESULT}", owner, remedy) as path:
            try:
                result = kind.model_validate_json(path.read_bytes())
            except ValidationError as error:
                raise UserError(
                    f"The result of {owner} in {self._location} cannot be read by this version of pneumo "
                    f"({error.error_count()} errors): {remedy}"
                ) from error
        with self._file(f"runs:/{run_id}/{files.PREDICTIONS}", owner, remedy) as path:
            return Kept(run_id, result, read_predictions(path))

    def _model_file(self, entry: Entry, artifact: str) -> AbstractContextManager[Path]:
        return self._file(artifact, f"model {entry.version}", f"train {entry.recipe} again")

    @contextmanager
    def _file(self, artifact: str, owner: str, remedy: str) -> Iterator[Path]:
        """Yield a copy of a stored file, given MLflow's address of it."""
        with as_user_error(self._location), tempfile.TemporaryDirectory() as folder:
            self._client()
            mlflow = import_mlflow()
            try:
                path = mlflow.artifacts.download_artifacts(artifact_uri=artifact, dst_path=folder)
            except (mlflow.MlflowException, OSError) as error:
                raise UserError(
                    f"{artifact.rpartition('/')[2]} of {owner} in {self._location} cannot be read: "
                    f"restore it from a backup, or {remedy} ({one_line(error)})"
                ) from error
            yield Path(path)


def _ensure_model_name(client: Any) -> None:
    try:
        client.create_registered_model(MODEL_NAME)
    except import_mlflow().MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
