"""What to change in a recipe whose step does not fit into a device's memory.

    changes(shape, recipe, DEVICES["rtx4090"], tokens=16384, longest=9000)

Every change that is named was put through the same estimate, and fits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from understudy.forecast.devices import GIB, Device
from understudy.forecast.memory import USABLE, step
from understudy.forecast.shapes import Shape
from understudy.types import Recipe

MOST = 64
"""Devices up to which sharing a step is proposed."""


@dataclass(frozen=True, slots=True)
class Change:
    """Settings of a recipe, the tokens that are then in memory at once, and the bytes of such a step."""

    settings: Mapping[str, Any]
    tokens: int
    bytes: float

    def __str__(self) -> str:
        said = ", ".join(f"{name}: {str(value).lower()}" for name, value in self.settings.items())
        return f"{{{said}}}: {self.bytes / GIB:.1f} GiB"


def fits(shape: Shape, recipe: Recipe, device: Device, tokens: int) -> bool:
    """Whether a step with so many tokens at once fits into the memory of each device."""
    return step(shape, recipe, tokens, device.gpu).total <= USABLE * device.memory * GIB


def at_once(recipe: Recipe, mean: float, longest: float | None) -> int:
    """Tokens in memory at once on each device: as the recipe says, and never fewer than the longest example has."""
    whole = recipe.tokens_per_step if recipe.train_batch_size is None else recipe.train_batch_size * mean
    most = recipe.tokens_per_batch or whole / recipe.num_processes
    least = longest or recipe.max_length or mean
    return round(max(min(most, whole), least))


def changes(shape: Shape, recipe: Recipe, device: Device, tokens: int, longest: int) -> Iterator[Change]:
    """Settings that make the step fit, from the one that changes least to those that train otherwise.

    ``longest``: tokens of the longest example, below which ``tokens_per_batch`` cannot go.
    """
    lighter = {"gradient_checkpointing": True} if not recipe.gradient_checkpointing else {}
    ways: list[dict[str, Any]] = [{}, lighter] if lighter else [{}]
    for settings in ways:
        if found := _fitting(shape, recipe, device, tokens, longest, settings):
            yield found
    if recipe.method == "full":
        adapted = ({**lighter, "method": method, "dtype": "bfloat16"} for method in ("lora", "qlora"))
        made = (_fitting(shape, recipe, device, tokens, longest, settings) for settings in adapted)
        yield from islice(filter(None, made), 1)
    if device.gpu and recipe.method != "qlora":
        many = ({**lighter, "fsdp": True, "num_processes": 2**n} for n in range(1, MOST.bit_length()))
        made = (_fitting(shape, recipe, device, tokens, longest, settings) for settings in many)
        yield from islice(filter(None, made), 1)


def _fitting(
    shape: Shape, recipe: Recipe, device: Device, tokens: int, longest: int, settings: Mapping[str, Any]
) -> Change | None:
    """The recipe with these settings, and with half the tokens at once until it fits; null if it never does."""
    other, fewer = replace(recipe, **settings), tokens
    while fewer > longest and not fits(shape, other, device, fewer):
        fewer = max(longest, fewer // 2)
    if not fits(shape, other, device, fewer):
        return None
    less = {"tokens_per_batch": fewer} if fewer < tokens else {}
    return Change({**settings, **less}, fewer, step(shape, other, fewer, device.gpu).total)
