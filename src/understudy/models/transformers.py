"""A Hugging Face checkpoint in a local directory, as a model: teachers and trained students alike.

    from: {transformers: {path: models/qwen3-8b, temperature: 0.6, top_p: 0.95, max_tokens: 16384}}

    understudy collect --task gsm8k --model '{transformers: {path: models/qwen3-8b}}' --out traces.parquet

Prompts are decoded together, the short ones first; see ``_decoding`` for how, and ``_checkpoint`` for what is read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from understudy import markers
from understudy.asking import Tally, Watch, unwatched
from understudy.asking.settings import refuse_below
from understudy.errors import InputError, RunError, StudyError
from understudy.models._checkpoint import Checkpoint, Device, Prompt, Template, encode_prompts, load
from understudy.models._decoding import Draw, batches, decode
from understudy.protocols import Report, silent
from understudy.randomness import seed_of
from understudy.registry import entry, require
from understudy.types import Problem, Sampling, Trace, Usage

__all__ = ["LIBRARIES", "Transformers", "encode_prompts"]

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate")
LARGE_BATCH, SMALL_BATCH, GPU_BATCH = 512, 16, 128
MEMORY = 2 * 2**30
"""Bytes of keys and values that a batch may take on a CPU; on a GPU it may take half of what is free."""
EMPTY = "path: a directory with config.json, the weights as safetensors and the tokenizer; nothing is downloaded"


class Row(NamedTuple):
    """One text that is to be written."""

    problem: Problem
    prompt: Prompt
    sample: int


@entry
@dataclass(frozen=True)
class Transformers:
    """A Hugging Face checkpoint in a local directory.

    ``path`` is the directory, ``model`` the name in the table (null: the directory's). How it is sampled is said here,
    and what is null is as the study says: ``temperature`` (0: greedy), ``max_tokens`` (of one answer, reasoning
    included), ``samples`` of each problem, ``seed``. With ``top_p`` a token is drawn from the likeliest ones that
    together have this probability (null: from all). Nothing else of how the checkpoint is usually sampled is looked at.

    ``template: plain`` gives the model the prompt and a line break, in place of its own chat template: for a base
    model. ``batch_size`` prompts are decoded together (null: 512 for a model of less than ten million parameters, else
    128 on a GPU and 16 on a CPU; fewer where texts of ``max_tokens`` would take too much memory). ``device`` is cpu or
    cuda (null: cuda if there is one, but the CPU for less than ten million parameters); a GPU computes in bfloat16.
    """

    path: str
    root: Path = Path()
    batch_size: int | None = None
    model: str | None = None
    report: Report = silent
    samples: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    template: Template = "chat"
    device: Device | None = None
    watch: Watch = unwatched

    def __post_init__(self) -> None:
        """Refuse what cannot be meant. Raises ``StudyError``, and ``InputError`` if there is no checkpoint."""
        require("train", *LIBRARIES)
        for name, least in (("samples", 1), ("max_tokens", 1), ("batch_size", 1), ("temperature", 0)):
            refuse_below(name, getattr(self, name), least)
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise StudyError(f"top_p cannot be {self.top_p}", "it is a probability: more than 0, at most 1")
        if not (self.root / self.path / "config.json").is_file():
            raise InputError(f"{self.root / self.path} is no checkpoint: it holds no config.json", EMPTY)

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """One trace a problem and sample, in their order; one that does not end within ``max_tokens`` has ``length``.

        A prompt that cannot be asked (longer than the context) has ``error`` and no response. Raises ``InputError`` if
        the checkpoint cannot be used, ``RunError`` if the GPU has too little memory.
        """
        sampling = self._sampling(sampling)
        prompts = self._checkpoint.prompts([problem.prompt for problem in problems], self.template)
        pairs = zip(problems, prompts, strict=True)
        rows = [Row(problem, prompt, sample) for problem, prompt in pairs for sample in range(sampling.samples)]
        written: dict[int, Trace] = {}
        tally, start = Tally(total=len(rows)), monotonic()
        for row, trace in self._write(rows, sampling):
            written[row] = trace
            _count(tally, trace)
            tally.seconds = monotonic() - start
            self.report(tally.done, tally.total)
            self.watch(tally)
        yield from (written[row] for row in range(len(rows)))

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return load(self.root / self.path, self.device)

    def _sampling(self, sampling: Sampling) -> Sampling:
        own = {name: getattr(self, name) for name in ("temperature", "max_tokens", "samples", "seed")}
        return replace(sampling, **{name: value for name, value in own.items() if value is not None})

    def _write(self, rows: Sequence[Row], sampling: Sampling) -> Iterator[tuple[int, Trace]]:
        """Traces with the numbers of their rows, as they end."""
        asked = []
        for number, row in enumerate(rows):
            if (reason := self._checkpoint.refusal(row.prompt)) is None:
                asked.append(number)
            else:
                yield number, replace(self._blank(row, sampling), finish_reason="error", error=reason)
        lengths = [len(rows[number].prompt.ids) for number in asked]
        limits = [self._room(sampling, length) for length in lengths]
        for batch in batches(lengths, limits, *self._sizes()):
            given = [rows[asked[place]] for place in batch]
            for place, ids in self._decode(given, [limits[place] for place in batch], sampling):
                yield asked[batch[place]], self._trace(given[place], ids, sampling)

    def _decode(self, rows: Sequence[Row], limits: list[int], sampling: Sampling) -> Iterator[tuple[int, list[int]]]:
        import torch

        checkpoint, prompts = self._checkpoint, [row.prompt.ids for row in rows]
        draw = None
        if sampling.temperature > 0:
            seeds = [seed_of(sampling.seed, sampling.name, row.problem.problem_id, row.sample) for row in rows]
            steps, start = self._room(sampling), max(map(len, prompts))
            draw = Draw(seeds, sampling.temperature, self.top_p, steps, start, checkpoint.model.device)
        try:
            yield from decode(checkpoint.model, prompts, limits, checkpoint.ends, draw)
        except torch.OutOfMemoryError:
            hint = f"batch_size: {max(1, len(rows) // 2)}, or a smaller max_tokens"
            raise RunError(f"the GPU has too little memory for {len(rows):,} texts at once", hint) from None

    def _room(self, sampling: Sampling, prompt: int = 0) -> int:
        """The most tokens that an answer can have: with the prompt it must fit into the context."""
        context = self._checkpoint.context
        return sampling.max_tokens if context is None else min(sampling.max_tokens, context - prompt)

    def _sizes(self) -> tuple[int, int]:
        """How many rows, and how many tokens, a batch has at most."""
        import torch

        on_gpu = self._checkpoint.model.device.type == "cuda"
        memory = torch.cuda.mem_get_info()[0] // 2 if on_gpu else MEMORY
        usual = LARGE_BATCH if self._checkpoint.small else GPU_BATCH if on_gpu else SMALL_BATCH
        return self.batch_size or usual, memory // self._checkpoint.bytes_per_token

    def _blank(self, row: Row, sampling: Sampling) -> Trace:
        name = self.model or Path(self.path).name
        return Trace(
            trace_id=f"{name}/{sampling.name}/{row.problem.problem_id}/{row.sample}",
            problem_id=row.problem.problem_id,
            model=name,
            response="",
            sample=row.sample,
            usage=Usage(len(row.prompt.ids)),
            metadata={"sampling": sampling.name},
        )

    def _trace(self, row: Row, ids: list[int], sampling: Sampling) -> Trace:
        """Where the prompt opened the reasoning and the model never closed it, all that it wrote is reasoning."""
        ended = bool(ids) and ids[-1] in self._checkpoint.ends
        text = self._checkpoint.text(ids[:-1] if ended else ids)
        parts = markers.split(text, row.prompt.thinks)
        return replace(
            self._blank(row, sampling),
            response=parts.response,
            reasoning=parts.reasoning,
            finish_reason="stop" if ended else "length",
            usage=Usage(len(row.prompt.ids), len(ids)),
        )


def _count(tally: Tally, trace: Trace) -> None:
    tally.done += 1
    tally.errors += trace.error is not None
    tally.prompt_tokens += trace.usage.prompt_tokens or 0
    tally.completion_tokens += trace.usage.completion_tokens or 0
