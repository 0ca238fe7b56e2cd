"""What a user installs: light to import, complete outside the source tree."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import ROOT, Understudy

HEAVY = ("torch", "transformers", "ray", "polars", "scipy", "statsmodels", "altair", "pandas")


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_loads_nothing_heavy() -> None:
    assert loaded_by("import understudy") == set()


def test_the_command_s_help_and_a_study_load_no_torch() -> None:
    assert loaded_by("import understudy.cli") <= {"polars"}
    assert "torch" not in loaded_by("import understudy.study, understudy.config; understudy.config.bundled()")
    assert "torch" not in loaded_by("from understudy import registry; registry.load('students', 'tiny-llama')")


def test_every_public_name_is_there() -> None:
    import understudy

    assert len(understudy.__all__) <= 25
    assert all(getattr(understudy, name) is not None for name in understudy.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = understudy.nonsense


def test_help_lists_every_command(understudy: Understudy) -> None:
    shown = understudy("--help")
    assert shown.returncode == 0
    for command in ("run", "list", "show", "report", "verify"):
        assert f"\n  {command} " in shown.stdout
        assert understudy(command, "--help").returncode == 0


def test_imports_point_one_way() -> None:
    """types → tables → shelves → rooms → study → command line: importing a lower part loads no higher one."""
    order = [
        ("understudy.types", ("understudy.tables", "understudy.registry")),
        ("understudy.tables", ("understudy.registry", "understudy.collect", "understudy.study")),
        ("understudy.registry", ("understudy.collect", "understudy.vary", "understudy.study", "understudy.config")),
        ("understudy.tasks.reach", ("understudy.collect", "understudy.verify", "understudy.study")),
        ("understudy.vary", ("understudy.study", "understudy.plan", "understudy.cli")),
        ("understudy.study", ("understudy.cli",)),
    ]
    for module, above in order:
        script = f"import {module}, sys; print([m for m in {above!r} if m in sys.modules])"
        out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        assert out.strip() == "[]", f"{module} loads {out}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked away from the source tree."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    zipfile.ZipFile(built).extractall(out / "site")
    return out / "site"


def test_the_wheel_works_outside_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(wheel), "NO_COLOR": "1", "COLUMNS": "160"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "understudy", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=300)

    where = subprocess.run(
        [sys.executable, "-P", "-c", "import understudy; print(understudy.__file__)"],
        capture_output=True, text=True, env=env, cwd=tmp_path,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(wheel)
    listed = run("list")
    for name in (p.stem for p in (ROOT / "studies").glob("*.yaml")):
        assert name in listed.stdout
    dry = run("run", "studies/quickstart.yaml", "--dry-run")
    assert dry.returncode == 0 and "ST-HC-W" in dry.stdout
    (tmp_path / "t.jsonl").write_text('{"question": "q?", "a": "<think>wait</think> 2", "b": "3"}\n')
    (tmp_path / "q.jsonl").write_text('{"question": "q?", "answer": "#### 2"}\n')
    (tmp_path / "s.yaml").write_text(
        "study: s\ntask: {gsm8k: {test: q.jsonl}}\nproblems: {test: null}\n"
        "arms: {A: {from: {file: {path: t.jsonl, response: a}}}, B: {from: {file: {path: t.jsonl, response: b}}}}\n"
    )
    done = run("run", "s.yaml")
    assert done.returncode == 0, done.stderr
    assert "<html" in (tmp_path / "runs" / "s" / "report.html").read_text()


def test_the_wheel_holds_no_data_of_others(wheel: Path) -> None:
    assert not [p for p in wheel.rglob("*") if p.suffix in (".gz", ".jsonl", ".parquet", ".csv")]


def test_version_is_printed(understudy: Understudy) -> None:
    from understudy import __version__

    assert understudy("--version").stdout.strip() == __version__
    assert f"[{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
