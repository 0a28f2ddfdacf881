"""Measurements of registered models, saved in one file for the report: the stages `heatmaps` and `robustness` resume from it."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

from rich.console import Console

from pneumo.evaluation.scores import Result
from pneumo.results.files import load_result, save_result
from pneumo.results.provenance import Provenance


class ModelMeasurement(Provenance):
    """Measurement of one registered model."""

    version: int
    recipe: str
    model_sha256: str
    """SHA-256 of the model file."""
    settings: dict[str, Any]
    """Settings of the measurement, as JSON values."""

    @property
    def name(self) -> str:
        """Recipe and version."""
        return f"{self.recipe} v{self.version}"

    @property
    @abstractmethod
    def summary(self) -> str:
        """The main result in one sentence."""

    @abstractmethod
    def is_current(self, directory: Path) -> bool:
        """Return whether it is complete in the report's directory and was defined as this version of the package defines it."""


Measurement = TypeVar("Measurement", bound=ModelMeasurement)
Entry = TypeVar("Entry")


class Measurements(Result, Generic[Measurement]):
    """Measurements of several models, at most one of each model."""

    models: tuple[Measurement, ...]


# Common to a measurement and to the registry's entry of its model.
_identity = attrgetter("version", "model_sha256", "data_fingerprint")


def measure_models(
    file: Path,
    kind: type[Measurements[Measurement]],
    entries: Iterable[Entry],
    *,
    settings: dict[str, Any],
    measure: Callable[[Entry], Measurement],
    console: Console,
) -> None:
    """Measure registered models, save the file after each, and print each summary; an interrupted run resumes with the next model.

    A measurement in the file is reused if it is of the same model file, cohort and settings, and still current. At the end,
    those of models that are not among the entries are removed.

    Args:
        entries: models as the registry lists them.
        settings: that `measure` uses, as JSON values.

    Raises:
        UserError: the file cannot be written.
    """
    loaded = load_result(file, kind)
    earlier = loaded.models if loaded else ()
    models: list[Measurement] = []
    for entry in entries:
        candidates = (model for model in earlier if _identity(model) == _identity(entry) and model.settings == settings)
        reused = next((model for model in candidates if model.is_current(file.parent)), None)
        models.append(reused or measure(entry))
        console.print(f"{models[-1].summary}{' (measured before)' if reused else ''}")
        done = {model.version for model in models}
        save_result(file, kind(models=(*models, *(model for model in earlier if model.version not in done))))
    save_result(file, kind(models=tuple(models)))
    console.print(f"Saved in {file}\nNext: pneumo report")
