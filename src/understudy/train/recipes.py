"""Published recipes as plain data, by the size of the student; each says its source and what of it is ours.

    advised = choose("style-over-substance", 8_030_000_000)
    Recipe(**advised.settings)

Settings of a study or an arm come before those of a recipe.
"""

import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log, prod
from pathlib import Path
from typing import Any

from understudy.errors import UnknownName, did_you_mean

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear layers of a block of Llama, Mistral, Qwen and their kin."""


@dataclass(frozen=True)
class Published:
    """One published recipe: what its source says for each size (in billions of parameters), and what we filled in."""

    name: str
    source: str
    said: Mapping[str, Any]
    by_size: Mapping[float, Mapping[str, Any]]
    ours: Mapping[str, Any]
    unknown: str


@dataclass(frozen=True)
class Advised:
    """``note`` says what is not as published for a student of this size, or is empty."""

    settings: Mapping[str, Any]
    note: str


STYLE = Published(
    name="style-over-substance",
    source="Style over Substance: Distilled Language Models Reason Via Stylistic Replication (arXiv 2504.01738)",
    said={"method": "full", "num_train_epochs": 5.0, "min_lr_rate": 0.0},
    by_size={3.0: {"learning_rate": 6e-5}, 8.0: {"learning_rate": 4e-5}, 32.0: {"learning_rate": 1e-5}},
    ours={
        "train_batch_size": 16,
        "warmup_ratio": 0.05,
        "weight_decay": 0.0,
        "adam_beta2": 0.999,
        "packing": True,
        "tokens_per_batch": 32768,
        "gradient_checkpointing": True,
    },
    unknown="batch size, warm-up, weight decay, AdamW's betas and the longest example are not known to us",
)
INTERPRETABLE = Published(
    name="interpretable-traces",
    source="Interpretable Traces, Unexpected Outcomes (arXiv 2505.13792)",
    said={
        "method": "qlora",
        "lora_r": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "target_modules": PROJECTIONS,
        "learning_rate": 2e-4,
        "warmup_ratio": 0.1,
        "num_train_epochs": 3.0,
        "train_batch_size": 16,
        "max_length": 1024,
        "min_lr_rate": 0.0,
    },
    by_size={1.0: {}, 1.7: {}, 8.0: {}},
    ours={
        "weight_decay": 0.0,
        "adam_beta2": 0.999,
        "packing": True,
        "tokens_per_batch": 4096,
        "gradient_checkpointing": True,
    },
    unknown="weight decay and AdamW's betas are not known to us",
)
RECIPES = {recipe.name: recipe for recipe in (STYLE, INTERPRETABLE)}


def choose(name: str, parameters: int | None) -> Advised:
    """The settings of a recipe for a student of so many parameters (null: not known).

    Between two published sizes the nearer one is taken, by ratio. Raises ``UnknownName``.
    """
    if name not in RECIPES:
        raise UnknownName(f"there is no recipe '{name}'", did_you_mean(name, RECIPES))
    recipe = RECIPES[name]
    billions = min(recipe.by_size, key=lambda size: abs(log(size / _billions(parameters, recipe))))
    settings = {**recipe.ours, **recipe.said, **recipe.by_size[billions]}
    return Advised(settings, _note(recipe, billions, parameters))


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Every setting of every recipe, as a table for people: recipe, setting, value, and who says so."""
    for recipe in RECIPES.values():
        sizes = sorted(recipe.by_size)
        for name in recipe.by_size[sizes[0]]:
            values = ", ".join(f"{recipe.by_size[size][name]:g} ({size:g}B)" for size in sizes)
            yield recipe.name, name, values, recipe.source
        for settings, who in ((recipe.said, recipe.source), (recipe.ours, "understudy")):
            for name, value in settings.items():
                yield recipe.name, name, ", ".join(value) if isinstance(value, tuple) else str(value), who


def parameters_of(directory: Path) -> int | None:
    """How many parameters the weights of a checkpoint have, read from the heads of its files; null if there are none.

    A head of a safetensors file is its length (8 bytes) and JSON with the shape of every weight. What cannot be read
    is not counted: that the weights are not whole is said where they are used.
    """
    try:
        return sum(sum(map(_elements, _head(file).values())) for file in weights_of(directory)) or None
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None


def weights_of(directory: Path) -> list[Path]:
    """The files that hold a checkpoint's weights as safetensors: those that its index names, or the only ones."""
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return [directory / Path(name).name for name in sorted(set(named))]
    return [file] if (file := directory / "model.safetensors").is_file() else []


def size_in(name: str) -> int | None:
    """The number of parameters that a model's name gives: ``Llama-3.2-3B-Instruct`` has three billion."""
    found = re.findall(r"(?<![\w.])(\d+(?:\.\d+)?)([bBmM])(?![A-Za-z0-9])", name.replace("_", "-"))
    return round(float(found[-1][0]) * (1e9 if found[-1][1] in "bB" else 1e6)) if found else None


def _billions(parameters: int | None, recipe: Published) -> float:
    return parameters / 1e9 if parameters else max(recipe.by_size)


def _note(recipe: Published, billions: float, parameters: int | None) -> str:
    if not parameters:
        return f"the size of the student is not known: {recipe.name} as published for {billions:g}B"
    if not 0.75 < parameters / 1e9 / billions < 1.35:
        return f"{recipe.name} has no student of {parameters / 1e9:.3g}B parameters: as published for {billions:g}B"
    return ""


def _head(file: Path) -> dict[str, Any]:
    with file.open("rb") as weights:
        (length,) = struct.unpack("<Q", weights.read(8))
        if length > file.stat().st_size:
            raise ValueError(length)
        head: dict[str, Any] = json.loads(weights.read(length))
    return {name: value for name, value in head.items() if name != "__metadata__"}


def _elements(tensor: Mapping[str, Any]) -> int:
    return prod(tensor["shape"])
