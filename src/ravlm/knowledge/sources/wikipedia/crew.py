"""Several processes that work side by side, or none: the same calls, the same results in the same order."""

import os
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Concatenate, ParamSpec, TypeVar

from ravlm.knowledge.sources.wikipedia.convert import Converter, Settings

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")

_converter: Converter | None = None  # of this process, where it is a worker


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew:
    """Runs tasks on converters: in processes of its own, or, with one worker, where their result is asked for.

    Where processes can't be started or one of them is killed, the work goes on in this process.
    """

    def __init__(self, settings: Settings, workers: int) -> None:
        """Start nothing yet; processes start with the first task."""
        self._converter = Converter(settings)
        self._pool: ProcessPoolExecutor | None = None
        if workers > 1:
            self._pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (settings,))
        self.ahead = 2 * workers if workers > 1 else 1
        """How many tasks may be given before the first one's result is taken."""

    @property
    def converter(self) -> Converter:
        """The converter of this process."""
        return self._converter

    def give(
        self, task: Callable[Concatenate[Converter, _Given], _Made], *args: _Given.args, **kwargs: _Given.kwargs
    ) -> Callable[[], _Made]:
        """Give a task; calling what comes back waits for its result."""

        def here() -> _Made:
            return task(self._converter, *args, **kwargs)

        if self._pool is None:
            return here
        try:
            future = self._pool.submit(_work, task, *args, **kwargs)
        except BrokenExecutor:
            return here

        def there() -> _Made:
            try:
                return future.result()  # type: ignore[no-any-return]
            except BrokenExecutor:
                return here()

        return there

    def close(self) -> None:
        """End the processes; what they have begun is not waited for longer than it takes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._converter.close()


def _start(settings: Settings) -> None:
    global _converter
    _converter = Converter(settings)


def _work(task, *args, **kwargs):  # type: ignore[no-untyped-def]
    return task(_converter, *args, **kwargs)
