"""Content of the report: statistics, figures and results, by the names that the templates use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pneumo.config import Referral
from pneumo.figures.drawing import Picture
from pneumo.report.adaptations import AdaptationsSection, adaptations_section
from pneumo.report.explanations_page import ExplanationsSection, explanations_section
from pneumo.report.inputs import CohortSummary, Experiments, Sample, count_test_accesses
from pneumo.report.other_cohorts import OtherCohortsSection, other_cohorts_section
from pneumo.report.pictures import ModelSection, Pictures, draw_pictures, model_section
from pneumo.report.referral import ReferralSection, referral_section
from pneumo.report.saved_results import (
    AuditSection,
    BlackoutSection,
    RobustnessSection,
    audit_section,
    blackout_section,
    gallery_section,
    robustness_section,
)
from pneumo.report.scores import Comparison, paired_comparisons
from pneumo.report.seed_groups import SeedGroup, find_seed_groups, without_members
from pneumo.report.selected_model import SelectedModel, select_model
from pneumo.results.model import RegisteredModel


@dataclass(frozen=True)
class Content:
    """What the templates show."""

    cohort: CohortSummary
    test_accesses: Mapping[str, int]
    all_sections: Sequence[ModelSection]
    sections: Sequence[ModelSection]
    """Those of the tables and figures: without the members of ensembles."""
    seed_groups: Sequence[SeedGroup]
    comparisons: Sequence[Comparison]
    selected: SelectedModel
    audit: AuditSection
    robustness: RobustnessSection
    blackout: BlackoutSection
    """Of all models, members of ensembles as well."""
    explanations: ExplanationsSection
    other_cohorts: OtherCohortsSection
    adaptations: AdaptationsSection
    referral: ReferralSection
    experiments: Experiments
    pictures: Pictures

    def files(self) -> list[Picture]:
        """Return the figures that the page shows as files; the cards embed theirs."""
        return [
            *self.pictures.all(),
            *(picture for picture in (self.audit.picture, self.robustness.picture) if picture),
            *(picture for section in self.sections for picture in section.all()),
            *self.other_cohorts.all(),
            *self.adaptations.all(),
            self.referral.picture,
        ]


def build_content(
    report_directory: Path,
    cohort: CohortSummary,
    samples: Sequence[Sample],
    models: Sequence[RegisteredModel],
    experiments: Experiments,
    *,
    most_errors: float = Referral().most_errors,
) -> Content:
    """Compute and draw everything that the page shows.

    Raises:
        UserError: a result in the report's directory cannot be read.
    """
    seed_groups = find_seed_groups(models)
    shown = without_members(models, seed_groups)
    # Saved results first: one that cannot be read stops the report before anything else is drawn.
    audit = audit_section(report_directory, cohort.fingerprint)
    robustness = robustness_section(report_directory, shown, cohort.synthetic)
    blackout = blackout_section(report_directory, models)
    explanations = explanations_section(report_directory, shown)
    galleries = [gallery_section(report_directory, model) for model in models]
    all_sections = [model_section(model, gallery, cohort.synthetic) for model, gallery in zip(models, galleries, strict=True)]
    sections = [section for section in all_sections if section.model in shown]
    selected = select_model(shown, [section.statistics for section in sections])
    return Content(
        cohort=cohort,
        test_accesses=count_test_accesses(cohort, models),
        all_sections=all_sections,
        sections=sections,
        seed_groups=seed_groups,
        comparisons=paired_comparisons(shown),
        selected=selected,
        audit=audit,
        robustness=robustness,
        blackout=blackout,
        explanations=explanations,
        other_cohorts=other_cohorts_section(shown, [section.statistics for section in sections], cohort.synthetic),
        adaptations=adaptations_section(shown, cohort.synthetic),
        referral=referral_section(shown, models, selected.model, most_errors, cohort.synthetic),
        experiments=experiments,
        pictures=draw_pictures(cohort, samples, sections, experiments, selected.model),
    )
