"""Sections of the page on results that other commands saved in its directory: audit, robustness, blackout, galleries.

Each function that loads a result raises a UserError as `load_saved` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pneumo.errors import UserError
from pneumo.figures.audit import trait_aurocs
from pneumo.figures.drawing import Picture
from pneumo.figures.robustness import robustness_curves
from pneumo.results import audit, blackout, gallery, robustness
from pneumo.results.audit import Audit
from pneumo.results.blackout import Blackouts, ModelBlackout
from pneumo.results.files import AnyResult, load_result
from pneumo.results.gallery import ExplainedMistake, MistakeGallery, gallery_folder
from pneumo.results.measurements import Measurement, Measurements
from pneumo.results.model import RegisteredModel
from pneumo.results.robustness import ModelRobustness, Robustness


def load_saved(file: Path, kind: type[AnyResult], command: str) -> AnyResult | None:
    """Return the result that a command saved; None where it has not been run yet.

    Raises:
        UserError: the file is damaged, or of another version of this package.
    """
    result = load_result(file, kind)
    if result is None and file.is_file():
        raise UserError(
            f"{file} is not a readable result of `pneumo {command}`: delete it, run `pneumo {command}`, then `pneumo report`"
        )
    return result


def load_measurements(
    file: Path, kind: type[Measurements[Measurement]], command: str, models: Sequence[RegisteredModel]
) -> tuple[list[Measurement], list[str]]:
    """Return the current measurements of these model files, and the names of the models that have none."""
    saved = load_saved(file, kind, command)
    current = {
        (measurement.version, measurement.model_sha256, measurement.data_fingerprint): measurement
        for measurement in (saved.models if saved else ())
        if measurement.is_current(file.parent)
    }
    keys = {model.name: (model.version, model.sha256, model.record.data_fingerprint) for model in models}
    return [current[key] for key in keys.values() if key in current], [name for name, key in keys.items() if key not in current]


@dataclass(frozen=True)
class AuditSection:
    """The audit of these radiographs, or the reason why there is none to show."""

    result: Audit | None
    absent: str | None = None
    """Start of a sentence that ends with the command to run."""
    picture: Picture | None = None
    """None also where no trait varies."""


def audit_section(report_directory: Path, fingerprint: str) -> AuditSection:
    """Load the audit, if it is of the cohort with this fingerprint."""
    result = load_saved(report_directory / audit.FILE, Audit, "audit")
    if result is None:
        return AuditSection(None, "These radiographs have not been audited yet")
    if result.data_fingerprint != fingerprint:
        return AuditSection(None, "The audit in this folder is of other radiographs")
    return AuditSection(result, picture=trait_aurocs(result))


@dataclass(frozen=True)
class RobustnessSection:
    """Robustness curves of the page's models."""

    models: Sequence[ModelRobustness]
    missing: Sequence[str]
    """Names of the models without current curves."""
    picture: Picture | None
    """None where no model has any."""


def robustness_section(report_directory: Path, models: Sequence[RegisteredModel], synthetic: bool) -> RobustnessSection:
    """Load the curves of these model files, and draw them."""
    measured, missing = load_measurements(report_directory / robustness.FILE, Robustness, "robustness", models)
    # Each model has the style of the other figures, whichever model is missing here.
    positions = [position for position, model in enumerate(models) if model.name not in missing]
    picture = robustness_curves(measured, positions, synthetic) if measured else None
    return RobustnessSection(measured, missing, picture)


@dataclass(frozen=True)
class BlackoutSection:
    """Blackout controls of the page's models."""

    models: Sequence[ModelBlackout]
    missing: Sequence[str]
    """Names of the models without current controls."""

    def of(self, version: int) -> ModelBlackout | None:
        """The controls of the model of a version, where they were measured."""
        return next((controls for controls in self.models if controls.version == version), None)


def blackout_section(report_directory: Path, models: Sequence[RegisteredModel]) -> BlackoutSection:
    """Load the controls of these model files."""
    return BlackoutSection(*load_measurements(report_directory / blackout.FILE, Blackouts, "blackout", models))


@dataclass(frozen=True)
class GallerySection:
    """A model's mistakes with their heatmaps, or the reason why there are none to show."""

    folder: str
    """Relative to the report's directory."""
    mistakes: Sequence[ExplainedMistake] = ()
    absent: str | None = None
    """Start of a sentence that ends with the command to run."""


def gallery_section(report_directory: Path, model: RegisteredModel) -> GallerySection:
    """Load a model's gallery, if it is complete and was made from the same model file."""
    folder = gallery_folder(model.record.recipe, model.version)
    root = report_directory / folder
    saved = load_saved(root / gallery.FILE, MistakeGallery, "gradcam")
    if saved is None:
        return GallerySection(folder, absent="No heatmaps have been drawn for this model yet")
    if saved.model_sha256 != model.sha256:
        return GallerySection(folder, absent="The heatmaps in this folder are of another model file")
    names = [name for mistake in saved.mistakes for name in mistake.files.model_dump().values()]
    if not all(_is_file_inside(root, name) for name in names):
        return GallerySection(folder, absent="The gallery of this model is incomplete")
    return GallerySection(folder, saved.mistakes)


def _is_file_inside(folder: Path, name: str) -> bool:
    file = (folder / name).resolve()
    return file.is_relative_to(folder.resolve()) and file.is_file()
