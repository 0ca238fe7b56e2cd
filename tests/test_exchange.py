"""Traces in and out: every row of every file is accounted for, and what is exported comes back as it was."""

import gzip
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import DATA, Understudy
from test_bad_input import refused
from understudy import exchange, tables
from understudy.errors import InputError, UnderstudyError
from understudy.exchange import Count
from understudy.registry import modules
from understudy.tasks import problem_id
from understudy.types import Trace

needs_data = pytest.mark.skipif(not (DATA / "traces" / "mip").is_dir(), reason="needs ../shared/data (traces)")
FILES = sorted(
    file
    for folder in ("traces", "labels", "unlicensed")
    for file in (DATA / folder).rglob("*.gz")
    if "reasonif_prompts" not in file.name
)
QUESTIONS = ("questions_", "items.")
"""Files that hold questions and no traces."""
FORMATS = sorted(modules("formats"))
ROW = {"question": "2 and 2?", "response": "so 4 </think> 4", "answer": "4", "model": "r1"}


def lines(path: Path, rows: list[Any]) -> Path:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.name.endswith(".gz") else text.encode())
    return path


def read(*files: Path, **options: Any) -> tuple[list[Trace], list[Count]]:
    reading = exchange.traces(files, **options)
    found = [trace for frame in reading for trace in tables.to_records(Trace, frame)]
    return found, reading.counts


def balanced(count: Count) -> bool:
    return count.rows == count.used + count.duplicates + count.dropped.total()


# --- what becomes of a row ---


def test_a_trace_says_where_it_came_from(tmp_path: Path) -> None:
    file = lines(tmp_path / "R1.v2.jsonl.gz", [{**ROW, "model": None}, ROW])
    (first, second), _ = read(file)
    assert (first.trace_id, first.problem_id) == ("R1.v2/1", problem_id("imported", "2 and 2?"))
    assert (first.model, second.model) == ("R1.v2", "r1")
    assert (first.reasoning, first.response) == ("so 4", "4")
    assert first.metadata.items() >= {"prompt": "2 and 2?", "answer": "4", "file": file.name, "row": 1}.items()
    assert read(file, task="gsm8k")[0][0].problem_id == problem_id("gsm8k", " 2  and 2?")


def test_samples_of_a_row_have_ids_of_their_own_and_rows_without_a_prompt_too(tmp_path: Path) -> None:
    file = lines(tmp_path / "m.jsonl", [{"prompt": "a?", "output": ["1", "2"]}, {"output": ["3"]}])
    found, (count,) = read(file)
    assert [(t.trace_id, t.sample) for t in found] == [("m/1/0", 0), ("m/1/1", 1), ("m/2", 0)]
    assert found[2].problem_id == "m-2"
    assert (count.rows, count.used, count.traces) == (2, 2, 3)


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    files = []
    for folder, name in (("a", "m.jsonl"), ("b", "m.json"), ("c", "m.jsonl.gz"), ("d", "m-2.jsonl")):
        (tmp_path / folder).mkdir()
        files.append(lines(tmp_path / folder / name, [ROW]))
    assert [t.trace_id for t in read(*files)[0]] == ["m/1", "m-2/1", "m-3/1", "m-2-2/1"]


def test_every_row_is_counted_under_one_heading(tmp_path: Path) -> None:
    rows: list[Any] = [
        ROW,
        {**ROW, "question": "b?"},
        dict(reversed(ROW.items())),
        {**ROW, "response": "Error after 6 attempts: timeout"},
        {**ROW, "response": "never closed"},
        {**ROW, "response": "thought </think>"},
        {**ROW, "response": "thought </think> \x1b[1m \x00 漢"},
        {"question": "c?", "answer": "4"},
        "{oops",
        '{"question": "\\ud800"}',
        "[1]",
    ]
    found, (count,) = read(lines(tmp_path / "m.jsonl", rows))
    assert balanced(count)
    assert (count.rows, count.used, count.duplicates, count.dropped.total()) == (11, 6, 1, 4)
    assert {"it is no JSON", "it is no valid Unicode", "it is no JSON object"} < set(count.dropped)
    assert (count.traces, count.errors, count.truncated, count.unreasoned, count.empty) == (6, 1, 1, 0, 2)
    assert found[2].error == "Error after 6 attempts: timeout" and found[2].finish_reason == "error"
    assert (found[3].reasoning, found[3].finish_reason) == ("never closed", "length")
    assert found[5].response == "\x1b[1m \x00 漢"


def test_a_trace_without_reasoning_or_response_is_counted(tmp_path: Path) -> None:
    rows = [{"prompt": "a?", "response": "4"}, {"prompt": "b?", "response": " "}]
    _, (count,) = read(lines(tmp_path / "m.jsonl", rows))
    assert (count.traces, count.unreasoned, count.empty, count.errors) == (2, 2, 1, 0)


def test_one_is_not_true_and_minus_one_is_not_minus_two(tmp_path: Path) -> None:
    rows = [{**ROW, "n": n} for n in (1, True, 1.0, "1", -1, -2, None)]
    _, (count,) = read(lines(tmp_path / "m.jsonl", rows))
    assert count.duplicates == 0


def test_rows_are_told_apart_by_what_each_field_holds(tmp_path: Path) -> None:
    rows = [{**ROW, "a": a, "b": b} for a, b in (("x", "y"), ("y", "x"), ("1", 1), (1, "1"), ([1], "1"), (None, ""))]
    nested = {**ROW, "a": {"b": "x", "c": [{"d": 1, "e": "y"}]}}
    same = {"a": {"c": [{"e": "y", "d": 1}], "b": "x"}, **ROW}
    escaped = json.dumps(ROW).replace("2 and 2", "2 \\u0061nd 2")
    _, (count,) = read(lines(tmp_path / "m.jsonl", [*rows, nested, same, ROW, escaped]))
    assert (count.used, count.duplicates) == (len(rows) + 2, 2)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=4),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=("Cs",))),
        max_size=4,
    )
)
def test_metadata_is_canonical_json_whatever_it_holds(metadata: dict[str, Any]) -> None:
    frame = tables.to_frame(Trace, [Trace("a", "b", "c", "d", metadata=metadata)])
    assert frame["metadata"].item() == tables.to_json(metadata)


def test_fields_can_be_named(tmp_path: Path) -> None:
    file = lines(tmp_path / "m.jsonl", [{"q": "a?", "said": "4", "cot": "2+2"}])
    (trace,), _ = read(file, mapping={"prompt": "q", "response": "said", "reasoning": "cot"})
    assert (trace.metadata["prompt"], trace.reasoning, trace.response) == ("a?", "2+2", "4")
    with pytest.raises(InputError, match="no field 'cott' for the reasoning") as caught:
        read(file, mapping={"reasoning": "cott"})
    assert caught.value.hint == "did you mean 'cot'?"


def test_an_unknown_layout_is_answered_with_the_fields_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"m\.jsonl.*'alpha'.*'beta'") as caught:
        read(lines(tmp_path / "m.jsonl", [{"alpha": 1, "beta": [2]}]))
    assert "--map" in caught.value.hint


def test_a_file_without_any_row_is_refused(tmp_path: Path) -> None:
    for text in ("", "{oops"):
        with pytest.raises(InputError, match="no row that can be read"):
            read(lines(tmp_path / "m.jsonl", [text]))


def test_a_truncated_file_is_refused_or_counted_as_damaged(tmp_path: Path) -> None:
    rng = random.Random(0)
    rows = [{**ROW, "question": "".join(rng.choices("abcdef ", k=200))} for _ in range(300)]
    file = lines(tmp_path / "m.jsonl.gz", rows)
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(InputError, match="ends early"):
        read(file)
    found, (count,) = read(file, keep_readable=True)
    assert balanced(count) and 250 < len(found) < 300 and "ends early" in (count.damage or "")


# --- our own tables ---


def test_a_table_of_ours_is_passed_on_as_it_is(tmp_path: Path) -> None:
    file = lines(tmp_path / "m.jsonl", [ROW, {**ROW, "response": "Error code: 500"}])
    exchange.write(exchange.traces([file]), tmp_path / "t.parquet")
    about = pl.read_parquet_metadata(tmp_path / "t.parquet")
    assert (about["understudy.table"], about["understudy.schema"]) == ("trace", str(tables.VERSION))
    assert tables.read_records(Trace, tmp_path / "t.parquet") == read(file)[0] == read(tmp_path / "t.parquet")[0]
    with pytest.raises(InputError, match="holds the trace 'm/1', which was read before"):
        read(tmp_path / "t.parquet", tmp_path / "t.parquet")


def test_a_table_of_another_version_is_refused(tmp_path: Path) -> None:
    frame = tables.to_frame(Trace, [Trace("a", "b", "c", "d")])
    frame.write_parquet(tmp_path / "t.parquet", metadata={"understudy.table": "trace", "understudy.schema": "99"})
    with pytest.raises(InputError, match="schema version 99"):
        read(tmp_path / "t.parquet")


def test_a_run_directory_is_read_without_its_intermediate_tables(tmp_path: Path) -> None:
    for name in ("test/A/0-greedy", "train/A", "between/A.0"):
        (tmp_path / "run" / "traces" / name).parent.mkdir(parents=True, exist_ok=True)
        trace = Trace(f"{name}/x", "x", "A", "4", metadata={"n": 1})
        tables.write_records(Trace, [trace], tmp_path / "run" / "traces" / f"{name}.parquet")
    for folder in ("run", "run/traces"):
        found, counts = read(tmp_path / folder)
        assert [t.trace_id for t in found] == ["test/A/0-greedy/x", "train/A/x"]
        assert [count.file for count in counts] == ["test/A/0-greedy.parquet", "train/A.parquet"]
    with pytest.raises(InputError, match="is a directory, and of no run"):
        read(tmp_path)


# --- export ---

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
TRACES = st.lists(
    st.builds(
        Trace,
        trace_id=st.uuids().map(str),
        problem_id=WORDS,
        model=WORDS,
        response=WORDS | st.just("a</think>b"),
        reasoning=st.none() | WORDS | st.just("<think> x"),
        sample=st.integers(0, 9),
        finish_reason=st.sampled_from(["stop", "length", None]),
        metadata=st.fixed_dictionaries({"prompt": WORDS}) | st.dictionaries(WORDS, WORDS | st.integers(), max_size=2),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda trace: trace.trace_id,
)


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".parquet"])
@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(traces=TRACES)
def test_what_is_exported_comes_back(tmp_path: Path, form: str, ending: str, traces: list[Trace]) -> None:
    out = tmp_path / f"x{ending}"
    assert exchange.export([tables.to_frame(Trace, traces)], form, out) == len(traces)
    assert read(out, form=form)[0] == traces
    found, (count,) = read(out)
    assert (found, count.format, balanced(count)) == (traces, form, True)


@needs_data
@pytest.mark.parametrize("form", FORMATS)
def test_real_traces_come_back_from_every_format(tmp_path: Path, form: str) -> None:
    """Reasoners and others, errors, truncated ones, samples, several megabytes."""
    names = [
        "mip/gsm8k_wellposed_deepseekR1.jsonl.gz",
        "mip/math_missing_premise_DSQ.jsonl.gz",
        "mip/math_wellposed_gpt4o.jsonl.gz",
        "misguided_attention/outputs_nm49b.jsonl.gz",
        "gpt_oss_120b_harmony.jsonl.gz",
        "think_on_off/qwen3.5-9b__think-on.jsonl.gz",
        "zeroeval/math-l5_o1-mini-2024-09-12.jsonl.gz",
    ]
    before, _ = read(*(DATA / "traces" / name for name in names))
    for ending in (".jsonl.gz", ".parquet"):
        frames = exchange.traces([DATA / "traces" / name for name in names])
        exchange.export(frames, form, tmp_path / f"x{ending}")
        after, (count,) = read(tmp_path / f"x{ending}")
        assert after == before and count.format == form and balanced(count)


def test_an_export_of_nothing_or_to_an_unknown_kind_of_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.csv"):
        exchange.export([], "messages", tmp_path / "rows.csv")
    assert exchange.export([], "messages", tmp_path / "rows.jsonl") == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "rows.jsonl"]


def test_a_reading_that_fails_leaves_no_file(tmp_path: Path) -> None:
    good, bad = (
        lines(tmp_path / "a.jsonl", [ROW]),
        lines(tmp_path / "b.json", ['[{"question": "x", "response": "y"}, {']),
    )
    for write in (exchange.write, lambda frames, out: exchange.export(frames, "messages", out)):
        for name in ("t.parquet", "t.jsonl.gz"):
            if write is exchange.write or name.endswith(".gz"):
                with pytest.raises(InputError, match="ends early"):
                    write(exchange.traces([good, bad]), tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.json"]


# --- anything at all ---

SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.just("so </think> 4")
CELL = st.recursive(
    SCALAR, lambda cell: st.lists(cell, max_size=3) | st.dictionaries(WORDS, cell, max_size=3), max_leaves=5
)
USUAL = """
    question prompt response output thinking reasoning messages conversations completion instruction input answer model
    base_solution data understudy finish_reason usage error
"""
NAMES = st.sampled_from([*USUAL.split(), "R1 (question)", "o1 Reasoning", "o1 Answer"])
ANY_ROWS = st.lists(st.dictionaries(NAMES | WORDS, CELL, max_size=5), min_size=1, max_size=5)


@pytest.mark.parametrize("container", ["lines", "array", "gzip", "csv", "parquet"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=ANY_ROWS, usable=st.booleans(), keep=st.booleans())
def test_no_row_is_lost_without_a_reason(
    tmp_path: Path, container: str, rows: list[dict[str, Any]], usable: bool, keep: bool
) -> None:
    rows = [*rows, *([ROW] * 9 if usable else [])]
    file = write_as(container, rows, tmp_path)
    reading = exchange.traces([file], keep_readable=keep)
    try:
        found = [trace for frame in reading for trace in tables.to_records(Trace, frame)]
    except UnderstudyError as error:
        assert error.message and "\n" not in error.message
        return
    (count,) = reading.counts
    assert balanced(count) and count.traces == len(found) == len({trace.trace_id for trace in found})
    assert count.rows == len(rows) and all(count.dropped)


def write_as(container: str, rows: list[dict[str, Any]], folder: Path) -> Path:
    file = folder / f"m.{container}"
    if container == "csv":
        names = sorted({name.replace("\r", "") or "x" for row in rows for name in row} | {"question"})
        frame = pl.DataFrame({name: [json.dumps(row.get(name)) for row in rows] for name in names})
        frame.write_csv(file)
    elif container == "parquet":
        names = sorted({name for row in rows for name in row} | {"question"})
        pl.DataFrame({name: [as_text(row.get(name)) for row in rows] for name in names}).write_parquet(file)
    else:
        text = json.dumps(rows) if container == "array" else "\n".join(map(json.dumps, rows))
        file.write_bytes(gzip.compress(text.encode()) if container == "gzip" else text.encode())
    return file


def as_text(cell: Any) -> str | None:
    return cell if cell is None or isinstance(cell, str) else json.dumps(cell)


# --- the files that there are ---


@needs_data
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_real_file_is_imported_and_its_sum_adds_up(file: Path) -> None:
    found, (count,) = read(file)
    assert balanced(count) and count.rows > 0 and not count.damage
    assert count.traces == len(found) == len({trace.trace_id for trace in found})
    assert (count.traces == 0) == file.name.startswith(QUESTIONS)
    assert bool(count.dropped) == file.name.startswith(QUESTIONS) or count.dropped.total() < count.rows / 10


@needs_data
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mip/gsm8k_missing_premise_gpt4o", {"rows": 1164, "duplicates": 582, "traces": 582, "unreasoned": 582}),
        ("mip/gsm8k_wellposed_deepseekR1", {"rows": 582, "traces": 582, "errors": 1, "unreasoned": 0}),
        ("misguided_attention/outputs_QwQ-32b", {"rows": 53, "traces": 159, "empty": 17, "truncated": 17}),
        ("misguided_attention/outputs_q3_235b-think", {"rows": 52, "traces": 156, "empty": 9}),
        ("gpt_oss_120b_harmony", {"rows": 90, "traces": 90, "truncated": 12, "unreasoned": 0}),
        ("gpt3_gsm8k_example_model_solutions", {"rows": 1319, "traces": 4 * 1319}),
        ("qwen2.5_math_cot_100x8", {"rows": 100, "traces": 800, "unreasoned": 800}),
        ("marco_o1_cot_demo", {"rows": 125, "traces": 125, "unreasoned": 0}),
        ("zeroeval/math-l5_o1-mini-2024-09-12", {"rows": 721, "traces": 721, "empty": 37}),
        ("mip/questions_gsm8k", {"rows": 582, "used": 0, "traces": 0}),
    ],
)
def test_counts_are_those_that_the_collectors_state(name: str, expected: dict[str, int]) -> None:
    (count,) = read(DATA / "traces" / f"{name}.jsonl.gz")[1]
    assert {key: getattr(count, key) for key in expected} == expected


# --- the commands ---


def test_import_writes_a_table_and_says_what_became_of_every_row(understudy: Understudy, tmp_path: Path) -> None:
    lines(tmp_path / "a.jsonl", [ROW, ROW, "{oops", {**ROW, "response": "x"}])
    lines(tmp_path / "b.jsonl.gz", [{"prompt": "a?", "output": ["1", "2"]}])
    done = understudy("import", "a.jsonl", "b.jsonl.gz", "--out", "t.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = [line.split() for line in done.stdout.splitlines()]
    assert shown[1][:7] == ["a.jsonl", "fields", "4", "2", "1", "1", "2"]
    assert shown[3][:6] == ["all", "5", "3", "1", "1", "4"]
    assert done.stdout.splitlines()[-1] == "1 dropped: it is no JSON"
    assert len(tables.read_records(Trace, tmp_path / "t.parquet")) == 4
    look = understudy("import", "a.jsonl", "--json", cwd=tmp_path)
    (count,) = json.loads(look.stdout)
    assert (count["rows"], count["used"], count["duplicates"], count["dropped"]) == (4, 2, 1, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl.gz", "t.parquet"]


@needs_data
def test_the_commands_on_real_files(understudy: Understudy, tmp_path: Path) -> None:
    names = ["deepseekR1", "QwQ", "gpt4o", "s1.1"]
    files = [DATA / "traces" / "mip" / f"gsm8k_wellposed_{name}.jsonl.gz" for name in names]
    out, rows, back = (tmp_path / name for name in ("t.parquet", "rows.jsonl.gz", "back.parquet"))
    done = understudy("import", *files, "--out", out, "--task", "gsm8k", "--json")
    counts = json.loads(done.stdout)
    assert all(one["rows"] == one["used"] + one["duplicates"] + one["dropped"] for one in counts)
    assert sum(one["traces"] for one in counts) == 4 * 582 == tables.read(out).height
    assert tables.read(out)["problem_id"].n_unique() == 582
    done = understudy("export", out, "--format", "messages", "--out", rows)
    assert done.returncode == 0 and "2,328 traces written" in done.stdout, done.stderr
    assert understudy("import", rows, "--out", back).returncode == 0
    assert tables.read(back).equals(tables.read(out))


def test_an_export_can_leave_out_what_did_not_finish(understudy: Understudy, tmp_path: Path) -> None:
    said = {
        "fine": "so 4 </think> 4",
        "cut": "on and on",
        "failed": "Error code: 500",
        "empty": "so 4 </think>",
    }
    rows = [{**ROW, "question": name, "response": response} for name, response in said.items()]
    lines(tmp_path / "m.jsonl", [*rows, {**ROW, "question": "fine too"}])
    for out in ("rows.jsonl", "rows.parquet"):
        done = understudy(
            *("export", "m.jsonl", "--format", "messages", "--only", "finished", "--out", out), cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-2:] == [
            f"2 traces written to {out}",
            "3 left out: 1 truncated, 1 failed, 1 empty",
        ]
        found, _ = read(tmp_path / out)
        assert sorted(str(trace.metadata["prompt"]) for trace in found) == ["fine", "fine too"]
    everything = understudy("export", "m.jsonl", "--format", "messages", "--out", "rows.jsonl", cwd=tmp_path)
    assert everything.stdout.splitlines()[-1] == "5 traces written to rows.jsonl"
    refused(
        understudy("export", "m.jsonl", "--format", "messages", "--only", "x", "--out", "y.jsonl", cwd=tmp_path), "'x'"
    )


def test_a_batch_without_a_finished_trace_does_not_hide_the_columns(tmp_path: Path) -> None:
    failed, fine = Trace("a", "a", "m", "", finish_reason="error"), Trace("b", "b", "m", "4")
    left_out: Counter[str] = Counter()
    frames = exchange.finished((tables.to_frame(Trace, [trace]) for trace in (failed, fine)), left_out)
    assert exchange.export(frames, "messages", tmp_path / "rows.parquet") == 1
    assert read(tmp_path / "rows.parquet")[0] == [fine] and left_out == {"failed": 1}


@pytest.mark.parametrize("command", ["import", "profile", "export"])
def test_files_of_questions_alone_hold_no_trace(understudy: Understudy, tmp_path: Path, command: str) -> None:
    (tmp_path / "more").mkdir()
    one = lines(tmp_path / "q.jsonl", [{"question": f"{n}?", "answer": "4"} for n in range(3)])
    two = lines(tmp_path / "more" / "q.jsonl", [{"question": "b?", "answer": "4"}])
    out = {
        "import": ("--out", tmp_path / "t.parquet"),
        "profile": ("--html", tmp_path / "p.html"),
        "export": ("--format", "messages", "--out", tmp_path / "r.jsonl"),
    }[command]
    refused(understudy(command, one, *out), "q.jsonl holds no trace", "3 rows dropped: it is a question", "--map")
    assert sorted(tmp_path.rglob("*.*")) == [two, one]
    other = lines(tmp_path / "t.jsonl", [ROW])
    refused(understudy(command, one, two, *out), "none of the 2 files", "4 rows")
    assert understudy(command, one, other, *out).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.jsonl",), ("there is no file", "none.jsonl")),
        ((".",), ("is a directory", "name the files")),
        (("empty.jsonl",), ("empty.jsonl", "it is empty")),
        (("cut.jsonl.gz",), ("cut.jsonl.gz", "ends early", "--keep-readable")),
        (("odd.jsonl",), ("'alpha'", "--map")),
        (("good.jsonl", "--map", "reasoning"), ("'reasoning'", "--map ROLE=FIELD")),
        (("good.jsonl", "--map", "reasonin=x"), ("reasonin", "did you mean 'reasoning'?")),
        (("good.jsonl", "--map", "reasoning=respons"), ("'respons'", "did you mean 'response'?")),
        (("good.jsonl", "--format", "message"), ("'message'", "did you mean 'messages'?")),
        (("good.jsonl", "--out", "good.jsonl/t.parquet"), ("cannot write", "--out")),
        (("good.jsonl", "--out", "folder"), ("cannot write", "a directory", "--out")),
    ],
)
def test_a_wrong_import_is_refused_with_a_hint(
    understudy: Understudy, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    (tmp_path / "folder").mkdir()
    lines(tmp_path / "good.jsonl", [ROW])
    lines(tmp_path / "empty.jsonl", [])
    lines(tmp_path / "odd.jsonl", [{"alpha": 1}])
    cut = lines(tmp_path / "cut.jsonl.gz", [ROW])
    cut.write_bytes(cut.read_bytes()[:-12])
    before = sorted(tmp_path.rglob("*"))
    refused(understudy("import", *arguments, cwd=tmp_path), *words)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_kept_of_a_damaged_file_is_said(understudy: Understudy, tmp_path: Path) -> None:
    cut = lines(tmp_path / "cut.jsonl.gz", [ROW, {**ROW, "question": "b?"}])
    cut.write_bytes(cut.read_bytes()[:-8])
    done = understudy("import", cut, "--keep-readable", "--out", tmp_path / "t.parquet")
    assert done.returncode == 0 and "ends early" in done.stderr
    assert tables.read(tmp_path / "t.parquet").height == 2


def test_an_interrupted_import_leaves_no_half_file(tmp_path: Path) -> None:
    file = lines(tmp_path / "m.jsonl", [{**ROW, "question": f"{n}?", "response": "so " * 400} for n in range(2000)])
    content = file.read_bytes() + b"\n"
    with file.open("wb") as out:
        for n in range(60):
            out.write(content.replace(b"2 and 2", f"{n}".encode()))
    command = [sys.executable, "-m", "understudy", "import", str(file), "--out", str(tmp_path / "t.parquet")]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started = time.monotonic()
    while not (tmp_path / ".t.parquet.partial").exists() and time.monotonic() < started + 60:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and "Traceback" not in said
    assert list(tmp_path.iterdir()) == [file]
