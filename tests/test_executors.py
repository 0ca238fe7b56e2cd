"""Workers: who gets which accelerator, and what is told on the way."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from understudy.executors.local import Local, accelerators


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
