"""Did the students take up the style of their training traces? Three tables and a figure of ``uptake.parquet``.

    closing(read(Path("runs/quickstart"))).rows      # how far each student is from its training traces

Of several seeds, the mean is shown with the least and the greatest; intervals of each seed are in the run's table.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import altair as alt
import polars as pl

from understudy.report import cells, figures
from understudy.report.cells import Table, visible
from understudy.report.contents import Contents
from understudy.style.pivots import TYPES
from understudy.style.stages import STAGES
from understudy.uptake import DISTANCE

KINDS = {"density": "densities", "raw": "with lengths"}
_TITLE = [
    "how far from the style of the training traces (energy distance, by densities); 0: alike",
    "hollow: the untrained student; filled: the trained one, with its 95 % interval",
]


def closing(contents: Contents) -> Table:
    """How far the untrained and the trained student are from the training traces, and what of it was closed."""
    head = ["Arm", "Sampling", "Traces", "Training traces"]
    for said in KINDS.values():
        head += [f"Untrained, {said}", f"Student, {said} [interval]", f"Closed, {said}, % [interval]"]
    rows = []
    for arm, sampling, found in _students(contents):
        distances = found.filter(measure=DISTANCE)
        row = [arm, sampling, *(cells.spread(distances[name].to_list()) for name in ("n_student", "n_teacher"))]
        for kind in KINDS:
            of_kind = distances.filter(kind=kind)
            row.append(_mean(of_kind["untrained"]))
            row.append(
                _figure(of_kind, ("student", "student_lower", "student_upper"), partial(cells.decimal, digits=2))
            )
            row.append(_figure(of_kind, ("closed", "lower", "upper"), cells.percent))
        rows.append(row)
    return Table(head, "ll" + "r" * (len(head) - 2), rows)


def side_by_side(contents: Contents) -> Table:
    """Length and pivots: untrained → student → training traces, as means over traces."""
    pivots = [(f"{name.capitalize()} / 1,000 words", name, "density", 1) for name in TYPES]
    return _means(contents, [("Words", "words", "raw", 1), *pivots])


def stages(contents: Contents) -> Table:
    """The same of what steps are for."""
    return _means(contents, [(f"{name.capitalize()}, % of steps", f"stage_{name}", "density", 100) for name in STAGES])


def _means(contents: Contents, columns: Sequence[tuple[str, str, str, int]]) -> Table:
    """A column each with its head, its measure, the kind of it and what it is multiplied by."""
    rows = []
    for arm, sampling, found in _students(contents):
        means = [
            [
                _mean(scale * found.filter(measure=name, kind=kind)[who], 1)
                for who in ("untrained", "student", "teacher")
            ]
            for _, name, kind, scale in columns
        ]
        rows.append([arm, sampling, *(" → ".join(each) for each in means)])
    return Table(["Arm", "Sampling", *(head for head, *_ in columns)], "ll" + "r" * len(columns), rows)


def panel(contents: Contents) -> alt.LayerChart | None:
    """A line from each untrained student to the trained one, at their distances from the training traces."""
    rows: list[dict[str, Any]] = []
    for arm, sampling, found in _students(contents):
        distances = found.filter(measure=DISTANCE, kind="density").drop_nulls("student")
        if len(distances):
            ends = ("student", "student") if len(distances) > 1 else ("student_lower", "student_upper")
            named: dict[str, Any] = {"arm": visible(arm), "series": visible(sampling)}
            named |= {"lower": distances[ends[0]].min(), "upper": distances[ends[1]].max()}
            rows.append({**named, "untrained": distances["untrained"].mean(), "value": distances["student"].mean()})
    series = [visible(name) for name in contents.ways]
    rows = [{name: _rounded(value) for name, value in row.items()} for row in rows]
    return _dumbbells(rows, [visible(arm) for arm in contents.arms], series) if rows else None


def _rounded(value: Any) -> Any:
    """As the table says it: −0.00 is 0, and makes no room left of it."""
    return round(value, 2) + 0.0 if isinstance(value, float) else value


def alternative(contents: Contents) -> str:
    """What the figure shows, for those who cannot see it."""
    table = closing(contents)
    said = "; ".join(f"{row[0]} ({row[1]}) from {row[4]} to {row[5]}" for row in table.rows)
    return f"Energy distance from the training traces, untrained and trained: {said}."


def _dumbbells(rows: list[dict[str, Any]], arms: list[str], series: list[str]) -> alt.LayerChart:
    shown = [arm for arm in arms if any(row["arm"] == arm for row in rows)]
    base = figures.rows_of(shown, series, figures.INKS)
    across = partial(alt.X, axis=alt.Axis(labelFlush=False), title=None)
    way = base.mark_rule(strokeWidth=1, strokeDash=[3, 2]).encode(x=across("untrained:Q"), x2="value:Q")
    interval = base.mark_rule(strokeWidth=3).encode(x=across("lower:Q"), x2="upper:Q")
    before = base.mark_point(filled=False, size=50, strokeWidth=1.5, opacity=1).encode(x=across("untrained:Q"))
    after = base.mark_point(filled=True, size=60, opacity=1).encode(x=across("value:Q"))
    known = way.transform_filter("isValid(datum.untrained)")
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(color="#888", strokeWidth=1).encode(x=across("at:Q"))
    step = alt.Step(max(30, 15 * len(series)), **{"for": "position"})
    layers = [zero, known, interval, before.transform_filter("isValid(datum.untrained)"), after]
    return alt.layer(*layers, data=alt.Data(values=rows)).properties(width=560, height=step, title=_TITLE)


def _students(contents: Contents) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """The rows of each arm and sampling, of all seeds, in the order of the study."""
    parts = contents.uptake.partition_by("arm", "sampling", as_dict=True)
    for arm in contents.arms:
        for sampling in contents.ways:
            if (arm, sampling) in parts:
                yield arm, sampling, parts[arm, sampling]


def _figure(rows: pl.DataFrame, names: tuple[str, str, str], written: Callable[[float | None], str]) -> str:
    """A figure with its interval, or of several seeds the mean with the least and the greatest."""
    value, lower, upper = (rows[name] for name in names)
    if value.count() <= 1:
        return cells.between(*(written(_only(one.mean())) for one in (value, lower, upper)))
    return f"{written(_only(value.mean()))} ({written(_only(value.min()))} to {written(_only(value.max()))})"


def _mean(values: pl.Series, digits: int = 2) -> str:
    return cells.decimal(_only(values.mean()), digits)


def _only(value: Any) -> float | None:
    """Polars' aggregates are typed as anything; these are numbers, or null of none."""
    return None if value is None else float(value)
