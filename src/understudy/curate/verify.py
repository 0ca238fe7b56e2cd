"""Verification: is the answer of each trace right?

    Verifier(build("graders", Piece("math", {}))).scores(frame)
    Verifier(task, task).scores(frame)

With a task, a trace answers the problem of its id, or else the one with its prompt. Without one, it answers what is
stored with it: prompt and reference, as in imported traces. A trace that was cut off, failed or holds no answer is not
wrong: it has no score, and the reason says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
import polars as pl

from understudy import tables
from understudy.errors import InputError
from understudy.protocols import Grader, Task
from understudy.types import Problem, Score, Split, Trace
from understudy.verify import verify

WRONG, PARTLY = "wrong answer", "partly right"
SCORE = "score"
"""The key of ``metadata`` that the score is written to."""

_SPLITS: tuple[Split, ...] = ("train", "test")


class Verified(NamedTuple):
    """What an answer is worth in [0, 1], or null; and why it is not right, or null."""

    value: float | None
    reason: str | None


class Verifier:
    """Scores answers by ``rule``, a grader or the task itself. Raises what ``task`` raises if it has no problem."""

    def __init__(self, rule: Task | Grader, task: Task | None = None) -> None:
        self._rule = rule
        self._problems = _problems(task) if task else None

    def scores(self, traces: pl.DataFrame) -> list[Verified]:
        """One for each trace of a table."""
        asked = [replace(trace, problem_id=trace.trace_id) for trace in tables.to_records(Trace, traces)]
        named = zip(asked, traces["problem_id"], strict=True)
        problems = {trace.trace_id: one for trace, name in named if (one := self._problem(trace, name))}
        found = {score.trace_id: score for score in verify(asked, problems, self._rule) if score.grader == "answer"}
        return [_verified(found[trace.trace_id]) for trace in asked]

    def _problem(self, trace: Trace, name: str) -> Problem | None:
        prompt, answer = trace.metadata.get("prompt"), _text(trace.metadata.get("answer"))
        said = prompt if isinstance(prompt, str) else ""
        if self._problems is None:
            return Problem(name, "given", said, answer, "train")
        return self._problems.get(name) or self._problems.get(_plain(said))


def labelled(traces: pl.DataFrame, scores: Sequence[Verified]) -> pl.DataFrame:
    """The traces with ``score`` in their metadata, null where there is none."""
    texts = [
        tables.to_json({**orjson.loads(text), SCORE: score.value})
        for text, score in zip(traces["metadata"], scores, strict=True)
    ]
    return traces.with_columns(metadata=pl.Series(texts, dtype=pl.String))


def _verified(score: Score) -> Verified:
    if score.value is None:
        reason = score.explanation if score.explanation.startswith("not scored") else "not scored: not comparable"
        return Verified(None, reason)
    return Verified(score.value, None if score.value == 1 else PARTLY if score.value > 0 else WRONG)


def _problems(task: Task) -> Mapping[str, Problem]:
    """The problems of both splits by id, and by prompt. A task may have files for one split alone."""
    found: dict[str, Problem] = {}
    missing: list[InputError] = []
    for split in _SPLITS:
        try:
            problems = task.problems(split, None, 0)
        except InputError as error:
            missing.append(error)
            continue
        for problem in problems:
            found[problem.problem_id] = found[_plain(problem.prompt)] = problem
    if len(missing) == len(_SPLITS):
        raise missing[0]
    return found


def _plain(prompt: str) -> str:
    """A prompt with its white space normalised."""
    return " ".join(prompt.split())


def _text(value: Any) -> str | None:
    """A reference as text: a list of one is that one, several are JSON."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if value is None or isinstance(value, str) else tables.to_json(value)
