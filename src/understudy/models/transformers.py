"""A Hugging Face checkpoint in a local directory, as a model: teachers and trained students alike.

Prompts of one length are batched together, so that nothing is padded. Sampling draws one uniform number a row and
step from the row's own stream and looks it up in the cumulative distribution: a sample does not depend on what else
is in its batch.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy import markers
from understudy.errors import InputError
from understudy.protocols import Report
from understudy.randomness import seed_of
from understudy.registry import entry, require
from understudy.types import Problem, Sampling, Trace, Usage

if TYPE_CHECKING:
    import torch


CHUNK = 32
"""Tokens that are decoded before rows that have ended are taken out of a batch."""
SMALL, LARGE_BATCH, SMALL_BATCH = 10_000_000, 512, 16
LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate")


def silent(done: int, total: int) -> None:
    """A report of progress that nobody reads."""


@entry
@dataclass(frozen=True)
class Transformers:
    """A Hugging Face checkpoint in a local directory.

    ``path`` is the directory, ``batch_size`` the number of prompts decoded together (null: 512 for a model of less
    than ten million parameters, else 16), ``model`` the name in the table.
    """

    path: str
    root: Path = Path()
    batch_size: int | None = None
    model: str | None = None
    report: Report = silent

    def __post_init__(self) -> None:
        require("train", *LIBRARIES)
        if not (self.root / self.path / "config.json").is_file():
            raise InputError(f"{self.root / self.path} is no checkpoint: it holds no config.json")

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """``sampling.samples`` traces a problem; one that does not end within ``max_tokens`` has ``length``."""
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        directory = self.root / self.path
        tokenizer = AutoTokenizer.from_pretrained(directory)
        model = AutoModelForCausalLM.from_pretrained(directory).eval()
        prompts = encode_prompts(tokenizer, [problem.prompt for problem in problems])
        rows = [(index, sample) for index in range(len(problems)) for sample in range(sampling.samples)]
        written: dict[tuple[int, int], list[int]] = {}
        size = self.batch_size or (SMALL_BATCH if model.num_parameters() > SMALL else LARGE_BATCH)
        for batch in _batches(rows, prompts, size):
            given = [prompts[index] for index, _ in batch]
            seeds = [_seed(sampling, problems[index], sample) for index, sample in batch]
            for row, tokens in _decode(model, tokenizer, given, seeds, sampling):
                written[batch[row]] = tokens
                self.report(len(written), len(rows))
        for index, sample in rows:
            ids = written[index, sample]
            yield self._trace(tokenizer, problems[index], sample, len(prompts[index]), ids, sampling)

    def _trace(
        self, tokenizer: Any, problem: Problem, sample: int, prompt: int, ids: list[int], sampling: Sampling
    ) -> Trace:
        ended = bool(ids) and ids[-1] == tokenizer.eos_token_id
        text = tokenizer.decode(ids[:-1] if ended else ids)
        reasoning, response, _ = markers.split(text)
        name = self.model or Path(self.path).name
        return Trace(
            trace_id=f"{name}/{sampling.name}/{problem.problem_id}/{sample}",
            problem_id=problem.problem_id,
            model=name,
            response=response,
            reasoning=reasoning,
            sample=sample,
            finish_reason="stop" if ended else "length",
            usage=Usage(prompt, len(ids)),
            metadata={"sampling": sampling.name},
        )


def encode_prompts(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    """Token ids of each prompt as a user's message, up to where the model starts to write."""
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    texts = tokenizer.apply_chat_template(chats, add_generation_prompt=True, tokenize=False)
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return ids


def _batches(
    rows: Sequence[tuple[int, int]], prompts: Sequence[Sequence[int]], size: int
) -> Iterator[list[tuple[int, int]]]:
    by_length: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        by_length[len(prompts[row[0]])].append(row)
    for _, group in sorted(by_length.items()):
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _seed(sampling: Sampling, problem: Problem, sample: int) -> int:
    return seed_of(sampling.seed, sampling.name, problem.problem_id, sample)


def _decode(
    model: Any, tokenizer: Any, prompts: list[list[int]], seeds: list[int], sampling: Sampling
) -> Iterator[tuple[int, list[int]]]:
    """Decode prompts of one length together and yield each row when it has ended, with the tokens it wrote.

    Rows that have ended leave the batch every ``CHUNK`` tokens, so that a few long ones do not hold up the rest.
    """
    import torch

    end, start = tokenizer.eos_token_id, len(prompts[0])
    ids, rows, cache = torch.tensor(prompts), torch.arange(len(prompts)), None
    draw = None if sampling.temperature == 0 else _Draw(seeds, sampling, start)
    while len(rows):
        with torch.inference_mode():
            output = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                past_key_values=cache,
                max_new_tokens=min(CHUNK, start + sampling.max_tokens - ids.shape[1]),
                do_sample=False,
                logits_processor=[draw] if draw else [],
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=end,
                return_dict_in_generate=True,
            )
        ids, cache = output.sequences, output.past_key_values
        ended = (ids[:, start:] == end).any(1) | (ids.shape[1] - start >= sampling.max_tokens)
        for row, tokens in zip(rows[ended].tolist(), ids[ended, start:].tolist(), strict=True):
            yield row, _until(tokens, end)
        going = (~ended).nonzero()[:, 0]
        rows, ids = rows[going], ids[going]
        cache.batch_select_indices(going)
        if draw:
            draw.keep(going)


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end) + 1] if end in ids else ids


class _Draw:
    """Replaces the logits by a choice: inverse-transform sampling with a stream a row, left to a greedy decoder."""

    def __init__(self, seeds: Sequence[int], sampling: Sampling, start: int) -> None:
        import torch

        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.uniform = torch.stack([torch.rand(sampling.max_tokens, generator=g) for g in generators])
        self.temperature, self.start = sampling.temperature, start

    def keep(self, rows: "torch.Tensor") -> None:
        """Go on with these rows of the batch only."""
        self.uniform = self.uniform[rows]

    def __call__(self, ids: "torch.Tensor", logits: "torch.Tensor") -> "torch.Tensor":
        import torch

        total = torch.softmax(logits.double() / self.temperature, -1).cumsum(-1)
        drawn = self.uniform[:, ids.shape[1] - self.start, None].double() * total[:, -1:]
        token = torch.searchsorted(total, drawn, right=True).clamp_max(logits.shape[-1] - 1)
        return torch.full_like(logits, -torch.inf).scatter_(1, token, 0.0)
