"""The bytes of a file, unpacked in a thread of their own while the rows before them are parsed.

    for block in Blocks(Path("traces.jsonl.gz")): ...

zlib gives up the interpreter's lock, so on two cores unpacking costs the parser no time.
"""

import zlib
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

GZIP = b"\x1f\x8b"
BLOCK = 4 << 20
"""Bytes read or unpacked at a time."""
AHEAD = 4
"""Blocks that wait for the parser."""


class Damaged(Exception):
    """The rest of a file cannot be read; the text goes on after the file's name. ``wholly``: nor can any of it."""

    def __init__(self, text: str, wholly: bool = False) -> None:
        super().__init__(text)
        self.wholly = wholly


class Blocks:
    """The bytes of a file, unpacked if they are gzip (also of several members). Raises ``Damaged``, after what can be
    read, where they end early or are no gzip any more. ``position`` counts the packed bytes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.position = 0
        self.gzipped = False

    def __iter__(self) -> Generator[bytes, None, None]:
        return ahead(self._unpacked())

    def _packed(self) -> Iterator[bytes]:
        with self.file.open("rb") as file:
            while block := file.read(BLOCK):
                self.position += len(block)
                yield block

    def _unpacked(self) -> Iterator[bytes]:
        blocks = self._packed()
        head = next(blocks, b"")
        self.gzipped = head.startswith(GZIP)
        if not self.gzipped:
            yield head
            yield from blocks
            return
        member = zlib.decompressobj(wbits=31)
        for block in chain([head], blocks):
            rest, piece = block, b""
            while rest or len(piece) == BLOCK:  # a full piece: zlib may hold more of what it has taken in
                if member.eof:
                    rest = rest.lstrip(b"\0")  # some tools fill a file up with zeros
                    if not rest:
                        break
                    member = zlib.decompressobj(wbits=31)
                before = member.copy()
                try:
                    piece = member.decompress(rest, BLOCK)
                except zlib.error as error:
                    yield _rescued(before, rest)
                    at = f"before byte {self.position} it is no valid gzip data"
                    raise Damaged(f"is damaged: {at} ({error})") from None
                rest = member.unused_data if member.eof else member.unconsumed_tail
                if piece:
                    yield piece
        if not member.eof:
            raise Damaged("ends early: its gzip data is cut off")


def _rescued(member: "zlib._Decompress", packed: bytes, step: int = 4096) -> bytes:
    """What can be unpacked up to the byte where it fails: the call that failed kept that to itself."""
    pieces: list[bytes] = []
    for place in range(0, len(packed), step):
        part, before = packed[place : place + step], member.copy()
        try:
            pieces.append(member.decompress(part))
        except zlib.error:
            if step > 1:
                pieces.append(_rescued(before, part, step // 64))
            break
    return b"".join(pieces)


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The items, made in a thread that stays a few of them ahead. Its exceptions are raised here, in their place."""
    queue: Queue[tuple[bool, T | BaseException | None]] = Queue(AHEAD)
    stop = Event()

    def put(more: bool, item: T | BaseException | None) -> None:
        while not stop.is_set():
            with suppress(Full):
                queue.put((more, item), timeout=0.1)
                return

    def work() -> None:
        try:
            for item in items:
                put(True, item)
                if stop.is_set():
                    return
            put(False, None)
        except BaseException as error:
            put(False, error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        while (got := queue.get())[0]:
            yield got[1]  # type: ignore[misc]
        if isinstance(got[1], BaseException):
            raise got[1]
    finally:
        stop.set()
        thread.join()
