"""A console that ends the work that prints on it, as a signal would."""

import io

from rich.console import Console


class Killed(Exception):  # noqa: N818 - it stands for a signal
    pass


class KillingConsole(Console):
    """Kills when it is to print a line that begins so for the nth time."""

    def __init__(self, line: str, times: int = 1) -> None:
        super().__init__(file=io.StringIO(), width=200)
        self.line, self.left = line, times

    def print(self, *objects, **options):
        super().print(*objects, **options)
        self.left -= str(objects[0]).startswith(self.line) if objects else 0
        if not self.left:
            raise Killed
