"""Corpora: files of traces, measured as they are read, with the texts of some for the page.

    found = corpora(exchange.traces([Path("r1.jsonl.gz")]), "R1")
    found["R1"].measures

Measures of all traces are kept, texts and steps of some.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from understudy import profile
from understudy.report.profile import Corpus

SAMPLE = 200
"""Traces of a corpus whose texts and steps are kept for the page's ribbons, trees and examples."""
BY = ("model", "task", "correct")
"""What a corpus can be parted by."""


def corpora(
    frames: Iterable[pl.DataFrame],
    name: str,
    by: str | None = None,
    core: bool = False,
    tokenizer: Path | None = None,
    workers: int = 1,
    sample: int = SAMPLE,
) -> dict[str, Corpus]:
    """The traces of some frames as one corpus, or as one for each model, task or outcome.

    ``correct`` grades each response by the ``number`` grader with the reference answer that came with the trace; what
    cannot be graded is a corpus of its own. Texts and steps are those of the first ``sample`` traces of each.
    Frames may come from a file that is larger than memory.
    """
    kept: list[pl.DataFrame] = []
    groups: list[pl.Series] = []
    passed = _passed(frames, by, sample, kept, groups)
    measured = list(profile.stream(passed, core=core, tokenizer=tokenizer, workers=workers))
    if not measured:
        return {}
    table = pl.concat(measured).with_columns(group=pl.concat(groups) if by else pl.lit(name))
    texts = pl.concat(kept)
    steps = profile.steps(texts)
    shown = texts.select("trace_id", text=profile.text(), question=pl.col("metadata").str.json_path_match("$.prompt"))
    shown = shown.drop_nulls("text")
    found: dict[str, Corpus] = {}
    for (group,), rows in table.group_by("group", maintain_order=True):
        ids = rows.select("trace_id")
        label = f"{name}: {group}" if by else name
        corpus = Corpus(rows.drop("group"), *(one.join(ids, "trace_id", "semi") for one in (shown, steps)))
        found[label] = corpus
    return found


def _passed(
    frames: Iterable[pl.DataFrame], by: str | None, most: int, kept: list[pl.DataFrame], groups: list[pl.Series]
) -> Iterator[pl.DataFrame]:
    """The frames as they are; the first traces of each group are kept, and the group of every trace."""
    have: dict[str, int] = defaultdict(int)
    for frame in frames:
        group = _groups(frame, by)
        groups.append(group)
        place = pl.int_range(pl.len()).over(group.alias("group"))
        before = pl.Series([have[value] for value in group], dtype=pl.Int64)
        kept.append(frame.filter(place + before < most))
        for value, count in group.value_counts().iter_rows():
            have[value] += count
        yield frame


def _groups(frame: pl.DataFrame, by: str | None) -> pl.Series:
    if by == "correct":
        return _outcomes(frame)
    column = {
        None: pl.lit("", pl.String),
        "model": pl.col("model"),
        "task": pl.col("problem_id").str.replace(r"-[^-]*$", ""),
    }[by]
    return frame.with_columns(group=column)["group"]


def _outcomes(frame: pl.DataFrame) -> pl.Series:
    from understudy.graders.number import Number
    from understudy.types import Problem

    grader = Number()
    names: dict[float | None, str] = {1.0: "right", 0.0: "wrong"}
    answer = pl.when(pl.col("error").is_null()).then(pl.col("metadata").str.json_path_match("$.answer"))
    values = [
        None if reference is None else grader.grade(Problem("", "", "", reference, "test"), response).value
        for response, reference in frame.select("response", answer).iter_rows()
    ]
    return pl.Series("group", [names.get(value, "not graded") for value in values])
