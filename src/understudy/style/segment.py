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

from typing import Any

import numpy as np

from understudy.style.buffer import BLANK, CLOSER, DIGIT, LOWER, SMALL, SPACE, Buffer, Bytes, Places, table
from understudy.style.kernel import kernel

EQUATION, ITEM = 60, 100
"""The longest line, in bytes, that is taken for an equation after a colon, or for an item of a list."""
ABBREVIATIONS = ("mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "eq", "eqs", "fig", "cf", "approx")

_NO_MARK, _FULL_STOP, _OTHER_MARK, _ELLIPSIS = range(4)
_BLANK, _NEWLINE, _DOT, _COLON, _EQUALS, _BAR, _TICK, _SLASH = b" \n.:=|`\\"
_SPECIAL = table(b"\t\r\n`$\\\xe3\xef\xff")
"""All of white space but a blank, and what parts code, mathematics and sentences without it."""
_ONE = np.uint64(1)
_CLOSING = CLOSER | table(b".!?" + bytes(range(0x80, 0xC0)))
"""The last byte of what a sentence may end with."""
_MARGIN = table(b" \t#>*_")
_WORD = table(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_OPERATOR, _BULLET, _NUMBERED = table(b"=+/^"), table(b"-*+"), table(b".)")
_CARRIES_ON, _FORMULA, _BRACKET, _QUOTED = table(b",=+"), table(b"\\$"), table(b"]$"), table(b"`|")
_ENDINGS = np.array([list(f"{name:\0>8}".encode()) for name in (*ABBREVIATIONS, "etc")], np.uint8)
"""The abbreviations, each at the end of a row of eight bytes; the last is one only before a small letter."""
_NAMES = (r"\[", r"\]", r"\(", r"\)", r"\begin{", r"\end{")
_BRACKETS = np.array([list(f"{mark:\0<8}".encode()) for mark in _NAMES], np.uint8)
_INLINE_TICK, _FENCE_TICK, _INLINE_DOLLAR, _FENCE_DOLLAR, _SQUARE, _ROUND, _ENVIRONMENT, _PAIRS = range(8)
"""What opens code or mathematics and closes it."""


def segment(texts: Buffer) -> Places:
    """The byte offset at which each step starts; an empty text has none."""
    cuts, opened = np.empty(len(texts.data) // 2, np.int64), np.empty(_PAIRS, np.int64)
    return cuts[: _segment(texts.data, texts.starts, texts.ends, cuts, opened)]


@kernel
def _segment(data: Bytes, starts: Places, ends: Places, cuts: Places, opened: Places) -> int:
    count = 0
    for text in range(len(starts)):
        if starts[text] < ends[text]:
            cuts[count] = starts[text]
            count = _steps(data, starts[text], ends[text], cuts, count + 1, opened)
    return count


@kernel
def _steps(data: Bytes, at: int, end: int, cuts: Places, count: int, opened: Places) -> int:
    """Add the cuts of one text. Those inside of code or mathematics are taken back when it closes.

    ``opened`` is the place at which each kind of pair was last opened, or -1.
    """
    for kind in range(_PAIRS):
        opened[kind] = -1
    start = at
    while at < end:
        at = _next(data, np.uint64(at))
        byte, stop = data[at], at + 1
        if SPACE[byte]:
            stop, lines = _gap(data, at)
            if lines:
                opened[_INLINE_TICK] = opened[_INLINE_DOLLAR] = -1
            if (lines or _CLOSING[data[at - 1]]) and start < at and stop < end and _breaks(data, at, stop, lines):
                cuts[count] = stop
                count += 1
        elif byte >= 0x80:
            stop = at + 3
            following = _unspaced(data, at)
            if following:
                cuts[count] = following
                count += 1
        elif byte == _SLASH:
            count = _bracketed(data, at, cuts, count, opened)
        else:
            while data[stop] == byte:
                stop += 1
            count = _quoted(data, at, stop, cuts, count, opened)
        at = stop
    return count


@kernel
def _next(data: Bytes, at: np.uint64) -> Any:
    """The next place where something may begin or end: special, or a blank after a mark or before white space.

    There are no branches at other blanks: a processor that guesses where each word ends guesses wrong.
    """
    byte = data[at]
    while not (_SPECIAL[byte] | ((byte == _BLANK) & (_CLOSING[data[at - _ONE]] | SPACE[data[at + _ONE]]))):
        at += _ONE
        byte = data[at]
    return np.int64(at)


@kernel
def _gap(data: Bytes, at: int) -> tuple[int, int]:
    """Where the white space ends that starts here, and how many lines end in it."""
    lines = 0
    while SPACE[data[at]]:
        lines += data[at] == _NEWLINE
        at += 1
    return at, lines


@kernel
def _closed(cuts: Places, count: int, opened: int) -> int:
    """How many cuts are left without those after this place; a text's first cut always is."""
    while cuts[count - 1] > opened:
        count -= 1
    return count


@kernel
def _quoted(data: Bytes, at: int, stop: int, cuts: Places, count: int, opened: Places) -> int:
    """Backticks or dollars: many are a fence; single ones pair on a line where they stand close to what they hold."""
    inline, fence, least = _INLINE_DOLLAR, _FENCE_DOLLAR, 2
    if data[at] == _TICK:
        inline, fence, least = _INLINE_TICK, _FENCE_TICK, 3
    if stop - at >= least:
        if opened[fence] >= 0:
            count = _closed(cuts, count, opened[fence])
            at = -1
        opened[fence] = at
    elif stop - at == 1:
        before = opened[inline]
        if before >= 0 and not (SPACE[data[before + 1]] or SPACE[data[at - 1]] or DIGIT[data[stop]]):
            count = _closed(cuts, count, before)
        opened[inline] = at
    return count


@kernel
def _bracketed(data: Bytes, at: int, cuts: Places, count: int, opened: Places) -> int:
    r"""A backslash: the pairs are ``\[ \]``, ``\( \)``, ``\begin{ \end{``, of each kind the closest."""
    kind, opens = _PAIRS, False
    for number in range(len(_BRACKETS)):
        length = 1
        while _BRACKETS[number, length] and _BRACKETS[number, length] == data[at + length]:
            length += 1
        if _BRACKETS[number, length] == 0:
            kind, opens = _SQUARE + number // 2, number % 2 == 0
    if kind < _PAIRS:
        if not opens and opened[kind] >= 0:
            count = _closed(cuts, count, opened[kind])
        opened[kind] = at if opens else -1
    return count


@kernel
def _breaks(data: Bytes, start: int, stop: int, lines: int) -> bool:
    """Whether a step ends at this white space."""
    place, mark = _mark(data, start - 1)
    if mark == _NO_MARK:
        return lines > 0 and _line_ends(data, data[start - 1], stop, lines)
    if lines == 0:
        return _sentence_ends(data, place, mark, data[stop])
    return lines > 1 or not (_bullet(data, stop) and _rest_of_line(data, stop, ITEM) <= ITEM)


@kernel
def _mark(data: Bytes, at: int) -> tuple[int, int]:
    """Where the mark is that ends a sentence here, up to four closers aside, and its kind."""
    for _ in range(4):
        if CLOSER[data[at]]:
            at -= 1
        elif data[at - 2] == 0xE2 and data[at - 1] == 0x80 and (data[at] == 0x9D or data[at] == 0x99):
            at -= 3
        else:
            break
    byte = data[at]
    if byte == _DOT:
        return at, _FULL_STOP
    if byte == ord("!") or byte == ord("?"):
        return at, _OTHER_MARK
    if byte < 0x80 or byte >= 0xC0:
        return at, _NO_MARK
    if data[at - 2] == 0xE2 and data[at - 1] == 0x80 and byte == 0xA6:  # …
        return at, _ELLIPSIS
    danda = data[at - 2] == 0xE0 and data[at - 1] == 0xA5 and byte == 0xA4
    return at, _OTHER_MARK if danda or _is_mark(data, at - 2) else _NO_MARK


@kernel
def _sentence_ends(data: Bytes, at: int, mark: int, following: int) -> bool:
    if _OPERATOR[following]:
        return False
    small = SMALL[following]
    if mark == _ELLIPSIS:
        return not small
    if mark == _OTHER_MARK:
        return True
    return not ((small and data[at - 1] == _DOT) or _list_number(data, at) or _abbreviates(data, at, small))


@kernel
def _abbreviates(data: Bytes, at: int, small: bool) -> bool:
    """Whether an abbreviation stands right before this place, with no part of a word or full stop before it."""
    for number in range(len(_ENDINGS) if small else len(ABBREVIATIONS)):
        back = 1
        while _ENDINGS[number, 8 - back] and _ENDINGS[number, 8 - back] == LOWER[data[at - back]]:
            back += 1
        before = data[at - back]
        dotted = before == _DOT and number < len(ABBREVIATIONS)
        if _ENDINGS[number, 8 - back] == 0 and not (_WORD[before] or dotted):
            return True
    return False


@kernel
def _list_number(data: Bytes, at: int) -> bool:
    """Whether all that stands before this place on its line is a number of one to three digits."""
    number = at
    while number > at - 3 and DIGIT[data[number - 1]]:
        number -= 1
    place = number
    while place > number - 8 and _MARGIN[data[place - 1]]:
        place -= 1
    return number < at and (data[place - 1] == _NEWLINE or data[place - 1] == 0xFF)


@kernel
def _line_ends(data: Bytes, last: int, at: int, lines: int) -> bool:
    """Whether a step ends with its line, whose last byte is ``last``, though no sentence does."""
    following = data[at]
    if _FORMULA[following] or _CARRIES_ON[last] or _bullet(data, at) or (last == _BAR and following == _BAR):
        return False
    if SMALL[following] and (lines == 1 or _BRACKET[last]):
        return False
    return last != _COLON or not (_QUOTED[following] or _equation(data, at))


@kernel
def _rest_of_line(data: Bytes, at: int, limit: int) -> int:
    """How many bytes are left of the line, or one more than the limit."""
    length = 0
    while length <= limit and data[at + length] != _NEWLINE and data[at + length] != 0xFF:
        length += 1
    return length


@kernel
def _equation(data: Bytes, at: int) -> bool:
    length = _rest_of_line(data, at, EQUATION)
    place = at
    while place < at + length and data[place] != _EQUALS:
        place += 1
    return length <= EQUATION and place < at + length and not _listed(data, at)


@kernel
def _listed(data: Bytes, at: int) -> bool:
    """Whether a line starts with a number of one to three digits and a full stop or bracket."""
    begin = at
    while at < begin + 8 and _MARGIN[data[at]]:
        at += 1
    number = at
    while at < number + 3 and DIGIT[data[at]]:
        at += 1
    return number < at and _NUMBERED[data[at]]


@kernel
def _bullet(data: Bytes, at: int) -> bool:
    if _BULLET[data[at]]:
        return BLANK[data[at + 1]]
    return data[at] == 0xE2 and data[at + 1] == 0x80 and data[at + 2] == 0xA2 and BLANK[data[at + 3]]  # •


@kernel
def _unspaced(data: Bytes, at: int) -> int:
    """Where the next sentence starts, if a full-width mark stands here and no white space after it; else 0."""
    if not _is_mark(data, at):
        return 0
    at += 6 if _is_closing(data, at + 3) else 3
    ends = SPACE[data[at]] or data[at] == 0xFF or _is_mark(data, at) or _is_closing(data, at)
    return 0 if ends else at


@kernel
def _is_mark(data: Bytes, at: int) -> bool:
    """Whether 。, ！ or ？ stands here."""
    if data[at] == 0xE3:
        return data[at + 1] == 0x80 and data[at + 2] == 0x82
    return data[at] == 0xEF and data[at + 1] == 0xBC and (data[at + 2] == 0x81 or data[at + 2] == 0x9F)


@kernel
def _is_closing(data: Bytes, at: int) -> bool:
    """Whether ”, ’, 」, 』 or ） stands here."""
    second, third = data[at + 1], data[at + 2]
    if data[at] == 0xE2:
        return second == 0x80 and (third == 0x9D or third == 0x99)
    if data[at] == 0xE3:
        return second == 0x80 and (third == 0x8D or third == 0x8F)
    return data[at] == 0xEF and second == 0xBC and third == 0x89
