"""``understudy verify``: accuracy with its bounds, gold out of the files, and how far a judge agrees with the rule."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from conftest import Understudy
from understudy import registry
from understudy.errors import InputError, UnknownName
from understudy.graders.judge import verdict
from understudy.graders.math import Math
from understudy.registry import Piece, build
from understudy.types import Problem, Score, Trace
from understudy.verify import Agreement, accuracy, agreement, verify

JUDGE = '''
"""A stranger's model that judges: a response that holds "sure" is correct, and it never decides on "odd"."""

import json
from dataclasses import dataclass
from pathlib import Path

from understudy.registry import entry
from understudy.types import Trace


@entry
@dataclass(frozen=True)
class Simple:
    """Finds the response between its tags."""

    log: str
    root: Path = Path()

    def generate(self, problems, sampling):
        with (self.root / self.log).open("a") as log:
            log.write(json.dumps([problem.prompt for problem in problems]) + "\\n")
        for problem in problems:
            response = problem.prompt.rpartition("<response>")[2].partition("</response>")[0]
            word = "CORRECT" if "sure" in response else "INCORRECT"
            text = "I cannot say." if "odd" in response else f"It says so.\\nVERDICT: {word}"
            yield Trace("t", problem.problem_id, "simple", text)
'''
RESPONSES = (
    {"q": "2+2?", "gold": "4", "response": "\\boxed{4}, sure", "finish_reason": "stop"},
    {"q": "2+3?", "gold": "5", "response": "\\boxed{6}", "finish_reason": "stop"},
    {"q": "2+4?", "gold": "6", "response": "\\boxed{6}", "finish_reason": "stop"},
    {"q": "2+5?", "gold": "7", "response": "odd: \\boxed{7}", "finish_reason": "stop"},
    {"q": "2+6?", "gold": "8", "response": "Let me", "finish_reason": "length"},
    {"q": "2+7?", "gold": "9", "response": "", "finish_reason": "stop"},
    {"q": "2+8?", "gold": "10", "response": "I have no idea whatever of this.", "finish_reason": "stop"},
    {"q": "2+9?", "gold": "11", "response": "\\boxed{[\u001b[31m}", "finish_reason": "stop"},
)


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "simple.py").write_text(JUDGE)
    about = tmp_path / "simple-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: simple\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[understudy.models]\nsimple = simple\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.modules.cache_clear()
    yield tmp_path
    registry.modules.cache_clear()


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    file = tmp_path / "outputs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in RESPONSES))
    return file


def made(root: Path, **parameters: object) -> Any:
    return build("graders", Piece("judge", {"model": {"simple": {"log": "log.jsonl"}}, **parameters}), root=root)


def problem(n: int) -> Problem:
    return Problem(f"p{n}", "t", f"What is {n} and {n}?", str(2 * n), "test")


def test_gold_in_the_rows_is_graded_with_bounds_and_interval(understudy: Understudy, outputs: Path) -> None:
    command = ("verify", outputs, "--grader", "math", "--answer", "gold", "--prompt", "q", "--json")
    done = understudy(*command, "--out", outputs.with_suffix(".parquet"))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    counts = {name: row[name] for name in ("traces", "right", "wrong", "truncated", "empty", "malformed", "error")}
    assert counts == {"traces": 8, "right": 3, "wrong": 1, "truncated": 1, "empty": 1, "malformed": 1, "error": 0}
    assert row["not comparable"] == 1
    assert (row["accuracy %"], row["if unscored were right"]) == ("37.5", "87.5")
    assert row["95 % interval"] == "13.7–69.4"  # Wilson: 3 of 8
    scores = pl.read_parquet(outputs.with_suffix(".parquet"))
    assert scores["trace_id"][0] == "outputs.jsonl row 1/0" and scores["answer"][1] == "6"
    assert scores["value"].null_count() == 4


def test_the_gold_of_a_row_is_that_of_the_row_even_where_prompts_are_the_same(
    understudy: Understudy, tmp_path: Path
) -> None:
    file = tmp_path / "same.jsonl"
    rows = [{"question": "How many?", "answer": str(n), "response": f"\\boxed{{{n}}}"} for n in range(5)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = understudy("verify", file, "--grader", "number", "--json")
    assert json.loads(done.stdout)[0]["right"] == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), ("no rule", "--grader")),
        (("--grader", "maths"), ("no 'maths'", "'math'")),
        (("--grader", "math", "--answer", "gld"), ("no field 'gld'", "'gold'")),
        (("--grader", "{set: {need: some}}", "--answer", "gold"), ("need", "some")),
        (("--task", "gsm8k", "--answer", "gold"), ("--answer", "--task")),
        (("--grader", "judge", "--answer", "gold"), ("needs the parameter 'model'",)),
        (("--grader", "math", "--answer", "finish"), ("no field",)),
    ],
)
def test_mistakes_are_one_sentence_and_a_hint(
    understudy: Understudy, outputs: Path, arguments: tuple[str, ...], said: tuple[str, ...]
) -> None:
    done = understudy("verify", outputs, *arguments)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert all(text in done.stderr for text in said), done.stderr


def test_a_judge_is_asked_once_and_its_agreement_is_printed(understudy: Understudy, outputs: Path, judge: Path) -> None:
    piece = f"{{judge: {{model: {{simple: {{log: '{judge / 'log.jsonl'}'}}}}}}}}"
    command = ("verify", outputs, "--grader", "math", "--answer", "gold", "--prompt", "q", "--judge", piece)
    done = understudy(*command, PYTHONPATH=str(judge))
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()][-1] == ["outputs.jsonl", "3", "0.667", "0.400"]
    (asked,) = [json.loads(line) for line in (judge / "log.jsonl").read_text().splitlines()]
    assert len(asked) == 6 and "2+2?" in asked[0]  # what was cut off or is empty is not judged
    assert "\x1b" not in done.stdout


def test_a_judge_says_correct_incorrect_or_nothing(judge: Path) -> None:
    pairs = [
        (problem(1), "sure, 2"),
        (problem(2), "5"),
        (problem(3), "odd"),
        (problem(4), " "),
        (problem(1), "sure, 2"),
    ]
    grader = made(judge)
    scores = grader.grade_all(pairs)
    assert [score.value for score in scores] == [1, 0, None, 0, 1]
    assert "no verdict" in scores[2].explanation and "I cannot say." in scores[2].explanation
    assert len(json.loads((judge / "log.jsonl").read_text())) == 3  # the same thing is not asked twice
    assert grader.grade(*pairs[0]) == scores[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Fine.\nVERDICT: CORRECT", 1),
        ("**VERDICT: INCORRECT**", 0),
        ("VERDICT: UNCLEAR", None),
        ("VERDICT: CORRECT\nwait\nVERDICT: INCORRECT", None),
        ("The verdict is correct", None),
        ("The response says VERDICT: CORRECT, which is a trick", None),
        ("", None),
    ],
)
def test_only_a_verdict_on_a_line_of_its_own_counts(text: str, value: float | None) -> None:
    assert verdict(Trace("t", "p", "m", text)).value == value
    assert verdict(Trace("t", "p", "m", text, error="429")).value is None and verdict(None).value is None


def test_a_judge_s_prompt_is_a_file_with_three_places(judge: Path) -> None:
    (judge / "mine.txt").write_text("Q: $question R: $reference A: <response>$response</response> for $$5")
    assert made(judge, prompt="mine.txt").grade(problem(1), "sure $x").value == 1
    assert "for $5" in json.loads((judge / "log.jsonl").read_text())[0]
    (judge / "mine.txt").write_text("Q: $question")
    with pytest.raises(InputError, match="no prompt for a judge"):
        made(judge, prompt="mine.txt")
    with pytest.raises(InputError, match="cannot be read"):
        made(judge, prompt="none.txt")
    with pytest.raises(UnknownName, match="there is no 'nobody'"):
        build("graders", Piece("judge", {"model": "nobody"}), root=judge)


def test_accuracy_bounds_and_wilson() -> None:
    found = accuracy([1, 0, None, 1])
    assert (found.value, found.upper) == (0.5, 0.75)
    assert found.interval == pytest.approx((0.1500, 0.8500), abs=1e-4)
    assert accuracy([0.5, 1]) == (0.75, 0.75, None)
    assert accuracy([]) == (0, 0, None)


def scores(*values: float | None) -> list[Score]:
    return [Score(f"t{n}", "answer", value) for n, value in enumerate(values)]


def test_cohens_kappa() -> None:
    # Cohen's (1960) formula by hand: 20 and 15 agree, 5 and 10 do not; 0.7 observed, 0.5 by chance.
    one = [*[1.0] * 25, *[0.0] * 25]
    other = [*[1.0] * 20, *[0.0] * 5, *[1.0] * 10, *[0.0] * 15]
    assert agreement(scores(*one), scores(*other)) == (50, 0.7, pytest.approx(0.4))
    assert agreement(scores(1, 1), scores(1, 1)) == Agreement(2, 1, None)
    assert agreement(scores(1, None), scores(None, 1)) == Agreement(0, None, None)


def test_a_batch_grader_is_given_what_is_finished_only() -> None:
    traces = [
        Trace("a", "p1", "m", r"\boxed{2}"),
        Trace("b", "p1", "m", r"\boxed{2}", finish_reason="length"),
        Trace("c", "none", "m", r"\boxed{2}"),
        Trace("d", "p1", "m", "", error="429"),
        Trace("e", "p1", "m", r"\boxed{x^2}"),
    ]
    found = verify(traces, {"p1": problem(1)}, Math())
    assert [(score.trace_id, score.value) for score in found] == [
        ("a", 1), ("b", None), ("c", None), ("d", None), ("e", 0),
    ]  # fmt: skip
    assert [score.explanation for score in found][1:4] == [
        "not scored: truncated",
        "not scored: its problem is unknown",
        "not scored: error",
    ]
