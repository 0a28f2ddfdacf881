"""Timing of alternatives that are compared with one another.

On a small virtual machine the wall time of a two-thread step is bimodal from process to process, while its CPU time is stable. So
the alternatives run in turn, each in a fresh process, and the ratios of the median CPU times and of the best wall times are
reported side by side.
"""

import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt


@dataclass
class Cost:
    """Wall time, and CPU time of all processor cores together, in seconds."""

    wall_s: float = 0
    cpu_s: float = 0

    @contextmanager
    def counting(self) -> Iterator[Self]:
        """Add the time that passes inside the context."""
        wall, cpu = time.monotonic(), _cpu_seconds()
        yield self
        self.wall_s += time.monotonic() - wall
        self.cpu_s += _cpu_seconds() - cpu

    def per(self, count: int) -> "Cost":
        """Return the cost per item of `count` items."""
        return Cost(self.wall_s / count, self.cpu_s / count)


@dataclass(frozen=True)
class Comparison:
    """One entry of `bench.json`."""

    name: str
    ours: float
    reference: float
    unit: str
    ratio: float
    """How many times better than the reference; against a limit, ours over the limit."""
    target: float
    """Minimum of the ratio; against a limit, its maximum."""
    met: bool


def speedup(name: str, ours: Sequence[Cost], reference: Sequence[Cost], at_least: float) -> list[Comparison]:
    """Compare with an alternative, by best wall time and by median CPU time."""
    return [Comparison(label, a, b, "s", b / a, at_least, b / a >= at_least) for label, a, b in _by_clock(name, ours, reference)]


def overhead(name: str, ours: Sequence[Cost], limit: Sequence[Cost], at_most: float) -> list[Comparison]:
    """Compare with a limit, by best wall time and by median CPU time."""
    return [Comparison(label, a, b, "s", a / b, at_most, a / b <= at_most) for label, a, b in _by_clock(name, ours, limit)]


def agreement(name: str, ours: Sequence[npt.NDArray[Any]], reference: Sequence[npt.NDArray[Any]], within: float) -> Comparison:
    """Compare the results of two implementations, in 0..1: their largest difference over the tolerance for rounding."""
    difference = max(float(np.abs(a - b).max()) for a, b in zip(ours, reference, strict=True))
    return Comparison(name, difference, within, "of the peak", difference / within, 1.0, difference <= within)


def _by_clock(name: str, ours: Sequence[Cost], other: Sequence[Cost]) -> list[tuple[str, float, float]]:
    """Return a label, our seconds and the other's: by the best wall time, and by the median CPU time."""
    costs = (ours, other)
    our_wall_s, other_wall_s = (min(cost.wall_s for cost in repeated) for repeated in costs)
    our_cpu_s, other_cpu_s = (statistics.median(cost.cpu_s for cost in repeated) for repeated in costs)
    return [(f"{name}, wall", our_wall_s, other_wall_s), (f"{name}, CPU", our_cpu_s, other_cpu_s)]


def _cpu_seconds() -> float:
    processes = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in processes)
