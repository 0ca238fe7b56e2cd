"""Numbers in words, as numerals: where a short answer starts with one.

    numerals("twenty-five apples")     # "25 apples"
    numerals("two thirds")             # "2/3"
    numerals("5.6 million")            # "5600000"

English only. Text that starts in another way is left as it is.
"""

import re
from fractions import Fraction

_ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {**{word: n for n, word in enumerate(_ONES)}, **{word: 10 * n for n, word in enumerate(_TENS, 2)}}
_LARGE = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PLACES = [
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth"),
]
_ORDINALS = {word: n for n, word in enumerate(_PLACES, 1)}
_PARTS = {"half": 2, "halve": 2, "quarter": 4, **{word: n for word, n in _ORDINALS.items() if n > 2}}

_ANY = "|".join(sorted(_SMALL, key=len, reverse=True))
_UNIT = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_ONES[1:10])}))?|{_ANY})\b"
_SCALE = "|".join(_LARGE)
_WORDS = re.compile(rf"(?:{_UNIT}|an?(?=\s(?:{_SCALE})\b))(?:\s(?:{_SCALE})\b(?:\s(?:and\s)?{_UNIT})?)*", re.IGNORECASE)
_PART = re.compile(rf"(?:(\w+)[\s-])?({'|'.join(_PARTS)})s?(?=$|\sof\b)", re.IGNORECASE)
_SCALED = re.compile(rf"([0-9]+(?:,[0-9]{{3}})*(?:\.[0-9]+)?) ({_SCALE})\b", re.IGNORECASE)
_SIGN = re.compile(r"(?:negative|minus)\s+(?=[\w\\])", re.IGNORECASE)
_FIRST = re.compile(rf"(?:negative|minus|half|an?\s|{_ANY}|{'|'.join(_ORDINALS)})", re.IGNORECASE)


def numerals(text: str) -> str:
    """The text with the number that it starts with in digits."""
    if not (text[:1].isdigit() or _FIRST.match(text)):
        return text
    if scaled := _SCALED.match(text):
        value = Fraction(scaled[1].replace(",", "")) * _LARGE[scaled[2].lower()]
        return (str(value) if value.denominator == 1 else scaled[0]) + text[scaled.end() :]
    if sign := _SIGN.match(text):
        return "-" + numerals(text[sign.end() :])
    if part := _part(text):
        return part
    if text.lower() in _ORDINALS:
        return str(_ORDINALS[text.lower()])
    found = _WORDS.match(text)
    return f"{_value(found[0])}{text[found.end() :]}" if found else text


def only_number(text: str) -> str | None:
    """The numeral of the one number word that a sentence holds; null if it holds none or several."""
    found = [number[0] for number in re.finditer(rf"\b{_WORDS.pattern}(?!-|\sof\b)", text, re.IGNORECASE)]
    return str(_value(found[0])) if len(found) == 1 else None


def _part(text: str) -> str | None:
    """One half, two thirds, a quarter; "third" alone is a place in a row."""
    found = _PART.match(text)
    if not found or (found[1] is None and found[2].lower() != "half"):
        return None
    count = _SMALL.get((found[1] or "a").lower(), 1 if (found[1] or "a").lower() in ("a", "an") else None)
    return None if count is None else f"{count}/{_PARTS[found[2].lower()]}{text[found.end() :]}"


def _value(words: str) -> int:
    """What number words say, read from the left: one hundred and twenty-five thousand."""
    total = current = 0
    for word in re.findall(r"[a-z]+", words.lower()):
        if word == "hundred":
            current = max(current, 1) * 100
        elif word in _LARGE:
            total, current = total + max(current, 1) * _LARGE[word], 0
        else:
            current += _SMALL.get(word, 0)
    return total + current
