"""Fine-tuning through ``transformers.Trainer``: one code path for the embedded student and any other model.

Loss falls on the completion only. Batches hold examples of like length, one example a row, so that no example sees
another; padding is on the right, where causal attention cannot look, and therefore needs no mask. The order of the
batches is drawn before training starts, so that an interrupted training goes on exactly where it was.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

from understudy.protocols import Report
from understudy.randomness import stream
from understudy.train.examples import Example
from understudy.types import Recipe

logging.set_verbosity_error()
logging.disable_progress_bar()

IGNORED = -100
SAVE_STEPS = 200
DONE = "complete"
BUCKET = 8


def plan(
    lengths: Sequence[int], tokens_per_step: int, seed: int, epochs: float, tokens: int | None = None
) -> list[list[int]]:
    """The batches of a whole training, as indices: ``epochs`` passes, or passes until ``tokens`` were seen."""
    batches: list[list[int]] = []
    seen, epoch = 0, 0
    while seen < tokens if tokens is not None else epoch < epochs:
        this = _epoch(lengths, tokens_per_step, seed, epoch)
        if tokens is None:
            this = this[: max(1, round(len(this) * min(1.0, epochs - epoch)))]
        for batch in this:
            if tokens is not None and seen >= tokens:
                break
            batches.append(batch)
            seen += sum(lengths[index] for index in batch)
        epoch += 1
    return batches


def fit(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    recipe: Recipe,
    seed: int,
    directory: Path,
    report: Report,
    tokens: int | None = None,
) -> dict[str, float]:
    """Train and save to ``directory``. An earlier attempt's checkpoint beside it is gone on with.

    Returns examples, epochs, steps, tokens (training tokens seen, padding not counted) and the final loss.
    """
    lengths = [len(example.ids) for example in examples]
    batches = plan(lengths, recipe.tokens_per_step, seed, recipe.num_train_epochs, tokens)
    work = directory.with_name(f"{directory.name}.training")
    trainer = _Trainer(
        model=model,
        args=_arguments(recipe, len(batches), seed, work),
        train_dataset=_Rows(examples),
        data_collator=_Collator(tokenizer.pad_token_id),
        callbacks=[_Progress(report, len(batches)), _Complete()],
    )
    trainer.batches = batches
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=_newest(work))
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    seen = sum(lengths[index] for batch in batches for index in batch)
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    summary = {
        "examples": len(examples),
        "epochs": sum(map(len, batches)) / len(examples),
        "steps": len(batches),
        "tokens": seen,
        "final_loss": losses[-1],
    }
    (directory / "training.json").write_text(json.dumps(summary))
    rmtree(work)
    return summary


def _epoch(lengths: Sequence[int], tokens_per_step: int, seed: int, epoch: int) -> list[list[int]]:
    rng = stream(seed, "batches", epoch)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    order.sort(key=lambda index: lengths[index] // BUCKET)
    batches: list[list[int]] = []
    longest = 0
    for index in order:
        longest = max(longest, lengths[index])
        if not batches or (len(batches[-1]) + 1) * longest > tokens_per_step:
            batches.append([])
            longest = lengths[index]
        batches[-1].append(index)
    rng.shuffle(batches)
    return batches


def _arguments(recipe: Recipe, steps: int, seed: int, work: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(work),
        max_steps=steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": recipe.min_lr_rate},
        warmup_steps=max(10, int(recipe.warmup_ratio * steps)),
        weight_decay=recipe.weight_decay,
        adam_beta1=recipe.adam_beta1,
        adam_beta2=recipe.adam_beta2,
        max_grad_norm=recipe.max_grad_norm,
        optim="adamw_torch_fused",
        seed=seed,
        save_steps=SAVE_STEPS,
        save_total_limit=2,
        logging_steps=max(1, min(50, steps // 4)),
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        use_cpu=not torch.cuda.is_available(),
        remove_unused_columns=False,
    )


class _Rows(Dataset[Example]):
    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Example:
        return self.examples[index]


class _Collator:
    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, batch: Sequence[Example]) -> dict[str, torch.Tensor]:
        longest = max(len(example.ids) for example in batch)
        ids = torch.full((len(batch), longest), self.pad)
        labels = torch.full((len(batch), longest), IGNORED)
        for row, example in enumerate(batch):
            tokens = torch.tensor(example.ids)
            ids[row, : len(tokens)] = tokens
            labels[row, : len(tokens)] = tokens.where(torch.tensor(example.weights) > 0, IGNORED)
        return {"input_ids": ids, "labels": labels}


class _Trainer(Trainer):  # type: ignore[misc]
    """The library's trainer with our batches."""

    batches: list[list[int]]

    def get_train_dataloader(self) -> Any:
        loader = DataLoader(self.train_dataset, batch_sampler=self.batches, collate_fn=self.data_collator)
        return self.accelerator.prepare(loader)


class _Progress(TrainerCallback):  # type: ignore[misc]
    def __init__(self, report: Report, total: int) -> None:
        self.report, self.total = report, total

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % 10 == 0:
            self.report(state.global_step, self.total)


class _Complete(TrainerCallback):  # type: ignore[misc]
    """Marks a checkpoint once it is whole: a killed process can leave half of one."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / DONE).touch()


def _newest(work: Path) -> str | None:
    whole = [mark.parent for mark in work.glob(f"checkpoint-*/{DONE}")]
    newest = max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return None if newest is None else str(newest)
