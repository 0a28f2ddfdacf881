"""Audit of the cohort."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from pneumo.audit.audit import audit
from pneumo.audit.measures import measure, measure_originals
from pneumo.audit.sentences import VERDICTS, finding_sentence, leakage_sentences, linear_baseline_sentence, stretch_sentence
from pneumo.audit.traits import TRAITS
from pneumo.cohort.index import index
from pneumo.cohort.splits import partition
from pneumo.config import Config
from pneumo.evaluation.bootstrap import Estimate
from pneumo.registry import Registry
from pneumo.registry.test_access import AUDIT
from pneumo.results.audit import FILE, Audit, Finding
from pneumo.results.files import save_result


def run(config: Config, console: Console) -> None:
    """Search the cohort for leakage and acquisition shortcuts, print the findings, and save them for the report.

    Reads test radiographs and their labels, which is logged; no model is scored. A finding is not a failure: training may continue.
    """
    cohort = index(config.data, config.cohort)
    parts = partition(cohort, config.protocol)
    originals = measure_originals(cohort, config.audit.originals) if config.audit.originals else None
    Registry(config.registry).log_test_access(AUDIT, cohort.fingerprint, cohort.content_fingerprint)
    result = audit(cohort, parts, measure(cohort), originals, config.protocol)
    console.print(f"{cohort.title}: {result.images} radiographs")
    _show(result, console)
    file = config.report.directory / FILE
    save_result(file, result)
    console.print(f"Saved for the report in {file}\nNext: pneumo baseline")


def _show(result: Audit, console: Console) -> None:
    for line in leakage_sentences(result.leakage):
        console.print(line)
    console.print(_table(result.findings, "How well one trait alone predicts the label: AUROC (95 % interval)"))
    if result.originals:
        console.print(_table(result.originals.findings, f"The same for the {result.originals.images} originals"))
    if not result.shortcuts:
        console.print("No shortcut: no trait predicts the label in train and clearly less in test.")
    sentences = [finding_sentence(finding) for finding in result.shortcuts]
    sentences += [f"Originals: {finding_sentence(finding)}" for finding in result.suspects]
    if result.originals:
        sentences.append(stretch_sentence(result.originals))
    if result.linear_baseline:
        sentences.append(linear_baseline_sentence(result.linear_baseline))
    sentences.append("The audit reads test radiographs and their labels; no model is scored.")
    for sentence in sentences:
        console.print(sentence)


def _table(findings: Sequence[Finding], title: str) -> Table:
    table = Table("trait", "training", "validation", "test", "verdict", title=title)
    for finding in findings:
        estimates = (finding.training, finding.validation, finding.test)
        style = "bold" if finding.verdict == "shortcut" else None
        table.add_row(TRAITS[finding.trait].title, *map(_interval, estimates), VERDICTS[finding.verdict], style=style)
    return table


def _interval(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    return f"{estimate.value:.2f}" + ("" if estimate.low is None else f" ({estimate.low:.2f}–{estimate.high:.2f})")
