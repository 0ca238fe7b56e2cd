"""Variants that have a model write the reasoning: trace-summary and post-hoc, with a stranger's scripted model."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from conftest import Understudy
from understudy import registry
from understudy.config import load
from understudy.errors import InputError, StudyError, UnknownName
from understudy.plan import plan
from understudy.registry import Piece
from understudy.rundir import keys
from understudy.types import Problem, Skip, Trace
from understudy.vary import CLAIMED, vary

PARROT = '''
"""A stranger's model that says the last words of what it is asked, and keeps a log of all that it was asked."""

import json
from dataclasses import dataclass
from pathlib import Path

from understudy.registry import entry
from understudy.types import Trace


@entry
@dataclass(frozen=True)
class Parrot:
    """Says the last ``words`` words of the prompt."""

    log: str
    words: int = 3
    ends: str = "stop"
    root: Path = Path()

    def generate(self, problems, sampling):
        with (self.root / self.log).open("a") as log:
            log.write(json.dumps([problem.prompt for problem in problems]) + "\\n")
        for problem in problems:
            if "unheard" in problem.prompt:
                continue
            error = "no answer" if self.ends == "error" else None
            text = " ".join(problem.prompt.split()[-self.words :]) if self.words else ""
            yield Trace("t", problem.problem_id, "parrot", text, None, finish_reason=self.ends, error=error)
'''
PROBLEMS = {f"p{n}": Problem(f"p{n}", "t", f"What is {n} and {n}?", str(2 * n), "train") for n in range(3)}
TRACES = [
    Trace(f"a/p{n}/0", f"p{n}", "m", f"So {2 * n}.", f"A long secret way round that ends at {2 * n}") for n in range(3)
]


def stranger(folder: Path) -> Path:
    """A package that puts the model on the shelf."""
    (folder / "parrot.py").write_text(PARROT)
    about = folder / "parrot-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[understudy.models]\nparrot = parrot\n")
    return folder


@pytest.fixture
def parrot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(stranger(tmp_path)))
    registry.modules.cache_clear()
    yield tmp_path
    registry.modules.cache_clear()


def build(name: str, root: Path, **model: object) -> Any:
    piece = Piece(name, {"model": {"parrot": {"log": "log.jsonl", **model}}})
    return registry.build("variants", piece, root=root)


def asked(root: Path) -> list[list[str]]:
    return [json.loads(line) for line in (root / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["trace-summary", "post-hoc"])
def test_the_model_writes_the_reasoning_and_nothing_else_changes(name: str, parrot: Path) -> None:
    variant = build(name, parrot)
    assert {f"keeps {c}" for c in variant.keeps} | {f"makes {c}" for c in variant.makes} <= CLAIMED
    after = vary(TRACES, PROBLEMS, variant, name, "b", 0)
    for old, new in zip(TRACES, after, strict=True):
        assert (new.trace_id, new.parent_id, new.variant) == (f"b/{old.problem_id}/0", old.trace_id, name)
        assert (new.response, new.problem_id, new.model) == (old.response, old.problem_id, old.model)
        assert new.reasoning not in (None, old.reasoning) and len(new.reasoning.split()) == 3
    assert [len(prompts) for prompts in asked(parrot)] == [3], "all traces are asked for at once"


def test_each_model_sees_what_it_may_see(parrot: Path) -> None:
    for name in ("trace-summary", "post-hoc"):
        vary(TRACES, PROBLEMS, build(name, parrot), name, "b", 0)
    summaries, explanations = asked(parrot)
    for trace, summary, explanation in zip(TRACES, summaries, explanations, strict=True):
        question = PROBLEMS[trace.problem_id].prompt
        assert question in summary and str(trace.reasoning) in summary and trace.response not in summary
        assert question in explanation and trace.response in explanation and "secret" not in explanation
        assert "$" not in summary + explanation


def test_text_with_marks_of_a_template_goes_in_as_it_is(parrot: Path) -> None:
    odd = Trace("a", "p0", "m", "$answer", "costs $5, {x} and $question $$")
    changed = build("trace-summary", parrot, words=5).vary(odd, PROBLEMS["p0"], Random(0))
    assert isinstance(changed, Trace) and changed.reasoning == "$5, {x} and $question $$"


def test_the_same_prompt_is_asked_once(parrot: Path) -> None:
    vary([TRACES[0]] * 3, PROBLEMS, build("post-hoc", parrot), "post-hoc", "b", 0)
    assert [len(prompts) for prompts in asked(parrot)] == [1]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"words": 0}, "the model wrote nothing"),
        ({"ends": "length"}, "the model's text was cut off"),
        ({"ends": "error"}, "the model failed: no answer"),
    ],
)
def test_what_the_model_fails_at_is_left_out_with_the_reason(model: dict[str, Any], reason: str, parrot: Path) -> None:
    after = vary(TRACES, PROBLEMS, build("trace-summary", parrot, **model), "trace-summary", "b", 0)
    assert [(trace.error, trace.finish_reason) for trace in after] == [(reason, "error")] * 3


def test_what_cannot_be_rewritten_is_left_out_and_not_asked(parrot: Path) -> None:
    bare, silent = Trace("a", "p0", "m", "0"), Trace("b", "p0", "m", " ", "hm")
    unheard = Trace("c", "p1", "m", "2", "unheard")
    summary, post_hoc = build("trace-summary", parrot), build("post-hoc", parrot)
    assert summary.vary(bare, PROBLEMS["p0"], Random(0)) == Skip("has no reasoning to rewrite")
    assert summary.vary(silent, PROBLEMS["p0"], Random(0)) == Skip("has no response to keep")
    assert not (parrot / "log.jsonl").exists()
    assert summary.vary(unheard, PROBLEMS["p1"], Random(0)) == Skip("the model wrote nothing")
    assert isinstance(post_hoc.vary(bare, PROBLEMS["p0"], Random(0)), Trace)


def test_failed_attempts_pass_through_in_their_place(parrot: Path) -> None:
    failed = Trace("f", "p1", "m", "", error="no reply", finish_reason="error")
    after = vary([TRACES[0], failed, TRACES[2]], PROBLEMS, build("post-hoc", parrot), "post-hoc", "b", 0)
    assert after[1] == failed and [trace.problem_id for trace in after] == ["p0", "p1", "p2"]
    assert after[2].parent_id == TRACES[2].trace_id


@pytest.mark.parametrize(
    ("parameters", "error", "word"),
    [
        ({}, StudyError, "needs the parameter 'model'"),
        ({"model": "parot"}, UnknownName, "did you mean 'parrot'"),
        ({"model": {"parrot": {}}}, StudyError, "needs the parameter 'log'"),
        ({"model": {"parrot": {"log": "l"}, "file": {}}}, StudyError, "is no entry"),
        ({"model": {"file": {"path": "none.jsonl"}}}, InputError, "none.jsonl"),
        ({"model": {"parrot": {"log": "l"}}, "max_tokens": 0}, StudyError, "max_tokens 0"),
    ],
)
def test_mistakes_are_found_when_it_is_made(
    parameters: dict[str, Any], error: type[Exception], word: str, parrot: Path
) -> None:
    with pytest.raises(error, match=word):
        registry.build("variants", Piece("post-hoc", parameters), root=parrot)


STUDY = """
study: rewritten
task: stories
problems: {test: 12}
arms:
  correct: {from: script}
  summary: {from: correct, vary: {trace-summary: {model: {parrot: {log: log.jsonl, words: 9}}}}}
  post-hoc: {from: correct, vary: {post-hoc: {model: {parrot: {log: log.jsonl, words: 2}}}}}
compare: {baseline: correct, resamples: 100}
"""


def test_a_study_checks_what_the_model_did(understudy: Understudy, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    done = understudy("run", path, "--out", tmp_path / "run", PYTHONPATH=str(stranger(tmp_path)))
    assert done.returncode == 0, done.stderr
    checks = pl.read_parquet(tmp_path / "run" / "checks.parquet")
    held = {
        (arm, claim): (value, n) for arm, claim, value, n in checks.select("arm", "claim", "value", "n").iter_rows()
    }
    assert held["summary", "makes shorter"] == held["post-hoc", "keeps answer"] == (1.0, 12)
    assert len(asked(tmp_path)) == 2, "each arm asks its model once, and a later stage does not ask again"


def test_another_file_of_the_model_is_another_key(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        "study: s\ntask: stories\nproblems: {test: 5}\narms:\n  a: {from: script}\n"
        "  b: {from: a, vary: {post-hoc: {model: {file: {path: told.jsonl}}}}}\n"
    )
    found = []
    for text in ("one", "two"):
        (tmp_path / "told.jsonl").write_text(json.dumps({"question": "?", "response": text}))
        found.append(keys(plan(load(tmp_path / "study.yaml"), tmp_path)))
    changed = {name for name in found[0] if found[0][name] != found[1][name]}
    assert "traces/test/b/0-collected" in changed and "traces/test/a/0-collected" not in changed
