"""The embedded student: a Llama of half a million parameters with one token a word, made from scratch.

It is saved as an ordinary Hugging Face directory, so it is trained, sampled and published by the same code as any
other model. Before any arm it learns the task's elementary facts and short direct answers (the knowledge, not the
method). Embeddings are tied and start at a standard deviation near .5: at the usual .02 such a model does not learn
within this budget that two numbers are equal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import StudyError
from understudy.models.transformers import LIBRARIES
from understudy.protocols import Lesson, Report, TaughtTask
from understudy.randomness import seed_of, stream
from understudy.registry import entry, require
from understudy.style.phrases import ALL as PHRASES
from understudy.types import Recipe

if TYPE_CHECKING:
    from understudy.train.examples import Example

SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>", "<think>", "</think>")
LESSONS = 5000
"""How many lessons are tokenized at once."""
CHAT_TEMPLATE = "{{ bos_token }} {% for message in messages %}{{ message['content'] }} {% endfor %}"


@entry
@dataclass(frozen=True)
class TinyLlama:
    """A small Llama made from scratch, which learns a puzzle's facts before any arm (embedded student).

    ``base_tokens`` is the length of that first course; ``context`` bounds prompt and completion together, in tokens.
    """

    task: TaughtTask
    width: int = 96
    layers: int = 4
    heads: int = 4
    context: int = 512
    embedding_std: float = 0.5
    base_tokens: int = 1_200_000
    base_learning_rate: float = 2e-3
    tokens_per_step: int = 1536

    def __post_init__(self) -> None:
        require("train", *LIBRARIES)
        if self.width % (2 * self.heads):
            raise StudyError(
                f"tiny-llama cannot have width {self.width} with {self.heads} heads",
                "the width is a multiple of twice the heads",
            )

    def start(self, directory: Path, seed: int, report: Report) -> None:
        """Make the model and its tokenizer, teach it the task's lessons, and save both."""
        from understudy.train.fitting import fit

        tokenizer = self._tokenizer()
        model = self._model(len(tokenizer), seed)
        recipe = Recipe(learning_rate=self.base_learning_rate, num_train_epochs=1, tokens_per_step=self.tokens_per_step)
        fit(model, tokenizer, self._course(tokenizer, seed), recipe, seed_of("base", seed), directory, report)

    def _tokenizer(self) -> Any:
        from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        words = list(dict.fromkeys([*SPECIAL, *self.task.words(), *PHRASES]))
        inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
        inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        # A phrase is one token, so that a trace of ordinary phrases stays short.
        phrases = [word for word in words if " " in word]
        inner.add_tokens([AddedToken(phrase, single_word=True, normalized=False) for phrase in phrases])
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=inner,
            pad_token="<pad>",
            bos_token="<bos>",
            eos_token="<eos>",
            unk_token="<unk>",
            model_max_length=self.context,
            clean_up_tokenization_spaces=False,
        )
        tokenizer.chat_template = CHAT_TEMPLATE
        return tokenizer

    def _model(self, vocabulary: int, seed: int) -> Any:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        config = LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=self.width,
            intermediate_size=int(8 * self.width / 3 / 32 + 0.5) * 32,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.heads,
            max_position_embeddings=self.context,
            tie_word_embeddings=True,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
        torch.manual_seed(seed_of("weights", seed))
        model = LlamaForCausalLM(config)
        outputs = ("o_proj.weight", "down_proj.weight")
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                std = self.embedding_std if "embed" in name else weight.shape[1] ** -0.5
                depth = (2 * self.layers) ** -0.5 if name.endswith(outputs) else 1.0
                torch.nn.init.normal_(weight, std=std * depth)
        return model

    def _course(self, tokenizer: Any, seed: int) -> "list[Example]":
        examples: list[Example] = []
        tokens = 0
        while tokens < self.base_tokens:
            numbers = range(len(examples), len(examples) + LESSONS)
            for example in _encode(tokenizer, [self.task.lesson(stream(seed, "lesson", n)) for n in numbers]):
                if tokens < self.base_tokens:
                    examples.append(example)
                    tokens += len(example.ids)
        return examples


def _encode(tokenizer: Any, lessons: Sequence[Lesson]) -> "Iterator[Example]":
    from understudy.train.examples import Example

    texts = list({text: None for lesson in lessons for text, _ in lesson})  # most pieces are one word, said often
    encoded = dict(zip(texts, tokenizer(texts, add_special_tokens=False)["input_ids"], strict=True))
    for lesson in lessons:
        ids, weights = [tokenizer.bos_token_id], [0.0]
        for text, learned in lesson:
            ids += encoded[text]
            weights += [float(learned)] * len(encoded[text])
        ends = lesson[0][0].endswith("?")  # a problem with its answer ends; facts could go on
        yield Example([*ids, tokenizer.eos_token_id], [*weights, 1.0]) if ends else Example(ids, weights)
