"""What trainings took, as a table.

summaries({"ST/0": Path("runs/quickstart/students/ST-0")})
"""

import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from understudy import tables
from understudy.train import TRAINING

TRAINED = pl.Schema(
    {
        "arm": pl.String(),
        "seed": pl.Int64(),
        "examples": pl.Int64(),
        "epochs": pl.Float64(),
        "steps": pl.Int64(),
        "tokens": pl.Int64(),
        "final_loss": pl.Float64(),
        "dropped": pl.Int64(),
        "left_out": pl.String(),
    }
)
"""``tokens`` are those of prompts and completions, without padding; ``dropped`` counts the traces that were not trained
on, and ``left_out`` says why, as JSON: how many by reason."""


def summaries(students: Mapping[str, Path]) -> pl.DataFrame:
    """A row a student (``ARM/SEED``), from its directory, as ``TRAINED``."""
    rows = []
    for name, path in students.items():
        arm, _, seed = name.rpartition("/")
        said = json.loads((path / TRAINING).read_text(encoding="utf-8"))
        said |= {"arm": arm, "seed": int(seed), "left_out": tables.to_json(said.get("left_out", {}))}
        rows.append([said.get(column) for column in TRAINED])
    return pl.DataFrame(rows, schema=TRAINED, orient="row")
