"""Tasks from files: of any kind and any fields, and `understudy task validate`."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from conftest import Understudy
from test_benchmarks import BENCHMARKS, FILES, build, write
from understudy import registry
from understudy.errors import InputError, UnknownName
from understudy.protocols import BatchGrader
from understudy.registry import Piece
from understudy.tasks._benchmark_validation import validate
from understudy.verify import verify

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
