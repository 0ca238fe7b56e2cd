"""The journal: one line of JSON for every answer, flushed to disk before the answer is used.

    {"key":"9f…","problem":"gsm8k-0af3","sample":0,"answer":{"choices":[…],"usage":{…}}}
    {"key":"07…","problem":"gsm8k-77b1","sample":0,"error":"HTTP 400: the prompt is too long"}
    {"key":"07…","problem":"gsm8k-77b1","sample":0,"lost":"no answer within 600 seconds"}

A line is what the endpoint said, as it said it; of two with one key the later counts. An error is no answer: it is
asked again when the next run starts. ``lost`` is an attempt that may have been paid for, for the budget to remember.
Lines that were cut off or damaged are passed over. The key of an endpoint never gets here: requests are not written,
and it is taken out of errors.
"""

import asyncio
import errno
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from understudy.asking.request import Request
from understudy.errors import InputError, RunError
from understudy.rows.json_rows import parse
from understudy.tables import to_json

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
GATHER = 0.02
"""Seconds in which lines are gathered that are flushed together: each flush costs as much as a fifth of a request."""
AGAIN = "free some space and run the same command again: what was answered is kept"


class Journal:
    """A journal that answers are added to, by one process at a time. Use as an async context manager.

    Raises ``RunError`` if another process writes to it, if it cannot be written to, and when the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[asyncio.Future[None]] = []
        self._committing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Journal":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not self.path.is_file():
                raise OSError("it is no ordinary file")
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise RunError(
                f"another understudy writes to {self.path}", "wait for it, or choose another --out"
            ) from None
        except OSError:  # a file system without locks, as clusters have
            pass
        try:
            self._size = mend(self._file)
        except OSError as error:
            os.close(self._file)
            raise self._unwritable(error) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._committing:
            await asyncio.gather(self._committing, return_exceptions=True)
        os.close(self._file)

    def add(self, request: Request, said: Mapping[str, Any]) -> "asyncio.Future[None]":
        """Write a line (``answer``, ``error`` or ``lost``) at once; the future is done when it is flushed to disk.

        Others are flushed with it. The future has the ``RunError`` of what could not be written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line = {"key": request.key, "problem": request.problem, "sample": request.sample, **said}
        try:
            self._append(to_json(line).encode() + b"\n")
        except OSError as error:
            _fail(done, self._unwritable(error))
            return done
        self._waiting.append(done)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        return done

    async def _commit(self) -> None:
        """Flush what waits, and what came meanwhile, until nothing does."""
        while self._waiting:
            await asyncio.sleep(GATHER)
            batch, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(os.fsync, self._file)
            except OSError as error:
                for done in batch:
                    _fail(done, self._unwritable(error))
            for done in batch:
                if not done.done():
                    done.set_result(None)
        self._committing = None

    def _append(self, line: bytes) -> None:
        """The whole line or none of it: what a full disk took of it is taken back."""
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def _unwritable(self, error: OSError) -> RunError:
        hint = AGAIN if error.errno in FULL else "choose another place with --out"
        return RunError(f"cannot write to the journal {self.path} ({(error.strerror or str(error)).lower()})", hint)


def _fail(done: "asyncio.Future[None]", error: RunError) -> None:
    done.set_exception(error)
    done.exception()  # whoever asked for it may have been stopped


def mend(file: int) -> int:
    """Make the last line of a journal end, if the process that wrote it did not get so far; the file's new size."""
    size = os.fstat(file).st_size
    if not size or os.pread(file, 1, size - 1) == b"\n":
        return size
    start, block = size, b""
    while start and b"\n" not in block:
        start = max(0, start - (1 << 16))
        block = os.pread(file, size - start, start)
    torn = block[block.rfind(b"\n") + 1 :]
    if isinstance(parse(torn), str):
        os.ftruncate(file, size - len(torn))
    else:
        os.write(file, b"\n")
    os.fsync(file)
    return os.fstat(file).st_size


Place = tuple[int, int, bool]
"""Where a line of the journal starts, its length in bytes, and whether it holds an answer and no error."""


def places(path: Path, keys: Iterable[str]) -> dict[str, Place]:
    """The line that counts for each of these keys. Raises ``InputError`` if the journal cannot be read."""
    wanted, found, at = set(keys), dict[str, Place](), 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                said = parse(line)
                said = {} if isinstance(said, str) else said
                key, answered = said.get("key"), _answered(said)
                known = isinstance(key, str) and key in wanted and (answered or isinstance(said.get("error"), str))
                if known and (answered or not found.get(str(key), (0, 0, False))[2]):
                    found[str(key)] = (at, len(line), answered)
                at += len(line)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"the journal {path} cannot be read ({error.strerror or error})") from None
    return found


def lost(requests: Iterable[Request], path: Path) -> Iterator[Request]:
    """Each request once for every attempt at it that may have been paid for and brought nothing."""
    known = {request.key: request for request in requests}
    if path.exists():
        with path.open("rb") as lines:
            for line in lines:
                said = parse(line) if b'"lost"' in line else ""
                if isinstance(said, dict) and "lost" in said and isinstance(said.get("key"), str):
                    yield from filter(None, [known.get(said["key"])])


def _answered(line: Mapping[str, Any]) -> bool:
    """Whether a line holds an answer with a message, as ``Endpoint.send`` gives it."""
    answer = line.get("answer")
    choices = answer.get("choices") if isinstance(answer, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and isinstance(first.get("message"), dict)


def answers(requests: Sequence[Request], path: Path) -> Iterator[tuple[Request, dict[str, Any]]]:
    """Each request that has a line in the journal, with that line, in the order of the requests."""
    found = places(path, (request.key for request in requests))
    if not found:
        return
    with path.open("rb") as journal:
        for request in requests:
            if request.key in found:
                at, length, _ = found[request.key]
                journal.seek(at)
                line = parse(journal.read(length))
                if isinstance(line, dict):
                    yield request, line
