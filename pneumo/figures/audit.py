"""Figure of the audit: how well each acquisition trait alone predicts the label."""

from pneumo.audit.shortcuts import MIN_STRENGTH
from pneumo.audit.traits import TRAITS
from pneumo.figures.drawing import (
    BAND_COLOUR,
    MARKS,
    REFERENCE_COLOUR,
    Picture,
    draw_estimate,
    in_report_style,
    label_mark,
    new_figure,
    to_picture,
)
from pneumo.results.audit import CHANCE, Audit
from pneumo.results.formatting import rounded

WIDTH_INCHES = 7.2


@in_report_style
def trait_aurocs(audit: Audit) -> Picture | None:
    """Draw the AUROC of each trait as a score of PNEUMONIA, in training and test; None where no trait varies."""
    findings = [finding for finding in audit.findings if finding.training.value is not None]
    if not findings:
        return None
    titles = {finding.trait: TRAITS[finding.trait].title for finding in findings}
    figure, axes = new_figure((WIDTH_INCHES, 1.5 + 0.42 * len(findings)), "Prediction of the label by one trait alone", "", "")
    axes.axvspan(CHANCE - MIN_STRENGTH, CHANCE + MIN_STRENGTH, color=BAND_COLOUR, zorder=0)
    axes.axvline(CHANCE, color=REFERENCE_COLOUR, linewidth=1)
    for row, finding in enumerate(findings):
        draw_estimate(axes, finding.training, row - 0.16, MARKS["validation"])
        draw_estimate(axes, finding.test, row + 0.16, MARKS["test"])
    axes.set_yticks(range(len(findings)), list(titles.values()))
    for label, finding in zip(axes.get_yticklabels(), findings, strict=True):
        label.set_fontweight("bold" if finding.verdict == "shortcut" else "normal")
    axes.set(xlim=(-0.02, 1.02), ylim=(len(findings) - 0.5, -0.5), xlabel="AUROC (left: lower in PNEUMONIA; right: higher)")
    for part, mark in (("training", MARKS["validation"]), ("test", MARKS["test"])):
        label_mark(axes, part, mark)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    scores = "; ".join(
        f"{titles[finding.trait]} {rounded(finding.training.value)} in training, {rounded(finding.test.value)} in test"
        for finding in findings
    )
    return to_picture(
        figure,
        audit.synthetic,
        name="audit.png",
        alt=f"AUROC of each trait as a score of PNEUMONIA. {scores}. Shortcuts: "
        f"{', '.join(titles[finding.trait] for finding in audit.shortcuts) or 'none'}.",
        caption="How well one trait alone separates PNEUMONIA from NORMAL, with 95 % intervals by patient bootstrap. Inside the"
        " grey band it predicts little. A trait is a shortcut (in bold) where it predicts the label in training (open marker)"
        " and not, or clearly less, in test (filled). Where both lie outside the band on the same side, the disease may be the"
        " cause.",
    )
