"""How fast 100,000 traces of 5 KB are deduplicated and decontaminated against 20,000 questions, and in what memory.

    python -m benchmarks.bench --only curate

The traces are made of paragraphs of real reasoning where that is at hand (else of the scripted search), so that their
words are distributed as real ones are, and known shares are planted in them: exact copies, copies without a paragraph,
and prompts that hold a question of the benchmark. What is planted must be found, and nothing else. The other side does
the same to a sample in plain Python, with sets and dicts.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from benchmarks.bench_style import traces
from benchmarks.timing import line, same

from understudy import exchange, tables
from understudy.curate import decontaminate, near
from understudy.types import Trace

TRACES, BYTES, QUESTIONS = 100_000, 5000, 20_000
SAMPLE = 1500
"""Traces that the plain side gets."""
PLANTED = {"copy": 0.03, "near copy": 0.03, "question": 0.02}
BATCH = 1000


def curate() -> None:
    """Print the ratios."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        planted = make(folder)
        wall, cpu, memory = run(folder)
        found = Counter(dict(pl.read_parquet(folder / "dropped.parquet")["step"].value_counts().iter_rows()))
        check(folder, planted)
        plain = in_python(folder)
    ours = TRACES / cpu
    print(f"curate: {dict(found)}; {wall:.0f} s, {cpu:.0f} s of processor time, {memory:.2f} GB")
    line(
        f"curate, {TRACES:,} traces of {BYTES} bytes, {QUESTIONS:,} questions", ours, "traces/s", plain, "plain Python"
    )


def make(folder: Path) -> Counter[str]:
    """The traces and questions, and how many of each kind are planted."""
    found, what = traces()
    pool = [part for text in found["reasoning"] for part in re.split(r"\n\n", text) if len(part) > 60]
    rng = Random(0)
    questions = [remixed(pool, rng, 250 if number % 10 else 60) for number in range(QUESTIONS)]
    pl.DataFrame({"question": questions}).write_ndjson(folder / "questions.jsonl")
    kinds: Counter[str] = Counter()
    exchange.write(batches(pool, questions, kinds, rng), folder / "traces.parquet")
    print(f"curate: {what}, {len(pool):,} paragraphs, planted {dict(kinds)}")
    return kinds


def batches(pool: Sequence[str], questions: Sequence[str], kinds: Counter[str], rng: Random) -> Iterator[pl.DataFrame]:
    """Traces of paragraphs, some of them copies or with a question of the benchmark in their prompt."""
    earlier: list[Trace] = []
    for first in range(0, TRACES, BATCH):
        batch = [one(str(number), pool, questions, earlier, kinds, rng) for number in range(first, first + BATCH)]
        earlier = [trace for trace in batch if trace.metadata["kind"] == "new"][:50]
        yield tables.to_frame(Trace, batch)


def one(
    name: str, pool: Sequence[str], questions: Sequence[str], earlier: list[Trace], kinds: Counter[str], rng: Random
) -> Trace:
    """One trace; ``kind`` in its metadata says what it is."""
    kind, (share,) = "new", [rng.random()]
    for planted, part in PLANTED.items():
        if 0 <= share < part and (earlier or planted == "question"):
            kind = planted
        share -= part
    kinds[kind] += 1
    if "copy" in kind:
        model = rng.choice(earlier)
        parts = (model.reasoning or "").split("\n\n")
        left_out = rng.randrange(len(parts))
        text = "\n\n".join(parts if kind == "copy" else parts[:left_out] + parts[left_out + 1 :])
        return Trace(name, name, "m", model.response, text, metadata={**model.metadata, "kind": kind})
    prompt = remixed(pool, rng, 200)
    if kind == "question":
        prompt = f"Solve this. {rng.choice(questions)} Explain."
    return Trace(name, name, "m", f"So it is {name}.", text_of(pool, rng), metadata={"prompt": prompt, "kind": kind})


def text_of(pool: Sequence[str], rng: Random) -> str:
    """Paragraphs up to the wanted length."""
    parts: list[str] = []
    while sum(map(len, parts)) < BYTES - 300:
        parts.append(rng.choice(pool)[:600])
    return "\n\n".join(parts)


def remixed(pool: Sequence[str], rng: Random, size: int) -> str:
    """Short pieces from anywhere: of the language, but together nowhere else in the data."""
    pieces: list[str] = []
    while sum(map(len, pieces)) < size or len(pieces) < 3:
        found = rng.choice(pool).split()
        start = rng.randrange(max(1, len(found) - 6))
        piece = " ".join(found[start : start + 6])
        if len(words(piece)) <= decontaminate.N // 2:  # a formula may be one piece and many words
            pieces.append(piece)
    return " ".join(pieces)


def run(folder: Path) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak gigabytes of the command."""
    command = [sys.executable, "-m", "understudy", "curate", "traces.parquet", "--out", "kept.parquet"]
    command += ["--dropped", "dropped.parquet", "--dedupe", "near", "--against", "questions.jsonl"]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    same(status == 0, "the command failed")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def check(folder: Path, planted: Counter[str]) -> None:
    """Everything that was planted is dropped for what it is, and hardly anything else."""
    dropped = pl.read_parquet(folder / "dropped.parquet")
    kind = pl.col("metadata").str.json_path_match("$.kind")
    found = Counter({(k, s): n for k, s, n in dropped.group_by(kind, "step").len().iter_rows()})
    same(found["copy", "exact"] == planted["copy"], f"of {planted} exact copies were found {found}")
    same(found["question", "decontaminate"] == planted["question"], f"of {planted} questions were found {found}")
    # Two near copies of one trace may lack the same paragraph: these are exact copies of each other.
    same(
        found["near copy", "near"] + found["near copy", "exact"] >= 0.97 * planted["near copy"],
        f"of {planted} near copies were found {found}",
    )
    wrong = sum(number for (name, _), number in found.items() if name == "new")
    same(wrong < 0.0005 * planted["new"], f"{wrong} traces were dropped for nothing: {found}")


def in_python(folder: Path) -> float:
    """Traces a second, of processor time: the n-grams of each looked up in a dict, and 120 minima of its shingles."""
    questions = [words(text) for text in pl.read_ndjson(folder / "questions.jsonl")["question"]]
    owners = {gram for found in questions for gram in grams(found, decontaminate.N)}
    sample = pl.scan_parquet(folder / "traces.parquet").head(SAMPLE).collect()
    factors = [(rng.getrandbits(32) | 1, rng.getrandbits(32)) for rng in [Random(1)] for _ in range(near.HASHES)]
    started = time.process_time()
    minima = np.zeros((SAMPLE, near.HASHES), np.uint32)
    hits = 0
    for number, row in enumerate(sample.iter_rows(named=True)):
        found = words(f"{row['metadata']} {row['reasoning']} {row['response']}")
        hits += any(gram in owners for gram in grams(found, decontaminate.N))
        values = {hash(gram) & 0xFFFFFFFF for gram in grams(found, near.SHINGLE)}
        minima[number] = [min((a * value + b) & 0xFFFFFFFF for value in values) for a, b in factors]
    taken = time.process_time() - started
    planted = sample["metadata"].str.contains('"kind":"question"').sum()
    same(hits >= 0.8 * planted, "the plain side misses questions")  # it does not look for short ones
    return SAMPLE / taken


def words(text: str) -> list[str]:
    """Words in lower case."""
    return re.findall(r"\w+", text.lower())


def grams(found: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """Runs of n words."""
    return zip(*(found[start:] for start in range(n)), strict=False)
