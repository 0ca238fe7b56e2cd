"""The loss of a batch, computed where it counts: on the targets alone, a few rows of the vocabulary at a time.

    with learning(model):
        loss = model(**collate(examples, norm, packing=True, pad=0))["loss"]      # sum of weight * nll

Logits of a whole batch are most of a small model's memory and work: 8,192 tokens by 128,000 words are 4 GB in
float32. Here the head runs on the positions that have a target, in chunks, and each chunk's gradient is made at once
(as in Liger, arXiv 2410.10989), so that logits are neither kept nor made twice. Models that scale or cap their logits
go through their own forward, which is asked for the same positions.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from understudy.train.attention import bounds, packed
from understudy.train.examples import Example

CHUNK = 2**23
"""Logits that are made at once on a CPU, where they should stay in the cache; a GPU takes sixteen times as many."""
PLAIN_HEAD = re.compile(r"self\.lm_head\(hidden_states(\[:, slice_indices(, :)?\])?\)")
PLAIN_STATES = re.compile(r"(\w+(\.last_hidden_state|\[0\])|slice_logits_to_keep\(hidden_states, logits_to_keep\))")


def collate(examples: Sequence[Example], norm: float, packing: bool, pad: int) -> dict[str, Any]:
    """Token ids as one row of examples end to end, or as padded rows; and the targets with their share of the loss.

    ``at`` counts positions over all rows: the state there predicts ``targets``, which weigh ``weights / norm``.
    """
    lengths = [len(example.ids) for example in examples]
    width = sum(lengths) if packing else max(lengths)
    starts = [sum(lengths[:n]) if packing else n * width for n in range(len(examples))]
    ids = torch.full((1 if packing else len(examples), width), pad)
    found: list[tuple[int, int, float]] = []
    for start, example in zip(starts, examples, strict=True):
        ids.view(-1)[start : start + len(example.ids)] = torch.tensor(example.ids)
        weighed = zip(range(start, start + len(example.ids)), example.ids[1:], example.weights[1:], strict=False)
        found += [target for target in weighed if target[2]]
    at, targets, weights = zip(*found or [(0, examples[0].ids[0], 0.0)], strict=True)
    batch: dict[str, Any] = {"input_ids": ids, "at": torch.tensor(at), "targets": torch.tensor(targets)}
    batch["weights"] = torch.tensor(weights) / norm
    if packing:
        batch["position_ids"] = torch.cat([torch.arange(length) for length in lengths]).unsqueeze(0)
        batch |= bounds(lengths)
    return batch


@contextmanager
def learning(model: Any, packing: bool = False) -> Iterator[None]:
    """Within this block the model, plain or wrapped by PEFT, takes the batches of ``collate`` and returns their loss.

    Its forward is replaced, not called from outside, so that what hooks into it (autocast, DDP, FSDP) still does.
    """
    inner = model.get_base_model() if hasattr(model, "peft_config") else model
    head = inner.get_output_embeddings()
    plain = type(head) is torch.nn.Linear and _plain_head(inner)
    if plain:
        head.forward = MethodType(_head_loss, head)
        inner.forward = MethodType(_forward, inner)
    else:
        inner.forward = MethodType(_own_forward, inner)
    try:
        if packing:
            with packed(inner):
                yield
        else:
            yield
    finally:
        inner.__dict__.pop("forward", None)
        if plain:
            head.__dict__.pop("forward", None)


def _forward(model: Any, at: Tensor, targets: Tensor, weights: Tensor, **inputs: Any) -> dict[str, Tensor]:
    base = getattr(model, model.base_model_prefix)
    states = base(**_given(inputs), use_cache=False)[0]
    chosen = states.reshape(-1, states.shape[-1]).index_select(0, at)
    return {"loss": model.get_output_embeddings()(chosen, targets, weights)}


def _own_forward(model: Any, at: Tensor, targets: Tensor, weights: Tensor, **inputs: Any) -> dict[str, Tensor]:
    """By the model's own forward, where it does more with logits than to make them."""
    rows, width = inputs["input_ids"].shape
    keep = at
    if rows > 1:
        keep = torch.zeros(rows * width, dtype=torch.bool, device=at.device)
        keep = keep.index_fill(0, at, True).view(rows, width)
    forward = type(model).forward
    logits = forward(model, **_given(inputs), use_cache=False, logits_to_keep=keep).logits
    nll = functional.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), targets, reduction="none")
    return {"loss": nll @ weights}


def _given(inputs: dict[str, Any]) -> dict[str, Any]:
    """PEFT hands on every argument, also those that nobody gave."""
    return {name: value for name, value in inputs.items() if value is not None}


def _head_loss(head: torch.nn.Linear, states: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The summed loss of states ``[n, hidden]``."""
    logits = CHUNK * (16 if states.is_cuda else 1)
    rows = max(1, logits // head.out_features)
    if head.out_features * len(states) <= CHUNK // 8:
        made = functional.linear(states, head.weight, head.bias).float()
        return functional.cross_entropy(made, targets, reduction="none") @ weights
    loss: Tensor = _Chunked.apply(  # type: ignore[no-untyped-call]
        states, head.weight, head.bias, targets, weights, rows
    )
    return loss


class _Chunked(torch.autograd.Function):
    """Linear head and cross-entropy, which makes its gradients on the way forward."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, *targets: Any) -> Tensor:
        aims, weights, rows = targets
        kind = torch.get_autocast_dtype(states.device.type) if _autocast(states) else weight.dtype
        with torch.autocast(states.device.type, enabled=False):
            return _chunked(ctx, states.to(kind), weight.to(kind), bias, aims, weights, rows, (states, weight, bias))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        made = [None if part is None else part.mul_(grad.to(part.dtype)) for part in ctx.made]
        ctx.made = None
        return (*made, None, None, None)


def _chunked(
    ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, weights: Tensor, rows: int, of: Any
) -> Tensor:
    needed = ctx.needs_input_grad
    d_states = torch.empty_like(states) if needed[0] else None
    d_weight = torch.zeros_like(weight, dtype=torch.float32) if needed[1] else None
    d_bias = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and needed[2] else None
    loss = weights.new_zeros(())
    for start in range(0, len(states), rows):
        part, aims, shares = (one[start : start + rows] for one in (states, targets, weights))
        logits = functional.linear(part, weight, None if bias is None else bias.to(weight.dtype))
        likely = logits.log_softmax(-1, dtype=torch.float32)
        loss = loss - likely.gather(1, aims[:, None])[:, 0] @ shares
        if not any(needed):
            continue
        # The slope of an nll by the logits is the softmax, less 1 at the target.
        slope = likely.exp_().mul_(shares[:, None]).scatter_add_(1, aims[:, None], -shares[:, None])
        if d_bias is not None:
            d_bias += slope.sum(0)
        slope = slope.to(weight.dtype)
        if d_states is not None:
            torch.mm(slope, weight, out=d_states[start : start + rows])
        if d_weight is not None:
            _add_product(d_weight, slope, part)
    pairs = ((d_states, of[0]), (d_weight, of[1]), (d_bias, of[2]))
    ctx.made = tuple(None if slope is None else slope.to(one.dtype) for slope, one in pairs)
    return loss


def _add_product(total: Tensor, slope: Tensor, states: Tensor) -> None:
    if slope.dtype == total.dtype:
        total.addmm_(slope.T, states)
    else:
        total += slope.T @ states


def _autocast(states: Tensor) -> bool:
    return torch.is_autocast_enabled(states.device.type)


def _plain_head(model: Any) -> bool:
    """Whether the model's logits are its head's output and nothing more, as its source says."""
    try:
        source = inspect.getsource(inspect.unwrap(type(model).forward))
    except (OSError, TypeError):
        return False
    made = re.findall(r"^\s*(hidden_states|logits) = (.+?)(?:  #.*)?$", source, re.MULTILINE)
    heads = [value for name, value in made if name == "logits"]
    states = [value for name, value in made if name == "hidden_states"]
    only = len(heads) == 1 and PLAIN_HEAD.fullmatch(heads[0]) is not None
    return only and all(PLAIN_STATES.fullmatch(value) for value in states)
