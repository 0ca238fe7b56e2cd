"""A model of any architecture from scratch: random weights and a tokenizer of its own (smoke tests, controls).

    student: {scratch: {architecture: qwen3}}
    student: {scratch: {config: models/llama-3.2-3b/config.json, tokenizer: models/llama-3.2-3b}}

It takes the same way as a pretrained model, in seconds on a CPU. It knows nothing, so what it learns is all from the
traces. Its tokenizer is byte-level BPE, trained on the prompts and answers of the task's training problems.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import InputError, StudyError, UnderstudyError, did_you_mean
from understudy.models._checkpoint import first_line, read_tokenizer
from understudy.models.transformers import LIBRARIES
from understudy.protocols import Report, Task
from understudy.randomness import seed_of
from understudy.registry import entry, require
from understudy.students._templates import CHATML

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TAGS = ("<think>", "</think>")
BYTES = 256
TEXTS = 2000
"""Problems that the tokenizer is trained on, at most."""


@entry
@dataclass(frozen=True)
class Scratch:
    """A causal language model with random weights, of an architecture of transformers.

    ``architecture`` is the library's name of it (llama, qwen3, mistral, …), its shape given by ``hidden_size``,
    ``layers``, ``heads``, ``kv_heads`` and ``context`` (in tokens); or ``config`` is a ``config.json`` that says all of
    this. ``vocabulary`` is the number of tokens to train a tokenizer of; or ``tokenizer`` is one, as a directory or a
    ``tokenizer.json``. Where a tokenizer has no chat template it is given one that keeps the reasoning.
    """

    task: Task
    root: Path = Path()
    architecture: str = "llama"
    hidden_size: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    vocabulary: int = 1024
    context: int = 1024
    config: str | None = None
    tokenizer: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be made. Raises ``StudyError``, and ``InputError`` for a file that is not there."""
        require("train", *LIBRARIES)
        for name in ("hidden_size", "layers", "heads", "kv_heads", "context"):
            if getattr(self, name) < 1:
                raise StudyError(f"{name} cannot be {getattr(self, name)}", "it is at least 1")
        if self.hidden_size % (2 * self.heads) or self.heads % self.kv_heads:
            raise StudyError(
                f"scratch cannot have {self.hidden_size} for {self.heads} heads, of which {self.kv_heads} have keys",
                "hidden_size is a multiple of twice the heads, and heads a multiple of kv_heads",
            )
        least = BYTES + len((PAD, START, END, *TAGS))
        if self.vocabulary < least:
            raise StudyError(f"vocabulary cannot be {self.vocabulary}", f"every byte has a token: at least {least}")
        for name in ("config", "tokenizer"):
            if (path := getattr(self, name)) is not None and not (self.root / path).exists():
                raise InputError(f"there is no {self.root / path}", f"{name}: a file that exists")

    @property
    def accelerated(self) -> bool:
        """Whether it wants an accelerator: one of a shape of ours is small, and as fast without."""
        return self.config is not None

    def start(self, directory: Path, seed: int, report: Report) -> None:
        """Make the model and its tokenizer and save both. Raises ``StudyError`` if there can be no such model."""
        import torch
        from transformers import AutoModelForCausalLM

        from understudy.train.guards import refuse_vocabulary

        tokenizer = self._tokenizer(seed)
        config = self._config(tokenizer)
        torch.manual_seed(seed_of("weights", seed))
        try:
            model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False)
        except Exception as error:  # the architecture decides what is raised
            hint = "architecture: llama, qwen3 or mistral, or config: a config.json"
            raise StudyError(f"scratch cannot make '{config.model_type}' ({first_line(error)})", hint) from None
        refuse_vocabulary(tokenizer, model.get_input_embeddings().num_embeddings, self.tokenizer or self.config)
        model.generation_config.eos_token_id = tokenizer.eos_token_id
        model.save_pretrained(directory)
        tokenizer.save_pretrained(directory)

    def _config(self, tokenizer: Any) -> Any:
        from transformers import CONFIG_MAPPING, AutoConfig

        if self.config is not None:
            try:
                return AutoConfig.from_pretrained(self.root / self.config, trust_remote_code=False)
            except Exception as error:  # what is read decides what is raised
                hint = "a config.json of an architecture of transformers; its code is never run"
                raise InputError(f"{self.root / self.config} cannot be read ({first_line(error)})", hint) from None
        if self.architecture not in CONFIG_MAPPING:
            known = did_you_mean(self.architecture, ["llama", "qwen2", "qwen3", "mistral"])
            raise StudyError(f"transformers has no architecture '{self.architecture}'", known)
        return AutoConfig.for_model(self.architecture, **self._shape(tokenizer))

    def _shape(self, tokenizer: Any) -> Mapping[str, Any]:
        tokens = max(tokenizer.get_vocab().values()) + 1
        return {
            "vocab_size": tokens + -tokens % 8,
            "hidden_size": self.hidden_size,
            "intermediate_size": 3 * self.hidden_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.hidden_size // self.heads,
            "max_position_embeddings": self.context,
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }

    def _tokenizer(self, seed: int) -> Any:
        if self.tokenizer is None:
            return _trained(self._texts(seed), self.vocabulary)
        path = self.root / self.tokenizer
        tokenizer = read_tokenizer(path) if path.is_dir() else _read(path)
        if tokenizer.eos_token is None:
            tokenizer.add_special_tokens({"eos_token": END})
        tokenizer.chat_template = tokenizer.chat_template or CHATML
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer

    def _texts(self, seed: int) -> list[str]:
        """Prompts and answers of training problems; a task that is only for tests has none, and bytes must do."""
        try:
            problems = self.task.problems("train", None, seed)[:TEXTS]
        except UnderstudyError:
            return []
        return [text for problem in problems for text in (problem.prompt, problem.answer) if text]


def _trained(texts: list[str], size: int) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len((PAD, START, END, *TAGS)),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    inner.add_special_tokens([PAD, START, END])
    inner.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    return _fast(inner)


def _read(file: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return _fast(Tokenizer.from_file(str(file)))
    except Exception as error:  # the library's own kind is the bare ``Exception``
        raise InputError(f"{file} is no tokenizer ({first_line(error)})", "a tokenizer.json, or its folder") from None


def _fast(inner: Any) -> Any:
    """With the marks of a turn; a tokenizer that lacks them gets them as tokens of their own."""
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(tokenizer_object=inner, clean_up_tokenization_spaces=False)
    made.add_special_tokens({"eos_token": END, "pad_token": PAD})
    made.add_special_tokens({"additional_special_tokens": [START]})
    made.chat_template = CHATML
    return made
