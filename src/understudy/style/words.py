"""Words: the words of all texts of a buffer at once.

    found = words(Buffer.of(["Let me double-check: 2 + 2."]))
    found.key[1] == key("me")                   # True
    found.type.tolist()                         # [0, 1, 2, 3, 4, 4]: the two 2s are one type

A word is a run of letters and digits; all that is not ASCII counts as letters, but for punctuation and signs (Latin-1,
U+2000 to U+2BFF, CJK and full-width ones, the danda). Apostrophes, typewritten or typographic, part words like all
other signs ("don't" is "don" and "t" with an apostrophe between them). Case is folded for the letters A to Z.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import DIGIT, LETTER, LOWER, SPACE, Buffer, Bytes, Flags, Places, table
from understudy.style.kernel import kernel

Keys = NDArray[np.uint64]
Numbers = NDArray[np.int32]

_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
"""Of the hash FNV-1a, 64 bits (RFC 9923)."""
_HALF, _NONE, _ONE = np.uint64(32), np.uint64(0), np.uint64(1)
_MAYBE = table(b"\xc2\xc3\xe0\xe2\xe3\xef")
"""The first bytes of signs that are not ASCII."""
_LEAST = 1024
"""Keys that the smallest table has room for; each has four slots."""


@dataclass(frozen=True)
class Words:
    """Word i is ``data[start[i]:end[i]]`` of its buffer, and of the type ``type[i]``: equal words are of one type.

    ``keys`` (types,): a hash of each type, the same in every buffer; ``numeric`` (types,): whether it starts with a
    digit. The words of text t are those from ``border[t]`` to ``border[t + 1]``.
    """

    start: Places
    end: Places
    type: Numbers
    border: Places
    keys: Keys
    numeric: Flags

    @property
    def key(self) -> Keys:
        """The key of each word."""
        return self.keys[self.type]


def words(texts: Buffer) -> Words:
    """The words of all texts in order."""
    most = len(texts.data) // 2 + 1
    start, end, keys = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.uint64)
    border = np.empty(len(texts.starts) + 1, np.int64)
    count = _spans(texts.data, texts.starts, texts.ends, start, end, keys, border)
    known = Table()
    types = known.add(keys[:count])
    numeric = np.empty(len(known.keys), np.bool_)
    _begin(DIGIT, texts.data, start, types, numeric)
    return Words(start[:count], end[:count], types, border, known.keys, numeric)


def key(word: str) -> int:
    """The key of a single word, as in ``Words.keys``."""
    return int(words(Buffer.of([word])).keys[0])


def spaced(texts: Buffer, found: Words) -> Places:
    """How many words each text has as white space parts them; what holds no letter or digit is none."""
    counts = np.zeros(len(texts.starts), np.int64)
    _spaced(texts.data, found.start, found.end, found.border, counts)
    return counts


class Table:
    """A map from keys to their numbers, in the order in which they were added, for whole arrays of keys."""

    def __init__(self, keys: Keys | None = None) -> None:
        self._size = 0
        self._keys, self._slots = np.empty(_LEAST, np.uint64), np.full(4 * _LEAST, -1, np.int32)
        if keys is not None:
            self.add(keys)

    @property
    def keys(self) -> Keys:
        """The keys, by number."""
        return self._keys[: self._size]

    def add(self, keys: Keys) -> Numbers:
        """The number of each key; a new one gets the next."""
        numbers, done = np.empty(len(keys), np.int32), 0
        while done < len(keys):
            done, self._size = _add(self._slots, self._keys, self._size, keys, numbers, done)
            if self._size == len(self._keys):
                self._grow()
        return numbers

    def find(self, keys: Keys) -> Numbers:
        """The number of each key, or -1."""
        numbers = np.empty(len(keys), np.int32)
        _find(self._slots, self._keys, keys, numbers)
        return numbers

    def _grow(self) -> None:
        known = self._keys
        self._keys, self._slots = np.empty(4 * len(known), np.uint64), np.full(16 * len(known), -1, np.int32)
        _add(self._slots, self._keys, 0, known, np.empty(len(known), np.int32), 0)


@kernel
def _spans(data: Bytes, starts: Places, ends: Places, start: Places, end: Places, keys: Keys, border: Places) -> Any:
    """Words, without branches: a processor that guesses where each one ends guesses wrong, and loses time by it."""
    count = _NONE
    for text in range(len(starts)):
        border[text] = count
        at = begin = np.uint64(starts[text])
        last, key = np.uint64(ends[text]), _BASIS
        while at <= last:  # the byte after a text is no letter
            byte, size = data[at], _ONE
            letter = LETTER[byte]
            if _MAYBE[byte]:
                sign = _sign(data, int(at))
                if sign:
                    letter, size = False, np.uint64(sign)
            start[count], end[count], keys[count] = begin, at, key  # stands if the word ends here
            count += np.uint64((begin < at) & (not letter))
            same = _NONE - np.uint64(letter)  # all bits or none
            key = ((key ^ np.uint64(LOWER[byte])) * _PRIME) & same | _BASIS & ~same
            at += size
            begin = begin & same | at & ~same
    border[len(starts)] = count
    return count


@kernel
def _sign(data: Bytes, at: int) -> int:
    """How many bytes the sign has that starts with this byte, one of ``_MAYBE``; 0 if it is part of a word."""
    byte, second, third = data[at], data[at + 1], data[at + 2]
    if byte <= 0xC3:
        return 2 if byte == 0xC2 or second == 0x97 or second == 0xB7 else 0
    wide = (byte == 0xE2 and second < 0xB0) or (byte == 0xE3 and second == 0x80)
    wide = wide or (byte == 0xE0 and second == 0xA5 and (third == 0xA4 or third == 0xA5))
    wide = wide or (byte == 0xEF and _full_width(second, third))
    return 3 if wide else 0


@kernel
def _full_width(second: int, third: int) -> bool:
    """Whether U+FF00 to U+FF7F with these last bytes is a sign."""
    if second == 0xBC:
        return third < 0x90 or 0x9A <= third <= 0xA0 or third >= 0xBB
    return second == 0xBD and (third == 0x80 or 0x9B <= third <= 0xA5)


@kernel
def _begin(kind: Flags, data: Bytes, start: Places, types: Numbers, found: Flags) -> None:
    """Whether each type begins with a byte of a kind."""
    for word in range(len(types)):
        found[types[word]] = kind[data[start[word]]]


@kernel
def _add(slots: Numbers, known: Keys, size: int, keys: Keys, numbers: Numbers, done: int) -> tuple[int, int]:
    """Number the keys from ``done`` on until there is no more room. How many are done, and known."""
    while done < len(keys) and size < len(known):
        slot = _slot(slots, known, keys[done])
        if slots[slot] < 0:
            slots[slot], known[size] = size, keys[done]
            size += 1
        numbers[done] = slots[slot]
        done += 1
    return done, size


@kernel
def _find(slots: Numbers, known: Keys, keys: Keys, numbers: Numbers) -> None:
    for place in range(len(keys)):
        numbers[place] = slots[_slot(slots, known, keys[place])]


@kernel
def _slot(slots: Numbers, known: Keys, key: np.uint64) -> Any:
    """The slot that holds this key, or the empty one that would."""
    last = len(slots) - 1
    slot = np.int64(key ^ (key >> _HALF)) & last
    while slots[slot] >= 0 and known[slots[slot]] != key:
        slot = (slot + 1) & last
    return slot


@kernel
def _spaced(data: Bytes, start: Places, end: Places, border: Places, counts: Places) -> None:
    for text in range(len(counts)):
        for word in range(border[text], border[text + 1]):
            at = end[word - 1]
            apart = (word == border[text]) | SPACE[data[at]] | SPACE[data[start[word] - 1]]
            while not apart and at < start[word]:
                apart = SPACE[data[at]]
                at += 1
            counts[text] += apart
