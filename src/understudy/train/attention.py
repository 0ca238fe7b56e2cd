"""Attention over examples that lie end to end in one row: each token sees its own example, up to itself.

    with packed(model):
        model(input_ids=ids, position_ids=positions, **bounds([17, 5, 230], device), use_cache=False)

On a GPU all examples go through one kernel (``torch.nn.attention.varlen``, where this torch has it); elsewhere each
goes through PyTorch's causal attention. No mask of row by row is ever built, so that a row may be long. The function
is registered with transformers' ``AttentionInterface``, and a name that its masks do not know means: no mask.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import accumulate
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from understudy.errors import StudyError

NAME = "understudy_packed"
HINT = "packing: false trains it on padded batches"
KNOWN_LAYERS = {"full_attention", "sliding_attention"}
FLASH_HEAD = 256
"""The largest head that flash attention takes."""


def bounds(lengths: Sequence[int]) -> dict[str, Any]:
    """Where the examples of a row begin and end, by the names that transformers hands on to an attention function."""
    ends = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
    return {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": max(lengths), "max_length_k": max(lengths)}


@contextmanager
def packed(model: Any) -> Iterator[None]:
    """Within this block the model reads rows of several examples. Raises ``StudyError`` if it would mix them up."""
    _refuse(model)
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int = 0,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Queries, keys and values of one row, ``[1, heads, tokens, size]``, to ``[1, tokens, heads, size]``."""
    name = type(module).__name__
    if cu_seq_lens_q is None or attention_mask is not None:
        raise StudyError(f"{name} does not tell its attention where the examples of a packed row end", HINT)
    if unknown := [extra for extra in ("softcap", "s_aux", "position_bias") if others.get(extra) is not None]:
        raise StudyError(f"the attention of {name} has a {unknown[0]}, which packed examples do not go with", HINT)
    if _flash(query, value, dropout):
        return _varlen(query, key, value, scaling, sliding_window, cu_seq_lens_q, max_length_q), None
    lengths = cu_seq_lens_q.diff().tolist()
    settings = {"dropout_p": dropout, "scale": scaling, "enable_gqa": query.shape[1] != key.shape[1]}
    pieces = zip(*(torch.split(states, lengths, dim=2) for states in (query, key, value)), strict=True)
    out = [_causal(q, k, v, sliding_window, settings) for q, k, v in pieces]
    return torch.cat(out, dim=2).transpose(1, 2).contiguous(), None


def _causal(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, window: int | None, settings: Any) -> torch.Tensor:
    length = q.shape[2]
    if window is None or length <= window:
        return scaled_dot_product_attention(q, k, v, is_causal=True, **settings)
    at = torch.arange(length, device=q.device)
    back = at[:, None] - at[None, :]
    return scaled_dot_product_attention(q, k, v, attn_mask=(back >= 0) & (back < window), **settings)


def _varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    window: int | None,
    ends: torch.Tensor,
    longest: int,
) -> torch.Tensor:
    from torch.nn.attention.varlen import varlen_attn

    # Rotary embeddings leave queries and keys in float32 under autocast, which knows nothing of this kernel.
    kind = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else value.dtype
    q, k, v = (states[0].transpose(0, 1).to(kind) for states in (query, key, value))
    sight = (-1, 0) if window is None else (window - 1, 0)  # keys to the left of one's own, and to the right
    shared = query.shape[1] != key.shape[1]
    out: Any = varlen_attn(q, k, v, ends, ends, longest, longest, scale=scaling, window_size=sight, enable_gqa=shared)
    made: torch.Tensor = out.unsqueeze(0)
    return made


def _flash(query: torch.Tensor, value: torch.Tensor, dropout: float) -> bool:
    """Whether the kernel for rows of examples takes these."""
    if not query.is_cuda or dropout or not _has_varlen() or torch.cuda.get_device_capability(query.device) < (8, 0):
        return False
    kind = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else value.dtype
    size = query.shape[-1]
    fits = size == value.shape[-1] and size <= FLASH_HEAD and size % 8 == 0
    return fits and kind in (torch.float16, torch.bfloat16)


@cache
def _has_varlen() -> bool:
    """It came with torch 2.10, and learned windows and shared heads after that."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return False
    return {"scale", "window_size", "enable_gqa"} <= set(inspect.signature(varlen_attn).parameters)


def _refuse(model: Any) -> None:
    """Layers that read a row from left to right, such as state-space ones, would carry one example into the next."""
    config = model.config.get_text_config()
    strange = sorted(set(getattr(config, "layer_types", None) or ()) - KNOWN_LAYERS)
    if strange:
        raise StudyError(f"{type(model).__name__} has layers of {strange[0]}, which would mix packed examples", HINT)
    if not getattr(model, "_supports_attention_backend", False):
        raise StudyError(f"{type(model).__name__} does not let its attention be replaced, as packing needs", HINT)
    if getattr(config, "attn_logit_softcapping", None) is not None:
        raise StudyError(f"{type(model).__name__} caps its attention, which packed examples do not go with", HINT)


AttentionInterface.register(NAME, attend)
