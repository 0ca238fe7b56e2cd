"""Generation by continuous batching against ``model.generate`` in plain batches, on prompts and texts of all lengths.

    python -m benchmarks.bench --only generation        # a part of make bench

Both sides decode the same prompts greedily with the same model, a Llama with random weights, and must write the same
tokens. Such a model never ends a text, so each text has a length of its own, drawn once: many are short and a few are
long, as answers that reason are. Ours gets it as the row's limit, ``generate`` as a criterion that stops a row; both
then do what they do at a token that ends a text. The plain side takes the prompts in their order, padded on the left,
in batches of one size; that of 16, and the best of four.
"""

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

from benchmarks.timing import alternate, line, same, timed

PROMPTS = 64
SHORTEST, LONGEST = 16, 512
"""Tokens of a prompt: as many are between 16 and 32 as between 256 and 512."""
MEDIAN, SPREAD, MOST = 32, 1.0, 384
"""Tokens of a text: log-normal, so that one in forty is more than seven times as long as the median."""
USUAL, SIZES = 16, (8, 16, 32, 64)
MODEL = {"hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 4, "vocab_size": 2048}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048}


def generate(repeats: int = 1) -> None:
    """Print the ratios."""
    model, prompts, limits = workload()
    tokens = sum(limits)
    name = f"generation, {len(prompts)} prompts of {SHORTEST} to {LONGEST} tokens, texts of 1 to {max(limits)}"
    ours = partial(continuous, model, prompts, limits)
    best = min(SIZES, key=lambda size: timed(partial(plain, model, prompts, limits, size))[0])
    for size in dict.fromkeys((USUAL, best)):
        fast, slow, one, other = alternate(ours, partial(plain, model, prompts, limits, size), repeats)
        equal = sum(text == expected for text, expected in zip(one, other, strict=True))
        same(equal >= 0.95 * len(prompts), f"only {equal} of {len(prompts)} texts are the same")
        what = f"generate, batches of {size}" + (", its best" if size == best else "")
        line(name, tokens / fast, "tokens/s", tokens / slow, what)


def workload() -> tuple[Any, list[list[int]], list[int]]:
    """A model, prompts in no order, and how many tokens the text of each has."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model("llama", bos_token_id=None, eos_token_id=None, pad_token_id=0, **MODEL, **HEADS)
    model = AutoModelForCausalLM.from_config(config).eval()
    rng = Random(0)
    lengths = [round(SHORTEST * (LONGEST / SHORTEST) ** rng.random()) for _ in range(PROMPTS)]
    prompts = [[rng.randrange(1, MODEL["vocab_size"]) for _ in range(length)] for length in lengths]
    limits = [min(MOST, max(1, round(MEDIAN * rng.lognormvariate(0, SPREAD)))) for _ in prompts]
    return model, prompts, limits


def continuous(model: Any, prompts: Sequence[list[int]], limits: Sequence[int]) -> list[list[int]]:
    """By ours, as many at once as it takes by itself."""
    from understudy.models._batching import Batch
    from understudy.models._texts import Text
    from understudy.models._writing import GPU_BATCH

    texts = [Text(row, prompt, limit) for row, (prompt, limit) in enumerate(zip(prompts, limits, strict=True))]
    written = {text.row: text.written for text in Batch(model, (), GPU_BATCH, 10**6).decode(texts)}
    return [written[row] for row in range(len(prompts))]


def plain(model: Any, prompts: Sequence[list[int]], limits: Sequence[int], size: int) -> list[list[int]]:
    """By the library's ``generate``, one batch after another."""
    import torch

    written: list[list[int]] = []
    for start in range(0, len(prompts), size):
        batch, most = prompts[start : start + size], limits[start : start + size]
        width = max(map(len, batch))
        ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in batch])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in batch])
        ends = torch.tensor(most) + width

        def stop(ids: torch.Tensor, *_: object, ends: torch.Tensor = ends, **__: object) -> torch.Tensor:
            return ids.shape[1] >= ends

        with torch.inference_mode():
            made = model.generate(
                ids, attention_mask=mask, do_sample=False, max_new_tokens=max(most), stopping_criteria=[stop]
            )
        written += [row[:limit] for row, limit in zip(made[:, width:].tolist(), most, strict=True)]
    return written
