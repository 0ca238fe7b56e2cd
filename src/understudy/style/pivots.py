"""Pivots: the phrases at which a trace turns, counted over whole columns and found in single texts.

    traces.select(*counts(pl.col("reasoning")))     # one integer column a type, and backtracks
    spans("Hmm. Let me check that.")                # [(0, 3, "realization"), (5, 17, "verification")]

The four types are those of "Style over Substance" (arXiv 2504.01738); the phrases and how they match are
written down in ``lexicon.toml``. Case and word boundaries are those of ASCII, which makes the columns three
times as fast and lets Polars and Python agree to the letter.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files

import polars as pl

TYPES = ("realization", "verification", "exploration", "integration")
"""The pivot types, in the order that breaks ties."""
BACKTRACK = "backtrack"
"""Another list of the lexicon, not a pivot type: phrases with which a line is given up."""

Span = tuple[int, int, str]
"""Start and end in characters, and the pivot type."""


@cache
def lexicon() -> dict[str, tuple[str, ...]]:
    """The phrases of each type, and those of ``backtrack``."""
    text = files("understudy.style").joinpath("lexicon.toml").read_text(encoding="utf-8")
    return {name: tuple(phrases) for name, phrases in tomllib.loads(text).items()}


def counts(text: pl.Expr) -> list[pl.Expr]:
    """How often phrases of each type occur: one expression a type, named after it, and ``backtracks``."""
    named = [(name, name) for name in TYPES] + [(BACKTRACK, "backtracks")]
    return [text.str.count_matches(_columnar(name)).cast(pl.Int64).alias(column) for name, column in named]


def first(text: pl.Expr) -> pl.Expr:
    """The type of the first pivot in each text, null where there is none."""
    places = [text.str.find(_columnar(name)) for name in TYPES]
    earliest = pl.min_horizontal(places)
    typed = [pl.when(place == earliest).then(pl.lit(name)) for name, place in zip(TYPES, places, strict=True)]
    return pl.coalesce(typed)


def spans(text: str) -> list[Span]:
    """Where the pivots of one text are, in order and without overlap, for highlighting."""
    return [(found.start(), found.end(), found.lastgroup or "") for found in _every_type().finditer(text)]


@cache
def _phrases(name: str) -> str:
    longest_first = sorted(lexicon()[name], key=len, reverse=True)
    return "|".join(re.escape(phrase).replace(r"\ ", r"(?:,?[ \t\r\n]+|-)") for phrase in longest_first)


def _columnar(name: str) -> str:
    """A pattern of Rust's regex crate."""
    return rf"(?i-u)\b(?:{_phrases(name)})\b".replace("'", "(?:'|(?-i:’))")


@cache
def _every_type() -> re.Pattern[str]:
    types = "|".join(f"(?P<{name}>{_phrases(name)})" for name in TYPES)
    return re.compile(rf"\b(?:{types})\b".replace("'", "['’]"), re.ASCII | re.IGNORECASE)
