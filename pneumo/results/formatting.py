"""Formatting of scores, intervals and lists for pages, captions, tables of spreadsheets and the console."""

from collections.abc import Callable, Sequence

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.scores import Part
from pneumo.results.experiment import Spread

PART_LABELS: dict[Part, str] = {"validation": "validation", "validation_shifted": "shifted validation", "test": "test"}
"""Parts in tables and figures."""
RULE_LABELS = {
    "calibration": "calibration on validation and shifted validation",
    "youden": "Youden index on validation",
    "half": "0.5",
}
"""Rules that choose the operating threshold."""

_SPACE = "\N{NO-BREAK SPACE}"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def rounded(number: float | None) -> str:
    """Format a score with three decimals; a score below 1 that rounds to 1 reads "> 0.999"."""
    if number is None:
        return "–"
    return "> 0.999" if 0.9995 <= number < 1 else f"{number:.3f}"  # noqa: PLR2004


def interval(estimate: Estimate) -> str:
    """Format a score with its interval."""
    return _with_interval(estimate, rounded)


def percent(share: float | None) -> str:
    """Format a share in per cent."""
    return "–" if share is None else f"{share:.1%}"


def percent_interval(estimate: Estimate) -> str:
    """Format a share with its interval in per cent."""
    return _with_interval(estimate, percent)


def signed(number: float | None) -> str:
    """Format a difference with its sign."""
    return "–" if number is None else f"{number:+.3f}".replace("-", "−")


def signed_interval(estimate: Estimate) -> str:
    """Format a difference with its interval, both with their signs."""
    return _with_interval(estimate, signed)


def p_value(p: float | None) -> str:
    """Format a p-value; one that rounds to 0 reads "< 0.001"."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004


def mean_sd(spread: Spread) -> str:
    """Format a mean with its standard deviation."""
    if spread.mean is None or spread.sd is None:
        return "–"
    return f"{rounded(spread.mean)} ± {spread.sd:.3f}".replace(" ", _SPACE)


def per_hundred(share: Estimate) -> str:
    """Format a share as a count per hundred with its interval; 99.7 reads "over 99" and 0.2 "under 1"."""
    if share.value is None:
        return "–"
    ends = "" if share.low is None or share.high is None else f" ({_whole(share.low)} to {_whole(share.high)})"
    return _whole(share.value) + ends


def counted(count: int, noun: str) -> str:
    """Format a count of things: 1 radiograph, 2 radiographs."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def times(count: int) -> str:
    """Format a count of events: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def lower_first(words: str) -> str:
    """Return a label with a small first letter, for the middle of a sentence; an abbreviation stays."""
    return words if words[:2].isupper() else words[0].lower() + words[1:]


def upper_first(words: str) -> str:
    """Return a label with a capital first letter, for the start of a heading or of a cell."""
    return words[0].upper() + words[1:]


def spreadsheet_cell(value: object) -> object:
    """Return a value for a CSV file: text that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def from_spreadsheet_cell(cell: str) -> str:
    """Return the text that `spreadsheet_cell` wrote."""
    return cell.removeprefix("'") if cell[1:].startswith(_FORMULA_STARTS) else cell


def duration(seconds: float) -> str:
    """Format a time in minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _whole(share: float) -> str:
    number = round(100 * share)
    if number == 100 and share < 1:  # noqa: PLR2004
        return "over 99"
    return "under 1" if number == 0 and share > 0 else str(number)


def _with_interval(estimate: Estimate, text: Callable[[float], str]) -> str:
    if estimate.value is None:
        return "–"
    ends = "–"
    if estimate.low is not None and estimate.high is not None:
        ends = f"{text(estimate.low)} to {text(estimate.high)}".replace("%", "")
    # Non-breaking spaces keep the interval together: on a narrow screen the line breaks before it.
    return f"{text(estimate.value).replace(' ', _SPACE)} ({ends.replace(' ', _SPACE)})"
