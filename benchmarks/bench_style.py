"""How fast traces are imported and profiled, against the same written plainly (``benchmarks/plain``).

    python -m benchmarks.bench --only style             # a part of make bench
    python -m benchmarks.bench --only style --large     # also memory, on more than 3 GB of text

The text is real where it is at hand: the reasoning of DeepSeek-R1 and QwQ, repeated with other digits. Profiling uses
all cores, as the commands do; the plain side is one text after another on one core, on a sample, and every figure of
the sample must agree.
"""

import gzip
import json
import math
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from benchmarks import plain
from benchmarks.timing import alternate, line, same, timed

from understudy import exchange, markers, profile, registry, tables
from understudy.registry import Piece
from understudy.style.coherence import other_questions
from understudy.types import Sampling, Trace

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data" / "traces" / "mip"
CORES = len(os.sched_getaffinity(0))
CORPUS, SAMPLE, LARGE = 200e6, 2e6, 3e9
"""Bytes of text that are profiled, that the plain side gets, and that memory is measured on."""


def style(large: bool = False) -> None:
    """Print the ratios."""
    once, what = traces()
    rounds = math.ceil(CORPUS / size(once))
    frames = [changed(once, number) for number in range(rounds)]
    what = f"{rounds * size(once) / 1e6:,.0f} MB of {what}, {CORES} cores"
    for core, name in ((True, "style, core"), (False, "style, all measures")):
        against_plain(frames, core, f"{name}, {what}")
        scaling(frames, core, name)
    imports(frames)
    if large:
        memory()


def traces() -> tuple[pl.DataFrame, str]:
    """Traces that reason at length: real ones where they are at hand, else those of the scripted search."""
    if REAL.is_dir():
        files = [file for name in ("deepseekR1", "QwQ") for file in sorted(REAL.glob(f"*_{name}.jsonl.gz"))]
        found, what = pl.concat(exchange.traces(files)), "real traces"
    else:
        task = registry.build("tasks", Piece("reach", {}))
        searched = registry.build("models", Piece("search", {}), task=task)
        made = searched.generate(task.problems("train", 5000, 0), Sampling())
        found, what = tables.to_frame(Trace, made), "made traces"
    return found.filter(pl.col("reasoning").str.contains(r"\S") & pl.col("error").is_null()), what


def changed(frame: pl.DataFrame, number: int) -> pl.DataFrame:
    """The same traces with other digits, in their questions and answers too. Zeros stay."""
    digits = "123456789"
    moved = Random(number).sample(digits, len(digits))
    return frame.with_columns(
        pl.concat_str(pl.lit(f"{number}/"), "trace_id").alias("trace_id"),
        pl.col("reasoning", "metadata").str.replace_many(list(digits), moved),
    )


def size(frame: pl.DataFrame) -> int:
    """Bytes of text that is profiled."""
    return int(frame.select(profile.text().str.len_bytes().sum()).item())


def measured(frames: list[pl.DataFrame] | Iterator[pl.DataFrame], core: bool) -> int:
    """Profile all, as ``understudy profile`` does. How many traces there were."""
    return sum(len(table) for table in profile.stream(frames, core=core, workers=CORES))


def against_plain(frames: list[pl.DataFrame], core: bool, name: str) -> None:
    """The whole corpus against a sample of it, one text at a time."""
    sizes = frames[0].select(profile.text().str.len_bytes().cum_sum()).to_series()
    sample = frames[0].head(int((sizes < SAMPLE).sum()) + 1)
    texts = with_questions(sample)
    ours, slow, _, rows = alternate(partial(measured, frames, core), partial(plainly, texts, core))
    for row, other in zip(profile.measure(sample, core=core).rows(named=True), rows, strict=True):
        differing = [name for name, value in other.items() if not equal(row[name], value)]
        same(not differing, f"{row['trace_id']} differs in {', '.join(differing)}")
    line(name, sum(map(size, frames)) / 1e6 / ours, "MB/s", size(sample) / 1e6 / slow, f"plain, {len(texts)} traces")


def with_questions(frame: pl.DataFrame) -> list[tuple[str, str, str, str | None]]:
    """Each text with its question, another question and the reference answer."""
    asked = [json.loads(metadata) for metadata in frame["metadata"]]
    questions = [about.get("prompt") or "" for about in asked]
    others = other_questions(dict.fromkeys(questions))
    texts = frame.select(profile.text()).to_series()
    return [
        (text, question, others[question], about.get("answer"))
        for text, question, about in zip(texts, questions, asked, strict=True)
    ]


def plainly(texts: list[tuple[str, str, str, str | None]], core: bool) -> list[dict[str, Any]]:
    """The same measures, one text after another."""
    return [plain.core(each[0]) if core else plain.measures(*each) for each in texts]


def equal(one: Any, other: Any) -> bool:
    """Whether two measures are the same, but for rounding."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    return bool(one == other)


def scaling(frames: list[pl.DataFrame], core: bool, name: str) -> None:
    """Ten times the corpus against the corpus."""
    few = frames[: max(1, len(frames) // 10)]
    many = few * 10
    slow, fast, _, _ = alternate(partial(measured, many, core), partial(measured, few, core), 2)
    print(f"{name}: {sum(map(size, many)) / 1e6:,.0f} MB take ×{slow / fast:.2f} the time of a tenth", flush=True)


def imports(frames: list[pl.DataFrame]) -> None:
    """A gzipped file of rows to a table, against ``json`` line by line."""
    with TemporaryDirectory() as name:
        file, out = Path(name) / "rows.jsonl.gz", Path(name) / "traces.parquet"
        total = written(frames, file)
        ours, slow, count, rows = alternate(partial(imported, file, out), partial(loaded, file, out), 2)
        same(count == rows, f"{count} rows, not {rows}")
        line(
            f"import, {total / 1e6:,.0f} MB of JSON lines", total / 1e6 / ours, "MB/s", total / 1e6 / slow, "json loop"
        )


def written(frames: list[pl.DataFrame], file: Path) -> int:
    """Write the traces as others publish them: question, answer, and one text. How many bytes they are unpacked."""
    total = 0
    with gzip.open(file, "wb", compresslevel=6) as out:
        for frame in frames:
            for reasoning, response, about in frame.select("reasoning", "response", "metadata").rows():
                asked = json.loads(about)
                row = {"question": asked.get("prompt"), "answer": asked.get("answer")}
                row["model_answer"] = markers.join(reasoning, response)
                total += out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return total


def imported(file: Path, out: Path) -> int:
    """As ``understudy import`` does. How many rows became traces, or were known already."""
    reading = exchange.traces([file])
    exchange.write(reading, out)
    return sum(count.used + count.duplicates for count in reading.counts)


def loaded(file: Path, out: Path) -> int:
    """The same columns by hand: parse, split at the tag, write. How many rows there are."""
    columns: dict[str, list[Any]] = {name: [] for name in ("prompt", "answer", "reasoning", "response")}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for text in lines:
            row = json.loads(text)
            reasoning, _, response = row["model_answer"].partition("</think>")
            parts = (row["question"], row["answer"], reasoning.removeprefix("<think>").strip(), response.strip())
            for column, value in zip(columns.values(), parts, strict=True):
                column.append(value)
    table = pl.DataFrame(columns)
    table.write_parquet(out)
    return len(table)


def memory() -> None:
    """Profile a large stream in a process of its own, and print what it took."""
    subprocess.run([sys.executable, "-m", "benchmarks.bench", "--only", "memory"], check=True, cwd=ROOT)


def stream() -> None:
    """All measures of more than 3 GB of text that is made as it is read; then the greatest memory that it took."""
    once, what = traces()
    rounds = math.ceil(LARGE / size(once))
    total = rounds * size(once)
    taken, _ = timed(lambda: measured((changed(once, number) for number in range(rounds)), False))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(f"style, all measures, a stream of {total / 1e9:.2f} GB of {what}: {total / 1e6 / taken:,.4g} MB/s; ", end="")
    print(f"memory at most {most:.2f} GB")
