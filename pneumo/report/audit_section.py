"""The audit of the cohort, as the page shows it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from pydantic import ValidationError

from pneumo.audit.report import FILE, Audit
from pneumo.audit.sentences import VERDICTS, finding_sentence, leakage_sentences, linear_baseline_sentence, stretch_sentence
from pneumo.audit.shortcuts import CHANCE, PREDICTS
from pneumo.audit.traits import TRAITS
from pneumo.errors import UserError
from pneumo.figures.drawing import SEEN, STYLE, TESTED, Picture, canvas, dot, dot_label, finished, rounded

_REMEDY = "run `pneumo audit`, then `pneumo report`"
_WIDTH_INCHES = 7.2


@dataclass(frozen=True)
class AuditSection:
    """What was found, or why there is nothing to show."""

    found: Audit | None
    absent: str | None
    """A sentence, where no audit can be shown."""
    picture: Picture | None
    """None also where no trait varies."""

    def numbers(self) -> dict[str, Any] | None:
        """Give the audit as metrics.json has it."""
        return self.found.model_dump(mode="json") if self.found else None

    def pictures(self) -> list[Picture]:
        """List the figures to write."""
        return [self.picture] if self.picture else []


# What the template says in the words of the command.
WORDS = {
    "traits": TRAITS,
    "verdicts": VERDICTS,
    "finding_sentence": finding_sentence,
    "linear_baseline_sentence": linear_baseline_sentence,
    "leakage_sentences": leakage_sentences,
    "stretch_sentence": stretch_sentence,
}


def audit_section(report_directory: Path, fingerprint: str) -> AuditSection:
    """Find the audit in the report's folder, if it was made of these very radiographs, and draw it.

    Raises:
        UserError: its file cannot be read as one.
    """
    path = report_directory / FILE
    if not path.is_file():
        return AuditSection(None, f"These radiographs have not been audited yet: {_REMEDY}.", None)
    try:
        found = Audit.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path} is not an audit ({error.error_count()} errors): delete it, {_REMEDY}") from error
    if found.data_fingerprint != fingerprint:
        return AuditSection(None, f"The audit in this folder is of other radiographs: {_REMEDY}.", None)
    return AuditSection(found, None, shortcut_figure(found))


def shortcut_figure(found: Audit) -> Picture | None:
    """Draw what each trait alone tells, in train and in test."""
    shown = [finding for finding in found.findings if finding.training.value is not None]
    if not shown:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = canvas((_WIDTH_INCHES, 1.5 + 0.42 * len(shown)), "What one trait alone tells of the label", "AUROC", "")
        axes.axvspan(CHANCE - PREDICTS, CHANCE + PREDICTS, color="#f1f1f1", zorder=0)
        axes.axvline(CHANCE, color="#999999", linewidth=1)
        for row, finding in enumerate(shown):
            dot(axes, finding.training, row - 0.16, SEEN)
            dot(axes, finding.test, row + 0.16, TESTED)
        axes.set_yticks(range(len(shown)), [TRAITS[finding.trait].title for finding in shown])
        for label, finding in zip(axes.get_yticklabels(), shown, strict=True):
            label.set_fontweight("bold" if finding.verdict == "shortcut" else "normal")
        axes.set(xlim=(-0.02, 1.02), ylim=(len(shown) - 0.5, -0.5), xlabel="AUROC (left: PNEUMONIA has less of it; right: more)")
        for part, mark in (("train", SEEN), ("test", TESTED)):
            dot_label(axes, part, mark)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
        named = ", ".join(TRAITS[finding.trait].title for finding in found.shortcuts) or "none"
        words = "; ".join(
            f"{TRAITS[each.trait].title} {rounded(each.training.value)} in train, {rounded(each.test.value)} in test"
            for each in shown
        )
        return finished(
            figure,
            found.synthetic,
            name="audit.png",
            alt=f"AUROC of each trait as a score of PNEUMONIA. {words}. Named as shortcuts: {named}.",
            caption="How well one trait alone tells PNEUMONIA from NORMAL, with 95 % intervals by patient bootstrap. In the grey"
            " band it tells little. Where the open mark (train) lies outside and the filled one (test) does not, or clearly less,"
            " it is a shortcut (in bold); where both lie outside on one side, it may be the disease.",
        )
