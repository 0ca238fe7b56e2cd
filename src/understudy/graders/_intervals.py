r"""Inequalities, sets that are described and numbers that are left out, as the intervals that they are.

    as_intervals(r"x < 1 or x \ge 3")      # r"(-\infty,1) \cup [3,\infty)"
    interval(r"2 < x \le 5")               # "(2,5]"

Text goes in and comes out in the plain form of ``_latex``.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from understudy.graders._amounts import amount
from understudy.graders._parts import RELATION, is_variable, listed, outside, sides

EXCEPT = re.compile(r"\\mathbb\{R\}\s?(?:\\setminus|\\backslash|-|\\)\s?\\\{(.*)\\\}")
RELATED = re.compile(r"<|>|\\[lgn]e ")
_MIRRORED = {"<": ">", ">": "<", r"\le ": r"\ge ", r"\ge ": r"\le "}
_DISTANCE = re.compile(r"\|\s?(\w)\s?(?:([-+])\s?([^|]+))?\|\s?(<|>|\\[lg]e )\s?([^<>|=]+)")
_DESCRIBED = re.compile(r"\\\{\s?(\w)(?:\s?\\in\s?\\mathbb\{R\})?\s?(?:\\mid|\||:)\s?(.*)\\\}")


def condition(text: str) -> str:
    r"""Of {x | x > 3} the condition."""
    found = _DESCRIBED.fullmatch(text)
    return found[2].strip() if found and re.search(rf"(?<![a-zA-Z]){found[1]}(?![a-zA-Z])", found[2]) else text


def as_intervals(text: str) -> str:
    """Inequalities, also several with "or" between, as intervals; other text as it is."""
    text = _undone(text)
    if left_out := EXCEPT.fullmatch(text):
        return _all_but(listed(left_out[1]) or (text,))
    pieces = re.split(r"\s?(?:\bor\b|\\lor)\s?|,\s?(?=\w\s?[<>])", text)
    if not RELATED.search(text):
        return text
    if (found := sides(text)) and found[1] == r"\ne " and is_variable(found[0]):
        return _all_but((found[2],))
    spans = [interval(piece.strip()) for piece in pieces]
    return r" \cup ".join(filter(None, spans)) if all(spans) else text


def _undone(text: str) -> str:
    """Of |x - a| < c the inequalities without a distance."""
    if not (found := _DISTANCE.fullmatch(text)):
        return text
    name, sign, shift, relation, size = found.groups()
    middle = "" if shift is None else f"{'-' if sign == '+' else ''}({shift.strip()})"
    low, high = f"{middle}-({size.strip()})" if middle else f"-{size.strip()}", f"{middle}+({size.strip()})"
    high = high if middle else size.strip()
    if relation in ("<", r"\le "):
        return f"{low} {relation} {name} {relation} {high}"
    return f"{name} {_MIRRORED[relation]} {low} or {name} {relation} {high}"


def _all_but(points: Sequence[str]) -> str:
    """The real numbers without some points, in their order, as a union of intervals."""
    ordered = sorted(points, key=lambda point: found.value if (found := amount(point)) else 0)
    ends = [r"-\infty", *ordered, r"\infty"]
    return r" \cup ".join(f"({a},{b})" for a, b in pairwise(ends))


def interval(text: str) -> str | None:
    """The interval that an inequality in one variable says its variable is in, or null."""
    found = [sign for sign in RELATION.finditer(text) if outside(text, sign.start())]
    signs = [sign[0] for sign in found]
    if any(sign in ("=", r"\ne ") for sign in signs) or not 1 <= len(signs) <= 2:
        return None
    ends = [0, *(place for sign in found for place in sign.span()), len(text)]
    terms = [text[ends[n] : ends[n + 1]].strip() for n in range(0, len(ends), 2)]
    if len(signs) == 1:
        if is_variable(terms[1]):
            terms, signs = terms[::-1], [_MIRRORED[signs[0]]]
        if not is_variable(terms[0]):
            return None
        below = signs[0] in ("<", r"\le ")
        closed = signs[0] in (r"\le ", r"\ge ")
        if below:
            return rf"(-\infty,{terms[1]}{']' if closed else ')'}"
        return rf"{'[' if closed else '('}{terms[1]},\infty)"
    if signs[0] in (">", r"\ge "):
        terms, signs = terms[::-1], [_MIRRORED[sign] for sign in reversed(signs)]
    if not is_variable(terms[1]) or signs[1] in (">", r"\ge "):
        return None
    return f"{'[' if signs[0] != '<' else '('}{terms[0]},{terms[2]}{']' if signs[1] != '<' else ')'}"
