"""How long training and sampling take: sums over what a device does of them, bytes over what it reads of them.

**Training** multiplies every token with N weights, forward once and backward twice, at two operations each: 6ND
(Kaplan et al. 2020, arXiv 2001.08361). Attention adds the products of queries with keys and of scores with values, of
half the square of a text's length since nothing looks ahead (PaLM, arXiv 2204.02311, appendix B, halved). With LoRA the
gradients of the frozen weights are left out: 4ND. Gradient checkpointing does the forward pass twice. The share of the
peak that is reached counts all that is done, what is done again too.

**Decoding** reads all weights and the keys and values of every row for each token, and is bound by that (Pope et al.
2022, arXiv 2211.05102); with many rows by sums; with small models by how fast a processor starts the kernels.
"""

from dataclasses import dataclass

from understudy.forecast.devices import GIB, LAUNCH, MBU, MFU, Device
from understudy.forecast.memory import RUNTIME, USABLE, adapters
from understudy.forecast.shapes import Shape
from understudy.types import Recipe

SLOTS = 128
"""Texts that are decoded at once, at most."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Shares of a device's peaks that are reached: of its sums in training (null: by method), of its bandwidth."""

    mfu: float | None = None
    mbu: float = MBU

    def of_sums(self, recipe: Recipe) -> float:
        """The share of sums for a recipe's method."""
        return self.mfu if self.mfu is not None else MFU[recipe.method]


def training_sums(shape: Shape, recipe: Recipe, tokens: float, length: float, learned: float = 1.0) -> float:
    """Operations of ``tokens`` in texts of ``length``, of which the share ``learned`` goes through the head."""
    attention = 2 * shape.num_hidden_layers * shape.queries * length
    layers = 2 * shape.linear + attention
    head = 2 * shape.vocab_size * shape.hidden_size * learned
    if recipe.method == "full":
        passes, thin = 3, 0
    else:
        passes, thin = 2, 6 * adapters(shape, recipe)
    again = layers if recipe.gradient_checkpointing else 0
    return tokens * (passes * (layers + head) + thin + again)


def training_hours(device: Device, recipe: Recipe, sums: float, reached: Reached) -> float:
    """Hours on the recipe's devices together."""
    return sums / (recipe.num_processes * device.tflops * 1e12 * reached.of_sums(recipe)) / 3600


def cache_bytes(shape: Shape, width: int = 2) -> int:
    """Bytes of a token's keys and values in all layers."""
    return 2 * shape.num_hidden_layers * shape.keys * width


def slots(shape: Shape, device: Device, length: float) -> int:
    """How many texts of that length, prompt included, are decoded at once. 0: not even one fits."""
    width = 2 if device.gpu else 4
    free = USABLE * device.memory * GIB - shape.parameters * width - (RUNTIME if device.gpu else 0)
    return max(0, min(SLOTS, int(free // (cache_bytes(shape, width) * max(1.0, length)))))


def decoding_hours(
    shape: Shape, device: Device, rows: int, prompt: float, answer: float, most: float, reached: Reached, graphs: bool
) -> float | None:
    """Hours for ``rows`` texts with that many tokens of prompt and answer each; null if none fits.

    ``most`` is the longest that an answer can be, for which memory is kept; ``graphs``: kernels are started together.
    """
    together = min(slots(shape, device, prompt + most), rows)
    if not together:
        return None
    width = 2 if device.gpu else 4
    read = shape.multiplied * width + together * (prompt + answer / 2) * cache_bytes(shape, width)
    peak = device.tflops * 1e12 * MFU["full"]
    one = max(read / (device.bandwidth * 1e9 * reached.mbu), 2 * shape.multiplied * together / peak)
    if device.gpu and not graphs:
        one = max(one, shape.num_hidden_layers * LAUNCH)
    first = 2 * shape.multiplied * prompt * rows / peak
    return (rows * answer / together * one + first) / 3600
