"""Results of the audit in sentences, the same in the command's output and in the report."""

import pandas as pd

from pneumo.audit.shortcuts import MIN_PATIENTS
from pneumo.audit.traits import TRAITS
from pneumo.evaluation.bootstrap import Estimate
from pneumo.results.audit import CHANCE, Finding, Leakage, LinearBaseline, Originals

VERDICTS = {
    "shortcut": "shortcut",
    "redundant": "redundant",
    "shared": "in test too",
    "unclear": "unclear in test",
    "untested": "unknown in test",
    "uninformative": "uninformative",
    "constant": "constant",
    "too_few": "too few patients",
}


def finding_sentence(finding: Finding) -> str:
    """How well a trait alone predicts the label, and what that means."""
    trait = TRAITS[finding.trait]
    train, test = (_pairs(estimate, finding.lower) for estimate in (finding.training, finding.test))
    difference = f"PNEUMONIA radiographs {trait.less if finding.lower else trait.more} than NORMAL ones in {train} of pairs"
    shared = (
        "the disease cannot cause this, and a test split with the same difference cannot show whether a network uses it"
        if trait.technical
        else "the disease may cause this; if acquisition does, this test split cannot show it"
    )
    certain = "The disease cannot cause this: unless test has the same difference, it is a shortcut." if trait.technical else ""
    cause = TRAITS[finding.redundant_with].title if finding.redundant_with else ""
    return {
        "shortcut": f"In train, {difference}, in test in {test} (chance: 50 %): "
        f"a network may predict the label from the {trait.title}. {trait.note}",
        "redundant": f"The {trait.title} is redundant: it predicts the label only through the {cause}.",
        "shared": f"{difference} in train, and in {test} in test: {shared}.",
        "unclear": f"{difference} in train, and in {test} in test: too few test radiographs to decide whether it holds there.",
        "untested": f"{difference} in train; whether test has this difference is not known. {certain}",
        "uninformative": f"The {trait.title} hardly predicts the label in train.",
        "constant": f"The {trait.title} is the same for all radiographs of train, or unknown.",
        "too_few": f"The {trait.title} cannot be judged: fewer than {MIN_PATIENTS} patients of a class in train or in test.",
    }[finding.verdict].rstrip()


def leakage_sentences(leakage: Leakage) -> list[str]:
    """Counts of shared patients, identical images and near-duplicates."""
    pairs = leakage.near_duplicates
    within = pd.Series([group.splits[0] for group in leakage.identical if len(group.splits) == 1], dtype=str).value_counts()
    places = [f"{count} within {split}" for split, count in within.items()]
    next_pairs = [
        f"; the most similar of the other pairs is {pair.first} and {pair.second}, with {pair.correlation:.2f}"
        for pair in leakage.most_similar
    ]
    return [
        f"{leakage.patients} patients: {leakage.patients_in_several_splits} in more than one split, "
        f"{leakage.patients_in_several_parts} in more than one of training, validation and test.",
        *(f"{_counted(count, 'radiograph')} left out: {problem}." for problem, count in leakage.left_out.items()),
        f"Identical images: {_counted(len(leakage.identical), 'group')}"
        f" ({', '.join([*places, f'{leakage.identical_across_splits} across splits'])}), "
        f"{leakage.identical_with_two_labels} of them with two labels.",
        f"Near-duplicates of different patients (fine structure correlated by {leakage.near_duplicate_correlation:g} or more): "
        f"{_counted(len(pairs), 'pair')}, {sum(pair.across_splits for pair in pairs)} of them across splits and "
        f"{sum(pair.across_labels for pair in pairs)} with two labels{next_pairs[0] if next_pairs else ''}.",
    ]


def stretch_sentence(originals: Originals) -> str:
    """How much the resized copies still show of the originals' aspect ratio."""
    return (
        "The anatomical stretch of the cohort's copies correlates with the aspect ratio of these originals by "
        f"{_interval(originals.stretch_follows_shape)}: radiographs resized to a square still show their original shape."
    )


def linear_baseline_sentence(baseline: LinearBaseline) -> str:
    """Scores of the linear pixel baseline."""
    side, folds = baseline.side_px, baseline.folds
    train, test = _interval(baseline.cross_validated), _interval(baseline.test)
    return (
        f"Linear pixel baseline: a logistic regression on {side} × {side} pixels has an AUROC of {train} in {folds}-fold "
        f"cross-validation on train and of {test} on test, where its sensitivity is {_percent(baseline.sensitivity)} and its "
        f"specificity {_percent(baseline.specificity)} at 0.5. It uses grey values at fixed positions, not texture or shapes "
        "at varying positions: a network should do better on test."
    )


def _pairs(estimate: Estimate, lower: bool) -> str:
    """AUROC as the share of the pairs of a PNEUMONIA and a NORMAL radiograph; chance where the trait is constant."""
    value = CHANCE if estimate.value is None else estimate.value
    return f"{100 * (1 - value if lower else value):.0f} %"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _interval(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    ends = f" ({estimate.low:.3f} to {estimate.high:.3f})" if estimate.low is not None and estimate.high is not None else ""
    return f"{estimate.value:.3f}{ends}"


def _percent(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{100 * estimate.value:.0f} %"
