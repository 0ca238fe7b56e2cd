"""The studies that come along: each loads and plans, and those of real models run as they are, on tiny ones."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from conftest import DATA, Understudy
from endpoint import Endpoint, serve
from understudy import registry
from understudy.config import bundled, load
from understudy.plan import plan
from understudy.protocols import silent
from understudy.registry import Piece
from understudy.study import data_root

OF_REAL_MODELS = ("style-over-substance", "interpretable-traces-hf", "smoke-hf")


@pytest.mark.parametrize("name", sorted(bundled()))
def test_every_study_loads_and_plans(name: str) -> None:
    if name == "real-traces" and not DATA.is_dir():
        pytest.skip("its files of traces are not here")
    path = bundled()[name]
    study = load(path)
    assert study.study == name and study.question and study.note
    assert plan(study, data_root(study, path))


@pytest.mark.parametrize("name", OF_REAL_MODELS)
def test_a_dry_run_needs_no_file_no_key_and_no_network(name: str, understudy: Understudy, tmp_path: Path) -> None:
    nowhere = {
        "OPENAI_API_KEY": "",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path),
        "https_proxy": "http://localhost:1",
    }
    done = understudy("run", name, "--dry-run", "--gpu", "h100", cwd=tmp_path, **nowhere)
    assert done.returncode == 0, done.stderr
    assert "# forecast for h100" in done.stdout and not list(tmp_path.glob("*")), "nothing is left behind"


def test_the_forecast_of_the_paper_s_study(understudy: Understudy, tmp_path: Path) -> None:
    shown = understudy("run", "style-over-substance", "--dry-run", "--gpu", "rtx4090", cwd=tmp_path).stdout
    assert "arm ST would ask deepseek-ai/DeepSeek-R1: requests: 1;" in shown
    assert "student meta-llama/Llama-3.2-3B-Instruct: 3.21 billion parameters" in shown
    assert "the task has 1 training problems here; the figures are for the 18,242 of the study" in shown
    assert re.search(r"# fits +no", shown) and "method: lora" in shown
    assert re.search(r"# ST +18,242 +8,\d\d\d .* assumed: half of max_tokens 16,384, before selection", shown)


# --- smoke-hf ---


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory, understudy: Understudy) -> Path:
    """The study as it is, from problems to report. The papers' studies below have Qwen3 for a student."""
    pytest.importorskip("torch", reason="the extra train is not installed")
    pytest.importorskip("peft", reason="the extra train is not installed")
    out = tmp_path_factory.mktemp("smoke") / "run"
    done = understudy("run", "smoke-hf", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def test_smoke_trains_every_student_by_its_recipe(smoke: Path) -> None:
    training = {row["arm"]: row for row in pl.read_parquet(smoke / "training.parquet").iter_rows(named=True)}
    assert set(training) == {"ST", "ST-lora", "ST-W", "SBS"}
    assert {row["examples"] for row in training.values()} == {64}
    assert training["ST"]["steps"] == 24
    assert training["ST"]["tokens"] <= training["SBS"]["tokens"] < training["ST"]["tokens"] + 1000
    for arm in training:
        directory = smoke / "students" / f"{arm}-0"
        kind = json.loads((directory / "config.json").read_text())["model_type"]
        assert kind == "llama" and (directory / "model.safetensors").stat().st_size > 1000
        assert (directory / "adapter").is_dir() == (arm == "ST-lora")
    weights = [
        (smoke / "students" / f"{arm}-0" / "model.safetensors").read_bytes() for arm in ("start", "ST", "ST-lora")
    ]
    assert len(set(weights)) == 3, "every recipe moved the weights"


def test_smoke_samples_every_way(smoke: Path) -> None:
    outcomes = pl.read_parquet(smoke / "outcomes.parquet")
    counts = {(arm, way): n for arm, way, n in outcomes.group_by("arm", "sampling").len().iter_rows()}
    assert counts == {
        (arm, way): 24 if way == "sampled" else 6
        for arm in ("base", "ST", "ST-lora", "ST-W", "SBS")
        for way in ("greedy", "sampled", "forced")
    }
    drawn = pl.read_parquet(smoke / "traces" / "test" / "SBS" / "0-sampled.parquet")
    assert drawn.select("reasoning", "response").n_unique() > 12, "samples of a problem differ"
    forced = pl.read_parquet(smoke / "traces" / "test" / "SBS" / "0-forced.parquet")["metadata"]
    fired = [json.loads(text) for text in forced]
    assert all(row["waits"] <= 1 and row["forced_end"] <= 1 for row in fired)
    assert any(row["forced_end"] for row in fired), "no reasoning was ended for the student"


def test_smoke_ends_in_a_report(smoke: Path) -> None:
    report = (smoke / "report.html").read_text(encoding="utf-8")
    assert "ST-lora" in report and "Does every step" in report


# --- style-over-substance ---

RATES = {rolls: 6 * rolls - 59 for rolls in range(14, 28)}


def question(rolls: int) -> str:
    return f"A baker bakes 6 trays with {rolls} rolls each and sells 59 rolls. How many rolls are left?"


def thought(rolls: int) -> str:
    """A trace in the style that ST-HC asks for."""
    total, left = 6 * rolls, 6 * rolls - 59
    return f"""The question asks how many rolls are left. Six trays with {rolls} rolls each are given, and 59 are sold.

I multiply the trays first. 6 times {rolls} is {total - 10}. Then I take away what was sold. Wait, 6 times {rolls} \
cannot be {total - 10}. 6 times 10 is 60. 6 times {rolls - 10} is {total - 60}. 60 + {total - 60} = {total}. \
Alternatively, I could add {rolls} six times. Then {total} - 59 = {left}.

Let me check: {left} + 59 = {total}, and {total} / 6 = {rolls}. So the figures fit, and I verify that nothing was left \
out.

Now I see how it goes: the trays give {total}, and what was sold leaves {left}. So the answer is {left}."""


class Teachers(Endpoint):
    """A reasoning teacher, and a writer that does as its prompt says; both are right, but the teacher not always."""

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        prompt = body["messages"][-1]["content"]
        rolls = int(re.search(r"6 trays with (\d+) rolls", prompt)[1])  # type: ignore[index]
        left = RATES[rolls]
        message = {"role": "assistant", "content": f"There are {left} rolls left."}
        if prompt == question(rolls):
            message |= {
                "reasoning_content": thought(rolls),
                "content": f"So \\boxed{{{left + (rolls == 14)}}} are left.",
            }
        elif "Wait" in prompt:
            message["content"] = f"{thought(rolls)}\n\n### Answer\n\nThere are {left} rolls left."
        else:
            steps = f"First, 6 * {rolls} = {6 * rolls} rolls are baked. Next, {6 * rolls} - 59 = {left} are left."
            message["content"] = f"{steps} That is all.\n\n### Answer\nThere are {left} rolls left."
        return {"id": "x", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory, understudy: Understudy) -> Path:
    """The very study file, with a tiny student and a teacher and a writer on this machine."""
    pytest.importorskip("torch", reason="the extra train is not installed")
    folder = tmp_path_factory.mktemp("paper")
    asked = [{"question": question(rolls), "answer": str(left)} for rolls, left in RATES.items()]
    (folder / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    tested = [{"problem": f"What is ${n}^2$?", "answer": str(n * n)} for n in (7, 8)]
    (folder / "math500.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tested))
    endpoint = Teachers()
    with serve(endpoint) as url:
        changed = {
            "data": folder,
            "task.suite.train.questions.train": "seeds.jsonl",
            "task.suite.test": "{MATH500: {math500: {test: math500.jsonl}}}",
            "problems": "{train: 14, test: 2}",
            "student": "{scratch: {architecture: qwen3, hidden_size: 32, vocabulary: 512, context: 2048}}",
            "train": "{max_length: 2000, tokens_per_batch: 4096, train_batch_size: 8, packing: true}",
            "train.num_train_epochs": "1",
            "sample": "{sampled: {temperature: 0.6, top_p: 0.95, samples: 2, max_tokens: 12}}",
            "arms.ST.from.openai.base_url": url,
            "arms.ST.from.openai.model": "m",
            "arms.ST-HC.vary.st-hc.model.openai.base_url": url,
            "arms.ST-HC.vary.st-hc.model.openai.model": "m",
            "arms.ST-short.vary": "{length-match: {to: 80}}",
        }
        sets = [part for name, value in changed.items() for part in ("--set", f"{name}={value}")]
        done = understudy("run", "style-over-substance", "--out", folder / "run", *sets, cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "prompts.json").write_text(json.dumps([arrival.prompt for arrival in endpoint.log]))
    return folder / "run"


def test_the_paper_s_study_runs_from_end_to_end(paper: Path) -> None:
    arms = set(load(bundled()["style-over-substance"]).arms)
    training = {row["arm"]: row for row in pl.read_parquet(paper / "training.parquet").iter_rows(named=True)}
    assert set(training) == arms - {"base"}
    assert {row["examples"] for row in training.values()} == {13}, "the wrong trace of the teacher is in no arm"
    most = training["ST-HC"]["tokens"]
    assert all(most <= training[arm]["tokens"] <= 1.6 * most for arm in ("ST-T", "SBS-T"))
    outcomes = pl.read_parquet(paper / "outcomes.parquet")
    assert set(outcomes["arm"]) == arms and len(outcomes) == 4 * len(arms)
    assert "ST-strip" in (paper / "report.html").read_text(encoding="utf-8")


def test_every_control_of_the_paper_s_study_holds_what_it_claims(paper: Path) -> None:
    every = pl.read_parquet(paper / "checks.parquet").drop_nulls("value")
    kept, checks = (
        every.filter((pl.col("claim") == "keeps what it selects") == selected) for selected in (True, False)
    )
    assert kept.select("arm", "variant", "n", "dropped").rows() == [("ST", "finished", 14, 0), ("ST", "right", 14, 1)]
    assert checks.filter(pl.col("value") < 1).is_empty(), checks.filter(pl.col("value") < 1)
    changed = {"ST-HC", "ST-HC-W", "SBS", "ST-NT", "ST-strip", "ST-shuffle", "ST-delete", "ST-half", "ST-short"}
    assert changed | {"SBS-pivots"} <= set(checks["arm"])


def test_no_question_of_the_paper_s_study_is_asked_twice(paper: Path) -> None:
    prompts = json.loads((paper.parent / "prompts.json").read_text())
    assert len(prompts) == len(set(prompts)) == 14 + 2 * 13, "the writer is not asked what the teacher got wrong"


# --- interpretable-traces-hf ---


def test_the_other_paper_s_study_runs_on_a_checkpoint(understudy: Understudy, tmp_path: Path) -> None:
    """With its recipe, but for four bits, which need a GPU."""
    pytest.importorskip("peft", reason="the extra train is not installed")
    task = registry.build("tasks", Piece("cotempqa", {}))
    small = Piece("scratch", {"architecture": "qwen3", "vocabulary": 1000, "context": 2048})
    (tmp_path / "student").mkdir()
    registry.build("students", small, task=task).start(tmp_path / "student", 0, silent)
    changed = {"data": tmp_path, "student.hf.path": "student", "train.method": "lora", "sample.greedy.max_tokens": 8}
    sets = [part for name, value in changed.items() for part in ("--set", f"{name}={value}")]
    done = understudy("run", "interpretable-traces-hf", "--out", tmp_path / "run", *sets, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    training = {row["arm"]: row for row in pl.read_parquet(tmp_path / "run" / "training.parquet").iter_rows(named=True)}
    assert set(training) == {"vanilla", "vanilla-T", "correct", "incorrect"}
    assert training["vanilla"]["epochs"] == 3 and training["vanilla"]["tokens"] < training["correct"]["tokens"]
    assert training["correct"]["tokens"] <= training["vanilla-T"]["tokens"] < 1.5 * training["correct"]["tokens"]
    saved = json.loads((tmp_path / "run" / "students" / "correct-0" / "adapter" / "adapter_config.json").read_text())
    assert (saved["r"], saved["lora_alpha"], len(saved["target_modules"])) == (16, 32, 7), "the paper's recipe"
    outcomes = pl.read_parquet(tmp_path / "run" / "outcomes.parquet")
    assert set(outcomes["arm"]) == {"base", *training}
