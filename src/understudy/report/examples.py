"""One trace of every arm, on the same problem where there is one that all attempted, with its pivots marked.

    [(part.text, part.pivot) for part in examples(contents)[0].reasoning]

The problem is not picked by hand: it is the first test problem that every arm attempted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from understudy.report import cells
from understudy.report.contents import Contents
from understudy.report.parts import Part, parts
from understudy.style.pivots import spans

LONG = 700
"""Characters from which an example is folded up."""
_MOST = 20_000
"""Characters of an example that are shown; R1 can write a hundred thousand."""


@dataclass(frozen=True)
class Example:
    """A trace as the report shows it. ``answer`` and ``trace`` are verdicts in a word or two."""

    arm: str
    prompt: str
    reference: str
    reasoning: Sequence[Part]
    response: Sequence[Part]
    answer: str
    trace: str
    words: int
    pivots: int
    cut: bool

    @property
    def text(self) -> str:
        """Both parts as plain text, an empty line between them."""
        both = ("".join(part.text for part in side) for side in (self.reasoning, self.response))
        return "\n\n".join(text for text in both if text)

    @property
    def long(self) -> bool:
        """Whether it is folded up at first."""
        return len(self.text) > LONG


def examples(contents: Contents) -> list[Example]:
    """An example of every arm that has one, of the first sampling and seed, in the order of the study."""
    if not contents.ways or not contents.seeds:
        return []
    attempts = {arm: found for arm in contents.arms if (found := _attempts(contents, arm))}
    shared = set.intersection(*map(set, attempts.values())) if attempts else set()
    order = dict(zip(contents.problems["problem_id"], contents.problems.iter_rows(named=True), strict=True))
    first = next((problem for problem in order if problem in shared), min(shared, default=None))
    chosen = {arm: found[first] if first else next(iter(found.values())) for arm, found in attempts.items()}
    return [_example(contents, arm, trace, order.get(trace["problem_id"], {})) for arm, trace in chosen.items()]


def same_problem(found: Sequence[Example]) -> bool:
    """Whether all examples are of one problem."""
    return len({example.prompt for example in found}) <= 1


def _attempts(contents: Contents, arm: str) -> dict[str, dict[str, Any]]:
    """The first sample at each problem that came to something, in the order of the table."""
    tables = (contents.test_table("traces", arm, contents.ways[0], seed) for seed in contents.seeds)
    frame = next((table for table in tables if table is not None), None)
    if frame is None:
        return {}
    wrote = pl.col("reasoning").fill_null("").str.len_chars() + pl.col("response").fill_null("").str.len_chars() > 0
    kept = frame.filter(pl.col("error").is_null() & wrote).unique("problem_id", keep="first", maintain_order=True)
    return {row["problem_id"]: row for row in kept.iter_rows(named=True)}


def _example(contents: Contents, arm: str, trace: dict[str, Any], problem: dict[str, Any]) -> Example:
    reasoning, response = (trace["reasoning"] or "").strip(), trace["response"] or ""
    full = f"{reasoning} {response}"
    verdicts = _verdicts(contents, arm, trace["trace_id"])
    return Example(
        arm=arm,
        prompt=problem.get("prompt") or trace["problem_id"],
        reference=problem.get("answer") or cells.DASH,
        reasoning=parts(reasoning[:_MOST]),
        response=parts(response[:_MOST]) if not reasoning else [Part(response[:_MOST], None)],
        answer=verdicts[0],
        trace=verdicts[1],
        words=len(full.split()),
        pivots=len(spans(reasoning or response)),
        cut=max(len(reasoning), len(response)) > _MOST,
    )


def _verdicts(contents: Contents, arm: str, trace_id: str) -> tuple[str, str]:
    of_first = pl.col("sampling").str.split(": ").list.last() == contents.ways[0]
    rows = contents.outcomes.filter(of_first, arm=arm, trace_id=trace_id).head(1).to_dicts()
    if not rows:
        return "answer not scored", "trace not checked"
    row = rows[0]
    unscored = "answer not scored" if row["status"] == "finished" else f"answer not scored: {row['status']}"
    words = {1.0: "right", 0.0: "wrong"}
    answer = f"answer {words[row['answer']]}" if row["answer"] in words else unscored
    return answer, f"trace {words[row['trace']]}" if row["trace"] in words else "trace not checked"
