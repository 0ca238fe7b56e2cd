"""Profile: what style traces have, as tables of steps and of measures.

    import polars as pl
    from understudy import profile
    measures = profile.measure(pl.read_parquet("runs/quickstart/traces/train/ST.parquet"))
    profile.summarise(measures)

What is profiled is a trace's reasoning, or its response where no reasoning is visible; ``source`` says which.
Traces with an error or without any text are not profiled: their measures are null, and summaries say how many
there are. Texts are read in batches of a megabyte or two; no row is looped over in Python.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from understudy.errors import InputError
from understudy.executors.local import spread
from understudy.style import measures
from understudy.style.episodes import EPISODES
from understudy.style.pivots import TYPES
from understudy.style.reading import Reading, prepare
from understudy.style.stages import STAGES
from understudy.tables import SCHEMAS
from understudy.types import Step

BATCH = 3_000_000
"""Bytes of text that are read at once: enough to be quick about, little enough for the processor's caches."""
QUESTIONS = 1000
"""How many questions the null of ``question_overlap`` draws on: those of the first traces."""

_INT, _REAL = pl.Int64(), pl.Float64()
_ABOUT = ("trace_id", "problem_id", "model", "source")
_COUNTS = ("characters", "words", "tokens", "steps", *TYPES, "backtracks", "pivot_types")
_PARTS = (*(f"episode_{name}" for name in EPISODES), *(f"stage_{name}" for name in STAGES))
MEASURES = pl.Schema(
    {
        **dict.fromkeys(_ABOUT, pl.String()),
        **dict.fromkeys((*_COUNTS, *_PARTS, "branches", "abandoned"), _INT),
        "failed_steps": _REAL,
        **dict.fromkeys(("depth", "width"), _INT),
        **dict.fromkeys(("coherence", "coherence_null", "coherence_decay"), _REAL),
        **dict.fromkeys(("question_overlap", "question_overlap_null", "mtld", "repetition"), _REAL),
        **dict.fromkeys(("first_correct", "reflection_after"), _REAL),
    }
)
"""The table of measures: one row a trace. What the measures are is said in ``understudy.style.measures``."""


def text() -> pl.Expr:
    """The text of a trace that is profiled, and that its steps tile; null where there is none."""
    return _of_source(pl.col("reasoning"), pl.col("response"))


def source() -> pl.Expr:
    """Where ``text`` is from, ``reasoning`` or ``response``; null where there is none."""
    return _of_source(pl.lit("reasoning"), pl.lit("response"))


def steps(traces: pl.DataFrame) -> pl.DataFrame:
    """The steps of every trace, as a table of ``Step``: spans in characters that tile ``text``.

    ``pivot`` is the type of the first pivot in the step, or null.
    """
    chosen = traces.select("trace_id", text=text()).drop_nulls("text")
    tables = [_steps(batch) for batch in _batches(chosen)]
    return pl.concat(tables) if tables else SCHEMAS[Step].to_frame()


def measure(traces: pl.DataFrame, problems: pl.DataFrame | None = None, core: bool = False) -> pl.DataFrame:
    """One row a trace, in the order of ``traces``: its measures, as in ``MEASURES``.

    The question and the reference answer are those of ``problems``, or else those that an import left in the
    trace's metadata. ``core`` leaves out coherence, diversity and efficiency, which take as long as all the rest.
    """
    tables = list(stream([traces], problems, core))
    return pl.concat(tables) if tables else MEASURES.to_frame()


def stream(
    frames: Iterable[pl.DataFrame],
    problems: pl.DataFrame | None = None,
    core: bool = False,
    tokenizer: Path | None = None,
    workers: int = 1,
) -> Iterator[pl.DataFrame]:
    """As ``measure``, for traces that come frame by frame, with tokens counted by a ``tokenizer.json``.

    ``workers`` are threads. Memory does not grow with the number of traces.

    Raises ``InputError`` if that file is no tokenizer.
    """
    prepare()
    chosen = map(_chosen, frames) if core else _with_questions(frames, problems)
    batches = chain.from_iterable(map(_batches, chosen))
    work = partial(_measure, core=core, tokenizer=_tokenizer(tokenizer) if tokenizer else None)
    return spread(work, batches, workers)


def style(traces: pl.DataFrame) -> pl.DataFrame:
    """The core measures of each trace (``measure(traces, core=True)``)."""
    return measure(traces, core=True)


def summarise(measured: pl.DataFrame) -> pl.DataFrame:
    """One row: the means, medians and shares of a table of measures, null where no trace was profiled.

    ``n`` traces are profiled and ``n_excluded`` are not. ``<type>_per_1000_words`` is a ratio of sums;
    ``share_3_types`` is the share of traces with at least 3 of the 4 pivot types.
    """
    profiled = measured.drop_nulls("source")
    words = pl.col("words").sum()
    rates = [
        pl.when(words > 0).then(1000 * pl.col(name).sum() / words).alias(f"{name}_per_1000_words") for name in TYPES
    ]
    return profiled.select(
        pl.len().cast(pl.Int64).alias("n"),
        pl.lit(measured.height - profiled.height, pl.Int64).alias("n_excluded"),
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


def _batches(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Slices of a frame with about ``BATCH`` bytes of text each."""
    if not frame.height:
        return []
    sizes = frame["text"].str.len_bytes().fill_null(0).to_numpy()
    batch = np.cumsum(sizes + 1) // BATCH
    starts = np.flatnonzero(np.diff(batch, prepend=-1))
    ends = [*starts[1:], frame.height]
    return [frame.slice(int(a), int(b - a)) for a, b in zip(starts, ends, strict=True)]


def _chosen(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that are measured."""
    return frame.select("trace_id", "problem_id", "model", source(), text=text())


def _with_questions(frames: Iterable[pl.DataFrame], problems: pl.DataFrame | None) -> Iterator[pl.DataFrame]:
    """The columns that are measured, with each trace's question, another question, and the reference answer."""
    from understudy.style.coherence import other_questions

    others: dict[str, str] | None = None
    pool: list[str] = []
    for frame in frames:
        if problems is None:
            asked = [pl.col("metadata").str.json_path_match(f"$.{name}").alias(name) for name in ("prompt", "answer")]
            rows = frame.with_columns(asked)
        else:
            rows = frame.join(problems.select("problem_id", "prompt", "answer"), "problem_id", "left")
        if others is None:
            others = other_questions(rows["prompt"].drop_nulls().unique(maintain_order=True)[:QUESTIONS])
            pool = sorted(set(others) - {""})
        other = _others(rows["prompt"], others, pool)
        yield _chosen(rows).with_columns(rows["answer"], other, question=rows["prompt"])


def _others(questions: pl.Series, others: dict[str, str], pool: list[str]) -> pl.Series:
    """Another question for each: of the pool its next, for a question outside of it one by its hash."""
    from understudy.randomness import seed_of

    def other(question: str | None) -> str:
        if not question or len(pool) < 2:
            return ""
        return others.get(question) or pool[seed_of("other question", question) % len(pool)]

    chosen = {question: other(question) for question in questions.unique().to_list()}
    named = {question or "": other for question, other in chosen.items()}
    return questions.fill_null("").replace_strict(named, return_dtype=pl.String).alias("other")


def _reading(texts: pl.Series) -> Reading:
    return Reading.of(texts.cast(pl.Binary).to_list())


def _steps(traces: pl.DataFrame) -> pl.DataFrame:
    reading = _reading(traces["text"])
    found, tree = reading.steps, reading.tree
    columns = {
        "index": np.arange(len(found.text)) - found.border[found.text],
        "start": reading.texts.character(found.start),
        "end": reading.texts.character(found.end),
        "episode": _named(reading.episodes, EPISODES),
        "stage": _named(reading.stages, STAGES),
        "pivot": _named(reading.pivot_of_step, TYPES),
        "branch": tree.branch,
        "depth": tree.depth,
        "abandoned": tree.abandoned,
    }
    return pl.DataFrame({"trace_id": traces["trace_id"].gather(found.text), **columns}).cast(SCHEMAS[Step])


def _tokenizer(file: Path) -> Any:
    from understudy.registry import require

    require("train", "tokenizers")
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more specific
        hint = "name the tokenizer.json of a Hugging Face model"
        raise InputError(f"{file} is no tokenizer ({error})", hint) from None


def _named(numbers: Any, names: tuple[str, ...]) -> pl.Series:
    """The names that numbers stand for; -1 is null."""
    known = pl.Series([*names, None], dtype=pl.String)
    return known.gather(np.where(numbers < 0, len(names), numbers))


def _measure(rows: pl.DataFrame, core: bool, tokenizer: Any) -> pl.DataFrame:
    rows = rows.with_row_index("row")
    profiled = rows.drop_nulls("source")
    reading = _reading(profiled["text"])
    columns = measures.length(reading) | measures.turns(reading) | measures.parts(reading) | measures.shape(reading)
    if not core:
        questions, others = (profiled[name].fill_null("").to_list() for name in ("question", "other"))
        columns |= measures.cohesion(reading, questions, others)
        columns |= measures.efficiency(reading, questions, profiled["answer"].to_list())
    if tokenizer:
        encoded = tokenizer.encode_batch_fast(profiled["text"].to_list(), add_special_tokens=False)
        columns["tokens"] = np.fromiter(map(len, encoded), np.int64, len(encoded))
    known = pl.DataFrame({"row": profiled["row"], **columns})
    result = rows.select("row", *_ABOUT).join(known, "row", "left", maintain_order="left")
    return result.select(_column(name, kind, name in result.columns) for name, kind in MEASURES.items())


def _column(name: str, kind: pl.DataType, known: bool) -> pl.Expr:
    """A column of the table of measures: missing is null, also where it is no number."""
    if not known:
        return pl.lit(None, kind).alias(name)
    return pl.col(name).cast(kind).fill_nan(None) if kind.is_float() else pl.col(name).cast(kind)
