"""How the page writes numbers."""

from pneumo.evaluation.intervals import Estimate
from pneumo.report.drawing import rounded

# So that on a narrow screen a line ends before the interval and nowhere else.
_SPACE = "\N{NO-BREAK SPACE}"


def interval(estimate: Estimate) -> str:
    """Write a score and its interval."""
    if estimate.value is None:
        return "–"
    ends = "–" if estimate.low is None or estimate.high is None else f"{rounded(estimate.low)} to {rounded(estimate.high)}"
    return _breakable(rounded(estimate.value), ends)


def percent(share: float | None) -> str:
    """Write a share in per cent."""
    return "–" if share is None else f"{share:.1%}"


def percent_interval(estimate: Estimate) -> str:
    """Write a share and its interval in per cent."""
    if estimate.value is None:
        return "–"
    ends = "–" if estimate.low is None or estimate.high is None else f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"
    return _breakable(f"{estimate.value:.1%}", ends)


def signed(number: float | None) -> str:
    """Write a difference with its sign."""
    return "–" if number is None else f"{number:+.3f}".replace("-", "−")


def signed_interval(estimate: Estimate) -> str:
    """Write a difference and its interval with their signs."""
    if estimate.value is None:
        return "–"
    ends = "–" if estimate.low is None else f"{signed(estimate.low)} to {signed(estimate.high)}"
    return _breakable(signed(estimate.value), ends)


def probability(p: float | None) -> str:
    """Write the p of a test; a very small one is not written as none."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004


def duration(seconds: float) -> str:
    """Write how long something took."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _breakable(value: str, ends: str) -> str:
    return f"{value.replace(' ', _SPACE)} ({ends.replace(' ', _SPACE)})"
