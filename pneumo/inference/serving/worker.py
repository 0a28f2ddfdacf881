"""Decoding of uploads in processes of their own, which are killed when they take too long.

A decoder that hangs, crashes or takes too much memory ends its process and not the server. The processes cannot write files.
"""

import asyncio
import io
import multiprocessing
import os
import queue
import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import NamedTuple

from PIL import Image

from pneumo.inference.prepare import Preparation, Prepared, prepare
from pneumo.radiographs.decode import decode_opened_at_height
from pneumo.radiographs.radiograph import UnreadableError, UnsuitableError, open_content

PICTURE_HEIGHT_PX = 1024
MEMORY_MIB = 2048
"""Address space of a decoding process: it starts with half a GiB, and the largest radiographs need less than one more."""
_START_SECONDS = 120
_spawn = multiprocessing.get_context("spawn")


class Decoded(NamedTuple):
    """An upload after decoding."""

    prepared: Prepared
    readable: bool
    """Whether it is a radiograph at all; the model may refuse a readable one too."""
    picture: bytes | None = None
    """PNG at its own aspect ratio, at most PICTURE_HEIGHT_PX high; None where it was not asked for, or cannot be shown."""
    picture_size: tuple[int, int] = (0, 0)
    """Width and height in pixels."""


class TimeLimitError(Exception):
    """A radiograph took too long to decode."""


class DecoderCrashError(Exception):
    """The decoding process ended, as by damage that crashes a decoder, or for memory."""


def decode(content: bytes, name: str, preparation: Preparation, *, with_picture: bool) -> Decoded:
    """Decode an upload for the model, and if asked for, as a picture."""
    prepared = prepare(content, name, preparation)
    if prepared.pixels is not None and not with_picture:
        return Decoded(prepared, readable=True)
    try:
        radiograph = open_content(content)
        grey = decode_opened_at_height(radiograph, min(PICTURE_HEIGHT_PX, radiograph.size[1]))
    except UnsuitableError:
        return Decoded(prepared, readable=True)
    except UnreadableError:
        return Decoded(prepared, readable=False)
    if not with_picture:
        return Decoded(prepared, readable=True)
    png = io.BytesIO()
    Image.fromarray(grey).save(png, "PNG", compress_level=1)
    return Decoded(prepared, True, png.getvalue(), (grey.shape[1], grey.shape[0]))


class DecodingPool:
    """Processes that decode uploads; one that takes too long, or ends, is replaced."""

    def __init__(self, preparation: Preparation, workers: int, seconds: float, memory_mib: int = MEMORY_MIB) -> None:
        """Start the processes.

        Args:
            seconds: longest time for one upload.
            memory_mib: address space of each process.
        """
        self._workers = [_Worker(preparation, seconds, memory_mib) for _ in range(workers)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, "decoding")

    @property
    def process_ids(self) -> list[int]:
        """Of the running processes."""
        return [worker.process.pid for worker in self._workers if worker.process.pid and worker.process.is_alive()]

    async def decode(self, content: bytes, name: str, *, with_picture: bool) -> Decoded:
        """Decode an upload as `decode` does, as soon as a process is free.

        Raises:
            TimeLimitError: it took too long.
            DecoderCrashError: the process ended.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._decode, content, name, with_picture)

    def close(self) -> None:
        """End the processes, whatever they do."""
        for worker in self._workers:
            worker.close()
        self._threads.shutdown(cancel_futures=True)

    def _decode(self, content: bytes, name: str, with_picture: bool) -> Decoded:
        worker = self._idle.get()
        try:
            return worker.decode(content, name, with_picture)
        finally:
            self._idle.put(worker)


class _Worker:
    """One decoding process and the pipe to it."""

    def __init__(self, preparation: Preparation, seconds: float, memory_mib: int) -> None:
        self._preparation, self._seconds, self._memory_mib = preparation, seconds, memory_mib
        self._closed = False
        self._start()

    def decode(self, content: bytes, name: str, with_picture: bool) -> Decoded:
        if not self.process.is_alive():
            self._replace()
        self._wait_until_ready()
        try:
            self._connection.send((name, with_picture))
            self._connection.send_bytes(content)
            decoded = self._connection.recv() if self._connection.poll(self._seconds) else None
        except (EOFError, OSError) as error:
            self._replace()
            raise DecoderCrashError("damaged so that it cannot be decoded") from error
        if decoded is None:
            self._replace()
            raise TimeLimitError(f"took longer than {self._seconds:g} seconds to decode")
        assert isinstance(decoded, Decoded)  # noqa: S101 - for the type checker
        return decoded

    def close(self) -> None:
        self._closed = True
        self._kill()

    def _start(self) -> None:
        self._connection, other_end = _spawn.Pipe()
        self.process = _spawn.Process(target=_work, args=(other_end, self._preparation, self._memory_mib), daemon=True)
        self.process.start()
        other_end.close()
        self._ready = False

    def _wait_until_ready(self) -> None:
        """Wait for the imports of a process that has just been started, which do not count against the time limit."""
        if self._ready:
            return
        try:
            started = self._connection.poll(_START_SECONDS) and bool(self._connection.recv())
        except EOFError:
            started = False
        if not started:
            raise RuntimeError("a decoding process does not start")
        self._ready = True

    def _replace(self) -> None:
        self._kill()
        self._connection.close()
        if not self._closed:
            self._start()

    def _kill(self) -> None:
        self.process.kill()
        self.process.join()


def _work(connection: Connection, preparation: Preparation, memory_mib: int) -> None:
    """Decode what comes through the pipe until its other end is closed."""
    # Ctrl-C in a terminal reaches every process of the group; the server ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _restrict(memory_mib)
    connection.send("ready")
    while True:
        try:
            name, with_picture = connection.recv()
            content = connection.recv_bytes()
        except EOFError:
            return
        connection.send(decode(content, name, preparation, with_picture=with_picture))


def _restrict(memory_mib: int) -> None:
    """Limit memory, forbid files to be written, and silence decoders, whose messages may quote what a radiograph holds."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib * 2**20, memory_mib * 2**20))
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(kind, (0, 0))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
