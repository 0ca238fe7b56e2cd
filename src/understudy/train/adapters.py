"""What of a student is trained: all of its weights, or low-rank adapters over them that are merged in afterwards.

    model, finish = open_model(start, Recipe(method="lora"), seed=0, directory=Path("students/ST-0"))
    fit(model, tokenizer, examples, recipe, seed, directory, report, finish=finish)

LoRA (arXiv 2106.09685) and QLoRA (arXiv 2305.14314: the weights below the adapters in NF4, with quantised constants)
are PEFT's. What is saved is a whole checkpoint that any engine loads, and the adapter alone in ``adapter/`` within it.
A QLoRA adapter is merged into the weights before they were quantised, not into what four bits left of them.
"""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal
from warnings import catch_warnings, simplefilter

from understudy.errors import InputError, StudyError
from understudy.models._checkpoint import first_line, read_model
from understudy.registry import require
from understudy.types import Recipe

ADAPTER = "adapter"
"""The folder in a student's directory that holds its adapter alone."""
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
LORA_HINT = "method: lora trains adapters without it, method: full all weights"


def refuse_missing(recipe: Recipe) -> None:
    """Raise ``MissingExtra`` or ``StudyError`` if the method needs a library that is not there. Loads none."""
    if recipe.method != "full":
        require("train", "peft")
    if recipe.method == "qlora" and find_spec("bitsandbytes") is None:
        raise StudyError("method: qlora needs bitsandbytes, which is not installed",
                         f"pip install bitsandbytes; {LORA_HINT}")  # fmt: skip


@dataclass(frozen=True)
class Finish:
    """Turns a trained model into the one to be saved. Plain values only, so that any process can be given it."""

    start: Path
    directory: Path
    method: Literal["full", "lora", "qlora"]

    def __call__(self, model: Any) -> Any:
        """The whole model in the number format of its start; the adapter alone is saved in ``directory/adapter``."""
        if self.method == "full":
            return model.to(_stored(self.start))
        folder = self.directory / ADAPTER
        rmtree(folder, ignore_errors=True)
        model.peft_config["default"].base_model_name_or_path = f"../../{self.start.name}"
        model.save_pretrained(folder, save_embedding_layers=False)  # else it looks for the base on a hub
        _settle(folder)
        if self.method == "lora":
            return model.merge_and_unload().to(_stored(self.start))
        whole = merged(read_model(self.start, dtype=_stored(self.start)), folder)
        whole.generation_config = model.generation_config
        return whole


def open_model(start: Path, recipe: Recipe, seed: int, directory: Path) -> tuple[Any, Finish]:
    """The checkpoint ``start`` as it is trained, and what makes of it the model to be saved in ``directory``.

    Raises ``InputError`` if the checkpoint cannot be read, ``StudyError`` or ``MissingExtra`` for a method that cannot
    be had here.
    """
    refuse_missing(recipe)
    options = _quantised() if recipe.method == "qlora" else {"dtype": _dtype(recipe.dtype)}
    model = read_model(start, **options)
    if recipe.method != "full":
        model = _wrapped(model, recipe, seed)
    return model.train(), Finish(start, directory, recipe.method)


def merged(base: Any, adapter: Path) -> Any:
    """The base with an adapter of PEFT's merged in. Raises ``InputError`` if they do not belong together."""
    from peft import PeftModel

    if not (adapter / WEIGHTS).is_file():
        raise InputError(f"{adapter} holds no {WEIGHTS}", "pickled adapters are not read: save it as safetensors")
    _refuse_other_vocabulary(base, adapter)
    try:
        with catch_warnings():
            simplefilter("ignore", FutureWarning)
            return PeftModel.from_pretrained(base, str(adapter), local_files_only=True).merge_and_unload()
    except Exception as error:  # what is read decides what is raised
        raise InputError(f"{adapter} does not fit its base ({first_line(error)})", "name the base it is of") from None


def _wrapped(model: Any, recipe: Recipe, seed: int) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    torch.manual_seed(seed)  # of the adapters' first weights
    if recipe.method == "qlora":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=recipe.gradient_checkpointing)
    elif recipe.gradient_checkpointing:
        model.enable_input_require_grads()  # else nothing below the adapters asks for a gradient
    config = LoraConfig(
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.target_modules) if recipe.target_modules else "all-linear",
        task_type="CAUSAL_LM",
    )
    try:
        with catch_warnings():
            simplefilter("ignore", FutureWarning)  # of names that the one library still asks the other for
            return get_peft_model(model, config)
    except ValueError as error:
        names = {name.rpartition(".")[2] for name, module in model.named_modules() if hasattr(module, "weight")}
        raise StudyError(f"target_modules: {first_line(error)}", f"its layers: {', '.join(sorted(names))}") from None


def _settle(folder: Path) -> None:
    """The layers of an adapter in a fixed order; the card of the whole student says more than the library's."""
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)


def _quantised() -> dict[str, Any]:
    import torch
    from transformers import BitsAndBytesConfig

    if not torch.cuda.is_available():
        raise StudyError("method: qlora needs a CUDA device, and there is none", LORA_HINT)
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": config, "dtype": torch.bfloat16, "device_map": {"": torch.cuda.current_device()}}


def _refuse_other_vocabulary(base: Any, adapter: Path) -> None:
    """An adapter that holds embeddings, or changes of them, says how many tokens its base had."""
    from safetensors import SafetensorError, safe_open

    known = base.get_input_embeddings().num_embeddings
    try:
        with safe_open(adapter / WEIGHTS, "pt") as weights:
            shapes = {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118, no mapping
    except (SafetensorError, OSError) as error:
        raise InputError(f"{adapter / WEIGHTS} cannot be read ({first_line(error)})", "copy it once more") from None
    for name, shape in shapes.items():
        sizes = {"embed_tokens.weight": 0, "lm_head.weight": 0, "lora_embedding_A": -1, "lm_head.lora_B.weight": 0}
        place = next((place for end, place in sizes.items() if name.endswith(end)), None)
        if place is not None and shape[place] != known:
            raise InputError(
                f"{adapter} is of a base with {shape[place]:,} tokens, this one has {known:,}",
                f"base_model_name_or_path in {CONFIG} must name the base that it was trained on",
            )


def _stored(start: Path) -> Any:
    """The number format of a checkpoint's weights, as its configuration says."""
    config = json.loads((start / "config.json").read_text(encoding="utf-8"))
    return _dtype(config.get("dtype") or config.get("torch_dtype") or "float32")


def _dtype(name: str) -> Any:
    import torch

    return getattr(torch, name)
