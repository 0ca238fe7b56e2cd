"""Rows of JSON: one object a line, one array of objects, or objects one after another, also over several lines.

Lines are parsed by orjson. What it refuses, ``json`` gets a second look at: NaN, whole numbers of any size and control
characters that are not escaped are data. A lone surrogate is legal JSON, but no table can hold it.
"""

import json
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from understudy.rows.compressed import BLOCK, Damaged

LONGEST = 1 << 28
"""Bytes of the longest row that is read (256 MiB): no file may take all memory."""
TOO_LONG = f"it is longer than {LONGEST >> 20} MiB"
NO_JSON = "it is no JSON"
NO_UNICODE = "it is no valid Unicode"
CUT = "the file ends or is damaged in it"

Item = tuple[int, dict[str, Any] | str]

_SPACE = " \t\r\n"
_OPEN_STRING = "Unterminated string"
_strict, _lenient = json.JSONDecoder(), json.JSONDecoder(strict=False)


def read(head: bytes, chunks: Iterable[bytes]) -> Iterator[Item]:
    """The rows of ``chunks``, of which ``head`` is the first. An array that breaks off raises ``Damaged``."""
    start = head.lstrip()
    if start.startswith(b"[") and _is_array(start):
        return _values(chunks, array=True)
    if start.startswith(b"{") and not _is_line(start) and _spans_lines(start):
        return _values(chunks, array=False)
    return ((number, parse(line)) for number, line in lines(chunks) if line is None or not _blank(line))


def lines(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Each line with its number, without its end; null in place of one that is longer than ``LONGEST``.

    Where the chunks are ``Damaged``, what there is of the last line comes before that is raised.
    """
    parts: list[bytes] = []
    length = number = 0
    damage: Damaged | None = None
    try:
        for chunk in chunks:
            first, *others = chunk.split(b"\n")
            length += len(first)
            parts = [*parts, first] if length <= LONGEST else []
            for line in others:
                number += 1
                yield number, b"".join(parts) if length <= LONGEST else None
                parts, length = [line], len(line)
    except Damaged as error:
        damage = error
    if length:
        yield number + 1, b"".join(parts) if length <= LONGEST else None
    if damage:
        raise damage


def parse(line: bytes | None) -> dict[str, Any] | str:
    """The object on a line, or why there is none."""
    if line is None:
        return TOO_LONG
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _second_look(line)
    if isinstance(value, dict):
        return value if _exact(value) else _second_look(line)
    return "it is no JSON object"


def _second_look(line: bytes) -> dict[str, Any] | str:
    try:
        value = _lenient.decode(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return f"{NO_UNICODE} (byte {error.start + 1} of the row is not UTF-8)"
    except (ValueError, RecursionError) as error:
        return f"{NO_JSON} ({error})"
    return checked(value)


def checked(value: Any) -> dict[str, Any] | str:
    """The value, if it is an object of valid Unicode, or why it is no row."""
    if not isinstance(value, dict):
        return "it is no JSON object"
    try:
        orjson.dumps(value, default=str)
        return value
    except TypeError:
        pass
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return f"{NO_UNICODE} (it has half of a surrogate pair)"
    except (ValueError, RecursionError) as error:
        return f"{NO_JSON} ({error})"
    return value


def _exact(value: dict[str, Any] | list[Any]) -> bool:
    """Whether no number is so large that orjson may have read a whole number as a rounded one."""
    for one in value.values() if isinstance(value, dict) else value:
        kind = type(one)
        if kind is float and not -(2.0**63) < one < 2.0**63:
            return False
        if (kind is dict or kind is list) and not _exact(one):
            return False
    return True


def _blank(line: bytes) -> bool:
    return not line or line.isspace()


def _is_line(text: bytes) -> bool:
    """Whether the first line is a whole JSON value."""
    line, ended, _ = text.partition(b"\n")
    return bool(ended) and not (isinstance(row := parse(line), str) and row.startswith(NO_JSON))


def _is_array(text: bytes) -> bool:
    """Whether the file is one array, and not lines of which the first is an array."""
    return not _is_line(text) or not text.partition(b"\n")[2].strip()


def _spans_lines(text: bytes) -> bool:
    """Whether an object begins that goes on over the end of the first line, or that another one follows on it."""
    decoded = text.decode("utf-8", "replace")
    try:
        _, end = _strict.raw_decode(decoded)
        return "\n" in decoded[:end] or decoded[end:].lstrip(" \t\r")[:1] == "{"
    except RecursionError:
        return False
    except json.JSONDecodeError as error:
        line_end = decoded.find("\n")
        return 0 <= line_end < error.pos and _cut(error, len(decoded))


def _values(chunks: Iterable[bytes], array: bool) -> Iterator[Item]:
    """The elements of one array, or values one after another, decoded one at a time."""
    text = _Text(chunks)
    number = 0
    if array:
        text.skip(_SPACE)
        text.place += 1
    while True:
        text.skip(_SPACE + "," * (number > 0 or not array))
        if array and text.next() == "]":
            return text.expect_end()
        if not text.next():
            if text.damage or array:
                raise text.damage or Damaged("ends early: its JSON array is cut off")
            return None
        number += 1
        try:
            value = text.value()
        except Damaged:
            yield number, CUT
            raise
        yield number, checked(value)


class _Text:
    """The text of a file that is being decoded, as much of it as the value at ``place`` needs."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        # Bytes that are no UTF-8 become lone surrogates, so that only the row that has them is lost.
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self._buffer, self.place = "", 0
        self._ended = False
        self.damage: Damaged | None = None

    def next(self) -> str:
        """The next character, or "" at the end."""
        while self.place >= len(self._buffer) and not self._ended:
            self._more(0)
        return self._buffer[self.place : self.place + 1]

    def skip(self, characters: str) -> None:
        """Go on to the next character that is none of these."""
        while (character := self.next()) and character in characters:
            self.place += 1

    def value(self) -> Any:
        """The JSON value that begins here."""
        while True:
            try:
                value, end = _lenient.raw_decode(self._buffer, self.place)
            except json.JSONDecodeError as error:
                if self._ended or not _cut(error, len(self._buffer)):
                    raise self._damaged(error) from None
            except (ValueError, RecursionError) as error:
                raise self._damaged(error) from None
            else:
                if end < len(self._buffer) or self._ended:
                    self.place = end
                    return value
            self._more(len(self._buffer) - self.place)

    def expect_end(self) -> None:
        """Raise ``Damaged`` if anything but white space is left after the array."""
        self.place += 1
        self.skip(_SPACE)
        if self.next():
            raise Damaged("goes on after the end of its JSON array")

    def _more(self, length: int) -> None:
        """Read on, and more of it the longer the value is already, so that the work stays linear."""
        parts, wanted = [self._buffer[self.place :]], max(length, BLOCK)
        while wanted > 0 and not self._ended:
            try:
                chunk = next(self._chunks, None)
            except Damaged as error:
                chunk, self.damage = None, error
            self._ended = chunk is None
            parts.append(self._decoder.decode(chunk or b"", final=self._ended))
            wanted -= len(parts[-1])
        self._buffer, self.place = "".join(parts), 0
        if len(self._buffer) > 2 * LONGEST:
            raise Damaged(f"has a value in its JSON that is longer than {LONGEST >> 20} MiB")

    def _damaged(self, error: Exception) -> Damaged:
        if self.damage:
            return self.damage
        reason = str(error)
        if isinstance(error, json.JSONDecodeError):
            reason = error.msg
            if self._ended and (reason.startswith(_OPEN_STRING) or error.pos >= len(self._buffer.rstrip())):
                return Damaged("ends early: its JSON is cut off")
        return Damaged(f"holds no valid JSON from a place on ({reason})")


def _cut(error: json.JSONDecodeError, length: int) -> bool:
    """Whether the text may only have ended too early. A literal or an escape of a few characters may be cut, too."""
    return error.pos > length - 16 or error.msg.startswith(_OPEN_STRING)
