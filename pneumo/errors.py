"""The error that is reported to the user as one line, without a traceback, and what it suggests."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A problem that the user can fix: one line that says what is wrong, where, and what to do.

    The command line prints the line and ends with status 2, without a traceback.
    """


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Suggest the name nearest to an unknown one, as the end of a message; "" where none is near."""
    nearest = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean `{nearest[0]}`?" if nearest else ""
