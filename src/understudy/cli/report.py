"""understudy report: the report of a run, built anew."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="A run directory, for instance runs/quickstart.")],
) -> None:
    """Build report.html and report.md from a run directory, which is all that they need."""
    from understudy.errors import RunError
    from understudy.report import build

    if not (run / "estimates.parquet").is_file():
        hint = "understudy run STUDY makes one" if not (run / "study.yaml").exists() else "finish it: understudy run"
        raise RunError(f"{run} holds no finished run", hint)
    print(build(run))
