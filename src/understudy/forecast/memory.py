"""What a step of training takes of an accelerator's memory.

    step(shape, recipe, tokens=8192, gpu=True).total / GIB

**Weights, gradients, states** follow from the number of parameters: AdamW keeps two numbers for each that is trained,
in the type of the weights (float32: 16 bytes a parameter in all; bfloat16: 8). With float32 weights and sums in
bfloat16 autocast keeps a copy of every matrix, 2 bytes. LoRA (arXiv 2106.09685) has all this for the adapters alone,
in float32; with QLoRA (arXiv 2305.14314) the layers' matrices are NF4, 4 bits and 0.127 more of scales, and all else
is float32.

**Activations** are what the backward pass needs of the forward pass, as Korthikanti et al. 2022 (arXiv 2205.05198)
count them for GPT; ours is for a gated layer with RMSNorm, rotary positions and attention that keeps no square of
scores. With width h, feed-forward width i, widths q and k of queries and keys, a token of a layer leaves in float32

    2 norms x (input h + normed h) + inputs of the matrices 2h + queries, keys, values, output (2q + 2k) + 4i

numbers of 4 bytes; ``token_bytes`` has the other types. With gradient checkpointing h stays a layer, and one layer is
made again at a time. That part was compared with what autograd saves: see ``docs/guides/real-students.md``.

**The loss** makes the head's logits in chunks of ``LOGITS``, with their slopes (``train/loss.py``), and the gradient of
the head's weights in float32. **Runtime** is an assumption.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from understudy.forecast.devices import GIB
from understudy.forecast.shapes import Shape
from understudy.types import Recipe

LOGITS = {"cpu": 2**23, "gpu": 2**27}
"""Logits that are in memory at once, at most: ``train.loss.CHUNK``, and sixteen times as many on a GPU."""
RUNTIME = 1.0 * GIB
"""Assumed for a GPU's context, libraries and work space."""
USABLE = 0.95
"""Share of the memory that can be filled before its pieces no longer fit: an assumption."""
NF4 = (4 + 0.127) / 8
"""Bytes of a weight in four bits, with the scales of double quantization (arXiv 2305.14314, section 3)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one device."""

    weights: float
    copies: float
    gradients: float
    states: float
    activations: float
    loss: float
    runtime: float

    @property
    def total(self) -> float:
        """All of it."""
        parts = self.weights + self.copies + self.gradients + self.states
        return parts + self.activations + self.loss + self.runtime


def step(shape: Shape, recipe: Recipe, tokens: int, gpu: bool = True) -> Memory:
    """The memory of a step with ``tokens`` at once on each device."""
    shards = recipe.num_processes if recipe.fsdp else 1
    width, mixed = width_of(recipe), mixes(recipe, gpu)
    trained = adapters(shape, recipe) if recipe.method != "full" else shape.parameters
    each = width if recipe.method == "full" else 4
    frozen = 0.0
    if recipe.method == "lora":
        frozen = shape.parameters * width
    if recipe.method == "qlora":
        frozen = shape.linear * NF4 + (shape.parameters - shape.linear) * width
    gathered = gathered_layer(shape, recipe) if shards > 1 else 0.0
    buckets = 2 if recipe.num_processes > 1 and shards == 1 else 1  # what is exchanged is kept beside the gradients
    return Memory(
        weights=(frozen + trained * each) / shards + gathered,
        copies=copied(shape, recipe, trained) / shards if mixed else 0.0,
        gradients=trained * each * buckets / shards,
        states=2 * trained * each / shards,
        activations=tokens * activation_bytes(shape, recipe, gpu),
        loss=loss_bytes(shape, recipe, tokens, gpu),
        runtime=RUNTIME if gpu else 0.0,
    )


def width_of(recipe: Recipe) -> int:
    """Bytes of a weight that is not quantised, and of what goes from layer to layer; with QLoRA both are float32."""
    return 2 if recipe.dtype == "bfloat16" and recipe.method != "qlora" else 4


def mixes(recipe: Recipe, gpu: bool) -> bool:
    """Whether sums are in bfloat16 (autocast)."""
    return gpu if recipe.bf16 is None else recipe.bf16


def targets(shape: Shape, recipe: Recipe) -> dict[str, tuple[int, int]]:
    """The matrices of a layer that have adapters; null: all."""
    named = recipe.target_modules
    return {name: size for name, size in shape.projections.items() if named is None or name in named}


def adapters(shape: Shape, recipe: Recipe) -> int:
    """Weights of the adapters: two thin matrices beside each that is adapted."""
    return shape.num_hidden_layers * sum(recipe.lora_r * (a + b) for a, b in targets(shape, recipe).values())


def copied(shape: Shape, recipe: Recipe, trained: int) -> float:
    """Bytes of the matrices' copies in bfloat16 that autocast keeps; there are none of what is in it already."""
    head = shape.vocab_size * shape.hidden_size
    plain = {"full": shape.multiplied, "lora": shape.multiplied + trained, "qlora": head + trained}[recipe.method]
    return 2.0 * (plain if width_of(recipe) == 4 else trained if recipe.method != "full" else 0)


def gathered_layer(shape: Shape, recipe: Recipe) -> float:
    """Bytes of what is put together of its shards at once: two layers, or the embeddings if they are more."""
    each = max(2 * shape.linear / shape.num_hidden_layers, shape.embeddings)
    return each * (2 if mixes(recipe, True) else width_of(recipe))


def activation_bytes(shape: Shape, recipe: Recipe, gpu: bool = True) -> float:
    """Bytes of a token of all layers, and of the gradients of one feed-forward layer while it is worked on."""
    layer, stream = token_bytes(shape, recipe, gpu), width_of(recipe)
    sums = 2 if mixes(recipe, gpu) else stream
    working = 3 * shape.intermediate_size * sums + 2 * shape.hidden_size * 4
    ends = shape.hidden_size * (4 + 2 * stream)  # the last norm and what the head reads
    if recipe.gradient_checkpointing:
        return shape.num_hidden_layers * shape.hidden_size * stream + layer + ends + working
    return shape.num_hidden_layers * layer + ends + working


def token_bytes(shape: Shape, recipe: Recipe, gpu: bool = True) -> float:
    """Bytes that autograd saves of one token in one layer, without weights."""
    stream, mixed = width_of(recipe), mixes(recipe, gpu)
    sums = 2 if mixed else stream
    full = recipe.method == "full"
    h, q, k, i = shape.hidden_size, shape.queries, shape.keys, shape.intermediate_size
    norms = 2 * (4 * h + 4 + (stream * h if full else 0))  # a norm keeps its input in float32
    attention = sums * (2 * q + 2 * k) + 4 * shape.num_attention_heads
    if shape.norm:
        attention += (4 + (sums if full else 0)) * (q + k) + 4 * (q + k) // shape.head_dim
    if not full:
        return norms + attention + sums * 3 * i + _adapted(shape, recipe, sums, mixed, gpu)
    # Autocast turns the input of each matrix into bfloat16 by itself: three times for attention, twice after it.
    inputs = 2 * 5 * h if mixed and stream == 4 else 2 * stream * h
    return norms + attention + inputs + sums * 4 * i


def _adapted(shape: Shape, recipe: Recipe, sums: int, mixed: bool, gpu: bool) -> float:
    """Bytes of a token for the adapters of a layer: their inputs, what is between the two, what dropout left out."""
    found = targets(shape, recipe)
    between = (2 if mixed else 4) * recipe.lora_r * len(found)
    dropped = (1 if gpu else 4) * sum(a for a, _ in found.values()) if recipe.lora_dropout else 0
    if mixed or width_of(recipe) == 2 or recipe.lora_dropout:
        return (2 if mixed else 4) * sum(a for a, _ in found.values()) + between + dropped
    return 4 * (_shared(shape, found)) + between


def _shared(shape: Shape, found: Iterable[str]) -> int:
    """Widths of the inputs when adapters of one input share it; that of the output matrix is kept already."""
    groups = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
    there = set(found)
    widths = sum(shape.hidden_size for group in groups if there.intersection(group))
    return widths + (shape.intermediate_size if "down_proj" in there else 0)


def loss_bytes(shape: Shape, recipe: Recipe, tokens: int, gpu: bool = True) -> float:
    """Bytes of a chunk's logits, in float32 and in the type of the sums, and of the gradient of the head's weights."""
    sums = 2 if mixes(recipe, gpu) else width_of(recipe)
    logits = min(tokens * shape.vocab_size, LOGITS["gpu" if gpu else "cpu"])
    head = shape.vocab_size * shape.hidden_size if recipe.method == "full" else 0
    return float(logits * (4 if sums == 4 else 4 + 2 * sums) + head * (4 if sums == 4 else 4 + sums))
