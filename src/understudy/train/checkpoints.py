"""Where an interrupted training goes on: the checkpoints in its work folder, and what they are worth.

    claim(work, {"recipe": ..., "seed": 0})     # another training's leftovers are removed
    newest(work)                                # the checkpoint to go on with, or null
    seal(work / "checkpoint-200")               # it is whole: sizes and digests of its files

A killed process leaves half a checkpoint, and a full disk a broken one. One that was never sealed is not looked at;
one whose files are not as they were sealed is passed over for the one before.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Any

from understudy.errors import RunError
from understudy.rundir import write_text

SEAL = "complete"
PLAN, DIVERGED = "plan.json", "diverged.json"
EDGE = 2**20
"""Bytes at either end of a file that its digest covers: enough to see that it was cut or overwritten, at any size."""


def claim(work: Path, plan: Mapping[str, Any]) -> None:
    """Make the folder this training's. Raises ``RunError`` if the same training diverged in it before."""
    known = json.dumps(plan, sort_keys=True, default=str)
    if work.exists() and _read(work / PLAN) != known:
        rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    if (work / DIVERGED).exists():
        told = json.loads(_read(work / DIVERGED))
        raise _divergence(work, told["step"], told["learning_rate"], told["loss"], again=True)
    write_text(work / PLAN, known)


def diverged(work: Path, step: int, learning_rate: float, loss: float) -> RunError:
    """What to raise when a loss is no number. It is noted, so that the same training is not tried again in vain."""
    write_text(work / DIVERGED, json.dumps({"step": step, "learning_rate": learning_rate, "loss": str(loss)}))
    return _divergence(work, step, learning_rate, loss, again=False)


def newest(work: Path) -> Path | None:
    """The latest checkpoint that is whole. Raises ``RunError`` if there are some and none is as it was written."""
    sealed = sorted(
        (mark.parent for mark in work.glob(f"checkpoint-*/{SEAL}")), key=lambda path: -int(path.name.rpartition("-")[2])
    )
    wrong = {}
    for checkpoint in sealed:
        wrong[checkpoint] = _fault(checkpoint)
        if wrong[checkpoint] is None:
            return checkpoint
    if sealed:
        raise RunError(
            f"{sealed[0]} cannot be gone on with ({wrong[sealed[0]]}), nor is there an earlier checkpoint",
            f"remove {work} to start this training again",
        )
    return None


def seal(checkpoint: Path) -> None:
    """Note what a finished checkpoint consists of."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != SEAL)
    write_text(checkpoint / SEAL, json.dumps({str(path.relative_to(checkpoint)): _state(path) for path in files}))


def _fault(checkpoint: Path) -> str | None:
    try:
        files = json.loads(_read(checkpoint / SEAL))
        for name, state in files.items():
            if _state(checkpoint / name) != state:
                return f"{name} has changed since it was written"
    except FileNotFoundError as error:
        return f"{Path(str(error.filename)).name} is missing"
    except (ValueError, OSError, AttributeError):
        return f"{SEAL} cannot be read"
    return None


def _state(path: Path) -> list[Any]:
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = sha256(file.read(EDGE))
        file.seek(max(EDGE, size - EDGE))
        digest.update(file.read(EDGE))
    return [size, digest.hexdigest()]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _divergence(work: Path, step: int, learning_rate: float, loss: object, again: bool) -> RunError:
    before = "this training was stopped before: " if again else ""
    good = any(work.glob(f"checkpoint-*/{SEAL}"))
    kept = f"the last good checkpoint is in {work}" if good else "no checkpoint was written before"
    return RunError(
        f"{before}the loss of step {step:,} is {loss}, at a learning rate of {learning_rate:.3g}",
        "lower learning_rate, raise warmup_ratio, or with bf16 take dtype: float32; "
        f"{kept}; to try the same again, remove {work}",
    )
