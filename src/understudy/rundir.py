"""The run directory: content keys, atomic writes, resume.

A *stage* reads the outputs of other stages and writes one file or directory. Its key is the hash of its function, its
parameters, the keys of what it reads, and the code. A stage is done when its record (``stages/NAME.json``) holds its
key; what is done is never done again. Outputs are made under ``.partial/KEY``, flushed to disk and renamed, so that a
run that is killed at any moment and started again ends with the same bytes as one that was not.
"""

import fcntl
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from errno import EISDIR
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from shutil import disk_usage, rmtree
from time import perf_counter
from typing import IO, Any

from understudy import __version__, tables
from understudy.errors import RunError, UnderstudyError
from understudy.protocols import Report

PACKAGES = ("polars", "scipy", "statsmodels", "torch", "transformers", "tokenizers", "accelerate")
APART = ("cli", "report", "viewer")
"""Parts of the package that cannot change a table or a checkpoint, and so do not count as code of a stage."""

FULL = ("No space left on device", "Disk quota exceeded", "PytorchStreamWriter failed writing")
"""What libraries that are not written in Python say of a disk that is full."""

Paths = Mapping[str, Path]
StageFunction = Callable[[Paths, Path, Mapping[str, Any], Report], None]


@dataclass(frozen=True)
class Stage:
    """One step of a study: ``function(inputs, output, parameters, report)``.

    ``inputs`` names, by the role it plays, the stage whose output is read. ``local`` holds what differs from machine
    to machine (where data lies) and is not part of the key. ``weight`` is about how many seconds it takes, ``devices``
    how many accelerators it has for itself, where there are any.
    """

    name: str
    output: str
    function: StageFunction
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 0.2
    devices: int = 0


def keys(stages: Mapping[str, Stage]) -> dict[str, str]:
    """The content key of every stage."""
    found: dict[str, str] = {}

    def key(name: str) -> str:
        if name not in found:
            stage = stages[name]
            parts = {
                "function": stage.function.__qualname__,
                "parameters": stage.parameters,
                "inputs": {role: key(source) for role, source in stage.inputs.items()},
                "code": code(),
            }
            found[name] = sha256(tables.to_json(parts).encode()).hexdigest()
        return found[name]

    return {name: key(name) for name in stages}


@cache
def code() -> str:
    """The version of understudy with a hash of its sources."""
    package = Path(__file__).parent
    digest = sha256()
    for path in sorted(package.rglob("*")):
        relative = path.relative_to(package)
        if path.suffix in (".py", ".toml", ".txt", ".json") and relative.parts[0] not in APART:
            digest.update(f"{relative.as_posix()}\0".encode() + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


class RunDirectory:
    """A directory that holds one run of one study. Use as a context manager: it locks the directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def __enter__(self) -> "RunDirectory":
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("w")
        except OSError as error:
            hint = "choose another directory with --out"
            raise RunError(f"cannot write to {self.path} ({error.strerror})", hint) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise RunError(f"another understudy is at work in {self.path}", "wait for it, or use --out") from None
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock:
            self._lock.close()

    def claim(self, study: str, resolved: str, seeds: tuple[int, ...], update: bool) -> None:
        """Make the directory this study's. Raises ``RunError`` if it is another study's or another version's."""
        manifest = self.path / "manifest.json"
        if manifest.exists():
            self._check(json.loads(manifest.read_text(encoding="utf-8")), study, resolved, update)
        elif {path.name for path in self.path.iterdir() if not path.name.startswith(".")} - {"study.yaml"}:
            raise RunError(f"{self.path} holds files that are no run of a study", "choose another --out")
        write_text(self.path / "study.yaml", resolved)
        write_text(manifest, json.dumps({"study": study, **provenance(), "seeds": list(seeds)}, indent=2) + "\n")

    def _check(self, manifest: Mapping[str, Any], study: str, resolved: str, update: bool) -> None:
        if manifest.get("study") != study:
            raise RunError(f"{self.path} holds the study '{manifest.get('study')}'", "choose another --out")
        if manifest.get("understudy") != __version__:
            raise RunError(
                f"{self.path} was made by understudy {manifest.get('understudy')}, this is {__version__}",
                "choose another --out, or install that version",
            )
        before = self.path / "study.yaml"
        if before.exists() and before.read_text(encoding="utf-8") != resolved and not update:
            raise RunError(
                f"{self.path} holds the study '{study}' with other settings",
                "--update computes anew what they change, --out keeps both",
            )

    def done(self, stage: Stage, key: str) -> bool:
        """Whether the stage was finished with this key, and its output is still there."""
        try:
            record = json.loads(self._record(stage).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return record.get("key") == key and (self.path / stage.output).exists()

    def execute(self, stage: Stage, key: str, inputs: Mapping[str, str], report: Report) -> None:
        """Do a stage and put its output in place; ``inputs`` are paths in this directory by role."""
        started, clock = datetime.now(UTC), perf_counter()
        partial = self.path / ".partial" / key[:16] / Path(stage.output).name
        partial.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        paths = {role: self.path / path for role, path in inputs.items()}
        try:
            stage.function(paths, partial, {**stage.parameters, **stage.local}, report)
        except Exception as error:
            self._blame_disk(error)
            raise
        final = self.path / stage.output
        final.parent.mkdir(parents=True, exist_ok=True)
        self._record(stage).unlink(missing_ok=True)
        _sync(partial)
        _remove(final) if final.is_dir() else None
        partial.replace(final)
        record = {"key": key, "output": stage.output, "inputs": dict(stage.inputs), "code": code()}
        write_text(self._record(stage), json.dumps({**record, "parameters": stage.parameters}, indent=2) + "\n")
        rmtree(partial.parent)
        timing = {"stage": stage.name, "seconds": perf_counter() - clock, "started": started.isoformat()}
        with (self.path / "timings.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(timing) + "\n")

    def _blame_disk(self, error: Exception) -> None:
        """Libraries report a full disk in ways of their own; say it in ours."""
        if isinstance(error, UnderstudyError):
            return
        # A file that found no room may be gone again, so that there is room by now.
        if disk_usage(self.path).free < 2**16 or any(words in str(error) for words in FULL):
            hint = "free some space and run the same command again: what is done is kept"
            raise RunError(f"the disk is full: {self.path}", hint) from error

    def tidy(self, stages: Mapping[str, Stage]) -> None:
        """Remove what a finished run no longer needs: attempts that were given up, outputs of arms that are gone."""
        rmtree(self.path / ".partial", ignore_errors=True)
        rmtree(self.path / "journals" / "students", ignore_errors=True)  # their tables hold the same
        for path in (self.path / "stages").rglob("*.json"):
            name = path.relative_to(self.path / "stages").with_suffix("").as_posix()
            if name not in stages:
                _remove(self.path / json.loads(path.read_text(encoding="utf-8"))["output"])
                path.unlink()
        for folder in sorted((p for p in self.path.rglob("*") if p.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()

    def _record(self, stage: Stage) -> Path:
        return self.path / "stages" / f"{stage.name}.json"


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    with whole(path) as partial:
        partial.write_bytes(content)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write a file that is to be there whole or not at all: once it is flushed to disk, it is renamed.

    Raises ``RunError`` if there can be no such file.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "it is a directory")
        partial.touch()
    except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise RunError(f"cannot write to {path} ({error.strerror})", "choose another place with --out") from None
    try:
        yield partial
        _sync(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def provenance() -> dict[str, Any]:
    """What a run was made with: versions, the state of the sources, the machine."""
    return {
        "understudy": __version__,
        "code": code(),
        "schema": tables.VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "git": _git(),
        "hardware": _hardware(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    def ask(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return {"commit": ask("rev-parse", "HEAD"), "dirty": bool(ask("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _hardware() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gb": round(memory, 1), "accelerator": _accelerator()}


def _accelerator() -> str | None:
    torch = sys.modules.get("torch")  # importing it only to ask would cost seconds
    return torch.cuda.get_device_name(0) if torch and torch.cuda.is_available() else None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
