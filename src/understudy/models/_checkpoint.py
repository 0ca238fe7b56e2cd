"""A Hugging Face checkpoint in a local directory: its model, its tokenizer, how it is asked and what it says.

    checkpoint = load(Path("students/ST-0"), None)
    prompt, = checkpoint.prompts(["2 and 2?"], "chat")       # token ids, and whether they open the reasoning
    checkpoint.text([314, 15, 2])

Nothing is downloaded, no code of the checkpoint is run and no pickle is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from understudy import markers
from understudy.errors import InputError, StudyError

Template = Literal["chat", "plain"]
Device = Literal["cpu", "cuda"]

SMALL = 10_000_000
"""Parameters up to which a model is small: it stays on the CPU, in float32, and its figures are the same anywhere."""
HARMONY = ("<|start|>", "<|end|>", "<|call|>")
"""What parts the messages of gpt-oss from each other; ``markers`` reads it."""
TAGS = {tag for pair in (*markers.TAGS, *markers.WRAPPERS) for tag in pair}
TOKENIZERS = ("tokenizer*", "vocab*", "*.model", "*.tiktoken", "tekken.json")
"""Files of which a tokenizer has one."""
PLAIN_HINT = "template: plain gives the model the prompt and a line break, which is what a base model can go on from"


class Prompt(NamedTuple):
    """What a model goes on from: token ids, and whether an opening tag of reasoning stands at their end."""

    ids: list[int]
    thinks: bool


@dataclass(frozen=True)
class Checkpoint:
    """``ends`` are the tokens that end a text, ``context`` is the most tokens of prompt and text (null: not said)."""

    directory: Path
    model: Any
    tokenizer: Any
    ends: tuple[int, ...]
    context: int | None
    hidden: frozenset[int]
    """Special tokens, which are no part of a text."""

    @property
    def small(self) -> bool:
        """Whether many rows are cheap: less than ten million parameters."""
        return bool(self.model.num_parameters() <= SMALL)

    @property
    def bytes_per_token(self) -> int:
        """What the keys and values of one token take."""
        config = self.model.config.get_text_config()
        heads = getattr(config, "num_attention_heads", None) or 1  # a state-space model has none
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        width = (getattr(config, "num_key_value_heads", None) or heads) * size
        return int(2 * config.num_hidden_layers * width * self.model.dtype.itemsize)

    def prompts(self, texts: Sequence[str], template: Template) -> list[Prompt]:
        """Each text as the model is asked it. Raises ``InputError`` if the chat template is missing or fails."""
        if template == "plain":
            rendered = [f"{text}\n" for text in texts]
            ids = self.tokenizer(rendered)["input_ids"] if rendered else []
            ids = [row[:-1] if row and row[-1] in self.ends else row for row in ids]
        else:
            rendered = render(self.tokenizer, texts)
            ids = _ids(self.tokenizer, rendered)
        return [Prompt(row, opens(text)) for row, text in zip(ids, rendered, strict=True)]

    def refusal(self, prompt: Prompt) -> str | None:
        """Why a prompt cannot be asked, or null."""
        ids, known = prompt.ids, self.model.get_input_embeddings().num_embeddings
        if not ids:
            return "the prompt is empty"
        if self.context is not None and len(ids) >= self.context:
            return f"the prompt has {len(ids):,} tokens, and prompt and answer must fit into {self.context:,}"
        if max(ids) >= known:
            word = self.tokenizer.convert_ids_to_tokens(max(ids))
            return (
                f"the prompt has the token {word!r}, which is none of the model's {known:,}: the tokenizer is another's"
            )
        return None

    def text(self, ids: Sequence[int]) -> str:
        """What the tokens say, without special ones: those that mark reasoning are kept."""
        kept = [token for token in ids if token not in self.hidden]
        return str(self.tokenizer.decode(kept, clean_up_tokenization_spaces=False))


def load(directory: Path, device: Device | None) -> Checkpoint:
    """Read a checkpoint, on the device that is named (null: the CPU for a small model, else a GPU if there is one).

    Weights are float32 on a CPU and bfloat16 on a GPU. Raises ``InputError`` if it cannot be read, ``StudyError`` if
    there is no such device.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what it warns of is an error here, or no concern of the user's
    tokenizer = read_tokenizer(directory)
    model = read_model(directory, **_placed(_place(directory, device)))
    ends = ends_of(model.generation_config.eos_token_id, tokenizer.eos_token_id)
    _forget_habits(model, ends)
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return Checkpoint(directory, model, tokenizer, ends, context, _hidden(tokenizer))


def render(tokenizer: Any, prompts: Sequence[str]) -> list[str]:
    """Each prompt as a user's message, up to where the model starts to write. Raises ``InputError``."""
    return render_chats(tokenizer, [[{"role": "user", "content": prompt}] for prompt in prompts], True)


def render_chats(tokenizer: Any, chats: Sequence[list[dict[str, str]]], open_turn: bool) -> list[str]:
    """Each conversation as the chat template writes it; ``open_turn``: and up to where the model starts to write."""
    from jinja2 import TemplateError

    where = tokenizer.name_or_path
    if not tokenizer.chat_template:
        raise InputError(f"{where}: its tokenizer has no chat template", PLAIN_HINT)
    try:
        texts: list[str] = tokenizer.apply_chat_template(list(chats), add_generation_prompt=open_turn, tokenize=False)
    except (TemplateError, ValueError, TypeError) as error:
        raise InputError(f"{where}: its chat template fails ({first_line(error)})", PLAIN_HINT) from None
    return texts


def encode_prompts(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    """Token ids of each prompt as a user's message, up to where the model starts to write."""
    return _ids(tokenizer, render(tokenizer, prompts))


def _ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
    return ids


def opens(text: str) -> bool:
    """Whether a prompt ends with the tag that opens reasoning."""
    return text.rstrip().endswith(tuple(start for start, _ in markers.TAGS))


def read_tokenizer(directory: Path) -> Any:
    """The tokenizer of a checkpoint. Raises ``InputError`` if there is none that can be read."""
    from transformers import AutoTokenizer

    try:
        if not any(any(directory.glob(pattern)) for pattern in TOKENIZERS):  # the library would make an empty one
            raise FileNotFoundError("there is none")
        return AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # what is read decides what is raised, bare ``Exception`` included
        raise InputError(
            f"{directory} has no tokenizer that can be read ({first_line(error)})",
            "tokenizer.json and tokenizer_config.json belong beside config.json",
        ) from None


def _placed(device: Device) -> dict[str, Any]:
    import torch

    return {"dtype": torch.float32} if device == "cpu" else {"dtype": torch.bfloat16, "device_map": {"": device}}


def read_model(directory: Path, **options: Any) -> Any:
    """The model of a checkpoint, with ``options`` of ``from_pretrained``; it is not in training mode.

    Raises ``InputError`` if it cannot be read or its weights are not whole.
    """
    from transformers import AutoModelForCausalLM

    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            directory,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    except Exception as error:  # as above
        hint = "it needs config.json, and weights of that shape as safetensors, whole"
        raise InputError(f"{directory} cannot be read ({first_line(error)})", hint) from None
    if missing := sorted(found["missing_keys"]):
        raise InputError(
            f"{directory} lacks {len(missing):,} of the model's weights, for instance {missing[0]}",
            "the weights are not whole, or not those of config.json",
        )
    return model.eval()


def _place(directory: Path, device: Device | None) -> Device:
    import torch

    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise StudyError("there is no CUDA device", "device: cpu, or leave it out")
    size = sum(file.stat().st_size for file in directory.glob("*.safetensors"))
    return device or ("cuda" if there and size > 4 * SMALL else "cpu")


def ends_of(*named: int | list[int] | None) -> tuple[int, ...]:
    """All tokens that end a text: chat models have several, and their files do not all name the same."""
    lists = [one if isinstance(one, list) else [one] for one in named]
    return tuple(dict.fromkeys(token for tokens in lists for token in tokens if token is not None))


def _forget_habits(model: Any, ends: Sequence[int]) -> None:
    """Leave nothing of a checkpoint's own way to be sampled: a penalty for repetition would count the padding, too."""
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(
        eos_token_id=list(ends) or None,
        pad_token_id=ends[0] if ends else 0,  # any token will do: padding is masked
        do_sample=False,
        use_cache=True,
    )


def _hidden(tokenizer: Any) -> frozenset[int]:
    """Special tokens but for marks of reasoning. To a tokenizer of words they are words, and a slip shows."""
    inner = getattr(tokenizer, "backend_tokenizer", None)
    if type(getattr(inner, "model", None)).__name__ == "WordLevel":
        return frozenset()
    special = {token: str(added) for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    special |= dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    kept = TAGS | ({markers.CHANNEL, markers.MESSAGE, *HARMONY} if markers.CHANNEL in special.values() else set())
    return frozenset(token for token, text in special.items() if text not in kept)


def first_line(error: Exception) -> str:
    """What an error of a library says, as a part of a sentence."""
    return str(error).strip().partition("\n")[0].rstrip(".")[:300] or type(error).__name__
