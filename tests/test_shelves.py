"""Conformance: one test a promise, run over everything on a shelf."""

from dataclasses import is_dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy import registry
from understudy.errors import StudyError, UnknownName
from understudy.protocols import CheckableTask, Format, Grader, Model, Puzzle, Student, Task, Variant
from understudy.randomness import stream
from understudy.registry import SHELVES, Piece
from understudy.types import Problem, Sampling, Score, Skip, Trace
from understudy.vary import CLAIMS

PROTOCOLS = {
    "tasks": Task,
    "models": Model,
    "students": Student,
    "variants": Variant,
    "graders": Grader,
    "formats": Format,
}
NEEDS_A_FILE = {"file", "transformers"}  # tested on files of their own in test_real_files and test_students
ENTRIES = [(shelf, name) for shelf in SHELVES for name in registry.modules(shelf)]
TEACHERS = [name for name in registry.modules("models") if name not in NEEDS_A_FILE]
ANY_TEXT = st.text(max_size=200) | st.text("answer 0123456789+x .\\boxed{}<think>/$,-", max_size=80)


def build(shelf: str, name: str) -> object:
    task = registry.build("tasks", Piece("reach", {}))
    return registry.build(shelf, Piece(name, {}), task=task, root=Path())


REACH = build("tasks", "reach")
PROBLEMS = REACH.problems("train", 30, 0)


@pytest.mark.parametrize(("shelf", "name"), ENTRIES)
def test_entry_is_a_described_frozen_dataclass(shelf: str, name: str) -> None:
    entry = registry.load(shelf, name)
    assert is_dataclass(entry) and entry.__dataclass_params__.frozen
    assert registry.describe(shelf, name).endswith((".", ")."))
    assert entry.__doc__


@pytest.mark.parametrize(("shelf", "name"), [e for e in ENTRIES if e[1] not in NEEDS_A_FILE])
def test_entry_keeps_its_protocol_and_refuses_unknown_parameters(shelf: str, name: str) -> None:
    assert isinstance(build(shelf, name), PROTOCOLS[shelf])
    with pytest.raises(UnknownName, match="has no parameter 'no_such'"):
        registry.build(shelf, Piece(name, {"no_such": 1}))


@pytest.mark.parametrize("name", registry.modules("tasks"))
def test_task_gives_the_same_problems_again_and_never_shares_them_between_splits(name: str) -> None:
    task = build("tasks", name)
    train, test = task.problems("train", 3, 1), task.problems("test", 3, 1)
    assert train == task.problems("train", 3, 1)
    assert len({p.problem_id for p in [*train, *test]}) == len(train) + len(test) >= 2
    assert {p.split for p in train} == {"train"} and {p.split for p in test} == {"test"}


@pytest.mark.parametrize("name", registry.modules("tasks"))
def test_task_scores_gold_one_and_empty_zero(name: str) -> None:
    task = build("tasks", name)
    for problem in task.problems("test", 4, 0):
        assert task.grade(problem, problem.answer).value == 1
        assert task.grade(problem, "").value == 0


@settings(max_examples=50, deadline=None)
@given(text=ANY_TEXT)
@pytest.mark.parametrize("name", registry.modules("tasks"))
def test_task_scores_any_text(name: str, text: str) -> None:
    task = build("tasks", name)
    problem = task.problems("test", 1, 0)[0]
    assert task.grade(problem, text).value in (None, 0.0, 1.0)
    if isinstance(task, CheckableTask):
        assert task.check_trace(problem, text, text).value in (None, 0.0, 1.0)


@pytest.mark.parametrize("name", TEACHERS)
def test_teacher_is_right_and_repeatable_whatever_the_order(name: str) -> None:
    model = build("models", name)
    traces = list(model.generate(PROBLEMS, Sampling()))
    again = list(model.generate(PROBLEMS[::-1], Sampling()))[::-1]
    assert traces == again
    for problem, trace in zip(PROBLEMS, traces, strict=True):
        assert trace.problem_id == problem.problem_id
        assert REACH.grade(problem, trace.response).value == 1
        assert REACH.check_trace(problem, trace.reasoning, trace.response).value == 1


def _template_traces() -> list[Trace]:
    return list(build("models", "template").generate(PROBLEMS, Sampling()))


@pytest.mark.parametrize("name", registry.modules("variants"))
def test_variant_does_what_it_declares(name: str) -> None:
    variant = build("variants", name)
    assert {f"keeps {c}" for c in variant.keeps} | {f"makes {c}" for c in variant.makes} <= set(CLAIMS)
    for problem, before in zip(PROBLEMS, _template_traces(), strict=True):
        after = variant.vary(before, problem, stream(0, name, problem.problem_id))
        assert after == variant.vary(before, problem, stream(0, name, problem.problem_id))
        assert not isinstance(after, Skip)
        assert (after.trace_id, after.problem_id) == (before.trace_id, before.problem_id)
        after = replace(after, parent_id=before.trace_id)
        answer = {after.trace_id: REACH.grade(problem, after.response).value}
        checked = after.reasoning and REACH.check_trace(problem, after.reasoning, after.response).value
        for claim in [*(f"keeps {c}" for c in variant.keeps), *(f"makes {c}" for c in variant.makes)]:
            assert CLAIMS[claim](before, after, answer, {after.trace_id: checked}) is True, claim


@pytest.mark.parametrize("name", registry.modules("variants"))
def test_variant_skips_with_a_reason_what_it_cannot_change(name: str) -> None:
    changed = build("variants", name).vary(Trace("t", PROBLEMS[0].problem_id, "m", ""), PROBLEMS[0], stream(0))
    assert isinstance(changed, Trace) or changed.reason


@settings(max_examples=200, deadline=None)
@given(text=ANY_TEXT, gold=ANY_TEXT)
@pytest.mark.parametrize("name", registry.modules("graders"))
def test_grader_scores_any_text(name: str, text: str, gold: str) -> None:
    score = build("graders", name).grade(Problem("p", "t", "?", gold, "test"), text)
    assert isinstance(score, Score) and score.value in (None, 0.0, 1.0)


@pytest.mark.parametrize("name", registry.modules("graders"))
def test_grader_scores_gold_one(name: str) -> None:
    assert build("graders", name).grade(Problem("p", "t", "?", "18", "test"), "18").value == 1


PLAIN = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="<>"), max_size=60).map(str.strip)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(reasoning=st.none() | PLAIN, response=PLAIN)
@pytest.mark.parametrize("name", registry.modules("formats"))
def test_format_round_trips(name: str, reasoning: str | None, response: str) -> None:
    made = build("formats", name)
    assert made.split(made.join(reasoning, response))[:2] == (reasoning, response)


@settings(max_examples=200, deadline=None)
@given(text=ANY_TEXT)
@pytest.mark.parametrize("name", registry.modules("formats"))
def test_format_splits_any_text(name: str, text: str) -> None:
    reasoning, response, closed = build("formats", name).split(text)
    assert isinstance(response, str) and isinstance(closed, bool) and (reasoning is None or reasoning in text)


@pytest.mark.parametrize("parameters", [{"depth": 0}, {"operations": 99}, {"depth": "deep"}, {"min_tries": 17}])
def test_reach_refuses_impossible_settings(parameters: dict[str, object]) -> None:
    with pytest.raises(StudyError):
        registry.build("tasks", Piece("reach", parameters))


@pytest.mark.parametrize(("depth", "operations"), [(1, 3), (2, 4), (3, 3), (4, 2)])
def test_reach_of_any_depth_has_right_teachers(depth: int, operations: int) -> None:
    task = registry.build("tasks", Piece("reach", {"depth": depth, "operations": operations}))
    assert isinstance(task, Puzzle)
    problems = task.problems("test", 20, 3)
    for name in TEACHERS:
        for problem, trace in zip(
            problems,
            registry.build("models", Piece(name, {}), task=task).generate(problems, Sampling()),
            strict=True,
        ):
            assert task.check_trace(problem, trace.reasoning, trace.response).value == 1


PUZZLE = Problem("p", "reach", "from 4 use +3 x2 +7 x9 reach 1 in_2 ?", "answer +7 +3", "test")


@pytest.mark.parametrize(
    ("reasoning", "response", "wrong"),
    [
        ("4 +7 1 +3 4 want 1 miss . 4 +3 7 x2 4 want 1 hit", "answer +3 x2", "step 2: 4 is not the target"),
        ("4 +3 8 x2 6 want 1 miss", "answer +3 x2", "step 1: 4 +3 is 7, not 8"),
        ("5 +3 8", "answer +3 x2", "step 1: '5 +3 8' does not start at 4"),
        ("4 +3 7 +5 2 want 1 miss", "answer", "step 1: +5 is not allowed"),
        ("4 x9 6 x2 2 want 2 hit", "answer x9 x2", "step 1: the target is 1"),
        ("let me restate : reach 7", "answer x9 x2", "step 1: the target is 1"),
        ("step 4 +7 1 . step 2 x2 4", "answer +7 x2", "step 2: '2 x2 4' does not start at 1"),
        ("4 x2 8 +3 1 want 1 hit", "answer +3 x2", "the answer is not what the trace confirmed"),
        ("4 x2 8 +3 1 want 1 miss", "answer x2 +3", "step 1: 1 is the target"),
        ("4 x2 8 +3 1 want 1 hit", "answer x2 +3", None),
        ("step 4 x2 8 . step 8 +3 1 .", "answer x2 +3", None),
    ],
)
def test_reach_says_at_which_step_a_trace_goes_wrong(reasoning: str, response: str, wrong: str | None) -> None:
    score = REACH.check_trace(PUZZLE, reasoning, response)
    assert (score.value, score.explanation) == (
        (1.0, "every step is right and supports the answer") if wrong is None else (0.0, wrong)
    )


def test_reach_is_answered_by_chance_in_about_a_sixth() -> None:
    """The published figure for these settings is 17.6 %; other draws of problems give a little more or less."""
    problems = REACH.problems("test", 400, 0)
    shares = [[REACH.solves(p, c) for c in REACH.candidates(p)] for p in problems]
    chance = sum(sum(share) / len(share) for share in shares) / len(shares)
    assert 0.15 < chance < 0.20
