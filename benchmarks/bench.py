"""Ratios of speed, each measured in one run on one machine, against a plain way of doing the same.

    make bench                                  # python -m benchmarks.bench
    python -m benchmarks.bench --only style     # one part

Every pair does the same work and its results are compared, so that no speed is bought with another answer. Repeats
of the two sides alternate and the median counts, because other programs may share the machine. One thread each, but
for profiling, which uses all cores.
"""

import argparse
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import bench_collect, bench_curate, bench_generate, bench_style, bench_train, bench_verify
from benchmarks.timing import alternate, line, same, timed

from understudy.executors.local import ENVIRONMENT
from understudy.registry import Piece, build
from understudy.types import Problem, Recipe, Sampling, Trace

ROOT = Path(__file__).parents[1]
STEPS = 40
PROMPTS, ALONE = 256, 16


def main() -> None:
    """Print the machine and every ratio, or those of one part."""
    options = argparse.ArgumentParser(description="Ratios of speed.")
    options.add_argument(
        "--only", choices=("style", "verify", "training", "generation", "resume", "collect", "curate", "memory")
    )
    options.add_argument("--large", action="store_true", help="profile more than 3 GB too, for the memory it takes")
    chosen = options.parse_args()
    if chosen.only == "memory":
        return bench_style.stream()
    print(machine())
    if chosen.only in (None, "style"):
        bench_style.style(chosen.large)
    if chosen.only in (None, "verify"):
        bench_verify.verify()
    if chosen.only in (None, "training", "generation"):
        students(chosen.only)
    if chosen.only in (None, "training"):
        bench_train.train()
    if chosen.only in (None, "generation"):
        bench_generate.generate()
    if chosen.only in (None, "collect"):
        bench_collect.collect()
    if chosen.only in (None, "curate"):
        bench_curate.curate()
    if chosen.only in (None, "resume"):
        resume()
    return None


def students(only: str | None) -> None:
    """The parts that need a student."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with TemporaryDirectory() as folder:
        student = make_student(Path(folder))
        if only != "generation":
            training(student, Path(folder))
        if only != "training":
            generation(student)


def training(student: Path, folder: Path) -> None:
    """``transformers.Trainer`` with our batches against a bare loop over the same batches."""
    from understudy.train import fitting

    examples = lessons(student)
    recipe = Recipe(num_train_epochs=1)
    lengths = [len(example.ids) for example in examples]
    batches = fitting.plan(lengths, recipe, 0)
    tokens = sum(lengths[index] for batch in batches for index in batch)

    def ours() -> float:
        model, tokenizer = load(student)
        return fitting.fit(model, tokenizer, examples, recipe, 0, folder / "fit", lambda *_: None)["final_loss"]

    one, other, loss, bare_loss = alternate(ours, partial(bare_loop, student, examples, batches, recipe), 2)
    same(abs(loss - bare_loss) < 0.01 * bare_loss, f"losses differ: {loss} and {bare_loss}")
    line(f"training, {len(batches)} steps with start and save", tokens / one, "tokens/s", tokens / other, "bare loop")


def bare_loop(student: Path, examples: Sequence[Any], batches: Sequence[Sequence[int]], recipe: Recipe) -> float:
    """Forward, backward, clip, step. Returns the mean loss of the last quarter, as ``fit`` logs it."""
    import torch
    from torch.nn.utils.rnn import pad_sequence
    from transformers import get_scheduler

    model, _ = load(student)
    betas = (recipe.adam_beta1, recipe.adam_beta2)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        betas=betas,
        fused=True,
    )
    settings, warm = {"min_lr_rate": recipe.min_lr_rate}, math.ceil(recipe.warmup_ratio * len(batches))
    schedule = get_scheduler("cosine_with_min_lr", optimizer, warm, len(batches), scheduler_specific_kwargs=settings)
    ids = [torch.tensor(example.ids) for example in examples]
    labels = [row.where(torch.tensor(one.weights) > 0, -100) for row, one in zip(ids, examples, strict=True)]
    losses = []
    model.train()
    for batch in batches:
        rows = pad_sequence([ids[index] for index in batch], batch_first=True)
        wanted = pad_sequence([labels[index] for index in batch], batch_first=True, padding_value=-100)
        loss = model(input_ids=rows, labels=wanted).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return statistics.fmean(losses[-(len(batches) // 4) :])


def generation(student: Path) -> None:
    """Many prompts in a batch against one prompt at a time, greedily; the loop gets fewer of them."""
    import torch

    from understudy import markers
    from understudy.models.transformers import encode_prompts

    problems = reach().problems("test", PROMPTS, 0)
    sampling = Sampling(max_tokens=60)

    def batched() -> list[Trace]:
        return list(build("models", Piece("transformers", {"path": str(student)})).generate(problems, sampling))

    def one_by_one() -> list[tuple[str, int]]:
        model, tokenizer = load(student)
        written = []
        for prompt in encode_prompts(tokenizer, [problem.prompt for problem in problems[:ALONE]]):
            with torch.inference_mode():
                ids = model.generate(torch.tensor([prompt]), max_new_tokens=sampling.max_tokens, do_sample=False)
            ids = ids[0, len(prompt) :].tolist()
            written.append((tokenizer.decode(ids, skip_special_tokens=False).removesuffix(" <eos>"), len(ids)))
        return written

    ours, plain, traces, texts = alternate(batched, one_by_one)
    pairs = zip(traces[:ALONE], texts, strict=True)
    equal = sum((trace.reasoning, trace.response) == markers.split(text)[:2] for trace, (text, _) in pairs)
    same(equal >= 0.9 * ALONE, f"only {equal} of {ALONE} texts are the same")
    tokens = sum(trace.usage.completion_tokens or 0 for trace in traces)
    alone = sum(length for _, length in texts)
    line(f"generation, {PROMPTS} prompts", tokens / ours, "tokens/s", alone / plain, "one prompt at a time")


def resume() -> None:
    """A finished study started again against the run itself."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "understudy", "run", str(ROOT / "tests/studies/small.yaml"), "--out"]
        times = [
            timed(lambda: subprocess.run([*command, folder], check=True, capture_output=True))[0] for _ in range(4)
        ]
    again = statistics.median(times[1:])
    print(f"resume: a small study {times[0]:.1f} s, started again when finished {again:.1f} s: ×{times[0] / again:.1f}")


def make_student(folder: Path) -> Path:
    """An embedded student of the usual size, after a short first course."""
    student = build("students", Piece("tiny-llama", {"base_tokens": 30_000}), task=reach())
    student.start(folder / "student", 0, lambda *_: None)
    return folder / "student"


def lessons(student: Path) -> list[Any]:
    """As many emergent traces as make ``STEPS`` batches."""
    from understudy.train.examples import encode

    problems: list[Problem] = reach().problems("train", 6 * STEPS, 0)
    traces = list(build("models", Piece("search", {}), task=reach()).generate(problems, Sampling()))
    return encode(load(student)[1], traces * 3, {p.problem_id: p for p in problems}, "bench", 512, Recipe())


def load(student: Path) -> tuple[Any, Any]:
    """Model and tokenizer of a checkpoint."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(student), AutoTokenizer.from_pretrained(student)


def reach() -> Any:
    """The puzzle with its usual settings."""
    return build("tasks", Piece("reach", {}))


def machine() -> str:
    """CPU, cores and versions."""
    from understudy.rundir import provenance

    hardware = provenance()["hardware"]
    names = ("understudy", "polars", "torch", "transformers")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return f"{hardware['cpu']}, {hardware['cores']} cores; Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        # Threads and the allocator are set before a process starts, as for the workers of a study.
        command = [sys.executable, "-m", "benchmarks.bench", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **ENVIRONMENT})  # noqa: S606
    main()
