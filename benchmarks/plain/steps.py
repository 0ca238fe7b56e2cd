"""Steps of one text, by ``re``: the rules of ``understudy.style.segment`` in full.

    segment("Wait. 2 + 2 is 4.\\n\\nSo 4.")         # ["Wait. ", "2 + 2 is 4.\\n\\n", "So 4."]

A step is a string; together they are the text again.
"""

import re
from bisect import bisect_left
from itertools import pairwise

SPACE, DIGITS = " \t\r\n", tuple("0123456789")
MARKS = ".!?…。！？।"
CLOSERS = "\"'”’)]*_"
GAP = re.compile(
    r"""(?<=[.!?…。！？।"'”’)\]*_])[ \t\r\n]+|(?<![ \t\r\n])[ \t\r]*\n[ \t\r\n]*"""
    r"|(?:(?<=[。！？])|(?<=[。！？][”’」』）]))(?=[^ \t\r\n。！？”’」』）])"
)
"""White space after a mark, perhaps with closers, or around a line's end; and nothing, after a full-width mark."""
ABBREVIATION = re.compile(
    r"(?:^|[^0-9A-Za-z_.])(?:mr|mrs|ms|dr|prof|st|vs|e\.g|i\.e|eq|eqs|fig|cf|approx)\Z", re.I | re.A
)
ELLIPSIS = re.compile(r"(?:(?:^|[^0-9A-Za-z_])etc|\.)\Z", re.I | re.A)
NUMBER = re.compile(r"[ \t#>*_]{0,8}[0-9]{1,3}")
LISTED = re.compile(r"[ \t#>*_]{0,8}[0-9]{1,3}[.)]")
BULLET = re.compile(r"(?:[-*+]|•)[ \t]")
FENCES = [re.compile(rf"(?s){mark}.*?{mark}") for mark in (r"`{3,}", r"\${2,}")]
PAIRS = [
    re.compile(rf"(?s){opener}(?:(?!{opener}).)*?{closer}")
    for opener, closer in ((r"\\\[", r"\\\]"), (r"\\\(", r"\\\)"), (r"\\begin\{", r"\\end\{"))
]
SINGLE = {mark: re.compile(f"(?<!{mark}){mark}(?!{mark})") for mark in (r"\$", "`")}
EQUATION, ITEM = 60, 100
"""The longest line, in bytes of UTF-8, that is taken for an equation after a colon, or for an item of a list."""


def segment(text: str) -> list[str]:
    """The steps of a text: sentences and lines, with lists of fragments, equations and code kept whole."""
    masks = masked(text)
    starts = [a for a, _ in masks]
    cuts = [gap.end() for gap in GAP.finditer(text) if not hides(masks, starts, gap.start()) and breaks(text, gap)]
    edges = [0, *cuts, len(text)] if text else []
    return [text[a:b] for a, b in pairwise(edges)]


def masked(text: str) -> list[tuple[int, int]]:
    """Where code and mathematics are, in which no step ends; in order, without overlap."""
    spans = [found.span() for pattern in FENCES + PAIRS for found in pattern.finditer(text)]
    spans += [span for pattern in SINGLE.values() for span in inline(text, pattern)]
    merged: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if merged and a < merged[-1][1]:
            merged[-1] = merged[-1][0], max(b, merged[-1][1])
        else:
            merged.append((a, b))
    return merged


def inline(text: str, mark: re.Pattern[str]) -> list[tuple[int, int]]:
    """Pairs of a single mark on one line, close to what they hold, so that prices are no formulas."""
    places = [found.start() for found in mark.finditer(text)]
    return [
        (a, b + 1)
        for a, b in pairwise(places)
        if "\n" not in text[a:b]
        and text[a + 1] not in SPACE
        and text[b - 1] not in SPACE
        and text[b + 1 : b + 2] not in DIGITS
    ]


def hides(masks: list[tuple[int, int]], starts: list[int], place: int) -> bool:
    """Whether a place lies in code or mathematics."""
    before = bisect_left(starts, place) - 1
    return before >= 0 and place < masks[before][1]


def breaks(text: str, gap: re.Match[str]) -> bool:
    """Whether a step ends at this gap."""
    start, end = gap.span()
    if start == 0 or end == len(text):
        return False
    if start == end:
        return True
    newlines = text.count("\n", start, end)
    mark = last_mark(text, start)
    if mark is None:
        return newlines > 0 and line_ends(text, start, end, newlines)
    if newlines:
        return not (newlines == 1 and BULLET.match(text, end) and short(line(text, end, ITEM), ITEM))
    return sentence_ends(text, mark, text[end])


def line(text: str, start: int, limit: int) -> str:
    """What is left of the line, or so much of it that it is too long."""
    return text[start : start + limit + 1].partition("\n")[0]


def short(piece: str, limit: int) -> bool:
    """Whether it is no longer than that, in bytes of UTF-8."""
    return len(piece.encode("utf-8", "replace")) <= limit


def last_mark(text: str, start: int) -> int | None:
    """Where the mark that ends a sentence before the gap is, up to four closing quotes or brackets aside."""
    at = start - 1
    while at > 0 and start - at <= 4 and text[at] in CLOSERS:
        at -= 1
    return at if text[at] in MARKS else None


def sentence_ends(text: str, mark: int, following: str) -> bool:
    """Whether the mark ends a sentence though its line goes on."""
    if following in "=+/^":
        return False
    lower = "a" <= following <= "z"
    if text[mark] == "…":
        return not lower
    if text[mark] != ".":
        return True
    before = text[max(0, mark - 12) : mark]
    if NUMBER.fullmatch(before.rpartition("\n")[2]):
        return False
    return not (ABBREVIATION.search(before) or (lower and ELLIPSIS.search(before)))


def line_ends(text: str, start: int, end: int, newlines: int) -> bool:
    """Whether a step ends with its line though no sentence does."""
    last, following = text[start - 1], text[end]
    if following in "\\$" or BULLET.match(text, end) or last in ",=+" or last + following == "||":
        return False
    if last == ":" and (following in "`|" or equation(line(text, end, EQUATION))):
        return False
    return not ("a" <= following <= "z" and (newlines == 1 or last in "]$"))


def equation(piece: str) -> bool:
    """Whether a line after a colon belongs to what introduces it."""
    return "=" in piece and short(piece, EQUATION) and not LISTED.match(piece)
