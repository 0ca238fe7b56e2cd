"""The forecast: its formulas against real tiny models and published figures."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.forecast.advice import changes, fits
from understudy.forecast.devices import DEVICES, GIB
from understudy.forecast.memory import LOGITS, activation_bytes, adapters, step, token_bytes
from understudy.forecast.shapes import FAMILIES, KNOWN, Shape, of_config
from understudy.forecast.speed import Reached, cache_bytes, decoding_hours, slots, training_sums
from understudy.types import Recipe

PUBLISHED = {
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
    "llama-3.1-8b": 8_030_261_248,
    "ministral-8b": 8_019_808_256,
    "qwen2.5-0.5b": 494_032_768,
    "qwen2.5-1.5b": 1_543_714_304,
    "qwen2.5-3b": 3_085_938_688,
    "qwen2.5-7b": 7_615_616_512,
    "qwen2.5-14b": 14_770_033_664,
    "qwen2.5-32b": 32_763_876_352,
    "qwen3-0.6b": 596_049_920,
    "qwen3-1.7b": 1_720_574_976,
    "qwen3-4b": 4_022_468_096,
    "qwen3-8b": 8_190_735_360,
    "qwen3-14b": 14_768_307_200,
    "qwen3-32b": 32_762_123_264,
}
"""Parameters as the files of these models have them."""
TINY = {
    "hidden_size": 64,
    "intermediate_size": 176,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 300,
    "max_position_embeddings": 512,
}
TOKENS = 50
PLAIN = Recipe(bf16=False)
MODES = {
    "float32": PLAIN,
    "bfloat16": Recipe(dtype="bfloat16", bf16=True),
    "autocast": Recipe(bf16=True),
}


def config(kind: str, layers: int = 3, **changed: Any) -> dict[str, Any]:
    return {"model_type": kind, **TINY, "num_hidden_layers": layers, "tie_word_embeddings": False, **changed}


def model(said: dict[str, Any], recipe: Recipe = PLAIN) -> Any:
    """A real model of that configuration, on a processor."""
    torch = pytest.importorskip("torch", reason="the extra train is not installed")
    from transformers import AutoConfig, AutoModelForCausalLM

    made = AutoConfig.for_model(**said)
    made.use_cache = False
    built = AutoModelForCausalLM.from_config(made, dtype=getattr(torch, recipe.dtype), attn_implementation="sdpa")
    if recipe.method == "full":
        return built.train()
    from peft import LoraConfig, get_peft_model

    named = list(recipe.target_modules or ()) or "all-linear"
    lora = LoraConfig(r=recipe.lora_r, lora_dropout=recipe.lora_dropout, target_modules=named)
    wrapped = get_peft_model(built, lora)
    wrapped.enable_input_require_grads()
    return wrapped.train()


def forward(built: Any, recipe: Recipe) -> Any:
    """The states before the head."""
    import torch

    ids = torch.randint(0, TINY["vocab_size"], (1, TOKENS))
    inner = built.model if recipe.method == "full" else built.base_model.model.model
    with torch.autocast("cpu", torch.bfloat16, enabled=bool(recipe.bf16)):
        return inner(input_ids=ids).last_hidden_state


def saved(said: dict[str, Any], recipe: Recipe) -> int:
    """Bytes that autograd keeps for the backward pass, without the model's own weights."""
    import torch

    built = model(said, recipe)
    if recipe.gradient_checkpointing:
        built.gradient_checkpointing_enable({"use_reentrant": False})
    own = {each.untyped_storage().data_ptr() for each in (*built.parameters(), *built.buffers())}
    kept: dict[int, Any] = {}

    def pack(tensor: Any) -> Any:
        where = tensor.untyped_storage().data_ptr()
        if where not in own:
            kept[where] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward(built, recipe)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def casts(shape: Shape, recipe: Recipe) -> float:
    """Bytes of a layer's matrices in bfloat16, which autograd saves as well and the forecast counts as copies."""
    matrices = shape.linear / shape.num_hidden_layers
    thin = adapters(shape, recipe) / shape.num_hidden_layers if recipe.method != "full" else 0
    return 2 * (thin + (matrices if recipe.dtype == "float32" else 0)) if recipe.bf16 else 0


# --- memory ---


@pytest.mark.parametrize("recipe", [*MODES.values(), replace(PLAIN, method="lora", lora_r=4)])
def test_weights_gradients_and_states_are_exact(recipe: Recipe) -> None:
    built = model(config("llama"), recipe)
    import torch

    trained = [each for each in built.parameters() if each.requires_grad]
    forward(built, recipe).float().sum().backward()
    if recipe.method == "full":
        built.lm_head.weight.grad = torch.zeros_like(built.lm_head.weight)
    optimizer = torch.optim.AdamW(trained)
    optimizer.step()
    states = [each[name] for each in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    made = step(of_config(config("llama")), recipe, TOKENS, gpu=False)
    assert made.weights == sum(each.nbytes for each in built.parameters())
    assert made.gradients == sum(each.grad.nbytes for each in trained)
    assert made.states == sum(each.nbytes for each in states)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", FAMILIES)
def test_activations_of_a_layer_are_what_autograd_saves(kind: str, mode: str) -> None:
    recipe, shape = MODES[mode], of_config(config(kind))
    layer = saved(config(kind, 3), recipe) - saved(config(kind, 2), recipe)
    assert layer == TOKENS * token_bytes(shape, recipe, gpu=False) + casts(shape, recipe)


@pytest.mark.parametrize("targets", [None, ("q_proj", "v_proj"), ("down_proj",)])
@pytest.mark.parametrize("mode", MODES)
def test_activations_of_a_layer_with_adapters_are_what_autograd_saves(mode: str, targets: Any) -> None:
    recipe = replace(MODES[mode], method="lora", lora_r=4, lora_dropout=0.0, target_modules=targets)
    for changed in (recipe, replace(recipe, lora_dropout=0.1)):
        layer = saved(config("llama", 3), changed) - saved(config("llama", 2), changed)
        expected = TOKENS * token_bytes(of_config(config("llama")), changed, gpu=False)
        assert layer == expected + casts(of_config(config("llama")), changed)


@pytest.mark.parametrize("mode", MODES)
def test_activations_of_a_whole_model_are_within_a_tenth(mode: str) -> None:
    for layers in (2, 6):
        shape, plain = of_config(config("qwen3", layers)), MODES[mode]
        light = replace(plain, gradient_checkpointing=True)
        working = TOKENS * (activation_bytes(shape, light, gpu=False) - light_layers(shape, light))
        assert TOKENS * activation_bytes(shape, plain, gpu=False) == pytest.approx(
            saved(config("qwen3", layers), plain) - layers * casts(shape, plain), rel=0.1, abs=working
        )
        assert saved(config("qwen3", layers), light) == pytest.approx(
            TOKENS * light_layers(shape, light), rel=0.1, abs=TOKENS * 64 * 14
        )


def light_layers(shape: Shape, recipe: Recipe) -> float:
    return shape.num_hidden_layers * shape.hidden_size * (2 if recipe.dtype == "bfloat16" else 4)


def test_the_chunks_of_the_loss_are_those_of_the_training() -> None:
    pytest.importorskip("torch", reason="the extra train is not installed")
    from understudy.train import loss

    assert LOGITS == {"cpu": loss.CHUNK, "gpu": 16 * loss.CHUNK}


def test_published_figures_of_memory() -> None:
    """QLoRA (arXiv 2305.14314) trains LLaMA 33B on a GPU of 24 GB; full fine-tuning takes 16 bytes a parameter."""
    llama = replace(KNOWN["llama-3.1-8b"], hidden_size=6656, intermediate_size=17920, num_hidden_layers=60)
    llama = replace(llama, num_attention_heads=52, num_key_value_heads=52, vocab_size=32000)
    assert llama.parameters == 32_528_943_616
    made = step(llama, Recipe(method="qlora", dtype="bfloat16", gradient_checkpointing=True), 512)
    assert 17 < made.weights / GIB < 18 and made.total < 24 * GIB
    full = step(KNOWN["llama-3.1-8b"], Recipe(bf16=False), 1)
    assert full.weights + full.gradients + full.states == 16 * PUBLISHED["llama-3.1-8b"]


def test_devices_that_share_weights_need_less_each() -> None:
    alone = step(KNOWN["llama-3.1-8b"], Recipe(), 4096)
    shared = step(KNOWN["llama-3.1-8b"], Recipe(num_processes=8, fsdp=True), 4096)
    assert shared.states == alone.states / 8 and shared.activations == alone.activations
    assert step(KNOWN["llama-3.1-8b"], Recipe(num_processes=8), 4096).total > alone.total


# --- advice ---


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(KNOWN)),
    st.sampled_from(sorted(DEVICES)),
    st.sampled_from(["full", "lora", "qlora"]),
    st.booleans(),
    st.integers(512, 65536),
)
def test_what_is_advised_fits(name: str, device: str, method: Any, light: bool, tokens: int) -> None:
    recipe = Recipe(method=method, dtype="bfloat16" if method != "full" else "float32", gradient_checkpointing=light)
    shape, found = KNOWN[name], DEVICES[device]
    if fits(shape, recipe, found, tokens):
        return
    for change in changes(shape, recipe, found, tokens, 500):
        assert change.settings and change.tokens >= 500
        assert fits(shape, replace(recipe, **change.settings), found, change.tokens), str(change)
        assert change.settings.get("tokens_per_batch", tokens) == change.tokens


def test_advice_for_a_student_that_is_too_large() -> None:
    found = list(changes(KNOWN["llama-3.1-8b"], Recipe(), DEVICES["h100"], 16384, 8000))
    methods = [change.settings.get("method", "fsdp" if "fsdp" in change.settings else "less") for change in found]
    assert methods == ["lora", "fsdp"], "sixteen bytes a parameter are more than the memory, whatever the batch"
    assert found[1].settings["num_processes"] == 4
    assert re.fullmatch(r"\{gradient_checkpointing: true, method: lora, .*\}: [\d.]+ GiB", str(found[0]))


# --- speed ---


@pytest.mark.parametrize("recipe", [PLAIN, replace(PLAIN, method="lora", lora_r=4, lora_dropout=0.0)])
@pytest.mark.parametrize("kind", FAMILIES)
def test_sums_are_those_that_are_counted(kind: str, recipe: Recipe) -> None:
    built = model(config(kind), recipe)
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    ids = torch.randint(0, TINY["vocab_size"], (1, TOKENS))
    with FlopCounterMode(display=False) as counter:
        built(input_ids=ids).logits.sum().backward()
    counts = counter.get_flop_counts()["Global"]
    products = sum(count for operation, count in counts.items() if "attention" not in str(operation))
    assert products == training_sums(of_config(config(kind)), recipe, TOKENS, length=0)


def test_sums_are_six_for_each_weight_and_token_and_attention_grows_with_length() -> None:
    shape = KNOWN["llama-3.1-8b"]
    assert training_sums(shape, Recipe(), 1e6, 0) == 6e6 * shape.multiplied
    assert training_sums(shape, Recipe(), 1, 8192) - training_sums(shape, Recipe(), 1, 0) == 6 * 32 * 4096 * 8192
    again = training_sums(shape, Recipe(gradient_checkpointing=True), 1e6, 0)
    assert 1.25 < again / training_sums(shape, Recipe(), 1e6, 0) < 4 / 3 + 1e-9


def test_keys_and_values_of_a_token() -> None:
    assert cache_bytes(KNOWN["llama-3.1-8b"]) == 131_072  # 2 x 32 layers x 8 heads x 128 x 2 bytes


def test_decoding_is_bound_by_what_has_to_be_read() -> None:
    shape, device = KNOWN["llama-3.1-8b"], DEVICES["h100"]
    one = decoding_hours(shape, device, 1, 100, 1000, 1000, Reached(mbu=1.0), graphs=True)
    assert one and 3600 * one / 1000 == pytest.approx(2 * shape.multiplied / 3350e9, rel=0.1)
    assert slots(shape, device, 17_000) == int((0.95 * 79 * GIB - 2 * shape.parameters - GIB) // (131_072 * 17_000))
    assert decoding_hours(KNOWN["qwen2.5-32b"], DEVICES["rtx4090"], 1, 1, 1, 1, Reached(), True) is None


@given(st.integers(1, 5000), st.integers(16, 8000), st.sampled_from(sorted(KNOWN)), st.booleans())
def test_more_or_longer_answers_take_no_less(rows: int, answer: int, name: str, graphs: bool) -> None:
    hours = [
        decoding_hours(KNOWN[name], DEVICES["h200"], rows * more, 100, answer * longer, 16384, Reached(), graphs)
        for more, longer in ((1, 1), (1, 2), (2, 2))
    ]
    assert all(a <= b * (1 + 1e-9) for a, b in pairwise([hour or 0.0 for hour in hours]))
