"""Runs of a real small study: what they leave, and that killing them changes nothing."""

import hashlib
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from conftest import SMALL, Understudy
from understudy import tables
from understudy.config import load
from understudy.errors import RunError
from understudy.plan import plan
from understudy.protocols import silent
from understudy.rundir import RunDirectory, Stage

pytest.importorskip("torch", reason="the extra train is not installed")

TIMES = ("timings.jsonl", "report.html", "report.md", "figures", ".lock")
KINDS = [
    *("problems", "traces/train", "scores/train", "checks", "style/train", "steps/train", "start/", "train/"),
    *("traces/test", "scores/test", "style/test", "steps/test", "training", "outcomes", "estimates"),
]
LONG = ("start/", "train/", "traces/test")


def content(run: Path) -> dict[str, str]:
    """A hash of every table, checkpoint and record; what tells the time lies apart."""
    files = [p for p in run.rglob("*") if p.is_file() and p.relative_to(run).parts[0] not in TIMES]
    return {str(p.relative_to(run)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_run_leaves_its_tables_students_and_report(small_run: Path) -> None:
    for name in ("study.yaml", "manifest.json", "report.html", "report.md", "timings.jsonl"):
        assert (small_run / name).stat().st_size > 0, name
    outcomes = pl.read_parquet(small_run / "outcomes.parquet")
    assert outcomes.group_by("arm", "sampling").len()["len"].to_list() == [20] * 12
    accuracy = pl.read_parquet(small_run / "estimates.parquet").filter(pl.col("name") == "accuracy")
    right = outcomes.group_by("arm", "sampling").agg((pl.col("answer") == 1).sum() / pl.len())
    joined = accuracy.join(right, on=["arm", "sampling"])
    assert joined["value"].to_list() == pytest.approx(joined["answer"].to_list())
    assert not (small_run / ".partial").exists()


def test_the_arms_hold_what_the_study_says(small_run: Path) -> None:
    traces = {p.stem: pl.read_parquet(p) for p in (small_run / "traces" / "train").glob("*.parquet")}
    problems = {name: frame["problem_id"].to_list() for name, frame in traces.items()}
    assert len({tuple(ids) for ids in problems.values()}) == 1, "every arm holds the same problems"
    hc, wrong = traces["ST-HC"], traces["ST-HC-W"]
    assert wrong["parent_id"].to_list() == hc["trace_id"].to_list()
    assert wrong["reasoning"].to_list() == hc["reasoning"].to_list()
    assert all(a != b for a, b in zip(wrong["response"], hc["response"], strict=True))
    assert traces["ST-NT"]["reasoning"].null_count() == 60
    checks = pl.read_parquet(small_run / "checks.parquet")
    assert checks["value"].to_list() == [1.0] * len(checks) and set(checks["arm"]) == {"ST-HC-W", "ST-NT"}
    training = {row["arm"]: row for row in pl.read_parquet(small_run / "training.parquet").iter_rows(named=True)}
    assert training["ST-NT-T"]["tokens"] >= training["ST"]["tokens"] > 2 * training["ST-NT"]["tokens"]
    assert training["ST-NT-T"]["tokens"] < training["ST"]["tokens"] + 512


def test_a_finished_run_does_nothing_again(small_run: Path, understudy: Understudy) -> None:
    before = content(small_run)
    again = understudy("run", SMALL, "--out", small_run, "-v")
    assert again.returncode == 0
    assert "started" not in again.stderr and "are done already" in again.stderr
    assert content(small_run) == before


def test_settings_that_change_are_refused_then_updated(small_run: Path, understudy: Understudy, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", str(small_run), str(tmp_path / "run")], check=True)
    change = ("run", SMALL, "--out", tmp_path / "run", "-v", "--set", "compare.resamples=200")
    refused = understudy(*change)
    assert refused.returncode == 2 and "with other settings" in refused.stderr and "--update" in refused.stderr
    updated = understudy(*change, "--update")
    assert updated.returncode == 0
    assert re.findall(r"(\S+)  started", updated.stderr) == ["estimates"]


def test_an_arm_that_is_taken_out_is_gone(small_run: Path, understudy: Understudy, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", str(small_run), str(tmp_path / "run")], check=True)
    study = tmp_path / "small.yaml"
    study.write_text(re.sub(r"  ST-HC-W: .*\n", "", SMALL.read_text()))
    assert understudy("run", study, "--out", tmp_path / "run", "--update").returncode == 0
    assert not list((tmp_path / "run").rglob("*ST-HC-W*"))
    assert (tmp_path / "run" / "students" / "ST-HC-0" / "model.safetensors").exists()


def test_a_deleted_output_is_made_again_with_the_same_bytes(
    small_run: Path, understudy: Understudy, tmp_path: Path
) -> None:
    subprocess.run(["cp", "-r", str(small_run), str(tmp_path / "run")], check=True)
    (tmp_path / "run" / "scores" / "train" / "ST.parquet").unlink()
    (tmp_path / "run" / "outcomes.parquet").unlink()
    assert understudy("run", SMALL, "--out", tmp_path / "run").returncode == 0
    assert content(tmp_path / "run") == content(small_run)


def _alive(mark: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and mark.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _kill_during(run: Path, wanted: set[str], rng: random.Random) -> str | None:
    """Start the study, and kill it a moment after a stage of a wanted kind has started. Returns the kind, if any."""
    name, value = "UNDERSTUDY_TEST", str(uuid.uuid4())
    command = [sys.executable, "-m", "understudy", "run", str(SMALL), "--out", str(run), "-v"]
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160", name: value}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    assert process.stderr
    pattern = re.compile(rf"^({'|'.join(sorted(wanted))})\S*  started".encode(), re.MULTILINE)
    try:
        seen = b""
        while process.poll() is None:
            if select.select([process.stderr], [], [], 0.1)[0]:
                seen += os.read(process.stderr.fileno(), 65536)
            if found := pattern.search(seen):
                kind = found[1].decode()
                time.sleep(rng.random() * (1.5 if kind in LONG else 0.03))
                return kind
        assert process.returncode == 0, seen.decode()
        return None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 20
        while _alive(f"{name}={value}") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _alive(f"{name}={value}"), "a worker outlives the run that started it"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds what is left over in /proc")
def test_a_run_killed_in_every_stage_ends_with_the_same_bytes(
    small_run: Path, understudy: Understudy, tmp_path: Path
) -> None:
    """Thirty kills or more, each a random moment into a stage, three or more in stages of every kind."""
    planned = plan(load(SMALL), SMALL.parent)
    rng = random.Random(20)
    kills: Counter[str] = Counter()
    rounds = 0
    while kills.total() < 30 or set(kills) < set(KINDS):
        run = tmp_path / f"run{rounds}"
        rounds += 1
        assert rounds <= 6, f"no stage was killed of {set(KINDS) - set(kills)}"
        while wanted := {
            kind
            for kind in KINDS
            if kills[kind] < 3
            and any(n.startswith(kind) and not (run / "stages" / f"{n}.json").exists() for n in planned)
        }:
            if killed := _kill_during(run, wanted, rng):
                kills[killed] += 1
        finished = understudy("run", SMALL, "--out", run)
        assert finished.returncode == 0, finished.stderr
        assert content(run) == content(small_run), f"after {kills}"


def test_ctrl_c_says_in_one_line_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "understudy", "run", str(SMALL), "--out", str(tmp_path / "run"), "-v"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr
    for line in process.stderr:
        if line.startswith("start/0"):
            break
    os.killpg(process.pid, signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130, rest
    assert [line for line in rest.splitlines() if "  " not in line] == [
        "interrupted: what is done is kept; run the same command again to go on"
    ]


def test_two_runs_in_one_directory_are_refused(tmp_path: Path, understudy: Understudy) -> None:
    import fcntl

    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = understudy("run", SMALL, "--out", tmp_path / "run")
    assert second.returncode == 2 and "another understudy is at work" in second.stderr


def test_the_manifest_says_what_the_run_was_made_with(small_run: Path) -> None:
    manifest = json.loads((small_run / "manifest.json").read_text())
    assert manifest["packages"]["polars"] == pl.__version__
    assert manifest["hardware"]["cores"] == os.cpu_count()
    assert manifest["seeds"] == [0] and manifest["study"] == "small"


def test_tables_open_anywhere_and_say_what_they_are(small_run: Path) -> None:
    metadata = pl.read_parquet_metadata(small_run / "traces" / "train" / "ST.parquet")
    assert metadata["understudy.table"] == "trace" and metadata["understudy.schema"] == str(tables.VERSION)


def test_a_large_file_that_found_no_room_is_a_full_disk_though_small_ones_have_room(tmp_path: Path) -> None:
    def write(*_: object) -> None:
        raise ValueError("Error while serializing: I/O error: No space left on device (os error 28)")

    with RunDirectory(tmp_path / "run") as place, pytest.raises(RunError, match="the disk is full") as caught:
        place.execute(Stage("a", "a.json", write), "key", {}, silent)
    assert "what is done is kept" in caught.value.hint
