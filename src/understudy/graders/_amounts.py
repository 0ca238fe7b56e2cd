r"""Numbers as answers write them: exact values, decimals, percentages, units, times of day, bases.

    amount(r"1.5*10^3")     # Amount(value=Fraction(1500), decimals=1, percent=False)
    unit("12 square cm")    # ("12", "cm^2")

All of them take the plain form of ``_latex``.
"""

import re
from fractions import Fraction
from typing import NamedTuple

GREATEST_EXPONENT = 300
DIGITS = 4
"""Significant digits that a decimal must have to stand for the number that it is the rounding of."""

_WHOLE = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_DECIMAL = rf"{_WHOLE}(?:\.[0-9]*)?"
_AMOUNT = re.compile(
    rf"(?P<sign>[-+]?)\s?(?:(?P<whole>[0-9]+)(?:\s?(?=\\frac)|\s(?=[0-9]+\s?/)))?"
    rf"(?:\\frac\{{\s?(?P<over>[-+]?{_DECIMAL})\s?\}}\{{\s?(?P<under>{_DECIMAL})\s?\}}"
    rf"|(?P<plain>{_DECIMAL})(?:\s?/\s?(?P<by>{_DECIMAL}))?"
    r"(?:(?:\s?\*\s?10\^(?:\{\s?(?P<power>[-+]?[0-9]+)\s?\}|(?P<digit>[0-9]))|[eE](?P<e>[-+]?[0-9]+)))?)"
    r"\s?(?P<percent>%?)"
)
_BASE = re.compile(r"(?P<digits>[0-9A-Fa-f]+)_(?:\{\s?(?P<base>[0-9]+)\s?\}|(?P<one>[0-9]))")
_TIME = re.compile(r"([0-9]{1,2})(?::([0-5][0-9]))?\s?(?:([ap])\.?\s?m\.?)?", re.IGNORECASE)
_POWER = r"\.?(?:\^(?:-?[0-9]|\{-?[0-9]+\}))?"
_UNIT_WORD = re.compile(
    rf"(?:[A-Za-zµμ]{{3,}}|(?:[cmkdn]m|[mk]g|m[lLs]|ft|in|lbs?|oz|mi|yd|hr?s?|sq|cu|Hz|eV|of)){_POWER}|/|\*"
)
_SHORT = re.compile(rf"[mgshLlJNWVAKCF]{_POWER}|°[CF]?|\\Omega|\\mu")
_GLUED = re.compile(r"(?<=[0-9}])(?=(?:cm|mm|km|kg|mg|ml|mL|ft|lbs?|mph|°)(?:\^|$| |/))")
_NAME = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z](?![a-zA-Z])")
_RATIO = re.compile(r"([0-9.]+)\s?:\s?([0-9.]+)")
_ANGLE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_SPELT = {
    name: short
    for short, names in (
        *(("cm", "centimeter centimetre"), ("mm", "millimeter"), ("km", "kilometer kilometre"), ("m", "meter metre")),
        *(("in", "inch inche"), ("ft", "foot feet"), ("yd", "yard"), ("mi", "mile")),
        *(("s", "second sec"), ("min", "minute"), ("h", "hour hr"), ("d", "day")),
        *(("cent", "cent ¢"), ("dollar", "dollar")),
        *(("g", "gram"), ("kg", "kilogram"), ("mg", "milligram"), ("l", "liter litre L"), ("ml", "milliliter mL")),
    )
    for name in names.split()
}
_SCALE: dict[str, tuple[str, Fraction]] = {
    **{name: ("length", Fraction(size)) for name, size in (("mm", "0.001"), ("cm", "0.01"), ("m", 1), ("km", 1000))},
    **{name: ("foot", Fraction(size)) for name, size in (("in", "1/12"), ("ft", 1), ("yd", 3), ("mi", 5280))},
    **{name: ("time", Fraction(size)) for name, size in (("s", 1), ("min", 60), ("h", 3600), ("d", 86400))},
    **{name: ("mass", Fraction(size)) for name, size in (("mg", "0.001"), ("g", 1), ("kg", 1000))},
    **{name: ("money", Fraction(size)) for name, size in (("cent", "0.01"), ("dollar", 1))},
    **{name: ("volume", Fraction(size)) for name, size in (("ml", "0.001"), ("l", 1))},
}


class Amount(NamedTuple):
    """An exact value, the decimal places it is written with (null: it is no decimal), and if it is a percentage."""

    value: Fraction
    decimals: int | None
    percent: bool
    digits: int = 0


def amount(text: str) -> Amount | None:
    """The number that the whole text is, or null."""
    found = _AMOUNT.fullmatch(text.strip("()") if text.startswith("(") else text)
    if not found:
        return None
    try:
        return _amount(found)
    except ZeroDivisionError:
        return None


def _amount(found: re.Match[str]) -> Amount | None:
    power = int(found["power"] or found["digit"] or found["e"] or 0)
    if abs(power) > GREATEST_EXPONENT:
        return None
    if found["over"]:
        value = Fraction(_clean(found["over"])) / Fraction(_clean(found["under"]))
    else:
        value = Fraction(_clean(found["plain"])) / Fraction(_clean(found["by"] or "1")) * Fraction(10) ** power
    value += int(found["whole"] or 0)
    written = _clean(found["plain"] or "")
    decimal = "." in written and not found["by"]
    places = len(written.partition(".")[2]) - power if decimal else None
    digits = len(written.replace(".", "").lstrip("0"))
    return Amount(-value if found["sign"] == "-" else value, places, bool(found["percent"]), digits)


def _clean(number: str) -> str:
    return number.replace(",", "").rstrip(".")


def same_amount(a: Amount, b: Amount) -> bool:
    """Whether two numbers are the same: exactly, as a percentage and its share, or one is the rounding of the other."""
    if _close(a, b):
        return True
    if a.percent == b.percent:
        return False
    part, other = (a, b) if a.percent else (b, a)
    places = None if part.decimals is None else part.decimals + 2
    return _close(Amount(part.value / 100, places, False, part.digits), other)


def _close(a: Amount, b: Amount) -> bool:
    return a.value == b.value or any(rounds(one, other.value) for one, other in ((a, b), (b, a)))


def rounds(short: Amount, value: Fraction) -> bool:
    """Whether a decimal of enough digits is the value, cut off or rounded; the finer of two decimals is the value."""
    if short.decimals is None or short.digits < DIGITS or short.decimals < 1:
        return False
    difference = abs(short.value - value)
    return difference < Fraction(10) ** -short.decimals or (short.digits > 10 and difference < abs(value) / 10**9)


def unit(text: str) -> tuple[str, str]:
    """The text without the unit or the words behind it, and these: ``("12", "cm^2")``."""
    if _ANGLE.search(text):
        return text, ""
    text = _GLUED.sub(" ", text)
    words = text.split(" ")
    kept = len(words)
    while kept > 1 and (_is_unit(words[kept - 1])):
        kept -= 1
    head = " ".join(words[:kept])
    if kept == len(words) or not re.search(r"[0-9}°%)]$|\\pi$", head) or _NAME.search(head):
        return (text[:-1], "°") if text.endswith("°") and "\\" not in text else (text, "")
    return head.rstrip("°"), _spelt(words[kept:])


def _is_unit(word: str) -> bool:
    return all(_SHORT.fullmatch(one) or _UNIT_WORD.fullmatch(one) for one in word.split("/") if one)


def _spelt(words: list[str]) -> str:
    power = "^2" if words[0] in ("square", "sq", "sq.") else "^3" if words[0] in ("cubic", "cu") else ""
    rest = words[1:] if power else words
    short = [_SPELT.get(word.rstrip(".").rstrip("s") or word, word.rstrip(".")) for word in rest]
    return " ".join(short) + power


def units_differ(a: str, b: str) -> Fraction | None:
    """By which factor two units differ, or null where that is not known, or one of them is none."""
    power = {
        one: int(one.partition("^")[2].strip("{}") or 1) if re.search(r"\^\{?-?[0-9]", one) else 1 for one in (a, b)
    }
    one, other = (_SCALE.get(name.partition("^")[0]) for name in (a, b))
    if one is None or other is None or one[0] != other[0] or power[a] != power[b]:
        return None
    return (one[1] / other[1]) ** power[a]


def same_time(a: str, b: str) -> bool | None:
    """Whether two times of day are the same (12:30 is 12:30 p.m. as well); null if one of them is none."""
    one, other = _TIME.fullmatch(a), _TIME.fullmatch(b)
    if one is None or other is None:
        return None
    if not (one[3] or other[3]):  # 2:00 is 2; anything else may be a ratio
        return True if "00" in (one[2], other[2]) and one[1] == other[1] and None in (one[2], other[2]) else None
    same = int(one[1]) % 12 == int(other[1]) % 12 and (one[2] or "00") == (other[2] or "00")
    halves = [_half(found) for found in (one, other)]
    return same and (None in halves or halves[0] == halves[1])


def _half(time: re.Match[str]) -> str | None:
    if time[3]:
        return time[3].lower()
    return "p" if int(time[1]) > 12 else None


def same_ratio(a: str, b: str) -> bool | None:
    """Whether 3:4 is 6:8, or 3/4; null if neither is a ratio."""
    if ":" not in a + b:
        return None
    one, other = (amount(_RATIO.sub(r"\1/\2", text)) for text in (a, b))
    return same_amount(one, other) if one and other else None


def same_base(a: str, b: str) -> bool | None:
    """Whether two numerals with a base are the same; of one without, the digits count. Null if neither has a base."""
    one, other = _BASE.fullmatch(a), _BASE.fullmatch(b)
    if one and other:
        values = [_numeral(found) for found in (one, other)]
        return None if None in values else values[0] == values[1]
    if one or other:
        found, digits = (one, b) if one else (other, a)
        return found["digits"].lower() == digits.lower() if found and re.fullmatch("[0-9A-Fa-f]+", digits) else None
    return None


def _numeral(found: re.Match[str]) -> int | None:
    try:
        return int(found["digits"], int(found["base"] or found["one"]))
    except ValueError:
        return None
