"""How fast a real student is trained, against TRL's ``SFTTrainer`` on the same examples.

    python -m benchmarks.bench --only training               # a part of make bench
    python -m benchmarks.bench_train --gpu --out FILE.json    # one CUDA device: tokens/s, MFU, memory

Both sides take the same eight examples a step, in the same order, from the same weights, and must come to the same
loss. Tokens are those of prompts and completions; padding does not count. TRL's own settings are its defaults (batches
of eight, padded; bfloat16; activations computed twice), and the best of those that change only its speed.
"""

import argparse
import json
import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.timing import alternate, line, same

from understudy.protocols import silent
from understudy.train.batches import plan
from understudy.train.examples import Example
from understudy.types import Recipe

STEPS, BATCH = 2, 8
SMALL = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 4, "num_attention_heads": 4}
SMALL |= {"num_key_value_heads": 2, "head_dim": 64, "vocab_size": 32_000, "max_position_embeddings": 1024}
LARGE = {"hidden_size": 1536, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 12}
LARGE |= {"num_key_value_heads": 4, "head_dim": 128, "vocab_size": 32_000, "max_position_embeddings": 8192}
BEST_CPU = {"gradient_checkpointing": False, "padding_free": True, "max_length": None}
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "4090": 165e12}
"""Dense bfloat16 multiplications and additions a second, as the vendor gives them."""
GPU_STEPS, WARM = 8, 3
TRL_GPU: dict[str, dict[str, Any]] = {
    "its defaults": {},
    "flash attention, no padding": {"padding_free": True, "max_length": None, "attention": "flash_attention_2"},
    "the same, activations kept": {
        "padding_free": True,
        "max_length": None,
        "attention": "flash_attention_2",
        "gradient_checkpointing": False,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": BATCH // 2,
    },
}
Losses = list[float]


class Watch:
    """The time at which each step had ended, as a report of ``fit`` or a callback of the library's trainer."""

    def __init__(self) -> None:
        self.ended: list[float] = []

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self.ended.append(perf_counter())


def train() -> None:
    """Print both ratios, or say why there are none. Both sides sum in bfloat16, which is TRL's default."""
    if find_spec("trl") is None:
        print("training against TRL: not measured, pip install trl")
        return
    made = examples(STEPS * BATCH, 64, 1024, SMALL["vocab_size"])
    recipe = Recipe(train_batch_size=BATCH, num_train_epochs=1, packing=True, learning_rate=2e-5, bf16=True)
    for name, settings in (("its defaults", {}), ("its best settings", BEST_CPU)):
        one, other, mine, theirs = alternate(
            partial(ours, SMALL, made, recipe), partial(trl, SMALL, made, recipe, settings), 1
        )
        near = all(math.isclose(a, b, rel_tol=5e-3) for a, b in zip(mine, theirs, strict=True))
        same(near, f"losses differ: {mine} and {theirs}")
        tokens = sum(len(example.ids) for example in made)
        line(f"training, {STEPS} steps of {BATCH} examples", tokens / one, "tokens/s", tokens / other, f"TRL, {name}")


def examples(count: int, shortest: int, longest: int, vocabulary: int) -> list[Example]:
    """Log-normal lengths within bounds, a fifth of each the prompt, of random tokens."""
    rng = Random(0)
    middle, spread = math.log(math.sqrt(shortest * longest)), math.log(longest / shortest) / 4
    made = []
    for _ in range(count):
        length = min(longest, max(shortest, round(rng.lognormvariate(middle, spread))))
        ids = [min(int(rng.paretovariate(0.7)) + 2, vocabulary - 1) for _ in range(length)]
        made.append(Example(ids, [float(at >= length // 5) for at in range(length)]))
    return made


def model(shape: dict[str, int]) -> Any:
    """A Llama of this shape with random weights, always the same."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**shape, pad_token_id=0, bos_token_id=1, eos_token_id=2))


def ours(shape: dict[str, int], made: Sequence[Example], recipe: Recipe, watch: Watch | None = None) -> Losses:
    """Through ``train.fitting``."""
    from understudy.train import fitting

    steps = plan([len(example.ids) for example in made], recipe, 0)
    fitting.REPORT_STEPS = 1 if watch else fitting.REPORT_STEPS
    with TemporaryDirectory() as folder:
        return fitting.train(model(shape), made, steps, recipe, 0, Path(folder), watch or silent)


def trl(
    shape: dict[str, int],
    made: Sequence[Example],
    recipe: Recipe,
    settings: dict[str, Any],
    watch: Watch | None = None,
) -> Losses:
    """The same steps through ``SFTTrainer``."""
    import datasets
    import torch
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast, PrinterCallback
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    steps = plan([len(example.ids) for example in made], recipe, 0)
    order = [made[index] for step in steps for index in step]
    rows = [{"input_ids": one.ids, "labels": labels(one)} for one in order]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 2}, unk_token="<pad>")),
        pad_token="<pad>",
        eos_token="</s>",
    )
    with TemporaryDirectory() as folder:
        settings = dict(settings)
        attention = settings.pop("attention", "sdpa")
        arguments = SFTConfig(
            output_dir=folder,
            num_train_epochs=1,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": recipe.min_lr_rate},
            warmup_steps=math.ceil(recipe.warmup_ratio * len(steps)),
            weight_decay=recipe.weight_decay,
            adam_beta1=recipe.adam_beta1,
            adam_beta2=recipe.adam_beta2,
            train_sampling_strategy="sequential",
            logging_steps=max(1, len(order) // BATCH // 4),
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            dataset_kwargs={"skip_prepare_dataset": True},
            **{
                "per_device_train_batch_size": BATCH,
                "max_length": shape["max_position_embeddings"],
                **settings,
            },
        )
        student = model(shape)
        student.set_attn_implementation(attention)
        data = datasets.Dataset.from_list(rows)
        trainer = SFTTrainer(student, args=arguments, train_dataset=data, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        if watch:
            trainer.add_callback(_watcher(watch))
        trainer.train()
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


def labels(example: Example) -> list[int]:
    """What TRL takes for a weight of none."""
    return [token if weight else -100 for token, weight in zip(example.ids, example.weights, strict=True)]


def _watcher(watch: Watch) -> Any:
    import torch
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            torch.cuda.synchronize()
            watch(state.global_step, state.max_steps)

    return Watcher()


def gpu(out: Path) -> None:
    """Tokens/s, MFU and peak memory of both sides on one CUDA device, also as JSON."""
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device: --gpu measures on one")
    made = examples(GPU_STEPS * BATCH, 512, LARGE["max_position_embeddings"], LARGE["vocab_size"])
    recipe = Recipe(train_batch_size=BATCH, num_train_epochs=1, packing=True, learning_rate=2e-5, bf16=True)
    sides: dict[str, Callable[..., Losses]] = {}
    for tokens in (16_384, 32_768):
        cut = replace(recipe, tokens_per_batch=tokens)
        sides[f"understudy, {tokens:,} tokens a batch"] = partial(ours, LARGE, made, cut)
        again = replace(cut, gradient_checkpointing=True)
        sides[f"understudy, {tokens:,} tokens a batch, checkpointed"] = partial(ours, LARGE, made, again)
    for name, settings in TRL_GPU.items():
        sides[f"TRL, {name}"] = partial(trl, LARGE, made, recipe, settings)
    found = {}
    for name, side in sides.items():
        found[name] = measured(side, made, recipe)
        print(f"{name}: {found[name]}", flush=True)
    libraries = ("understudy", "torch", "transformers", "trl", "accelerate")
    versions = {name: metadata.version(name) for name in libraries if find_spec(name)}
    about = {"device": torch.cuda.get_device_name(), "python": platform.python_version(), "versions": versions}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**about, "model": LARGE, "parameters": size(LARGE), "sides": found}, indent=2) + "\n")


def measured(side: Callable[..., Losses], made: Sequence[Example], recipe: Recipe) -> dict[str, Any]:
    """One side's figures over the steps after the first few, or why there are none."""
    import torch

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    watch = Watch()
    try:
        losses = side(watch=watch)
    except Exception as error:  # out of memory, or a kernel that is not installed: a result, too
        return {"error": str(error).partition("\n")[0]}
    steps = plan([len(example.ids) for example in made], recipe, 0)[WARM:]
    counted = [made[index] for step in steps for index in step]
    seconds = watch.ended[-1] - watch.ended[WARM - 1]
    tokens = sum(len(example.ids) for example in counted)
    speed = operations(LARGE, counted) / seconds
    peak = next((peak for name, peak in PEAKS.items() if name in torch.cuda.get_device_name()), None)
    return {
        "tokens_per_second": tokens / seconds,
        "mfu": None if peak is None else speed / peak,
        "peak_memory_gb": torch.cuda.max_memory_allocated() / 1e9,
        "loss": losses[-1],
    }


def size(shape: dict[str, int]) -> dict[str, int]:
    """Parameters of the layers and of the head; the input embedding is looked up, not multiplied."""
    wide, head = shape["hidden_size"], shape["head_dim"]
    attention = wide * head * (2 * shape["num_attention_heads"] + 2 * shape["num_key_value_heads"])
    layer = attention + 3 * wide * shape["intermediate_size"]
    return {"layers": shape["num_hidden_layers"] * layer, "head": wide * shape["vocab_size"]}


def operations(shape: dict[str, int], made: Sequence[Example]) -> float:
    """Floating-point operations that training on the examples needs, whatever is done twice to save memory.

    6 * (parameters of the layers * tokens + of the head * targets), and for causal attention, of which half the
    square is needed, 6 * layers * heads * head size * the sum of squared lengths (PaLM, arXiv 2204.02311, B).
    """
    tokens = sum(len(example.ids) for example in made)
    targets = sum(sum(weight > 0 for weight in example.weights[1:]) for example in made)
    squares = sum(len(example.ids) ** 2 for example in made)
    parts = size(shape)
    inner = shape["num_hidden_layers"] * shape["num_attention_heads"] * shape["head_dim"]
    return 6.0 * (parts["layers"] * tokens + parts["head"] * targets + inner * squares)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Training against TRL.")
    options.add_argument("--gpu", action="store_true", help="measure on a CUDA device")
    options.add_argument("--out", type=Path, default=Path("benchmarks/results/training-gpu.json"))
    chosen = options.parse_args()
    gpu(chosen.out) if chosen.gpu else train()
