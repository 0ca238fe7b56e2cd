"""One training in several processes, one a device: each has a share of every step.

    model, losses = train_together(model, examples, steps, Recipe(num_processes=8, fsdp=True), 0, work, report)

The model goes to the processes as a checkpoint on disk. Processes talk through ``torch.distributed`` (NCCL on GPUs,
gloo on CPUs) on this machine. They end with their parent, and with the first among them that fails.
"""

import multiprocessing
import os
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

from understudy.asking.server import free_port
from understudy.errors import RunError, StudyError, UnderstudyError
from understudy.executors.local import end_with_parent
from understudy.protocols import Report
from understudy.train.batches import Batch
from understudy.train.examples import Example
from understudy.types import Recipe


class Job(NamedTuple):
    """What every process needs: ``start`` is a checkpoint, or an adapter of the checkpoint ``base``."""

    start: Path
    base: Path | None
    settings: dict[str, Any]
    examples: Sequence[Example]
    steps: Sequence[Batch]
    recipe: Recipe
    seed: int
    work: Path
    trained: Path


def train_together(
    model: Any,
    examples: Sequence[Example],
    steps: Sequence[Batch],
    recipe: Recipe,
    seed: int,
    work: Path,
    report: Report,
) -> tuple[Any, list[float]]:
    """The trained model, read back from what the first process saved, and the losses as logged."""
    job = _job(model, examples, steps, recipe, seed, work)
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    lock, port = context.Lock(), free_port()
    processes = [
        context.Process(target=_process, args=(rank, port, tell, lock, job), daemon=True)
        for rank in range(recipe.num_processes)
    ]
    with _running(processes):
        tell.close()
        losses = _listen(told, processes, report)
    return _trained(model, job), losses


def _listen(told: Any, processes: Sequence[Any], report: Report) -> list[float]:
    """Hand reports on until the first process has finished, or raise what one of them raised."""
    while True:
        running = [process.sentinel for process in processes if process.is_alive()]
        wait([told, *running])
        while told.poll():
            try:
                kind, content = told.recv()
            except EOFError:
                break
            if kind == "report":
                report(*content)
            elif kind == "losses":
                return list(content)
            else:
                raise content if isinstance(content, UnderstudyError) else _cause(content, processes)
        if any(process.exitcode for process in processes) or not running:
            raise _died()


def _cause(error: Exception, processes: Sequence[Any]) -> Exception:
    """Where a process was killed, the others only say that it no longer answers."""
    for process in processes:
        process.join(2)
    return _died() if any((process.exitcode or 0) < 0 for process in processes) else error


def _died() -> RunError:
    return RunError(
        "a training process died; it may have run out of memory",
        "run the same command to go on; lower tokens_per_batch if it happens again",
    )


@contextmanager
def _running(processes: Sequence[Any]) -> Iterator[None]:
    try:
        for process in processes:
            process.start()
        yield
        for process in processes:
            process.join(60)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
            if process.pid is not None:
                process.join()


def _process(rank: int, port: int, tell: Any, lock: Any, job: Job) -> None:
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ.update(_environment(rank, port, job.recipe))

    def send(kind: str, content: Any) -> None:
        with lock:
            tell.send((kind, content))

    try:
        losses = _train(job, lambda *progress: send("report", progress))
        if rank == 0:
            send("losses", losses)
    except UnderstudyError as error:
        send("error", error)
        os._exit(1)
    except BaseException:  # a bug of ours is shown in full, by the parent
        send("error", RuntimeError(traceback.format_exc()))
        os._exit(1)


def _environment(rank: int, port: int, recipe: Recipe) -> dict[str, str]:
    """What ``torchrun`` and accelerate set for each process."""
    world = str(recipe.num_processes)
    found = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    found |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    if recipe.fsdp:
        found |= {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_CPU_RAM_EFFICIENT_LOADING": "true"}
    return found


def _train(job: Job, report: Report) -> list[float]:
    import torch

    from understudy.train.fitting import train

    rank, on_gpu = int(os.environ["RANK"]), torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(rank)
    torch.distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        model = _load(job)
        return train(model, job.examples, job.steps, job.recipe, job.seed, job.work, report, job.trained)
    finally:
        torch.distributed.destroy_process_group()


def _load(job: Job) -> Any:
    from transformers import AutoModelForCausalLM

    settings = dict(job.settings)
    if "quantization_config" in settings:
        settings["device_map"] = {"": int(os.environ["LOCAL_RANK"])}
    model = AutoModelForCausalLM.from_pretrained(
        job.base or job.start, local_files_only=True, trust_remote_code=False, use_safetensors=True, **settings
    )
    if job.base is None:
        return model
    from peft import PeftModel

    return PeftModel.from_pretrained(model, job.start, is_trainable=True)


def _job(model: Any, examples: Sequence[Example], steps: Sequence[Batch], recipe: Recipe, seed: int, work: Path) -> Job:
    start = work / "start"
    model.save_pretrained(start)
    base, inner = None, model
    if hasattr(model, "peft_config"):
        inner = model.get_base_model()
        base = Path(inner.name_or_path)
        if not (base / "config.json").is_file():
            raise StudyError(
                f"the base model of the adapter is at {str(base)!r}, which is no directory of a checkpoint"
            )
    settings: dict[str, Any] = {"dtype": inner.dtype}
    if (quantized := getattr(inner.config, "quantization_config", None)) is not None:
        settings["quantization_config"] = quantized
    return Job(start, base, settings, list(examples), list(steps), recipe, seed, work, work / "trained")


def _trained(model: Any, job: Job) -> Any:
    if job.base is None:
        return type(model).from_pretrained(job.trained, local_files_only=True, **job.settings)
    from peft import load_peft_weights, set_peft_model_state_dict

    set_peft_model_state_dict(model, load_peft_weights(str(job.trained), device="cpu"))
    return model
