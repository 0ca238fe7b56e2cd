"""The manipulation check: does a variant move what it says, and nothing else?"""

import re
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

import polars as pl
import pytest

from understudy.tables import to_frame
from understudy.types import Problem, Score, Skip, Trace
from understudy.vary import CHECKS, MOVED, check, moved, vary

PROBLEMS = {f"p{i}": Problem(f"p{i}", "t", f"What is {i} + 1?", str(i + 1), "train") for i in range(12)}
TEXT = (
    "So I add {i} and 1, one after the other, slowly. {pivot}That is {j}. Let me check: {j} - 1 = {i}. Yes, it is {j}."
)


@dataclass(frozen=True)
class WithoutWait:
    """Takes every "wait" away."""

    keeps: ClassVar[frozenset[str]] = frozenset({"answer", "length", "structure"})
    makes: ClassVar[frozenset[str]] = frozenset({"other-pivots"})

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        return replace(trace, reasoning=(trace.reasoning or "").replace("Wait. ", ""))


@dataclass(frozen=True)
class Half(WithoutWait):
    """Says that it takes every "wait" away, and cuts the trace in half."""

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        reasoning = trace.reasoning or ""
        return replace(trace, reasoning=reasoning[: len(reasoning) // 2])


def traces(waits: int = 12) -> list[Trace]:
    texts = [TEXT.format(i=i, j=i + 1, pivot="Wait. " if i < waits else "") for i in range(12)]
    return [Trace(f"a/p{i}/0", f"p{i}", "m", str(i + 1), text) for i, text in enumerate(texts)]


def checked(variant: WithoutWait, before: list[Trace]) -> dict[str, float | None]:
    after = vary(before, PROBLEMS, variant, "v", "b", 0)
    scores = [Score(trace.trace_id, "answer", 1.0) for trace in after]
    table = check("b", "v", variant, {trace.trace_id: trace for trace in before}, after, scores)
    assert table.schema == CHECKS
    return dict(table.select("claim", "value").iter_rows())


def test_a_declaration_that_holds() -> None:
    assert checked(WithoutWait(), traces()) == {
        "keeps answer": 1.0,
        "keeps length": 1.0,
        "keeps structure": 1.0,
        "makes other-pivots": 1.0,
    }


def test_pivots_that_were_not_there_are_not_moved() -> None:
    assert checked(WithoutWait(), traces(waits=3))["makes other-pivots"] == 0.25


def test_a_declaration_that_does_not_hold_is_told() -> None:
    assert checked(Half(), traces())["keeps length"] == 0.0


def test_what_moved_is_measured_in_pairs() -> None:
    before = traces(waits=6)
    after = vary(before, PROBLEMS, WithoutWait(), "v", "b", 0)
    table = moved("b", "v", to_frame(Trace, before), to_frame(Trace, after))
    assert table.schema == MOVED
    row = table.row(by_predicate=(pl.col("measure") == "realization") & (pl.col("kind") == "raw"), named=True)
    assert (row["n"], row["before"], row["after"], row["difference"]) == (12, 0.5, 0.0, -0.5)
    assert row["lower"] < -0.5 < row["upper"] < 0
    still = table.filter((pl.col("measure") == "verification") & (pl.col("kind") == "raw"))
    assert still["difference"].to_list() == [0.0]


def test_a_trace_without_reasoning_is_no_pair() -> None:
    before = traces()
    after = [
        replace(trace, trace_id=f"b{i}", parent_id=trace.trace_id, reasoning=None) for i, trace in enumerate(before)
    ]
    assert moved("b", "v", to_frame(Trace, before), to_frame(Trace, after))["n"].max() in (None, 0)


@pytest.mark.parametrize("error", ["it failed", None])
def test_failed_traces_are_left_out(error: str | None) -> None:
    before = traces()
    after = vary(before, PROBLEMS, WithoutWait(), "v", "b", 0)
    after = [replace(after[0], error=error), *after[1:]]
    found = moved("b", "v", to_frame(Trace, before), to_frame(Trace, after))
    assert found["n"].max() == (11 if error else 12)
    assert not re.search("wait", after[1].reasoning or "", re.IGNORECASE)
