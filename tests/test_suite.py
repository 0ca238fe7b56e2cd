"""A suite: several test sets as one task, each with its own rule."""

import json
from pathlib import Path
from typing import Any

import pytest

from understudy import registry
from understudy.collect import draw
from understudy.config import load
from understudy.errors import ContaminationError, InputError, StudyError
from understudy.plan import plan
from understudy.registry import Piece
from understudy.rundir import keys
from understudy.types import Trace
from understudy.verify import verify

ADDING = {"question": "What is 2 + 2?", "answer": "4"}
CHOICE = {"question": "Which letter comes first? (A) b (B) a", "answer": "B"}


def rows(path: Path, *said: dict[str, str]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in said))
    return str(path)


def suite(tmp_path: Path, **more: Any) -> Any:
    sums = rows(tmp_path / "sums.jsonl", ADDING, {"question": "What is 2 + 3?", "answer": "5"})
    letters = {"test": rows(tmp_path / "letters.jsonl", CHOICE), "grader": "choice"}
    test = {"sums": {"questions": {"test": sums}}, "letters": {"questions": letters}}
    return registry.build("tasks", Piece("suite", {"test": test, **more}), root=Path())


def test_each_problem_is_graded_by_the_rule_of_its_set(tmp_path: Path) -> None:
    task = suite(tmp_path)
    problems = task.problems("test", None, 0)
    assert [p.metadata["benchmark"] for p in problems] == ["sums", "sums", "letters"]
    said = ["It is $4.00$.", "7", "The answer is (B)."]
    traces = [Trace(str(n), p.problem_id, "m", text) for n, (p, text) in enumerate(zip(problems, said, strict=True))]
    scores = verify(traces, {p.problem_id: p for p in problems}, task)
    assert [score.value for score in scores] == [1, 0, 1]
    assert [task.grade(p, text).value for p, text in zip(problems, said, strict=True)] == [1, 0, 1]


def test_n_is_taken_of_every_set(tmp_path: Path) -> None:
    names = [p.metadata["benchmark"] for p in suite(tmp_path).problems("test", 1, 0)]
    assert names == ["sums", "letters"]


def test_training_problems_are_another_source_s(tmp_path: Path) -> None:
    assert [p.answer for p in suite(tmp_path).problems("train", None, 0)] == ["7"]
    with pytest.raises(ContaminationError, match="suite has test sets only"):
        suite(tmp_path, train=None).problems("train", 1, 0)


def test_a_training_question_that_is_in_any_set_is_refused(tmp_path: Path) -> None:
    leaky = {"questions": {"train": rows(tmp_path / "train.jsonl", CHOICE)}}
    with pytest.raises(ContaminationError, match="1 of 1 training problems occur in the test split"):
        draw(suite(tmp_path, train=leaky), None, None, 0)


def test_two_sets_cannot_hold_the_same_problem(tmp_path: Path) -> None:
    same = {"questions": {"test": rows(tmp_path / "same.jsonl", ADDING)}}
    with pytest.raises(InputError, match="the sets a and b hold the same problem: 'What is 2"):
        suite(tmp_path, test={"a": same, "b": same}).problems("test", None, 0)


@pytest.mark.parametrize(("test", "said"), [({}, "names no test set"), ({"r": "reach"}, "cannot hold 'r'")])
def test_what_cannot_be_a_set_is_refused(test: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=said):
        suite(tmp_path, test=test)


def test_other_content_of_a_set_s_file_is_another_key(tmp_path: Path) -> None:
    file = tmp_path / "sums.jsonl"
    study = tmp_path / "study.yaml"
    task = {"suite": {"test": {"sums": {"questions": {"test": "sums.jsonl"}}}}}
    arms = {"a": {"from": {"file": {"path": "sums.jsonl"}}}}
    study.write_text(json.dumps({"study": "s", "task": task, "arms": arms}))
    found = []
    for answer in "45":
        rows(file, {**ADDING, "answer": answer})
        found.append(keys(plan(load(study), tmp_path))["problems"])
    assert found[0] != found[1]
