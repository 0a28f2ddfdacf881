"""What the page shows besides numbers: every figure, drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.evaluation.predictions import PARTS
from pneumo.figures import models as figures
from pneumo.figures import statistics as statistics_figures
from pneumo.figures.drawing import Picture
from pneumo.figures.experiments import ablation_curves, fold_curves, search_pictures
from pneumo.figures.reference import beside_reference
from pneumo.report.inputs import CohortFacts, Experiments, Gallery, Sample, read_gallery
from pneumo.report.numbers import reference_systems
from pneumo.results.registered import RegisteredModel


@dataclass(frozen=True)
class ModelSection:
    """One model as the page shows it."""

    result: RegisteredModel
    curves: Sequence[Picture]
    confusion: Sequence[Picture]
    search: Sequence[Picture]
    gallery: Gallery
    statistics: ModelStatistics
    roc_band: Picture
    reliability: Picture

    def all(self) -> list[Picture]:
        """List the figures to write."""
        return [*self.curves, *self.confusion, *self.search, self.roc_band, self.reliability]


@dataclass(frozen=True)
class Pictures:
    """The figures that are not of one model alone."""

    samples: Sequence[Picture]
    roc: Sequence[Picture]
    precision_recall: Sequence[Picture]
    subtypes: Picture
    certainty: Picture
    predictive_values: Picture
    decision_curves: Picture
    folds: Sequence[Picture]
    """Of each cross-validation."""
    ablations: Sequence[Picture]
    reference: Picture | None
    """None for phantoms, which nobody else has read."""

    def all(self) -> list[Picture]:
        """List the figures to write."""
        alone = [
            self.subtypes,
            self.certainty,
            self.predictive_values,
            self.decision_curves,
            *([self.reference] if self.reference else []),
        ]
        return [*self.samples, *self.roc, *self.precision_recall, *alone, *self.folds, *self.ablations]


def draw_section(directory: Path, model: RegisteredModel, statistics: ModelStatistics, synthetic: bool) -> ModelSection:
    """Draw what the page shows of one model, and find its heatmaps in the report's folder.

    Raises:
        UserError: its gallery cannot be read.
    """
    return ModelSection(
        result=model,
        curves=figures.learning_curves(model.facts.history, model.name, f"v{model.version}", synthetic),
        confusion=[
            figures.confusion(model, model.facts.test.locked, "locked", synthetic),
            figures.confusion(model, model.facts.test.half, "half", synthetic),
        ],
        search=search_pictures(model),
        gallery=read_gallery(directory, model),
        statistics=statistics,
        roc_band=statistics_figures.roc_band(model, statistics, synthetic),
        reliability=statistics_figures.reliability(model, statistics, synthetic),
    )


def draw_pictures(
    cohort: CohortFacts,
    samples: Sequence[Sample],
    models: Sequence[RegisteredModel],
    statistics: Sequence[ModelStatistics],
    *,
    experiments: Experiments,
    trusted: RegisteredModel,
) -> Pictures:
    """Draw the figures that are not of one model alone."""
    synthetic = cohort.synthetic
    return Pictures(
        samples=[figures.sample(number, radiograph) for number, radiograph in enumerate(samples, start=1)],
        roc=[figures.roc(models, part, synthetic) for part in PARTS],
        precision_recall=[figures.precision_recall(models, part, synthetic) for part in PARTS if part != "validation"],
        subtypes=figures.found_by_subtype(models, synthetic),
        certainty=statistics_figures.certainty(models, statistics, synthetic),
        predictive_values=statistics_figures.predictive_values(models, statistics, synthetic),
        decision_curves=statistics_figures.decision_curves(models, statistics, synthetic),
        folds=[fold_curves(each, f"crossval-{number}.png") for number, each in enumerate(experiments.cross_validations, start=1)],
        ablations=[ablation_curves(each, f"ablation-{number}.png") for number, each in enumerate(experiments.ablations, start=1)],
        reference=None if synthetic else beside_reference(models, statistics, trusted, reference_systems()),
    )
