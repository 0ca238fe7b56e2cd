"""Knights and knaves: which answers are read, which traces are right, and at which step do they go wrong?"""

import re
from pathlib import Path
from random import Random
from time import process_time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy import registry
from understudy.errors import InputError, StudyError
from understudy.protocols import ScriptedTask
from understudy.randomness import stream
from understudy.registry import Piece
from understudy.tables import to_json
from understudy.tasks._knights_logic import DEEPEST, Unreadable, parse, read_puzzle
from understudy.tasks.knights import Knights
from understudy.types import Problem, Score

DATA = Path(__file__).parents[2] / "shared" / "data" / "benchmarks"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the published puzzles are not here")

TASK = Knights()
STATEMENTS = (
    "(('not', ('telling-truth', 2)), ('or', ('telling-truth', 1), ('lying', 2)), "
    "('<=>', ('telling-truth', 1), ('lying', 1)))"
)
"""Ada: Cy is not a knight. Bo: Bo is a knight or Cy is a knave. Cy: Bo is a knight if and only if Bo is a knave."""
ISLAND = Problem("p", "knights", "?", None, "test", {"names": ["Ada", "Bo", "Cy"], "statements": STATEMENTS})
RIGHT = "Ada is a knight, Bo is a knight, and Cy is a knave."


def check(reasoning: str, response: str = RIGHT, problem: Problem = ISLAND) -> tuple[Score, Score, Score]:
    trace, conclusion, steps = TASK.check_trace(problem, reasoning, response)
    assert (trace.grader, conclusion.grader, steps.grader) == ("trace", "conclusion", "steps")
    return trace, conclusion, steps


@pytest.mark.parametrize(
    "response",
    [
        RIGHT,
        "(1) Ada is a knight\n(2) Bo is a knight\n(3) Cy is a knave",
        "<think>Suppose Cy is a knight.</think><answer>Ada: knight, Bo: knight, Cy: knave</answer>",
        "<answer>(1) Ada is a knight (2) Bo is a knight (3) Cy is a knave</answer> Surely Ada lies, a fool would say.",
        "Knights: Ada, Bo; knaves: Cy",
        "The knights are Ada and Bo. The knave is Cy.",
        "Ada is not a knave, Bo isn't a knave and Cy is not a knight",
        "| person | role |\n|---|---|\n| Ada | **knight** |\n| Bo | knight |\n| Cy | knave |",
        '{"Ada": "knight", "Bo": "knight", "Cy": "knave"}',
        r"$\boxed{\text{Ada is a knight, Bo is a knight, Cy is a knave}}$",
        "Ada (knight), Bo (knight), Cy (knave)",
        "Ada and Bo are telling the truth, but Cy is lying.",
        "ADA IS A KNIGHT. BO IS A KNIGHT. CY IS A KNAVE.",
        "Ada is a knave. No, wait: Ada is a knight, Bo → knight, Cy = knave",
    ],
)
def test_an_answer_is_read_however_it_is_written(response: str) -> None:
    score = TASK.grade(ISLAND, response)
    assert (score.value, score.answer, score.explanation) == (1, "Ada: knight, Bo: knight, Cy: knave", "right")


@pytest.mark.parametrize(
    ("response", "value", "why"),
    [
        ("Ada is a knight, Bo is a knave, Cy is a knave", 0, "wrong about Bo"),
        ("Ada is a knight and Bo is a knight", 0, "says nothing of Cy"),
        ("", 0, "no answer"),
        ("I cannot say.", None, "names no knight or knave"),
        ("If Ada is a knight, Bo might be a knight. Is Cy a knave?", None, "names no knight or knave"),
        ("__import__('os').system('true')", None, "names no knight or knave"),
        ("骑士和无赖", None, "names no knight or knave"),
        ("Each of Ada, Bo and Cy is either a knight or a knave.", None, "names no knight or knave"),
        ("Exactly one of Ada and Bo is a knave.", None, "names no knight or knave"),
    ],
)
def test_a_wrong_or_incomplete_answer_says_why(response: str, value: float | None, why: str) -> None:
    score = TASK.grade(ISLAND, response)
    assert (score.value, score.explanation) == (value, why)


def test_a_right_search_is_right() -> None:
    puzzle = "(('lying', 1), ('and', ('telling-truth', 0), ('telling-truth', 1)))"
    problem = Problem("q", "knights", "?", None, "test", {"names": ["Ada", "Bo"], "statements": puzzle})
    response = "Ada is a knight and Bo is a knave."
    reasoning = (
        "Let me think. What if Bo is a knight? **Assume Bo is a knight.** Then Bo's statement that Ada is a knight and "
        "Bo is a knight is true, so Ada is a knight. Since Ada says Bo is a knave, Bo is a knave: a contradiction! So "
        "Bo is a knave, and Ada's claim is true. Hence Ada is a knight."
    )
    trace, conclusion, steps = check(reasoning, response, problem)
    assert (trace.value, conclusion.value, steps.value) == (1, 1, 1), trace


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("Ada claims that Bo is not a knight.", "step 1: Ada claims something else"),
        ("Let us see. Ada is a knave.", "step 2: it does not follow"),
        ("Assume Bo is a knight. Then the claim of Cy is true.", "step 2: the claim is not known to be true"),
        ("Assume Bo is a knight. That is a contradiction.", "step 2: there is no contradiction"),
        ("Assume Bo is a knight. Contradiction, so Bo is a knave.", "step 2: there is no contradiction"),
        (
            "Assume Bo is a knight. No contradiction is found in their claim that Bo is a knave or Cy is a knave.",
            "step 2",
        ),
        ("Assume Bo is a knight. So Cy is a knight.", "step 2: it does not follow"),
        ("Cy cannot be a knave, because this would contradict the claim of Ada that Cy is not a knight.", "step 1"),
        ("Assume Bo is a knight. We have exhausted all possibilities for Ada, so let us reconsider Bo.", "step 2"),
        (
            f"So Cy is a knave. So it is {RIGHT.replace('Bo is a knight', 'Bo is a knave')}",
            "step 2: it does not follow",
        ),
    ],
)
def test_the_first_wrong_step_is_named(said: str, where: str) -> None:
    trace, _, steps = check(f"{said} Therefore, the solution: {RIGHT}")
    assert trace.value == 0 and trace.explanation.startswith(where), trace
    assert steps.value is not None and steps.value < 1


def test_a_trace_must_conclude_and_support_the_response() -> None:
    assert check("Assume Bo is a knight. Then Cy's claim is false, so Cy is a knave.")[0].explanation == (
        "it does not come to a conclusion about everybody"
    )
    said = f"Cy's claim can only be false, so Cy is a knave. Hence {RIGHT}"
    other = check(said, "Ada is a knave, Bo is a knight, Cy is a knave.")[0]
    assert (other.value, other.explanation) == (0, "the response says something else than the trace")


@pytest.mark.parametrize(
    "answer", [RIGHT, f"So the answer is: {RIGHT}", RIGHT.replace("Bo is a knight", "Bo is a knave")]
)
def test_an_answer_without_an_argument_is_no_trace(answer: str) -> None:
    trace, conclusion, steps = check(answer)
    assert (trace.value, conclusion.value, steps.value) == (None, float("Bo is a knight" in answer), None)


@pytest.mark.parametrize(
    "text", ["", "Hm.", "Ich weiß es nicht.", "Is Ada a knight?", "<script>alert(1)</script>", "((((("]
)
def test_nothing_checkable_is_not_scored(text: str) -> None:
    assert [score.value for score in check(text)] == [None, None, None]


PEOPLE = st.integers(2, 7)


@settings(max_examples=25, deadline=None)
@given(people=PEOPLE, seed=st.integers(0, 10**6))
def test_written_traces_are_right_or_wrong_as_asked(people: int, seed: int) -> None:
    task = Knights(people=people)
    (problem,) = task.problems("test", 1, seed)
    assert isinstance(task, ScriptedTask) and problem.answer
    for correct in (True, False):
        reasoning = task.write_trace(problem, correct, stream(seed, "trace"))
        assert reasoning == task.write_trace(problem, correct, stream(seed, "trace"))
        trace, conclusion, steps = task.check_trace(problem, reasoning or "", problem.answer)
        assert trace.value == conclusion.value == float(correct), (problem.prompt, reasoning, trace)
        assert (steps.value == 1) == correct


# fmt: off
TERMS = ["Ada ", "Bo", "'s claim that ", " is ", "not ", "a knight", "a knave", "if ", ", then ", "so ", " and ", "or "]
WORDS = [*TERMS, ". ", "Assume ", "contradiction", "no ", "because ", "she ", '"', ": ", "exhausted ", "reconsider ",
         "iff ", "true", "neither ", "both ", "either way ", "would "]
# fmt: on


@settings(max_examples=150, deadline=None)
@given(
    text=st.lists(st.sampled_from([*WORDS, "says ", "I ", "own ", "|", "at least one of ", "? ", "\n"]), max_size=40)
)
def test_any_text_gives_scores(text: list[str]) -> None:
    scores = TASK.check_trace(ISLAND, "".join(text), "".join(text))
    assert all(score.value is None or 0 <= score.value <= 1 for score in [*scores, TASK.grade(ISLAND, "".join(text))])


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="()[]{}',10 -><=notr", max_size=60))
def test_any_statements_are_read_or_refused(text: str) -> None:
    try:
        assert len(read_puzzle(("Ada", "Bo"), text).solutions) == 1
    except Unreadable as error:
        assert str(error)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "(" * (DEEPEST + 1) + ")" * (DEEPEST + 1),
        "(('lying', 7), ('lying', 0))",
        "(('not',), ('lying', 0))",
        "(('telling-truth', 0), ('telling-truth', 1))",
        "(('lying', 0), ('lying', 1))",
        "()",
        "(('and', 1, 2), ('lying', 0))",
    ],
)
def test_statements_that_are_no_puzzle_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_puzzle(("Ada", "Bo"), text)


def test_a_file_is_read_and_a_bad_row_is_named(tmp_path: Path) -> None:
    row = {"quiz": "Who?", "names": ["Ada", "Bo", "Cy"], "statements": STATEMENTS, "solution": [True, True, False]}
    file = tmp_path / "kk.jsonl"
    file.write_text(to_json(row) + "\n")
    (problem,) = Knights(train="kk.jsonl", root=tmp_path).problems("train", None, 0)
    assert problem.answer == "(1) Ada is a knight\n(2) Bo is a knight\n(3) Cy is a knave"
    for change in ({"solution": [True, True, True]}, {"names": ["Ada"]}, {"statements": "exit()"}, {"quiz": None}):
        file.write_text(to_json(row) + "\n" + to_json({**row, **change}) + "\n")
        with pytest.raises(InputError, match="row 2: "):
            Knights(train="kk.jsonl", root=tmp_path).problems("train", None, 0)
    with pytest.raises(InputError, match="no test file"):
        Knights(train="kk.jsonl", root=tmp_path).problems("test", None, 0)


@pytest.mark.parametrize("parameters", [{"people": 1}, {"people": 8}, {"people": "many"}])
def test_impossible_settings_are_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(StudyError):
        registry.build("tasks", Piece("knights", parameters))


def test_time_is_linear_in_the_length_of_a_trace() -> None:
    (problem,) = Knights(people=7).problems("test", 1, 0)
    unit = Knights(people=7).write_trace(problem, True, Random(0)) or ""
    for text in (unit + "\n", "Emma and " * 200, 'so "if she says ' * 200, "Ada: " * 200):
        seconds = []
        for times in (4, 40):
            start = process_time()
            TASK.check_trace(problem, text * times, text * times)
            seconds.append(process_time() - start)
        assert seconds[1] < 30 * seconds[0] + 0.2


# --- the published puzzles and their worked solutions ---


def published(name: str, n: int) -> list[tuple[Problem, list[str]]]:
    task = Knights(test=name, root=DATA)
    prompts = {problem.prompt: problem for problem in task.problems("test", None, 0)}
    rows = pl.read_parquet(DATA / name).head(n).iter_rows(named=True)
    return [
        (prompts[row["quiz"].strip()], [row["cot_head"], *row["cot_repeat_steps"], row["cot_foot"]]) for row in rows
    ]


FILES = [f"kk_{n}ppl_test.parquet" for n in range(3, 8)]


@needs_data
@pytest.mark.parametrize("name", FILES)
def test_published_solutions_are_right(name: str) -> None:
    for problem, steps in published(name, 20):
        assert TASK.grade(problem, problem.answer or "").value == 1
        scores = TASK.check_trace(problem, " ".join(steps), problem.answer or "")
        assert [score.value for score in scores] == [1, 1, 1], (problem.prompt, scores)


@needs_data
def test_corrupted_published_solutions_are_caught() -> None:
    """A role that is swapped is always wrong; a few swapped names leave a step true."""
    rng = Random(0)
    caught: dict[str, list[bool]] = {"name": [], "role": []}
    for problem, steps in [pair for name in FILES for pair in published(name, 20)]:
        names = problem.metadata["names"]
        for kind, words in (("name", names), ("role", ["knight", "knave"])):
            place = rng.randrange(1, len(steps) - 1)
            found = list(re.finditer(rf"\b({'|'.join(words)})\b", steps[place]))
            if found:
                match = rng.choice(found)
                other = rng.choice([word for word in words if word != match[0]])
                changed = steps[place][: match.start()] + other + steps[place][match.end() :]
                text = " ".join([*steps[:place], changed, *steps[place + 1 :]])
                caught[kind].append(TASK.check_trace(problem, text, problem.answer or "")[0].value == 0)
    assert all(caught["role"]) and len(caught["role"]) > 50
    assert sum(caught["name"]) >= 0.95 * len(caught["name"]) > 50


def test_statements_are_never_evaluated() -> None:
    with pytest.raises(Unreadable):
        parse("(('lying', (lambda: 0)()),)")
