"""Fair timing of things that are compared.

On a small virtual machine the wall time of a two-thread step is bimodal from process to process, while its CPU time is stable. So
what is compared takes turns in fresh processes, the median of CPU time and the best wall time are kept, and the two ratios are
reported side by side.
"""

import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass
class Cost:
    """Seconds that a piece of work took: on the clock, and of all processor cores together."""

    wall_s: float = 0
    cpu_s: float = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Add what happens inside."""
        wall, cpu = time.monotonic(), _cpu_seconds()
        yield
        self.wall_s += time.monotonic() - wall
        self.cpu_s += _cpu_seconds() - cpu

    def per(self, count: int) -> "Cost":
        """Divide among `count` pieces."""
        return Cost(self.wall_s / count, self.cpu_s / count)


@dataclass(frozen=True)
class Comparison:
    """One line of `bench.json`."""

    name: str
    ours: float
    reference: float
    unit: str
    ratio: float
    """How many times better than the reference; against a limit, ours over the limit."""
    target: float
    """What the ratio is to reach; against a limit, what it is not to exceed."""
    met: bool

    def as_json(self) -> dict[str, Any]:
        """As written to the file."""
        return asdict(self)


def speedup(name: str, ours: Sequence[Cost], reference: Sequence[Cost], at_least: float) -> list[Comparison]:
    """Compare with an alternative, by best wall time and by median CPU time."""
    return [
        Comparison(f"{name}, {clock}", a, b, "s", b / a, at_least, b / a >= at_least)
        for clock, a, b in zip(("wall", "CPU"), _kept(ours), _kept(reference), strict=True)
    ]


def overhead(name: str, ours: Sequence[Cost], limit: Sequence[Cost], at_most: float) -> list[Comparison]:
    """Compare with a limit, by best wall time and by median CPU time."""
    return [
        Comparison(f"{name}, {clock}", a, b, "s", a / b, at_most, a / b <= at_most)
        for clock, a, b in zip(("wall", "CPU"), _kept(ours), _kept(limit), strict=True)
    ]


def agreement(name: str, ours: Sequence[npt.NDArray[Any]], reference: Sequence[npt.NDArray[Any]], within: float) -> Comparison:
    """Compare what two ways made, values in 0..1: the greatest difference, over the one that rounding may leave."""
    difference = max(float(np.abs(a - b).max()) for a, b in zip(ours, reference, strict=True))
    return Comparison(name, difference, within, "of the peak", difference / within, 1.0, difference <= within)


def _kept(costs: Sequence[Cost]) -> tuple[float, float]:
    return min(cost.wall_s for cost in costs), statistics.median(cost.cpu_s for cost in costs)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
