"""The report: a page, its figures, model cards, and all numbers as JSON.

Everything is computed and drawn in memory before the first file is written, and the page is replaced last: a run that fails leaves
the previous report.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pneumo.audit.sentences import VERDICTS, finding_sentence, leakage_sentences, linear_baseline_sentence, stretch_sentence
from pneumo.audit.traits import TRAITS
from pneumo.config import Referral
from pneumo.evaluation.comparison import RULE
from pneumo.evaluation.subgroups import MIN_IMAGES
from pneumo.figures.drawing import Picture
from pneumo.files import write_atomically, writing
from pneumo.report.adaptations import COMMAND as ADAPT_COMMAND
from pneumo.report.adaptations import CURVE_SCORES, adaptation_meaning, adaptation_notes, labels_in_words
from pneumo.report.cards import CARDS, CODE_FIELDS, INTENDED_USES, OUT_OF_SCOPE_USES, card_file, render_cards, shared_provenance
from pneumo.report.checklist import checklist
from pneumo.report.content import Content, build_content
from pneumo.report.explanations_page import EXPLANATIONS, render_explanations
from pneumo.report.guidelines.files import PAGE as GUIDELINES
from pneumo.report.guidelines.files import render_guidelines
from pneumo.report.inputs import CohortSummary, Experiments, Sample, check_inputs
from pneumo.report.metrics import metrics
from pneumo.report.other_cohorts import COMMAND, meaning, notes
from pneumo.report.reference import OFFICIAL_TEST_IMAGES
from pneumo.report.remarks import remarks_on_selected
from pneumo.report.rendering import render
from pneumo.report.scores import COMPARED, FIT_SCORES, SEED_SCORES, THRESHOLD_FREE, gap, value
from pneumo.results.formatting import PART_LABELS, RULE_LABELS
from pneumo.results.model import RegisteredModel

# Labels and functions of the templates, the same for every report.
NAMES = {
    "traits": TRAITS,
    "verdicts": VERDICTS,
    "finding_sentence": finding_sentence,
    "linear_baseline_sentence": linear_baseline_sentence,
    "leakage_sentences": leakage_sentences,
    "stretch_sentence": stretch_sentence,
    "card_file": card_file,
    "intended_uses": INTENDED_USES,
    "out_of_scope_uses": OUT_OF_SCOPE_USES,
    "compared": COMPARED,
    "threshold_free": THRESHOLD_FREE,
    "fit_scores": FIT_SCORES,
    "seed_scores": SEED_SCORES,
    "part_labels": PART_LABELS,
    "rule_labels": RULE_LABELS,
    "value": value,
    "gap": gap,
    "external_meaning": meaning,
    "external_notes": notes,
    "evaluate_command": COMMAND,
    "adaptation_meaning": adaptation_meaning,
    "adaptation_notes": adaptation_notes,
    "adapt_command": ADAPT_COMMAND,
    "curve_scores": CURVE_SCORES,
    "labels_in_words": labels_in_words,
    "min_subgroup_images": MIN_IMAGES,
    "code_fields": CODE_FIELDS,
    "selection_rule": RULE,
    "shared_provenance": shared_provenance,
    "official_test_images": OFFICIAL_TEST_IMAGES,
    "guidelines_page": GUIDELINES,
}
INDEX = "index.html"


def write_report(
    directory: Path,
    cohort: CohortSummary,
    samples: Sequence[Sample],
    models: Sequence[RegisteredModel],
    experiments: Experiments,
    *,
    most_errors: float = Referral().most_errors,
) -> Path:
    """Write the page, its files, the reporting guidelines and the cards into a folder, with the results that are saved in it.

    Args:
        most_errors: largest error rate on shifted validation among the decisions that are not referred.

    Raises:
        UserError: there is no model, a result is of other radiographs or cannot be read, or a model's predictions do not give its
            scores.
    """
    check_inputs(cohort, models, experiments)
    content = build_content(directory, cohort, samples, models, experiments, most_errors=most_errors)
    return write_files(directory, *render_report(content), content.files())


def render_report(content: Content) -> tuple[dict[str, str], dict[str, Any]]:
    """Return all pages by their paths in the report, and the content of metrics.json."""
    remarks = remarks_on_selected(content)
    numbers = metrics(content, remarks)
    names = NAMES | {"metrics": numbers}
    shown = names | vars(content) | {"remarks": remarks}
    # The checklist is computed from a page rendered without it.
    items = checklist(render("page.html.j2", shown | {"checklist": ()}))
    numbers["checklist"] = [{"item": item.name, "covered": item.covered, "places": item.places} for item in items]
    pages = {INDEX: render("page.html.j2", shown | {"checklist": items})}
    pages |= render_explanations(content.explanations, content.blackout, shown) | render_cards(content, names)
    return pages | render_guidelines(content, shown), numbers


def write_files(directory: Path, pages: Mapping[str, str], metrics: dict[str, Any], pictures: Sequence[Picture]) -> Path:
    """Write figures, metrics.json, pages and, last, the index; then delete figures and pages of earlier reports.

    Args:
        pages: by their paths below the directory, the index among them, whose file is returned.

    Raises:
        UserError: a file cannot be written.
    """
    figures = directory / "figures"
    with writing(directory, "report.directory"):
        for picture in pictures:
            write_atomically(figures / picture.name, picture.png)
        write_atomically(directory / "metrics.json", json.dumps(metrics, indent=2, allow_nan=False))
        for name in sorted(pages, key=lambda page: page == INDEX):
            write_atomically(directory / name, pages[name])
        written = {figures / picture.name for picture in pictures} | {directory / name for name in pages}
        for obsolete in {*figures.glob("*.png"), directory / EXPLANATIONS, *(directory / CARDS).glob("*.html")} - written:
            obsolete.unlink(missing_ok=True)
    return directory / INDEX
