"""The figure of a run: accuracy with its 95 % interval, one row an arm, beside what others published.

    understudy report runs/quickstart      # writes runs/quickstart/figures/accuracy.svg and .png

Arms run down the page, so that long names and many of them fit. Samplings differ in colour and in shape.
"""

import io
from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert

from understudy.published import Benchmark
from understudy.report.beside import known_arms
from understudy.report.cells import decimal, percent, visible
from understudy.report.contents import Contents

_OWN = ["this run: accuracy on the test problems, %", "dot and 95 % interval"]
INKS = ("#2f7fc1", "#e0792b", "#3f9d63", "#a45fb5", "#b8902c", "#c94f5f")
_SHAPES = ("circle", "diamond", "square", "triangle-up", "triangle-down", "cross")
_MIDDLE = "length(datum.label) > 30 ? slice(datum.label, 0, 15) + '…' + slice(datum.label, -14) : datum.label"
"""Long names lose their middle, since those of variants often begin alike."""
_TEXT = "#444444"
_GREYS = ("#8593a3", "#6c7a89", "#566473")


def own_panel(contents: Contents) -> alt.LayerChart:
    """Accuracy in percent for every arm and sampling of the run, with its interval."""
    rows = [
        {
            "arm": visible(arm),
            "series": visible(sampling),
            "value": _hundred(found.value),
            "lower": _hundred(found.lower),
            "upper": _hundred(found.upper),
            "label": percent(found.value),
        }
        for arm in contents.arms
        for sampling in contents.samplings
        if (found := contents.estimate("accuracy", arm, sampling)) and found.value is not None
    ]
    arms = [visible(arm) for arm in contents.arms]
    series = [visible(name) for name in contents.samplings]
    return _panel(rows, arms, series, INKS, _OWN, apart=True)


def published_panel(contents: Contents, table: Benchmark, note: str) -> alt.LayerChart:
    """The published accuracies, with the arms that the run has in the run's order, then the others."""
    rows = [
        {"arm": arm, "series": student, "value": value, "lower": None, "upper": None, "label": decimal(value)}
        for student, cells in table.accuracy.items()
        for arm, value in cells.items()
    ]
    first, _, second = note.partition(": ")
    title = [f"{table.title}, {first}:", second]
    return _panel(rows, known_arms(contents, (table,)), list(table.accuracy), _GREYS, title, apart=False)


def side_by_side(panels: Sequence[alt.LayerChart]) -> alt.HConcatChart:
    """The panels as one picture, each with its own colours."""
    return alt.hconcat(*panels, spacing=40).resolve_scale(color="independent", shape="independent")


def svg(chart: alt.LayerChart | alt.HConcatChart, background: str) -> str:
    """The chart as SVG; on a page of its own it needs a background, inside of another it does not."""
    stream = io.StringIO()
    _styled(chart, background).save(stream, format="svg")
    return stream.getvalue()


def png(drawing: str) -> bytes:
    """A drawing in SVG as PNG, at twice its size."""
    return bytes(vl_convert.svg_to_png(drawing, scale=2))


def _panel(
    rows: Sequence[Any], arms: list[str], series: list[str], inks: Sequence[str], title: Any, apart: bool
) -> alt.LayerChart:
    """A dot with its interval and label for each row; ``apart`` gives each series a line of its own."""
    base = rows_of(arms, series, inks, apart)
    shapes = alt.Scale(domain=series, range=_cycle(_SHAPES, series))
    across = alt.Scale(domain=[0, 100])
    axis = alt.Axis(values=[0, 25, 50, 75, 100], labelFlush=False)
    intervals = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("lower:Q", scale=across, axis=axis, title=None), x2="upper:Q"
    )
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(
        x="value:Q", shape=alt.Shape("series:N", scale=shapes, legend=_legend(series))
    )
    place = {"align": "left", "dx": 7} if apart else {"align": "center", "dy": -10}
    labels = base.mark_text(fontSize=10, **place).encode(x="end:Q", text="label:N", color=alt.value(_TEXT))
    labels = labels.transform_calculate(end="datum.upper == null ? datum.value : datum.upper")
    step = alt.Step(max(30, 15 * len(series)) if apart else 30, **{"for": "position"})
    return alt.layer(intervals, dots, labels, data=alt.Data(values=list(rows))).properties(
        width=330, height=step, title=title
    )


def rows_of(arms: list[str], series: list[str], inks: Sequence[str], apart: bool = True) -> alt.Chart:
    """A row an arm, a colour a series; ``apart`` gives each series a line of its own."""
    colours = alt.Scale(domain=series, range=_cycle(inks, series))
    base = alt.Chart().encode(
        y=alt.Y("arm:N", sort=arms, scale=alt.Scale(domain=arms), axis=alt.Axis(labelExpr=_MIDDLE), title=None),
        color=alt.Color("series:N", scale=colours, legend=_legend(series)),
    )
    if apart:
        base = base.encode(yOffset=alt.YOffset("series:N", sort=series, scale=alt.Scale(domain=series)))
    return base


def _legend(series: Sequence[str]) -> alt.Legend | None:
    return alt.Legend(orient="top", title=None) if len(series) > 1 else None


def _styled(chart: Any, background: str) -> Any:
    ink = {"labelFontSize": 12, "labelColor": _TEXT, "labelLimit": 200}
    return chart.configure(
        background=background,
        font="sans-serif",
        padding=4,
        view={"stroke": None},
        axis={"gridColor": "#ddd", "domain": False, "ticks": False, **ink},
        axisY={"labelPadding": 8, "grid": False},
        legend={"symbolOpacity": 1, **ink},
        title={"anchor": "start", "fontSize": 12, "fontWeight": "normal", "color": _TEXT, "offset": 10},
    )


def _cycle(values: Sequence[str], series: Sequence[str]) -> list[str]:
    return [values[index % len(values)] for index in range(len(series))]


def _hundred(share: float | None) -> float | None:
    return None if share is None else 100 * share
