"""Worker processes that are killed, and replaced, when a pair of answers takes too long.

    pool(2).compare([("1/2", "0.5"), ("x", "9^{9^{9^{9}}}")], seconds=5)     # [True, "took longer than 5 s"]

An expression can hang inside SymPy, where no Python timer reaches it; killing the process always works. A process of
our own (no fork, no import of the caller's script) works in any program, also in a worker of a study.
"""

import atexit
import json
import os
import selectors
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from understudy.errors import RunError

Verdict = bool | str | None
"""Whether a pair is equal; null: that cannot be said; a text says what happened to it."""
Pair = tuple[str, str]

AHEAD = 16
"""Pairs that a worker is given at once."""
PIPE = 16_000
"""Bytes after which it is given no more: with one pair of at most 48,000 it stays below what a pipe holds."""
START = 120
"""Seconds in which a worker must be ready."""
DIED = "ended the process that compared it"

_pools: dict[tuple[int, int], "Pool"] = {}


def pool(workers: int) -> "Pool":
    """The workers of this process, started when they are first needed."""
    key = (os.getpid(), workers)
    if key not in _pools:
        _pools[key] = Pool(workers)
        atexit.register(_pools[key].close)
    return _pools[key]


class Pool:
    """So many workers. One call at a time; others wait."""

    def __init__(self, workers: int) -> None:
        self._free: list[_Worker] = []
        self._size = workers
        self._lock = threading.Lock()

    def compare(self, pairs: Sequence[Pair], seconds: float) -> list[Verdict]:
        """The verdict on each pair. Raises ``RunError`` if no worker can be started."""
        with self._lock:
            return _Round(self._workers(len(pairs)), pairs, seconds).run()

    def _workers(self, pairs: int) -> "list[_Worker]":
        wanted = min(self._size, max(1, pairs // 4))
        while len(self._free) < wanted:
            self._free.append(_Worker())
        return self._free[: max(wanted, 1)]

    def close(self) -> None:
        """End the workers."""
        for worker in self._free:
            worker.end()
        self._free.clear()


class _Round:
    """One call: pairs are handed out in order, and again when the worker that had them died."""

    def __init__(self, workers: "list[_Worker]", pairs: Sequence[Pair], seconds: float) -> None:
        self.workers, self.pairs, self.seconds = workers, pairs, seconds
        self.left = deque(range(len(pairs)))
        self.verdicts: list[Verdict] = [None] * len(pairs)

    def run(self) -> list[Verdict]:
        try:
            while self.left or any(worker.has for worker in self.workers):
                for worker in self.workers:
                    self._hand_out(worker)
                self._wait()
        finally:
            for worker in self.workers:
                if worker.has:  # an interrupted call: what is under way must not answer the next one
                    worker.restart()
        return self.verdicts

    def _hand_out(self, worker: "_Worker") -> None:
        if worker.has:
            return
        given = b""
        while self.left and len(worker.has) < AHEAD and len(given) < PIPE:
            number = self.left.popleft()
            worker.has.append(number)
            given += json.dumps([*self.pairs[number], self.seconds]).encode() + b"\n"
        if given:
            worker.send(given, self.seconds)

    def _wait(self) -> None:
        """Take what the workers say; one that said nothing for too long, or has died, is replaced."""
        with selectors.DefaultSelector() as ready:
            for worker in self.workers:
                if worker.has:
                    ready.register(worker.out, selectors.EVENT_READ, worker)
            until = min(worker.deadline for worker in self.workers if worker.has)
            said = [key.data for key, _ in ready.select(max(until - monotonic(), 0))]
        for worker in said:
            if not self._take(worker):
                self._replace(worker, DIED)
        for worker in self.workers:
            if worker.has and worker not in said and monotonic() >= worker.deadline:
                self._replace(worker, f"took longer than {self.seconds:g} s")

    def _take(self, worker: "_Worker") -> bool:
        """Whether the worker is alive."""
        lines = worker.read()
        for verdict in lines or ():
            if verdict != "ready":
                self.verdicts[worker.has.popleft()] = verdict
            worker.deadline = monotonic() + self.seconds
        return lines is not None

    def _replace(self, worker: "_Worker", why: str) -> None:
        if not worker.ready:
            worker.restart()
            raise RunError("a process that compares answers does not start", "pip install math-verify")
        guilty = worker.has.popleft()
        self.verdicts[guilty] = why
        self.left.extendleft(reversed(worker.has))
        worker.restart()


class _Worker:
    """One process, and the numbers of the pairs that it has."""

    def __init__(self) -> None:
        self.has: deque[int] = deque()
        self._start()

    def _start(self) -> None:
        paths = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "understudy.graders._worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RunError("a process that compares answers has no pipes")
        self.given, self.out = self._process.stdin, self._process.stdout
        self.ready, self._rest, self.deadline = False, b"", monotonic() + START

    def send(self, pairs: bytes, seconds: float) -> None:
        """Give it pairs; it has none left."""
        if self.ready:
            self.deadline = monotonic() + seconds
        with suppress(BrokenPipeError):  # it has died: that is seen when it is read
            os.write(self.given.fileno(), pairs)

    def read(self) -> list[Verdict] | None:
        """What it has said since; null if it has died."""
        data = os.read(self.out.fileno(), 1 << 16)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.ready = self.ready or bool(lines)
        return [json.loads(line) for line in lines]

    def restart(self) -> None:
        """Kill it, and start another one in its place."""
        self.end()
        self.has.clear()
        self._start()

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self.given, self.out):
            pipe.close()
