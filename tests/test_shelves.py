"""Conformance: one test a promise, run over everything on a shelf."""

import json
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy import registry
from understudy.errors import StudyError, UnknownName
from understudy.protocols import (
    BatchGrader,
    CheckableTask,
    Format,
    Grader,
    Model,
    Puzzle,
    ScriptedTask,
    Selector,
    Student,
    Task,
    Variant,
)
from understudy.randomness import stream
from understudy.registry import SHELVES, Piece
from understudy.tables import to_frame
from understudy.types import Problem, Sampling, Score, Skip, Trace, Usage
from understudy.vary import CLAIMED, check, vary
from understudy.verify import verify

PROTOCOLS = {
    "tasks": Task,
    "models": Model,
    "selectors": Selector,
    "students": Student,
    "variants": Variant,
    "graders": Grader,
    "formats": Format,
}
NEEDS_A_FILE = {"hf", "file", "openai", "served", "transformers"}  # tested in test_hf, _real_files, _endpoint, _served
NEEDS_A_MODEL = {"judge", "trace-summary", "post-hoc"}  # tested with models of their own: test_verify, test_rewriting
NEEDS_A_MODEL |= {"st-hc", "sbs", "length-match"}  # tested with what they need in test_variants
NEEDS_MORE = NEEDS_A_FILE | NEEDS_A_MODEL
ENTRIES = [(shelf, name) for shelf in SHELVES for name in registry.modules(shelf)]
TEACHERS = [name for name in registry.modules("models") if name not in NEEDS_MORE]
VARIANTS = [name for name in registry.modules("variants") if name not in NEEDS_MORE]
GRADERS = [name for name in registry.modules("graders") if name not in NEEDS_MORE]
RIGHT = {"choice": ("C", "so (C)"), "json-field": ("18", '{"answer": "18"}')}
"""Reference and right response of graders that do not take a bare number."""
MARKERS = ("<think>", "</think>", "<think>\n", "\n</think>\n\n", " ", "\n", "think\n", "\nanswer\n", "<answer>")
SPECIAL = ("<|channel|>", "final<|message|>", "<|end|>", '{"reasoning": "', '", "answer": 1}', "Error after 6 attempts")
WRITTEN = st.lists(st.text(max_size=20) | st.sampled_from((*MARKERS, *SPECIAL)), max_size=6).map("".join)
FIELDS = st.sampled_from(
    [
        *(
            "messages",
            "role",
            "content",
            "conversations",
            "from",
            "value",
            "prompt",
            "completion",
            "instruction",
            "output",
        ),
        *(
            "question",
            "response",
            "reasoning",
            "answer",
            "data",
            "text",
            "usage",
            "understudy",
            "model",
            "solution",
            "x",
        ),
        *("full_cot", "raw_output", "finish_reason", "error", "tokens", "m (question)", "m Reasoning", "m Answer"),
    ]
)
ANY_TEXT = st.text(max_size=200) | st.text("answer 0123456789+x .\\boxed{}<think>/$,-", max_size=80)


REACH = registry.build("tasks", Piece("reach", {}))
STORIES = registry.build("tasks", Piece("stories", {}))
PROBLEMS = REACH.problems("train", 30, 0)


def task_for(shelf: str, name: str) -> Any:
    """The task that an entry is tried with: the puzzle, or the one with a script where it wants that."""
    return STORIES if get_type_hints(registry.load(shelf, name)).get("task") is ScriptedTask else REACH


def build(shelf: str, name: str) -> object:
    return registry.build(shelf, Piece(name, {}), task=task_for(shelf, name), root=Path())


@pytest.mark.parametrize(("shelf", "name"), ENTRIES)
def test_entry_is_a_described_frozen_dataclass(shelf: str, name: str) -> None:
    entry = registry.load(shelf, name)
    assert is_dataclass(entry) and entry.__dataclass_params__.frozen
    assert registry.describe(shelf, name).endswith((".", ")."))
    assert entry.__doc__


@pytest.mark.parametrize(("shelf", "name"), [e for e in ENTRIES if e[1] not in NEEDS_MORE])
def test_entry_keeps_its_protocol_and_refuses_unknown_parameters(shelf: str, name: str) -> None:
    assert isinstance(build(shelf, name), PROTOCOLS[shelf])
    with pytest.raises(UnknownName, match="has no parameter 'no_such'"):
        registry.build(shelf, Piece(name, {"no_such": 1}))


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.sampled_from([None, 0.0, 1.0]), min_size=1, max_size=6), text=st.text(max_size=20))
@pytest.mark.parametrize("name", registry.modules("selectors"))
def test_selector_says_of_every_attempt_why_it_goes(name: str, values: list[float | None], text: str) -> None:
    attempts = [
        (Trace(str(n), "p", "m", text * n, sample=n), Score(str(n), "answer", value)) for n, value in enumerate(values)
    ]
    reasons = build("selectors", name).select(attempts, PROBLEMS[0])
    assert len(reasons) == len(attempts) and "" not in reasons
    assert reasons == build("selectors", name).select(attempts, PROBLEMS[0])


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
        scores = task.check_trace(problem, text, text)
        assert scores[0].grader == "trace" and all(score.value in (None, 0.0, 1.0) for score in scores)


@pytest.mark.parametrize("name", TEACHERS)
def test_teacher_is_right_and_repeatable_whatever_the_order(name: str) -> None:
    model, task = build("models", name), task_for("models", name)
    problems = task.problems("train", 30, 0)
    traces = list(model.generate(problems, Sampling()))
    again = list(model.generate(problems[::-1], Sampling()))[::-1]
    assert traces == again
    for problem, trace in zip(problems, traces, strict=True):
        assert trace.problem_id == problem.problem_id
        assert task.grade(problem, trace.response).value == 1
        assert task.check_trace(problem, trace.reasoning, trace.response)[0].value == 1


def _taught(task: Any) -> list[tuple[Problem, Trace]]:
    """Problems, each with a right trace of a teacher."""
    problems = task.problems("train", 30, 0)
    teacher = build("models", "script" if task is STORIES else "template")
    return list(zip(problems, teacher.generate(problems, Sampling()), strict=True))


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_does_what_it_declares(name: str) -> None:
    variant, task = build("variants", name), task_for("variants", name)
    assert {f"keeps {c}" for c in variant.keeps} | {f"makes {c}" for c in variant.makes} <= CLAIMED
    taught = _taught(task)
    before = {trace.trace_id: trace for _, trace in taught}
    problems = {problem.problem_id: problem for problem, _ in taught}
    after = vary(list(before.values()), problems, variant, name, "b", 0)
    assert after == vary(list(before.values()), problems, variant, name, "b", 0)
    assert [(t.parent_id, t.error) for t in after] == [(name, None) for name in before]
    assert [t.problem_id for t in after] == list(problems)
    checked = check("b", name, variant, before, after, verify(after, problems, task))
    assert checked["value"].to_list() == [1.0] * (len(variant.keeps) + len(variant.makes)), checked


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_skips_with_a_reason_what_it_cannot_change(name: str) -> None:
    changed = build("variants", name).vary(Trace("t", PROBLEMS[0].problem_id, "m", ""), PROBLEMS[0], stream(0))
    assert isinstance(changed, Trace) or changed.reason


@settings(max_examples=200, deadline=None)
@given(text=ANY_TEXT, gold=ANY_TEXT)
@pytest.mark.parametrize("name", GRADERS)
def test_grader_scores_any_text_and_says_why(name: str, text: str, gold: str) -> None:
    score = build("graders", name).grade(Problem("p", "t", "?", gold, "test"), text)
    assert isinstance(score, Score) and (score.value is None or 0 <= score.value <= 1) and score.explanation


@pytest.mark.parametrize("name", GRADERS)
def test_grader_scores_gold_one_blank_zero_and_without_gold_null(name: str) -> None:
    grader = build("graders", name)
    gold, response = RIGHT.get(name, ("18", "18"))
    problem = Problem("p", "t", "?", gold, "test")
    assert grader.grade(problem, response).value == 1
    assert grader.grade(problem, " \n").value == 0
    assert grader.grade(replace(problem, answer=None), response).value is None


@pytest.mark.parametrize("name", GRADERS)
def test_grader_reads_without_the_reference_and_compares_without_the_text(name: str) -> None:
    grader = build("graders", name)
    gold, response = RIGHT.get(name, ("18", "18"))
    problem = Problem("p", "t", "?", gold, "test")
    found = grader.extract(replace(problem, answer="another"), response)
    assert found.how and grader.compare(problem, found.answer).value == 1
    assert grader.grade(problem, response).answer == found.answer


@pytest.mark.parametrize("name", [name for name in GRADERS if isinstance(build("graders", name), BatchGrader)])
def test_many_responses_at_once_are_graded_as_one_by_one(name: str) -> None:
    grader = build("graders", name)
    pairs = [
        (Problem("p", "t", "?", gold, "test"), text) for gold in ("18", "x+1", "") for text in ("18", "1+x", "", "?")
    ]
    assert grader.grade_all(pairs) == [grader.grade(problem, text) for problem, text in pairs]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
TRACES = st.builds(
    Trace,
    trace_id=ANY_TEXT,
    problem_id=ANY_TEXT,
    model=ANY_TEXT,
    response=WRITTEN,
    reasoning=st.none() | WRITTEN,
    variant=st.none() | ANY_TEXT,
    parent_id=st.none() | ANY_TEXT,
    sample=st.integers(0, 2**63 - 1),
    finish_reason=st.sampled_from((None, "stop", "length", "error")),
    usage=st.builds(Usage, st.none() | st.integers(0, 9999), st.none() | st.integers(0, 9999)),
    error=st.none() | ANY_TEXT,
    metadata=st.fixed_dictionaries(
        {}, optional={"prompt": WRITTEN | st.none(), "answer": WRITTEN, "row": st.integers()}
    )
    | st.dictionaries(FIELDS, ANY_TEXT | st.integers() | st.none() | st.lists(ANY_TEXT, max_size=2), max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(trace=TRACES)
@pytest.mark.parametrize("name", registry.modules("formats"))
def test_format_gives_back_exactly_what_it_wrote(name: str, trace: Trace) -> None:
    form = build("formats", name)
    row = json.loads(json.dumps(form.write(trace)))
    assert form.reads(row)
    assert form.read(row, thinks=False) == form.read(row, thinks=True) == [trace]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(row=st.dictionaries(FIELDS, JSON, max_size=5), thinks=st.booleans())
@pytest.mark.parametrize("name", registry.modules("formats"))
def test_format_reads_any_row_or_says_why_not(name: str, row: dict[str, Any], thinks: bool) -> None:
    form = build("formats", name)
    found = form.read(row, thinks)
    assert isinstance(form.reads(row), bool)
    if isinstance(found, Skip):
        assert found.reason
    else:
        assert found and to_frame(Trace, found).height == len(found)


@pytest.mark.parametrize("parameters", [{"depth": 0}, {"operations": 99}, {"depth": "deep"}, {"min_tries": 17}])
def test_reach_refuses_impossible_settings(parameters: dict[str, object]) -> None:
    with pytest.raises(StudyError):
        registry.build("tasks", Piece("reach", parameters))


@pytest.mark.parametrize(("depth", "operations"), [(1, 3), (2, 4), (3, 3), (4, 2)])
def test_reach_of_any_depth_has_right_teachers(depth: int, operations: int) -> None:
    task = registry.build("tasks", Piece("reach", {"depth": depth, "operations": operations}))
    assert isinstance(task, Puzzle)
    problems = task.problems("test", 20, 3)
    for name in [name for name in TEACHERS if task_for("models", name) is REACH]:
        for problem, trace in zip(
            problems,
            registry.build("models", Piece(name, {}), task=task).generate(problems, Sampling()),
            strict=True,
        ):
            assert task.check_trace(problem, trace.reasoning, trace.response)[0].value == 1


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
    score = REACH.check_trace(PUZZLE, reasoning, response)[0]
    assert (score.value, score.explanation) == (
        (1.0, "every step is right and supports the answer") if wrong is None else (0.0, wrong)
    )


def test_reach_is_answered_by_chance_in_about_a_sixth() -> None:
    """The published figure for these settings is 17.6 %; other draws of problems give a little more or less."""
    problems = REACH.problems("test", 400, 0)
    shares = [[REACH.solves(p, c) for c in REACH.candidates(p)] for p in problems]
    chance = sum(sum(share) / len(share) for share in shares) / len(shares)
    assert 0.15 < chance < 0.20
