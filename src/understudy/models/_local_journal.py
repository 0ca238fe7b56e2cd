"""The journal of a local checkpoint: a line of JSON for every text that has ended, written before it counts.

    {"local":{"checkpoint":{…},"sampling":{…},"code":"5e1f…"}}                    # what the texts were made with
    {"key":"9f…","problem":"gsm8k-0af3","sample":0,"ids":[314,15,2],"budget":[…]}

Sampling that was killed goes on where it was. A line is what the model wrote, token by token; its key is what it was
asked. A journal that was made with anything else starts anew; one of an endpoint, whose answers were paid for, is put
aside. A last line that was cut off is passed over.
"""

import fcntl
import os
from collections.abc import Mapping
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from understudy.asking.journal import AGAIN, FULL, mend
from understudy.errors import RunError
from understudy.rows.json_rows import parse
from understudy.tables import to_json

SYNC = 1.0
"""Seconds after which lines are flushed to disk. A process that is killed loses none; a machine loses those."""
LIBRARIES = ("torch", "transformers", "tokenizers")


class LocalJournal:
    """A journal of one process at a time; ``path`` null: none is kept. Use as a context manager.

    ``known`` are the lines of an earlier process, by key. Raises ``RunError`` if another process writes to it, or it
    cannot be written to.
    """

    def __init__(self, path: Path | None, made_with: Mapping[str, Any]) -> None:
        self.path, self.header = path, to_json({"local": dict(made_with)}).encode()
        self.known: dict[str, Mapping[str, Any]] = {}
        self._file, self._synced = -1, monotonic()

    def __enter__(self) -> "LocalJournal":
        if self.path is not None:
            try:
                self._open(self.path)
            except OSError as error:
                raise self._unwritable(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)

    def add(self, key: str, line: Mapping[str, Any]) -> None:
        """Keep a text."""
        if self._file >= 0:
            self._append(to_json({"key": key, **line}).encode())

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock(path)
        mend(self._file)
        first, *lines = path.read_bytes().split(b"\n")
        if first and not first.startswith(b'{"local":'):
            os.close(self._file)
            path.rename(_free(path))
            self._lock(path)
            first = b""
        if first != self.header:
            os.ftruncate(self._file, 0)
            self._append(self.header)
            return
        read = (parse(line) for line in lines if line)
        self.known = {str(line["key"]): line for line in read if isinstance(line, dict) and _whole(line)}

    def _lock(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            self._file = -1
            raise RunError(f"another understudy writes to {path}", "wait for it, or choose another --out") from None
        except OSError:  # a file system without locks, as clusters have
            pass

    def _append(self, line: bytes) -> None:
        """A line that a full disk takes a part of is torn, and passed over when the journal is read."""
        rest = memoryview(line + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            if monotonic() - self._synced > SYNC:
                os.fsync(self._file)
                self._synced = monotonic()
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> RunError:
        hint = AGAIN if error.errno in FULL else "choose another place with --out"
        return RunError(f"cannot write to the journal {self.path} ({(error.strerror or str(error)).lower()})", hint)


def _whole(line: Mapping[str, Any]) -> bool:
    numbers = [line.get("ids"), line.get("budget")]
    return isinstance(line.get("key"), str) and all(
        isinstance(each, list) and all(isinstance(number, int) for number in each) for each in numbers
    )


def _free(path: Path) -> Path:
    """A name beside a file that no file has."""
    number = 1
    while (other := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
        number += 1
    return other


def identity(directory: Path) -> dict[str, Any]:
    """What tells a checkpoint from others: its weights by the size, date and header of their files, the rest as it is.

    To read all weights would take minutes for a large model. A copy of a checkpoint counts as another one.
    """
    told: dict[str, Any] = {}
    for file in sorted(directory.glob("*.safetensors")):
        with file.open("rb") as weights:
            header = weights.read(min(int.from_bytes(weights.read(8), "little"), 1 << 24))
        state = file.stat()
        told[file.name] = [state.st_size, state.st_mtime_ns, sha256(header).hexdigest()]
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        if (directory / name).is_file():
            told[name] = sha256((directory / name).read_bytes()).hexdigest()
    return told


def code() -> str:
    """A hash of what decides which token comes next: this code, and the libraries."""
    digest = sha256(to_json([metadata.version(library) for library in LIBRARIES]).encode())
    for file in sorted(Path(__file__).parent.glob("_*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
