"""Workers on this machine: processes of one thread each for students, threads for what leaves Python's lock alone.

Two processes with one thread each train two small students at once; two threads in one process would wait for each
other. Thread counts and the allocator are set in the environment before a worker starts, because the libraries read
them when they are loaded. A worker whose parent dies ends at once, so that a run that is killed leaves nothing behind
that still writes.
"""

import ctypes
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import cache
from multiprocessing.queues import SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from understudy.errors import RunError

T = TypeVar("T")
R = TypeVar("R")

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads slow a shared machine down by up to ten times
    "POLARS_MAX_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Keep freed memory: giving activations back to the system and faulting them in again costs more than the sums.
    "MALLOC_TRIM_THRESHOLD_": "536870912",
    "MALLOC_MMAP_THRESHOLD_": "536870912",
    "MALLOC_TOP_PAD_": "67108864",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}

_MALLOPT = {-1: "MALLOC_TRIM_THRESHOLD_", -2: "MALLOC_TOP_PAD_", -3: "MALLOC_MMAP_THRESHOLD_"}
"""The same settings by the numbers of glibc's ``mallopt``."""

Told = tuple[str, int, int]
_told: "SimpleQueue[Told] | None" = None


class Local:
    """Runs functions in ``workers`` processes; ``told`` yields how far each has come."""

    def __init__(self, workers: int = 2) -> None:
        self.workers = workers
        self._running: dict[Future[None], str] = {}

    def __enter__(self) -> "Local":
        context = multiprocessing.get_context("spawn")
        os.environ.update({key: os.environ.get(key, value) for key, value in ENVIRONMENT.items()})
        self._told: SimpleQueue[Told] = context.SimpleQueue()
        self._pool = ProcessPoolExecutor(self.workers, context, _begin, (self._told,))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind:
            for process in multiprocessing.active_children():
                process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def idle(self) -> int:
        """How many more functions can start at once."""
        return self.workers - len(self._running)

    def submit(self, name: str, function: Callable[..., None], *arguments: Any) -> None:
        """Start ``function(*arguments, report)`` under a name."""
        try:
            self._running[self._pool.submit(_run, name, function, arguments)] = name
        except BrokenProcessPool:
            raise _died() from None

    def finished(self, seconds: float) -> list[str]:
        """The names of those that ended within this time. Raises what one of them raised."""
        done, _ = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        names = []
        for future in done:
            names.append(self._running.pop(future))
            try:
                future.result()
            except BrokenProcessPool:
                raise _died() from None
        return names

    def told(self) -> Iterator[Told]:
        """Name, units done and units in all, as reported since the last call."""
        while not self._told.empty():
            yield self._told.get()


def spread(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """``function`` of every item, in order, by ``workers`` threads; few items are held at a time.

    That pays for functions that spend their time outside of Python's lock. Raises what the function raises.
    """
    if workers == 1:
        yield from map(function, items)
        return
    _keep_memory()
    pending: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@cache
def _keep_memory() -> None:
    """What ``ENVIRONMENT`` says of freed memory, for this process; where the C library is not glibc, nothing."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        for option, name in _MALLOPT.items():
            library.mallopt(option, int(ENVIRONMENT[name]))


def _died() -> RunError:
    return RunError("a worker process died; it may have run out of memory", "run the same command to go on")


def _begin(told: "SimpleQueue[Told]") -> None:
    global _told
    _told = told
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(name: str, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    def report(done: int, total: int) -> None:
        if _told is not None:
            _told.put((name, done, total))

    function(*arguments, report)
