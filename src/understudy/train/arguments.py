"""A recipe as ``transformers.TrainingArguments``, and what of a recipe cannot be done on this machine.

arguments(Recipe(learning_rate=1e-5, num_train_epochs=5), steps=300, seed=0, work=folder, save_steps=200)
"""

import math
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from understudy.errors import StudyError
from understudy.train.guards import WATCHERS
from understudy.types import Recipe


def refuse(recipe: Recipe) -> None:
    """Raise ``StudyError`` for what cannot be done here."""
    package = WATCHERS.get(recipe.report_to)
    if package is not None and find_spec(package) is None:
        raise StudyError(f"report_to is {recipe.report_to!r}, which is not installed", f"pip install {package}")
    if recipe.fsdp and recipe.num_processes == 1:
        raise StudyError("fsdp shares a model among devices, and num_processes is 1", "give num_processes: 2 or more")
    if recipe.fsdp and recipe.method == "qlora":
        raise StudyError("fsdp cannot share out the four-bit weights of method: qlora",
                         "num_processes without fsdp has all of them on each device; or method: lora")  # fmt: skip
    devices = torch.cuda.device_count()
    if torch.cuda.is_available() and recipe.num_processes > devices:
        raise StudyError(f"num_processes is {recipe.num_processes}, and there are {devices} GPUs", "one process a GPU")


def arguments(recipe: Recipe, steps: int, seed: int, work: Path, save_steps: int) -> TrainingArguments:
    """The library's arguments for so many steps. The rate rises in ``warmup_ratio`` of them, then falls as a cosine."""
    on_gpu = torch.cuda.is_available()
    known = {field.name for field in fields(TrainingArguments)}
    new = "activation_checkpointing" in known  # the name of gradient_checkpointing in newer versions
    checkpointing = "activation_checkpointing" if new else "gradient_checkpointing"
    sharded: dict[str, Any] = {"fsdp": True, "fsdp_config": _sharding(recipe)} if recipe.fsdp else {}
    made = TrainingArguments(
        output_dir=str(work),
        max_steps=steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": recipe.min_lr_rate},
        warmup_steps=math.ceil(recipe.warmup_ratio * steps),
        weight_decay=recipe.weight_decay,
        adam_beta1=recipe.adam_beta1,
        adam_beta2=recipe.adam_beta2,
        max_grad_norm=recipe.max_grad_norm,
        optim="adamw_torch_fused",
        bf16=(on_gpu and torch.cuda.is_bf16_supported()) if recipe.bf16 is None else recipe.bf16,
        seed=seed,
        save_steps=save_steps,
        save_total_limit=2,
        logging_steps=max(1, min(50, steps // 4)),
        logging_nan_inf_filter=False,
        report_to=recipe.report_to,
        run_name=work.stem,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        use_cpu=not on_gpu,
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        **{checkpointing: recipe.gradient_checkpointing and not recipe.fsdp},
        **{f"{checkpointing}_kwargs": {"use_reentrant": False}},
        **sharded,
    )
    if made.n_gpu > 1:
        made._n_gpu = 1  # one process, one device: the library would put a replica of the model on each
    return made


def _sharding(recipe: Recipe) -> dict[str, Any]:
    """Weights, gradients and states over all devices; only the first process reads the weights."""
    return {
        "version": 2,
        "reshard_after_forward": True,
        "cpu_ram_efficient_loading": True,
        "state_dict_type": "FULL_STATE_DICT",
        "activation_checkpointing": recipe.gradient_checkpointing,
    }
