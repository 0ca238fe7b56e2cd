"""How a chart becomes part of the page: at the width of a phone, in the report's style, without its namespace.

drawn(alt.Chart(...).mark_line(...).properties(width=WIDTH))
"""

import re
from typing import Any

from markupsafe import Markup

from understudy.report import figures

WIDTH = 372
"""Of a whole drawing in pixels: what a screen of 420 leaves, so that letters keep their size there."""

INKS = ("#0077bb", "#ee7733", "#009988", "#cc3311", "#33bbee", "#ee3377")
"""Of corpora and of kinds: the vibrant scheme of Paul Tol (2021, *Colour schemes*), made for colour-blind readers."""
SHAPES = {"circle": "●", "diamond": "◆", "square": "■", "triangle-up": "▲", "triangle-down": "▼", "cross": "✚"}
"""Vega's names of shapes, and the letters that show them in a legend."""


def drawn(chart: Any) -> Markup:
    """The chart as SVG to stand in the page."""
    svg = figures.svg(chart, "transparent")
    return Markup(re.sub(r' xmlns(?::xlink)?="[^"]*"', "", svg, count=2))  # noqa: S704 (our own drawing; it escapes its labels)


def ink(index: int) -> str:
    """The colour of the series with this number."""
    return INKS[index % len(INKS)]


def shape(index: int) -> str:
    """Its shape; where colours start again, shapes are one further, so that the pair stays its own for 36 series."""
    return list(SHAPES)[(index + index // len(INKS)) % len(SHAPES)]
