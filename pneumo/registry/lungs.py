"""Registered lung segmentations: versions of an MLflow model of their own, beside the classifiers' in the same registry.

They have no alias: the champion is always a classifier.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from pneumo import config
from pneumo.errors import UserError
from pneumo.registry import runs
from pneumo.registry.backend import Backend
from pneumo.registry.connection import as_user_error
from pneumo.registry.networks import create_version, load_network
from pneumo.registry.stored_results import run_file
from pneumo.results.files import parse_result
from pneumo.results.lungs import LungRecord

if TYPE_CHECKING:
    import keras

MODEL_NAME = "lung-segmentation"
NAME = "lungs"
"""What commands call the newest segmentation."""
_BY_NAME = f"name = '{MODEL_NAME}'"
_ACTION = "run `pneumo lungs`"


class LungEntry(BaseModel):
    """A registered lung segmentation as it is listed."""

    model_config = ConfigDict(frozen=True)

    version: int
    created: datetime
    run_id: str
    model_sha256: str
    dice: float
    """Mean Dice coefficient on held-out phantoms."""
    checked_on: str
    """Cohort on whose radiographs its masks were checked."""
    checked: int
    accepted: int


class LungModels:
    """The lung segmentations of a registry."""

    def __init__(self, settings: config.Registry) -> None:
        self._backend = Backend(settings)

    def add(self, record: LungRecord, model: "keras.Model", figures: Iterable[Path] = ()) -> LungEntry:
        """Register a segmentation with its record and figures.

        The version is created last, in one call, so an incomplete registration of a killed process is not listed.
        """
        with self._backend.writing() as client:
            # Imported here: it imports Keras, and MLflow's environment must be set before.
            from pneumo.registry.model_run import log_metrics, log_network  # noqa: PLC0415

            parameters = set(LungRecord.model_fields) - {"history", "masks"}
            with runs.start_run(NAME, {}) as run:
                runs.log_record(record, runs.RECORD, parameters=parameters, predictions={}, figures=figures)
                scores = {"dice": record.dice.mean, "dice_augmented": record.dice_augmented.mean, "accepted": record.masks.share}
                log_metrics(run.info.run_id, record.history, scores)
                logged, sha256 = log_network(model, NAME)
            tags = {
                "model_sha256": sha256,
                "created": record.created.isoformat(),
                "dice": str(record.dice.mean),
                "checked_on": record.masks.data_name,
                "checked": str(record.masks.images),
                "accepted": str(record.masks.accepted),
            }
            added = create_version(client, MODEL_NAME, logged, tags)
            return LungEntry.model_validate(tags | {"version": int(added.version), "run_id": logged.run_id})

    def entries(self) -> list[LungEntry]:
        """List all segmentations, the newest last, without those that this version of the package cannot read."""
        if not self._backend.exists:
            return []
        with as_user_error(self._backend.location):
            versions = self._backend.client().search_model_versions(_BY_NAME)
        entries = []
        for version in versions:
            try:
                values = version.tags | {"version": int(version.version), "run_id": version.run_id}
                entries.append(LungEntry.model_validate(values))
            except ValidationError:
                continue
        return sorted(entries, key=lambda entry: entry.version)

    def newest(self) -> LungEntry:
        """The segmentation that was registered last.

        Raises:
            UserError: there is none.
        """
        entries = self.entries()
        if not entries:
            raise UserError(f"No lung segmentation is registered in {self._backend.location}: {_ACTION} first")
        return entries[-1]

    def record(self, entry: LungEntry) -> LungRecord:
        """Load the record of a segmentation."""
        with run_file(self._backend, entry.run_id, runs.RECORD, _owner(entry), _ACTION) as path:
            name = f"The record of {_owner(entry)} in {self._backend.location}"
            return parse_result(path.read_bytes(), LungRecord, name, self._backend.remedy(_ACTION))

    def load(self, entry: LungEntry) -> "keras.Model":
        """Load a segmentation, after checking that its file is the one that was registered.

        Raises:
            UserError: the file is missing, has changed, or contains code.
        """
        return load_network(self._backend, MODEL_NAME, entry, owner=_owner(entry), action=_ACTION)


def _owner(entry: LungEntry) -> str:
    return f"lung segmentation {entry.version}"
