"""Workers: who gets which accelerator, and what is told on the way."""

import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from understudy.config import bundled, load
from understudy.errors import StudyError
from understudy.executors.local import Local, accelerators
from understudy.plan import plan
from understudy.study import data_root


def note_devices(place: Path, seconds: float, report: Any) -> None:
    report(1, 2, "half way")
    (place / f"{os.getpid()}").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))
    time.sleep(seconds)


def drain(pool: Local, names: list[str]) -> list[tuple[str, int, int, str]]:
    told, left = [], set(names)
    while left:
        left -= set(pool.finished(1))
        told += pool.told()
    return told


def test_no_two_functions_have_the_same_accelerator(tmp_path: Path) -> None:
    with Local(1, ["0", "3"]) as pool:
        pool.submit("a", note_devices, tmp_path, 3, devices=1)
        assert pool.room(1) and not pool.room(2) and pool.room()
        pool.submit("b", note_devices, tmp_path, 3, devices=1)
        assert not pool.room(1) and pool.room(), "a worker without an accelerator is still free"
        told = drain(pool, ["a", "b"])
        assert pool.room(2) and pool.room(9), "all there are is as good as more than there are"
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["0", "3"]
    assert sorted(told) == [("a", 1, 2, "half way"), ("b", 1, 2, "half way")]


def test_without_accelerators_every_function_is_a_worker_s(tmp_path: Path) -> None:
    with Local(1) as pool:
        assert pool.room(1)
        pool.submit("a", note_devices, tmp_path, 0, devices=1)
        assert not pool.room(1) and not pool.room()
        drain(pool, ["a"])
    assert [path.read_text() for path in tmp_path.iterdir()] == [""]


@pytest.mark.parametrize(
    ("visible", "found"), [("", ()), ("-1", ()), ("1", ("1",)), ("0,2", ("0", "2")), ("GPU-a1", ("GPU-a1",))]
)
def test_only_visible_accelerators_count(visible: str, found: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert accelerators() == found


def test_what_fails_ends_its_workers_and_no_process_of_others(tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    try:
        with pytest.raises(ZeroDivisionError), Local(1) as pool:
            pool.submit("a", note_devices, tmp_path, 60)
            while not list(tmp_path.iterdir()):
                pool.finished(0.1)
            raise ZeroDivisionError
        assert set(multiprocessing.active_children()) - before == {other} and other.is_alive()
    finally:
        other.kill()
        other.join()


# --- what a study's stages want ---


def devices(name: str, *overrides: str) -> dict[str, int]:
    study = load(bundled()[name], overrides)
    return {stage.name: stage.devices for stage in plan(study, data_root(study, bundled()[name])).values()}


def test_stages_of_real_students_have_accelerators_and_those_of_tiny_ones_none() -> None:
    large = devices("style-over-substance", "train.num_processes=2")
    assert (large["train/ST-0"], large["traces/test/ST/0-sampled"], large["scores/train/ST"]) == (2, 1, 0)
    assert not any(devices("smoke-hf").values())
    of_size = "student.scratch.config=" + str(bundled()["smoke-hf"])  # any file: it is not read yet
    assert devices("smoke-hf", of_size)["train/ST-0"] == 1


@pytest.mark.parametrize(("served", "wanted"), [("{gpus: 4}", 4), ("{base_url: 'http://localhost:1/v1'}", 0)])
def test_a_server_that_is_started_has_its_accelerators(served: str, wanted: int) -> None:
    found = devices("style-over-substance", f"engine={{served: {served}}}")
    assert found["traces/test/ST/0-sampled"] == wanted


@pytest.mark.parametrize("setting", ["train_batch_size=0", "num_processes=0", "learning_rate=0"])
def test_a_training_that_cannot_be_is_refused_before_anything_runs(setting: str) -> None:
    with pytest.raises(StudyError, match=f"{setting.partition('=')[0]} cannot be 0"):
        devices("smoke-hf", f"train.{setting}")
