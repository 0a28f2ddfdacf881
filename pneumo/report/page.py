"""The report: one page, its figures, and every number of it as JSON.

Everything is computed and drawn in memory before the first byte is written, and the page itself is replaced last: a run that fails
leaves the report of the run before.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from sklearn.metrics import roc_auc_score

from pneumo.errors import UserError
from pneumo.report.audit_section import WORDS, audit_section
from pneumo.report.checklist import Item, checklist
from pneumo.report.contents import draw_pictures, draw_section
from pneumo.report.drawing import rounded
from pneumo.report.inputs import CohortFacts, Experiments, ModelResult, Sample
from pneumo.report.numbers import COMPARED, gap, metrics, value
from pneumo.report.robustness_section import robustness_section
from pneumo.report.statistics import work_out
from pneumo.report.words import (
    duration,
    interval,
    percent,
    percent_interval,
    probability,
    signed,
    signed_interval,
)
from pneumo.report.writing import write_files

OFFICIAL_TEST_IMAGES = 624
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
NO_EXPERIMENTS = Experiments()


def write_report(
    directory: Path,
    cohort: CohortFacts,
    samples: Sequence[Sample],
    models: Sequence[ModelResult],
    experiments: Experiments = NO_EXPERIMENTS,
) -> Path:
    """Write index.html, metrics.json and figures/ into a folder; heatmaps, audit and robustness that lie in it are shown.

    Raises:
        UserError: there is no model, a model or an experiment was made on other radiographs, or a model's predictions do not fit
            its scores.
    """
    _check(cohort, models, experiments)
    statistics = work_out(models)
    sections = [
        draw_section(directory, model, each, cohort.synthetic) for model, each in zip(models, statistics.models, strict=True)
    ]
    pictures = draw_pictures(cohort, samples, models, statistics.models, experiments)
    audit = audit_section(directory, cohort.fingerprint)
    robustness = robustness_section(directory, models, cohort.synthetic)
    found = {"audit": audit.numbers(), "robustness": robustness.numbers()}
    numbers = metrics(cohort, models, statistics, experiments) | found
    content = {
        "cohort": cohort,
        "audit": audit,
        "robustness": robustness,
        "words": WORDS,
        "models": models,
        "sections": sections,
        "comparisons": statistics.comparisons,
        "pictures": pictures,
        "numbers": numbers,
        "experiments": experiments,
    }
    # Once without the checklist, which then says what the page holds.
    items = checklist(_render(content, ()))
    page = _render(content, items)
    numbers["checklist"] = [{"item": item.name, "held": item.held, "places": item.places} for item in items]
    drawn = [
        *pictures.all(),
        *audit.pictures(),
        *robustness.pictures(),
        *(picture for section in sections for picture in section.all()),
    ]
    return write_files(directory, page, numbers, drawn)


def _check(cohort: CohortFacts, models: Sequence[ModelResult], experiments: Experiments) -> None:
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
        for part in ("validation", "test"):
            rows, scores = model.predictions(part), model.evaluation(part)
            same = len(rows) == scores.images and (
                scores.auroc is None or abs(roc_auc_score(rows["y_true"], rows["y_score"]) - scores.auroc) < 1e-6  # noqa: PLR2004
            )
            if not same:
                raise UserError(
                    f"the {part} predictions kept with {model.name} do not give the scores in its record: train it again"
                )


def _render(content: Mapping[str, Any], items: Sequence[Item]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pneumo.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": rounded,
        "percent": percent,
        "interval": interval,
        "percent_interval": percent_interval,
        "signed": signed,
        "signed_interval": signed_interval,
        "p": probability,
        "url": quote,
        "duration": duration,
    }
    return environment.get_template("page.html.j2").render(
        compared=COMPARED,
        scored=SCORED,
        value=value,
        gap=gap,
        official_test_images=OFFICIAL_TEST_IMAGES,
        checklist=items,
        **content,
    )
