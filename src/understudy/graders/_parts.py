r"""What an answer is made of: lists, tuples, sets, intervals, matrices, equations and inequalities.

    parts(r"(1, \infty)")          # Parts(kind="()", items=("1", r"\infty"))

Text goes in and comes out in the plain form of ``_latex``.
"""

import re
from typing import NamedTuple

LIST, SET, MATRIX, UNION = "list", "{}", "matrix", "union"
MOST = 200
"""Items of a list that are still compared."""

_MATRIX = re.compile(
    r"\\begin\{\s?(?P<kind>[pbvVB]?matrix|array)\s?\}(?:\{[^{}]*\})?(?P<rows>.*)\\end\{\s?(?P=kind)\s?\}", re.DOTALL
)
_VECTOR = re.compile(r"\\langle (.*)\\rangle ?")
_OPEN, _CLOSE = "([{", ")]}"
_WORDS = re.compile(r"\s(?:and|or)\s")
RELATION = re.compile(r"\\le |\\ge |\\ne |<|>|=")
_VARIABLE = re.compile(r"(?:\\?[a-zA-Z]+(?:_(?:\w|\{\w+\}))?)(?:\s?\(\s?\w(?:,\s?\w)*\s?\))?")


class Parts(NamedTuple):
    """The items of a compound answer; ``kind``: the brackets around them, or ``list``, ``matrix``, ``union``."""

    kind: str
    items: tuple[str, ...]


def parts(text: str) -> Parts | None:
    """The items that a text is made of, or null if it is one thing."""
    if found := _matrix(text):
        return found
    pieces = split(text, r"\cup")
    if len(pieces) > 1:
        return Parts(UNION, pieces)
    if (inner := _inside(text)) is not None:
        kind = SET if text.startswith(r"\{") else text[0] + text[-1]
        items = listed(inner)
        if kind == "[]" and items and all(item.startswith("[") for item in items):
            return Parts(MATRIX, tuple(f"({item[1:-1]})" for item in items))
        if kind == SET and re.search(r"\\mid|\||(?<!\\):", inner):
            return None  # a set that is described
        if kind == SET or len(items) > 1 or kind == "[]":
            return Parts(kind, items)
        return None
    items = listed(text)
    return Parts(LIST, items) if len(items) > 1 else None


def listed(text: str) -> tuple[str, ...]:
    """The items of a list: between commas, semicolons, "and", "or"; none of an empty text. A thousand is one number."""
    if not text.strip():
        return ()
    items = [item for piece in split(_WORDS.sub(" , ", text), ",;") for item in [piece.strip()] if item]
    return tuple(items[:MOST])


def split(text: str, at: str) -> tuple[str, ...]:
    """The text at commas or semicolons, or at a command, outside of brackets."""
    pieces, depth, start, place = [], 0, 0, 0
    command = at.startswith("\\")
    while place < len(text):
        sign = text[place]
        if sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
        elif depth == 0 and (text.startswith(at, place) if command else sign in at):
            pieces.append(text[start:place].strip())
            start = place + (len(at) if command else 1)
        place += 1
    return (*pieces, text[start:].strip())


def _inside(text: str) -> str | None:
    r"""What is between the brackets around a text: ( ], \{ \} and so on; null if they do not belong together."""
    width = 2 if text.startswith(r"\{") else 1
    if len(text) <= 2 * width or not (text.startswith(r"\{") or text[0] in "(["):
        return None
    if (width == 2) != text.endswith(r"\}") or (width == 1 and text[-1] not in ")]"):
        return None
    depth = 0
    for sign in text[width:-width]:
        depth += (sign in _OPEN) - (sign in _CLOSE)
        if depth < 0:
            return None
    return text[width:-width].strip() if depth == 0 else None


def _matrix(text: str) -> Parts | None:
    bracketed = re.sub(r"^[(\[]\s?(\\begin\{(?:array|matrix)\}.*)\s?[)\]]$", r"\1", text, flags=re.DOTALL)
    if found := _MATRIX.fullmatch(bracketed):
        rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?|\\cr", found["rows"]) if row.strip()]
        cells = tuple(",".join(f"{{{cell.strip()}}}" for cell in row.split("&")) for row in rows)
        kind = "determinant" if found["kind"] in ("vmatrix", "Vmatrix") else MATRIX
        return Parts(kind, tuple(f"({row})" if "," in row else row for row in cells))
    if found := _VECTOR.fullmatch(text):
        return Parts("()", listed(found[1]))
    return None


def sides(text: str) -> tuple[str, str, str] | None:
    """Left side, sign and right side of a relation; of a chain of equations the ends. Null if it is none."""
    found = [sign for sign in RELATION.finditer(text) if outside(text, sign.start())]
    if not found or (len(found) > 1 and any(sign[0] != "=" for sign in found)):
        return None
    return text[: found[0].start()].strip(), found[0][0], text[found[-1].end() :].strip()


def outside(text: str, place: int) -> bool:
    """Whether a place is in no brackets."""
    return sum((sign in _OPEN) - (sign in _CLOSE) for sign in text[:place]) == 0


def is_variable(text: str) -> bool:
    """Whether a side of an equation is a name: x, x_1, f(x), \\theta."""
    return bool(_VARIABLE.fullmatch(text))
