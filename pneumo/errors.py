"""The error that is reported to the user as one line, without a traceback."""


class UserError(Exception):
    """A problem that the user can fix: one line that says what is wrong, where, and what to do.

    The command line prints the line and ends with status 2, without a traceback.
    """
