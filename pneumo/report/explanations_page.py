"""The page that compares the explanation methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pneumo.evaluation.heatmap_metrics import BORDER_SHARE, CENTRAL_SHARE, RANDOMIZATION_LIMIT
from pneumo.report.reference import reference_heatmaps
from pneumo.report.rendering import render
from pneumo.report.saved_results import BlackoutSection, load_measurements, load_saved
from pneumo.results import stability
from pneumo.results.explanations import (
    BASELINE,
    FAITHFULNESS,
    FILE,
    FOLDER,
    LOCALIZATION,
    Explanations,
    MethodScores,
    ModelExplanations,
    beats,
)
from pneumo.results.formatting import listed, percent
from pneumo.results.model import RegisteredModel
from pneumo.results.stability import HeatmapStability

EXPLANATIONS = "explanations.html"
REGION_SHARE = {"border": 1 - (1 - 2 * BORDER_SHARE) ** 2, "centre": CENTRAL_SHARE}
"""Share of a constant map in two regions that hold little lung: the share of the radiograph's area."""
REGION_LABEL = {"border": "at the border of the radiograph", "centre": "over spine and mediastinum"}
SUSPICIOUS = 1.5
"""A map with more than this multiple of a constant map's share in a region gives a warning."""
METHODS: dict[str, tuple[str, str]] = {
    "random-cam": (
        "What a map looks like that does not depend on the class: channels are weighted at random.",
        "Anything about the radiograph. A method that is not better than this one explains nothing.",
    ),
    "grad-cam": (
        "Which channels support the class over the whole radiograph, and where these are active.",
        "Which location of an active channel gives the support; a channel may be active elsewhere for another reason.",
    ),
    "grad-cam++": (
        "The same, with every location that supports the class counted, so that several lesions are not averaged away.",
        "Evidence against the class: only positive gradients count.",
    ),
    "smooth-grad-cam++": (
        "Whether Grad-CAM++ gives the same map when a little noise is added to the radiograph.",
        "More than Grad-CAM++ where gradients are equal at all locations, as below one pooling and one dense layer.",
    ),
    "layer-cam": (
        "Each location weighted by its own gradient, so that earlier, finer layers can be used as well.",
        "Evidence against the class: only positive gradients count.",
    ),
    "hires-cam": (
        "The exact contribution of each location to the logit, where one dense layer follows the features.",
        "The same for networks with more layers after the features.",
    ),
    "lots": (
        "Everything that the network responds to: what has to change until its features are zero.",
        "Which class it supports. Noise that is invisible to the eye can change the features, and the map shows it as well.",
    ),
}
"""What each method shows, and what it cannot show."""


@dataclass(frozen=True)
class ExplanationsSection:
    """Scores of the explanation methods on the page's models."""

    models: Sequence[ModelExplanations]
    missing: Sequence[str]
    """Names of the models without current scores."""
    stability: HeatmapStability | None = None
    """Agreement between networks; None where it was not measured on these radiographs."""

    def checks(self, version: int, method: str) -> str | None:
        """Return a sentence on the checks of one method's maps of a model; None where it was not measured."""
        model = next((model for model in self.models if model.version == version), None)
        scores = model.of(method) if model else None
        if model is None or scores is None:
            return None
        return f"Checks of {method} on this model: {listed(_warnings(model, scores) or ['no warning sign'])}."


def explanations_section(report_directory: Path, models: Sequence[RegisteredModel]) -> ExplanationsSection:
    """Load the scores in the report's directory that are of these model files.

    Raises:
        UserError: their file cannot be read.
    """
    models_and_missing = load_measurements(report_directory / FILE, Explanations, "heatmaps", models)
    return ExplanationsSection(
        *models_and_missing, _stability(report_directory, {model.record.data_fingerprint for model in models})
    )


def _stability(report_directory: Path, fingerprints: set[str]) -> HeatmapStability | None:
    result = load_saved(report_directory / stability.FILE, HeatmapStability, "heatmaps")
    return result if result is not None and result.data_fingerprint in fingerprints else None


def render_explanations(section: ExplanationsSection, blackout: BlackoutSection, names: Mapping[str, Any]) -> dict[str, str]:
    """Return the page by its file name, its template filled in with `names`; nothing where no model was measured.

    Args:
        blackout: measured with blackout controls, the energy of maps inside the lungs.
    """
    if not section.models:
        return {}
    details = {
        "methods": METHODS,
        "faithfulness": FAITHFULNESS,
        "localization": LOCALIZATION,
        "baseline": BASELINE,
        "beats": beats,
        "folder": FOLDER,
        "randomization_limit": RANDOMIZATION_LIMIT,
        "region_share": REGION_SHARE,
        "reference": reference_heatmaps(),
        "blackout_of": blackout.of,
        "warnings_of": warnings_of,
        "summary_of": summary_of,
    }
    return {EXPLANATIONS: render("explanations.html.j2", {**names, **details})}


def warnings_of(model: ModelExplanations) -> list[str]:
    """Return a sentence for each method whose scores on a model give a warning sign."""
    warnings = {scores.method: _warnings(model, scores) for scores in model.methods if scores.method != BASELINE}
    return [f"{method}: {listed(signs)}." for method, signs in warnings.items() if signs]


def summary_of(model: ModelExplanations) -> str:
    """Name the methods without a warning sign. This is no proof that they are right: equal scores give no warning."""
    sound = [scores.method for scores in model.methods if scores.method != BASELINE and not _warnings(model, scores)]
    return f"no warning sign for {listed(sound)}" if sound else "a warning sign for every method"


def _warnings(model: ModelExplanations, scores: MethodScores) -> list[str]:
    warnings = []
    baseline = model.of(BASELINE)
    if baseline is not None:
        pairs = [
            (FAITHFULNESS, scores.faithfulness, baseline.faithfulness),
            (LOCALIZATION, scores.localization, baseline.localization),
        ]
        worse = [
            name
            for directions, own, of_baseline in pairs
            for name, better in directions.items()
            if name in own and beats(own[name], of_baseline[name], better) is False
        ]
        if worse:
            warnings.append(f"worse than {BASELINE} by {listed(worse)}")
    if scores.fails_randomization_check:
        warnings.append("its maps change little when all weights are randomized, so they show the radiograph, not the network")
    for region, label in REGION_LABEL.items():
        share = getattr(scores, region).mean
        if share is not None and share > SUSPICIOUS * REGION_SHARE[region]:
            warnings.append(f"{percent(share)} of its maps lies {label}, where there is little lung")
    return warnings
