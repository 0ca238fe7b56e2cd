"""The manipulation check: does a variant move what it says, and nothing else?"""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import ClassVar

import polars as pl
import pytest

from understudy.config import load
from understudy.errors import StudyError
from understudy.plan import plan
from understudy.stages import _aligned, align_arms
from understudy.tables import to_frame, write
from understudy.types import Problem, Score, Skip, Trace
from understudy.vary import ALIGNED, CHECKS, MOVED, align, check, check_aligned, moved, vary

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


def arm(name: str, problems: str, failed: str = "") -> pl.DataFrame:
    """Traces of an arm: one a letter of ``problems``, those in ``failed`` with an error."""
    return to_frame(Trace, [Trace(f"{name}/{p}", p, "m", "x", error="no" if p in failed else None) for p in problems])


def test_problems_that_an_arm_lacks_are_left_out_of_every_arm_and_counted() -> None:
    aligned = align({"A": arm("A", "abcd"), "B": arm("B", "abcd", failed="b"), "C": arm("C", "dca")})
    assert aligned.schema == ALIGNED
    kept = aligned.filter(pl.col("lacking").list.len() == 0)["problem_id"].to_list()
    assert kept == ["a", "c", "d"] and aligned.filter(problem_id="b")["lacking"].to_list() == [["B", "C"]]
    (row,) = check_aligned(aligned).iter_rows(named=True)
    assert (row["arm"], row["value"], row["n"], row["dropped"]) == ("A", 0.75, 4, 1)
    assert json.loads(row["dropped_reasons"]) == {"no finished trace in B": 1, "no finished trace in C": 1}


def test_a_trace_that_was_cut_off_is_none_to_train_on() -> None:
    cut = arm("B", "ab").with_columns(
        finish_reason=pl.when(problem_id="b").then(pl.lit("length")).otherwise("finish_reason")
    )
    aligned = align({"A": arm("A", "ab"), "B": cut})
    assert aligned.filter(problem_id="b")["lacking"].to_list() == [["B"]]


def test_alignment_that_drops_nothing_says_nothing() -> None:
    aligned = align({"A": arm("A", "abx", failed="x"), "B": arm("B", "bax", failed="x")})
    assert aligned["problem_id"].to_list() == ["a", "b"]
    assert check_aligned(aligned).is_empty() and check_aligned(aligned).schema == CHECKS
    assert align({}).is_empty()


def test_arms_that_share_no_problem_are_a_mistake() -> None:
    with pytest.raises(StudyError, match="'B' has traces of 1"):
        align({"A": arm("A", "ab"), "B": arm("B", "c")})


def test_an_aligned_study_trains_on_what_every_arm_has(tmp_path: Path) -> None:
    text = "study: s\ntask: reach\nstudent: tiny-llama\narms:\n  A: {from: plain}\n  B: {from: A, vary: no-trace}\n"
    (tmp_path / "study.yaml").write_text(text)
    stages = {align: plan(load(tmp_path / "study.yaml", [f"align={align}"]), tmp_path) for align in ("true", "false")}
    assert stages["true"]["train/B-0"].inputs["aligned"] == "aligned"
    assert "checks/aligned" in stages["true"]["checks"].inputs
    assert (
        not any("aligned" in name for name in stages["false"]) and "aligned" not in stages["false"]["train/A-0"].inputs
    )


def test_training_gets_the_aligned_traces_alone(tmp_path: Path) -> None:
    for name, problems in (("A", "abc"), ("B", "bc")):
        write(arm(name, problems), tmp_path / name, "trace")
    arms = {"A": tmp_path / "A", "B": tmp_path / "B"}
    align_arms(arms, tmp_path / "aligned", {}, lambda done, total: None)
    inputs = {"traces": tmp_path / "A", "aligned": tmp_path / "aligned"}
    assert [trace.problem_id for trace in _aligned(inputs, "traces")] == ["b", "c"]
    assert [trace.problem_id for trace in _aligned({"traces": tmp_path / "A"}, "traces")] == ["a", "b", "c"]
