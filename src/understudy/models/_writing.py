"""What a local checkpoint writes for many rows at once: by continuous batching, or else by the library's ``generate``.

    for written in Writer(checkpoint, sampling, batch_size=None).write(rows, beat): print(written.place, written.ids)

The second way is for models whose cache holds other things than keys and values (state-space models and their hybrids).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from understudy.errors import RunError, StudyError
from understudy.models._checkpoint import Checkpoint, Prompt
from understudy.models._decoding import Choice, Draw, batches, decode, uniforms
from understudy.randomness import seed_of
from understudy.tables import to_json
from understudy.types import Problem, Sampling

if TYPE_CHECKING:
    from understudy.models._forcing import Forcing

Beat = Callable[[int, str], None]
"""Told how many tokens were written so far, and what is worth saying of how it goes."""
LARGE_BATCH, GPU_BATCH, SMALL_BATCH = 512, 128, 16
MEMORY = 2 * 2**30
"""Bytes of keys and values that may be held on a CPU; on a GPU they may take two thirds of what is free."""


class Row(NamedTuple):
    """One text that is to be written."""

    problem: Problem
    prompt: Prompt
    sample: int

    @property
    def key(self) -> str:
        """What is asked, for the journal."""
        return sha256(to_json([self.problem.problem_id, self.sample, *self.prompt]).encode()).hexdigest()[:32]

    @property
    def named(self) -> dict[str, Any]:
        """What it is called, for people who read the journal."""
        return {"problem": self.problem.problem_id, "sample": self.sample}

    def seed(self, sampling: Sampling) -> int:
        """Of the text's own random numbers."""
        return seed_of(sampling.seed, sampling.name, self.problem.problem_id, self.sample)


class Written(NamedTuple):
    """The text of a row: its place among the rows, its tokens, and what became of its budget (empty: it had none)."""

    place: int
    ids: list[int]
    budget: list[int]


@dataclass(frozen=True)
class Writer:
    """A checkpoint that is sampled one way, ``batch_size`` rows at once (null: as many as usual)."""

    checkpoint: Checkpoint
    sampling: Sampling
    batch_size: int | None

    def write(self, rows: Sequence[Row], beat: Beat) -> Iterator[Written]:
        """Texts as they end.

        Raises ``RunError`` if the GPU has too little memory, ``StudyError`` if the model cannot be held to a budget.
        """
        import torch

        if not rows:
            return
        how = self._in_slots if self._has_slots else self._in_batches
        try:
            yield from how(rows, beat)
        except torch.OutOfMemoryError:
            hint = "a smaller max_tokens" if self._has_slots else "batch_size: 1, or a smaller max_tokens"
            raise RunError("the GPU has too little memory for texts of this length", hint) from None

    def _in_slots(self, rows: Sequence[Row], beat: Beat) -> Iterator[Written]:
        from understudy.models._batching import Batch
        from understudy.models._texts import Text

        forcing, choice = self._forcing(rows), self._choice()
        batch = Batch(
            self.checkpoint.model,
            self.checkpoint.ends,
            *self._sizes(),
            choice,
            self._room() if choice else 0,
            forcing,
            lambda: beat(batch.written, batch.remark),
        )
        texts = []
        for place, row in enumerate(rows):
            limit = self._room(len(row.prompt.ids))
            texts.append(Text(place, row.prompt.ids, limit, row.seed(self.sampling), row.prompt.thinks))
        for text in batch.decode(texts):
            yield Written(text.row, text.written, text.budget or [] if forcing else [])

    def _in_batches(self, rows: Sequence[Row], beat: Beat) -> Iterator[Written]:
        """For a model without slots, by the library's ``generate``."""
        model = self.checkpoint.model
        if self.sampling.max_thinking is not None or self.sampling.wait:
            kind = f"a model of the type '{model.config.model_type}' cannot be held to a budget of reasoning"
            hint = "leave out max_thinking and wait for this model"
            raise StudyError(f"{kind}: its cache is not of keys and values alone", hint)
        lengths = [len(row.prompt.ids) for row in rows]
        limits = [self._room(length) for length in lengths]
        for places in batches(lengths, limits, *self._sizes()):
            draw = None
            if (choice := self._choice()) is not None:
                numbers = uniforms([rows[place].seed(self.sampling) for place in places], self._room())
                draw = Draw(choice, numbers.to(model.device), max(lengths[place] for place in places))
            prompts, most = [rows[place].prompt.ids for place in places], [limits[place] for place in places]
            for number, ids in decode(model, prompts, most, self.checkpoint.ends, draw):
                yield Written(places[number], ids, [])

    def _choice(self) -> Choice | None:
        """How a token is drawn, or null: the likeliest one is taken."""
        sampling = self.sampling
        return Choice(sampling.temperature, sampling.top_p) if sampling.temperature > 0 else None

    def _forcing(self, rows: Sequence[Row]) -> "Forcing | None":
        from understudy.models._forcing import Forcing, tags_of

        if self.sampling.max_thinking is None and not self.sampling.wait:
            return None
        words, model = self.checkpoint.tokenizer, self.checkpoint.model
        tags = tags_of(words, words.decode(rows[0].prompt.ids[-32:]))
        size = model.config.get_text_config().vocab_size
        return Forcing.of(words, tags, size, self.sampling.max_thinking, self.sampling.wait, model.device)

    def _room(self, prompt: int = 0) -> int:
        """The most tokens that an answer can have: with the prompt it must fit into the context."""
        context = self.checkpoint.context
        return self.sampling.max_tokens if context is None else min(self.sampling.max_tokens, context - prompt)

    def _sizes(self) -> tuple[int, int]:
        """How many rows, and how many tokens, a batch has at most."""
        import torch

        on_gpu = self.checkpoint.model.device.type == "cuda"
        memory = torch.cuda.mem_get_info()[0] * 2 // 3 if on_gpu else MEMORY
        usual = LARGE_BATCH if self.checkpoint.small else GPU_BATCH if on_gpu else SMALL_BATCH
        return self.batch_size or usual, memory // self.checkpoint.bytes_per_token

    @cached_property
    def _has_slots(self) -> bool:
        from understudy.models._slots import fits

        return fits(self.checkpoint.model)


def forcings(budget: list[int]) -> dict[str, int]:
    """What was done to hold a text to its budget; nothing where it had none."""
    if not budget:
        return {}
    from understudy.models._forcing import Forcing

    of = dict(zip(Forcing.FIELDS, budget, strict=True))
    return {"forced_end": of["ended"], "waits": of["waits"], "forced_tokens": of["forced"]}
