"""The report: one page, its figures, and every number of it as JSON.

Everything is computed and drawn in memory before the first byte is written, and the page itself is replaced last: a run that fails
leaves the report of the run before.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.metrics import roc_auc_score

from pneumo.errors import UserError
from pneumo.evaluation.predictions import PARTS
from pneumo.figures.drawing import Picture
from pneumo.report.audit_section import WORDS, audit_section
from pneumo.report.cards import FORBIDDEN, INTENDED, file_name, render_cards
from pneumo.report.checklist import checklist
from pneumo.report.contents import ModelSection, draw_pictures, draw_section
from pneumo.report.explanations_page import explanations_section
from pneumo.report.families import SCORED_SEEDS, find_families, in_front
from pneumo.report.files import INDEX, write_files
from pneumo.report.inputs import CohortFacts, Experiments, Sample
from pneumo.report.numbers import COMPARED, OFFICIAL_TEST_IMAGES, gap, metrics, value
from pneumo.report.provenance import provenance
from pneumo.report.rendering import render
from pneumo.report.robustness_section import RobustnessSection, robustness_section
from pneumo.report.selected_model import count_accesses, weigh
from pneumo.report.statistics import work_out
from pneumo.results.formatting import PARTS_SAID, RULES_SAID
from pneumo.results.registered import RegisteredModel

# What the fits of an experiment are compared on, all at 0.5: name in its scores, and on the page.
SCORED = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "loss": "Loss",
}
# What the templates say and ask, whatever was found.
NAMES = {
    "words": WORDS,
    "card_file": file_name,
    "intended": INTENDED,
    "forbidden": FORBIDDEN,
    "compared": COMPARED,
    "scored": SCORED,
    "scored_seeds": SCORED_SEEDS,
    "parts_said": PARTS_SAID,
    "rules_said": RULES_SAID,
    "value": value,
    "gap": gap,
    "official_test_images": OFFICIAL_TEST_IMAGES,
}
NO_EXPERIMENTS = Experiments()


def write_report(
    directory: Path,
    cohort: CohortFacts,
    samples: Sequence[Sample],
    models: Sequence[RegisteredModel],
    experiments: Experiments = NO_EXPERIMENTS,
) -> Path:
    """Write index.html, metrics.json, figures/ and cards/ into a folder; heatmaps, audit and robustness that lie in it are shown.

    Raises:
        UserError: there is no model, a model or an experiment was made on other radiographs, or a model's predictions do not fit
            its scores.
    """
    _check(cohort, models, experiments)
    content = _content(directory, cohort, samples, models, experiments)
    numbers = _numbers(cohort, models, experiments, content)
    content |= {"numbers": numbers}
    # Once without the checklist, which then says what the page holds.
    items = checklist(render("page.html.j2", content | {"checklist": ()}))
    page = render("page.html.j2", content | {"checklist": items})
    numbers["checklist"] = [{"item": item.name, "held": item.held, "places": item.places} for item in items]
    cards = render_cards(content, content["all_sections"], content["families"], content["openings"])
    pages = {INDEX: page, **content["explanations"].page(content), **cards}
    return write_files(directory, pages, numbers, _drawn(content))


def _content(
    directory: Path, cohort: CohortFacts, samples: Sequence[Sample], models: Sequence[RegisteredModel], experiments: Experiments
) -> dict[str, Any]:
    """Work out and draw all that the templates show, by the names they call it."""
    families = find_families(models)
    leading = in_front(models, families)
    statistics = work_out(models, leading)
    everything = [
        draw_section(directory, model, each, cohort.synthetic) for model, each in zip(models, statistics.models, strict=True)
    ]
    sections = [section for section in everything if section.result in leading]
    shown = [section.statistics for section in sections]
    audit = audit_section(directory, cohort.fingerprint)
    openings = count_accesses(cohort, models)
    robustness = robustness_section(directory, leading, cohort.synthetic)
    trust = weigh(
        cohort,
        leading,
        shown,
        everyone=models,
        families=families,
        audit=audit.found,
        openings=openings,
        lacking={section.result.name: _lacking(section, robustness) for section in sections},
    )
    return NAMES | {
        "trust": trust,
        "audit": audit,
        "robustness": robustness,
        "explanations": explanations_section(directory, leading),
        "cohort": cohort,
        "openings": openings,
        "families": families,
        "models": leading,
        "all_models": models,
        "sections": sections,
        "all_sections": everything,
        "folded": [section for section in everything if section not in sections],
        "statistics": statistics,
        "comparisons": statistics.comparisons,
        "pictures": draw_pictures(cohort, samples, leading, shown, experiments=experiments, trusted=trust.model),
        "experiments": experiments,
        "provenance": provenance(models),
    }


def _lacking(section: ModelSection, robustness: RobustnessSection) -> dict[str, str]:
    """Name what was not made of a model yet, with the command that makes it."""
    lacking = {"robustness curves": "robustness"} if section.result.name in robustness.missing else {}
    return lacking | ({"heatmaps of its mistakes": "gradcam"} if section.gallery.absent else {})


def _numbers(
    cohort: CohortFacts, models: Sequence[RegisteredModel], experiments: Experiments, content: dict[str, Any]
) -> dict[str, Any]:
    """Gather what metrics.json holds, but for the checklist."""
    return metrics(cohort, models, content["statistics"], experiments) | {
        "trust": content["trust"].numbers(),
        "families": [family.numbers() for family in content["families"]],
        "test_accesses": dict(content["openings"].by_recipe),
        "audit": content["audit"].numbers(),
        "robustness": content["robustness"].numbers(),
        "explanations": content["explanations"].numbers(),
    }


def _drawn(content: dict[str, Any]) -> list[Picture]:
    return [
        *content["pictures"].all(),
        *content["audit"].pictures(),
        *content["robustness"].pictures(),
        *(picture for section in content["sections"] for picture in section.all()),
    ]


def _check(cohort: CohortFacts, models: Sequence[RegisteredModel], experiments: Experiments) -> None:
    if not models:
        raise UserError("no model of this cohort is registered yet, so there is nothing to report: run `make train` first")
    made = {model.name: model.facts.data_fingerprint for model in models}
    made |= {f"{each.KIND} of {each.name}": each.data_fingerprint for each in experiments.all()}
    for name, fingerprint in made.items():
        if fingerprint != cohort.fingerprint:
            raise UserError(
                f"{name} was trained on other radiographs than {cohort.name} (fingerprint"
                f" {fingerprint[:12]}, not {cohort.fingerprint[:12]}): report it with the data it was trained on"
            )
    for model in models:
        for part in PARTS:
            rows, scores = model.predictions(part), model.evaluation(part)
            same = len(rows) == scores.images and (
                scores.auroc is None or abs(roc_auc_score(rows["y_true"], rows["y_score"]) - scores.auroc) < 1e-6  # noqa: PLR2004
            )
            if not same:
                raise UserError(
                    f"the {part} predictions kept with {model.name} do not give the scores in its record: train it again"
                )
