"""A Hugging Face checkpoint in a local directory, as a model: teachers and trained students alike.

    from: {transformers: {path: models/qwen3-8b, temperature: 0.6, top_p: 0.95, max_tokens: 16384}}

    understudy collect --task gsm8k --model '{transformers: {path: models/qwen3-8b}}' --out traces.parquet

Many prompts are decoded together, and one that has ended gives its place to the next; see ``_batching`` for how, and
``_checkpoint`` for what is read. With a journal, sampling that was killed goes on where it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from understudy import markers
from understudy.asking import Watch, unwatched
from understudy.asking.settings import refuse_below
from understudy.errors import InputError, StudyError
from understudy.models._checkpoint import Checkpoint, Device, Template, encode_prompts, load
from understudy.models._local_journal import LocalJournal, code, identity
from understudy.models._progress import Progress
from understudy.models._writing import Row, Writer, forcings
from understudy.protocols import Report, silent
from understudy.registry import entry, require
from understudy.types import Problem, Sampling, Trace, Usage

__all__ = ["LIBRARIES", "Transformers", "encode_prompts"]

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate")
EMPTY = "path: a directory with config.json, the weights as safetensors and the tokenizer; nothing is downloaded"


@entry
@dataclass(frozen=True)
class Transformers:
    """A Hugging Face checkpoint in a local directory.

    ``path`` is the directory, ``model`` the name in the table (null: the directory's). How it is sampled is said here,
    and what is null is as the study says: ``temperature`` (0: greedy), ``top_p`` (a token is drawn from the likeliest
    ones that together have this probability), ``max_tokens`` (of one answer, reasoning included), ``samples`` of each
    problem, ``seed``, and budget forcing: after ``max_thinking`` tokens of reasoning its end is written for the model,
    and the first ``wait`` times that it would end its reasoning it reads "Wait" instead. How often that happened is in
    a trace's metadata (``forced_end``, ``waits``, and ``forced_tokens``, which its usage does not count). Nothing else
    of how the checkpoint is usually sampled is looked at.

    ``template: plain`` gives the model the prompt and a line break, in place of its own chat template: for a base
    model. ``batch_size`` texts are decoded at once (null: 512 for a model of less than ten million parameters, else
    128 on a GPU and 16 on a CPU; fewer while their keys and values would take too much memory). ``device`` is cpu or
    cuda (null: cuda if there is one, but the CPU for less than ten million parameters); a GPU computes in bfloat16.
    What was written is kept in the file ``journal`` (null: nowhere), which another ``batch_size`` or more ``samples``
    go on with.
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
    max_thinking: int | None = None
    wait: int | None = None
    template: Template = "chat"
    device: Device | None = None
    journal: Path | None = None
    watch: Watch = unwatched

    accelerated: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what cannot be meant. Raises ``StudyError``, and ``InputError`` if there is no checkpoint."""
        require("train", *LIBRARIES)
        for name in ("samples", "max_tokens", "batch_size", "max_thinking"):
            refuse_below(name, getattr(self, name), 1)
        for name in ("temperature", "wait"):
            refuse_below(name, getattr(self, name), 0)
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
        progress = Progress(len(rows), self.report, self.watch)
        with LocalJournal(self.journal, self._made_with(sampling)) as journal:
            written = dict(self._write(rows, sampling, journal, progress))
        yield from (written[row] for row in range(len(rows)))

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return load(self.root / self.path, self.device)

    def _sampling(self, sampling: Sampling) -> Sampling:
        names = ("temperature", "top_p", "max_tokens", "samples", "seed", "max_thinking", "wait")
        own = {name: getattr(self, name) for name in names}
        return replace(sampling, **{name: value for name, value in own.items() if value is not None})

    def _made_with(self, sampling: Sampling) -> dict[str, Any]:
        """What decides, with a row's key, what is written for it."""
        model = self._checkpoint.model
        return {
            "checkpoint": identity(self._checkpoint.directory),
            "sampling": {name: value for name, value in asdict(sampling).items() if name != "samples"},
            "device": [model.device.type, str(model.dtype)],
            "code": code(),
        }

    def _write(
        self, rows: Sequence[Row], sampling: Sampling, journal: LocalJournal, progress: Progress
    ) -> Iterator[tuple[int, Trace]]:
        """Traces with the numbers of their rows, as they end."""
        asked = []
        for number, row in enumerate(rows):
            reason = self._checkpoint.refusal(row.prompt)
            if reason is not None:
                trace = replace(self._blank(row, sampling), finish_reason="error", error=reason)
            elif (line := journal.known.get(row.key)) is not None:
                trace = self._trace(row, line["ids"], line["budget"], sampling)
            else:
                asked.append(number)
                continue
            progress.ended(trace, known=True)
            yield number, trace
        writer = Writer(self._checkpoint, sampling, self.batch_size)
        for place, ids, budget in writer.write([rows[number] for number in asked], progress.beat):
            row = rows[asked[place]]
            journal.add(row.key, {**row.named, "ids": ids, "budget": budget})
            trace = self._trace(row, ids, budget, sampling)
            progress.ended(trace)
            yield asked[place], trace

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

    def _trace(self, row: Row, ids: list[int], budget: list[int], sampling: Sampling) -> Trace:
        """Where the prompt opened the reasoning and the model never closed it, all that it wrote is reasoning."""
        ended = bool(ids) and ids[-1] in self._checkpoint.ends
        text = self._checkpoint.text(ids[:-1] if ended else ids)
        parts = markers.split(text, row.prompt.thinks)
        blank, forced = self._blank(row, sampling), forcings(budget)
        return replace(
            blank,
            response=parts.response,
            reasoning=parts.reasoning,
            finish_reason="stop" if ended else "length",
            usage=Usage(len(row.prompt.ids), len(ids) - forced.get("forced_tokens", 0)),
            metadata={**blank.metadata, **forced},
        )
