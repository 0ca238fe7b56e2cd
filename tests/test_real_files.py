"""Files of traces and questions that somebody else collected."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy import profile
from understudy.collect import draw
from understudy.errors import ContaminationError, InputError
from understudy.models.file import File
from understudy.rows import read_rows
from understudy.tables import to_frame
from understudy.tasks import problem_id
from understudy.tasks.gsm8k import Gsm8k
from understudy.types import Problem, Sampling, Trace

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not (DATA / "traces" / "mip").is_dir(), reason="needs ../shared/data (traces/mip)")
REAL = {
    "deepseekR1": ("deepseek-reasoner (question)", 0.93, 1.0, 0.95, 0.96),
    "QwQ": (None, 0.98, 1.0, 0.97, 0.98),
    "gpt4o": ("gpt-4o (question)", 0.0, 0.0, 0.95, 0.96),
    "Qwen32": (None, 0.0, 0.0, 0.95, 0.96),
}
"""Response field; bounds of the share with 3 of 4 pivot types; bounds of the accuracy."""


def problem(prompt: str) -> Problem:
    return Problem(problem_id("gsm8k", prompt), "gsm8k", prompt, "1", "test")


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path.name


def traces(file: File, *prompts: str) -> list[Trace]:
    return list(file.generate([problem(prompt) for prompt in prompts], Sampling()))


# --- files of traces ---


def test_rows_are_joined_by_question_in_the_order_of_the_problems(tmp_path: Path) -> None:
    rows = [{"question": "b?", "response": "2"}, {"question": " a? ", "response": "x </think> 1"}]
    found = traces(File(write(tmp_path / "m.v1.jsonl", rows), root=tmp_path), "a?", "b?", "c?")
    assert [(t.model, t.reasoning, t.response, t.metadata["row"]) for t in found] == [
        ("m.v1", "x", "1", 2),
        ("m.v1", None, "2", 1),
    ]
    assert found[0].trace_id == f"m.v1/{problem('a?').problem_id}/0"


def test_different_rows_are_samples_and_identical_rows_count_once(tmp_path: Path) -> None:
    rows = [{"prompt": "a?", "output": text} for text in ("1", "2", "1")]
    file = File(write(tmp_path / "m.jsonl", rows), root=tmp_path, model="R1")
    assert [(t.sample, t.response) for t in traces(file, "a?")] == [(0, "1"), (1, "2")]
    assert file.census([problem("a?")]).duplicates == 1


def test_stored_errors_and_cut_reasoning_are_told_apart_from_answers(tmp_path: Path) -> None:
    texts = ["r </think> 1", "s </think> 2", "never closed", "Error after 6 attempts: 500", "q </think> 3"]
    rows = [{"question": f"{n}?", "response": text} for n, text in enumerate(texts)]
    file = File(write(tmp_path / "m.jsonl", rows), root=tmp_path)
    found = traces(file, *(f"{n}?" for n in range(5)))
    assert [t.finish_reason for t in found] == [None, None, "length", "error", None]
    assert (found[2].reasoning, found[2].response) == ("never closed", "")
    assert (found[3].response, found[3].error) == ("", "Error after 6 attempts: 500")
    assert file.census([]).errors == 0


def test_a_model_that_does_not_think_is_not_cut(tmp_path: Path) -> None:
    rows = [{"question": "a?", "response": "1"}, {"question": "b?", "response": "<think> on and on"}]
    found = traces(File(write(tmp_path / "m.jsonl", rows), root=tmp_path), "a?", "b?")
    assert [(t.reasoning, t.finish_reason) for t in found] == [(None, None), ("on and on", "length")]


def test_rows_that_cannot_be_used_are_counted_with_their_number(tmp_path: Path) -> None:
    lines = ['{"question": "a?", "response": "1"}', "{oops", "", "[1]", '{"question": "b?"}']
    lines += ['{"question": "c?", "response": "\\ud800"}', '{"question": "d?", "response": "4"}']
    file = File(write(tmp_path / "m.jsonl", lines), root=tmp_path)
    census = file.census([problem("a?"), problem("z?")])
    assert [number for number, _ in census.unreadable] == [2, 4, 5, 6]
    assert (census.rows, census.traces, census.unmatched, census.unanswered) == (6, 1, 1, 1)


ROWS = st.fixed_dictionaries({"question": st.sampled_from("abc"), "response": st.none() | st.sampled_from("123")})


@given(st.lists(ROWS | st.just("{oops"), min_size=1))
def test_every_row_is_accounted_for(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("census")
    name = write(folder / "m.jsonl", [*rows, {"question": "a", "response": "1", "model": "x"}])
    problems = [problem("a"), problem("b")]
    census = File(name, root=folder).census(problems)
    assert census.rows == len(rows) + 1
    assert census.rows == census.traces + census.duplicates + census.unmatched + len(census.unreadable)
    found = list(File(name, root=folder).generate(problems, Sampling()))
    assert len(found) == len({t.trace_id for t in found}) == census.traces


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("array", [False, True])
def test_containers_read_alike(tmp_path: Path, array: bool, zipped: bool) -> None:
    rows = [{"question": "a?", "response": "ü"}, {"question": "b?", "response": "2"}]
    content = (json.dumps(rows) if array else "\n".join(map(json.dumps, rows))).encode()
    (tmp_path / "m.data").write_bytes(gzip.compress(content) if zipped else content)
    assert read_rows(tmp_path / "m.data") == ([(1, rows[0]), (2, rows[1])], [])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"{oops", b"[{]", b"[]", b"\x1f\x8bno", b"\xff\xfe"])
def test_a_file_without_a_row_is_the_users_mistake(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=r"m\.jsonl"):
        traces(File("m.jsonl", root=tmp_path), "a?")


def test_a_missing_file_is_named_in_full_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        traces(File("no/where.jsonl", root=tmp_path), "a?")
    assert str(tmp_path / "no" / "where.jsonl") in caught.value.message
    assert "--set data=DIR" in caught.value.hint


def test_a_missing_field_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    name = write(tmp_path / "m.jsonl", [{"question": "a?", "o1 said": "1"}])
    with pytest.raises(InputError, match=r"response") as caught:
        traces(File(name, root=tmp_path), "a?")
    assert "o1 said" in caught.value.hint
    assert traces(File(name, root=tmp_path, response="o1 said"), "a?")[0].response == "1"


# --- files of questions ---


def test_questions_of_ours_work_without_a_file() -> None:
    task = Gsm8k()
    train, test = task.problems("train", None, 0), task.problems("test", None, 0)
    assert len({p.problem_id for p in train + test}) == len(train) + len(test) == 8
    for found in train + test:
        assert found.answer is not None
        assert task.grade(found, f"So it is {found.answer}.").value == 1
        assert task.grade(found, found.metadata["solution"]).value == 1
        assert task.grade(found, "").value == 0


def test_the_same_seed_draws_the_same_and_more_keeps_those_drawn(tmp_path: Path) -> None:
    rows = [{"question": f"{n}?", "answer": f"#### {n}"} for n in range(50)]
    task = Gsm8k(test=write(tmp_path / "q.jsonl", rows), root=tmp_path)
    drawn = [p.problem_id for p in task.problems("test", 10, 1)]
    assert drawn == [p.problem_id for p in task.problems("test", 10, 1)]
    assert drawn != [p.problem_id for p in task.problems("test", 10, 2)]
    assert set(drawn) < {p.problem_id for p in task.problems("test", 20, 1)}
    assert len(task.problems("test", 99, 1)) == len(task.problems("test", None, 1)) == 50


def test_a_repeated_question_is_one_problem(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", [{"question": q, "answer": "#### 1"} for q in ("x?", "y?", "x?", " y?")])
    assert [p.prompt for p in Gsm8k(train=train, root=tmp_path).problems("train", None, 0)] == ["x?", "y?"]


@pytest.mark.parametrize("bad", ["{oops", '{"answer": "1"}', '{"question": " "}', '{"question": 7}'])
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, bad: str) -> None:
    name = write(tmp_path / "q.jsonl", [{"question": "x?", "answer": "#### 1"}, bad])
    with pytest.raises(InputError, match=r"q\.jsonl, row 2"):
        Gsm8k(test=name, root=tmp_path).problems("test", None, 0)


def test_a_split_without_a_file_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no train file"):
        Gsm8k(test=write(tmp_path / "q.jsonl", [{"question": "x?"}]), root=tmp_path).problems("train", None, 0)


def test_training_on_test_questions_is_refused(tmp_path: Path) -> None:
    """The same question in both files, with other white space."""
    train = write(tmp_path / "a.jsonl", [{"question": q, "answer": "#### 1"} for q in ("x  y?", "z?")])
    test = write(tmp_path / "b.jsonl", [{"question": " x y?", "answer": "#### 1"}])
    with pytest.raises(ContaminationError, match=r"1 of 2 training problems occur in the test split.*'x  y\?'"):
        draw(Gsm8k(train=train, test=test, root=tmp_path), None, None, 0)


def test_a_missing_file_of_questions_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*q\.jsonl"):
        Gsm8k(test="q.jsonl", root=tmp_path)


def test_a_question_without_a_reference_is_not_scored(tmp_path: Path) -> None:
    task = Gsm8k(test=write(tmp_path / "q.jsonl", [{"question": "x?", "answer": None}]), root=tmp_path)
    (found,) = task.problems("test", None, 0)
    assert found.answer is None
    assert task.grade(found, "7").value is None


# --- published traces ---


@needs_data
@pytest.mark.parametrize("name", REAL)
def test_real_traces_join_grade_and_differ_in_style(name: str) -> None:
    field, least, most, worst, best = REAL[name]
    task = Gsm8k(test="traces/mip/questions_gsm8k.jsonl.gz", root=DATA)
    problems = task.problems("test", None, 0)
    file = File(f"traces/mip/gsm8k_wellposed_{name}.jsonl.gz", root=DATA, response=field, model=name)
    found = list(file.generate(problems, Sampling()))
    assert [t.problem_id for t in found] == [p.problem_id for p in problems]
    errors = file.census(problems).errors
    assert errors == (name == "deepseekR1")
    right = sum(task.grade(p, t.response).value == 1 for p, t in zip(problems, found, strict=True))
    assert worst <= right / (len(found) - errors) <= best
    (row,) = profile.summarise(profile.style(to_frame(Trace, found))).rows(named=True)
    assert (row["n"], row["n_excluded"]) == (582 - errors, errors)
    assert least <= row["share_3_types"] <= most
    assert row["share_reasoning"] == (1.0 if least else 0.0)


@needs_data
def test_a_file_in_which_every_row_stands_twice_counts_once() -> None:
    problems = Gsm8k(test="traces/mip/questions_gsm8k.jsonl.gz", root=DATA).problems("test", 50, 3)
    name = "traces/mip/gsm8k_missing_premise_gpt4o.jsonl.gz"
    census = File(name, root=DATA, prompt="question", response="gpt-4o (insufficient_question)").census(problems)
    assert (census.rows, census.traces, census.duplicates, census.unmatched) == (1164, 50, 582, 532)


@needs_data
def test_steps_of_real_traces_tile_them() -> None:
    problems = Gsm8k(test="traces/mip/questions_gsm8k.jsonl.gz", root=DATA).problems("test", 100, 0)
    found = to_frame(Trace, File("traces/mip/gsm8k_wellposed_QwQ.jsonl.gz", root=DATA).generate(problems, Sampling()))
    covered = (
        profile.steps(found)
        .group_by("trace_id")
        .agg(pl.col("start").min(), pl.col("end").max(), length=(pl.col("end") - pl.col("start")).sum())
    )
    joined = covered.join(found.select("trace_id", text=profile.text()), on="trace_id")
    assert joined.height == 100
    assert joined.select(
        (
            (pl.col("start") == 0)
            & (pl.col("end") == pl.col("text").str.len_chars())
            & (pl.col("end") == pl.col("length"))
        ).all()
    ).item()
