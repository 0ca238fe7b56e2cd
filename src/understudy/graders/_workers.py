"""Worker processes that are killed, and replaced, when a pair of answers takes too long.

    pool(2).compare([("1/2", "0.5"), ("x", "9^{9^{9^{9}}}")], seconds=5)     # [True, "took longer than 5 s"]

An expression can hang inside SymPy, where no Python timer reaches it; killing the process always works. A process of
our own (no fork of the caller, no import of its script) works in any program, also in a worker of a study. It keeps
what it has loaded and compares in a child (``_worker``), so that what a kill costs is the time of the pair alone.
"""

import atexit
import json
import os
import select
import selectors
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

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
SLOW, HASTE = 20, 10
"""So many pairs of a call may take all the time that a pair gets; after that, a pair gets so many times less. Answers
that hang come in crowds, from a model that went wrong, and any other takes less than a tenth of a second."""
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
        self.slow = 0

    def run(self) -> list[Verdict]:
        try:
            while self.left or any(worker.has for worker in self.workers):
                for worker in self.workers:
                    self._hand_out(worker)
                self._wait()
        finally:
            for worker in self.workers:
                if worker.has:  # an interrupted call: what is under way must not answer the next one
                    worker.renew()
        return self.verdicts

    def _hand_out(self, worker: "_Worker") -> None:
        if worker.has:
            return
        given, limit = b"", self.seconds if self.slow < SLOW else self.seconds / HASTE
        while self.left and len(worker.has) < AHEAD and len(given) < PIPE:
            number = self.left.popleft()
            worker.has.append(number)
            given += json.dumps([*self.pairs[number], limit]).encode() + b"\n"
        if given:
            worker.send(given, limit)

    def _wait(self) -> None:
        """Take what the workers say; one that said nothing for too long, or has died, is replaced."""
        with selectors.DefaultSelector() as ready:
            for worker in self.workers:
                if worker.has:
                    ready.register(worker.out, selectors.EVENT_READ, worker)
            until = min(worker.deadline for worker in self.workers if worker.has)
            said = [key.data for key, _ in ready.select(max(until - monotonic(), 0))]
        for worker in said:
            self._take(worker)
        for worker in self.workers:
            if worker.has and worker not in said and monotonic() >= worker.deadline:
                self._blame(worker, f"took longer than {worker.limit:g} s")
                worker.renew()
                self.slow += 1

    def _take(self, worker: "_Worker") -> None:
        lines = worker.read()
        if lines is None:
            self._blame(worker, DIED)
            worker.restart()
        for verdict in lines or ():
            worker.deadline = monotonic() + worker.limit
            if not isinstance(verdict, list):
                self.verdicts[worker.has.popleft()] = verdict
            elif not worker.child:
                worker.child = verdict[1]
            else:  # the child that had the pairs is dead; what the new one may have of them, it is not to answer
                worker.child = verdict[1]
                self._blame(worker, DIED)
                worker.renew()
                break

    def _blame(self, worker: "_Worker", why: str) -> None:
        """Give up the pair that a worker is at; its others are handed out again."""
        if not worker.child:
            worker.restart()
            raise RunError("a process that compares answers does not start", "pip install math-verify")
        self.verdicts[worker.has.popleft()] = why
        self.left.extendleft(reversed(worker.has))
        worker.has.clear()


class _Worker:
    """One process with the child that compares, and the numbers of the pairs that it has."""

    def __init__(self) -> None:
        self.has: deque[int] = deque()
        self._start()

    def _start(self) -> None:
        paths = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "understudy.graders._worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RunError("a process that compares answers has no pipes")
        self.given, self.out = self._process.stdin, self._process.stdout
        self.child, self._rest, self.limit, self.deadline = 0, b"", 0.0, monotonic() + START

    def send(self, pairs: bytes, limit: float) -> None:
        """Give it pairs, each of which may take ``limit`` seconds; it has none left."""
        self.limit = limit
        if self.child:
            self.deadline = monotonic() + limit
        with suppress(BrokenPipeError):  # it has died: that is seen when it is read
            os.write(self.given.fileno(), pairs)

    def read(self) -> list[Any] | None:
        """What it has said since: verdicts, and a list with the number of its child if that is new. Null: it died."""
        data = os.read(self.out.fileno(), 1 << 16)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def renew(self) -> None:
        """Kill the child, and wait for the next one: it would take what it is given before it is ready for unread."""
        self.has.clear()
        before, until = self.child, monotonic() + START
        with suppress(ProcessLookupError):
            os.kill(before or self._process.pid, signal.SIGKILL)
        while self.child == before:
            if not select.select([self.out], [], [], max(until - monotonic(), 0))[0] or (said := self.read()) is None:
                return self.restart()
            self.child = next((line[1] for line in said if isinstance(line, list)), before)
        return None

    def restart(self) -> None:
        """Kill it, and start another one in its place."""
        self.end()
        self.has.clear()
        self._start()

    def end(self) -> None:
        """Kill it; its child ends with it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self.given, self.out):
            pipe.close()
