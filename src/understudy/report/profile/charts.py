"""The charts of the page: pivot densities, distributions of length and coherence, and the effects of a comparison.

charts.pivots({"R1": corpus}).svg
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl
from markupsafe import Markup

from understudy.contrast import Contrast
from understudy.report import cells
from understudy.report.cells import visible
from understudy.report.profile import Corpus
from understudy.report.profile.columns import PIVOTS, called
from understudy.report.profile.drawing import SHAPES, WIDTH, drawn, ink, shape
from understudy.report.profile.overview import EFFECT, KINDS, measures
from understudy.report.profile.ratios import ratio

MOST = 24
"""Measures in the forest; the table has all."""
_COLUMN = 12
"""Measures in one of its drawings."""
_QUANTILES = 50
_TENS = [digit * 10**power for power in range(9) for digit in (1, 3)]
"""Where a logarithmic scale has its lines."""
_TEXT = "#444444"
_SPREAD: Mapping[str, tuple[str, bool, str | None]] = {
    "words": ("words", True, None),
    "steps": ("steps", True, None),
    "coherence": ("coherence of neighbouring steps", False, "coherence_null"),
    "question_overlap": ("overlap with the question", False, "question_overlap_null"),
}
"""Measures whose distribution is drawn: title, whether the scale is logarithmic, the measure by chance."""


@dataclass(frozen=True)
class Entry:
    """A line of a legend."""

    name: str
    colour: str
    mark: str


@dataclass(frozen=True)
class Panel:
    """A drawing, and what it shows in words."""

    alternative: str
    svg: Markup


@dataclass(frozen=True)
class Forest:
    """The effects, the legend of their kinds, and how many measures are only in the table."""

    panels: Sequence[Panel]
    legend: Sequence[Entry]
    left_out: int


def legend(names: Sequence[str]) -> list[Entry]:
    """The names with their colours and shapes, as all charts have them."""
    return [Entry(name, ink(index), SHAPES[shape(index)]) for index, name in enumerate(names)]


def pivots(corpora: Mapping[str, Corpus]) -> Panel | None:
    """Densities of the pivot types and of backtracks per 1,000 words, with intervals; null if no corpus has any."""
    rows, said = [], []
    for pivot in PIVOTS:
        for name, corpus in corpora.items():
            found = ratio(corpus.measures, 1000 * pl.col(pivot), pl.col("words"))
            if found.value is not None:
                rows.append({"row": pivot, "series": visible(name), "value": found.value, **_ends(found)})
                said.append(f"{pivot}, {name}: {cells.decimal(found.value, 2)}")
    if not rows:
        return None
    names = [visible(name) for name in corpora]
    across = alt.X("lower:Q", scale=alt.Scale(domainMin=0), axis=_axis(tickCount=5), title="per 1,000 words")
    chart = _dots(rows, list(PIVOTS), names, across, WIDTH - 110)
    return Panel(f"Per 1,000 words: {'; '.join(said)}.", drawn(chart))


def distributions(corpora: Mapping[str, Corpus]) -> list[Panel]:
    """How lengths and coherence are distributed: the share of traces at or below each value."""
    return [panel for measure in _SPREAD if (panel := _distribution(corpora, measure))]


def forest(found: Contrast) -> Forest | None:
    """The effect of each measure with its interval, as it is and with length controlled."""
    known = found.rows.drop_nulls("effect").filter(pl.col("kind").is_in(list(KINDS)))
    if known.is_empty():
        return None
    order = measures(known)
    rows = [
        {"row": called(row["measure"]), "series": KINDS[row["kind"]], "value": row["effect"], **_bounds(row)}
        for row in known.iter_rows(named=True)
    ]
    kinds = [KINDS[kind] for kind in KINDS if kind in set(known["kind"])]
    ends = [row[end] for row in rows for end in ("lower", "upper")]
    domain = [min(*ends, 0.0), max(*ends, 0.0)]
    panels = [
        _effects(found, [row for row in rows if row["row"] in part], part, kinds, domain)
        for part in (order[start : min(start + _COLUMN, MOST)] for start in range(0, min(len(order), MOST), _COLUMN))
    ]
    return Forest(panels, legend(kinds), max(len(order) - MOST, 0))


def _effects(
    found: Contrast,
    rows: Sequence[Mapping[str, Any]],
    order: Sequence[str],
    kinds: Sequence[str],
    domain: Sequence[float],
) -> Panel:
    across = alt.X("lower:Q", axis=_axis(tickCount=5), scale=alt.Scale(domain=domain, nice=True), title=EFFECT)
    zero = alt.Chart(alt.Data(values=[{"x": 0}])).mark_rule(color=_TEXT, strokeDash=[3, 3]).encode(x="x:Q")
    a, b = found.names
    said = "; ".join(f"{row['row']}, {row['series']}: {cells.decimal(row['value'], 2)}" for row in rows)
    text = f"{EFFECT}, positive where {a} has more than {b}. {said}."
    return Panel(text, drawn(_dots(rows, order, kinds, across, WIDTH - 150, zero)))


def _axis(**options: Any) -> alt.Axis:
    return alt.Axis(titleFontSize=12, titleFontWeight="normal", titleColor=_TEXT, labelFlush=False, **options)


def _dots(
    rows: Sequence[Mapping[str, Any]],
    order: Sequence[str],
    series: Sequence[str],
    across: alt.X,
    width: int,
    behind: alt.Chart | None = None,
) -> alt.LayerChart:
    """A dot with its interval for each row, those of one name beside each other."""
    inks = alt.Scale(domain=list(series), range=[ink(index) for index in range(len(series))])
    shapes = alt.Scale(domain=list(series), range=[shape(index) for index in range(len(series))])
    apart = alt.YOffset("series:N", sort=list(series), scale=alt.Scale(domain=list(series)))
    base = alt.Chart(alt.Data(values=list(rows))).encode(
        y=alt.Y("row:N", scale=alt.Scale(domain=list(order)), title=None, axis=alt.Axis(grid=True, tickBand="extent")),
        yOffset=apart,
        color=alt.Color("series:N", scale=inks, legend=None),
    )
    intervals = base.mark_rule(strokeWidth=2).encode(x=across, x2="upper:Q")
    dots = base.mark_point(filled=True, size=55, opacity=1).encode(
        x="value:Q", shape=alt.Shape("series:N", scale=shapes, legend=None)
    )
    step = alt.Step(max(26, 11 * len(series) + 4), **{"for": "position"})
    return alt.layer(*([behind] if behind else []), intervals, dots).properties(width=width, height=step)


def _distribution(corpora: Mapping[str, Corpus], measure: str) -> Panel | None:
    title, log, null = _SPREAD[measure]
    rows, said = [], []
    for index, (name, corpus) in enumerate(corpora.items()):
        for column, by_chance in ((measure, False), *([(null, True)] if null else [])):
            values = corpus.measures[column].drop_nulls().cast(pl.Float64)
            values = values.filter(values > 0) if log else values.filter(values.is_finite())
            if len(values):
                rows += _curve(values, index, by_chance)
                middle = cells.decimal(values.median(), 0 if log else 3)  # type: ignore[arg-type]
                said.append(f"{name}{' by chance' if by_chance else ''} {middle}")
    if not rows:
        return None
    return Panel(
        f"Distribution of {title}, medians: {'; '.join(said)}.", drawn(_curves(rows, len(corpora), title, log))
    )


def _curve(values: pl.Series, index: int, by_chance: bool) -> list[dict[str, Any]]:
    places = [step / _QUANTILES for step in range(_QUANTILES + 1)]
    ordered = values.sort()  # once, so that a quantile costs nothing
    reached = [ordered.quantile(place, "linear") for place in places]
    series = {"series": str(index), "chance": by_chance, "curve": f"{index} {by_chance}"}
    return [{"value": value, "share": 100 * place, **series} for value, place in zip(reached, places, strict=True)]


def _curves(rows: Sequence[Mapping[str, Any]], count: int, title: str, log: bool) -> alt.LayerChart:
    domain = [str(index) for index in range(count)]
    inks = alt.Scale(domain=domain, range=[ink(index) for index in range(count)])
    shapes = alt.Scale(domain=domain, range=[shape(index) for index in range(count)])
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(nice=True, zero=False)
    axis = alt.Axis(format="~s", values=_TENS) if log else alt.Axis(format="~g", tickCount=4, labelFlush=False)
    percent = alt.Axis(values=[0, 25, 50, 75, 100], labelExpr="datum.value + ' %'")
    base = alt.Chart(alt.Data(values=list(rows))).encode(
        x=alt.X("value:Q", scale=scale, axis=axis, title=None),
        y=alt.Y("share:Q", scale=alt.Scale(domain=[0, 100]), axis=percent, title=None),
        color=alt.Color("series:N", scale=inks, legend=None),
    )
    dashes = alt.StrokeDash("chance:N", scale=alt.Scale(domain=[False, True], range=[[1, 0], [4, 3]]), legend=None)
    lines = base.mark_line(strokeWidth=2).encode(detail="curve:N", order="share:Q", strokeDash=dashes)
    middles = base.mark_point(filled=True, size=60, opacity=1).encode(
        shape=alt.Shape("series:N", scale=shapes, legend=None)
    )
    middles = middles.transform_filter("datum.share == 50 && !datum.chance")
    heading = f"{title}, logarithmic scale" if log else title
    return alt.layer(lines, middles).properties(width=WIDTH - 76, height=170, title=heading)


def _ends(found: Any) -> dict[str, float | None]:
    """An interval to draw: where there is none, a point."""
    if found.lower is None:
        return {"lower": found.value, "upper": found.value}
    return {"lower": max(found.lower, 0.0), "upper": found.upper}


def _bounds(row: Mapping[str, Any]) -> dict[str, float]:
    missing = row["lower"] is None or row["upper"] is None
    return {end: row["effect"] if missing else row[end] for end in ("lower", "upper")}
