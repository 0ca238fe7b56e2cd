"""The ribbons: which share each stage, and each episode, has of the traces at every place from start to end.

shares(steps, "stage", ("framing", "exploration", "verification", "synthesis"))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import polars as pl
from markupsafe import Markup

from understudy.report import cells
from understudy.report.profile import Corpus
from understudy.report.profile.columns import EPISODES, STAGES
from understudy.report.profile.drawing import WIDTH, drawn

BINS = 20
"""Places in a trace, each a twentieth of its characters."""


@dataclass(frozen=True)
class Ribbon:
    """One panel: its title, what it shows in words, and the drawing."""

    title: str
    alternative: str
    svg: Markup


@dataclass(frozen=True)
class Ribbons:
    """The panels of stages, or of episodes, and the colours of the names."""

    heading: str
    colours: Mapping[str, str]
    panels: Sequence[Ribbon]


def ribbons(corpora: Mapping[str, Corpus]) -> list[Ribbons]:
    """The panels of stages, then those of episodes; corpora whose steps have none are left out."""
    found = []
    for column, colours in (("stage", STAGES), ("episode", EPISODES)):
        panels = [_panel(name, corpus.steps, column, colours) for name, corpus in corpora.items()]
        if shown := [panel for panel in panels if panel]:
            found.append(Ribbons(f"{column.capitalize()}s", colours, shown))
    return found


def shares(steps: pl.DataFrame, column: str, names: Sequence[str]) -> pl.DataFrame:
    """One row a name and bin: ``name``, ``bin`` (0 to 19) and ``share`` of the characters there, a mean over traces.

    Every trace weighs the same, however long. What has no name, or another, is in no share.
    """
    place = BINS / pl.col("end").max().over("trace_id")
    first, last = pl.col("start") * place, pl.col("end") * place
    spans = steps.select("trace_id", name=column, first=first, last=last)
    traces = spans["trace_id"].n_unique()
    bins = pl.int_ranges(pl.col("first").floor().cast(pl.Int64), pl.col("last").ceil().cast(pl.Int64))
    held = spans.with_columns(bin=bins).explode("bin")
    overlap = pl.min_horizontal("last", pl.col("bin") + 1) - pl.max_horizontal("first", "bin")
    sums = held.group_by("name", "bin").agg(share=overlap.sum() / max(traces, 1))
    grid = pl.DataFrame({"name": list(names)}).join(pl.DataFrame({"bin": range(BINS)}), how="cross")
    return grid.join(sums, on=["name", "bin"], how="left", maintain_order="left").with_columns(
        pl.col("bin").cast(pl.Int64), pl.col("share").fill_null(0.0)
    )


def _panel(name: str, steps: pl.DataFrame, column: str, colours: Mapping[str, str]) -> Ribbon | None:
    if steps.is_empty() or not steps[column].is_in(list(colours)).any():
        return None
    found = shares(steps, column, list(colours))
    traces = cells.decimal(steps["trace_id"].n_unique(), 0)
    return Ribbon(f"{name} (traces: {traces})", _words(name, found), drawn(_chart(found, colours)))


def _words(name: str, found: pl.DataFrame) -> str:
    """The ribbon at the start, in the middle and at the end."""
    said = []
    for (stage,), part in found.group_by("name", maintain_order=True):
        at = [cells.decimal(100 * part["share"][place], 0) for place in (0, BINS // 2, BINS - 1)]
        said.append(f"{stage} {at[0]}, {at[1]}, {at[2]} %")
    return f"{name}, share at the start, in the middle and at the end of a trace: {'; '.join(said)}."


def _chart(found: pl.DataFrame, colours: Mapping[str, str]) -> alt.Chart:
    """Areas on top of each other, the first name on top, each running through the middles of the bins."""
    reverse = found.with_columns(share=100 * pl.col("share")).reverse()
    upper = pl.col("share").cum_sum().over("bin")
    stacked = reverse.with_columns(upper=upper, lower=upper - pl.col("share"), at=(pl.col("bin") + 0.5) * 100 / BINS)
    edges = [stacked.filter(pl.col("bin") == at).with_columns(at=pl.lit(x)) for at, x in ((0, 0.0), (BINS - 1, 100.0))]
    rows = pl.concat([stacked, *edges]).sort("at", maintain_order=True).select("name", "at", "lower", "upper")
    percent = alt.Axis(values=[0, 25, 50, 75, 100], labelExpr="datum.value + ' %'", labelFlush=False)
    ends = alt.Axis(
        values=[0, 25, 50, 75, 100],
        labelExpr="datum.value == 0 ? 'start' : datum.value == 100 ? 'end' : datum.value + ' %'",
        labelFlush=True,
        grid=False,
    )
    whole = alt.Scale(domain=[0, 100], nice=False)
    return (
        alt.Chart(alt.Data(values=rows.to_dicts()))
        .mark_area(strokeWidth=1)
        .encode(
            x=alt.X("at:Q", scale=whole, axis=ends, title=None),
            y=alt.Y("lower:Q", scale=whole, axis=percent, title=None),
            y2="upper:Q",
            color=alt.Color("name:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None),
        )
        .properties(width=WIDTH - 58, height=170)
    )
