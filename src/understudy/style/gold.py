r"""Gold: the ways in which traces spell a reference answer.

    gold("He pays 3 * 400 =\n#### 1,200").forms       # 1200, 1,200, 1{,}200 and 1\,200
    gold(r"\frac{3}{4}").forms                        # 0.75, .75, .750, 3/4, \frac{3}{4}, \dfrac{3}{4}, \tfrac{3}{4}
    gold("(3, \\text{east})").forms                   # "(3, east)" and "(3,east)"

Numbers are spelled in lowest terms; other answers as they are given, without white space or with.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from understudy.graders.number import value

LONGEST = 200
"""Characters of a gold answer that is looked for."""
PLACES = 12
"""Decimals of a number that is looked for as a decimal; others are looked for as fractions alone."""
_NUMBER = re.compile(
    r"([-−]?)\\?[$£€]?((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+|[0-9]+/[0-9]+)"
    r"(?:\s?\\?%|\s?\^\{?\\circ\}?|(?: [A-Za-z]+){1,2})?"
)
_PLAINER = (
    (re.compile(r"\\(?:text|textbf|mathrm|mbox)\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\(?:left|right|!)"), ""),
    (re.compile(r"\\[dt]?frac\{([0-9]+)\}\{([0-9]+)\}(?!.)"), r"\1/\2"),
    (re.compile(r"(?<=[0-9])(?:\{,\}|\\,)(?=[0-9]{3})"), ","),
    (re.compile(r"\s+"), " "),
)
_WEAK = re.compile(r"\W*(?:[a-z]|yes|no|true|false)\W*", re.IGNORECASE)


@dataclass(frozen=True)
class Gold:
    """``forms`` leave out a number's sign; ``weak`` answers stand in any text, and count as results only."""

    forms: tuple[str, ...]
    number: bool = False
    negative: bool = False
    weak: bool = False


@lru_cache(maxsize=2**16)
def gold(answer: str | None) -> Gold:
    """The spellings of a reference answer, or of what follows ``####`` in a reference solution; none if unknown.

    A number may have a currency, a percent or degree sign, or one or two words as its unit, which are not looked for.
    """
    text = (answer or "").rpartition("####")[2]
    if len(text) > LONGEST:
        return Gold(())
    for pattern, plainer in _PLAINER:
        text = pattern.sub(plainer, text)
    text = text.strip(" $.")
    numeric = _NUMBER.fullmatch(text)
    exact = value(numeric[2]) if numeric else None
    if numeric and exact is not None:
        return Gold(tuple(_spelled(exact)), True, bool(numeric[1]) and exact > 0)
    forms = dict.fromkeys((text, text.replace(" ", ""), text.replace("\\frac", "\\dfrac")))
    return Gold(tuple(forms), weak=bool(_WEAK.fullmatch(text)))


def _spelled(exact: Fraction) -> list[str]:
    """A number that is not negative: as a decimal without zeros at its end, and as a fraction in lowest terms."""
    above, below = exact.as_integer_ratio()
    fractions = [f"{above}/{below}", *(f"\\{name}{{{above}}}{{{below}}}" for name in ("frac", "dfrac", "tfrac"))]
    places = next((places for places in range(PLACES + 1) if 10**places % below == 0), None)
    if places is None:
        return fractions
    whole, rest = divmod(above * 10**places // below, 10**places)
    decimals = f".{rest:0{places}}" if places else ""
    wholes = dict.fromkeys(f"{whole:,}".replace(",", mark) for mark in ("", ",", "{,}", "\\,"))
    plain = [before + decimals for before in wholes]
    if whole == 0 and places:
        plain += [decimals, f"{decimals}0"]
    return plain + (fractions if places else [])
