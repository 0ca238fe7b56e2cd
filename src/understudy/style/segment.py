r"""Segment: cut texts into steps, all texts of a buffer at once.

    texts = Buffer.of(["Wait. 2 + 2 is 4.\n\nSo 4."])
    segment(texts)                  # the bytes at which its three steps start

A step is a sentence or a line. It ends

- after ``.``, ``!``, ``?``, ``…`` (and their full-width and Devanagari kin), with closing quotes and brackets,
  before white space; but not after an abbreviation, a list's number, or dots before a small letter;
- at a line's end; but not where the sentence goes on: before mathematics, an item of a list, a small letter on
  the next line, an equation after a colon, or after a comma or an operator;
- never inside code or mathematics (``\( \)``, ``\[ \]``, ``$``, ``$$``, ``\begin``, backticks).

White space goes with the step before it, so that no character is lost: steps tile the text. The rules are written
once more, plainly, in ``benchmarks/plain/steps.py``; tests hold the two together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import CLOSING, CONTINUES, EQUALS, SPACE, Buffer, Bytes, Flags, Places, table

EQUATION, ITEM = 60, 100
"""The longest line, in bytes, that is taken for an equation after a colon, or for an item of a list."""
ABBREVIATIONS = ("mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "eq", "eqs", "fig", "cf", "approx")

_SPACE = table(b" \t\r\n")
_CLOSER = table(b"\"')]*_")
_DIGIT = table(b"0123456789")
_MARGIN = table(b" \t#>*_")
_WORD = table(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_LOWER = table(b"abcdefghijklmnopqrstuvwxyz")
_FULL_STOP, _OTHER_MARK, _ELLIPSIS = 1, 2, 3
_WIDE_MARKS = {"…": _ELLIPSIS, "。": _OTHER_MARK, "！": _OTHER_MARK, "？": _OTHER_MARK, "।": _OTHER_MARK}


@dataclass(frozen=True)
class _Gaps:
    """Stretches of white space at which a step might end."""

    start: Places
    end: Places
    newlines: NDArray[np.int64]

    def where(self, kept: Flags) -> "_Gaps":
        return _Gaps(self.start[kept], self.end[kept], self.newlines[kept])


def segment(texts: Buffer) -> Places:
    """The byte offset at which each step starts; an empty text has none."""
    gaps = _gaps(texts)
    gaps = gaps.where(_breaks(texts, gaps))
    cuts = np.concatenate((gaps.end, _unspaced(texts)))
    cuts = np.concatenate((cuts[~_masked(texts, cuts)], texts.starts[texts.ends > texts.starts]))
    cuts.sort(kind="stable")
    return cuts


def _gaps(texts: Buffer) -> _Gaps:
    """White space inside a text that follows a mark or holds a line's end."""
    data, kinds = texts.data, texts.kinds
    closing = kinds >> (CLOSING // SPACE).bit_length() - 1
    marked = np.flatnonzero((closing[:-1] & kinds[1:] & SPACE).view(np.bool_)) + 1
    start = np.concatenate((marked, _stretch(kinds, texts.newlines, -1)))
    start.sort(kind="stable")
    start = start[np.diff(start, prepend=-1) > 0]
    end = _stretch(kinds, start, 1) + 1
    newlines = np.searchsorted(texts.newlines, end) - np.searchsorted(texts.newlines, start)
    kept = (data[start - 1] != 0xFF) & (data[end] != 0xFF)
    return _Gaps(start[kept], end[kept], newlines[kept])


def _stretch(kinds: Bytes, places: Places, direction: int) -> Places:
    """The first (-1) or last (1) byte of the white space that each place lies in."""
    at = places.copy()
    left = np.arange(len(at))
    for _ in range(8):
        left = left[(kinds[at[left] + direction] & SPACE) > 0]
        at[left] += direction
    if len(left):
        filled = np.flatnonzero(~(kinds & SPACE).astype(np.bool_))
        beyond = np.searchsorted(filled, at[left]) - (direction < 0)
        at[left] = filled[beyond] - direction
    return at


def _breaks(texts: Buffer, gaps: _Gaps) -> Flags:
    place, mark = _marks(texts.data, gaps.start)
    line = gaps.newlines > 0
    ends = mark > 0
    item = np.zeros(len(ends), np.bool_)
    one = np.flatnonzero(ends & (gaps.newlines == 1))
    item[one] = _bullet(texts.data, gaps.end[one]) & (_rest_of_line(texts, gaps.end[one]) <= ITEM)
    result = ends & line & ~item
    inside = np.flatnonzero(ends & ~line)
    result[inside] = _sentence_ends(texts, place[inside], mark[inside], texts.data[gaps.end[inside]])
    lines = np.flatnonzero(~ends & line)
    result[lines] = _line_ends(texts, gaps.where(~ends & line))
    return result


def _marks(data: Bytes, start: Places) -> tuple[Places, NDArray[np.int8]]:
    """Where the mark is that ends a sentence before each place, up to four closers aside, and its kind (0: none)."""
    at = start - 1
    for _ in range(4):
        byte = data[at]
        quote = ((byte == 0x9D) | (byte == 0x99)) & (data[at - 1] == 0x80) & (data[at - 2] == 0xE2)
        at = at - _CLOSER[byte] - 3 * quote
    byte = data[at]
    mark = np.where(byte == 46, _FULL_STOP, 0) + np.where((byte == 33) | (byte == 63), _OTHER_MARK, 0)
    wide = np.flatnonzero((byte & 0xC0) == 0x80)
    for text, kind in _WIDE_MARKS.items():
        mark[wide] += kind * _ends_with(data, at[wide], text.encode())
    return at, mark.astype(np.int8)


def _ends_with(data: Bytes, last: Places, text: bytes) -> Flags:
    """Whether the bytes up to and with each place are this text."""
    found = np.ones(len(last), np.bool_)
    for back, byte in enumerate(reversed(text)):
        found &= data[last - back] == byte
    return found


def _sentence_ends(texts: Buffer, place: Places, mark: NDArray[np.int8], following: Bytes) -> Flags:
    lower = _LOWER[following]
    ends = ~table(b"=+/^")[following] & ~((mark == _ELLIPSIS) & lower)
    dots = np.flatnonzero(ends & (mark == _FULL_STOP))
    at = place[dots]
    before = texts.windows(texts.lower)[at - 8]
    cut = _suffix(texts, at, before, ABBREVIATIONS, b".")
    cut |= lower[dots] & ((texts.data[at - 1] == 46) | _suffix(texts, at, before, ("etc",), b""))
    ends[dots] = ~cut & ~_list_number(texts, at)
    return ends


def _suffix(texts: Buffer, at: Places, before: NDArray[np.uint64], words: tuple[str, ...], excluded: bytes) -> Flags:
    """Whether one of the words stands right before each place, with no part of a word or ``excluded`` before it."""
    found = np.zeros(len(at), np.bool_)
    part = _WORD | table(excluded)
    for word in words:
        code = np.uint64(int.from_bytes(word.encode(), "little"))
        hit = np.flatnonzero(before >> np.uint64(8 * (8 - len(word))) == code)
        found[hit] |= ~part[texts.data[at[hit] - len(word) - 1]]
    return found


def _list_number(texts: Buffer, at: Places) -> Flags:
    """Whether all that stands before each place on its line is a number of one to three digits."""
    data = texts.data
    first, second, third = (_DIGIT[data[at - back]] for back in (1, 2, 3))
    digits = first.astype(np.int64) + (first & second) + (first & second & third)
    found = np.zeros(len(at), np.bool_)
    some = np.flatnonzero(digits)
    here = at[some] - digits[some]
    margin = here - _line_start(texts, at[some])
    fine = margin <= 8
    for back in range(1, 9):
        fine &= (margin < back) | _MARGIN[data[here - back]]
    found[some] = fine
    return found


def _line_start(texts: Buffer, at: Places) -> Places:
    lines = np.concatenate(([0], texts.newlines + 1))
    return np.maximum(lines[np.searchsorted(texts.newlines, at)], texts.starts[texts.text_of(at)])


def _rest_of_line(texts: Buffer, at: Places) -> Places:
    """How many bytes are left of each place's line."""
    lines = np.append(texts.newlines, len(texts.data))
    return np.minimum(lines[np.searchsorted(texts.newlines, at)], texts.ends[texts.text_of(at)]) - at


def _bullet(data: Bytes, at: Places) -> Flags:
    blank = table(b" \t")
    plain = table(b"-*+")[data[at]] & blank[data[at + 1]]
    return plain | (_ends_with(data, at + 2, "•".encode()) & blank[data[at + 3]])


def _line_ends(texts: Buffer, gaps: _Gaps) -> Flags:
    data = texts.data
    last, following = data[gaps.start - 1], data[gaps.end]
    goes_on = table(b"\\$")[following] | _bullet(data, gaps.end) | table(b",=+")[last]
    goes_on |= (last == ord("|")) & (following == ord("|"))
    goes_on |= _LOWER[following] & ((gaps.newlines == 1) | table(b"]$")[last])
    colon = np.flatnonzero(last == ord(":"))
    at = gaps.end[colon]
    goes_on[colon] |= table(b"`|")[following[colon]] | _equation(texts, at)
    return ~goes_on


def _equation(texts: Buffer, at: Places) -> Flags:
    length = _rest_of_line(texts, at)
    equals = texts.where(EQUALS)
    holds = np.searchsorted(equals, at + length) > np.searchsorted(equals, at)
    return (length <= EQUATION) & holds & ~_listed(texts.data, at)


def _listed(data: Bytes, at: Places) -> Flags:
    """Whether a line starts with a number of one to three digits and a full stop or bracket."""
    for _ in range(8):
        at = at + _MARGIN[data[at]]
    digits = _DIGIT[data[at]].astype(np.int64)
    for more in (1, 2):
        digits += (digits == more) & _DIGIT[data[at + more]]
    return (digits > 0) & table(b".)")[data[at + digits]]


def _unspaced(texts: Buffer) -> Places:
    """Where a sentence starts right after a full-width mark, without white space."""
    data = texts.data
    last = texts.where(CONTINUES)
    last = last[(data[last] == 0x82) | (data[last] == 0x81) | (data[last] == 0x9F)]
    last = last[_is_any(data, last, "。！？")]
    at = last + 1
    closed = _is_any(data, at + 2, "”’」』）")
    at = at + 3 * closed
    following = ~_SPACE[data[at]] & (data[at] != 0xFF) & ~_is_any(data, at + 2, "。！？”’」』）")
    return at[following]


def _is_any(data: Bytes, last: Places, letters: str) -> Flags:
    found = np.zeros(len(last), np.bool_)
    for letter in letters:
        found |= _ends_with(data, last, letter.encode())
    return found


def _masked(texts: Buffer, at: Places) -> Flags:
    """Whether each place lies in code or mathematics."""
    data = texts.data
    hidden = np.zeros(len(at), np.bool_)
    for mark, fence in (("`", 3), ("$", 2)):
        places = texts.signs(mark)
        if len(places):
            first = np.flatnonzero(np.diff(places, prepend=-2) != 1)
            size = np.diff(first, append=len(places))
            runs = places[first]
            hidden |= _in_fences(texts, at, runs[size >= fence])
            hidden |= _in_line(texts, at, runs[size == 1])
    slashes = texts.signs("\\")
    if len(slashes):
        words = texts.windows(data)[slashes]
        for opener, closer in ((b"\\[", b"\\]"), (b"\\(", b"\\)"), (b"\\begin{", b"\\end{")):
            opens, closes = _is(words, opener), _is(words, closer)
            hidden |= _between(texts, at, slashes[opens | closes], opens[opens | closes])
    return hidden


def _is(words: NDArray[np.uint64], text: bytes) -> Flags:
    return words & np.uint64(2 ** (8 * len(text)) - 1) == np.uint64(int.from_bytes(text, "little"))


def _in_fences(texts: Buffer, at: Places, fences: Places) -> Flags:
    """Inside the first and second fence of a text, or the third and fourth, and so on."""
    before = np.searchsorted(fences, at)
    text = texts.text_of(at)
    earlier = np.searchsorted(fences, texts.starts[text])
    closed = before < np.searchsorted(fences, texts.ends[text])
    return ((before - earlier) % 2 == 1) & closed


def _in_line(texts: Buffer, at: Places, places: Places) -> Flags:
    """Between two single marks of one line that stand close to what they hold."""
    data = texts.data
    a, b = places[:-1], places[1:]
    line = np.searchsorted(texts.newlines, places)
    pairs = (line[:-1] == line[1:]) & (texts.text_of(a) == texts.text_of(b))
    pairs &= ~_SPACE[data[a + 1]] & ~_SPACE[data[b - 1]] & ~_DIGIT[data[b + 1]]
    return _inside(at, places, np.append(pairs, False))


def _between(texts: Buffer, at: Places, places: Places, opens: Flags) -> Flags:
    """Between an opening mark and a closing one that follows it directly."""
    text = texts.text_of(places)
    pairs = opens[:-1] & ~opens[1:] & (text[:-1] == text[1:])
    return _inside(at, places, np.append(pairs, False))


def _inside(at: Places, places: Places, pairs: Flags) -> Flags:
    before = np.searchsorted(places, at) - 1
    return (before >= 0) & np.append(pairs, False)[before] if len(places) else np.zeros(len(at), np.bool_)
