"""The page that compares the methods of explanation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from pneumo.config import ExplanationMethod
from pneumo.errors import UserError
from pneumo.evaluation.heatmap_metrics import BORDER_SHARE, CENTRAL_SHARE, RANDOMIZATION_LIMIT
from pneumo.report.files import EXPLANATIONS
from pneumo.report.rendering import render
from pneumo.results.explanations import BASELINE, FAITHFULNESS, FILE, FOLDER, TRUTH, MethodScores, ModelExplanations, beats, read
from pneumo.results.formatting import listed, percent
from pneumo.results.registered import RegisteredModel

_REMEDY = "run `pneumo heatmaps`, then `pneumo report`"
# A map that says nothing has its share of the radiograph there: both regions are about a fifth of it.
REGION_SHARE = {"border": 1 - (1 - 2 * BORDER_SHARE) ** 2, "centre": CENTRAL_SHARE}
SUSPICIOUS = 1.5
"""A region is worth a warning where it holds this many times what a map that says nothing has there."""
ABOUT: dict[str, tuple[str, str]] = {
    "random-cam": (
        "What a picture is worth that knows nothing of the class: channels are weighed at random.",
        "Nothing about the radiograph. A method that is not better than this one explains nothing.",
    ),
    "grad-cam": (
        "Which channels argue for the class over the whole radiograph, and where these are active.",
        "Where within an active channel the argument lies; a channel may be active elsewhere for another reason.",
    ),
    "grad-cam++": (
        "The same, with every place that argues for the class counted, so that several lesions are not averaged away.",
        "What argues against the class: only positive gradients count.",
    ),
    "smooth-grad-cam++": (
        "Whether that holds when a little noise is added to the radiograph.",
        "More than Grad-CAM++ where gradients are the same everywhere, as below one pooling and one dense layer.",
    ),
    "layer-cam": (
        "Each place by its own gradient, so that earlier, finer layers can be drawn too.",
        "What argues against the class: only positive gradients count.",
    ),
    "hires-cam": (
        "Exactly what each place added to the logit, where one dense layer follows the features.",
        "The same for networks with more layers behind the features.",
    ),
    "lots": (
        "All that the network made anything of: what has to change until it sees nothing.",
        "For which class. Noise that the eye overlooks can change what a network sees, and the map shows it all the same.",
    ),
}
"""What each method can tell, and what it cannot."""


@dataclass(frozen=True)
class ExplanationsSection:
    """The measures of the report's models, as far as they were taken."""

    found: Sequence[ModelExplanations]
    missing: Sequence[str]
    """Names of the models that were not measured yet, or not as they are now."""

    def numbers(self) -> list[dict[str, Any]]:
        """Give the measures as metrics.json has them."""
        return [model.model_dump(mode="json") for model in self.found]

    def checked(self, version: int, method: str) -> str | None:
        """Say what the checks found of one method's maps of a model; None where they were not made."""
        model = next((each for each in self.found if each.version == version), None)
        found = model.of(method) if model else None
        if model is None or found is None:
            return None
        return f"What the checks of {method} on this model say: {listed(_wrong(model, found) or ['no warning sign'])}."

    def page(self, content: Mapping[str, Any]) -> dict[str, str]:
        """Write the page, by its file's name; none where nothing was measured.

        Args:
            content: what the report's pages are made from.
        """
        if not self.found:
            return {}
        own = {
            "explanations": self,
            "about": ABOUT,
            "faithfulness": FAITHFULNESS,
            "truth": TRUTH,
            "baseline": BASELINE,
            "beats": beats,
            "folder": FOLDER,
            "randomization_limit": RANDOMIZATION_LIMIT,
            "region_share": REGION_SHARE,
            "reference": reference_heatmaps(),
            "verdicts": verdicts,
            "in_short": in_short,
        }
        return {EXPLANATIONS: render("explanations.html.j2", {**content, **own})}


def explanations_section(report_directory: Path, models: Sequence[RegisteredModel]) -> ExplanationsSection:
    """Find the measures in the report's folder that are of these very models.

    Raises:
        UserError: their file cannot be read as one.
    """
    file = report_directory / FILE
    try:
        kept = read(file)
    except ValidationError as error:
        raise UserError(f"{file} holds no measures of heatmaps ({error.error_count()} errors): delete it, {_REMEDY}") from error
    measured = {(model.version, model.model_sha256, model.data_fingerprint): model for model in kept.models}
    keys = {model.name: (model.version, model.sha256, model.facts.data_fingerprint) for model in models}
    found = [measured[key] for key in keys.values() if key in measured and _pictured(report_directory, measured[key])]
    names = {model.name for model in found}
    return ExplanationsSection(found, [name for name in keys if name not in names])


def verdicts(model: ModelExplanations) -> list[str]:
    """Say in plain words what the measures of one model warn of, method by method; nothing where they do not."""
    wrong = {method.method: _wrong(model, method) for method in model.methods if method.method != BASELINE}
    return [f"{method}: {listed(signs)}." for method, signs in wrong.items() if signs]


def in_short(model: ModelExplanations) -> str:
    """Name the methods whose maps of a model show no warning sign: no proof, as a measure on which all tie says nothing."""
    sound = [each.method for each in model.methods if each.method != BASELINE and not _wrong(model, each)]
    return f"no check speaks against {listed(sound)}" if sound else "some check speaks against every method"


def _wrong(model: ModelExplanations, method: MethodScores) -> list[str]:
    return [*_against_the_baseline(model, method), *_warnings(method)]


def reference_heatmaps() -> dict[str, dict[str, float]]:
    """Read what 004 reports of the methods."""
    text = resources.files(__package__).joinpath("reference_heatmaps.yaml").read_bytes()
    systems: dict[str, dict[str, float]] = yaml.safe_load(text)
    return {method: systems[method] for method in get_args(ExplanationMethod)}


def _against_the_baseline(model: ModelExplanations, method: MethodScores) -> list[str]:
    baseline = model.of(BASELINE)
    if baseline is None:
        return []
    pairs = [(FAITHFULNESS, method.faithfulness, baseline.faithfulness), (TRUTH, method.truth, baseline.truth)]
    lost = [
        name
        for directions, values, of_baseline in pairs
        for name, better in directions.items()
        if name in values and beats(values[name], of_baseline[name], better) is False
    ]
    return [f"worse than {BASELINE} by {listed(lost)}"] if lost else []


def _warnings(method: MethodScores) -> list[str]:
    said = []
    if method.fails_randomization_check:
        said.append(
            "drawn much the same by a network that has forgotten everything, so it shows the radiograph rather than the network"
        )
    for region, name in (("border", "at the radiograph's border"), ("centre", "over spine and mediastinum")):
        share = getattr(method, region).mean
        if share is not None and share > SUSPICIOUS * REGION_SHARE[region]:
            said.append(f"{percent(share)} of it lies {name}, where little lung is")
    return said


def _pictured(report_directory: Path, model: ModelExplanations) -> bool:
    return all((report_directory / FOLDER / name).is_file() for name in model.pictures.values())
