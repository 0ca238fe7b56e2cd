r"""Whether two expressions are equal, by math-verify's LaTeX parser and SymPy. Runs in a worker process only.

    equal("x^2+2x+1", "(x+1)^2")     # True

The parser builds a tree by a grammar. It leaves numbers to SymPy, which reads a text by ``eval``: that door is shut
here to everything but numbers, and functions are never compiled (``lambdify`` writes code out of names). Two
expressions are compared at a few points first, which settles nearly all pairs; only what that leaves open is
simplified, by ``math_verify.verify``.
"""

import logging
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy
from latex2sympy2_extended import latex2sympy
from math_verify import verify
from sympy.parsing import sympy_parser

from understudy.graders._amounts import amount, rounds

POINTS = 4
PRECISION = 1e-9
DIGITS = 60
"""Digits to which two constants are compared that look the same."""
_COMPLEX = re.compile(r"(?<![A-Za-z\\])i(?![A-Za-z])")
_STRICT = (sympy.StrictLessThan, sympy.StrictGreaterThan)
_INEQUALITIES = (*_STRICT, sympy.LessThan, sympy.GreaterThan)
_NUMBER = re.compile(r"[0-9]{1,1000}(?:\.[0-9]*)?|\.[0-9]{1,1000}")


def shut_eval() -> None:
    """From now on SymPy reads numbers in texts, and refuses to read anything else by evaluating it."""

    def read_number(text: str, *_: object, **__: object) -> Any:
        if not _NUMBER.fullmatch(text):
            raise ValueError("no text is evaluated")
        return sympy.Integer(int(text)) if text.isdigit() else sympy.Float(text)

    sympy.simplify(sympy.Symbol("x") / 2)  # loads modules that name units by texts
    sympy_parser.parse_expr = read_number
    logging.disable(logging.CRITICAL)


def equal(a: str, b: str) -> bool | None:
    """Whether two expressions or equations in plain LaTeX are the same; null if one cannot be read."""
    as_complex = bool(_COMPLEX.search(a) or _COMPLEX.search(b))
    one, other = parse(a, as_complex), parse(b, as_complex)
    if one is None or other is None:
        return None
    if isinstance(one, sympy.Equality) and isinstance(other, sympy.Equality):
        return _proportional(one.lhs - one.rhs, other.lhs - other.rhs)
    if isinstance(one, _INEQUALITIES) and isinstance(other, _INEQUALITIES):
        same_ends = isinstance(one, _STRICT) == isinstance(other, _STRICT)
        return same_ends and _proportional(one.lts - one.gts, other.lts - other.gts, positive=True)
    if isinstance(one, sympy.Expr) and isinstance(other, sympy.Expr):
        verdict = _rounded(a, other) or _rounded(b, one) or _at_points(one, other)
        if verdict is not None:
            return verdict
    return bool(verify(one, other, timeout_seconds=None))


@lru_cache(maxsize=64)
def parse(text: str, as_complex: bool) -> Any:
    """The expression that a text says, or null."""
    if number := amount(text):
        return sympy.Rational(number.value.numerator, number.value.denominator)
    text = re.sub(r"([0-9.]+)°", r"(\1*\\pi /180)", text)
    text = re.sub(r"(?<=[0-9])\s?(?=\\frac\{[0-9]+\}\{[0-9]+\})", "+", text) if _mixed(text) else text
    try:
        read = latex2sympy(text, is_real=not as_complex, convert_degrees=False, normalization_config=None)
        return read.xreplace({one: sympy.I for one in read.free_symbols if one.name == "i"}) if as_complex else read
    except Exception:  # whatever a text may do to a parser: it is not read
        return None


def _mixed(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]+\s?\\frac\{[0-9]+\}\{[0-9]+\}", text))


def _rounded(text: str, exact: Any) -> bool | None:
    """True if a text is a decimal that the other number rounds to, by the rule of ``_amounts``."""
    number = amount(text)
    value = None if number is None or exact.free_symbols else _value(exact, {})
    if number is None or value is None or value.imag:
        return None
    return rounds(number, Fraction(value.real)) or None


def _at_points(one: Any, other: Any) -> bool | None:
    """Whether two expressions have the same values at points that nobody chose; null if they have none there."""
    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    if not symbols:
        return _same_constant(one, other)
    compared = 0
    for point in range(POINTS):
        at = {symbol: _coordinate(point, place) for place, symbol in enumerate(symbols)}
        values = [_value(expression, at) for expression in (one, other)]
        if None in values:
            continue
        compared += 1
        if not _near(*values):
            return False
    return True if compared >= 2 else None


def _same_constant(one: Any, other: Any) -> bool | None:
    """Whether two numbers are the same: exact fractions exactly, others to many digits; null if they have no value."""
    if one.is_Rational and other.is_Rational:
        return bool(one == other)
    values = [_value(expression, {}) for expression in (one, other)]
    if None in values or not _near(*values) or one.has(sympy.Float) or other.has(sympy.Float):
        return None if None in values else _near(*values)
    return _far(one.doit(), other.doit()) is not True


def _far(one: Any, other: Any) -> bool | None:
    """Whether two numbers that are near each other differ after all; null if that is not seen."""
    try:
        if one.is_Rational and other.is_Rational:
            return bool(one != other)
        a, b = one.evalf(DIGITS), other.evalf(DIGITS)
        return bool(abs(a - b) > max(1, abs(a)) * sympy.Float(10) ** (8 - DIGITS))
    except Exception:
        return None


def _coordinate(point: int, place: int) -> Any:
    """Irrational-looking points in (0, 3), where roots and logarithms have values."""
    return sympy.Rational(1 + (7919 * (3 * point + 1) * (place + 2)) % 2903, 1009)


def _value(expression: Any, at: dict[Any, Any]) -> complex | None:
    try:
        value = complex(expression.xreplace(at).doit().evalf(18))
    except Exception:
        return None
    return value if value == value and abs(value) != float("inf") else None


def _near(a: complex | None, b: complex | None) -> bool:
    return a is not None and b is not None and abs(a - b) <= PRECISION * max(1.0, abs(a), abs(b))


def _proportional(one: Any, other: Any, positive: bool = False) -> bool | None:
    """Whether two equations, or inequalities, say the same: what each compares with 0 is the other's times a constant,
    which is ``positive`` for inequalities."""
    if one.free_symbols != other.free_symbols:
        return False
    symbols = sorted(one.free_symbols, key=str)
    ratios = []
    for point in range(POINTS):
        at = {symbol: _coordinate(point, place) for place, symbol in enumerate(symbols)}
        values = [_value(expression, at) for expression in (one, other)]
        if values[0] is None or not values[1]:
            continue
        ratios.append(values[0] / values[1])
    if len(ratios) < 2:
        return None
    if positive and not ratios[0].real > 0:
        return False
    return all(_near(ratio, ratios[0]) and abs(ratio) > PRECISION for ratio in ratios)
