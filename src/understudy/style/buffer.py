"""Buffer: many texts as one array of bytes, on which measures are computed at once.

    texts = Buffer.of(["Wait. 2 + 2 is 4.", "So 4."])
    texts.data[texts.starts[1]:texts.ends[1]].tobytes()     # b"So 4."

Texts are UTF-8 and stand between bytes that no UTF-8 text holds, so that nothing is found across two of them.
Offsets are in bytes inside this package; ``characters`` turns them into offsets of characters at its edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

EDGE = b"\xff"
"""Stands between texts: no byte of UTF-8."""
PAD = 16
"""So many of them stand before the first text and after the last, so that windows never leave the array."""
_LOWER = bytes(range(256)).lower()


@dataclass(frozen=True)
class Buffer:
    """``data`` (bytes,) uint8; text i is ``data[starts[i]:ends[i]]``."""

    data: Bytes
    starts: Places
    ends: Places

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Buffer":
        """The texts one after another. A lone surrogate, which UTF-8 cannot hold, becomes a question mark."""
        encoded = [text.encode("utf-8", "replace") for text in texts]
        sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
        ends = PAD + np.cumsum(sizes + 1) - 1
        joined = EDGE * PAD + b"".join(piece + EDGE for piece in encoded) + EDGE * PAD
        return cls(np.frombuffer(joined, np.uint8), ends - sizes, ends)

    @cached_property
    def lower(self) -> Bytes:
        """``data`` with the letters A to Z in lower case."""
        return np.frombuffer(self.data.tobytes().translate(_LOWER), np.uint8)

    @cached_property
    def newlines(self) -> Places:
        """Where lines end."""
        return self.signs("\n")

    def text_of(self, places: Places) -> Places:
        """The number of the text that each place lies in."""
        return np.searchsorted(self.starts, places, side="right") - 1

    @cached_property
    def kinds(self) -> Bytes:
        """What each byte is: a sum of the constants below."""
        return np.frombuffer(self.data.tobytes().translate(_KINDS), np.uint8)

    def where(self, kind: int) -> Places:
        """The places of all bytes of a kind, or of several."""
        if kind & ~_RARE_KINDS:
            return np.flatnonzero((self.kinds & kind) != 0)
        return self._rare[(self.kinds[self._rare] & kind) != 0]

    def signs(self, sign: str) -> Places:
        """The places of a sign, one of those that are ``RARE``."""
        return self._rare[self.data[self._rare] == ord(sign)]

    @cached_property
    def _rare(self) -> Places:
        """The places of all bytes that are ``RARE``, found in one go over the data."""
        return np.flatnonzero(self.kinds >= RARE)

    def count(self, kind: int, start: Places, end: Places) -> Places:
        """How many bytes of a kind lie in each span."""
        places = self.where(kind)
        return np.searchsorted(places, end) - np.searchsorted(places, start)

    @cached_property
    def _continuations(self) -> Places:
        return self.where(CONTINUES)

    def character(self, places: Places) -> Places:
        """The place of each byte in its text, counted in characters. A text's end counts as in it."""
        first = self.starts[self.text_of(places)]
        wide = np.searchsorted(self._continuations, places) - np.searchsorted(self._continuations, first)
        return places - first - wide

    def windows(self, data: Bytes) -> NDArray[np.uint64]:
        """The eight bytes from each place on as one number, the first byte lowest."""
        return np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))


def table(members: bytes) -> Flags:
    """A truth table over bytes."""
    return np.isin(np.arange(256), list(members))


SPACE, LETTER, CLOSING, LEAD, CONTINUES, EQUALS, OPERATOR, RARE = 1, 2, 4, 8, 16, 32, 64, 128
"""Kinds of bytes: white space; letters and digits, with all that is not ASCII; what a sentence may end with; the
first byte of signs that are not ASCII; all bytes of a character but its first; the equals sign; plus, times, over;
all that is sought for by its place."""
_RARE_KINDS = LEAD | CONTINUES | EQUALS | OPERATOR
_MEMBERS = {
    SPACE: b" \t\r\n",
    LETTER: b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + bytes(range(0x80, 0xFF)),
    CLOSING: b"\"')]*_.!?" + bytes(range(0x80, 0xC0)),
    LEAD: b"\xc2\xc3\xe0\xe2\xe3\xef",
    CONTINUES: bytes(range(0x80, 0xC0)),
    EQUALS: b"=",
    OPERATOR: b"+*/",
    RARE: b"\n`$\\=+*/" + bytes(range(0x80, 0xFF)),
}
_KINDS = bytes(sum(kind for kind, members in _MEMBERS.items() if byte in members) for byte in range(256))
