r"""The measures of style once more, written plainly: one text at a time, with ``re``. The rules in full, and slow.

    python -c "from benchmarks.plain_style import segment; print(segment('Wait. 2 + 2 is 4.\n\nSo 4.'))"

``understudy.style`` computes the same on whole columns; tests hold the two to the same results, and ``make bench``
measures how much faster it is.
"""

import re

SPACE, DIGITS = " \t\r\n", tuple("0123456789")
MARKS = ".!?…。！？।"
CLOSERS = "\"'”’)]*_"
GAP = re.compile(r"[ \t\r\n]+|(?:(?<=[。！？])|(?<=[。！？][”’」』）]))(?=[^ \t\r\n。！？”’」』）])")
ABBREVIATION = re.compile(
    r"(?:^|[^0-9A-Za-z_.])(?:mr|mrs|ms|dr|prof|st|vs|e\.g|i\.e|eq|eqs|fig|cf|approx)\Z", re.I | re.A
)
ELLIPSIS = re.compile(r"(?:(?:^|[^0-9A-Za-z_])etc|\.)\Z", re.I | re.A)
NUMBER = re.compile(r"[ \t#>*_]{0,8}[0-9]{1,3}")
LISTED = re.compile(r"[ \t#>*_]{0,8}[0-9]{1,3}[.)]")
BULLET = re.compile(r"(?:[-*+]|•)[ \t]")
EQUATION, ITEM = 60, 100
"""The longest line, in bytes of UTF-8, that is taken for an equation after a colon, or for an item of a list."""


def segment(text: str) -> list[str]:
    """The steps of a text: sentences and lines, with lists of fragments, equations and code kept whole."""
    masks = masked(text)
    cuts = [gap.end() for gap in GAP.finditer(text) if breaks(text, gap, masks)]
    edges = [0, *cuts, len(text)] if text else []
    return [text[a:b] for a, b in zip(edges, edges[1:], strict=False)]


def masked(text: str) -> list[tuple[int, int]]:
    """Where code and mathematics are, in which no step ends."""
    spans = []
    for opener, closer in ((r"`{3,}", r"`{3,}"), (r"\${2,}", r"\${2,}")):
        spans += [m.span() for m in re.finditer(f"(?s){opener}.*?{closer}", text)]
    for opener, closer in ((r"\\\[", r"\\\]"), (r"\\\(", r"\\\)"), (r"\\begin\{", r"\\end\{")):
        spans += [m.span() for m in re.finditer(f"(?s){opener}(?:(?!{opener}).)*?{closer}", text)]
    for mark in ("$", "`"):
        spans += inline(text, mark)
    return spans


def inline(text: str, mark: str) -> list[tuple[int, int]]:
    """Pairs of a single mark on one line, close to what they hold, so that prices are no formulas."""
    m = re.escape(mark)
    places = [found.start() for found in re.finditer(f"(?<!{m}){m}(?!{m})", text)]
    return [
        (a, b)
        for a, b in zip(places, places[1:], strict=False)
        if "\n" not in text[a:b]
        and text[a + 1] not in SPACE
        and text[b - 1] not in SPACE
        and text[b + 1 : b + 2] not in DIGITS
    ]


def breaks(text: str, gap: re.Match[str], masks: list[tuple[int, int]]) -> bool:
    """Whether a step ends at this gap."""
    start, end = gap.span()
    if start == 0 or end == len(text) or any(a < start < b for a, b in masks):
        return False
    newlines = gap.group().count("\n")
    mark = last_mark(text, start)
    if mark is None or start == end:
        return start == end or (newlines > 0 and line_ends(text, start, end, newlines))
    if newlines:
        return not (newlines == 1 and BULLET.match(text, end) and short(text, end, ITEM))
    return sentence_ends(text, mark, text[end])


def short(text: str, start: int, limit: int) -> bool:
    """Whether what is left of the line is no longer than that, in bytes of UTF-8."""
    return len(text[start:].split("\n", 1)[0].encode()) <= limit


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
    before = text[max(0, mark - 8) : mark]
    line = text[text.rfind("\n", 0, mark) + 1 : mark]
    return not (NUMBER.fullmatch(line) or ABBREVIATION.search(before) or (lower and ELLIPSIS.search(before)))


def line_ends(text: str, start: int, end: int, newlines: int) -> bool:
    """Whether a step ends with its line though no sentence does."""
    last, following = text[start - 1], text[end]
    if following in "\\$" or BULLET.match(text, end) or last in ",=+" or last + following == "||":
        return False
    if last == ":" and (following in "`|" or equation(text[end:].split("\n", 1)[0])):
        return False
    return not ("a" <= following <= "z" and (newlines == 1 or last in "]$"))


def equation(line: str) -> bool:
    """Whether a line after a colon belongs to what introduces it."""
    return len(line.encode()) <= EQUATION and "=" in line and not LISTED.match(line)
