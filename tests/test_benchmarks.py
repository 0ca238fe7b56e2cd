"""Benchmarks: what their files say, what they refuse, and whether every reference answer can be given."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import DATA
from understudy import registry
from understudy.errors import ContaminationError, InputError, UnknownName
from understudy.registry import Piece
from understudy.tasks._benchmark import Benchmark, whole
from understudy.types import Problem, Skip

BENCHMARKS = [name for name in registry.modules("tasks") if issubclass(registry.load("tasks", name), Benchmark)]
EVALUATION = [name for name in BENCHMARKS if name != "questions"]
FILES = DATA / "benchmarks"


def write(folder: Path, rows: Sequence[Mapping[str, Any]], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def build(name: str, **parameters: Any) -> Any:
    return registry.build("tasks", Piece(name, parameters), root=Path())


def test_all_are_found() -> None:
    wanted = {"math500", "aime", "amc", "gsm-symbolic", "olympiadbench", "svamp", "minerva", "gpqa", "questions"}
    assert set(BENCHMARKS) == wanted


# --- what rows say ---

ROWS: list[tuple[str, dict[str, Any], str, str, dict[str, Any]]] = [
    (
        "math500",
        {"problem": " $1+1$? ", "answer": r"\frac42", "subject": "Algebra", "level": 2, "unique_id": "test/a/1.json"},
        *("$1+1$?", r"\frac42", {"subject": "Algebra", "level": 2, "id": "test/a/1.json"}),
    ),
    ("aime", {"id": 60, "problem": "p?", "question": "q?", "answer": "025"}, "p?", "25", {"id": 60}),
    ("aime", {"id": "x-0", "problem": "p?", "expected_answer": 7}, "p?", "7", {"id": "x-0"}),
    ("aime", {"question": "q?", "answer": 112.0, "year": "2023"}, "q?", "112", {"year": "2023"}),
    ("amc", {"id": 0, "problem": "p?", "answer": 27.0}, "p?", "27", {"id": 0}),
    ("amc", {"problem": "p?", "answer": "-0.75"}, "p?", "-0.75", {}),
    (
        "gsm-symbolic",
        {"id": 4, "instance": 9, "question": "How many?", "answer": "7 * 9 = 63.\n#### 1,063", "canary": "c"},
        *("How many?", "1063", {"template": 4, "instance": 9, "solution": "7 * 9 = 63.\n#### 1,063"}),
    ),
    (
        "svamp",
        {"Body": "There are 6 pens", "Question": "How many?", "Answer": 6.0, "Type": "Sum", "ID": "chal-1"},
        *("There are 6 pens. How many?", "6", {"type": "Sum", "id": "chal-1"}),
    ),
    ("svamp", {"Body": "6 pens. ", "Question": " How many?", "Answer": 0.5}, "6 pens. How many?", "0.5", {}),
    (
        "minerva",
        {"problem": "E?", "solution": r"First \boxed{1}. So $\boxed{\frac{1}{2}}$.", "type": "Relativity", "idx": 3},
        *("E?", r"\frac{1}{2}", {"course": "Relativity", "id": 3}),
    ),
    (
        "olympiadbench",
        {
            "context": "Given.",
            "question": "Find $n$.",
            "final_answer": ["$2$,$-3$"],
            "subfield": "Algebra",
            "unit": "m",
        },
        *("Given.\n\nFind $n$.", "2,-3", {"subject": "Algebra", "unit": "m"}),
    ),
    ("olympiadbench", {"question": "q?", "final_answer": [r"\$5$"], "error": None}, "q?", r"\$5", {}),
    ("questions", {"Prompt": "q?", "expected_answer": 3.0, "x": 1}, "q?", "3", {}),
    ("questions", {"question": "q?", "answer": ["a", "b"]}, "q?", '["a","b"]', {}),
]


@pytest.mark.parametrize(("name", "row", "prompt", "answer", "about"), ROWS)
def test_a_row_is_read_as_the_benchmark_says(
    name: str, row: dict[str, Any], prompt: str, answer: str, about: dict[str, Any], tmp_path: Path
) -> None:
    (problem,) = build(name, test=str(write(tmp_path, [row]))).problems("test", None, 0)
    assert (problem.task, problem.prompt, problem.answer, problem.split) == (name, prompt, answer, "test")
    assert problem.metadata.items() >= {**about, "row": "rows.jsonl row 1", "copies": 1}.items()
    assert "canary" not in problem.metadata and None not in problem.metadata.values()


@given(st.integers(-2000, 2000), st.integers(0, 3))
def test_aime_takes_whole_numbers_from_0_to_999_only(number: int, zeros: int) -> None:
    gold = build("aime").gold({"answer": "0" * zeros + str(number) if number >= 0 else str(number)})
    assert gold == str(number) if 0 <= number <= 999 else isinstance(gold, Skip) and str(number) in gold.reason


@given(st.integers(), st.integers(0, 5))
def test_a_whole_number_is_written_in_its_shortest_form(number: int, decimals: int) -> None:
    assert whole(f"{number}.{'0' * decimals}" if decimals else str(number)) == str(number)
    assert whole(f"{number}.5") == f"{number}.5" and whole("\\frac{1}{2}") == "\\frac{1}{2}"


def test_an_answer_that_cannot_be_graded_is_null_with_its_reason(tmp_path: Path) -> None:
    rows = [{"problem": f"p{n}?", "answer": answer} for n, answer in enumerate(("7", "1000", None, "080 or 081"))]
    task = build("aime", test=str(write(tmp_path, rows)))
    right, large, none, two = task.problems("test", None, 0)
    assert right.answer == "7" and [large.answer, none.answer, two.answer] == [None] * 3
    assert "1000" in large.metadata["no_answer"] and "'answer'" in none.metadata["no_answer"]
    assert task.grade(large, "\\boxed{1000}").value is None


@pytest.mark.parametrize("name", EVALUATION)
def test_an_evaluation_set_has_no_training_problems(name: str, tmp_path: Path) -> None:
    row = next(iter(registry.load("tasks", name).sample["test"]))
    task = build(name, test=str(write(tmp_path, [row])))
    assert len(task.problems("test", None, 0)) == 1
    with pytest.raises(ContaminationError, match=f"{name} is an evaluation set"):
        task.problems("train", 1, 0)
    with pytest.raises(UnknownName):
        build(name, train=str(tmp_path / "rows.jsonl"))


@pytest.mark.parametrize("field", ["unique_id", "id", "ID"])
def test_an_id_that_two_questions_have_is_refused(field: str, tmp_path: Path) -> None:
    rows = [{field: name, "problem": f"What is {n}?", "answer": f"{n}"} for n, name in enumerate("aba")]
    with pytest.raises(
        InputError, match=r'rows.jsonl row 1 and rows.jsonl row 3 have the same id "a" and ask something'
    ):
        build("math500", test=str(write(tmp_path, rows))).problems("test", None, 0)
    again = write(tmp_path, [rows[0], rows[0]], "again.jsonl")
    assert (
        len(build("math500", test=(str(again), str(write(tmp_path, rows[1:], "more.jsonl")))).problems("test", None, 0))
        == 3
    )


def test_questions_that_stand_twice_are_one_problem_with_a_count(tmp_path: Path) -> None:
    rows = [{"problem": "a  b?", "answer": "025"}, {"problem": "c?", "answer": "1"}, {"problem": "a b?", "answer": 25}]
    first, second = build("aime", test=str(write(tmp_path, rows))).problems("test", None, 0)
    assert (first.metadata["copies"], second.metadata["copies"]) == (2, 1)


def test_questions_with_two_answers_are_refused(tmp_path: Path) -> None:
    rows = [{"problem": "a?", "answer": "25"}, {"problem": "a?", "answer": "26"}]
    with pytest.raises(InputError, match=r"rows.jsonl row 1 and rows.jsonl row 2 .* \(25, 26\)"):
        build("aime", test=str(write(tmp_path, rows))).problems("test", None, 0)


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("math500", {"text": "p?", "answer": "1"}, r"row 1: it has no 'problem' or 'question' \(its fields are text"),
        ("math500", {"problem": "  ", "answer": "1"}, "row 1: it has no 'problem'"),
        ("math500", {"problem": "p?", "solution": "1"}, "no row has an answer that can be used"),
        ("svamp", {"Question": "q?", "Answer": 1}, "row 1: it has no 'Body'"),
        ("minerva", {"problem": "p?", "solution": "so it is 4"}, r"its solution has no \\boxed answer"),
        ("olympiadbench", {"question": "See <image_1>.", "final_answer": ["1"]}, "row 1: it asks about an image"),
        ("gpqa", {"Question": "q?", "Correct Answer": "a"}, "row 1: it has no 'Incorrect Answer 1'"),
        ("questions", {"a": "q?", "b": "1"}, "row 1: it has no question"),
    ],
)
def test_a_file_of_other_fields_is_refused_with_one_sentence(
    name: str, row: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        build(name, test=str(write(tmp_path, [row]))).problems("test", None, 0)
    assert "questions: {test: FILE" in caught.value.hint


def test_a_larger_n_only_adds_problems(tmp_path: Path) -> None:
    task = build("amc", test=str(write(tmp_path, [{"problem": f"p{n}?", "answer": n} for n in range(30)])))
    few, more = (task.problems("test", n, 5) for n in (4, 9))
    assert len(few) == 4 and {problem.problem_id for problem in few} < {problem.problem_id for problem in more}
    assert few == task.problems("test", 4, 5) != task.problems("test", 4, 6)


# --- GPQA ---

CHOICES = st.lists(st.text("abcdxyz", min_size=1, max_size=6), min_size=4, max_size=4)
GPQA_FIELDS = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


@given(CHOICES, st.integers(0, 50))
def test_the_letter_of_a_shuffled_choice_is_that_of_the_right_one(choices: list[str], order: int) -> None:
    task = build("gpqa", order=order)
    row = {"Question": "Which?", **dict(zip(GPQA_FIELDS, choices, strict=True))}
    prompt, gold = task.prompt(row), task.gold(row)
    lines = prompt.split("\n\n")[1].split("\n")
    assert prompt.startswith("Which?\n\nA) ") and sorted(line[3:] for line in lines) == sorted(choices)
    if choices.count(choices[0]) > 1:
        assert isinstance(gold, Skip)
    else:
        assert f"{gold}) {choices[0]}" in lines
        assert task.grade(Problem("p", "gpqa", prompt, gold, "test"), f"The answer is ({gold}).").value == 1


def test_choices_are_shuffled_row_by_row_and_by_seed(tmp_path: Path) -> None:
    rows = [
        {"Question": f"q{n}?", **{field: f"{n} {field[:5]} {field[-1]}" for field in GPQA_FIELDS}} for n in range(60)
    ]
    whole_set = build("gpqa", test=str(write(tmp_path, rows))).problems("test", None, 0)
    part = build("gpqa", test=str(write(tmp_path, rows[30:], "part.jsonl"))).problems("test", None, 0)
    assert [problem.prompt for problem in whole_set[30:]] == [problem.prompt for problem in part]
    counts = [sum(problem.answer == letter for problem in whole_set) for letter in "ABCD"]
    assert sum(counts) == 60 and min(counts) >= 6
    other = build("gpqa", test=str(tmp_path / "rows.jsonl"), order=1).problems("test", None, 0)
    assert sum(a.answer != b.answer for a, b in zip(whole_set, other, strict=True)) > 20


# --- OlympiadBench ---


def olympiad(answer: str, error: str | None) -> Problem:
    task = build("olympiadbench")
    row = {"question": "q?", "final_answer": [answer], "error": error}
    return Problem("p", "olympiadbench", "q?", task.gold(row), "test", task.about(row))


@pytest.mark.parametrize(
    ("gold", "error", "response", "value"),
    [
        ("4.2", "1e-1", r"\boxed{4.27}", 1),
        ("4.2", "1e-1", r"\boxed{4.27\%}", 1),
        ("4.2", "1e-1", r"\boxed{4.31}", 0),
        ("4.2", None, r"\boxed{4.27}", 0),
        ("$44.1$", "0.1", r"It falls \boxed{44.145 \mathrm{~m}}.", 1),
        ("$44.1$", "0.1", r"\boxed{\frac{441}{10}}", 1),
        ("$2$,$5$", "0.1", r"\boxed{5.05, 1.95}", 1),
        ("$2$,$5$", "0.1,0.001", r"\boxed{5.05, 1.95}", 0),
        ("$2$,$5$", "0.1", r"\boxed{5.05}", 0),
        ("$1$,$1.05$", "0.1", r"\boxed{1, 5}", 0),
        ("$2$,$-3$", None, r"\boxed{-3} and \boxed{2}", 1),
        ("$x+1$", "0.1", r"\boxed{1+x}", 1),
        ("4.2", "1e-1", " ", 0),
        ("4.2", None, r"\boxed{4.2}", 1),
    ],
)
def test_numbers_are_right_within_the_tolerance_of_the_row(
    gold: str, error: str | None, response: str, value: float | None
) -> None:
    task, problem = build("olympiadbench"), olympiad(gold, error)
    assert task.grade(problem, response).value == value
    assert task.grade_all([(problem, response)]) == [task.grade(problem, response)]
