"""Kernels: compiled once, kept where that is possible, and working where it is not."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from understudy import profile
from understudy.tables import to_frame
from understudy.types import Trace

READ = "from understudy.style.reading import Reading; print(len(Reading.of(['Wait. So 4.']).steps.start))"
HOMELESS = "from understudy.style.kernel import kernel\n@kernel\ndef twice(n): return 2 * n\nprint(twice(4), twice(5))"
"""Of a kernel that has no file, numba can keep nothing."""


def started(code: str, cache: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True, env=environment)


@pytest.mark.parametrize("module", ["understudy", "understudy.cli", "understudy.vary", "understudy.profile"])
def test_names_are_had_without_the_compiler(module: str, tmp_path: Path) -> None:
    assert started(f"import {module}, sys; print('numba' in sys.modules)", tmp_path).communicate()[0] == "False\n"


def test_two_that_compile_at_once_do_not_disturb_each_other_and_a_third_compiles_nothing(tmp_path: Path) -> None:
    """Takes as long as compiling does: some ten seconds."""
    for process in [started(READ, tmp_path), started(READ, tmp_path)]:
        out, said = process.communicate(timeout=300)
        assert (process.returncode, out) == (0, "2\n"), said
        assert said == ""  # it is nobody at a terminal
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.nb*")}
    assert kept
    assert started(READ, tmp_path).communicate(timeout=300)[0] == "2\n"
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.nb*")} == kept


def test_what_cannot_be_kept_works_all_the_same(tmp_path: Path) -> None:
    assert started(HOMELESS, tmp_path).communicate(timeout=300) == ("8 10\n", "")


def test_threads_measure_what_one_does_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "Okay, {n} apples. Wait, {n} + 3 is more? Let me check. So the answer is {n}."
    texts = [said.format(n=n) for n in range(99)]
    asked = {"prompt": "How many apples?", "answer": "7"}
    traces = to_frame(Trace, [Trace(str(n), "p", "m", "", text, metadata=asked) for n, text in enumerate(texts)])
    one = profile.measure(traces)
    monkeypatch.setattr(profile, "BATCH", 200)
    assert pl.concat(profile.stream([traces], workers=3)).equals(one, null_equal=True)


def test_an_error_in_a_thread_is_raised_and_what_is_endless_is_not_awaited() -> None:
    from understudy.executors.local import spread

    def half(n: int) -> int:
        if n == 5:
            raise ValueError(n)
        return n

    found = spread(half, range(10**9), 2)
    assert [next(found) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="5"):
        next(found)
