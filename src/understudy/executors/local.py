"""Workers on this machine: processes of one thread each for students, threads for what leaves Python's lock alone.

Two processes with one thread each train two small students at once; two threads in one process would wait for each
other. Thread counts and the allocator are set in the environment before a worker starts, because the libraries read
them when they are loaded. What needs accelerators gets a process of its own, which sees those alone that nobody else
has, and gives their memory back when it ends; the others see none. A worker whose parent dies ends at once, so that a
run that is killed leaves nothing behind that still writes.
"""

import ctypes
import multiprocessing
import os
import shutil
import signal
import subprocess
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

Told = tuple[str, int, int, str]
_told: "SimpleQueue[Told] | None" = None


def accelerators() -> tuple[str, ...]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them; torch is not loaded to find out."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name for name in visible.split(",") if name.strip() and name.strip() != "-1")
    if not shutil.which("nvidia-smi"):
        return ()
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return tuple(str(n) for n, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU"))


class Local:
    """Runs functions in ``workers`` processes, and beside them one for each that takes accelerators of ``devices``."""

    def __init__(self, workers: int = 2, devices: Iterable[str] = ()) -> None:
        self.workers = workers
        self.devices = tuple(devices)
        self._free = list(self.devices)
        self._running: dict[Future[None], str] = {}
        self._apart: dict[Future[None], tuple[ProcessPoolExecutor, list[str]]] = {}

    def __enter__(self) -> "Local":
        context = multiprocessing.get_context("spawn")
        self._others = set(multiprocessing.active_children())
        os.environ.update({key: os.environ.get(key, value) for key, value in ENVIRONMENT.items()})
        self._told: SimpleQueue[Told] = context.SimpleQueue()
        self._pool = ProcessPoolExecutor(self.workers, context, _begin, (self._told, ""))
        self._context = context
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind:
            for process in set(multiprocessing.active_children()) - self._others:
                process.kill()
        for pool in [self._pool, *(pool for pool, _ in self._apart.values())]:
            pool.shutdown(wait=True, cancel_futures=True)

    def room(self, devices: int = 0) -> bool:
        """Whether one more function can start, which takes as many accelerators as that, or all that there are."""
        if devices and self.devices:
            return len(self._free) >= min(devices, len(self.devices))
        return len(self._running) - len(self._apart) < self.workers

    def submit(self, name: str, function: Callable[..., None], *arguments: Any, devices: int = 0) -> None:
        """Start ``function(*arguments, report)`` under a name."""
        pool, taken = self._pool, self._free[:devices]
        if taken:
            del self._free[: len(taken)]
            pool = ProcessPoolExecutor(1, self._context, _begin, (self._told, ",".join(taken)))
        try:
            future = pool.submit(_run, name, function, arguments)
        except BrokenProcessPool:
            raise _died() from None
        self._running[future] = name
        if taken:
            self._apart[future] = pool, taken

    def finished(self, seconds: float) -> list[str]:
        """The names of those that ended within this time. Raises what one of them raised."""
        done, _ = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        names = []
        for future in done:
            names.append(self._running.pop(future))
            if future in self._apart:
                pool, taken = self._apart.pop(future)
                self._free += taken
                pool.shutdown(wait=False)
            try:
                future.result()
            except BrokenProcessPool:
                raise _died() from None
        return names

    def told(self) -> Iterator[Told]:
        """Name, units done, units in all and a note, as reported since the last call."""
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


def _begin(told: "SimpleQueue[Told]", devices: str) -> None:
    global _told
    _told = told
    os.environ["CUDA_VISIBLE_DEVICES"] = devices  # read when torch first looks for a GPU
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Wait in a thread of a process until its parent has ended, however that was, then end it as well."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(name: str, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    def report(done: int, total: int, note: str = "") -> None:
        if _told is not None:
            _told.put((name, done, total, note))

    function(*arguments, report)
