"""Words: the words of all texts of a buffer at once, and which gaps between them a phrase may span.

    texts = Buffer.of(["Let me double-check: 2 + 2."])
    words(texts).key[1] == key("me")            # True

A word is a run of letters and digits; all that is not ASCII counts as letters, but for punctuation and signs (Latin-1,
U+2000 to U+2BFF, CJK and full-width ones, the danda). Apostrophes, typewritten or typographic, part words like all
other signs ("don't" is "don" and "t" with an apostrophe between them). Case is folded for the letters A to Z.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import LEAD, LETTER, SPACE, Buffer, Flags, Places, table

Keys = NDArray[np.uint64]

_DIGIT = table(b"0123456789")
_BLANK = table(b" \t\r\n")
_MASKS = np.array([2 ** (8 * n) - 1 for n in range(9)], np.uint64)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MORE = np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT = np.uint64(32)
_FULL_WIDTH = {
    0xBC: table(bytes([*range(0x80, 0x90), *range(0x9A, 0xA1), *range(0xBB, 0xC0)])),
    0xBD: table(bytes([0x80, *range(0x9B, 0xA6)])),
}
"""The third byte of full-width signs, by their second; the first is 0xEF."""


@dataclass(frozen=True)
class Words:
    """Word i is ``data[start[i]:end[i]]`` of its buffer; ``key`` is equal for equal words, ``numeric`` says whether it
    starts with a digit."""

    start: Places
    end: Places
    key: Keys
    numeric: Flags


def words(texts: Buffer) -> Words:
    """The words of all texts in order."""
    edges = _edges(texts)
    start, end = edges[0::2], edges[1::2]
    return Words(start, end, _keys(texts, start, end), _DIGIT[texts.data[start]])


def key(word: str) -> int:
    """The key of a single word, as in ``Words.key``."""
    return int(words(Buffer.of([word])).key[0])


def _edges(texts: Buffer) -> Places:
    """Where words start and end, in turn."""
    data = texts.data
    letter = (texts.kinds & LETTER) > 0
    signs = texts.where(LEAD)
    if len(signs):
        lead, second, third = data[signs], data[signs + 1], data[signs + 2]
        two = (lead == 0xC2) | ((lead == 0xC3) & ((second == 0x97) | (second == 0xB7)))
        three = ((lead == 0xE2) & (second < 0xB0)) | ((lead == 0xE3) & (second == 0x80))
        three |= (lead == 0xE0) & (second == 0xA5) & ((third == 0xA4) | (third == 0xA5))
        for byte, members in _FULL_WIDTH.items():
            three |= (lead == 0xEF) & (second == byte) & members[third]
        both, long = signs[two | three], signs[three]
        letter[both] = letter[both + 1] = letter[long + 2] = False
    return np.flatnonzero(letter[1:] != letter[:-1]) + 1


def _keys(texts: Buffer, start: Places, end: Places) -> Keys:
    windows = texts.windows(texts.lower)
    size = end - start
    keys = (windows[start] & _MASKS[np.minimum(size, 8)]) * _ODD
    long = np.flatnonzero(size > 8)
    rest = windows[start[long] + 8] & _MASKS[np.minimum(size[long] - 8, 8)]
    keys[long] ^= (rest + size[long].astype(np.uint64)) * _MORE
    longer = long[size[long] > 16]
    if len(longer):
        keys[longer] ^= _tails(windows, start[longer] + 16, size[longer] - 16)
    return keys ^ (keys >> _SHIFT)


def _tails(windows: Keys, start: Places, size: Places) -> Keys:
    """A hash of the bytes of each span, in eights."""
    eights = (size + 7) // 8
    first = np.cumsum(eights) - eights
    at = 8 * (np.arange(int(eights.sum())) - np.repeat(first, eights))
    read = windows[np.repeat(start, eights) + at] & _MASKS[np.minimum(np.repeat(size, eights) - at, 8)]
    mixed = (read + at.astype(np.uint64)) * _MORE
    result: Keys = np.add.reduceat((mixed ^ (mixed >> _SHIFT)) * _ODD, first)
    return result


def joined(texts: Buffer, found: Words, at: Places) -> Flags:
    """Whether a phrase may span what stands between each of these words and the next.

    That is one to three characters of white space, with or without a comma before them, a hyphen, or either
    apostrophe, or a full stop between two spaces, as in tokenized text. The last word of all must not be asked for.
    """
    data = texts.data
    end = found.end[at]
    size = found.start[at + 1] - end
    first = data[end]
    joins = (size == 1) & _SINGLE[first]
    some = np.flatnonzero((size > 1) & (size <= 4) & _OPENS[first])
    place, length, comma = end[some], size[some], first[some] == ord(",")
    blank = _BLANK[data[place + 1]] & (comma | (length < 4))
    for more in (2, 3):
        blank &= (length <= more) | _BLANK[data[place + more]]
    joins[some] = blank
    quote = np.flatnonzero((size == 3) & (first == 0xE2))
    place = end[quote]
    joins[quote] = (data[place + 1] == 0x80) & (data[place + 2] == 0x99)
    dot = np.flatnonzero((size == 3) & (first == 32))
    place = end[dot]
    joins[dot] |= (data[place + 1] == 46) & (data[place + 2] == 32)
    return joins


def spaced(texts: Buffer, found: Words) -> Flags:
    """Whether white space, or a text's border, stands before each word: the words that a plain split would count."""
    if not len(found.start):
        return np.zeros(0, np.bool_)
    kinds = texts.kinds
    start, end = found.start[1:], found.end[:-1]
    apart = ((kinds[end] | kinds[start - 1]) & SPACE).view(np.bool_)
    some = np.flatnonzero(~apart)
    some = some[start[some] - end[some] > 2]
    apart[some] = texts.count(SPACE, end[some], start[some]) > 0
    result = np.append(True, apart)
    first = np.searchsorted(found.start, texts.starts)
    result[first[first < len(result)]] = True
    return result


_SINGLE = table(b" \t\r\n-'")
_OPENS = table(b" \t\r\n,")
