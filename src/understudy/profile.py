"""Profile: what style traces have, as tables of steps and of counts. No row is looped over in Python.

    import polars as pl
    from understudy import profile
    style = profile.style(pl.read_parquet("runs/quickstart/traces/ST.parquet"))
    profile.summarise(style)

What is profiled is a trace's reasoning, or its response where no reasoning is visible; ``source`` says which.
Traces with an error or without any text are not profiled: their counts are null, and summaries say how many
there are.
"""

import polars as pl

from understudy.style import pivots
from understudy.style.segment import STEP, segment
from understudy.tables import SCHEMAS
from understudy.types import Step

WORD = r"\S*\w\S*"
"""White space parts words; what holds no letter or digit ("." or ":" of a tokenized text) is none."""


def text() -> pl.Expr:
    """The text of a trace that is profiled, and that its steps tile; null where there is none."""
    return _of_source(pl.col("reasoning"), pl.col("response"))


def source() -> pl.Expr:
    """Where ``text`` is from, ``reasoning`` or ``response``; null where there is none."""
    return _of_source(pl.lit("reasoning"), pl.lit("response"))


def steps(traces: pl.DataFrame) -> pl.DataFrame:
    """The steps of every trace, as a table of ``Step``: spans in characters that tile ``text``.

    ``pivot`` is the type of the first pivot in the step, or null; ``stage`` is null.
    """
    length = pl.col("step").str.len_chars().cast(pl.Int64)
    cut = (
        traces.select("trace_id", step=text())
        .with_row_index("trace")
        .drop_nulls("step")
        .with_columns(segment(pl.col("step")))
        .explode("step")
        .with_columns(end=length.cum_sum().over("trace"))
    )
    return cut.select(
        "trace_id",
        index=pl.int_range(pl.len(), dtype=pl.Int64).over("trace"),
        start=pl.col("end") - length,
        end="end",
        stage=pl.lit(None, pl.String),
        pivot=pivots.first(pl.col("step")),
    ).cast(SCHEMAS[Step])


def style(traces: pl.DataFrame) -> pl.DataFrame:
    """One row a trace: its length in characters, words and steps, how often it turns, and in how many ways.

    ``realization`` to ``integration`` and ``backtracks`` count phrases, ``pivot_types`` (0 to 4) the types
    that occur.
    """
    seen = pl.col("text").str
    counted = traces.select("trace_id", "problem_id", source(), text().alias("text")).select(
        "trace_id",
        "problem_id",
        "source",
        seen.len_chars().cast(pl.Int64).alias("characters"),
        seen.count_matches(WORD).cast(pl.Int64).alias("words"),
        seen.count_matches(STEP).cast(pl.Int64).alias("steps"),
        *pivots.counts(pl.col("text")),
    )
    occurring = [(pl.col(name) > 0).cast(pl.Int64) for name in pivots.TYPES]
    return counted.with_columns(pivot_types=pl.sum_horizontal(occurring, ignore_nulls=False))


def summarise(style: pl.DataFrame) -> pl.DataFrame:
    """One row: the means, medians and shares of a ``style`` table, null where no trace was profiled.

    ``n`` traces are profiled and ``n_excluded`` are not. ``<type>_per_1000_words`` is a ratio of sums;
    ``share_3_types`` is the share of traces with at least 3 of the 4 pivot types.
    """
    profiled = style.drop_nulls("source")
    words = pl.col("words").sum()
    rates = [
        pl.when(words > 0).then(1000 * pl.col(name).sum() / words).alias(f"{name}_per_1000_words")
        for name in pivots.TYPES
    ]
    return profiled.select(
        pl.len().cast(pl.Int64).alias("n"),
        pl.lit(style.height - profiled.height, pl.Int64).alias("n_excluded"),
        pl.col("words").mean().alias("words_mean"),
        pl.col("words").median().alias("words_median"),
        *rates,
        (pl.col("pivot_types") >= 3).mean().alias("share_3_types"),
        pl.col("backtracks").mean().alias("backtracks_mean"),
        (pl.col("source") == "reasoning").mean().alias("share_reasoning"),
    )


def _of_source(reasoning: pl.Expr, response: pl.Expr) -> pl.Expr:
    fine = pl.col("error").is_null()
    return (
        pl.when(fine & pl.col("reasoning").str.contains(r"\S"))
        .then(reasoning)
        .when(fine & pl.col("response").str.contains(r"\S"))
        .then(response)
        .alias("source")
    )
