r"""Segment: cut texts into steps, whole columns at a time.

    traces.select("trace_id", segment(pl.col("reasoning")))     # a list of texts that add up to the reasoning

A step is a sentence or a line: it ends after ``.``, ``!``, ``?`` or ``…`` (and closing quotes or brackets)
before white space, or at a line's end. A number that opens a list item ("2. ") belongs to the item. White
space goes with the step before it, so that no character is lost. The rule knows no abbreviations: "e.g. this"
is cut in two.
"""

import polars as pl

_LIST_NUMBER = r"(?:[0-9]{1,2}[.)]\s+)?"
_SENTENCE_END = r"""[.!?…]["'”’)\]*]*\s+"""
STEP = rf"(?s)\s*{_LIST_NUMBER}\S.*?(?:{_SENTENCE_END}|\n\s*|\z)|\s+"
"""Matches from wherever the last step ended, on any text: steps tile by construction."""


def segment(text: pl.Expr) -> pl.Expr:
    """The steps of each text, as a list of texts: joined, they are the text. An empty text has none."""
    return text.str.extract_all(STEP)
