"""A console that interrupts a stage at a given line of its output, as a signal would."""

import io

from rich.console import Console


class Killed(Exception):  # noqa: N818 - it stands for a signal
    pass


class KillingConsole(Console):
    """Raises `Killed` after it has printed `times` lines that start with `line`."""

    def __init__(self, line: str, times: int = 1) -> None:
        super().__init__(file=io.StringIO(), width=200)
        self.line, self.remaining = line, times

    def print(self, *objects, **options):
        super().print(*objects, **options)
        self.remaining -= str(objects[0]).startswith(self.line) if objects else 0
        if not self.remaining:
            raise Killed
