"""The mosaic plot of a 2×2: each box is as large as its share of the attempts.

mosaic.panel("all-facts", Contingency(both=40, trace_only=13, answer_only=13, neither=21))

A column is a state of the trace, as wide as it is frequent; the lower box in it are the right answers. Where trace and
answer are independent, the boxes of all columns meet at the same height.
"""

import re
from dataclasses import dataclass
from typing import Any

import altair as alt
from markupsafe import Markup

from understudy.report import figures
from understudy.rescore.contingency import Contingency

RIGHT, WRONG = "#0077bb", "#f3b28a"
"""Boxes of right answers, and of the others."""
_INK = "#444444"
_LIGHT, _DARK = "#ffffff", "#4a2a14"
"""Of the counts in the boxes. The style sheet names the dark one, to keep it where the page is dark."""
_WIDTH, _HEIGHT = 210, 150
_GAP = 0.012
"""Between two columns, as a share of the width."""
_NARROW = 0.17
"""A column narrower than this has its label left out; a box smaller than half of it, its count."""


@dataclass(frozen=True)
class Panel:
    """A drawing, and what it shows in words."""

    title: str
    alternative: str
    svg: Markup


def panel(rule: str, table: Contingency) -> Panel | None:
    """The mosaic of a table; null if no trace has a verdict."""
    if table.n == table.untraced:
        return None
    columns = {
        "trace right": (table.both, table.trace_only),
        "trace wrong": (table.answer_only, table.neither),
        "no verdict": (table.untraced_right, table.untraced_wrong),
    }
    said = "; ".join(f"{name}: {right} answers right, {wrong} not" for name, (right, wrong) in columns.items())
    return Panel(rule, f"Mosaic of trace ({rule}) and answer. {said}.", _drawn(_chart(columns, table.n)))


def _drawn(chart: alt.LayerChart) -> Markup:
    """The chart as SVG to stand in a page, which needs no namespace."""
    svg = re.sub(r' xmlns(?::xlink)?="[^"]*"', "", figures.svg(chart, "transparent"), count=2)
    return Markup(svg)  # noqa: S704 (our own drawing, of numbers and of our own words)


def _chart(columns: dict[str, tuple[int, int]], n: int) -> alt.LayerChart:
    boxes, names = _boxes(columns, n)
    across = alt.Scale(domain=[0, 1])
    shown = alt.Chart(alt.Data(values=boxes)).encode(
        x=alt.X("x:Q", scale=across, axis=None), y=alt.Y("y:Q", scale=across, axis=_percent())
    )
    rectangles = shown.mark_rect().encode(x2="x2:Q", y2="y2:Q", color=alt.Color("colour:N", scale=None))
    numbers = shown.transform_filter("datum.wide").mark_text(fontSize=12)
    numbers = numbers.encode(
        x=alt.X("middle:Q", scale=across), y="centre:Q", text="count:Q", color=alt.Color("ink:N", scale=None)
    )
    labels = alt.Chart(alt.Data(values=names)).mark_text(fontSize=11, baseline="top", dy=5, color=_INK, lineBreak="\n")
    labels = labels.encode(x=alt.X("middle:Q", scale=across), y=alt.value(_HEIGHT), text="name:N")
    return alt.layer(rectangles, numbers, labels).properties(width=_WIDTH, height=_HEIGHT)


def _percent() -> alt.Axis:
    return alt.Axis(values=[0, 0.5, 1], labelExpr="100 * datum.value + ' %'", title=None, grid=False)


def _boxes(columns: dict[str, tuple[int, int]], n: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The boxes from left to right, and a label for each column."""
    filled = {name: pair for name, pair in columns.items() if sum(pair)}
    room = 1 - _GAP * (len(filled) - 1)
    boxes, names, left = [], [], 0.0
    for name, (right, wrong) in filled.items():
        width, height = room * (right + wrong) / n, right / (right + wrong)
        place = {"x": left, "x2": left + width, "middle": left + width / 2}
        for count, low, high, colour, ink in (
            (right, 0.0, height, RIGHT, _LIGHT),
            (wrong, height, 1.0, WRONG, _DARK),
        ):
            wide = width > _NARROW / 2 and high - low > _NARROW / 2
            boxes.append(
                {**place, "y": low, "y2": high, "centre": (low + high) / 2, "colour": colour, "ink": ink}
                | {"count": count, "wide": wide and count > 0}
            )
        if width > _NARROW:
            names.append({"middle": place["middle"], "name": f"{name.replace(' ', chr(10))}\n{right + wrong}"})
        left += width + _GAP
    return boxes, names
