"""Fine-tuning through ``transformers.Trainer``: one code path for the embedded student and any other model.

    fit(model, tokenizer, examples, Recipe(packing=True, train_batch_size=16), seed=0, directory=path, report=silent)

The steps are drawn before training starts, so that an interrupted training goes on exactly where it was. A step is
cut into micro-batches, one after another on a device and shared among devices; each knows the weight of the whole
step, so that the gradient is the same however it was cut: the sum of weight * nll over the sum of weights.
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from hashlib import sha256
from math import isfinite
from pathlib import Path
from shutil import move, rmtree
from time import monotonic
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback
from transformers.utils import logging

from understudy.errors import RunError
from understudy.protocols import Report
from understudy.train import checkpoints
from understudy.train.arguments import arguments, refuse
from understudy.train.batches import Batch, plan, share
from understudy.train.examples import Example
from understudy.train.loss import collate, learning
from understudy.types import Recipe

logging.set_verbosity_error()
logging.disable_progress_bar()

SAVE_STEPS, SAVE_SECONDS = 200, 1800.0
"""A checkpoint is written when either has passed."""
REPORT_STEPS, REPORT_SECONDS = 10, 2.0
LOGS = "logs"
"""Of TensorBoard, in a student's directory."""

Finish = Callable[[Any], Any]


def fit(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    recipe: Recipe,
    seed: int,
    directory: Path,
    report: Report,
    tokens: int | None = None,
    finish: Finish | None = None,
) -> dict[str, float]:
    """Train and save to ``directory``. An earlier attempt's checkpoint beside it is gone on with.

    ``model`` may be wrapped by PEFT; ``finish`` makes of the trained model the one to save. Returns examples, epochs,
    steps, tokens (training tokens seen, padding not counted) and the final loss. Raises ``RunError`` if the loss is
    no number, if memory runs out or if no checkpoint can be gone on with.
    """
    refuse(recipe)
    lengths = [len(example.ids) for example in examples]
    steps = plan(lengths, recipe, seed, tokens)
    work = directory.with_name(f"{directory.name}.training")
    checkpoints.claim(work, _signature(examples, recipe, seed, len(steps)))
    if recipe.num_processes > 1:
        from understudy.train.processes import train_together

        model, losses = train_together(model, examples, steps, recipe, seed, work, report)
    else:
        losses = train(model, examples, steps, recipe, seed, work, report)
    model = finish(model) if finish else model
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    summary = {
        "examples": len(examples),
        "epochs": sum(map(len, steps)) / len(examples),
        "steps": len(steps),
        "tokens": sum(lengths[index] for step in steps for index in step),
        "final_loss": losses[-1],
    }
    (directory / "training.json").write_text(json.dumps(summary))
    if (work / LOGS).exists():
        move(work / LOGS, directory / LOGS)
    rmtree(work)
    return summary


def train(
    model: Any,
    examples: Sequence[Example],
    steps: Sequence[Batch],
    recipe: Recipe,
    seed: int,
    work: Path,
    report: Report,
    output: Path | None = None,
) -> list[float]:
    """Train the model in place, as one of ``num_processes``; save it to ``output``. Returns the losses as logged."""
    at = 0
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(work / LOGS)
    try:
        with learning(model, recipe.packing):
            trainer = _Trainer(
                model=model,
                args=arguments(recipe, len(steps), seed, work, SAVE_STEPS),
                train_dataset=_Steps(examples, steps, recipe),
                callbacks=[_Seal()],
            )
            trainer.work = work
            trainer.add_callback(_Progress(report, trainer, [sum(len(examples[i].ids) for i in s) for s in steps]))
            trainer.remove_callback(PrinterCallback)
            checkpoint = checkpoints.newest(work)
            try:
                trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
            finally:
                at = trainer.state.global_step
            if output is not None:
                trainer.save_model(str(output))
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        raise _too_little_memory(recipe, max(len(e.ids) for e in examples), at + 1) from None
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


class _Steps(Dataset[list[dict[str, Any]]]):
    """The micro-batches of each step that are this process's."""

    def __init__(self, examples: Sequence[Example], steps: Sequence[Batch], recipe: Recipe) -> None:
        self.examples, self.steps, self.recipe = examples, steps, recipe
        self.lengths = [len(example.ids) for example in examples]

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, number: int) -> list[dict[str, Any]]:
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        step = self.steps[number]
        # Devices average their gradients, and each has a part of the sum: hence the share of one device.
        weight = sum(sum(self.examples[index].weights[1:]) for index in step) / self.recipe.num_processes
        first = self.examples[step[0]].ids[:1]
        idle = [Example(first, [0.0])]  # a process without examples takes part in the sum all the same
        own = share(step, self.lengths, self.recipe)[rank]
        batches = [[self.examples[index] for index in batch] or idle for batch in own]
        return [collate(batch, weight or 1.0, self.recipe.packing, pad=first[0]) for batch in batches]


class _Trainer(Trainer):  # type: ignore[misc]
    """The library's trainer, whose batch is a list of micro-batches that make a step."""

    work: Path
    loss, late = float("nan"), False
    """Of the latest step, over all processes: its loss, and whether it is time to save."""
    saved = 0.0

    def get_train_dataloader(self) -> Any:
        return DataLoader(self.train_dataset, batch_size=1, collate_fn=lambda steps: steps[0])

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        model.train()
        total = torch.zeros((), device=self.args.device)
        for number, batch in enumerate(inputs, start=1):
            # Sharded gradients are summed batch by batch: held back, they would be as large as the model.
            wait = number < len(inputs) and self.args.world_size > 1 and not self.is_fsdp_enabled
            with self.accelerator.no_sync(model) if wait else nullcontext():
                loss = model(**self._prepare_inputs(batch))["loss"]
                self.accelerator.backward(loss)
            total += loss.detach()
        overdue = total.new_tensor(float(monotonic() - self.saved > SAVE_SECONDS))
        both: torch.Tensor = self.accelerator.reduce(torch.stack([total, overdue]), "mean")
        total, late = both.unbind()
        self.loss, self.late = self._finite(float(total)), bool(late)  # all processes save, or none
        return total

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm)
        self._finite(float(norm))  # before the weights are touched
        return norm

    def _finite(self, figure: float) -> float:
        if isfinite(figure):
            return figure
        step = self.state.global_step + 1
        raise checkpoints.diverged(self.work, step, self._get_learning_rate(), figure)


class _Progress(TrainerCallback):  # type: ignore[misc]
    """Tells how far it is, how fast it goes and what the loss is."""

    def __init__(self, report: Report, trainer: _Trainer, tokens: Sequence[int]) -> None:
        self.report, self.trainer, self.tokens = report, trainer, tokens
        self.told, self.since = 0, monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.told, self.since = state.global_step, monotonic()
        self.trainer.saved = self.since

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.saved = monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        done, seconds = state.global_step, monotonic() - self.since
        control.should_save = control.should_save or self.trainer.late
        if not state.is_world_process_zero or (done % REPORT_STEPS and seconds < REPORT_SECONDS):
            return
        speed = sum(self.tokens[self.told : done]) / max(seconds, 1e-9)
        self.told, self.since = done, monotonic()
        self.report(done, len(self.tokens), f"{speed:,.0f} tokens/s, loss {self.trainer.loss:.3g}")


class _Seal(TrainerCallback):  # type: ignore[misc]
    """Marks a checkpoint once it is whole: a killed process can leave half of one."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if args.world_size > 1:
            torch.distributed.barrier()  # every process writes its own random state
        if state.is_world_process_zero:
            checkpoints.seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")


def _signature(examples: Sequence[Example], recipe: Recipe, seed: int, steps: int) -> dict[str, Any]:
    """What a training must share with an earlier attempt to go on with it."""
    digest = sha256()
    for example in examples:
        digest.update(repr((example.ids, example.weights)).encode())
    return {"examples": digest.hexdigest(), "seed": seed, "steps": steps, "recipe": asdict(recipe)}


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator: can't allocate" in str(error)


def _too_little_memory(recipe: Recipe, longest: int, step: int) -> RunError:
    held = "null, which is a whole step" if recipe.tokens_per_batch is None else f"{recipe.tokens_per_batch:,}"
    hints = [f"lower tokens_per_batch (it is {held}; the longest example has {longest:,} tokens)"]
    if not recipe.gradient_checkpointing:
        hints.append("gradient_checkpointing: true")
    if recipe.method == "full":
        hints.append("method: lora")
    return RunError(f"memory ran out in step {step:,}", ", or ".join(hints))
