"""Words and phrases of one text, by ``re``.

    pattern("exploration").findall("perhaps , what if 3 ?")

Only the lexicon itself is shared with ``understudy.style``.
"""

import re
from functools import cache

from benchmarks.plain.cohesion import LETTER, LOWER, WORD

from understudy.style.pivots import lexicon

GAP = r"(?:,?[ \t\r\n]{1,3}|[-'’]| \. )"
"""What may part the words of a phrase."""
JOINT = re.compile(GAP)
SPACED = re.compile(r"[^ \t\r\n]+")
SIGN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f!-/:-@\[-`{-\x7f]")
DIGIT = re.compile("[0-9]")
PER_WORD, PER_DIGIT, PER_SIGN = 1.1, 1.4, 0.85

Span = tuple[int, int]


def lower(text: str) -> str:
    """The text with the letters A to Z in lower case."""
    return text.translate(LOWER)


@cache
def pattern(name: str) -> re.Pattern[str]:
    """The phrases of a list of the lexicon, the longest first."""
    parts = sorted({tuple(WORD.findall(phrase)) for phrase in lexicon()[name]}, key=len, reverse=True)
    return re.compile(f"(?<!{LETTER})(?:{'|'.join(GAP.join(words) for words in parts)})(?!{LETTER})")


def find(name: str, low: str) -> list[Span]:
    """Where phrases of a list stand in a text in lower case."""
    return [found.span() for found in pattern(name).finditer(low)]


def word_count(text: str) -> int:
    """Stretches between white space that hold a letter or digit."""
    return sum(1 for piece in SPACED.findall(text) if WORD.search(piece))


def tokens(text: str, words: list[str]) -> int:
    """An estimate of how many tokens a text has."""
    plain = sum(1 for word in words if word[0] not in "0123456789")
    digits, signs = len(DIGIT.findall(text)), len(SIGN.findall(text))
    return round(PER_WORD * plain + PER_DIGIT * digits + PER_SIGN * signs)
