"""Keys and values of the texts that are being decoded: a slot for each text, all of them in one block of memory.

    slots = Slots(model.config, rows=16, columns=512)
    read(model, slots, [3, 7], prompts)                        # the prompts of two texts
    logits = go_on(model, slots, tokens, at, width=10)         # a token of each text, at its own column

Every text starts at column 0 of its slot, so that one can take another's place at any time and nothing is moved. What
stands to the right of its last token is never attended to; it is finite, because a weight of zero times NaN is NaN.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

FULL, SLIDING = "full_attention", "sliding_attention"


class Slots(Cache):  # type: ignore[misc]
    """A cache of the library's of ``rows`` slots, each with room for ``columns`` tokens."""

    def __init__(self, config: Any, rows: int, columns: int) -> None:
        self.rows, self.columns, self.width = rows, columns, 0
        self.into: torch.Tensor | None = None
        self.at = self.first = torch.empty(0, dtype=torch.long)
        kinds = layer_kinds(config)
        super().__init__(layers=[_Layer(self, kind == SLIDING) for kind in kinds])

    @contextmanager
    def filling(self, slots: torch.Tensor) -> Iterator[None]:
        """Meanwhile the model reads texts from their first token on, and they go into these slots."""
        self.into = slots
        try:
            yield
        finally:
            self.into = None

    def step(self, at: torch.Tensor, width: int) -> None:
        """The model reads one more token of each of the first ``len(at)`` slots next, and its place is column ``at``.

        ``width`` columns are looked at: at least one more than the largest of ``at``.
        """
        self.at, self.width, self.first = at, width, torch.arange(len(at), device=at.device)

    def copy(self, source: Sequence[int], target: Sequence[int], width: int) -> None:
        """What stands in the first columns of some slots is put into others, too, all at once."""
        for layer in self._filled():
            layer.keys[target, :, :width] = layer.keys[source, :, :width]
            layer.values[target, :, :width] = layer.values[source, :, :width]

    def resize(self, kept: Sequence[int], rows: int, columns: int) -> None:
        """Other numbers of slots and columns. The slots that are ``kept`` become the first ones, in that order."""
        self.rows, self.columns = rows, columns
        for layer in self._filled():
            layer.keys = _resized(layer.keys, kept, rows, columns)
            layer.values = _resized(layer.values, kept, rows, columns)

    def _filled(self) -> "Iterator[_Layer]":
        return (layer for layer in self.layers if layer.is_initialized)


class _Layer(CacheLayerMixin):  # type: ignore[misc]
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, slots: Slots, sliding: bool) -> None:
        super().__init__()
        self.slots, self.is_sliding = slots, sliding

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        rows, columns = self.slots.rows, self.slots.columns
        self.keys, self.values = (
            states.new_zeros(rows, states.shape[1], columns, states.shape[3]) for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        slots = self.slots
        if slots.into is not None:
            self.keys[slots.into, :, : key_states.shape[2]] = key_states
            self.values[slots.into, :, : value_states.shape[2]] = value_states
            return key_states, value_states
        count = len(slots.at)
        self.keys[slots.first, :, slots.at] = key_states[:, :, 0]
        self.values[slots.first, :, slots.at] = value_states[:, :, 0]
        return self.keys[:count, :, : slots.width], self.values[:count, :, : slots.width]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Asked for only where prompts are read: from their start."""
        return query_length, 0

    def get_seq_length(self) -> int:
        return 0 if self.slots.into is not None else max(0, self.slots.width - 1)

    def get_max_length(self) -> int:
        return -1


def _resized(block: torch.Tensor, kept: Sequence[int], rows: int, columns: int) -> torch.Tensor:
    made = block.new_zeros(rows, block.shape[1], columns, block.shape[3])
    both = min(columns, block.shape[2])
    made[: len(kept), :, :both] = block[list(kept), :, :both]
    return made


def layer_kinds(config: Any) -> list[str]:
    """What each layer attends to, as the library names it."""
    config = config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    every = SLIDING if getattr(config, "sliding_window", None) else FULL
    return list(kinds) if kinds else [every] * config.num_hidden_layers


def masks(model: Any, at: torch.Tensor, width: int) -> Any:
    """What a token at column ``at`` of each text attends to, of the first ``width`` columns, as the model takes it."""
    config = model.config.get_text_config()
    column = torch.arange(width, device=at.device)
    full = column <= at[:, None]
    made = {FULL: full}
    if (window := getattr(config, "sliding_window", None)) is not None:
        made[SLIDING] = full & (column > at[:, None] - window)
    given = {kind: _as_given(model, made[kind]) for kind in dict.fromkeys(layer_kinds(config))}
    return given if getattr(config, "layer_types", None) else next(iter(given.values()))


def _as_given(model: Any, allowed: torch.Tensor) -> torch.Tensor:
    allowed = allowed[:, None, None]
    if model.config._attn_implementation != "eager":
        return allowed
    lowest = torch.finfo(model.dtype).min
    return torch.zeros_like(allowed, dtype=model.dtype).masked_fill(~allowed, lowest)


def read(model: Any, slots: Slots, into: Sequence[int], texts: Sequence[Sequence[int]]) -> None:
    """Read texts from their start into these slots, together, padded on the right."""
    width = max(map(len, texts))
    ids = torch.tensor([[*text, *[0] * (width - len(text))] for text in texts], device=model.device)
    with slots.filling(torch.tensor(into, device=model.device)):
        model.base_model(
            input_ids=ids,
            position_ids=torch.arange(width, device=model.device)[None],
            past_key_values=slots,
            use_cache=True,
        )


def go_on(model: Any, slots: Slots, token: torch.Tensor, at: torch.Tensor, width: int) -> torch.Tensor:
    """Read a token (rows, 1) of each of the first texts, at its place. Logits (rows, vocabulary) of the next one."""
    slots.step(at, width)
    logits: torch.Tensor = model(
        input_ids=token,
        attention_mask=masks(model, at, width),
        position_ids=at[:, None],
        past_key_values=slots,
        use_cache=True,
    ).logits[:, -1]
    return logits


def fits(model: Any) -> bool:
    """Whether a model goes on from its slots as it would from the whole text. State-space models, for instance, cannot.

    Two short texts are read, and two more tokens of each: it is seen, not known from a list of names.
    """
    size = model.get_input_embeddings().num_embeddings
    numbers = Random(0)
    texts = [[numbers.randrange(size) for _ in range(length)] for length in (7, 4)]
    try:
        with torch.inference_mode():
            there, expected = _by_slots(model, texts), [_plainly(model, text) for text in texts]
    except torch.OutOfMemoryError:
        raise
    except Exception:  # a model that takes no such cache, mask or positions says so in ways of its own
        return False
    wanted = torch.stack(expected)
    # Sums in bfloat16 have three digits. A wrong mask or position moves logits by much of their spread.
    bound = (0.1 if model.dtype.itemsize < 4 else 1e-3) * wanted.std()
    return bool((there - wanted).abs().mean() <= bound)


def _plainly(model: Any, text: Sequence[int]) -> torch.Tensor:
    logits: torch.Tensor = model(input_ids=torch.tensor([text], device=model.device), use_cache=False).logits
    return logits[0, -1].float()


def _by_slots(model: Any, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Logits (texts, vocabulary) after the last token of each, of which all but two are read at once."""
    device, after = model.device, 2
    slots = Slots(model.config, len(texts), max(map(len, texts)) + 1)
    read(model, slots, list(range(len(texts))), [text[:-after] for text in texts])
    at = torch.tensor([len(text) - after for text in texts], device=device)
    for step in range(after):
        token = torch.tensor([[text[step - after]] for text in texts], device=device)
        logits = go_on(model, slots, token, at + step, max(map(len, texts)) + step - after + 1)
    return logits.float()
