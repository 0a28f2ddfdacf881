"""Importing TensorFlow without its informative log messages."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

INFORMATIVE = re.compile(rb"WARNING: All log messages before absl::InitializeLog\(\)|I\d{4} ")
"""Beginning of a log line that is only informative."""


@contextmanager
def quiet_start() -> Iterator[None]:
    """Import TensorFlow inside this context to drop its informative messages on processor and GPU; other output appears afterwards.

    TensorFlow 2.21 writes them to the file descriptor of stderr before it reads `TF_CPP_MIN_LOG_LEVEL`
    (tensorflow/tensorflow#100442). That level suppresses later messages, such as the failed search for a GPU. Errors of operations
    reach Python as exceptions at every level.
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
                if not INFORMATIVE.match(line):
                    sys.stderr.write(line.decode(errors="replace"))
