"""How a token is drawn; and decoding for models whose cache is not of keys and values alone, such as state-space ones.

    for rows in batches(lengths, limits, size=16, tokens=50_000): ...
    for row, tokens in decode(model, prompts, limits, ends, draw): ...

All others are decoded by ``_batching``. Here prompts are padded on the left, so that all of a batch go on at the same
place, and the library's ``generate`` decodes them.

Sampling draws one uniform number a row and step from the row's own stream and looks it up in the cumulative
distribution: a sample does not depend on what else is in its batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

CHUNK = 32
"""Tokens that are decoded before rows that have ended are taken out of a batch."""


def batches(lengths: Sequence[int], limits: Sequence[int], size: int, tokens: int) -> Iterator[list[int]]:
    """Rows that are decoded together, by the length of their prompt, so that little is padded.

    At most ``size`` rows, whose prompts with their padding and answers of up to ``limits`` make at most ``tokens``; a
    row that takes more is alone.
    """
    batch: list[int] = []
    most = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        longest = max(most, limits[row])
        if batch and (len(batch) == size or (len(batch) + 1) * (lengths[row] + longest) > tokens):
            yield batch
            batch, longest = [], limits[row]
        batch.append(row)
        most = longest
    if batch:
        yield batch


def decode(
    model: Any, prompts: Sequence[list[int]], limits: Sequence[int], ends: Sequence[int], draw: "Draw | None"
) -> Iterator[tuple[int, list[int]]]:
    """Decode prompts together and yield each row when it has ended, with the tokens it wrote, the end included.

    A row ends with one of ``ends``, or after as many tokens as ``limits`` says of it. Rows that have ended leave the
    batch every ``CHUNK`` tokens, so that a few long ones do not hold up the rest. Without ``draw`` it is greedy.
    """
    import torch

    start, pad = max(map(len, prompts)), model.generation_config.pad_token_id
    ids = torch.tensor([[pad] * (start - len(prompt)) + prompt for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (start - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    rows, most, stops = torch.arange(len(prompts)), torch.tensor(limits), torch.tensor(ends, device=model.device)
    cache = None
    while len(rows):
        with torch.inference_mode():
            output = model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                max_new_tokens=min(CHUNK, int(most.min()) + start - ids.shape[1]),
                logits_processor=[draw] if draw else [],
                return_dict_in_generate=True,
            )
        ids, cache = output.sequences, output.past_key_values
        ended = torch.isin(ids[:, start:], stops).any(1).cpu() | (ids.shape[1] - start >= most)
        for row, tokens in zip(rows[ended].tolist(), ids[ended.to(ids.device), start:].tolist(), strict=True):
            yield row, _until(tokens, ends)
        going = (~ended).nonzero()[:, 0]
        rows, most, there = rows[going], most[going], going.to(ids.device)
        ids, mask = ids[there], mask[there]
        mask = torch.cat([mask, mask.new_ones(len(mask), ids.shape[1] - mask.shape[1])], 1)
        if cache is not None:
            cache.reorder_cache(there)
        if draw:
            draw.keep(there)


def _until(ids: list[int], ends: Sequence[int]) -> list[int]:
    found = next((place for place, token in enumerate(ids) if token in ends), None)
    return ids if found is None else ids[: found + 1]


class Draw:
    """Replaces the logits by a choice, left to a greedy decoder; ``uniform`` has a row of random numbers for each."""

    def __init__(self, choice: "Choice", uniform: "torch.Tensor", start: int) -> None:
        self.choice, self.uniform, self.start = choice, uniform, start

    def keep(self, rows: "torch.Tensor") -> None:
        """Go on with these rows of the batch only."""
        self.uniform = self.uniform[rows]

    def __call__(self, ids: "torch.Tensor", logits: "torch.Tensor") -> "torch.Tensor":
        import torch

        token = self.choice(logits, self.uniform[:, ids.shape[1] - self.start, None])
        return torch.full_like(logits, -torch.inf).scatter_(1, token[:, None], 0.0)


def uniforms(seeds: Sequence[int], steps: int) -> "torch.Tensor":
    """A row of ``steps`` numbers in [0, 1) from the stream of each seed."""
    import torch

    return torch.stack([torch.rand(steps, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


@dataclass(frozen=True)
class Choice:
    """Inverse-transform sampling: a uniform number a row picks a token from the cumulative distribution.

    With ``top_p`` only the likeliest tokens are drawn from, as few as reach that probability together (nucleus
    sampling, Holtzman et al. 2020).
    """

    temperature: float
    top_p: float | None = None

    def __call__(self, logits: "torch.Tensor", uniform: "torch.Tensor") -> "torch.Tensor":
        """Tokens, one a row, of logits (rows, vocabulary) and uniform numbers (rows, 1)."""
        import torch

        probability = torch.softmax(logits.double() / self.temperature, -1)
        if self.top_p is not None:
            probability = _nucleus(probability, self.top_p)
        total = probability.cumsum(-1)
        drawn = uniform.double() * total[:, -1:]
        return torch.searchsorted(total, drawn, right=True)[:, 0].clamp_max(logits.shape[-1] - 1)


def _nucleus(probability: "torch.Tensor", top_p: float) -> "torch.Tensor":
    """The probabilities without those of tokens that come after ``top_p`` is reached, the likeliest first."""
    ordered, order = probability.sort(dim=-1, descending=True, stable=True)
    late = ordered.cumsum(-1) - ordered >= top_p
    return probability.masked_fill(late.scatter(-1, order, late), 0.0)
