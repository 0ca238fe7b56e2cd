r"""Whether two answers are the same mathematics: taken apart into pieces, which are compared one by one.

    equal(r"\{1, 2\}", r"2, 1", leaf)          # True
    equal(r"(1, 2)", r"[1, 2]", leaf)          # False: an open interval is not a closed one

``leaf`` compares two pieces that are neither numbers nor words (``_algebra.equal``); null: it cannot be said.
What is not compared: units that one of the two lacks, names of variables and functions in front of "=", and the
order in lists and sets. What is compared: the order in tuples, open and closed ends, the scale of units.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from understudy.graders._amounts import amount, same_amount, same_base, same_ratio, same_time, unit, units_differ
from understudy.graders._intervals import EXCEPT, RELATED, as_intervals, condition
from understudy.graders._latex import bare, plain
from understudy.graders._parts import LIST, MATRIX, SET, UNION, Parts, is_variable, listed, parts, sides
from understudy.graders._speech import MONTH, WORD, in_words, same_letters, same_words

Leaf = Callable[[str, str], bool | None]

DEPTH = 6
NOTHING = frozenset(
    {r"\emptyset", "no solution", "no solutions", "none", "no real solution", "no real solutions", r"\{\}"}
)
REALS = frozenset(
    {r"\mathbb{R}", "all real numbers", "all reals", r"(-\infty,\infty)", "real numbers", "all real number"}
)
_LETTER = re.compile(r"\(?([A-J])(?:\)|[.:](?=\s)|$)(?!\s?(?:,|;|&|and\b|or\b))\s*(.*)", re.DOTALL)
_YES_NO = re.compile(r"(yes|no|true|false)\b(?! solution)", re.IGNORECASE)
_SPACED = re.compile(r"(?<=(?<![0-9.])[0-9]), (?=[0-9]{3}(?![0-9]))|(?<=(?<![0-9.])[0-9]{2}), (?=[0-9]{3}(?![0-9]))")
_NUMBERS = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?")
_MEMBER = re.compile(r"^\\?[a-zA-Z](?:_\w)?\s?\\in(?![a-z])\s?(?=[(\[\\])")


def quick(reference: str, answer: str) -> bool | None:
    """The verdict where it needs no algebra: the same text or plain numbers; else null."""
    one, other = plain(reference), plain(answer)
    if not one or not other:
        return None
    if _tight(one) == _tight(other):
        return True
    a, b = amount(one), amount(other)
    return same_amount(a, b) if a and b else None


def equal(reference: str, answer: str, leaf: Leaf) -> bool | None:
    """Whether two answers are the same, in whatever way they are written; null if that cannot be said."""
    return _equal(plain(reference), plain(answer), leaf, 0)


def _equal(a: str, b: str, leaf: Leaf, depth: int) -> bool | None:
    """Each rule in turn, until one can say."""
    a, b = (bare(_unbraced(condition(_MEMBER.sub("", text)))) for text in (a, b))
    if depth > DEPTH or not a or not b:
        return None
    if _tight(a) == _tight(b):
        return True
    for rule in (_numbers, _named_sets, _spoken, _approximations, _signs, _relations, _compounds):
        verdict = rule(a, b, leaf, depth + 1)
        if verdict is not None:
            return verdict
    return leaf(a, b)


def _tight(text: str) -> str:
    """Without spaces; words without capitals. 1, 234 is a list and 1,234 is not."""
    tight = _SPACED.sub(";", text).replace(" ", "")
    return tight.lower() if WORD.search(text) else tight


def _unbraced(text: str) -> str:
    """The text without a pair of braces around it, or of brackets around one thing: a number, a letter."""
    if text.startswith("{") and text.endswith("}") and "{" not in text[1:] and "}" not in text[:-1]:
        return text[1:-1].strip()
    if text.startswith("(") and text.endswith(")") and not re.search("[(),;]", text[1:-1]):
        return text[1:-1].strip()
    return text


def _numbers(a: str, b: str, leaf: Leaf, depth: int) -> bool | None:
    """Numbers, times of day, numerals of a base, quantities."""
    one, other = amount(a), amount(b)
    if one and other:
        return same_amount(one, other)
    for rule in (same_time, same_base):
        if (verdict := rule(a, b)) is not None:
            return verdict
    names = (is_variable(a) and is_variable(b)) or MONTH.search(a + " " + b)
    return None if names else _quantities(a, b, leaf, depth)


def _quantities(a: str, b: str, leaf: Leaf, depth: int) -> bool | None:
    """What is before the units, which count only where both have one and they differ in scale."""
    (one, one_unit), (other, other_unit) = unit(a), unit(b)
    if not one_unit and not other_unit:
        return same_ratio(a, b)
    if (one_unit == "°") != (other_unit == "°") and r"\pi" in one + other:
        turned = [
            rf"(({text})*\pi/180)" if name == "°" else text for text, name in ((one, one_unit), (other, other_unit))
        ]
        return leaf(*turned)
    factor = units_differ(one_unit, other_unit)
    if factor is None or factor == 1:
        return _equal(one, other, leaf, depth)
    values = amount(one), amount(other)
    if not (values[0] and values[1]):
        return None
    return same_amount(values[0]._replace(value=values[0].value * factor), values[1])


def _named_sets(a: str, b: str, leaf: Leaf, depth: int) -> bool | None:
    """No solution, and all real numbers, in words or signs."""
    for names in (NOTHING, REALS):
        known = [_member(text).lower() in {name.lower() for name in names} for text in (a, b)]
        if all(known):
            return True
        if any(known) and (amount(a) or amount(b)):
            return False
    return None


def _member(text: str) -> str:
    return _MEMBER.sub("", text).replace(", ", ",").strip().removeprefix("the set of ")


def _spoken(a: str, b: str, leaf: Leaf, depth: int) -> bool | None:
    """Choices, yes and no, and words; a number in a sentence, where the other is a number."""
    if (same := same_letters(a, b)) is not None:
        return same
    if (letter := _LETTER.fullmatch(a)) and len(a) < 5 and not letter[2]:
        given = _LETTER.fullmatch(b)
        if given:
            return given[1] == letter[1]
    elif given := _LETTER.fullmatch(b):
        if letter:
            return letter[1] == given[1] if not given[2] else _equal(letter[2], given[2], leaf, depth)
        return _equal(a, given[2], leaf, depth) if given[2] else None
    if (said := _YES_NO.match(a)) and (answered := _YES_NO.match(b)):
        return said[1].lower() == answered[1].lower()
    words = [in_words(text) for text in (a, b)]
    if all(words):
        return same_words(a, b)
    if words[0] and amount(b):
        return False
    if words[1] and amount(a):
        found = _NUMBERS.findall(b)
        return _equal(a, found[0], leaf, depth) if len(found) == 1 else None
    return None


def _approximations(a: str, b: str, leaf: Leaf, depth: int) -> bool | None:
    """Of "a ≈ 0.577" what is exact; of "x ≈ 0.577" the number."""
    if r"\approx" not in a + b:
        return None
    one, other = (_exact(text) for text in (a, b))
    return _equal(one, other, leaf, depth)


def _exact(text: str) -> str:
    first, _, rest = text.partition(r"\approx")
    return rest.partition(r"\approx")[0].strip() if not first.strip() or is_variable(first.strip()) else first.strip()


def _signs(a: str, b: str, leaf: Leaf, depth: int) -> bool | None:
    """± stands for two answers."""
    if r"\pm" not in a + b and r"\mp" not in a + b:
        return None
    one, other = (
        " , ".join(map(_both, listed(text))) if (parts(text) or _ONE).kind == LIST else text for text in (a, b)
    )
    return _equal(one, other, leaf, depth)


_ONE = Parts(LIST, ())


def _both(text: str) -> str:
    if r"\pm" not in text and r"\mp" not in text:
        return text
    plus = re.sub(r"\\mp\s?", "-", re.sub(r"\\pm\s?", "+", text))
    minus = re.sub(r"\\mp\s?", "+", re.sub(r"\\pm\s?", "-", text))
    name, _, _ = plus.partition("=")
    if "=" in plus and is_variable(name.strip()):
        plus, minus = (side.partition("=")[2].strip() for side in (plus, minus))
    return f"{plus.removeprefix('+')} , {minus}"


def _relations(a: str, b: str, leaf: Leaf, depth: int) -> bool | None:
    """Equations and inequalities: a name before "=" counts if both have one; an inequality is an interval."""
    one, other = (None if parts(text) else sides(text) for text in (a, b))
    if not (one or other) and not RELATED.search(a + b) and not EXCEPT.fullmatch(a) and not EXCEPT.fullmatch(b):
        return None
    if one and other and one[1] == other[1] == "=" and is_variable(one[0]) and is_variable(other[0]):
        same_name = _tight(one[0]) == _tight(other[0]) or "(" in one[0] + other[0]
        return _equal(one[2], other[2], leaf, depth) if same_name else False
    if one and other and one[1] == other[1] == "=":
        return leaf(a, b)
    for (text, found), (rest, against) in (((a, one), (b, other)), ((b, other), (a, one))):
        if found and found[1] == "=" and not against and (is_variable(found[0]) or not RELATED.search(rest)):
            ordered = (found[2], rest) if text is a else (rest, found[2])
            return _equal(*ordered, leaf, depth)
    spans = [as_intervals(text) for text in (a, b)]
    if spans != [a, b] and not any(RELATED.search(text) for text in spans):
        return _equal(spans[0], spans[1], leaf, depth)
    return None


def _compounds(a: str, b: str, leaf: Leaf, depth: int) -> bool | None:
    """Lists, tuples, sets, intervals, unions and matrices, item by item."""
    one, other = (None if text[0] != "(" and amount(text) else parts(text) for text in (a, b))
    if one is None and other is None:
        return None
    if one is None or other is None:
        single, several = (a, other) if one is None else (b, one)
        if several and several.kind == LIST and _one_number(several.items):
            several = several._replace(items=several.items[:1])
        if several is None or len(several.items) != 1:
            return _thousands(a, b)
        item = several.items[0]
        return _equal(single, item, leaf, depth) if one is None else _equal(item, single, leaf, depth)
    for several, text, rest in ((one, a, b), (other, b, a)):
        if several.kind == SET and len(several.items) == 1 and not rest.startswith(r"\{"):
            return _equal(*((several.items[0], rest) if text is a else (rest, several.items[0])), leaf, depth)
    kinds = {one.kind, other.kind}
    if not _comparable(kinds, len(one.items)):
        return False
    if kinds <= {LIST, SET, UNION}:
        as_set = SET in kinds
        return _in_any_order(_distinct(one.items, as_set), _distinct(other.items, as_set), leaf, depth)
    if len(one.items) != len(other.items):
        return False
    return _all(_equal(x, y, leaf, depth) for x, y in zip(one.items, other.items, strict=True))


def _one_number(items: Sequence[str]) -> bool:
    """Whether the items of a list are ways to write the same number."""
    first, *rest = map(amount, items)
    return first is not None and all(one is not None and one.value == first.value for one in rest)


def _comparable(kinds: set[str], size: int) -> bool:
    """Whether brackets of these kinds can hold the same answer."""
    if len(kinds) == 1 or kinds <= {LIST, SET} or (LIST in kinds and kinds & {"()", "[]"}):
        return True
    if MATRIX in kinds:
        return bool(kinds & {"()", "[]"})
    return kinds == {"()", "[]"} and size > 2  # two items would be an open and a closed interval


def _thousands(a: str, b: str) -> bool | None:
    """A list and one number: 10, 000 was meant as thousands, since no item is 000. Else they differ."""
    one, other = (amount(text.replace(", 0", ",0")) for text in (a, b))
    if one and other:
        return same_amount(one, other)
    return None if RELATED.search(a + b) or "=" in a + b else False


def _distinct(items: Sequence[str], as_set: bool) -> list[str]:
    """The items, of a set each once."""
    kept: list[str] = []
    for item in items:
        if not (as_set and any(_tight(item) == _tight(other) for other in kept)):
            kept.append(item)
    return kept


def _in_any_order(a: list[str], b: list[str], leaf: Leaf, depth: int) -> bool | None:
    """Whether each item has a partner of its own; null if a pair cannot be compared and no other fits."""
    if len(a) != len(b):
        return False
    left = list(b)
    for item in a:
        verdicts = [_equal(item, other, leaf, depth) for other in left]
        if True in verdicts:
            del left[verdicts.index(True)]
        else:
            return None if None in verdicts else False
    return True


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    found = list(verdicts)
    if False in found:
        return False
    return None if None in found else True
