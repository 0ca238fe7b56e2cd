"""The task ``stories``, its script, and what a study of right and wrong traces reports."""

import re
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Understudy
from understudy import registry
from understudy.config import find, load
from understudy.errors import StudyError
from understudy.registry import Piece
from understudy.types import Problem, Sampling
from understudy.vary import vary


def stories(**parameters: object) -> Any:
    return registry.build("tasks", Piece("stories", parameters))


STORIES = stories()
PROBLEMS = STORIES.problems("train", 200, 0)
SEEDS = st.integers(0, 10**6)


def told(prompt: str) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
    """Reads a story on its own: where everyone has been, who has what, and where else things lie."""
    been: dict[str, list[str]] = {}
    has: dict[str, str] = {}
    lies: dict[str, str] = {}
    for line in prompt.split(" . ")[:-1]:
        person, verb, *_, thing = line.split()
        if verb == "went":
            been.setdefault(person, []).append(thing)
        elif verb == "took":
            assert lies.pop(thing, been[person][-1]) == been[person][-1], "taken from where it lies"
            assert thing not in has
            has[thing] = person
        else:
            assert has.pop(thing) == person
            lies[thing] = been[person][-1]
    return been, has, lies


def answer_of(prompt: str) -> str:
    been, has, lies = told(prompt)
    question = prompt.rpartition(" . ")[2]
    if found := re.fullmatch(r"where was (\w+) before the (\w+) \?", question):
        places = been[found[1]]
        return places[places.index(found[2]) - 1]
    if found := re.fullmatch(r"who has the (\w+) \?", question):
        return has[found[1]]
    if found := re.fullmatch(r"where is the (\w+) \?", question):
        return lies[found[1]] if found[1] in lies else been[has[found[1]]][-1]
    found = re.fullmatch(r"where is (\w+) \?", question)
    assert found
    return been[found[1]][-1]


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, lines=st.integers(4, 20))
def test_answers_follow_from_the_story(seed: int, lines: int) -> None:
    for problem in stories(lines=lines).problems("test", 8, seed):
        assert problem.answer == answer_of(problem.prompt)
        assert problem.prompt.count(" . ") == lines == len(problem.metadata["facts"])


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_the_gold_facts_alone_give_the_same_answer(seed: int) -> None:
    for problem in STORIES.problems("test", 8, seed):
        facts, gold = problem.metadata["facts"], problem.metadata["gold_facts"]
        if problem.metadata["class"] == "where-object" and "dropped" in gold[0]:
            continue  # that it was taken before is not said again
        in_order = sorted(gold, key=lambda fact: len(facts) - facts[::-1].index(fact))
        question = problem.prompt.rpartition(" . ")[2]
        if problem.metadata["class"] == "who-has":
            in_order.insert(0, f"{problem.answer} went to the cellar")  # nobody takes things nowhere
        elif problem.metadata["class"] == "where-object" and "took" in in_order[0]:
            in_order.insert(0, f"{in_order[0].split()[0]} went to the cellar")
        assert answer_of(" . ".join([*in_order, question])) == problem.answer


def test_every_kind_is_asked_and_no_answer_is_a_good_guess() -> None:
    kinds = pl.DataFrame({"kind": [p.metadata["class"] for p in PROBLEMS], "answer": [p.answer for p in PROBLEMS]})
    assert kinds["kind"].value_counts()["count"].min() > 30 and kinds["kind"].n_unique() == 4
    shares = kinds.group_by("kind").agg(pl.col("answer").value_counts(normalize=True).struct.field("proportion").max())
    assert shares["proportion"].max() < 0.45


def test_more_problems_are_the_same_ones_and_some_more() -> None:
    assert STORIES.problems("test", 20, 3)[:10] == STORIES.problems("test", 10, 3)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"lines": 3}, "3 lines"),
        ({"lines": 21}, "21 lines"),
        ({"kinds": ["where-person", "why"]}, "'why'"),
        ({"kinds": ["who-has"]}, "who-has"),
        ({"rule": "some-facts"}, "some-facts"),
    ],
)
def test_impossible_settings_are_refused(parameters: dict[str, object], word: str) -> None:
    with pytest.raises(StudyError, match=word):
        stories(**parameters)


STORY = Problem(
    "p",
    "stories",
    "anna went to the kitchen . ben went to the office . anna took the ball . where is the ball ?",
    "kitchen",
    "test",
    {
        "class": "where-object",
        "classes": list(STORIES.kinds),
        "facts": ["anna went to the kitchen", "ben went to the office", "anna took the ball"],
        "gold_facts": ["anna took the ball", "anna went to the kitchen"],
    },
)
KIND = "The kind of question is where-object ."
NEED = "I need to use the following facts to answer the question:"


@pytest.mark.parametrize(
    ("response", "value", "read"),
    [
        ("kitchen", 1, "kitchen"),
        ("The ball is in the Kitchen.", 1, "kitchen"),
        ("not the office, the kitchen", 1, "kitchen"),
        ("kitchen, no: office", 0, "office"),
        ("anna", 0, "anna"),
        ("I do not know", 0, None),
        ("", 0, None),
    ],
)
def test_the_last_name_is_the_answer(response: str, value: float, read: str | None) -> None:
    score = STORIES.grade(STORY, response)
    assert (score.value, score.answer) == (value, read)


def test_a_name_that_was_asked_about_is_an_answer_only_alone() -> None:
    problem = Problem("p", "stories", "ben sat . where was anna before the garden ?", "office", "test")
    assert STORIES.grade(problem, "anna was in the office before the garden").value == 1
    assert STORIES.grade(problem, "garden").answer == "garden"


@pytest.mark.parametrize(
    ("reasoning", "trace", "label", "some", "every", "exact"),
    [
        (f"{KIND} {NEED} anna took the ball ; anna went to the kitchen", 1, 1, 1, 1, 1),
        (f"{KIND} {NEED} anna went to the kitchen ; anna took the ball", 1, 1, 1, 1, 1),
        (f"{KIND} {NEED} anna took the ball ; anna went to the kitchen ; ben went to the office", 1, 1, 1, 1, 0),
        (f"{KIND} {NEED} anna took the ball ; anna took the ball", 0, 1, 1, 0, 0),
        (f"{KIND} {NEED} anna took the ball ; anna went to the office", 0, 1, 1, 0, 0),
        (f"{KIND} {NEED} ben went to the office", 0, 1, 0, 0, 0),
        (KIND.replace("object", "person") + f" {NEED} anna took the ball ; anna went to the kitchen", 0, 0, 1, 1, 1),
        (KIND, None, 1, None, None, None),
        (f"{NEED} ['Anna took the ball.', 'Anna went to the kitchen.']", None, None, 1, 1, 1),
        (f"{KIND}\n{NEED}\n1. Anna took the ball.\n2. Anna went to the kitchen.", 1, 1, 1, 1, 1),
        ("let us see", None, None, None, None, None),
    ],
)
def test_each_sub_step_of_a_trace_is_checked(
    reasoning: str, trace: Any, label: Any, some: Any, every: Any, exact: Any
) -> None:
    scores = {score.grader: score.value for score in STORIES.check_trace(STORY, reasoning, "kitchen")}
    assert scores == {"trace": trace, "class": label, "any-fact": some, "all-facts": every, "exact-facts": exact}


def test_the_rule_decides_which_facts_make_a_trace_right() -> None:
    wordy = f"{KIND} {NEED} anna took the ball ; anna went to the kitchen ; ben went to the office"
    half = f"{KIND} {NEED} anna took the ball"
    rules = ("any-fact", "all-facts", "exact-facts")
    assert [stories(rule=rule).check_trace(STORY, wordy, "")[0].value for rule in rules] == [1, 1, 0]
    assert [stories(rule=rule).check_trace(STORY, half, "")[0].value for rule in rules] == [1, 0, 0]


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, lines=st.integers(4, 20))
def test_written_traces_are_right_or_wrong_at_every_sub_step(seed: int, lines: int) -> None:
    task = stories(lines=lines)
    for problem in task.problems("train", 4, seed):
        for correct in (True, False):
            reasoning = task.write_trace(problem, correct, Random(seed))
            if reasoning is None:
                facts, gold = problem.metadata["facts"], problem.metadata["gold_facts"]
                assert not correct and len(set(facts) - set(gold)) < len(gold)
                continue
            values = {score.value for score in task.check_trace(problem, reasoning, problem.answer)}
            assert values == {float(correct)}


def test_a_wrong_trace_is_of_the_form_of_a_right_one() -> None:
    for problem in PROBLEMS:
        right, wrong = (STORIES.write_trace(problem, correct, Random(1)) for correct in (True, False))
        assert len(right.split(" ; ")) == len(wrong.split(" ; "))
        assert wrong.startswith("The kind of question is ") and NEED in wrong


def test_the_embedded_student_writes_every_line_as_one_token() -> None:
    student = registry.build("students", Piece("tiny-llama", {"context": 128}), task=STORIES)
    tokenizer = student._tokenizer()
    for problem in PROBLEMS:
        trace = STORIES.write_trace(problem, True, Random(0))
        for text in (problem.prompt, trace, problem.answer):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert tokenizer.unk_token_id not in ids
            assert tokenizer.decode(ids) == text
        assert len(tokenizer(problem.metadata["facts"][0], add_special_tokens=False)["input_ids"]) == 1
        assert len(tokenizer(f"{problem.prompt} {trace}", add_special_tokens=False)["input_ids"]) < 40
    lesson = " ".join(text for text, _ in STORIES.lesson(Random(0)))
    assert tokenizer.unk_token_id not in tokenizer(lesson)["input_ids"]


@settings(max_examples=200, deadline=None)
@given(seed=SEEDS)
def test_a_lesson_is_short_right_and_never_about_a_test_problem(seed: int) -> None:
    from understudy.tasks.stories import split_of

    first, *rest = STORIES.lesson(Random(seed))
    story = first[0].rpartition(" . ")[0]
    asked = [first[0].rpartition(" . ")[2], *(text for text, learned in rest if not learned)]
    answers = [text for text, learned in rest if learned]
    assert story.count(" . ") < 4 and len(asked) == len(answers) == len(set(asked))
    for question, answer in zip(asked, answers, strict=True):
        prompt = f"{story} . {question}"
        assert split_of(prompt) == "train" and answer_of(prompt) == answer


def test_a_script_without_a_trace_says_so() -> None:
    script = registry.build("models", Piece("script", {}), task=registry.build("tasks", Piece("cotempqa", {})))
    bare = Problem(
        "p", "cotempqa", "?", '["x"]', "train", {"class": None, "classes": [], "facts": [], "gold_facts": []}
    )
    (trace,) = script.generate([bare], Sampling())
    assert (trace.finish_reason, trace.error) == ("error", "the task has no trace for this problem")


def test_wrong_facts_keep_the_answer() -> None:
    problems = {problem.problem_id: problem for problem in PROBLEMS}
    right = list(registry.build("models", Piece("script", {}), task=STORIES).generate(PROBLEMS, Sampling()))
    variant = registry.build("variants", Piece("facts-incorrect", {}), task=STORIES)
    for old, new in zip(right, vary(right, problems, variant, "facts-incorrect", "incorrect", 0), strict=True):
        assert (new.response, new.parent_id) == (old.response, old.trace_id)
        assert STORIES.check_trace(problems[new.problem_id], new.reasoning, new.response)[0].value == 0


def test_the_bundled_study_has_the_arms_of_the_paper() -> None:
    study = load(find("interpretable-traces"))
    assert list(study.arms) == ["base", "vanilla", "vanilla-T", "correct", "incorrect"]
    assert study.recipe("vanilla-T").match == "correct" and study.compare.baseline == "vanilla"


STUDY = """
study: right-and-wrong
task: {stories: {rule: exact-facts}}
problems: {test: 40}
arms:
  vanilla: {from: correct, vary: no-trace}
  correct: {from: script}
  incorrect: {from: correct, vary: facts-incorrect}
compare: {baseline: correct, resamples: 200}
"""


def test_a_report_tells_right_traces_from_right_answers(understudy: Understudy, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    done = understudy("run", tmp_path / "study.yaml", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "run" / "report.md").read_text()
    assert "The rule here is exact-facts." in report
    counts = report[report.index("Both right") :].partition("\n\n")[0]
    assert "| correct | collected | 40 | 0 | 0 | 0 | 0 |" in counts
    assert "| incorrect | collected | 0 | 40 | 0 | 0 | 0 |" in counts
    table = report[report.index("class, % [interval]") :].partition("\n\n")[0]
    assert (
        table.count("\n| correct | collected | 100.0 [") == 1 and table.count("\n| incorrect | collected | 0.0 [") == 1
    )
    assert "vanilla" not in table, "an arm without traces has no sub-steps"
    checks = pl.read_parquet(tmp_path / "run" / "checks.parquet")
    assert checks["value"].to_list() == [1.0] * checks.height
