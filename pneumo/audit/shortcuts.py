"""Which traits of a radiograph's making give its label away in train and not in test: shortcuts, which a network may take.

A trait that the disease changes does so in both. A trait that goes with the label in train and clearly less in test went with it by
the way the radiographs were gathered. The rule and its margins are explained in docs/decisions/0012-audit.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pneumo.evaluation.bootstrap import LEVEL, Estimate, patient_bootstrap, percentile
from pneumo.evaluation.scores import Labels, Result
from pneumo.evaluation.weighted import Draws, Statistic, auroc

PARTS = ("training", "validation", "test")
PREDICTS = 0.1
"""A trait predicts the label where its AUROC is surely further than this from 0.5."""
LOST = 0.05
"""It carries over to test unless surely more than this of that distance is lost."""
FEWEST = 20
"""Patients of each class, below which a part says too little."""
CHANCE = 0.5

Verdict = Literal["shortcut", "redundant", "shared", "unclear", "untested", "uninformative", "constant", "too_few"]


class Finding(Result):
    """One trait: how well it alone tells PNEUMONIA from NORMAL, and what that means."""

    trait: str
    training: Estimate
    """AUROC of the trait as a score of PNEUMONIA, as the next two: below 0.5 where PNEUMONIA has the lower values; None where all
    radiographs have the same."""
    validation: Estimate
    test: Estimate
    verdict: Verdict
    redundant_with: str | None = None
    """Trait whose shortcut this one belongs to, where the verdict is "redundant"."""

    @property
    def lower(self) -> bool:
        """Whether PNEUMONIA has the lower values in training."""
        return self.training.value is not None and self.training.value < CHANCE


@dataclass(frozen=True)
class _Area:
    """AUROC of one trait on one part, and its bootstrap draws."""

    value: float
    """nan: undefined."""
    draws: Draws


@dataclass(frozen=True)
class _PartTraits:
    """The radiographs of one part."""

    traits: pd.DataFrame
    y_true: Labels
    patient: npt.NDArray[np.str_]
    seed: int

    def enough(self) -> bool:
        """Whether both classes have patients enough."""
        return all(np.unique(self.patient[self.y_true == label]).size >= FEWEST for label in (0, 1))

    def areas(self) -> dict[str, _Area]:
        """Work out every trait's AUROC with bootstrap draws, all traits on the same patients."""
        statistics = {str(name): _statistic(values.to_numpy(float), self.y_true) for name, values in self.traits.items()}
        defined = {name: statistic for name, statistic in statistics.items() if statistic is not None}
        draws = patient_bootstrap(self.patient, defined, seed=self.seed) if defined else {}
        everything = np.ones((1, len(self.y_true)))
        unknown = _Area(np.nan, np.full(1, np.nan))
        return {
            name: _Area(float(defined[name](everything)[0]), draws[name]) if name in defined else unknown for name in statistics
        }


def find_shortcuts(
    traits: pd.DataFrame, y_true: Labels, patient: npt.NDArray[np.str_], part: npt.NDArray[np.str_]
) -> tuple[Finding, ...]:
    """Judge every trait.

    Args:
        traits: a row a radiograph, columns named as in TRAITS; nan where a radiograph has none.
        y_true: (N,), 1 where PNEUMONIA.
        patient: (N,).
        part: (N,), "training", "validation" or "test"; others are not looked at. Without test, no trait is called a shortcut.
    """
    parts = {
        name: _PartTraits(traits[part == name], y_true[part == name], patient[part == name], seed)
        for seed, name in enumerate(PARTS)
    }
    areas = {name: radiographs.areas() for name, radiographs in parts.items()}
    verdicts, leaders = _verdicts(parts, areas)
    return tuple(
        Finding(
            trait=name,
            **{each: percentile(areas[each][name].value, areas[each][name].draws) for each in PARTS},
            verdict=verdict,
            redundant_with=leaders.get(name),
        )
        for name, verdict in verdicts.items()
    )


def _verdicts(
    parts: Mapping[str, _PartTraits], areas: Mapping[str, Mapping[str, _Area]]
) -> tuple[dict[str, Verdict], dict[str, str]]:
    """Decide on every trait; and name, for those that go along with a shortcut, that shortcut."""
    training, test = areas["training"], areas["test"]
    tested, judged = len(parts["test"].y_true) > 0, parts["training"].enough()
    bounds = _bounds(training, test)
    lost = [name for name in bounds if _is_lost(bounds[name])] if parts["test"].enough() and judged else []
    leaders = _leaders(lost, bounds, parts)
    verdicts: dict[str, Verdict] = {}
    for name, area in training.items():
        if np.isnan(area.value):
            verdicts[name] = "constant"
        elif not judged or (tested and not parts["test"].enough()):
            verdicts[name] = "too_few"
        elif name in leaders:
            verdicts[name] = "redundant"
        elif name in lost:
            verdicts[name] = "shortcut"
        elif bounds[name].strength <= PREDICTS:
            verdicts[name] = "uninformative"
        elif not tested:
            verdicts[name] = "untested"
        else:
            verdicts[name] = "shared" if _is_kept(area, test[name]) else "unclear"
    return verdicts, leaders


@dataclass(frozen=True)
class _Bounds:
    """What is left, at least, of a trait's distance from chance in training, and of what of it test has lost."""

    strength: float
    loss: float


def _bounds(training: Mapping[str, _Area], test: Mapping[str, _Area]) -> dict[str, _Bounds]:
    """Bound every trait's strength and loss so that all bounds hold at once, 95 times in 100.

    The more traits are looked at, the further the worst of them strays by chance. How far is read from the bootstrap: the largest
    deviation over all traits, in standard errors, in each draw. Traits that say the same count as one that way.
    """
    quantities: dict[str, tuple[tuple[float, Draws], tuple[float, Draws]]] = {}
    for name, area in training.items():
        if np.isnan(area.value):
            continue
        side = 1 if area.value >= CHANCE else -1
        # Where all test radiographs have the same value, it tells nothing there: as good as chance, and sure.
        there = test[name] if not np.isnan(test[name].value) else _Area(CHANCE, np.full_like(area.draws, CHANCE))
        strength = (side * (area.value - CHANCE), side * (area.draws - CHANCE))
        quantities[name] = (strength, (side * (area.value - there.value), side * (area.draws - there.draws)))
    deviations = [_studentised(*quantity) for pair in quantities.values() for quantity in pair]
    if not deviations:
        return {}
    factor = float(np.nanquantile(np.max(deviations, axis=0), LEVEL))
    return {
        name: _Bounds(*(value - factor * float(np.nanstd(draws)) for value, draws in pair)) for name, pair in quantities.items()
    }


def _studentised(value: float, draws: Draws) -> Draws:
    spread = np.nanstd(draws)
    # Two-sided, so that a bound is not loose because AUROCs near 1 stray to one side only.
    return np.nan_to_num(np.abs(draws - value) / spread) if spread > 0 else np.zeros_like(draws)


def _is_lost(bounds: _Bounds) -> bool:
    return bounds.strength > PREDICTS and bounds.loss > LOST


def _is_kept(training: _Area, test: _Area) -> bool:
    """Whether test surely lies on the same side of chance as training."""
    if np.isnan(test.value):
        return False
    side = 1 if training.value >= CHANCE else -1
    return bool(np.nanquantile(side * (test.draws - CHANCE), (1 - LEVEL) / 2) > 0)


def _leaders(lost: Sequence[str], bounds: Mapping[str, _Bounds], parts: Mapping[str, _PartTraits]) -> dict[str, str]:
    """Find the traits that are lost only because another one is, and name that one for each.

    Wide radiographs show more air at their sides, so their borders are darker too. The trait that says most of the label in training is
    taken first, since a cause says more of it than its consequences; what it explains is taken out of the others, and whoever is
    still lost then is a shortcut of its own.
    """
    leaders: dict[str, str] = {}
    named: list[str] = []
    remaining = list(lost)
    while remaining:
        leader = max(remaining, key=lambda name: bounds[name].strength)
        named.append(leader)
        remaining.remove(leader)
        if not remaining:
            break
        rest = _without(named, remaining, parts)
        left = _bounds(rest["training"].areas(), rest["test"].areas())
        gone = [name for name in remaining if name not in left or not _is_lost(left[name])]
        leaders |= dict.fromkeys(gone, leader)
        remaining = [name for name in remaining if name not in gone]
    return leaders


def _without(named: Sequence[str], others: Sequence[str], parts: Mapping[str, _PartTraits]) -> dict[str, _PartTraits]:
    """Take out of some traits what others explain: how they vary together where the label is fixed, in each class of each part."""
    both = ("training", "test")
    traits = pd.concat([parts[name].traits for name in both], keys=both)
    traits = traits.fillna(traits.mean()) / traits.std()
    group = np.concatenate([parts[name].y_true + 2 * place for place, name in enumerate(both)])
    within = traits - traits.groupby(group).transform("mean")
    slopes = np.linalg.lstsq(within[list(named)].to_numpy(), within[list(others)].to_numpy(), rcond=None)[0]
    # Rounded: where one trait is a copy of another nothing is left but the processor's rounding, and that would have an order too.
    rest = (traits[list(others)] - traits[list(named)].to_numpy() @ slopes).round(9)
    return {name: _PartTraits(rest.loc[name], parts[name].y_true, parts[name].patient, parts[name].seed) for name in both}


def _statistic(values: npt.NDArray[np.float64], y_true: Labels) -> Statistic | None:
    """AUROC over the radiographs that have the trait; None where they are all alike or of one class."""
    known = ~np.isnan(values)
    if np.unique(values[known]).size < 2 or np.unique(y_true[known]).size < 2:  # noqa: PLR2004
        return None
    area = auroc(y_true[known], values[known])
    return area if known.all() else lambda weights: area(weights[:, known])
