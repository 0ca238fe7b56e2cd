"""How large a student is: the numbers of its configuration, and the parameters that follow from them.

    shape_of("models/qwen3-1.7b")                    # read from its config.json
    shape_of("meta-llama/Llama-3.2-3B-Instruct")     # not here: from the table below

A *shape* is a dense decoder with rotary positions, grouped key and value heads, a gated feed-forward layer and two
norms a layer: Llama, Mistral, Qwen2 and Qwen3. Of these the parameters follow exactly; of another architecture they
are counted on the meta device, where weights have shapes and no memory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from understudy.errors import InputError, StudyError, did_you_mean

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
SUFFIXES = ("-instruct", "-chat", "-base", "-2410", "-2507", "-thinking", "-it", "-hf")


@dataclass(frozen=True, slots=True)
class Shape:
    """Numbers of a configuration, under the names of ``config.json``; ``bias`` and ``norm`` are of queries and keys."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    tie_word_embeddings: bool
    max_position_embeddings: int
    bias: bool = False
    norm: bool = False
    stored: int = 2
    """Bytes of a weight on disk."""
    counted: int | None = None
    """Parameters as they were counted, of an architecture that is not one of ``FAMILIES``."""

    @property
    def queries(self) -> int:
        """Width of the queries of a layer: heads times their size."""
        return self.num_attention_heads * self.head_dim

    @property
    def keys(self) -> int:
        """Width of the keys of a layer, which is that of its values."""
        return self.num_key_value_heads * self.head_dim

    @property
    def projections(self) -> Mapping[str, tuple[int, int]]:
        """The linear maps of a layer by their name in ``transformers``: width in, width out."""
        h, i = self.hidden_size, self.intermediate_size
        attention = {"q_proj": (h, self.queries), "k_proj": (h, self.keys), "v_proj": (h, self.keys)}
        return attention | {"o_proj": (self.queries, h), "gate_proj": (h, i), "up_proj": (h, i), "down_proj": (i, h)}

    @property
    def linear(self) -> int:
        """Weights of all layers that are matrices, without the head."""
        return self.num_hidden_layers * sum(a * b for a, b in self.projections.values())

    @property
    def embeddings(self) -> int:
        """Weights of the embeddings, and of the head if it has its own."""
        return self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)

    @property
    def multiplied(self) -> int:
        """Weights that every token is multiplied with: the layers' matrices and the head (the N of 6ND)."""
        return self.linear + self.vocab_size * self.hidden_size

    @property
    def parameters(self) -> int:
        """All parameters: exact for ``FAMILIES``, else as counted."""
        biases = self.queries + 2 * self.keys if self.bias else 0
        norms = 2 * self.hidden_size + (2 * self.head_dim if self.norm else 0)
        rest = self.num_hidden_layers * (biases + norms) + self.hidden_size
        return self.counted or self.linear + self.embeddings + rest


def _shape(h: int, i: int, layers: int, heads: int, kv: int, d: int, vocabulary: int, tied: bool, room: int) -> Shape:
    return Shape(h, i, layers, heads, kv, d, vocabulary, tied, room)


def _qwen2(h: int, i: int, layers: int, heads: int, kv: int, vocabulary: int, tied: bool) -> Shape:
    return replace(_shape(h, i, layers, heads, kv, 128 if h > 896 else 64, vocabulary, tied, 32768), bias=True)


def _qwen3(h: int, i: int, layers: int, heads: int, tied: bool) -> Shape:
    return replace(_shape(h, i, layers, heads, 8, 128, 151936, tied, 40960), norm=True)


KNOWN: Mapping[str, Shape] = {
    "llama-3.2-1b": _shape(2048, 8192, 16, 32, 8, 64, 128256, True, 131072),
    "llama-3.2-3b": _shape(3072, 8192, 28, 24, 8, 128, 128256, True, 131072),
    "llama-3.1-8b": _shape(4096, 14336, 32, 32, 8, 128, 128256, False, 131072),
    "ministral-8b": _shape(4096, 12288, 36, 32, 8, 128, 131072, False, 32768),
    "qwen2.5-0.5b": _qwen2(896, 4864, 24, 14, 2, 151936, True),
    "qwen2.5-1.5b": _qwen2(1536, 8960, 28, 12, 2, 151936, True),
    "qwen2.5-3b": _qwen2(2048, 11008, 36, 16, 2, 151936, True),
    "qwen2.5-7b": _qwen2(3584, 18944, 28, 28, 4, 152064, False),
    "qwen2.5-14b": _qwen2(5120, 13824, 48, 40, 8, 152064, False),
    "qwen2.5-32b": _qwen2(5120, 27648, 64, 40, 8, 152064, False),
    "qwen3-0.6b": _qwen3(1024, 3072, 28, 16, True),
    "qwen3-1.7b": _qwen3(2048, 6144, 28, 16, True),
    "qwen3-4b": _qwen3(2560, 9728, 36, 32, True),
    "qwen3-8b": _qwen3(4096, 12288, 36, 32, False),
    "qwen3-14b": _qwen3(5120, 17408, 40, 40, False),
    "qwen3-32b": _qwen3(5120, 25600, 64, 64, False),
}
"""Numbers of the configurations that these models were published with, for names that are not on this machine."""


def shape_of(path: str, root: Path = Path()) -> tuple[Shape, str]:
    """The shape of a checkpoint and where it is known from. Raises ``InputError`` if it is neither here nor known."""
    directory = root / path
    adapter = directory / "adapter_config.json"
    if adapter.is_file():
        base = json.loads(adapter.read_text(encoding="utf-8")).get("base_model_name_or_path")
        if isinstance(base, str) and base != path:
            return shape_of(base, root)
    config = directory / "config.json" if directory.is_dir() else _downloaded(path)
    if config is not None and config.is_file():
        return read(config), "its config.json"
    name = path.rstrip("/").rpartition("/")[2].lower()
    while name.endswith(SUFFIXES):
        name = name.removesuffix(next(suffix for suffix in SUFFIXES if name.endswith(suffix)))
    if name not in KNOWN:
        raise InputError(f"the size of {path} is not known: it is not on this machine", did_you_mean(name, KNOWN))
    return KNOWN[name], f"the published configuration of {name}"


def read(config: Path) -> Shape:
    """The shape that a ``config.json`` gives. Raises ``InputError`` if it cannot be read, or lacks a number."""
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{config} cannot be read ({error})") from None
    return of_config(found, config)


def of_config(found: Mapping[str, Any], where: object = "the configuration") -> Shape:
    """The shape of a configuration, as a mapping. Raises ``InputError`` if it lacks a number that a decoder has."""
    text = found.get("text_config") or found
    needed = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    for name in needed:
        if type(text.get(name)) is not int or text[name] < 1:
            raise InputError(f"{where} has no '{name}', so the size of the model is not known", "is it a decoder?")
    h, i, layers, heads, vocabulary = (text[name] for name in needed)
    kv, kind = text.get("num_key_value_heads") or heads, str(found.get("model_type"))
    size = text.get("head_dim") or h // heads
    tied = bool(found.get("tie_word_embeddings", text.get("tie_word_embeddings", False)))
    room = text.get("max_position_embeddings") or 4096
    shape = _shape(h, i, layers, heads, kv, size, vocabulary, tied, room)
    stored = 4 if "float32" in (found.get("dtype"), found.get("torch_dtype")) else 2
    shape = replace(
        shape, stored=stored, bias=kind == "qwen2" or bool(text.get("attention_bias")), norm=kind == "qwen3"
    )
    plain = kind in FAMILIES and not text.get("attention_bias") and not text.get("mlp_bias")
    return shape if plain else replace(shape, counted=_counted(found, kind))


def _counted(config: Mapping[str, Any], kind: str) -> int:
    """Parameters of the model, made without memory. Raises ``StudyError`` if the library does not know it."""
    from understudy.registry import require

    require("train", "torch", "transformers")
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        made = AutoConfig.for_model(kind, **{key: value for key, value in config.items() if key != "model_type"})
        with torch.device("meta"):
            return int(AutoModelForCausalLM.from_config(made, trust_remote_code=False).num_parameters())
    except (ValueError, TypeError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise StudyError(f"the size of a model of type '{kind}' is not known ({reason})", "is it a decoder?") from None


def _downloaded(name: str) -> Path | None:
    """The ``config.json`` of a model that was downloaded before; nothing is asked over the network."""
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None
