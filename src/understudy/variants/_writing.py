"""What variants share that have a model write a trace anew, and check what it wrote before they take it.

The prompt is a text file beside the variant with ``$question`` in it. Its first lines, up to an empty one, start with
``#``: they give its name and version and are not sent. The model writes the reasoning, a line ``### Answer``, and the
response. A text that a check refuses is written anew as the model's next sample, a few times.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random
from string import Template
from typing import Any

from understudy.errors import StudyError
from understudy.protocols import Task
from understudy.tasks import problem_id
from understudy.types import Problem, Sampling, Skip, Trace
from understudy.variants._rewriting import Rewriting

_ANSWER = re.compile(r"^[ \t]*#{1,6}[ \t]*\**(?:Final )?Answer\**:?\**[ \t]*(?:\n|\Z)", re.MULTILINE | re.IGNORECASE)
Measures = dict[str, Any]
"""The style of a text: a row of ``profile.MEASURES``."""


@dataclass(frozen=True, kw_only=True)
class Writing(Rewriting):
    """``model`` is asked up to ``attempts`` times for a trace that passes: right by the task, and ``words`` long.

    Attempts are samples of the model, at ``temperature`` and for at most ``max_tokens`` tokens where it does not say
    itself how it is sampled.
    """

    task: Task
    words: tuple[int, int]
    attempts: int = 3
    temperature: float = 0.7
    max_tokens: int = 4096

    def __post_init__(self) -> None:
        """As a rewriting; and bounds must hold something."""
        super().__post_init__()
        if self.attempts < 1:
            raise StudyError(f"a model cannot write {self.attempts} times", "attempts is 1 or more")
        if not 0 <= self.words[0] <= self.words[1]:
            raise StudyError(f"no trace is {self.words[0]} to {self.words[1]} words long", "words: [FROM, TO]")

    def vary_all(
        self, traces: Sequence[Trace], problems: Sequence[Problem], rngs: Sequence[Random]
    ) -> list[Trace | Skip]:
        """What the model wrote for each problem, once however many of its traces there are; or why it was refused."""
        asked = [self._prompted(problem) for problem in problems]
        original = {prompt.problem_id: problem for prompt, problem in zip(asked, problems, strict=True)}
        prompts = {prompt.problem_id: prompt for prompt in asked}
        refused: dict[str, list[str]] = {name: [] for name in prompts}
        taken: dict[str, Trace] = {}
        for attempt in range(self.attempts):
            left = [prompt for name, prompt in prompts.items() if name not in taken]
            for name, written in self._written(left, original, attempt):
                if isinstance(written, Skip):
                    refused[name].append(written.reason)
                else:
                    taken[name] = written
        return [
            self._made(trace, taken.get(prompt.problem_id), refused[prompt.problem_id])
            for trace, prompt in zip(traces, asked, strict=True)
        ]

    def refuse(self, measures: Measures) -> Iterator[str]:
        """What is wrong with the style of a text."""
        if measures["words"] < self.words[0]:
            yield "it is too short"
        if measures["words"] > self.words[1]:
            yield "it is too long"

    @cached_property
    def version(self) -> str:
        """Name and version of the prompt."""
        return headed(self.prompt)[0]

    @cached_property
    def _template(self) -> Template:
        return headed(self.prompt)[1]

    def _prompted(self, problem: Problem) -> Problem:
        prompt = self._template.substitute(question=problem.prompt)
        return replace(problem, problem_id=problem_id(problem.task, prompt), prompt=prompt)

    def _written(
        self, prompts: Sequence[Problem], original: dict[str, Problem], attempt: int
    ) -> Iterator[tuple[str, Trace | Skip]]:
        """Sample number ``attempt`` of each prompt: a trace that passed, or what is wrong with it."""
        if not prompts:
            return
        sampling = Sampling("writing", self.temperature, self.max_tokens, samples=attempt + 1)
        last = {trace.problem_id: trace for trace in self._model.generate(prompts, sampling) if trace.sample == attempt}
        found = [(p.problem_id, self._read(last.get(p.problem_id), original[p.problem_id])) for p in prompts]
        measures = _styles([trace for _, trace in found if isinstance(trace, Trace)])
        for name, trace in found:
            reasons = [] if isinstance(trace, Skip) else list(self.refuse(measures[name]))
            yield name, Skip(", ".join(reasons)) if reasons else trace

    def _read(self, written: Trace | None, problem: Problem) -> Trace | Skip:
        """The model's text in two parts, under the id of its prompt; not if the task does not call it right."""
        if written is None:
            return Skip("the model wrote nothing")
        if written.error is not None:
            return Skip(f"the model failed: {written.error}")
        if written.finish_reason == "length":
            return Skip("it was cut off")
        *_, line = (None, *_ANSWER.finditer(written.response))
        if line is None:
            return Skip("it has no line '### Answer'")
        reasoning, response = written.response[: line.start()].strip(), written.response[line.end() :].strip()
        if not reasoning or not response:
            return Skip("its reasoning or its answer is empty")
        right = self.task.grade(problem, response).value
        if right != 1:
            return Skip("its answer cannot be read" if right is None else "its answer is wrong")
        return replace(written, trace_id=written.problem_id, reasoning=reasoning, response=response)

    def _made(self, trace: Trace, written: Trace | None, refused: Sequence[str]) -> Trace | Skip:
        """The trace as the model wrote it, with what was refused before it."""
        if written is None:
            return Skip(f"refused {len(refused)} times: {'; '.join(refused)}")
        about = {"written_by": self.version, "refused": list(refused)}
        return replace(
            trace,
            model=written.model,
            reasoning=written.reasoning,
            response=written.response,
            finish_reason=written.finish_reason,
            usage=written.usage,
            metadata={**trace.metadata, **about},
        )


def headed(prompt: str) -> tuple[str, Template]:
    """Name and version of a prompt of this folder, and its text."""
    head, _, text = Path(__file__).with_name(prompt).read_text(encoding="utf-8").partition("\n\n")
    return head.lstrip("# ").partition(":")[0], Template(text.strip())


def _styles(traces: Sequence[Trace]) -> dict[str, Measures]:
    """The measures of each trace by its id."""
    from understudy import profile, tables

    measured = profile.measure(tables.to_frame(Trace, traces), core=True)
    return {row["trace_id"]: row for row in measured.iter_rows(named=True)}
