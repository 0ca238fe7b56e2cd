"""Buffer: many texts as one array of bytes, over which the loops of the style engine run.

    texts = Buffer.of(["Wait. 2 + 2 is 4.", "So 4."])
    texts.data[texts.starts[1]:texts.ends[1]].tobytes()     # b"So 4."

Texts are UTF-8 and stand between bytes that no UTF-8 text holds, so that nothing is found across two of them.
Offsets are in bytes inside this package; ``character`` turns them into offsets of characters at its edge.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]
Reals = NDArray[np.float64]

EDGE = b"\xff"
"""Stands between texts: no byte of UTF-8."""
PAD = 16
"""So many of them stand before the first text and after the last, so that looking around never leaves the array."""


@dataclass(frozen=True)
class Buffer:
    """``data`` (bytes,) uint8; text i is ``data[starts[i]:ends[i]]``."""

    data: Bytes
    starts: Places
    ends: Places

    @classmethod
    def of(cls, texts: Iterable[str | bytes]) -> "Buffer":
        """The texts one after another, as strings or in UTF-8. A lone surrogate becomes a question mark."""
        encoded = [text if isinstance(text, bytes) else text.encode("utf-8", "replace") for text in texts]
        sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
        ends = PAD + np.cumsum(sizes + 1) - 1
        joined = EDGE.join((EDGE * (PAD - 1), *encoded, EDGE * PAD))
        return cls(np.frombuffer(joined, np.uint8), ends - sizes, ends)

    def text_of(self, places: Places) -> Places:
        """The number of the text that each place lies in."""
        return np.searchsorted(self.starts, places, side="right") - 1

    @cached_property
    def _continuations(self) -> Places:
        """The places of all bytes of a character but its first."""
        return np.flatnonzero((self.data & 0xC0) == 0x80)

    def character(self, places: Places) -> Places:
        """The place of each byte in its text, counted in characters. A text's end counts as in it."""
        first = self.starts[self.text_of(places)]
        wide = np.searchsorted(self._continuations, places) - np.searchsorted(self._continuations, first)
        return places - first - wide


def table(members: bytes) -> Flags:
    """A truth table over bytes."""
    return np.isin(np.arange(256), list(members))


SPACE, BLANK = table(b" \t\r\n"), table(b" \t")
"""White space; that within a line."""
DIGIT, SMALL = table(b"0123456789"), table(b"abcdefghijklmnopqrstuvwxyz")
LETTER = DIGIT | SMALL | table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ") | table(bytes(range(0x80, 0xFF)))
"""Letters and digits, with all that is not ASCII."""
CLOSER = table(b"\"')]*_")
"""What may stand between the end of a sentence and white space."""
LOWER = np.frombuffer(bytes(range(256)).lower(), np.uint8)
"""Each byte, the letters A to Z in lower case."""
