"""The steps of a training, drawn before it starts, and each step's share for every device.

    steps = plan(lengths, Recipe(train_batch_size=16), seed=0)     # indices of the examples of each optimizer step
    share(steps[0], lengths, Recipe(num_processes=2))              # per process: its micro-batches

Packing, accumulation and the number of processes change how a step is cut up, never which examples it holds. This
module needs no torch, so that a plan costs nothing.
"""

from collections.abc import Sequence

from understudy.errors import StudyError
from understudy.randomness import stream
from understudy.types import Recipe

BUCKET = 8
"""Lengths that differ by less are alike: examples of like length share a padded batch."""

Batch = list[int]


def plan(lengths: Sequence[int], recipe: Recipe, seed: int, tokens: int | None = None) -> list[Batch]:
    """The examples of every step: ``num_train_epochs`` passes, or passes until ``tokens`` were seen.

    Raises ``StudyError`` if an example alone does not fit into ``tokens_per_batch``.
    """
    _refuse_too_long(lengths, recipe)
    steps: list[Batch] = []
    seen, epoch = 0, 0
    while seen < tokens if tokens is not None else epoch < recipe.num_train_epochs:
        this = _epoch(lengths, recipe, seed, epoch)
        if tokens is None:
            this = this[: max(1, round(len(this) * min(1.0, recipe.num_train_epochs - epoch)))]
        for step in this:
            if tokens is not None and seen >= tokens:
                break
            steps.append(step)
            seen += sum(lengths[index] for index in step)
        epoch += 1
    return steps


def share(step: Batch, lengths: Sequence[int], recipe: Recipe) -> list[list[Batch]]:
    """For every process its micro-batches, the same number for each, alike in tokens and within ``tokens_per_batch``.

    A batch is empty only where a step has fewer examples than there are processes.
    """
    processes, limit = recipe.num_processes, recipe.tokens_per_batch
    cut = _packed if recipe.packing else _padded
    parts = cut(step, lengths, processes)
    while limit is not None and len(parts) < len(step) and max(size(p, lengths, recipe.packing) for p in parts) > limit:
        parts = cut(step, lengths, len(parts) + processes)
    place = {index: number for number, index in enumerate(step)}
    parts = [sorted(part, key=place.__getitem__) for part in parts]
    return [parts[process::processes] for process in range(processes)]


def size(batch: Batch, lengths: Sequence[int], packing: bool) -> int:
    """Tokens of a batch in memory, padding included."""
    held = [lengths[index] for index in batch]
    return sum(held) if packing else len(held) * max(held, default=0)


def _epoch(lengths: Sequence[int], recipe: Recipe, seed: int, epoch: int) -> list[Batch]:
    rng = stream(seed, "batches", epoch)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    if recipe.train_batch_size is not None:
        return [order[at : at + recipe.train_batch_size] for at in range(0, len(order), recipe.train_batch_size)]
    if recipe.packing:
        return _fill(order, lengths, recipe.tokens_per_step, packing=True)
    order.sort(key=lambda index: lengths[index] // BUCKET)
    steps = _fill(order, lengths, recipe.tokens_per_step, packing=False)
    rng.shuffle(steps)
    return steps


def _fill(order: Sequence[int], lengths: Sequence[int], limit: int, packing: bool) -> list[Batch]:
    """Batches of consecutive examples, each as full as the limit allows."""
    batches: list[Batch] = []
    total = longest = 0
    for index in order:
        total, longest = total + lengths[index], max(longest, lengths[index])
        if not batches or (total if packing else (len(batches[-1]) + 1) * longest) > limit:
            batches.append([])
            total = longest = lengths[index]
        batches[-1].append(index)
    return batches


def _packed(step: Batch, lengths: Sequence[int], parts: int) -> list[Batch]:
    """Longest first, each to the part that has the fewest tokens yet."""
    made: list[Batch] = [[] for _ in range(parts)]
    held = [0] * parts
    for index in sorted(step, key=lambda index: -lengths[index]):
        least = held.index(min(held))
        made[least].append(index)
        held[least] += lengths[index]
    return made


def _padded(step: Batch, lengths: Sequence[int], parts: int) -> list[Batch]:
    """Examples of like length together, such that the largest part, padding included, is as small as it can be."""
    order = sorted(step, key=lambda index: lengths[index])
    low, high = 1, size(step, lengths, packing=False)
    while low < high:
        middle = (low + high) // 2
        if len(_fill(order, lengths, middle, packing=False)) <= parts:
            high = middle
        else:
            low = middle + 1
    made = _fill(order, lengths, high, packing=False)
    return made + [[] for _ in range(parts - len(made))]


def _refuse_too_long(lengths: Sequence[int], recipe: Recipe) -> None:
    longest = max(lengths)
    if recipe.tokens_per_batch is not None and longest > recipe.tokens_per_batch:
        raise StudyError(
            f"the longest example has {longest:,} tokens, and tokens_per_batch is {recipe.tokens_per_batch:,}",
            "an example is never cut: raise tokens_per_batch, or give max_length with overlong: drop",
        )
