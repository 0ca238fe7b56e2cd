"""Budget forcing: what is done to rows of tokens is what would be done to each text alone."""

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import InputError
from understudy.types import Sampling

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")

from tests import small  # noqa: E402

from test_generation import PROBLEMS, checkpoint, written  # noqa: E402
from understudy.models._forcing import AFTER, BEFORE, INSIDE, Forcing, Tags, tags_of, transitions  # noqa: E402

__all__ = ["checkpoint"]


# --- budget forcing ---


def tokenizer(template: str | None, tags: bool) -> Any:
    """``tags``: the closing tag is a token. The opening one always is, so that no token stands in both."""
    words = small.words("qwen3", template, tags)
    words.add_tokens(["<think>"])
    return words


def chained(directory: Path, *chains: str, template: str | None = small.CHATML, tags: bool = True) -> Path:
    """A checkpoint of which each token says the next as these texts have it; the prompt's last one says the first."""
    words = tokenizer(template, tags)
    prompt = words.apply_chat_template([{"role": "user", "content": "?"}], add_generation_prompt=True, tokenize=False)
    says: dict[int, int] = {}
    first, *others = [words(chain)["input_ids"] for chain in chains]
    for ids in ([words(prompt)["input_ids"][-1], *first], *others):
        for now, then in pairwise(ids):
            assert says.setdefault(now, then) == then, f"{words.decode([now])!r} says two things"
    size = len(words) + len(words) % 2
    made = small.model("llama", size, hidden_size=size, num_attention_heads=1, num_key_value_heads=1, head_dim=size)
    made.lm_head.weight = torch.nn.Parameter(torch.zeros(size, size))
    made.config.tie_word_embeddings = False
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.dim() == 2:
                weight.copy_(torch.eye(*weight.shape) if "embed" in name else torch.zeros_like(weight))
        for now, then in says.items():
            made.lm_head.weight[then, now] = 1.0
    made.save_pretrained(directory)
    words.save_pretrained(directory)
    return directory


OPENED = small.CHATML.replace("assistant\n{% endif", "assistant\n<think>{% endif")
END = "<|im_end|>"


@pytest.mark.parametrize("opened", [True, False], ids=["opened by the prompt", "opened by the model"])
@pytest.mark.parametrize("tags", [True, False], ids=["the tag is a token", "the tag is several tokens"])
@pytest.mark.parametrize(
    ("budget", "reasoning", "counts"),
    [
        ({}, "So, 8.", None),
        ({"max_thinking": 30}, "So, 8.", (0, 0)),
        ({"max_thinking": 2}, "So", (1, 0)),
        ({"wait": 1}, "So, 8.Wait!", (0, 1)),
        ({"wait": 2}, "So, 8.Wait!Wait!", (0, 2)),
    ],
    ids=["none", "enough", "max_thinking", "wait once", "wait twice"],
)
def test_reasoning_is_ended_or_kept_from_ending(
    tmp_path: Path, opened: bool, tags: bool, budget: Any, reasoning: str, counts: tuple[int, int] | None
) -> None:
    words = tokenizer(None, tags)
    start = "" if opened else "<think>"
    last = words.convert_ids_to_tokens(words("Wait")["input_ids"])[-1]
    path = chained(
        tmp_path,
        f"{start}So, 8.</think>97{END}",
        f"{last}!</think>",
        template=OPENED if opened else small.CHATML,
        tags=tags,
    )
    (trace,) = written(path, Sampling(), PROBLEMS[:1], **budget)
    assert (trace.response, trace.finish_reason) == ("97", "stop")
    if budget == {"max_thinking": 2}:
        assert len(words(trace.reasoning)["input_ids"]) == 2 and "So, 8.".startswith(trace.reasoning)
    else:
        assert trace.reasoning == reasoning
    if counts is None:
        assert set(trace.metadata) == {"sampling"}
        return
    forced_end, waits = counts
    tag, wait = len(words("</think>")["input_ids"]), len(words("Wait")["input_ids"])
    forced = forced_end * tag + waits * wait
    expected = {"forced_end": forced_end, "waits": waits, "forced_tokens": forced}
    assert trace.metadata == {"sampling": "greedy", **expected}
    whole = words(f"{start}{trace.reasoning}</think>97{END}")["input_ids"]
    assert trace.usage.completion_tokens == len(whole) - forced


def test_budgets_of_the_sampling_hold_for_rows_that_end_at_other_times(checkpoint: Path) -> None:
    held = Sampling("sampled", temperature=0.9, max_tokens=40, samples=3, seed=5, max_thinking=7)
    template = small.THINKING
    words = small.words("qwen3", template)
    words.save_pretrained(checkpoint.parent / "thinking")
    for file in checkpoint.iterdir():
        if not (checkpoint.parent / "thinking" / file.name).exists():
            os.link(file, checkpoint.parent / "thinking" / file.name)
    traces = written(checkpoint.parent / "thinking", held, batch_size=5)
    assert traces == written(checkpoint.parent / "thinking", held, batch_size=1)
    ended = [trace for trace in traces if trace.metadata["forced_end"]]
    assert len(ended) > len(traces) / 2 and any(trace.response for trace in ended)


def test_a_tokenizer_that_cannot_write_wait_is_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1, "</think>": 2}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>")
    with pytest.raises(InputError, match="the tokenizer has no token for 'Wait'"):
        Forcing.of(words, Tags("<think>", "</think>", "</think>"), 3, None, 1, "cpu")
    assert Forcing.of(words, Tags("<think>", "</think>", "</think>"), 3, 5, 0, "cpu").lengths.tolist()[0] == 1


def test_the_tags_are_those_of_the_prompt_then_of_the_tokenizer_then_of_the_template() -> None:
    plain = small.words("qwen3", None, tags=False)
    assert tags_of(plain, "2 and 2?\n") == ("<think>", "</think>", "</think>")
    assert tags_of(plain, "2 and 2?[THINK]\n").end == "[/THINK]"
    plain.chat_template = "{% if true %}<reasoning>{{ x }}</reasoning>{% endif %}"
    assert tags_of(plain, "?").end == "</reasoning>"
    assert tags_of(small.words("qwen3"), "?").end == "</think>"


PIECES = [
    "a",
    "b.",
    "<",
    "</",
    "/",
    "think",
    ">",
    "</think>",
    "</th",
    "ink>",
    ".</",
    ">x",
    "<think>",
    "x<",
    "E",
    "W1",
    "W2",
]
TAGS = Tags("<think>", "</think>", "</think>")
WAIT, CLOSE, EOS = [15, 16], [7], 14


@settings(max_examples=200, deadline=None)
@given(
    tag=st.sampled_from(["</think>", "<|end|>", "aab", "<|a|>b<|c|>"]) | st.text("ab<", min_size=1, max_size=6),
    pieces=st.lists(st.text("</think>ab|c", min_size=1, max_size=10), max_size=12),
)
def test_a_tag_is_found_in_what_its_tokens_say_together(tag: str, pieces: list[str]) -> None:
    table = {(state, token): then for state, token, then in transitions(tag, pieces)}
    for state in range(len(tag)):
        for token, piece in enumerate(pieces):
            text = tag[:state] + piece
            longest = next((n for n in range(len(tag) - 1, 0, -1) if text.endswith(tag[:n])), 0)
            assert table.get((state, token), 0) == (len(tag) if tag in text else longest)


def forcing(max_thinking: int | None, wait: int) -> Forcing:
    table = torch.zeros(2, 9, len(PIECES), dtype=torch.uint8)
    for number, tag in enumerate(TAGS[:2]):
        for state, token, then in transitions(tag, PIECES):
            table[number, state, token] = then
    return Forcing(
        table,
        torch.tensor([len(piece) for piece in PIECES]),
        torch.tensor([7, 8, 10]),
        torch.tensor([[*CLOSE, 0], WAIT]),
        torch.tensor([1, 2]),
        max_thinking,
        wait,
    )


def reference(stream: list[int], thinks: bool, most: int | None, wait: int) -> tuple[list[int], int, int, int]:
    """Token after token, on text: what is written, where it is then, how often it was ended and kept from ending."""
    out: list[int] = []
    phase, begin, forced, ended, waits, before = (INSIDE if thinks else BEFORE), 0, list[int](), 0, 0, 0

    def tail(ids: list[int], holds: Any) -> int:
        """How few tokens at the end hold something: 0 if none do."""
        return next((n for n in range(1, len(ids) + 1) if holds("".join(PIECES[i] for i in ids[-n:]))), 0)

    def started(text: str) -> bool:
        return any(text.endswith(TAGS.end[:n]) for n in range(len(TAGS.end) - 1, 0, -1))

    def begun(ids: list[int]) -> int:
        """Tokens that the longest start of the tag at the end is in."""
        text = "".join(PIECES[i] for i in ids)
        longest = next((n for n in range(len(TAGS.end) - 1, 0, -1) if text.endswith(TAGS.end[:n])), 0)
        return tail(ids, lambda end: longest > 0 and end.endswith(TAGS.end[:longest]))

    for token in stream:
        if forced:
            out.append(forced.pop(0))
            before += phase == INSIDE
            begin = len(out)
            continue
        now = [*out[begin:], token]
        if phase == BEFORE and tail(now, lambda text: TAGS.start in text):
            phase, begin = INSIDE, len(out) + 1
        elif phase == INSIDE:
            held = begun(out[begin:])
            spent = most is not None and before + len(out) - begin - held >= most
            closing = tail(now, lambda text: TAGS.end in text)
            if (closing or token == EOS) and not spent and waits < wait:
                waits += 1
                out = out[: len(out) - held]
                before += len(out) - begin + 1
                forced = list(WAIT[1:])
                token, begin = WAIT[0], len(out) + 1
            elif not closing and spent and (token == EOS or not begun(now)):
                ended += 1
                out = out[: len(out) - held]
                token, phase = CLOSE[0], AFTER
            elif closing or token == EOS:
                phase = AFTER
        out.append(token)
    return out, phase, ended, waits


@settings(max_examples=400, deadline=None)
@given(
    stream=st.lists(st.integers(0, 14), max_size=40),
    thinks=st.booleans(),
    most=st.none() | st.integers(1, 8),
    wait=st.integers(0, 3),
)
def test_forcing_does_to_rows_of_tokens_what_is_done_to_one_text(stream, thinks, most, wait) -> None:
    held, out = forcing(most, wait), list[int]()
    budget = torch.tensor([Forcing.begin(thinks), Forcing.begin(not thinks)])
    for token in stream:
        chosen = torch.tensor([token, 0])
        written, back, budget = held.step(budget, chosen, chosen == EOS)
        out = [*out[: len(out) - int(back[0])], int(written[0])]
    fields = dict(zip(Forcing.FIELDS, budget[0].tolist(), strict=True))
    expected, phase, ended, waits = reference(stream, thinks, most, wait)
    assert out == expected
    assert (fields["phase"], fields["ended"], fields["waits"]) == (phase, ended, waits)
