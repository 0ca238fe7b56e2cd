"""Continuous batching writes what plain decoding writes, whatever shares the batch; budgets, journals, low memory."""

import json
import os
import random
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy import tables
from understudy.errors import InputError, RunError, StudyError
from understudy.models.transformers import Transformers
from understudy.types import Problem, Sampling, Trace

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")

from tests import small  # noqa: E402

from understudy.models import _batching  # noqa: E402
from understudy.models._batching import Batch  # noqa: E402
from understudy.models._decoding import Choice  # noqa: E402
from understudy.models._forcing import AFTER, BEFORE, INSIDE, Forcing, Tags, tags_of, transitions  # noqa: E402
from understudy.models._slots import fits  # noqa: E402
from understudy.models._texts import Text  # noqa: E402

torch.set_num_threads(1)

SIZE = 330
SHAPE = {"initializer_range": 0.3, "tie_word_embeddings": False}
WINDOW = {"sliding_window": 24, "layer_types": None}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "qwen3": ("qwen3", {}),
    "mistral with a window": ("mistral", {"sliding_window": 24}),
    "qwen2 with some windows": ("qwen2", {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1}),
    "gemma2, eager attention": ("gemma2", {"sliding_window": 24}),
    "gpt2, learned positions": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}),
}
ENDS = list(range(40, 46))
QUESTIONS = [f"What is {a} and {b}?" + " Why?" * (a % 4) for a, b in small.PAIRS[:7]]
PROBLEMS = [Problem(f"p{n}", "t", question, None, "test") for n, question in enumerate(QUESTIONS)]
DRAWN = Sampling("sampled", temperature=0.9, max_tokens=30, samples=3, seed=5)


def random_model(family: str) -> Any:
    kind, options = FAMILIES[family]
    made = small.model(kind, SIZE, **SHAPE | options).eval()
    made.generation_config.eos_token_id, made.generation_config.pad_token_id = None, 0
    return made


@pytest.fixture(scope="module", params=FAMILIES)
def model(request) -> Any:
    return random_model(request.param)


@pytest.fixture(scope="module")
def llama() -> Any:
    return random_model("llama")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = small.checkpoint(tmp_path_factory.mktemp("c") / "m", "qwen3", **SHAPE)
    small.change(directory / "generation_config.json", eos_token_id=ENDS)
    return directory


def texts(number: int = 12, seed: int = 0) -> list[Text]:
    rng = random.Random(seed)
    lengths = [rng.choice([1, 2, 5, 17, 40, 60]) for _ in range(number)]
    prompts = [[rng.randrange(1, 300) for _ in range(length)] for length in lengths]
    return [Text(row, prompt, rng.choice([1, 3, 20, 50]), seed=row) for row, prompt in enumerate(prompts)]


def decoded(model: Any, asked: list[Text], rows: int = 4, tokens: int = 10**6, **options: Any) -> dict[int, list[int]]:
    found = list(Batch(model, ENDS, rows, tokens, **options).decode(asked))
    assert len({text.row for text in found}) == len(found)
    return {text.row: text.written for text in found}


def plainly(model: Any, text: Text) -> list[int]:
    ids = torch.tensor([text.prompt])
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=text.limit,
        do_sample=False,
        eos_token_id=ENDS,
        pad_token_id=0,
    )
    return out[0, len(text.prompt) :].tolist()


def written(path: Path, sampling: Sampling = DRAWN, problems: list[Problem] = PROBLEMS, **options: Any) -> list[Trace]:
    return list(Transformers(str(path), **options).generate(problems, sampling))


# --- continuous batching ---


def test_greedy_texts_are_those_of_generate_alone(model: Any) -> None:
    assert fits(model)
    expected = {text.row: plainly(model, text) for text in texts()}
    assert len({len(ids) for ids in expected.values()}) > 3, "some should end early"
    assert decoded(model, texts()) == expected


@settings(max_examples=6, deadline=None)
@given(rows=st.integers(1, 9), tokens=st.integers(1, 900), seed=st.integers(0, 2))
def test_no_text_depends_on_how_many_share_the_batch_or_on_its_memory(llama, rows, tokens, seed) -> None:
    options = {"choose": Choice(0.9, 0.95), "steps": 50}
    assert decoded(llama, texts(9, seed), rows, tokens, **options) == decoded(llama, texts(9, seed), 1, **options)


def test_a_prompt_is_read_once_for_all_its_samples(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [list(range(1, 31)), list(range(50, 70))]
    asked = [Text(row, prompts[row // 6], 10 + row, seed=row) for row in range(12)]
    read: list[int] = []
    inner = _batching.read
    monkeypatch.setattr(_batching, "read", lambda *a: (read.extend(map(len, a[3])), inner(*a)))
    found = decoded(llama, asked, rows=3, choose=Choice(1.0), steps=40)
    assert sorted(read) == [19, 29]
    apart = [Text(text.row, list(text.prompt), text.limit, text.seed) for text in asked]
    assert found == decoded(llama, apart, rows=3, choose=Choice(1.0), steps=40) and len(read) == 14


def test_where_memory_runs_out_half_as_many_go_on_and_it_is_said(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = decoded(llama, texts())
    inner, sizes = _batching.go_on, []

    def tight(model: Any, slots: Any, token: Any, *rest: Any) -> Any:
        if len(token) > 3:
            raise torch.OutOfMemoryError
        sizes.append(len(token))
        return inner(model, slots, token, *rest)

    monkeypatch.setattr(_batching, "go_on", tight)
    batch = Batch(llama, ENDS, 12, 10**6)
    assert {text.row: text.written for text in batch.decode(texts())} == expected
    assert max(sizes) == 3 and batch.remark == "3 at once for want of memory"


def test_too_little_memory_for_one_text_is_said(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(_batching, "go_on", never)
    with pytest.raises(RunError, match="the GPU has too little memory"):
        written(checkpoint)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mamba", {"state_size": 4}),
        ("bloom", {"n_layer": 2, "n_head": 4}),
        (
            "qwen3_next",
            {"num_experts": 0, "layer_types": ["linear_attention", "full_attention"], "mlp_only_layers": [0, 1]},
        ),
    ],
)
def test_a_model_whose_cache_is_another_is_decoded_by_generate(tmp_path: Path, kind: str, options: Any) -> None:
    from transformers import AutoModelForCausalLM

    words = small.words("qwen3")
    made = small.model(kind, len(words), **SHAPE | options)
    made.generation_config.eos_token_id = ENDS
    made.save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    made = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert not fits(made)
    (trace,) = written(tmp_path, Sampling(max_tokens=9), PROBLEMS[:1])
    prompt = words.apply_chat_template(
        [{"role": "user", "content": QUESTIONS[0]}], add_generation_prompt=True, tokenize=False
    )
    alone = plainly(made, Text(0, words(prompt)["input_ids"], 9))
    assert trace.usage.completion_tokens == len(alone)
    assert trace.response == words.decode(alone[:-1] if alone[-1] in ENDS else alone, skip_special_tokens=True).strip()
    assert len({trace.response for trace in written(tmp_path, DRAWN, PROBLEMS[:2])}) > 2
    with pytest.raises(StudyError, match=f"a model of the type '{kind}' cannot be held to a budget"):
        written(tmp_path, max_thinking=5)


def test_top_p_of_the_sampling_is_that_of_the_entry_and_the_entry_has_the_last_word(checkpoint: Path) -> None:
    narrow = Sampling("sampled", temperature=0.9, max_tokens=30, samples=3, seed=5, top_p=0.3)
    assert written(checkpoint, narrow) == written(checkpoint, DRAWN, top_p=0.3) != written(checkpoint, DRAWN)
    assert written(checkpoint, narrow, top_p=1.0) == written(checkpoint, DRAWN)


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


# --- the journal ---


def killed(path: Path, journal: Path, after: int) -> None:
    """A process that samples, and that is killed once so many texts are there."""

    def kill(done: int, total: int, note: str = "") -> None:
        if done == after:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        try:
            written(path, batch_size=4, report=kill, journal=journal)
        finally:
            os._exit(3)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def table(traces: list[Trace], path: Path) -> bytes:
    tables.write_records(Trace, traces, path)
    return path.read_bytes()


def test_what_is_killed_goes_on_and_ends_as_if_it_had_not_been(checkpoint: Path, tmp_path: Path) -> None:
    journal, kept = tmp_path / "deep" / "journal.jsonl", 0
    for after in (1, 6, 7, 15):
        killed(checkpoint, journal, after)
        lines = journal.read_bytes().splitlines()
        assert len(lines) == 1 + after > kept, "a text counts only when it is in the journal"
        kept = len(lines)
    with journal.open("ab") as file:
        file.write(lines[-1][:40])
    seen: list[int] = []
    traces = written(checkpoint, journal=journal, watch=lambda tally: seen.append(tally.known))
    assert max(seen) == 15
    assert table(traces, tmp_path / "a") == table(written(checkpoint), tmp_path / "b")
    complete = journal.read_bytes()
    assert written(checkpoint, journal=journal, batch_size=1) == traces and journal.read_bytes() == complete
    assert len(written(checkpoint, journal=journal, samples=4)) == 28
    assert journal.read_bytes().startswith(complete) and len(journal.read_bytes().splitlines()) == 29


@pytest.mark.parametrize("change", [{"temperature": 0.8}, {"max_tokens": 29}, {"seed": 6}, {"top_p": 0.9}, {"wait": 1}])
def test_a_journal_of_another_sampling_starts_anew(checkpoint: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    journal = tmp_path / "journal.jsonl"
    written(checkpoint, problems=PROBLEMS[:2], journal=journal)
    first = journal.read_text().splitlines()
    again = written(checkpoint, problems=PROBLEMS[:2], journal=journal, **change)
    assert again == written(checkpoint, problems=PROBLEMS[:2], **change)
    assert len(first) == 7 == len(journal.read_text().splitlines()) and journal.read_text().splitlines()[0] != first[0]


def test_a_journal_of_other_weights_starts_anew(tmp_path: Path) -> None:
    path, journal = small.checkpoint(tmp_path / "m", "llama", **SHAPE), tmp_path / "journal.jsonl"
    first = written(path, journal=journal)
    from transformers import AutoModelForCausalLM

    made = AutoModelForCausalLM.from_pretrained(path)
    made.lm_head.weight.data.neg_()
    made.save_pretrained(path)
    assert written(path, journal=journal) == written(path) != first


def test_an_endpoint_s_journal_is_put_aside_and_a_line_that_is_none_of_ours_passed_over(
    checkpoint: Path, tmp_path: Path
) -> None:
    journal, paid = tmp_path / "journal.jsonl", '{"key":"9f","problem":"p0","sample":0,"answer":{"choices":[]}}\n'
    journal.write_text(paid)
    traces = written(checkpoint, journal=journal)
    assert (tmp_path / "journal.1.jsonl").read_text() == paid
    with journal.open("a") as file:
        file.write('no json\n{"key":"x"}\n{"key":"y","ids":["a"],"budget":[]}\n')
    assert written(checkpoint, journal=journal) == traces


def test_a_journal_that_is_in_use_or_cannot_be_written_is_said(checkpoint: Path, tmp_path: Path) -> None:
    import fcntl

    journal = tmp_path / "journal.jsonl"
    with journal.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another understudy writes to"):
            written(checkpoint, journal=journal)
    with pytest.raises(RunError, match="cannot write to the journal"):
        written(checkpoint, journal=tmp_path)


def test_the_journal_says_what_it_was_made_with(checkpoint: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    traces = written(checkpoint, journal=journal)
    header, *lines = map(json.loads, journal.read_text().splitlines())
    assert header["local"]["sampling"]["temperature"] == 0.9 and "model.safetensors" in header["local"]["checkpoint"]
    assert {(line["problem"], line["sample"]) for line in lines} == {(t.problem_id, t.sample) for t in traces}
