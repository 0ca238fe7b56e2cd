"""Traces to read: each step shaded by its stage, each pivot underlined with its type.

    groups({"R1": corpus, "GPT-4o": other})[0].excerpts

They are not picked by hand: of the problems that the samples of all corpora share, those at which the first corpus
wrote a short, a middling and a long trace (quartiles of length). Where none is shared, each corpus shows its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from understudy.report.parts import Part, cut
from understudy.report.profile import Corpus
from understudy.report.profile.columns import STAGES
from understudy.style.pivots import spans

FOLD = 1_500
"""Characters from which the rest of a trace is folded up."""
MOST = 20_000
"""Characters of a trace that are shown."""
_QUESTION = 2_000
_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Shaded:
    """A step, or a piece of one: its parts, and the white space after it, which is not shaded.

    ``opens`` says that the step before has another stage, so that the stage is written out.
    """

    stage: str | None
    about: str
    opens: bool
    abandoned: bool
    parts: Sequence[Part]
    gap: str


@dataclass(frozen=True)
class Excerpt:
    """A trace: what is shown at once, what is folded up, and how many characters that is and are left out."""

    corpus: str
    trace_id: str
    words: int | None
    shown: Sequence[Shaded]
    folded: Sequence[Shaded]
    more: int
    left_out: int


@dataclass(frozen=True)
class Group:
    """Traces of one problem, whose text may be unknown."""

    question: str | None
    excerpts: Sequence[Excerpt]


def groups(corpora: Mapping[str, Corpus]) -> list[Group]:
    """Up to three problems with a trace of every corpus each, or up to three of each corpus alone."""
    samples = {name: _sample(corpus) for name, corpus in corpora.items()}
    samples = {name: sample for name, sample in samples.items() if len(sample)}
    shared = _shared(list(samples.values()))
    if shared:
        first = next(iter(samples.values())).filter(pl.col("problem").is_in(shared))
        return [_group(corpora, samples, problem) for problem in _quartiles(first)]
    alone = [({name: sample}, problem) for name, sample in samples.items() for problem in _quartiles(sample)]
    return [_group(corpora, sample, problem) for sample, problem in alone]


def excerpt(name: str, trace: Mapping[str, Any], steps: pl.DataFrame) -> Excerpt:
    """A trace (``trace_id``, ``text``, ``words``) with its steps; text that no step covers is shown without a stage."""
    text = trace["text"]
    steps = steps.filter(pl.col("start") < MOST)
    ends = [end for end in steps["end"].to_list() if FOLD <= end <= FOLD + FOLD // 2]
    fold = min(ends, default=FOLD) if len(text) > FOLD + FOLD // 2 else len(text)
    shaded = list(_shaded(text[:MOST], steps, fold))
    at = next((index for index, (start, _) in enumerate(shaded) if start >= fold), len(shaded))
    return Excerpt(
        corpus=name,
        trace_id=trace["trace_id"],
        words=trace["words"],
        shown=[step for _, step in shaded[:at]],
        folded=[step for _, step in shaded[at:]],
        more=len(text) - fold,
        left_out=max(len(text) - MOST, 0),
    )


def _sample(corpus: Corpus) -> pl.DataFrame:
    """The traces that have a text, one a problem, the shortest first."""
    known = corpus.measures.join(corpus.texts, on="trace_id", how="semi", maintain_order="left")
    known = known.select("trace_id", "problem_id", "words").unique("trace_id", keep="first", maintain_order=True)
    sample = corpus.texts.join(known, on="trace_id", how="left", maintain_order="left")
    sample = sample.with_columns(problem=pl.coalesce("problem_id", "trace_id"))
    length = pl.coalesce("words", pl.col("text").str.len_chars().cast(pl.Int64))
    return sample.unique("problem", keep="first", maintain_order=True).sort(length, maintain_order=True)


def _shared(samples: Sequence[pl.DataFrame]) -> list[str]:
    sets = [set(sample["problem"]) for sample in samples]
    return sorted(set.intersection(*sets)) if sets else []


def _quartiles(sample: pl.DataFrame) -> list[str]:
    """The problems at the quartiles of a sorted sample, each once."""
    places = [round(quartile * (len(sample) - 1)) for quartile in _QUARTILES]
    return list(dict.fromkeys(sample["problem"][place] for place in places))


def _group(corpora: Mapping[str, Corpus], samples: Mapping[str, pl.DataFrame], problem: str) -> Group:
    excerpts, questions = [], []
    for name, sample in samples.items():
        trace = sample.filter(pl.col("problem") == problem).row(0, named=True)
        steps = corpora[name].steps.filter(pl.col("trace_id") == trace["trace_id"]).sort("start")
        excerpts.append(excerpt(name, trace, steps))
        questions.append(trace["question"])
    question = next((text for text in questions if text), None)
    if question and len(question) > _QUESTION:
        question = f"{question[:_QUESTION]} …"
    return Group(question, excerpts)


def _shaded(text: str, steps: pl.DataFrame, fold: int) -> Iterator[tuple[int, Shaded]]:
    """The steps with their starts, cut at ``fold`` and at the end of the text, gaps between them filled."""
    pivots = spans(text)
    before: str | None = None
    for start, end, row in _tiles(steps, len(text)):
        stage = row.get("stage") if row.get("stage") in STAGES else None
        for first, last in _cut(start, end, fold):
            body = text[first:last].rstrip()
            parts = cut(text, first, first + len(body), pivots)
            opens = stage is not None and (stage != before or first == fold)
            about = ", ".join(f"{key} {row[key]}" for key in ("stage", "episode") if row.get(key))
            gap = text[first + len(body) : last]
            yield first, Shaded(stage, about, opens, bool(row.get("abandoned")), parts, gap)
        before = stage


def _tiles(steps: pl.DataFrame, length: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    at = 0
    for row in steps.iter_rows(named=True):
        start, end = max(row["start"], at), min(row["end"], length)
        if start > at and at < length:
            yield at, min(start, length), {}
        if end > start:
            yield start, end, row
        at = max(at, end)
    if at < length:
        yield at, length, {}


def _cut(start: int, end: int, fold: int) -> list[tuple[int, int]]:
    return [(start, fold), (fold, end)] if start < fold < end else [(start, end)]
