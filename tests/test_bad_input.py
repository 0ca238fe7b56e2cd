"""Mistakes of the user's: one sentence with the offending value, a hint, exit status 2, no traceback, nothing lost."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from conftest import SMALL, Understudy

GSM8K = """
study: mine
task: {gsm8k: {test: questions.jsonl}}
problems: {test: null}
arms:
  A: {from: {file: {path: traces.jsonl, prompt: question, response: output}}}
  B: {from: {file: {path: traces.jsonl, prompt: question, response: other}}}
compare: {baseline: A}
"""
QUESTIONS = '{"question": "2 and 2?", "answer": "2+2=4\\n#### 4"}\n{"question": "3 and 3?", "answer": "#### 6"}\n'
TRACES = (
    '{"question": "2 and 2?", "output": "<think>wait</think> 4", "other": "It is 5."}\n'
    '{"question": "3 and 3?", "output": "Error after 6 attempts: timeout", "other": "6"}\n'
)


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert lines[0].startswith("error: ") and 1 <= len(lines) <= 2, done.stderr
    if len(lines) == 2:
        assert lines[1].startswith("hint: ")
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (("seeds: [0]", "seeds: [zero]"), ("seeds.0", "'zero'")),
        (("seeds: [0]", "seeds: [0, 0]"), ("holds one twice",)),
        (("seeds: [0]", "seeds: []"), ("seeds",)),
        (("sample:", "sampel:"), ("'sampel'", "did you mean 'sample'?")),
        (("from: search", "frm: search"), ("arms.ST.frm", "did you mean 'from'?")),
        (("from: search", "from: serch"), ("'serch'", "did you mean 'search'?")),
        (("vary: no-trace", "vary: no-trase"), ("'no-trase'", "did you mean 'no-trace'?")),
        (("task: {reach:", "task: {reech:"), ("'reech'", "did you mean 'reach'?")),
        (("depth: 2", "depht: 2"), ("'depht'", "did you mean 'depth'?")),
        (("depth: 2", "depth: two"), ("depth", "'two'")),
        (("num_train_epochs: 2", "epochs: 2"), ("train has no setting 'epochs'",)),
        (("num_train_epochs: 2", "num_train_epochs: many"), ("num_train_epochs", "'many'")),
        (("  ST-HC-W: ", "  ST-HC: "), ("not valid YAML", "duplicate key")),
        (("match: ST", "match: STT"), ("'STT'",)),
        (("budget: tokens, match: ST", "budget: tokens"), ("needs budget: tokens and match: ARM together",)),
        (("baseline: base", "baseline: bass"), ("'bass'", "did you mean 'base'?")),
        (("from: search", "from: ST"), ("made from itself",)),
        (("train: 60", "train: 0"), ("problems.train", "0")),
        (("temperature: 0.8", "temperature: -1"), ("temperature",)),
        (("  base: {}", "  ../up: {}"), ("cannot name a file",)),
        (("study: small", "study: [small"), ("not valid YAML",)),
        (("compare: {baseline: base, resamples: 500}", "published: nothing"), ("'nothing'",)),
    ],
)
def test_a_wrong_study_file_is_refused_with_a_hint(
    understudy: Understudy, tmp_path: Path, edit: tuple[str, str], words: tuple[str, ...]
) -> None:
    text = SMALL.read_text()
    assert edit[0] in text
    (tmp_path / "study.yaml").write_text(text.replace(*edit, 1))
    refused(understudy("run", tmp_path / "study.yaml", "--out", tmp_path / "run"), *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["", "just words", "- a\n- list", "\x00\x01", "a: &a [*a]", "42", "study: x"])
def test_what_is_no_study_is_refused(understudy: Understudy, tmp_path: Path, text: str) -> None:
    (tmp_path / "study.yaml").write_text(text)
    refused(understudy("run", tmp_path / "study.yaml", "--out", tmp_path / "run"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "quikstart"), ("quikstart", "did you mean 'quickstart'?")),
        (("run", "no/such/study.yaml"), ("no/such/study.yaml",)),
        (("run", "quickstart", "--set", "seeds"), ("sets nothing",)),
        (("run", "quickstart", "--set", "seeds=one"), ("seeds", "'one'")),
        (("run", "quickstart", "--set", "seeds.x=1"), ("seeds",)),
        (("run", "quickstart", "--set", "task=[1"), ("not valid YAML",)),
        (("show", "serch"), ("did you mean 'search'?",)),
        (("list", "variant"), ("did you mean 'variants'?",)),
        (("report", "no-such-run"), ("no-such-run",)),
        (("verify", "no-such.jsonl", "--task", "gsm8k"), ("no-such.jsonl",)),
        (("verify", "no-such.jsonl", "--task", "{gsm8k: ["), ("not valid YAML",)),
    ],
)
def test_a_wrong_command_is_refused_with_a_hint(
    understudy: Understudy, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(understudy(*arguments, cwd=tmp_path), *words)


def write_gsm8k(folder: Path) -> Path:
    (folder / "study.yaml").write_text(GSM8K)
    (folder / "questions.jsonl").write_text(QUESTIONS)
    (folder / "traces.jsonl").write_text(TRACES)
    return folder / "study.yaml"


def test_a_missing_file_of_traces_is_named(understudy: Understudy, tmp_path: Path) -> None:
    study = write_gsm8k(tmp_path)
    (tmp_path / "traces.jsonl").unlink()
    refused(understudy("run", study, "--out", tmp_path / "run"), str(tmp_path / "traces.jsonl"), "--set data=DIR")
    assert not (tmp_path / "run").exists()


def test_a_missing_folder_of_data_is_named(understudy: Understudy, tmp_path: Path) -> None:
    done = understudy("run", "real-traces", "--set", f"data={tmp_path}/nowhere", "--out", tmp_path / "run")
    refused(done, f"{tmp_path}/nowhere/traces/mip", "--set data=DIR")


def test_a_bad_row_is_data_and_an_api_error_is_not_a_wrong_answer(understudy: Understudy, tmp_path: Path) -> None:
    import json

    study = write_gsm8k(tmp_path)
    with (tmp_path / "traces.jsonl").open("a") as file:
        file.write("{not json\n")
    done = understudy("run", study, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    found = {(e["name"], e["arm"]): e["value"] for e in json.loads(done.stdout)}
    assert found["accuracy", "A"] == 0.5 and found["share error", "A"] == 0.5
    assert found["accuracy if unscored were right", "A"] == 1.0
    assert found["accuracy", "B"] == 0.5 and found["share error", "B"] == 0.0


LEAKY = """
\"""A stranger's puzzle that tests on what it trains on.\"""
from dataclasses import dataclass
from understudy.registry import entry
from understudy.tasks.reach import Reach

@entry
@dataclass(frozen=True)
class Leaky(Reach):
    \"""Reach, with one set of problems for both splits.\"""

    def problems(self, split, n, seed):
        return super().problems("train", n, seed)
"""


def test_training_on_test_problems_is_refused_also_from_a_stranger_s_plug_in(
    understudy: Understudy, tmp_path: Path
) -> None:
    """Another package puts a task on the shelf with an entry point; the same guard stands at its door."""
    (tmp_path / "leaky.py").write_text(LEAKY)
    info = tmp_path / "leaky-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[understudy.tasks]\nleaky = leaky\n")
    listed = understudy("list", "tasks", PYTHONPATH=str(tmp_path))
    assert "A stranger's puzzle that tests on what it trains on." in listed.stdout
    (tmp_path / "study.yaml").write_text(SMALL.read_text().replace("task: {reach:", "task: {leaky:"))
    done = understudy("run", tmp_path / "study.yaml", "--out", tmp_path / "run", PYTHONPATH=str(tmp_path))
    refused(done, "20 of 60 training problems occur in the test split, for instance 'from ")


def test_an_entry_that_does_not_fit_the_task_is_refused(understudy: Understudy, tmp_path: Path) -> None:
    text = SMALL.read_text().replace("task: {reach: {depth: 2, operations: 3}}", "task: gsm8k")
    (tmp_path / "study.yaml").write_text(text)
    refused(
        understudy("run", tmp_path / "study.yaml", "--out", tmp_path / "run"),
        "'tiny-llama' cannot work with the task 'gsm8k', which is no taught task",
    )


def test_a_directory_of_another_study_is_refused(small_run: Path, understudy: Understudy, tmp_path: Path) -> None:
    study = write_gsm8k(tmp_path)
    before = sorted(small_run.rglob("*"))
    refused(understudy("run", study, "--out", small_run), "holds the study 'small'", "--out")
    assert sorted(small_run.rglob("*")) == before


def test_a_directory_of_another_version_is_refused(understudy: Understudy, tmp_path: Path) -> None:
    study = write_gsm8k(tmp_path)
    assert understudy("run", study, "--out", tmp_path / "run").returncode == 0
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"understudy": "', '"understudy": "9.'))
    refused(understudy("run", study, "--out", tmp_path / "run"), "was made by understudy 9.")


def test_a_directory_of_something_else_is_refused(understudy: Understudy, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("dear")
    refused(understudy("run", SMALL, "--out", tmp_path / "home"), "hold")
    assert (tmp_path / "home" / "thesis.tex").read_text() == "dear"


def test_a_broken_table_is_named(understudy: Understudy, tmp_path: Path) -> None:
    study = write_gsm8k(tmp_path)
    assert understudy("run", study, "--out", tmp_path / "run").returncode == 0
    (tmp_path / "run" / "estimates.parquet").write_bytes(b"PAR1 not really")
    refused(understudy("report", tmp_path / "run"), "estimates.parquet")


def test_a_place_that_cannot_be_written_is_named(understudy: Understudy, tmp_path: Path) -> None:
    study = write_gsm8k(tmp_path)
    (tmp_path / "file").write_text("in the way")
    refused(understudy("run", study, "--out", tmp_path / "file" / "run"), str(tmp_path / "file" / "run"), "--out")
    refused(understudy("run", study, "--out", "/proc/run"), "/proc/run", "--out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_is_named(understudy: Understudy, tmp_path: Path) -> None:
    study = write_gsm8k(tmp_path)
    (tmp_path / "locked").mkdir(mode=0o555)
    refused(understudy("run", study, "--out", tmp_path / "locked" / "run"), "locked")


def test_a_full_disk_is_one_sentence_and_nothing_is_lost(understudy: Understudy, tmp_path: Path) -> None:
    """On a small disk that is really full, then larger."""
    study = write_gsm8k(tmp_path)
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        refused(understudy("run", study, "--out", disk / "run"), "the disk is full", "what is done is kept")
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        again = understudy("run", study, "--out", disk / "run")
        assert again.returncode == 0 and "are done already" in again.stderr, again.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_without_torch_the_exact_command_is_named(tmp_path: Path) -> None:
    """A Python that has no torch."""
    hidden = "import sys; sys.modules['torch'] = None; from understudy.cli import main; main()"
    command = [sys.executable, "-c", hidden, "run", str(SMALL), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    refused(done, "torch is not installed", "pip install 'understudy[train]'")


def test_an_error_in_a_worker_says_its_sentence_only(understudy: Understudy, tmp_path: Path) -> None:
    text = SMALL.read_text().replace("base_tokens: 6000", "base_tokens: 6000, context: 24")
    (tmp_path / "study.yaml").write_text(text)
    done = understudy("run", tmp_path / "study.yaml", "--out", tmp_path / "run")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "longer than the student's 24 tokens" in done.stderr
    assert (tmp_path / "run" / "problems.parquet").exists()


def test_text_of_models_cannot_steer_the_terminal(understudy: Understudy, tmp_path: Path) -> None:
    evil = "\\u001b]0;owned\\u0007"
    (tmp_path / "study.yaml").write_text(f'study: "x{evil}"\ntask: reach\narms: {{}}\n')
    done = understudy("run", tmp_path / "study.yaml")
    refused(done)
    assert "\x1b" not in done.stderr and "\x07" not in done.stderr


def test_dry_run_writes_nothing(understudy: Understudy, tmp_path: Path) -> None:
    done = understudy("run", SMALL, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0 and not list(tmp_path.iterdir())
    assert "resamples: 500" in done.stdout and "it would train 5 students on 60 problems each" in done.stdout
    assert "sample 6 arms 2 times on 20 test problems" in done.stdout
    every = understudy("run", SMALL, "--dry-run", "--set", "problems.train=null", cwd=tmp_path)
    assert every.returncode == 0 and "5 students on all problems each" in every.stdout


def test_python_users_get_the_same_sentences(tmp_path: Path) -> None:
    import understudy

    (tmp_path / "study.yaml").write_text(textwrap.dedent("study: x\ntask: reach\narms: {a: {from: serch}}\n"))
    with pytest.raises(understudy.UnderstudyError, match="did you mean 'search'"):
        understudy.run(tmp_path / "study.yaml", out=tmp_path / "run")
