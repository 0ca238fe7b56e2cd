"""The embedded student: what it learns from, what is refused, samples that stand alone."""

import hashlib
import json
from pathlib import Path

import pytest

from understudy import registry
from understudy.errors import ContaminationError, InputError, StudyError
from understudy.models.transformers import Transformers
from understudy.protocols import silent
from understudy.registry import Piece
from understudy.types import Problem, Recipe, Sampling, Trace

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")

from understudy.train.examples import Example, encode  # noqa: E402
from understudy.train.fitting import fit  # noqa: E402

REACH = registry.build("tasks", Piece("reach", {}))
TINY = {"width": 32, "layers": 1, "heads": 2, "base_tokens": 4000, "tokens_per_step": 512}
PROBLEMS = {p.problem_id: p for p in [*REACH.problems("train", 30, 0), *REACH.problems("test", 10, 0)]}


def teacher(name: str) -> list[Trace]:
    problems = [p for p in PROBLEMS.values() if p.split == "train"]
    return list(registry.build("models", Piece(name, {}), task=REACH).generate(problems, Sampling()))


def content(directory: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in directory.iterdir()}


@pytest.fixture(scope="module")
def student() -> object:
    return registry.build("students", Piece("tiny-llama", TINY), task=REACH)


@pytest.fixture(scope="module")
def start(student, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("student") / "start"
    student.start(path, 0, silent)
    return path


@pytest.fixture(scope="module")
def tokenizer(start: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(start)


# --- what is learned ---


def test_the_loss_counts_the_completion_and_its_end_only(tokenizer) -> None:
    traces = teacher("search")[:3]
    examples = encode(tokenizer, traces, PROBLEMS, "ST", 512, Recipe())
    for example, trace in zip(examples, traces, strict=True):
        learned = tokenizer.decode([i for i, yes in zip(example.ids, example.weights, strict=True) if yes])
        assert learned == f"<think> {trace.reasoning} </think> {trace.response} <eos>"
        given = tokenizer.decode([i for i, yes in zip(example.ids, example.weights, strict=True) if not yes])
        assert given == f"<bos> {PROBLEMS[trace.problem_id].prompt}"


@pytest.mark.parametrize("name", ["search", "template", "plain"])
def test_the_tokenizer_writes_every_trace_back_as_it_was(tokenizer, name: str) -> None:
    for trace in teacher(name):
        ids = tokenizer(trace.reasoning, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == trace.reasoning
        assert len(ids) <= len(trace.reasoning.split())


def test_two_steps_of_training_lower_the_loss(start: Path, tokenizer, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    examples = encode(tokenizer, teacher("template"), PROBLEMS, "ST-HC", 512, Recipe())
    model = AutoModelForCausalLM.from_pretrained(start)
    batch = {"input_ids": torch.tensor([examples[0].ids]), "labels": torch.tensor([examples[0].ids])}
    with torch.no_grad():
        before = float(model(**batch).loss)
    summary = fit(model, tokenizer, examples, Recipe(num_train_epochs=3), 0, tmp_path / "s", silent)
    with torch.no_grad():
        assert float(AutoModelForCausalLM.from_pretrained(tmp_path / "s")(**batch).loss) < before - 0.1
    assert summary["tokens"] == 3 * sum(len(e.ids) for e in examples)
    assert json.loads((tmp_path / "s" / "training.json").read_text()) == summary


def test_the_same_seed_trains_the_same_student_and_another_does_not(student, start: Path, tmp_path: Path) -> None:
    student.start(tmp_path / "again", 0, silent)
    student.start(tmp_path / "other", 1, silent)
    assert content(tmp_path / "again") == content(start)
    assert content(tmp_path / "other")["model.safetensors"] != content(start)["model.safetensors"]


# --- what is refused ---


def test_training_on_a_test_problem_is_refused(tokenizer) -> None:
    tested = next(p for p in PROBLEMS.values() if p.split == "test")
    traces = [*teacher("plain"), Trace("t", tested.problem_id, "m", tested.answer)]
    with pytest.raises(ContaminationError, match="1 traces of arm 'ST' are of problems of the test split"):
        encode(tokenizer, traces, PROBLEMS, "ST", 512, Recipe())


def test_a_word_that_the_student_cannot_write_is_refused(tokenizer) -> None:
    trace = Trace("t", teacher("plain")[0].problem_id, "m", "answer +3 x2", reasoning="let me ponder .")
    with pytest.raises(StudyError, match="cannot write, for instance 'let'"):
        encode(tokenizer, [trace], PROBLEMS, "ST", 512, Recipe())


def test_too_long_an_example_is_refused_not_cut(tokenizer) -> None:
    with pytest.raises(StudyError, match=r"30 of 30 examples of arm 'ST' are longer than the student's 20 tokens"):
        encode(tokenizer, teacher("template"), PROBLEMS, "ST", 20, Recipe())


def test_nothing_to_train_on_is_refused_with_the_reasons(tokenizer) -> None:
    failed = [Trace("t", "p", "m", "", finish_reason="error", error="timed out")]
    with pytest.raises(StudyError, match="timed out"):
        encode(tokenizer, failed, PROBLEMS, "ST", 512, Recipe())


# --- what is sampled ---


def test_a_checkpoint_writes_traces_that_do_not_depend_on_their_batch(start: Path) -> None:
    problems = list(PROBLEMS.values())[:12]
    sampling = Sampling("sampled", temperature=0.8, max_tokens=24, samples=2, seed=3)
    one = list(Transformers(str(start), batch_size=24).generate(problems, sampling))
    few = list(Transformers(str(start), batch_size=5).generate(problems, sampling))
    part = list(Transformers(str(start)).generate(problems[7:], sampling))
    assert len(one) == 24 and one == few
    assert one[14:] == part
    assert len({t.response for t in one}) > 6, "samples should differ"
    assert {t.finish_reason for t in one} <= {"stop", "length"}
    assert all(t.usage.completion_tokens <= 24 for t in one)


def test_a_slip_of_the_embedded_student_shows_in_its_text(start: Path) -> None:
    """Its special tokens are words like any other: left out, a text would look better than it is."""
    sampling = Sampling("sampled", temperature=5.0, max_tokens=40, samples=20)
    traces = list(Transformers(str(start)).generate(list(PROBLEMS.values())[:2], sampling))
    words = {word for trace in traces for word in f"{trace.reasoning} {trace.response}".split()}
    assert {"<bos>", "<pad>", "<unk>"} <= words and "<eos>" not in words


def test_sampling_follows_the_model_s_probabilities(start: Path) -> None:
    """First tokens drawn for one prompt come with the frequencies of the softmax (chi-square, fixed seed)."""
    from collections import Counter

    from scipy.stats import chisquare
    from transformers import AutoModelForCausalLM, AutoTokenizer

    problem: Problem = next(iter(PROBLEMS.values()))
    tokenizer, model = AutoTokenizer.from_pretrained(start), AutoModelForCausalLM.from_pretrained(start)
    with torch.no_grad():
        ids = torch.tensor([tokenizer(f"<bos> {problem.prompt}", add_special_tokens=False)["input_ids"]])
        p = torch.softmax(model(ids).logits[0, -1].double(), -1)
    sampling = Sampling("sampled", temperature=1.0, max_tokens=1, samples=2000)
    drawn = Counter(
        tokenizer(t.response, add_special_tokens=False)["input_ids"][0] if t.response else tokenizer.eos_token_id
        for t in Transformers(str(start), batch_size=2000).generate([problem], sampling)
    )
    common = [i for i in range(len(p)) if p[i] * 2000 >= 10 and tokenizer.decode([i]) not in ("<think>", "</think>")]
    expected = [float(p[i]) for i in common]
    observed = [drawn[i] for i in common]
    rest_expected, rest_observed = 1 - sum(expected), 2000 - sum(observed)
    assert len(common) > 3
    test = chisquare([*observed, rest_observed], [*(2000 * e for e in expected), 2000 * rest_expected])
    assert test.pvalue > 0.001


def test_a_directory_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no checkpoint"):
        Transformers(str(tmp_path))


def test_example_masks_have_the_length_of_their_ids(tokenizer) -> None:
    for example in encode(tokenizer, teacher("search"), PROBLEMS, "ST", 512, Recipe()):
        assert isinstance(example, Example) and len(example.ids) == len(example.weights)
