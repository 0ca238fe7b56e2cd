"""Benchmarks: what their files say, what they refuse, and whether every reference answer can be given."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import DATA, Understudy
from understudy import registry
from understudy.errors import ContaminationError, InputError, UnknownName
from understudy.protocols import BatchGrader
from understudy.registry import Piece
from understudy.tasks._benchmark import Benchmark, whole
from understudy.tasks._benchmark_validation import validate
from understudy.types import Problem, Skip
from understudy.verify import verify

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


# --- questions of any file ---


def test_questions_take_fields_graders_and_training_files(tmp_path: Path) -> None:
    rows = [{"Body": "Two cities.", "Ask": "Which?", "Gold": ["Rome", "Oslo"], "level": 3, "note": None}]
    train = write(tmp_path, [{"Body": "One.", "Ask": "Where?", "Gold": "Bern"}], "train.jsonl")
    parameters = {"question": ["Body", "Ask"], "answer": "Gold", "grader": {"set": {"need": "any"}}}
    test = write(tmp_path, rows)
    task = build("questions", train=str(train), test=str(test), keep=["level", "note"], **parameters)
    (problem,) = task.problems("test", None, 0)
    assert (problem.prompt, problem.answer) == ("Two cities. Which?", '["Rome","Oslo"]')
    assert problem.metadata["level"] == 3 and "note" not in problem.metadata
    assert task.grade(problem, r"\boxed{Oslo}").value == 1 and task.grade(problem, r"\boxed{Bern}").value == 0
    assert [problem.prompt for problem in task.problems("train", None, 0)] == ["One. Where?"]
    with pytest.raises(InputError, match="questions has no train file"):
        build("questions", test=str(train)).problems("train", None, 0)


def test_a_grader_that_is_on_no_shelf_is_refused_at_once() -> None:
    with pytest.raises(UnknownName, match="'maths'"):
        build("questions", grader="maths")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_many_responses_are_graded_as_one_by_one(name: str) -> None:
    task = build(name)
    problems = task.problems("test", None, 0)
    pairs = [(problem, text) for problem in problems for text in (problem.answer, r"\boxed{31.4}", "", "no idea")]
    assert isinstance(task, BatchGrader)
    assert task.grade_all(pairs) == [task.grade(problem, text) for problem, text in pairs]
    for problem in problems:
        found = task.extract(problem, problem.answer)
        assert found and task.compare(problem, found.answer).value == 1


def test_traces_are_verified_by_a_benchmark() -> None:
    from understudy.types import Trace

    task = build("aime")
    problems = task.problems("test", None, 0)
    traces = [Trace(f"t{n}", p.problem_id, "m", rf"So \boxed{{{p.answer}}}") for n, p in enumerate(problems)]
    cut = Trace("cut", problems[0].problem_id, "m", f"{problems[0].answer}", finish_reason="length")
    scores = verify([*traces, cut], {problem.problem_id: problem for problem in problems}, task)
    assert [score.value for score in scores] == [1, 1, 1, None]


# --- files of other kinds ---


def test_every_kind_of_file_gives_the_same_problems(tmp_path: Path) -> None:
    rows = [{"problem": f'{n}, "and" 1\nmore?', "answer": str(n)} for n in range(5)]
    frame = pl.DataFrame(rows)
    paths = [write(tmp_path, rows), *(tmp_path / name for name in ("a.csv", "a.parquet", "a.json", "a.jsonl.gz"))]
    frame.write_csv(paths[1])
    frame.write_parquet(paths[2])
    paths[3].write_text(json.dumps(rows))
    paths[4].write_bytes(gzip.compress(paths[0].read_bytes()))
    found = [build("math500", test=str(path)).problems("test", None, 0) for path in paths]
    assert len(found[0]) == 5
    for problems in found[1:]:
        assert [(p.problem_id, p.answer) for p in problems] == [(p.problem_id, p.answer) for p in found[0]]
    both = build("math500", test=(str(paths[0]), str(paths[2]))).problems("test", None, 0)
    assert [problem.metadata["copies"] for problem in both] == [2] * 5


def saved(folder: Path, rows: Sequence[Mapping[str, Any]], files: int = 2) -> Path:
    """A directory as ``Dataset.save_to_disk`` leaves it."""
    folder.mkdir(parents=True)
    names = [f"data-{n:05}-of-{files:05}.arrow" for n in range(files)]
    for n, name in enumerate(names):
        pl.DataFrame(rows[n::files]).write_ipc_stream(folder / name)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return folder


def test_directories_of_datasets_are_read_without_it(tmp_path: Path) -> None:
    rows = [{"problem": f"p{n}?", "answer": str(n)} for n in range(5)]
    one = saved(tmp_path / "one", rows)
    saved(tmp_path / "both" / "test", rows)
    saved(tmp_path / "both" / "train", [{"problem": "t?", "answer": "1"}], files=1)
    (tmp_path / "both" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    (tmp_path / "copy" / "data").mkdir(parents=True)
    pl.DataFrame(rows).write_parquet(tmp_path / "copy" / "data" / "test-00000-of-00001.parquet")
    pl.DataFrame({"problem": ["t?"]}).write_parquet(tmp_path / "copy" / "data" / "train-00000-of-00001.parquet")
    for folder in (one, tmp_path / "both", tmp_path / "copy"):
        problems = build("math500", test=str(folder)).problems("test", None, 0)
        assert sorted(problem.prompt for problem in problems) == [f"p{n}?" for n in range(5)], folder
    train = build("questions", train=str(tmp_path / "both"), test=str(tmp_path / "both")).problems("train", None, 0)
    assert [problem.prompt for problem in train] == ["t?"]


def test_a_directory_that_datasets_wrote_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    datasets.disable_progress_bars()
    rows = [{"problem": f"p{n}?", "answer": str(n), "level": n} for n in range(6)]
    made = datasets.Dataset.from_list(rows).filter(lambda row: row["level"] > 1)
    made.save_to_disk(str(tmp_path / "kept"), num_shards=2)
    problems = build("math500", test=str(tmp_path / "kept")).problems("test", None, 0)
    assert [(p.prompt, p.answer, p.metadata["level"]) for p in problems] == [(f"p{n}?", str(n), n) for n in range(2, 6)]


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no directory of a data set with the split 'test'"):
        build("math500", test=str(tmp_path)).problems("test", None, 0)
    folder = saved(tmp_path / "one", [{"problem": "p?", "answer": "1"}], files=1)
    (folder / "data-00000-of-00001.arrow").write_bytes(b"no Arrow")
    with pytest.raises(InputError, match="cannot be read as a saved data set"):
        build("math500", test=str(folder)).problems("test", None, 0)
    with pytest.raises(InputError, match="there is no file"):
        build("math500", test=str(tmp_path / "nowhere"))


# --- understudy task validate ---


def test_what_cannot_be_answered_is_listed(tmp_path: Path, understudy: Understudy) -> None:
    rows = [{"problem": "p?", "answer": "12"}, {"problem": "q\x1b?", "answer": "\x1bred"}, {"problem": "r?"}]
    file = write(tmp_path, rows)
    command = ("task", "validate", f"{{questions: {{test: {file}, grader: number}}}}")
    shown = understudy(*command)
    assert shown.returncode == 1 and "\x1b" not in shown.stdout + shown.stderr
    assert "rows.jsonl row 2" in shown.stdout and "rows.jsonl row 3" in shown.stdout and "row 1 " not in shown.stdout
    found = json.loads(understudy(*command, "--json").stdout)
    counts = {"rows": 3, "problems": 3, "boxed": 1, "bare": 1, "ungradable": 2}
    assert {name: found[name] for name in counts} == counts
    assert [(row["row"], row["gold"], row["fails"]) for row in found["failed"]] == [
        ("rows.jsonl row 2", "\x1bred", ["boxed", "bare", "other forms"]),
        ("rows.jsonl row 3", None, ["boxed", "bare"]),
    ]
    few = understudy(*command, "--most", 1)
    assert few.returncode == 1 and "1 more rows" in few.stderr


def test_a_sound_task_passes_and_a_wrong_split_is_refused(understudy: Understudy) -> None:
    passed = understudy("task", "validate", "gsm8k", "--split", "train", "--json")
    assert passed.returncode == 0
    found = json.loads(passed.stdout)
    assert (found["rows"], found["problems"], found["boxed"], found["bare"], found["ungradable"]) == (4, 4, 4, 4, 0)
    assert (found["task"], found["split"], found["failed"]) == ("gsm8k", "train", [])
    refused = understudy("task", "validate", "gsm8k", "--split", "dev")
    assert refused.returncode == 2 and refused.stderr.startswith("error: there is no split 'dev'\nhint:")


def test_a_reference_that_is_compared_only_as_text_is_named(tmp_path: Path) -> None:
    rows = [{"problem": "p?", "answer": r"x \circledast \mathfrak{z}}{"}, {"problem": "q?", "answer": "3"}]
    task = build("math500", test=str(write(tmp_path, rows)))
    odd, plain = validate(task, task.problems("test", None, 0))
    assert odd.text_only and "cannot be read as mathematics" in odd.why and not odd.ungradable
    assert plain.text_only is None and not plain.failed and plain.why == ""


REAL = [  # rows, those that cannot be answered, those whose reference is compared only as text
    ("math500", {"test": "math500.jsonl.gz"}, 500, 0, 0),
    ("aime", {"test": ["aime24.jsonl.gz", "aime25.jsonl.gz"]}, 60, 0, 0),
    ("aime", {"test": "aime_2021_2024.jsonl.gz"}, 103, 1, 0),
    ("amc", {"test": "amc23.jsonl.gz"}, 40, 0, 0),
    ("gsm-symbolic", {"test": "gsm_symbolic_p2.jsonl.gz"}, 2500, 0, 0),
    ("svamp", {"test": "svamp.jsonl.gz"}, 1000, 0, 0),
    ("minerva", {"test": "minerva_math.jsonl.gz"}, 272, 0, 4),  # an index such as E_{1}, np.arcsin
    ("olympiadbench", {"test": "olympiadbench_en_maths.jsonl.gz"}, 675, 0, 2),  # a sentence, "t(0,4]"
]


@pytest.mark.skipif(not FILES.exists(), reason="the shared benchmark files are not here")
@pytest.mark.parametrize(("name", "parameters", "size", "lost", "text_only"), REAL)
def test_published_references_can_be_given(
    name: str, parameters: dict[str, Any], size: int, lost: int, text_only: int
) -> None:
    task = registry.build("tasks", Piece(name, parameters), root=FILES)
    found = validate(task, task.problems("test", None, 0))
    assert len(found) == size
    assert [sum(one.ungradable for one in found), sum("boxed" in one.failed for one in found)] == [lost, lost]
    assert sum(one.text_only is not None for one in found) <= text_only
