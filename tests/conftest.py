"""What several tests need: where things lie, and the command line as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SMALL = ROOT / "tests" / "studies" / "small.yaml"

Understudy = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def understudy() -> Understudy:
    """Runs the command in a process of its own and returns its output as text."""

    def run(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "understudy", *map(str, arguments)]
        env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160", **environment}
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=600)

    return run


@pytest.fixture(scope="session")
def small_run(understudy: Understudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real small study, run once from problems to report."""
    out = tmp_path_factory.mktemp("runs") / "small"
    done = understudy("run", SMALL, "--out", out)
    assert done.returncode == 0, done.stderr
    return out
