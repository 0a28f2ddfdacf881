"""All figures of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.evaluation.scores import PARTS
from pneumo.evaluation.subtype_scores import SubtypeScores, subtype_scores
from pneumo.figures import models as model_figures
from pneumo.figures import statistics as statistics_figures
from pneumo.figures.drawing import Picture
from pneumo.figures.experiments import ablation_curves, fold_curves, search_pictures
from pneumo.figures.reference import reference_comparison
from pneumo.report.inputs import CohortSummary, Experiments, Sample
from pneumo.report.reference import reference_systems
from pneumo.report.saved_results import GallerySection
from pneumo.report.scores import model_statistics
from pneumo.results.model import RegisteredModel


@dataclass(frozen=True)
class ModelSection:
    """One model on the page: its statistics, figures and gallery."""

    model: RegisteredModel
    statistics: ModelStatistics
    curves: Sequence[Picture]
    """Learning curves."""
    confusion: Sequence[Picture]
    search: Sequence[Picture]
    roc_band: Picture
    reliability: Picture
    gallery: GallerySection
    subtype_scores: Mapping[str, SubtypeScores]
    """Viral against bacterial pneumonia, by part; empty where the model was not trained on subtypes."""

    def all(self) -> list[Picture]:
        """Return all figures of the model."""
        return [*self.curves, *self.confusion, *self.search, self.roc_band, self.reliability]


@dataclass(frozen=True)
class Pictures:
    """The figures that show several models or none, by the names that the templates use."""

    single: dict[str, Picture]
    """subtypes, certainty, predictive_values, decision_curves; reference, on radiographs of patients."""
    several: dict[str, list[Picture]]
    """samples; roc and precision_recall on each part; folds of each cross-validation; ablations, of those of networks."""

    def all(self) -> list[Picture]:
        """Return all figures."""
        return [*self.single.values(), *(picture for pictures in self.several.values() for picture in pictures)]


def model_section(model: RegisteredModel, gallery: GallerySection, synthetic: bool) -> ModelSection:
    """Compute the statistics of one model and draw its figures."""
    record, statistics = model.record, model_statistics(model)
    return ModelSection(
        model=model,
        statistics=statistics,
        curves=model_figures.learning_curves(record.history, model.name, f"v{model.version}", synthetic),
        confusion=[
            model_figures.confusion(model, record.test.locked, "locked", synthetic),
            model_figures.confusion(model, record.test.half, "half", synthetic),
        ],
        search=search_pictures(model),
        roc_band=statistics_figures.roc_band(model, statistics, synthetic),
        reliability=statistics_figures.reliability(model, statistics, synthetic),
        gallery=gallery,
        subtype_scores={part: scores for part in PARTS if (scores := subtype_scores(model.predictions[part]))},
    )


def draw_pictures(
    cohort: CohortSummary,
    samples: Sequence[Sample],
    sections: Sequence[ModelSection],
    experiments: Experiments,
    selected: RegisteredModel,
) -> Pictures:
    """Draw the figures that show several models or none."""
    models, statistics = [section.model for section in sections], [section.statistics for section in sections]
    single = {
        "subtypes": model_figures.sensitivity_by_subtype(models, cohort.synthetic),
        "certainty": statistics_figures.scores_with_intervals(models, statistics, cohort.synthetic),
        "predictive_values": statistics_figures.predictive_values(models, statistics, cohort.synthetic),
        "decision_curves": statistics_figures.decision_curves(models, statistics, cohort.synthetic),
    }
    if not cohort.synthetic:
        single["reference"] = reference_comparison(models, statistics, selected, reference_systems())
    ablations = [result for result in experiments.ablations if result.design == "networks"]
    several = {
        "samples": [model_figures.sample(number, sample.pixels, sample.caption) for number, sample in enumerate(samples, start=1)],
        "roc": [model_figures.roc(models, part, cohort.synthetic) for part in PARTS],
        "precision_recall": [
            model_figures.precision_recall(models, part, cohort.synthetic) for part in ("validation_shifted", "test")
        ],
        "folds": [fold_curves(result, f"crossval-{n}.png") for n, result in enumerate(experiments.cross_validations, start=1)],
        "ablations": [ablation_curves(result, f"ablation-{n}.png") for n, result in enumerate(ablations, start=1)],
    }
    return Pictures(single, several)
