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
) -> dict[str, Corpus]:
    """The traces of some frames as one corpus, or as one for each model, task or outcome.

    ``correct`` grades each response by the ``number`` grader with the reference answer that came with the trace; what
    cannot be graded is a corpus of its own. Frames may come from a file that is larger than memory.
    """
    sample: list[pl.DataFrame] = []
    groups: list[pl.Series] = []
    measured = list(profile.stream(_kept(frames, by, sample, groups), core=core, tokenizer=tokenizer, workers=workers))
    if not measured:
        return {}
    table = pl.concat(measured).with_columns(group=pl.concat(groups) if by else pl.lit(name))
    texts = pl.concat(sample)
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


def _kept(
    frames: Iterable[pl.DataFrame], by: str | None, sample: list[pl.DataFrame], groups: list[pl.Series]
) -> Iterator[pl.DataFrame]:
    """Pass the frames on; keep the first traces of each group, and the group of every trace."""
    have: dict[str, int] = defaultdict(int)
    for frame in frames:
        group = _groups(frame, by)
        groups.append(group)
        place = pl.int_range(pl.len()).over(group.alias("group"))
        before = pl.Series([have[value] for value in group], dtype=pl.Int64)
        sample.append(frame.filter(place + before < SAMPLE))
        for value, count in group.value_counts().iter_rows():
            have[value] += count
        yield frame


def _groups(frame: pl.DataFrame, by: str | None) -> pl.Series:
    if by == "correct":
        return pl.Series("group", [_outcome(*row) for row in frame.select("response", "error", "metadata").rows()])
    column = {
        None: pl.lit("", pl.String),
        "model": pl.col("model"),
        "task": pl.col("problem_id").str.replace(r"-[^-]*$", ""),
    }[by]
    return frame.with_columns(group=column)["group"]


def _outcome(response: str, error: str | None, metadata: str) -> str:
    import json

    from understudy.graders.number import Number
    from understudy.types import Problem

    answer = json.loads(metadata).get("answer") if metadata else None
    if error is not None or not isinstance(answer, str):
        return "not graded"
    reference = answer.rpartition("####")[2].strip()
    value = Number().grade(Problem("", "", "", reference, "test"), response).value
    return {1.0: "right", 0.0: "wrong"}.get(-1.0 if value is None else value, "not graded")
