"""Scoring of concurrent requests together."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Batch(Generic[Item, Result]):
    items: list[Item] = field(default_factory=list)
    results: "asyncio.Task[list[Result]] | None" = None


class Batcher(Generic[Item, Result]):
    """Calls a function on lists of what several requests ask for, in one thread.

    Nobody waits for others to come: a batch is what has gathered while the one before it was computed.
    """

    def __init__(self, work: Callable[[Sequence[Item]], list[Result]], largest: int) -> None:
        """Take the function, which returns one result for each item, and the largest number of items in a batch."""
        self._work, self._largest = work, largest
        self._thread = ThreadPoolExecutor(1, "scoring")
        self._one_at_a_time = asyncio.Lock()
        self._gathering: _Batch[Item, Result] | None = None

    async def __call__(self, item: Item) -> Result:
        """Return the result of one item; what the function raises is raised for every item of the batch."""
        batch = self._gathering
        if batch is None or len(batch.items) == self._largest:
            batch = self._gathering = _Batch()
            batch.results = asyncio.create_task(self._compute(batch))
        position = len(batch.items)
        batch.items.append(item)
        assert batch.results is not None  # noqa: S101 - for the type checker
        # A request that is given up must not cancel the others of its batch.
        return (await asyncio.shield(batch.results))[position]

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)

    async def _compute(self, batch: _Batch[Item, Result]) -> list[Result]:
        async with self._one_at_a_time:
            if self._gathering is batch:
                self._gathering = None
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, batch.items)
