"""Importing what starts TensorFlow, without its notes on its own start."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

NOTE = re.compile(rb"WARNING: All log messages before absl::InitializeLog\(\)|I\d{4} ")
"""The beginning of a line that informs of nothing that went wrong."""


@contextmanager
def quiet_start() -> Iterator[None]:
    """Import TensorFlow within, and its informative notes on processor and GPU do not reach the screen; all else does, afterwards.

    TensorFlow 2.21 writes them straight to the file descriptor of stderr, before it reads `TF_CPP_MIN_LOG_LEVEL`
    (tensorflow/tensorflow#100442). That level keeps off what it logs later: without a GPU, the search for one as an error. What
    goes wrong in its operations reaches Python as exceptions, whatever the level.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
            written.seek(0)
            for line in written:
                if not NOTE.match(line):
                    sys.stderr.write(line.decode(errors="replace"))
