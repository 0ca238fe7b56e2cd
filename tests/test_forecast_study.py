"""The forecast of a study: its tokens against its traces, and what is printed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conftest import Understudy
from test_forecast import config
from understudy import registry, tables
from understudy.config import load
from understudy.forecast import forecast
from understudy.forecast.devices import parse
from understudy.forecast.lengths import lengths
from understudy.types import Trace

# --- tokens of a study ---


STUDY = """
study: counted
task: {{questions: {{train: train.jsonl, test: test.jsonl, grader: number}}}}
problems: {{train: null, test: null}}
student: {{hf: {{path: student}}}}
{more}
arms:
  base: {{}}
  ST: {{from: {{file: {{path: st.jsonl}}}}}}
  ST-NT: {{from: ST, vary: no-trace}}
  HC: {{from: ST, vary: {{sbs: {{model: {{openai: {{model: m, max_tokens: 600}}}}}}}}}}
  HC-P: {{from: HC, vary: strip-pivots}}
  HC-H: {{from: HC, vary: {{truncate: {{keep: 0.1}}}}}}
  HC-D: {{from: HC, vary: delete-steps}}
  HC-L: {{from: HC, vary: {{length-match: {{to: 40}}}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Forty questions, of which thirty have a trace of 9 + 2n words."""
    asked = [{"question": f"What is {n} and 1 ?", "answer": str(n + 1)} for n in range(40)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    (tmp_path / "test.jsonl").write_text('{"question": "What is 2 and 2 ?", "answer": "4"}\n')
    rows = [
        {"question": f"What is {n} and 1 ?", "response": f"<think>{'so on ' * n}</think> {n + 1}"} for n in range(30)
    ]
    (tmp_path / "st.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    from tokenizers import Tokenizer, models, pre_tokenizers

    (tmp_path / "student").mkdir()
    (tmp_path / "student" / "config.json").write_text(json.dumps(config("llama")))
    words = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.save(str(tmp_path / "student" / "tokenizer.json"))
    yield tmp_path


def study(folder: Path, more: str = "") -> Any:
    (folder / "study.yaml").write_text(STUDY.format(more=more))
    return load(folder / "study.yaml")


def test_tokens_are_counted_in_files_and_variants_and_else_assumed(folder: Path) -> None:
    found = lengths(study(folder), folder, folder / "run")
    assert found["ST"].examples == 30 and found["ST"].prompt == 6
    assert found["ST"].longest == 6 + 2 + 1 + 2 * 29  # tags, response, reasoning
    assert (
        found["ST-NT"].completion == 1 and found["ST-NT"].how == "from the file, counted with the student's tokenizer"
    )
    assert found["HC"].completion == 300 and found["HC"].how == "assumed: half of max_tokens 600"
    assert [found[arm].completion for arm in ("HC-P", "HC-H", "HC-D", "HC-L")] == [300, 30, 150, 60]
    assert found["HC"].examples == 30, "aligned: every arm has the problems that no arm lacks"
    assert lengths(study(folder, "align: false"), folder, folder)["HC"].examples == 40


def test_a_table_of_the_run_is_taken_before_anything_is_assumed(folder: Path) -> None:
    made = study(folder)
    drawn = registry.build("tasks", made.task, root=folder).problems("train", None, 0)
    traces = [Trace(f"HC/{p.problem_id}/0", p.problem_id, "m", "four words are here") for p in drawn]
    (folder / "run" / "traces" / "train").mkdir(parents=True)
    tables.write_records(Trace, traces, folder / "run" / "traces" / "train" / "HC.parquet")
    found = lengths(made, folder, folder / "run")
    assert (
        found["HC"].completion == 4
        and found["HC"].how == "from the run directory, counted with the student's tokenizer"
    )
    assert found["HC-P"].completion == 4


def test_examples_that_will_be_refused_are_said(understudy: Understudy, folder: Path) -> None:
    study(folder, "train: {max_length: 50}")
    done = understudy("run", folder / "study.yaml", "--dry-run", "--gpu", "h100")
    assert "arm ST has examples of more than 50 tokens, which is refused" in done.stdout
    assert "arm ST-NT has examples" not in done.stdout


def test_tokens_seen_and_steps(folder: Path) -> None:
    more = "train: {num_train_epochs: 2, train_batch_size: 8}"
    made = forecast(study(folder, more), folder, folder / "run", parse("h100"))
    st_ = next(each for each in made.trained if each.arm == "ST")
    assert st_.tokens == pytest.approx(30 * 2 * st_.lengths.mean) and st_.steps == 8
    (folder / "study.yaml").write_text(
        (folder / "study.yaml")
        .read_text()
        .replace("vary: no-trace}", "vary: no-trace, train: {budget: tokens, match: ST}}")
    )
    matched = forecast(load(folder / "study.yaml"), folder, folder / "run", parse("h100"))
    tokens = {each.arm: each.tokens for each in matched.trained}
    assert tokens["ST-NT"] == tokens["ST"]


# --- what is printed ---


def test_what_is_printed_stays_a_study_file(understudy: Understudy, folder: Path) -> None:
    study(folder)
    shown = understudy("run", "study.yaml", "--dry-run", "--gpu", "a100-40", "--mfu", "0.5", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    assert YAML(typ="safe").load(shown.stdout)["study"] == "counted"
    assert "# forecast for a100-40: 39 GiB, 312 TFLOP/s, 1,555 GB/s" in shown.stdout
    assert re.search(r"# ST +30 +\d+ +\d+ +[\d.]+ M", shown.stdout)
    assert "training reaches 50 % (full)" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dry-run", "--gpu", "h10"], "there is no GPU 'h10' in the table\nhint: did you mean 'h100'?"),
        (["--dry-run", "--gpu", "h100", "--mfu", "2"], "--mfu cannot be 2\n"),
        (["--gpu", "h100"], "runs nothing\nhint: add --dry-run"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], message: str, understudy: Understudy, folder: Path) -> None:
    study(folder)
    done = understudy("run", "study.yaml", *arguments, cwd=folder)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_a_study_of_traces_alone_has_nothing_to_forecast(understudy: Understudy, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("study: s\ntask: reach\nproblems: {test: 5}\narms: {a: {from: search}}\n")
    done = understudy("run", "s.yaml", "--dry-run", "--gpu", "h100", cwd=tmp_path)
    assert done.returncode == 2 and "trains no student" in done.stderr
