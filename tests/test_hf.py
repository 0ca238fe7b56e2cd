"""Pretrained students: the checkpoint that every arm starts from, and what training makes of it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from understudy import registry
from understudy.errors import InputError, MissingExtra, StudyError
from understudy.protocols import silent
from understudy.registry import Piece
from understudy.types import Recipe, Sampling

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")
pytest.importorskip("peft", reason="the extra train is not installed")

from tests import small  # noqa: E402

from understudy.models.transformers import Transformers  # noqa: E402
from understudy.students.hf import Hf  # noqa: E402
from understudy.train import recipes, train  # noqa: E402
from understudy.train.examples import Example, prepare  # noqa: E402
from understudy.train.turns import Turn  # noqa: E402

torch.set_num_threads(1)

FAMILIES = ("llama", "qwen3", "mistral")
FAST = Recipe(learning_rate=1e-2, num_train_epochs=6, train_batch_size=8, adam_beta2=0.999)
REACH = registry.build("tasks", Piece("reach", {}))
PROBLEMS = {**small.PROBLEMS, small.TEST.problem_id: small.TEST}


def loss(directory: Path, examples: list[Example]) -> float:
    """The mean over what is learned, computed without any code of the training."""
    from transformers import AutoModelForCausalLM

    model, total, weight = AutoModelForCausalLM.from_pretrained(directory).eval(), 0.0, 0.0
    with torch.no_grad():
        for example in examples:
            logits = model(torch.tensor([example.ids])).logits[0, :-1].float()
            nll = torch.nn.functional.cross_entropy(logits, torch.tensor(example.ids[1:]), reduction="none")
            weights = torch.tensor(example.weights[1:])
            total, weight = total + float((nll * weights).sum()), weight + float(weights.sum())
    return total / weight


def digest(directory: Path) -> dict[str, str]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.checkpoint(tmp_path_factory.mktemp(family) / "model", family)


@pytest.fixture(scope="module")
def start(model: Path) -> Path:
    path = model.parent / "start-0"
    Hf(str(model)).start(path, 0, silent)
    return path


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.checkpoint(tmp_path_factory.mktemp("one") / "model", "qwen2")


def learn(start: Path, output: Path, recipe: Recipe = FAST, traces: Any = small.TRACES) -> dict[str, Any]:
    train(traces, PROBLEMS, start, recipe, 0, "ST", output, silent)
    return json.loads((output / "training.json").read_text())


def examples_of(start: Path, recipe: Recipe = FAST) -> list[Example]:
    from transformers import AutoTokenizer

    return prepare(AutoTokenizer.from_pretrained(start), small.TRACES, PROBLEMS, "ST", 256, recipe).examples


# --- the checkpoint that every arm starts from ---


def test_the_start_is_the_model_with_linked_weights_and_says_where_it_is_from(model: Path, start: Path) -> None:
    from transformers import AutoModelForCausalLM

    assert (model / "model.safetensors").samefile(start / "model.safetensors")
    assert json.loads((start / "source.json").read_text())["path"] == str(model)
    ours, theirs = (AutoModelForCausalLM.from_pretrained(path).state_dict() for path in (start, model))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not [path.name for path in start.iterdir() if path.suffix in (".bin", ".py")]


def test_making_the_start_leaves_the_model_as_it_was(model: Path, tmp_path: Path) -> None:
    before = digest(model)
    Hf(str(model), chat_template="plain").start(tmp_path / "start", 0, silent)
    learn(tmp_path / "start", tmp_path / "ST-0", replace(FAST, num_train_epochs=1))
    assert digest(model) == before


def test_a_whole_conversation_is_what_the_template_writes(start: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(start)
    stop = Turn.of(tokenizer).stop
    for trace, example in zip(small.TRACES, examples_of(start), strict=True):
        asked = {"role": "user", "content": small.PROBLEMS[trace.problem_id].prompt}
        thought = f"<think>\n{trace.reasoning}\n</think>\n\n{trace.response}"
        ways = (
            {"role": "assistant", "content": thought},
            {"role": "assistant", "content": trace.response, "reasoning_content": trace.reasoning},
        )
        rendered = [tokenizer.apply_chat_template([asked, way], tokenize=False).rstrip("\n") for way in ways]
        assert tokenizer.decode(example.ids) == next(text for text in rendered if trace.reasoning in text)
        prompt = tokenizer.apply_chat_template([asked], add_generation_prompt=True, return_dict=False)
        assert example.ids[: len(prompt)] == prompt and not any(example.weights[: len(prompt)])
        assert set(example.weights[len(prompt) :]) == {1.0} and example.ids[-1] == stop


def test_a_prompt_does_not_change_from_day_to_day(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    path = small.checkpoint(tmp_path / "m", "llama")
    Hf(str(path)).start(tmp_path / "start", 0, silent)
    chat = [{"role": "user", "content": "?"}]
    dated, fixed = (
        AutoTokenizer.from_pretrained(p).apply_chat_template(chat, tokenize=False) for p in (path, tmp_path / "start")
    )
    assert "Today Date: 26 Jul 2024" in fixed and "Today Date: 26 Jul 2024" not in dated


def test_the_end_of_a_turn_ends_a_text(tmp_path: Path) -> None:
    """A chat model whose files name only the end of a document would write on after its turn."""
    path = small.checkpoint(tmp_path / "m", "llama")
    small.change(path / "generation_config.json", eos_token_id=7, temperature=0.6)
    Hf(str(path)).start(tmp_path / "start", 0, silent)
    end = small.words("llama").convert_tokens_to_ids("<|eot_id|>")
    assert json.loads((tmp_path / "start" / "generation_config.json").read_text())["eos_token_id"] == [7, end]
    learn(tmp_path / "start", tmp_path / "ST-0", replace(FAST, num_train_epochs=1))
    assert json.loads((tmp_path / "ST-0" / "generation_config.json").read_text())["eos_token_id"] == [7, end]


def test_the_plain_template_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    path = small.checkpoint(tmp_path / "m", "llama", template=None)
    Hf(str(path), chat_template="plain").start(tmp_path / "start", 0, silent)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "start")
    trace, example = small.TRACES[0], examples_of(tmp_path / "start")[0]
    prompt = small.PROBLEMS[trace.problem_id].prompt
    text = f"{prompt}\n<think>\n{trace.reasoning}\n</think>\n\n{trace.response}<|end_of_text|>"
    assert tokenizer.decode(example.ids) == text


def test_a_file_with_a_template_takes_the_place_of_the_model_s(qwen: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    (tmp_path / "own.jinja").write_text(small.THINKING, encoding="utf-8")
    Hf(str(qwen), root=tmp_path, chat_template="own.jinja").start(tmp_path / "start", 0, silent)
    assert AutoTokenizer.from_pretrained(tmp_path / "start").chat_template == small.THINKING


def test_a_model_in_several_files_is_linked_by_its_index(qwen: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    made = AutoModelForCausalLM.from_pretrained(qwen)
    made.save_pretrained(tmp_path / "m", max_shard_size="20KB")
    small.words("qwen2").save_pretrained(tmp_path / "m")
    (tmp_path / "m" / "consolidated.safetensors").write_bytes(b"the same once more")
    shards = sorted(path.name for path in (tmp_path / "m").glob("model-*.safetensors"))
    Hf(str(tmp_path / "m")).start(tmp_path / "start", 0, silent)
    assert len(shards) > 2 and sorted(p.name for p in (tmp_path / "start").glob("*.safetensors")) == shards
    assert recipes.parameters_of(tmp_path / "start") == made.num_parameters()
    (tmp_path / "m" / shards[1]).unlink()
    with pytest.raises(InputError, match=rf"lacks 1 of {len(shards)} files of weights \({shards[1]}\)"):
        Hf(str(tmp_path / "m")).start(tmp_path / "again", 0, silent)


# --- training ---


def test_a_student_learns_and_any_library_loads_it(start: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    examples = examples_of(start)
    summary = learn(start, tmp_path / "ST-0")
    assert loss(tmp_path / "ST-0", examples) < loss(start, examples) - 1
    assert (summary["examples"], summary["dropped"], summary["left_out"]) == (len(small.TRACES), 0, {})
    assert (
        AutoTokenizer.from_pretrained(tmp_path / "ST-0").chat_template
        == AutoTokenizer.from_pretrained(start).chat_template
    )
    (trace,) = Transformers(str(tmp_path / "ST-0")).generate([small.TEST], Sampling(max_tokens=60))
    assert trace.error is None and trace.usage.completion_tokens


def test_adapters_are_learned_and_merged_and_kept_beside(start: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    examples, recipe = examples_of(start), replace(FAST, method="lora", learning_rate=5e-2, lora_dropout=0.1)
    learn(start, tmp_path / "ST-0", recipe)
    assert loss(tmp_path / "ST-0", examples) < loss(start, examples) - 0.1
    base, whole = (AutoModelForCausalLM.from_pretrained(path).eval() for path in (start, tmp_path / "ST-0"))
    apart = PeftModel.from_pretrained(base, tmp_path / "ST-0" / "adapter").eval()
    ids = torch.tensor([examples[0].ids])
    with torch.no_grad():
        assert torch.allclose(apart(ids).logits, whole(ids).logits, atol=1e-4)
    config = json.loads((tmp_path / "ST-0" / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == f"../../{start.name}" and config["r"] == 16
    adapted = {name.rpartition(".")[2] for name in config["target_modules"]}
    assert adapted == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert config["target_modules"] == sorted(config["target_modules"]), "in one order in every process"


def test_an_adapter_is_a_student_too_with_its_base(start: Path, tmp_path: Path) -> None:
    """The base that our adapters name lies beside the students of the run."""
    students = tmp_path / "run" / "students"
    Hf(str(start)).start(students / "start-0", 0, silent)
    learn(students / "start-0", students / "ST-0", replace(FAST, method="lora", num_train_epochs=1))
    Hf(str(students / "ST-0" / "adapter")).start(tmp_path / "again", 0, silent)
    examples = examples_of(start)
    assert loss(tmp_path / "again", examples) == pytest.approx(loss(students / "ST-0", examples), abs=1e-4)


def test_the_same_seed_trains_the_same_adapter_and_another_does_not(qwen: Path, tmp_path: Path) -> None:
    recipe = replace(FAST, method="lora", num_train_epochs=1)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(small.TRACES, PROBLEMS, qwen, recipe, seed, "ST", tmp_path / name, silent)
    first, again, other = (digest(tmp_path / name) for name in "abc")
    assert first == again and first["model.safetensors"] != other["model.safetensors"]


def test_a_checkpoint_keeps_its_number_format(qwen: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(qwen, dtype=torch.bfloat16).save_pretrained(tmp_path / "m")
    small.words("qwen2").save_pretrained(tmp_path / "m")
    for method in ("full", "lora"):
        learn(tmp_path / "m", tmp_path / method, replace(FAST, method=method, num_train_epochs=1))
        assert AutoModelForCausalLM.from_pretrained(tmp_path / method).dtype == torch.bfloat16


def test_layers_that_are_not_there_are_named_with_those_that_are(qwen: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"target_modules: .*nosuch") as raised:
        learn(qwen, tmp_path / "x", replace(FAST, method="lora", target_modules=("nosuch",)))
    assert "down_proj" in raised.value.hint


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_qlora_says_what_it_lacks(qwen: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"qlora needs (bitsandbytes|a CUDA device)") as raised:
        learn(qwen, tmp_path / "x", replace(FAST, method="qlora"))
    assert "method: lora" in raised.value.hint and "\n" not in raised.value.message


def test_adapters_without_peft_say_the_pip_command(monkeypatch) -> None:
    from understudy.train.adapters import refuse_missing

    find = registry.find_spec
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "peft" else find(name))
    refuse_missing(Recipe())
    with pytest.raises(MissingExtra) as raised:
        refuse_missing(Recipe(method="lora"))
    assert "pip install 'understudy[train]'" in raised.value.hint
