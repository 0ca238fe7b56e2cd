"""Files of rows that others wrote, read one row at a time: memory does not grow with the file.

    from understudy.rows import Rows
    for number, row in Rows(Path("traces.jsonl.gz")):
        print(row if isinstance(row, str) else row["question"])     # a text is the reason why there is no row

JSON lines, one JSON array, JSON objects one after another, CSV, all of these gzipped, and Parquet: told apart by what
is in the file, then by its name. A row that cannot be read is data: it comes with its number and the reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from understudy.errors import InputError
from understudy.rows import json_rows, table_rows
from understudy.rows.compressed import GZIP, Blocks, Damaged

Row = tuple[int, dict[str, Any]]
"""A row with its number: the line, or the place among the rows of the file, counted from 1."""
Unreadable = tuple[int, str]
"""The number of a row that cannot be used, and why."""

WANTED = "it should hold one JSON object a line, or one JSON array of objects"
KEEP = "get the file again, or take what can be read with --keep-readable"
OTHERS = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"ARROW1": "an Arrow file",
    b"\xff\xfe": "a file in UTF-16",
    b"\xfe\xff": "a file in UTF-16",
    b"SQLite format 3": "a database",
}
"""How files begin that are not read."""
LONGEST_START = max(map(len, OTHERS))
TABLES = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Census:
    """What became of the rows of a file: rows = traces + duplicates + unmatched + unreadable.

    ``unreadable`` holds the number of each such row and the reason. ``errors`` counts the traces that are stored
    errors of an endpoint, ``unanswered`` the problems without any trace.
    """

    rows: int
    traces: int
    duplicates: int
    unmatched: int
    unreadable: tuple[Unreadable, ...]
    errors: int
    unanswered: int


class Rows:
    """The rows of a file in their order, each with its number; a text in place of a row says why there is none.

    A file that is missing, empty, of no known kind, cut off or damaged raises ``InputError``; with ``keep_readable``
    the rows before the damage are given, and ``damage`` says afterwards what is wrong. ``position`` of ``size`` bytes
    were read. Can be gone through once.
    """

    def __init__(self, file: Path, keep_readable: bool = False) -> None:
        present(file)
        self.file, self.keep_readable = file, keep_readable
        self.size = file.stat().st_size
        self.damage: str | None = None
        self._blocks = Blocks(file)

    @property
    def position(self) -> int:
        """How many bytes of the file were read."""
        return self._blocks.position

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        any_row = False
        try:
            for item in self._all():
                any_row = True
                yield item
        except Damaged as error:
            if not self.keep_readable or not any_row:
                hint = "get the file again: nothing of it can be read" if error.wholly or self.keep_readable else KEEP
                raise InputError(f"{self.file.resolve()} {error}", hint) from None
            self.damage = str(error)
        except OSError as error:
            raise InputError(f"{self.file.resolve()} cannot be read ({error.strerror or error})") from error
        if not any_row:
            raise InputError(f"{self.file.resolve()} holds no row that can be read (it is empty)", WANTED)

    def _all(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        blocks = iter(self._blocks)
        rest: Iterator[bytes] = blocks
        head = b""
        try:
            while len(head) < LONGEST_START and (block := next(blocks, b"")):
                head += block
        except Damaged as error:
            rest = _raised(error)
        kind = next((kind for start, kind in OTHERS.items() if head.startswith(start)), None)
        if kind or (head.startswith((table_rows.PARQUET, GZIP)) and self._blocks.gzipped):
            raise InputError(f"{self.file.resolve()} is {kind or 'packed twice'}", f"unpack or convert it: {WANTED}")
        if head.startswith(table_rows.PARQUET):
            blocks.close()
            return table_rows.parquet(self.file)
        head = head.removeprefix(b"\xef\xbb\xbf")
        chunks = chain([head], rest)
        named = self.file.name.lower().removesuffix(".gz")
        if named.endswith(TABLES) and not head.lstrip().startswith((b"{", b"[")):
            return table_rows.csv_rows(chunks)
        return json_rows.read(head, chunks)


def _raised(error: Damaged) -> Iterator[bytes]:
    """What is read has to be given first."""
    raise error
    yield


def present(file: Path) -> None:
    """Raise ``InputError`` if there is no such file."""
    if file.is_dir():
        raise InputError(f"{file.resolve()} is a directory", "name the files in it")
    if not file.exists():
        raise InputError(f"there is no file {file.resolve()}", "--set data=DIR says where the data lies")


def read_rows(file: Path) -> tuple[list[Row], list[Unreadable]]:
    """The rows of a file of any kind that ``Rows`` reads, and those that cannot be read. Blank lines are no rows.

    Raises ``InputError`` if the file is missing or empty, or if no row is readable.
    """
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for number, row in Rows(file):
        if isinstance(row, str):
            unreadable.append((number, row))
        else:
            rows.append((number, row))
    if not rows:
        number, reason = unreadable[0]
        raise InputError(f"{file.resolve()} holds no row that can be read (row {number}: {reason})", WANTED)
    return rows, unreadable
