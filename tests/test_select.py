"""Selectors: what an arm keeps of a model's traces, and what becomes of the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from understudy import registry, run, tables
from understudy.errors import StudyError, UnknownName
from understudy.registry import Piece
from understudy.select import check, keep, select
from understudy.types import Problem, Score, Trace

PROBLEMS = {name: Problem(name, "t", name, "1", "train") for name in "ab"}
TRACES = [
    Trace("T/a/0", "a", "m", "long and right", sample=0),
    Trace("T/a/1", "a", "m", "right", sample=1),
    Trace("T/b/0", "b", "m", "wrong", sample=0),
    Trace("T/b/1", "b", "m", "cut", sample=1, finish_reason="length"),
]
SCORES = [
    *(Score(f"T/a/{n}", "answer", 1.0) for n in (0, 1)),
    Score("T/b/0", "answer", 0.0),
    Score("T/b/1", "answer", None, None, "not scored: truncated"),
    Score("T/b/0", "trace", 1.0),
]


def kept(name: str, **parameters: Any) -> list[str]:
    entry = registry.build("selectors", Piece(name, parameters))
    reasons = select(TRACES, SCORES, PROBLEMS, entry)
    return [trace.trace_id for trace in keep(TRACES, reasons, "T", name)]


@pytest.mark.parametrize(
    ("name", "parameters", "ids"),
    [
        ("right", {}, ["T/a/0", "T/a/1"]),
        ("wrong", {}, ["T/b/0"]),
        ("finished", {}, ["T/a/0", "T/a/1", "T/b/0"]),
        ("shortest", {}, ["T/a/1", "T/b/0"]),
        ("shortest", {"n": 2}, ["T/a/0", "T/a/1", "T/b/0", "T/b/1"]),
    ],
)
def test_what_is_kept(name: str, parameters: dict[str, Any], ids: list[str]) -> None:
    assert kept(name, **parameters) == ids


def test_what_is_left_out_is_counted_with_its_reason() -> None:
    reasons = select(TRACES, SCORES, PROBLEMS, registry.build("selectors", Piece("right", {})))
    row = check("ST", "right", reasons).row(0, named=True)
    assert (row["value"], row["n"], row["dropped"]) == (0.5, 4, 2)
    assert json.loads(row["dropped_reasons"]) == {"its answer is wrong": 1, "not scored: truncated": 1}


def test_keeping_nothing_is_refused_with_the_commonest_reason() -> None:
    wrong = [trace for trace in TRACES if trace.problem_id == "a"]
    reasons = select(wrong, SCORES, PROBLEMS, registry.build("selectors", Piece("wrong", {})))
    with pytest.raises(StudyError, match=r"arm 'ST-W': wrong keeps none of 2 traces \(mostly: its answer is right\)"):
        keep(wrong, reasons, "ST-W", "wrong")


STUDY = """
study: selected
task: reach
problems: {test: 20}
arms:
  ST: {from: search}
  mixed: {from: search, select: right, vary: wrong-ending}
  W: {from: mixed, select: [wrong, shortest]}
"""


def test_a_study_selects_from_models_and_arms(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STUDY)
    place = run(tmp_path / "s.yaml", tmp_path / "run", workers=1)
    traces = tables.read_records(Trace, place / "traces/test/W/0-collected.parquet")
    assert len(traces) == 20
    assert {(t.trace_id.split("/")[0], (t.parent_id or "").split("/")[0]) for t in traces} == {("W", "mixed")}
    checks = tables.read(place / "checks.parquet").rows(named=True)
    counts = {(row["arm"], row["variant"]): (row["n"], row["dropped"]) for row in checks}
    assert counts["mixed", "right"] == (20, 0) == counts["W", "wrong"] == counts["W", "shortest"]


def test_an_unknown_selector_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STUDY.replace("shortest", "shorter"))
    with pytest.raises(UnknownName, match="shorter"):
        run(tmp_path / "s.yaml", tmp_path / "run")
    assert not (tmp_path / "run").exists()
