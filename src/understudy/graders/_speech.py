"""Answers in words, and in letters: whether two of them say the same.

    same_words("Bob and Alice", "alice, bob")     # True
    same_letters("B, C", "BC")                    # True: two choices

Text comes in in the plain form of ``_latex``.
"""

import re
from unicodedata import combining, normalize

WORD = re.compile(r"(?<!\\)\b[^\W\d_]{3,}|[^\x00-\x7f]")
_SYMBOL = re.compile(r"[=^_<>+*/\\]|^-|[0-9][A-Za-z]")
_JOINED = re.compile(r"\s*(?:,|;|&|\band\b|\bor\b)\s*")
MONTH = re.compile(r"(?i)\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b")
_CAPITALS = re.compile(r"\(?[A-J]\)?(?:\s?(?:[,;]|and\b|or\b|&)?\s?\(?[A-J]\)?)+")
_PRODUCT = re.compile(r"[a-zA-Z]{2,3}")


def same_letters(a: str, b: str) -> bool | None:
    """Whether two lists of choices, or two products of variables, are the same; null if they are neither."""
    if _CAPITALS.fullmatch(a) and _CAPITALS.fullmatch(b):
        return sorted(re.findall("[A-J]", a)) == sorted(re.findall("[A-J]", b))
    return True if _PRODUCT.fullmatch(a) and sorted(a) == sorted(b) else None


def in_words(text: str) -> bool:
    """Whether a text is mostly words, and no formula."""
    unjoined = _JOINED.sub("", text)
    letters = sum(len(word) for word in WORD.findall(unjoined))
    return letters > 0 and letters >= 0.6 * len(unjoined.replace(" ", "")) and not _SYMBOL.search(unjoined)


def same_words(a: str, b: str) -> bool:
    """Whether two answers are the same words, or the same names in any order; articles and accents do not count."""

    def names(text: str) -> list[list[str]]:
        unaccented = "".join(sign for sign in normalize("NFKD", text.lower()) if not combining(sign))
        words = [re.findall(r"\w+", name) for name in _JOINED.split(unaccented)]
        kept = [[word for word in name if word not in ("a", "an", "the", "of")] for name in words]
        return sorted(sorted(name) if MONTH.search(text) else name for name in kept)  # June 5 is 5 June

    return names(a) == names(b)
