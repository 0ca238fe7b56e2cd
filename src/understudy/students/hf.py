"""A pretrained model as the student: a local Hugging Face checkpoint, or one that is named on a hub.

    student: {hf: {path: meta-llama/Llama-3.2-3B-Instruct, recipe: style-over-substance}}
    student: {hf: {path: checkpoints/qwen3-0.6b-base, chat_template: plain}}

Every arm starts from a checkpoint of the run's own, whose weights are links to those of the original where the disk
knows links. Its chat template is settled there once for training and sampling: today's date, which some templates
write into every prompt, is the same on every day.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from understudy.errors import InputError, StudyError, UnknownName, did_you_mean
from understudy.models._checkpoint import ends_of, first_line, read_model, read_tokenizer
from understudy.models.transformers import LIBRARIES
from understudy.protocols import Report
from understudy.registry import entry, require
from understudy.students import _files, _templates
from understudy.train import recipes
from understudy.train.adapters import CONFIG as ADAPTER_CONFIG

SOURCE = "source.json"
"""Where the student is from, in the directory that every arm starts from."""
PLAIN = "plain"
PLAIN_HINT = "chat_template: plain gives it the prompt and a line break, or name a file with a Jinja template"
HABITS = ("temperature", "top_p", "top_k", "min_p")


@entry
@dataclass(frozen=True)
class Hf:
    """A pretrained model from a local directory or a hub.

    ``path`` is a directory with ``config.json``, weights as safetensors and a tokenizer, or a PEFT adapter, which is
    merged into its base; or OWNER/NAME on a hub, of which ``revision`` names a branch, tag or commit: taken from the
    cache if it is there, else downloaded. Code and pickles of a checkpoint are never run.

    ``chat_template`` is the model's own (null), ``plain`` (the prompt, a line break and the answer: for a base model),
    or a file with a Jinja template. ``recipe`` names a published recipe whose settings for a model of this size hold
    where the study's ``train`` says nothing: style-over-substance or interpretable-traces (null: none).
    """

    path: str
    revision: str | None = None
    root: Path = Path()
    chat_template: str | None = None
    recipe: str | None = None

    accelerated: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, before anything is downloaded. Raises ``InputError`` or ``UnknownName``."""
        require("train", *LIBRARIES)
        if not _files.is_local(self.path, self.root):
            _files.refuse_no_name(self.path, self.root)
        if self.recipe is not None and self.recipe not in recipes.RECIPES:
            raise UnknownName(f"there is no recipe '{self.recipe}'", did_you_mean(self.recipe, recipes.RECIPES))
        if self.chat_template not in (None, PLAIN) and not (self.root / str(self.chat_template)).is_file():
            raise InputError(f"there is no chat template {self.root / str(self.chat_template)}", PLAIN_HINT)

    def advised(self) -> Mapping[str, Any]:
        """The settings of ``recipe`` for a model of this size, which nothing is downloaded or loaded to find out."""
        return self.advice.settings

    @cached_property
    def advice(self) -> recipes.Advised:
        """The settings, and a note where the recipe was not published for a model of this size."""
        return recipes.choose(self.recipe, self.parameters) if self.recipe else recipes.Advised({}, "")

    @property
    def parameters(self) -> int | None:
        """How many parameters it has: as its weights say, or its name where they are not here; null: nobody says."""
        folder: Path | None = self.root / self.path
        if not _files.is_local(self.path, self.root):
            folder = _files.cached(self.path, self.revision)
        return (recipes.parameters_of(folder) if folder else None) or recipes.size_in(self.path)

    def start(self, directory: Path, seed: int, report: Report) -> None:
        """Make the checkpoint that every arm starts from.

        Raises ``InputError`` if the model, its tokenizer or its chat template is not there or cannot be used,
        ``StudyError`` if what a student were trained on could not be what it is sampled with.
        """
        from understudy.train.guards import refuse_vocabulary
        from understudy.train.turns import Turn

        source = _files.found(self.path, self.revision, self.root)
        tokenizer = self._tokenizer(source)
        directory.mkdir(parents=True, exist_ok=True)
        if (source / ADAPTER_CONFIG).is_file():
            self._merge(source, directory)
        else:
            _files.link(source, directory)
        refuse_vocabulary(tokenizer, _vocabulary(directory, self.path), self.path)
        stop = Turn.of(tokenizer).stop
        _stop_at(directory, tokenizer, stop)
        tokenizer.save_pretrained(directory)
        text = json.dumps(_files.origin(self.path, self.revision, source), indent=2)
        (directory / SOURCE).write_text(f"{text}\n", encoding="utf-8")

    def _tokenizer(self, source: Path) -> Any:
        """The model's, with the chat template that was asked for and a token to pad with."""
        where = source
        if (source / ADAPTER_CONFIG).is_file() and not (source / "tokenizer_config.json").is_file():
            where = self._base(source)
        tokenizer = read_tokenizer(where)
        if self.chat_template == PLAIN:
            begins = tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
            tokenizer.chat_template = (_templates.BOS if begins else "") + _templates.PLAIN
        elif self.chat_template:
            tokenizer.chat_template = (self.root / self.chat_template).read_text(encoding="utf-8")
        if not tokenizer.chat_template:
            raise InputError(f"{self.path} has no chat template", PLAIN_HINT)
        own = tokenizer.chat_template
        several = isinstance(own, dict)  # a template for tools besides
        tokenizer.chat_template = (
            {name: _templates.pinned(text) for name, text in own.items()} if several else _templates.pinned(own)
        )
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer

    def _base(self, adapter: Path) -> Path:
        """The folder of the base that an adapter names. Raises ``InputError``."""
        try:
            config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
            name, revision = str(config["base_model_name_or_path"]), config.get("revision")
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{adapter / ADAPTER_CONFIG} does not name a base", "the file may be cut off") from None
        root = next((root for root in (adapter, self.root) if _files.is_local(name, root)), self.root)
        try:
            return _files.found(name, revision, root)
        except InputError as error:
            hint = f"base_model_name_or_path in {adapter / ADAPTER_CONFIG} must name its directory or hub id"
            raise InputError(f"the base of {self.path} is not there: {error.message}", hint) from None

    def _merge(self, adapter: Path, directory: Path) -> None:
        from understudy.train.adapters import merged

        require("train", "peft")
        base = self._base(adapter)
        _files.whole(base)
        merged(read_model(base, dtype="auto"), adapter).save_pretrained(directory)


def _vocabulary(directory: Path, where: str) -> int:
    """How many tokens a model has embeddings for. Raises ``InputError`` if it is no model of a kind that is known."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
        return int(config.get_text_config().vocab_size)
    except Exception as error:  # what is read decides what is raised
        raise InputError(f"{where} cannot be read ({first_line(error)})", "its code is never run") from None


def _stop_at(directory: Path, tokenizer: Any, stop: int | None) -> None:
    """A text ends where a turn has ended; chat models do not all say so of the token that ends theirs."""
    if stop is None:
        raise StudyError(
            f"the tokenizer of {tokenizer.name_or_path} has no token that ends a text: its student would never stop",
            "name an eos_token in tokenizer_config.json",
        )
    file = directory / "generation_config.json"
    config = json.loads((file if file.is_file() else directory / "config.json").read_text(encoding="utf-8"))
    habits = config if file.is_file() else {}
    if any(habits.get(name) is not None for name in HABITS):
        habits["do_sample"] = True  # the library does not save a temperature without it
    file.unlink(missing_ok=True)
    file.write_text(json.dumps({**habits, "eos_token_id": ends_of(config.get("eos_token_id"), stop)}, indent=2))
