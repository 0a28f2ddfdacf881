"""What the cohort gives away besides the disease."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from pneumo.audit import report as auditing
from pneumo.audit.measures import measure, measure_originals
from pneumo.audit.report import Audit
from pneumo.audit.sentences import VERDICTS, finding_sentence, leakage_sentences, linear_baseline_sentence, stretch_sentence
from pneumo.audit.shortcuts import Finding
from pneumo.audit.traits import TRAITS
from pneumo.cohort.index import index
from pneumo.cohort.splits import partition
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.evaluation.bootstrap import Estimate
from pneumo.files import write_atomically


def run(config: Config, console: Console) -> None:
    """Look for leakage and acquisition shortcuts, say in plain words what was found, and keep it for the report.

    A finding is no failure: the cohort is as it is, and training goes on.
    """
    cohort = index(config)
    parts = partition(cohort, config.cohort)
    measures = measure(cohort, config.cohort.cache_dir)
    originals = measure_originals(cohort, config.audit.originals) if config.audit.originals else None
    found = auditing.audit(cohort, parts, measures, originals, config.cohort.seed)
    what = f"{'SYNTHETIC phantom cohort' if cohort.synthetic else 'Cohort'} {cohort.root}"
    console.print(f"{what}: {found.images} radiographs", highlight=False, soft_wrap=True)
    _show(found, console)
    file = config.report.directory / auditing.FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, found.model_dump_json(indent=1))
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; give it room and permission, or set another report.directory") from error
    console.print(f"Kept for the report in {file}\nNext: pneumo baseline", highlight=False, soft_wrap=True)


def _show(found: Audit, console: Console) -> None:
    for line in leakage_sentences(found.leakage):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_table(found.findings, "How well one trait alone tells PNEUMONIA from NORMAL: AUROC (95 % interval)"))
    if found.originals:
        console.print(_table(found.originals.findings, f"The same of the {found.originals.images} originals"))
    says = [finding_sentence(finding) for finding in found.shortcuts]
    says += [f"Originals: {finding_sentence(finding)}" for finding in found.suspects]
    if found.originals:
        says.append(stretch_sentence(found.originals))
    if not found.shortcuts:
        says.insert(0, "No trait was found that gives the label away in train and clearly less in test.")
    if found.linear_baseline:
        says.append(linear_baseline_sentence(found.linear_baseline))
    for line in says:
        console.print(line, highlight=False, soft_wrap=True)


def _table(findings: Sequence[Finding], title: str) -> Table:
    table = Table("trait", "training", "validation", "test", "verdict", title=title)
    for finding in findings:
        parts = (finding.training, finding.validation, finding.test)
        style = "bold" if finding.verdict == "shortcut" else None
        table.add_row(TRAITS[finding.trait].title, *map(_told, parts), VERDICTS[finding.verdict], style=style)
    return table


def _told(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    return f"{estimate.value:.2f}" + ("" if estimate.low is None else f" ({estimate.low:.2f}–{estimate.high:.2f})")
