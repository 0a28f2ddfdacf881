"""Acquisition shortcuts: traits that predict the label in train and clearly less in test.

A trait that the disease changes predicts the label in both. One that predicts it in train only is an artefact of how the
radiographs were acquired or collected, which a network may learn. The rule is explained in docs/decisions/0012-audit.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pneumo.evaluation.bootstrap import CONFIDENCE_LEVEL, patient_bootstrap, percentile_interval
from pneumo.evaluation.scores import Labels
from pneumo.evaluation.weighted_scores import Draws, Statistic, auroc
from pneumo.results.audit import CHANCE, Finding, Verdict

PARTS = ("training", "validation", "test")
MIN_STRENGTH = 0.1
"""A trait predicts the label where the lower bound of |AUROC - 0.5| in training is above this."""
MIN_LOSS = 0.05
"""It does so less in test where the lower bound of the loss of AUROC from training to test is above this."""
MIN_PATIENTS = 20
"""Minimum number of patients of each class in a part; with fewer, traits are not judged."""


@dataclass(frozen=True)
class _Auroc:
    """AUROC of one trait on one part, and its bootstrap draws."""

    value: float
    """nan: undefined."""
    draws: Draws


@dataclass(frozen=True)
class _PartTraits:
    """Traits of the radiographs of one part."""

    traits: pd.DataFrame
    y_true: Labels
    patient: npt.NDArray[np.str_]
    seed: int

    def large_enough(self) -> bool:
        """Whether both classes have MIN_PATIENTS patients."""
        return all(np.unique(self.patient[self.y_true == label]).size >= MIN_PATIENTS for label in (0, 1))

    def aurocs(self) -> dict[str, _Auroc]:
        """AUROC of every trait; the bootstrap draws the same patients for all traits."""
        statistics = {str(name): _statistic(values.to_numpy(float), self.y_true) for name, values in self.traits.items()}
        defined = {name: statistic for name, statistic in statistics.items() if statistic is not None}
        draws = patient_bootstrap(self.patient, defined, seed=self.seed) if defined else {}
        ones = np.ones((1, len(self.y_true)))
        undefined = _Auroc(np.nan, np.full(1, np.nan))
        return {name: _Auroc(float(defined[name](ones)[0]), draws[name]) if name in defined else undefined for name in statistics}


def find_shortcuts(
    traits: pd.DataFrame, y_true: Labels, patient: npt.NDArray[np.str_], part: npt.NDArray[np.str_]
) -> tuple[Finding, ...]:
    """Score and judge every trait: a column of the table of N radiographs, named as in TRAITS, and nan where one lacks it.

    Label (1 for PNEUMONIA), patient and part are (N,). Parts other than "training", "validation" and "test" are ignored; without
    test, no trait is called a shortcut.
    """
    parts = {
        name: _PartTraits(traits[part == name], y_true[part == name], patient[part == name], seed)
        for seed, name in enumerate(PARTS)
    }
    aurocs = {name: part_traits.aurocs() for name, part_traits in parts.items()}
    verdicts, redundant = _verdicts(parts, aurocs)
    return tuple(
        Finding(
            trait=trait,
            **{name: percentile_interval(aurocs[name][trait].value, aurocs[name][trait].draws) for name in PARTS},
            verdict=verdict,
            redundant_with=redundant.get(trait),
        )
        for trait, verdict in verdicts.items()
    )


def _verdicts(
    parts: Mapping[str, _PartTraits], aurocs: Mapping[str, Mapping[str, _Auroc]]
) -> tuple[dict[str, Verdict], dict[str, str]]:
    """Verdict of every trait, and the shortcut that each redundant trait is correlated with."""
    training, test = aurocs["training"], aurocs["test"]
    has_test, judged = len(parts["test"].y_true) > 0, parts["training"].large_enough()
    bounds = _bounds(training, test)
    lost = [name for name in bounds if _is_lost(bounds[name])] if parts["test"].large_enough() and judged else []
    redundant = _redundant(lost, bounds, parts)
    verdicts: dict[str, Verdict] = {}
    for name, estimate in training.items():
        if np.isnan(estimate.value):
            verdicts[name] = "constant"
        elif not judged or (has_test and not parts["test"].large_enough()):
            verdicts[name] = "too_few"
        elif name in redundant:
            verdicts[name] = "redundant"
        elif name in lost:
            verdicts[name] = "shortcut"
        elif bounds[name].strength <= MIN_STRENGTH:
            verdicts[name] = "uninformative"
        elif not has_test:
            verdicts[name] = "untested"
        else:
            verdicts[name] = "shared" if _is_shared(estimate, test[name]) else "unclear"
    return verdicts, redundant


@dataclass(frozen=True)
class _Bounds:
    """Lower bounds of a trait's |AUROC - 0.5| in training, and of the loss of AUROC from training to test."""

    strength: float
    loss: float


def _bounds(training: Mapping[str, _Auroc], test: Mapping[str, _Auroc]) -> dict[str, _Bounds]:
    """Simultaneous 95 % lower bounds of strength and loss of all traits.

    They are the estimates minus a common number of standard errors: the 95 % quantile, over the bootstrap draws, of the largest
    studentized deviation among all quantities. Unlike Bonferroni's correction, this allows for correlation between traits.
    """
    quantities: dict[str, tuple[tuple[float, Draws], tuple[float, Draws]]] = {}
    for name, in_training in training.items():
        if np.isnan(in_training.value):
            continue
        sign = 1 if in_training.value >= CHANCE else -1
        # A trait that is constant in test has an AUROC of 0.5 there, without any uncertainty.
        in_test = test[name] if not np.isnan(test[name].value) else _Auroc(CHANCE, np.full_like(in_training.draws, CHANCE))
        strength = (sign * (in_training.value - CHANCE), sign * (in_training.draws - CHANCE))
        loss = (sign * (in_training.value - in_test.value), sign * (in_training.draws - in_test.draws))
        quantities[name] = (strength, loss)
    deviations = [_studentized_deviation(*quantity) for pair in quantities.values() for quantity in pair]
    if not deviations:
        return {}
    factor = float(np.nanquantile(np.max(deviations, axis=0), CONFIDENCE_LEVEL))
    return {
        name: _Bounds(*(value - factor * float(np.nanstd(draws)) for value, draws in pair)) for name, pair in quantities.items()
    }


def _studentized_deviation(value: float, draws: Draws) -> Draws:
    spread = np.nanstd(draws)
    # Two-sided: AUROCs near 1 deviate to one side only, and would get bounds that are too narrow.
    return np.nan_to_num(np.abs(draws - value) / spread) if spread > 0 else np.zeros_like(draws)


def _is_lost(bounds: _Bounds) -> bool:
    """Whether the trait predicts the label in training, and clearly less in test."""
    return bounds.strength > MIN_STRENGTH and bounds.loss > MIN_LOSS


def _is_shared(training: _Auroc, test: _Auroc) -> bool:
    """Whether the AUROC in test is significantly on the same side of chance as in training."""
    if np.isnan(test.value):
        return False
    sign = 1 if training.value >= CHANCE else -1
    return bool(np.nanquantile(sign * (test.draws - CHANCE), (1 - CONFIDENCE_LEVEL) / 2) > 0)


def _redundant(lost: Sequence[str], bounds: Mapping[str, _Bounds], parts: Mapping[str, _PartTraits]) -> dict[str, str]:
    """Traits that are lost in test only because they are correlated with a stronger one, and that one.

    Wide radiographs show more air at their sides, for example, so their borders are darker too. The strongest trait is taken as the
    cause, since a cause predicts the label better than its consequences. What it explains is removed from the others by regression;
    a trait that is still lost is a shortcut by itself.
    """
    redundant: dict[str, str] = {}
    causes: list[str] = []
    remaining = list(lost)
    while remaining:
        cause = max(remaining, key=lambda name: bounds[name].strength)
        causes.append(cause)
        remaining.remove(cause)
        if not remaining:
            break
        residuals = _residuals(causes, remaining, parts)
        residual_bounds = _bounds(residuals["training"].aurocs(), residuals["test"].aurocs())
        explained = [name for name in remaining if name not in residual_bounds or not _is_lost(residual_bounds[name])]
        redundant |= dict.fromkeys(explained, cause)
        remaining = [name for name in remaining if name not in explained]
    return redundant


def _residuals(causes: Sequence[str], others: Sequence[str], parts: Mapping[str, _PartTraits]) -> dict[str, _PartTraits]:
    """Residuals of traits after linear regression on the causes, with slopes fitted within each class of each part."""
    both = ("training", "test")
    traits = pd.concat([parts[name].traits for name in both], keys=both)
    traits = traits.fillna(traits.mean()) / traits.std()
    group = np.concatenate([parts[name].y_true + 2 * number for number, name in enumerate(both)])
    within = traits - traits.groupby(group).transform("mean")
    slopes = np.linalg.lstsq(within[list(causes)].to_numpy(), within[list(others)].to_numpy(), rcond=None)[0]
    # Rounded: where one trait is a copy of another, only rounding errors are left, and their order would count as information.
    residuals = (traits[list(others)] - traits[list(causes)].to_numpy() @ slopes).round(9)
    return {name: _PartTraits(residuals.loc[name], parts[name].y_true, parts[name].patient, parts[name].seed) for name in both}


def _statistic(values: npt.NDArray[np.float64], y_true: Labels) -> Statistic | None:
    """AUROC over the radiographs that have the trait; None where their values are constant or they are of one class."""
    known = ~np.isnan(values)
    if np.unique(values[known]).size < 2 or np.unique(y_true[known]).size < 2:  # noqa: PLR2004
        return None
    statistic = auroc(y_true[known], values[known])
    return statistic if known.all() else lambda weights: statistic(weights[:, known])
