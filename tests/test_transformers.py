"""Local checkpoints as teachers: padding changes nothing, how they are sampled, and how far they have come."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from understudy import tables
from understudy.errors import StudyError
from understudy.models._decoding import batches
from understudy.models.transformers import Transformers
from understudy.types import Problem, Sampling, Trace

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")

torch.set_num_threads(1)  # threads of so small a model only wait for each other

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPENED = CHATML.replace("assistant\n{% endif", "assistant\n<think>{% endif")
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TAGS = ("<think>", "</think>")
QUESTIONS = ("2 and 2?", "How many legs have three cats, two birds and a chair?", "Why?", "Name a colour, then a tree.")
PROBLEMS = [Problem(f"p{n}", "t", question, None, "test") for n, question in enumerate(QUESTIONS)]
TEXT = [*QUESTIONS, "user assistant\n", "So a cat has four legs, and twelve is what three of them have. The answer: 12"]
LONG = Sampling("sampled", temperature=0.8, max_tokens=36, samples=2, seed=1)


def tokenizer(template: str | None = CHATML, tags_are_special: bool = False) -> Any:
    """A byte-level BPE tokenizer of some 300 tokens, without a pad token."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, show_progress=False))
    inner.add_special_tokens(list(SPECIAL))
    inner.add_tokens([AddedToken(tag, special=tags_are_special, normalized=False) for tag in TAGS])
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")
    made.chat_template = template
    return made


def model(kind: str, vocabulary: int, **options: Any) -> Any:
    """Random weights, large enough that a text does not fall into a loop of one token."""
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    shape |= {"num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.3}
    if kind == "gpt2":  # learned positions: wrong ones are not only relative
        shape = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "initializer_range": 0.3}
    config = AutoConfig.for_model(kind, vocab_size=vocabulary, bos_token_id=None, eos_token_id=None, **shape | options)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config)


def save(directory: Path, made: Any, words: Any | None, ends: int | list[int] | None = None, **habits: Any) -> Path:
    made.generation_config.eos_token_id = ends
    made.save_pretrained(directory)
    if words is not None:
        words.save_pretrained(directory)
    if habits:
        file = directory / "generation_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **habits}))
    return directory


def writer(directory: Path, text: str, template: str = CHATML, end: str = "<|im_end|>", special: bool = False) -> Path:
    """A checkpoint that goes on from the last token of its prompt with this text: each token says the next one."""
    words = tokenizer(template, special)
    prompt = words.apply_chat_template([{"role": "user", "content": "?"}], add_generation_prompt=True, tokenize=False)
    ids = [words(prompt)["input_ids"][-1], *words(text + end)["input_ids"]]
    assert len(set(ids)) == len(ids), f"{text!r} says a token twice"
    size = len(words)
    made = model("llama", size, hidden_size=size + size % 2, num_attention_heads=1, num_key_value_heads=1)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.dim() == 2:
                weight.copy_(torch.eye(*weight.shape) if "embed" in name else torch.zeros_like(weight))
        for now, then in pairwise(ids):
            made.lm_head.weight[then, now] = 1.0
    return save(directory, made, words, [words.convert_tokens_to_ids("<|endoftext|>")])


def written(path: Path, sampling: Sampling = LONG, problems: list[Problem] = PROBLEMS, **options: Any) -> list[Trace]:
    return list(Transformers(str(path), **options).generate(problems, sampling))


@pytest.fixture(scope="module", params=["llama", "qwen2", "gpt2"])
def checkpoint(request, tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = tokenizer()
    ends = [words.convert_tokens_to_ids("<|endoftext|>"), *range(40, 50)]
    return save(tmp_path_factory.mktemp(request.param) / "m", model(request.param, len(words)), words, ends)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = tokenizer()
    return save(tmp_path_factory.mktemp("llama") / "m", model("llama", len(words)), words)


# --- batches ---


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 100)), max_size=60),
    size=st.integers(1, 20),
    tokens=st.integers(1, 3000),
)
def test_every_row_is_in_one_batch_within_both_bounds_and_next_to_its_like(rows, size, tokens) -> None:
    lengths, limits = [length for length, _ in rows], [limit for _, limit in rows]
    made = list(batches(lengths, limits, size, tokens))
    assert sorted(row for batch in made for row in batch) == list(range(len(rows)))
    assert [lengths[row] for batch in made for row in batch] == sorted(lengths)
    for batch in made:
        taken = len(batch) * (max(lengths[row] for row in batch) + max(limits[row] for row in batch))
        assert len(batch) == 1 or (len(batch) <= size and taken <= tokens)


@pytest.mark.parametrize("sampling", [Sampling(max_tokens=36), LONG], ids=["greedy", "sampled"])
def test_a_text_does_not_depend_on_the_padding_or_on_its_batch(checkpoint: Path, sampling: Sampling) -> None:
    alone = written(checkpoint, sampling, batch_size=1)
    assert len({trace.usage.prompt_tokens for trace in alone}) == 4, "prompts should need padding"
    assert len({trace.usage.completion_tokens for trace in alone}) > 1, "some should leave a batch before others"
    assert len({trace.response for trace in alone}) == len(alone)
    assert written(checkpoint, sampling) == written(checkpoint, sampling, batch_size=3) == alone
    assert written(checkpoint, sampling, PROBLEMS[2:]) == alone[2 * sampling.samples :]


def test_greedy_texts_are_those_of_plain_generate(checkpoint: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    words, made = AutoTokenizer.from_pretrained(checkpoint), AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    ends = [*made.generation_config.eos_token_id, words.eos_token_id]
    for problem, trace in zip(PROBLEMS, written(checkpoint, Sampling(max_tokens=36)), strict=True):
        chat = [{"role": "user", "content": problem.prompt}]
        ids = words(words.apply_chat_template(chat, add_generation_prompt=True, tokenize=False), return_tensors="pt")
        out = made.generate(**ids, max_new_tokens=36, do_sample=False, eos_token_id=ends, pad_token_id=0)
        new = out[0, ids["input_ids"].shape[1] :].tolist()
        assert trace.usage.completion_tokens == len(new) and trace.usage.prompt_tokens == ids["input_ids"].shape[1]
        assert trace.finish_reason == ("stop" if new[-1] in ends else "length")
        text = words.decode(new[:-1] if new[-1] in ends else new, skip_special_tokens=True)
        assert "think>" in text or trace.response == text.strip()


def test_what_the_checkpoint_says_of_penalties_and_sampling_is_not_looked_at(llama: Path, tmp_path: Path) -> None:
    words = tokenizer()
    habits = {"repetition_penalty": 1.8, "do_sample": True, "temperature": 0.6, "top_k": 20, "max_length": 30}
    other = save(tmp_path / "m", model("llama", len(words)), words, **habits)
    assert written(other, Sampling(max_tokens=36)) == written(llama, Sampling(max_tokens=36))


# --- how it is sampled ---


def test_the_entry_says_how_it_is_sampled_and_the_study_the_rest(llama: Path) -> None:
    own = {"temperature": 0.8, "max_tokens": 36, "samples": 2, "seed": 1}
    assert written(llama, Sampling("sampled"), **own) == written(llama, LONG)
    assert written(llama, LONG, seed=2) != written(llama, LONG)
    assert max(trace.usage.completion_tokens for trace in written(llama, LONG, max_tokens=5)) == 5
    assert written(llama, LONG, temperature=0, samples=1) == written(llama, Sampling("sampled", max_tokens=36))


def test_top_p_draws_from_the_likeliest_tokens_only(llama: Path) -> None:
    from transformers import AutoModelForCausalLM

    from understudy.models._checkpoint import load

    checkpoint = load(llama, None)
    ids = checkpoint.prompts([QUESTIONS[0]], "chat")[0].ids
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(llama).eval()(torch.tensor([ids])).logits[0, -1]
    ordered = torch.softmax(logits.double(), -1).sort(descending=True)
    within = int((ordered.values.cumsum(0) < 0.5).sum()) + 1
    likely = {checkpoint.text([token]).strip() for token in ordered.indices[:within].tolist()}
    sampling = Sampling("sampled", temperature=1.0, max_tokens=1, samples=400)
    drawn = {trace.response for trace in written(llama, sampling, PROBLEMS[:1], top_p=0.5)}
    assert 1 < within < 100 and drawn == likely
    assert len({trace.response for trace in written(llama, sampling, PROBLEMS[:1])} - likely) > 1
    greedy = Sampling("sampled", max_tokens=20)
    assert written(llama, greedy, temperature=2.0, top_p=1e-9) == written(llama, greedy)


@pytest.mark.parametrize(
    ("name", "value"),
    [("top_p", 0.0), ("top_p", 1.5), ("temperature", -1.0), ("max_tokens", 0), ("samples", 0), ("batch_size", 0)],
)
def test_what_cannot_be_meant_is_refused(llama: Path, name: str, value: float) -> None:
    with pytest.raises(StudyError, match=f"{name} cannot be {value}"):
        Transformers(str(llama), **{name: value})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused(llama: Path) -> None:
    with pytest.raises(StudyError, match="there is no CUDA device"):
        written(llama, device="cuda")


# --- how far it has come ---


def test_every_row_is_reported_once(llama: Path) -> None:
    told: list[tuple[int, int]] = []
    notes: list[str] = []
    tallies: list[tuple[int, int, int]] = []
    problems = [*PROBLEMS, Problem("long", "t", "cat " * 300, None, "test")]

    def report(done: int, total: int, note: str = "") -> None:
        told.append((done, total))
        notes.append(note)

    traces = written(
        llama,
        LONG,
        problems,
        report=report,
        watch=lambda tally: tallies.append((tally.done, tally.errors, tally.completion_tokens)),
    )
    assert told == [(n, 10) for n in range(1, 11)]
    assert tallies[-1] == (10, 2, sum(trace.usage.completion_tokens or 0 for trace in traces))
    cut = 100 * sum(trace.finish_reason == "length" for trace in traces) / 8
    assert re.fullmatch(rf"[1-9][0-9,]* tokens/s, {cut:.0f} % truncated, [0-9.]+ GB, 0:00:00 left", notes[-1])


def test_collect_asks_a_local_checkpoint(llama: Path, tmp_path: Path) -> None:
    from understudy.cli import app

    questions, out = tmp_path / "q.jsonl", tmp_path / "traces.parquet"
    questions.write_text("".join(json.dumps({"question": q, "answer": "4"}) + "\n" for q in QUESTIONS))
    entry = json.dumps({"transformers": {"path": str(llama), "temperature": 0.8, "max_tokens": 30}})
    command = ["collect", "--questions", str(questions), "--model", entry, "--samples", "2", "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    traces = tables.read_records(Trace, out)
    assert len(traces) == 8 and len({trace.response for trace in traces}) == 8
    assert traces[0].metadata["prompt"] == QUESTIONS[0] and max(t.usage.completion_tokens for t in traces) == 30
    first = out.read_bytes()
    assert CliRunner().invoke(app, command).exit_code == 0 and out.read_bytes() == first
    assert len((tmp_path / "traces.journal.jsonl").read_text().splitlines()) == 1 + 8


def test_an_interrupted_collection_goes_on_from_its_journal(llama: Path, tmp_path: Path, capsys) -> None:
    from typer import Exit

    from understudy.cli import collecting

    def interrupt(done: int, total: int, note: str = "") -> None:
        if done == 3:
            raise KeyboardInterrupt

    journal = tmp_path / "journal.jsonl"
    interrupted = Transformers(str(llama), batch_size=2, report=interrupt, journal=journal)
    with pytest.raises(Exit):
        collecting.write(interrupted, PROBLEMS, LONG, tmp_path / "traces.parquet")
    assert "every answer is in the journal" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["journal.jsonl"]
    seen: list[int] = []
    traces = written(llama, LONG, journal=journal, watch=lambda tally: seen.append(tally.known))
    assert traces == written(llama, LONG) and max(seen) == 3
