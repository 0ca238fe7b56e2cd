"""Filtering: traces that nobody should learn from, whatever their answer.

    reasons(frame, Texts.of(frame), ("failed", "truncated", "loops"))

A loop is a text that says much again word for word: the share of its words that lie in stretches of eight words which
began earlier in it (``style.diversity``) is at least ``LOOPS``. Of real traces that ended by themselves, fewer than one
in a thousand is so repetitive, and nearly all of these go in circles.
"""

from collections.abc import Collection

import numpy as np
import polars as pl

from understudy.curate.texts import Texts
from understudy.exchange import UNFINISHED
from understudy.style.diversity import repetition

LOOPS = 0.7

CHECKS = {
    **UNFINISHED,
    "no-reasoning": ~pl.col("reasoning").fill_null("").str.contains(r"\S"),
    "loops": pl.col("repetition") >= pl.lit(LOOPS),
}
"""What can be dropped, in the order in which it is looked for."""
DEFAULT = ("failed", "truncated", "empty", "loops")


def reasons(traces: pl.DataFrame, texts: Texts, drop: Collection[str]) -> pl.Series:
    """The first of the reasons in ``drop`` that each trace gives, or null."""
    found = pl.coalesce(
        pl.lit(None, pl.String), *(pl.when(check).then(pl.lit(name)) for name, check in CHECKS.items() if name in drop)
    )
    repeated = pl.Series("repetition", _repetition(texts)).fill_nan(None)
    return traces.with_columns(repeated).with_columns(reason=found)["reason"]


def _repetition(texts: Texts) -> np.ndarray:
    """Of the reasoning, or of the response where there is none."""
    found = repetition(texts.words)
    reasoning, response = found[texts.side("reasoning")], found[texts.side("response")]
    return np.where(np.isnan(reasoning), response, reasoning)
