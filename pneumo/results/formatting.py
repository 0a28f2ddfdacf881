"""How the page writes numbers."""

from collections.abc import Sequence

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.predictions import Part
from pneumo.figures.drawing import rounded
from pneumo.results.cross_validation import Spread

PARTS_SAID: dict[Part, str] = {
    "validation": "validation",
    "validation_shifted": "shifted validation",
    "test": "test",
}
"""How tables and figures call the parts."""
RULES_SAID = {
    "calibration": "calibration on validation and shifted validation",
    "youden": "Youden, radiographs as they are",
    "half": "0.5",
}
"""How they call what locks a threshold."""

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


def spread(found: Spread) -> str:
    """Write a mean and its standard deviation."""
    if found.mean is None or found.sd is None:
        return "–"
    return f"{rounded(found.mean)} ± {found.sd:.3f}".replace(" ", _SPACE)


def of_hundred(share: Estimate) -> str:
    """Write how many of a hundred, and the interval; almost all are not written as all, nor hardly any as none."""
    if share.value is None:
        return "–"
    ends = "" if share.low is None or share.high is None else f" ({_hundredths(share.low)} to {_hundredths(share.high)})"
    return _hundredths(share.value) + ends


def times(count: int) -> str:
    """Write how often."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def inside(name: str) -> str:
    """Write the name of a score as it stands inside a sentence."""
    return name if name.isupper() else name.lower()


def duration(seconds: float) -> str:
    """Write how long something took."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _hundredths(share: float) -> str:
    whole = round(100 * share)
    if whole == 100 and share < 1:  # noqa: PLR2004
        return "over 99"
    return "under 1" if whole == 0 and share > 0 else str(whole)


def _breakable(value: str, ends: str) -> str:
    return f"{value.replace(' ', _SPACE)} ({ends.replace(' ', _SPACE)})"
