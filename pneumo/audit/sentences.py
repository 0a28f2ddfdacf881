"""What the audit found, in plain sentences: the same on the screen and in the report."""

import pandas as pd

from pneumo.audit.leakage import Leakage
from pneumo.audit.linear_baseline import LinearBaseline
from pneumo.audit.report import Originals
from pneumo.audit.shortcuts import CHANCE, FEWEST, Finding
from pneumo.audit.traits import TRAITS
from pneumo.evaluation.bootstrap import Estimate

VERDICTS = {
    "shortcut": "shortcut",
    "redundant": "part of one",
    "shared": "in test too",
    "unclear": "in test unclear",
    "untested": "test not known",
    "uninformative": "says little",
    "constant": "always the same",
    "too_few": "too few patients",
}


def finding_sentence(finding: Finding) -> str:
    """Say what one trait gives away."""
    trait = TRAITS[finding.trait]
    trained, tested = (_pairs(estimate, finding.lower) for estimate in (finding.training, finding.test))
    radiographs = f"PNEUMONIA radiographs {trait.less if finding.lower else trait.more} than NORMAL ones in {trained} of pairs"
    shared = (
        "no disease changes this, and a test split that shares it cannot show whether a network reads it"
        if trait.saved
        else "the disease may do this; if the making of the radiographs does, this test split cannot show it"
    )
    certain = "No disease changes this: unless test shares it, it is a shortcut." if trait.saved else ""
    along = TRAITS[finding.redundant_with].title if finding.redundant_with else ""
    return {
        "shortcut": f"In train, {radiographs}, in test in {tested} (chance: 50 %): a network may read the label off the {trait.title}."
        f" {trait.note}",
        "redundant": f"The {trait.title} is part of the shortcut by {along}, and gives nothing away beyond it.",
        "shared": f"{radiographs} in train, and in {tested} in test: {shared}.",
        "unclear": f"{radiographs} in train, and in {tested} in test: too few test radiographs to tell whether this carries over.",
        "untested": f"{radiographs} in train; how it is in test, these radiographs do not show. {certain}",
        "uninformative": f"The {trait.title} says little about the label in train.",
        "constant": f"The {trait.title} is the same for all radiographs of train, or not known.",
        "too_few": f"The {trait.title} cannot be judged: that takes {FEWEST} patients of each class in train and in test.",
    }[finding.verdict].rstrip()


def leakage_sentences(found: Leakage) -> list[str]:
    """Say what the parts share."""
    pairs = found.almost_identical
    within = pd.Series([group.splits[0] for group in found.identical if len(group.splits) == 1], dtype=str).value_counts()
    lie = [f"{count} inside {split}" for split, count in within.items()]
    next_ones = [
        f"; the most alike of the others, {pair.first} and {pair.second}, by {pair.correlation:.2f}" for pair in found.most_alike
    ]
    return [
        f"{found.patients} patients: {found.patients_in_several_splits} in more than one split, "
        f"{found.patients_in_several_parts} in more than one of training, validation and test.",
        *(f"{_counted(count, 'radiograph')} left out beforehand: {problem}." for problem, count in found.left_out.items()),
        f"Identical images: {_counted(len(found.identical), 'group')}"
        f" ({', '.join([*lie, f'{found.identical_across_splits} across splits'])}), "
        f"{found.identical_with_two_labels} of them with two labels.",
        f"Almost identical images of different patients (their fine structure correlates by {found.alike_from:g} or more): "
        f"{_counted(len(pairs), 'pair')}, {sum(pair.across_splits for pair in pairs)} of them across splits and "
        f"{sum(pair.across_labels for pair in pairs)} with two labels{next_ones[0] if next_ones else ''}.",
    ]


def stretch_sentence(originals: Originals) -> str:
    """Say how much of the radiographs' first shape their copies keep."""
    return (
        "The stretch of the anatomy in the cohort's copies correlates with the aspect ratio of these originals by "
        f"{_told(originals.stretch_follows_shape)}: what was made square still shows its shape."
    )


def linear_baseline_sentence(floor: LinearBaseline) -> str:
    """Say what tiny images give away."""
    return (
        f"A logistic regression on {floor.side_px} × {floor.side_px} pixels reaches an AUROC of {_told(floor.cross_validated)} on "
        f"{floor.folds} folds of train and of {_told(floor.test)} on test, where at 0.5 it finds {_share(floor.sensitivity)} of "
        f"the PNEUMONIA and clears {_share(floor.specificity)} of the NORMAL. It sees coarse grey values at fixed places, and "
        "neither texture nor a shape that moves: a network has to beat it on test."
    )


def _pairs(estimate: Estimate, lower: bool) -> str:
    """AUROC as a share of the pairs of a PNEUMONIA and a NORMAL; where all radiographs are the same, it is chance."""
    value = CHANCE if estimate.value is None else estimate.value
    return f"{100 * (1 - value if lower else value):.0f} %"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _told(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    ends = f" ({estimate.low:.3f} to {estimate.high:.3f})" if estimate.low is not None and estimate.high is not None else ""
    return f"{estimate.value:.3f}{ends}"


def _share(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{100 * estimate.value:.0f} %"
