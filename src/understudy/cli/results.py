"""What the terminal shows of a finished run: accuracies, and the rows that were lost on the way.

print_results(Path("runs/quickstart"), json=False)
"""

from collections.abc import Mapping
from json import loads
from pathlib import Path

from understudy.cli.screen import print_table, visible
from understudy.tables import read


def dropped(directory: Path) -> list[str]:
    """A sentence for every arm that lost rows on the way, with the reasons."""

    def reasons(row: Mapping[str, str]) -> str:
        return ", ".join(f"{reason} ({count:,})" for reason, count in loads(row["dropped_reasons"]).items())

    checks = read(directory / "checks.parquet").unique(["arm", "variant", "dropped_reasons"], maintain_order=True)
    sentences = [
        visible(f"arm {row['arm']}: {row['dropped']:,} rows not used by {row['variant']}: {reasons(row)}")
        for row in checks.iter_rows(named=True)
        if row["dropped"]
    ]
    return sentences + _untrained(directory)


def _untrained(directory: Path) -> list[str]:
    """A sentence for every arm of whose traces some were not trained on."""
    path = directory / "training.parquet"
    rows = read(path).unique("arm", maintain_order=True).rows(named=True) if path.exists() else []
    return [
        visible(f"arm {row['arm']}: {row['dropped']:,} traces not trained on: {', '.join(loads(row['left_out']))}")
        for row in rows
        if row.get("dropped")
    ]


def print_results(directory: Path, json: bool) -> None:
    """Accuracy arm by arm with its intervals, or every estimate as JSON."""
    frame = read(directory / "estimates.parquet")
    if json:
        print(frame.write_json())
        return
    rows = [
        [
            row["arm"],
            row["sampling"],
            _percent(row["value"]),
            _interval(row["lower"], row["upper"]),
            str(row["n"]),
        ]
        for row in frame.iter_rows(named=True)
        if row["name"] == "accuracy"
    ]
    print_table(["arm", "sampling", "accuracy %", "95 % interval", "n"], rows, right=(2, 3, 4))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _interval(lower: float | None, upper: float | None) -> str:
    return f"[{_percent(lower)}, {_percent(upper)}]"
