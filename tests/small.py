"""Tiny checkpoints of real architectures: random weights, a byte-level BPE tokenizer, templates like the families' own.

    directory = checkpoint(tmp_path / "qwen3", "qwen3")
    tokenizer = words("llama")

The templates are ours: each does to a conversation what the family's does, in fewer words.
"""

import json
from pathlib import Path
from typing import Any

from understudy.types import Problem, Trace

TURNS = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
OPENS = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
CHATML = TURNS + "{{ m['content'] }}<|im_end|>\n{% endfor %}" + OPENS
QWEN3 = (
    TURNS + "{% set parts = m['content'].split('</think>') %}"
    "{% set said = parts[-1].lstrip('\n') if m['role'] == 'assistant' else m['content'] %}"
    "{% set thought = m['reasoning_content'] if m['reasoning_content'] is defined else '' %}"
    "{% if m['role'] == 'assistant' and loop.last %}<think>\n{{ thought.strip('\n') }}\n</think>\n\n{% endif %}"
    "{{ said }}<|im_end|>\n{% endfor %}" + OPENS
)
"""Keeps the reasoning of the last turn, and writes an empty one where there is none."""
LLAMA3 = (
    "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\n"
    "Today Date: {{ strftime_now('%d %b %Y') }}\n\n<|eot_id|>"
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}<|eot_id|>"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% else %} {{ m['content'] | trim }}{{ eos_token }}{% endif %}{% endfor %}"
)
R1 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}<|User|>{{ m['content'] }}"
    "{% else %}<|Assistant|>{{ m['content'].split('</think>')[-1].lstrip() }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}"
)
"""The prompt opens the reasoning; a finished turn is shown without it."""
THINKING = QWEN3.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
"""The prompt opens the reasoning, and the last turn keeps it."""
STRIPS = R1.replace("<|Assistant|><think>\n{% endif", "<|Assistant|>{% endif")
CLOSED = CHATML.replace("assistant\n{% endif", "assistant\n<think>\n\n</think>\n\n{% endif")
OTHER = CHATML.replace("{% if add_generation_prompt %}<|im_start|>assistant\n", "{% if add_generation_prompt %}Answer:")
MUTE = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
"""Nothing ends a turn."""
TEMPLATES = {"llama": LLAMA3, "qwen2": CHATML, "qwen3": QWEN3, "mistral": MISTRAL}
SPECIAL = {
    "llama": ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>"),
    "qwen2": ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    "qwen3": ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    "mistral": ("<s>", "</s>", "[INST]", "[/INST]"),
}
BOS = {"llama": "<|begin_of_text|>", "mistral": "<s>"}
EOS = {"llama": "<|end_of_text|>", "qwen2": "<|endoftext|>", "qwen3": "<|im_end|>", "mistral": "</s>"}
PAIRS = [(a, b) for a in range(3, 9) for b in range(2, 6)]
PROBLEMS = {
    f"p{n}": Problem(
        f"p{n}", "sums", f"What is {a} and {b}, said in one word and not in any other way?", str(a + b), "train"
    )
    for n, (a, b) in enumerate(PAIRS)
}
TEST = Problem("t0", "sums", "What is 90 and 7, said in one word and not in any other way?", "97", "test")
TRACES = [
    Trace(f"ST/p{n}/0", f"p{n}", "teacher", f"The answer is {a + b}.", f"I take {a}.\nWait, then {b}: {a + b}.")
    for n, (a, b) in enumerate(PAIRS)
]
BARE = [Trace(t.trace_id, t.problem_id, t.model, t.response) for t in TRACES]


def words(family: str, template: str | None = "", tags: bool = True) -> Any:
    """A tokenizer of some 400 tokens; ``template``: "" is the family's; ``tags``: the tags are tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    texts = [f"{p.prompt}\n{t.reasoning}\n{t.response}\n" for p, t in zip(PROBLEMS.values(), TRACES, strict=True)]
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    inner.train_from_iterator(texts, trainer)
    inner.add_special_tokens(list(SPECIAL[family]))
    if tags:
        inner.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in ("<think>", "</think>")])
    made = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token=BOS.get(family), eos_token=EOS[family])
    made.chat_template = TEMPLATES[family] if template == "" else template
    return made


def model(family: str, vocabulary: int, **options: Any) -> Any:
    """Random weights of 32 dimensions and 2 layers."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    shape |= {"num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256, "tie_word_embeddings": True}
    shape |= {"bos_token_id": None, "eos_token_id": None}
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(family, vocab_size=vocabulary, **shape | options))


def checkpoint(directory: Path, family: str, template: str | None = "", tokenizer: bool = True, **options: Any) -> Path:
    """A checkpoint of the family, saved; ``options`` are of its configuration."""
    made = words(family, template)
    model(family, **{"vocabulary": len(made), **options}).save_pretrained(directory)
    if tokenizer:
        made.save_pretrained(directory)
    return directory


def change(file: Path, **values: Any) -> None:
    """Set keys of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
