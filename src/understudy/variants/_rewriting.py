"""What variants share that have a model write new reasoning: one prompt a trace, all of them asked together.

The prompt is a text file beside the variant, with ``$question``, ``$reasoning`` and ``$answer`` where they go in. The
response of the trace is never the model's to write: it stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random
from string import Template
from typing import Any, ClassVar

from understudy import registry
from understudy.errors import StudyError
from understudy.protocols import Model, Report, Task, silent
from understudy.registry import Piece
from understudy.tasks import problem_id
from understudy.types import Problem, Sampling, Skip, Trace


@dataclass(frozen=True)
class Rewriting:
    """``model`` is any entry on the shelf of models, with its parameters, as ``from`` of an arm has it.

    It is asked greedily, once for each different prompt, for at most ``max_tokens`` tokens, where it does not itself
    say how it is sampled.
    """

    model: str | Mapping[str, Any]
    max_tokens: int = 512
    task: Task | None = None
    root: Path = Path()
    journal: Path = Path("answers.journal.jsonl")
    report: Report = silent

    prompt: ClassVar[str]
    """The name of the file with the prompt, in the folder of this module."""
    needs_reasoning: ClassVar[bool]
    """Whether a trace without reasoning is left out."""

    def __post_init__(self) -> None:
        """Make the model, so that a mistake in it is found before anything runs."""
        if self.max_tokens < 1:
            raise StudyError(f"a rewriting cannot have max_tokens {self.max_tokens}", "max_tokens is 1 or more")
        _ = self._model

    def vary(self, trace: Trace, problem: Problem, rng: Random) -> Trace | Skip:
        """As ``vary_all``, of one trace."""
        return self.vary_all([trace], [problem], [rng])[0]

    def vary_all(
        self, traces: Sequence[Trace], problems: Sequence[Problem], rngs: Sequence[Random]
    ) -> list[Trace | Skip]:
        """Each trace with the reasoning that the model wrote, in their order, or why there is none."""
        asked = [self._asked(trace, problem) for trace, problem in zip(traces, problems, strict=True)]
        prompts = {one.problem_id: one for one in asked if isinstance(one, Problem)}
        sampling = Sampling("rewriting", max_tokens=self.max_tokens)
        written: dict[str, Trace] = {}
        for one in self._model.generate(list(prompts.values()), sampling) if prompts else ():
            written.setdefault(one.problem_id, one)
        return [
            prompt if isinstance(prompt, Skip) else _rewritten(trace, written.get(prompt.problem_id))
            for trace, prompt in zip(traces, asked, strict=True)
        ]

    @cached_property
    def _model(self) -> Model:
        filled_in = {"task": self.task, "root": self.root, "journal": self.journal, "report": self.report}
        model: Model = registry.build("models", Piece.parse(self.model), **filled_in)
        return model

    @cached_property
    def _template(self) -> Template:
        return Template(Path(__file__).with_name(self.prompt).read_text(encoding="utf-8"))

    def _asked(self, trace: Trace, problem: Problem) -> Problem | Skip:
        """What the model is asked, as a problem whose id follows from its prompt."""
        reasoning = (trace.reasoning or "").strip()
        if self.needs_reasoning and not reasoning:
            return Skip("has no reasoning to rewrite")
        if not trace.response.strip():
            return Skip("has no response to keep")
        prompt = self._template.substitute(question=problem.prompt, reasoning=reasoning, answer=trace.response).strip()
        return replace(problem, problem_id=problem_id(problem.task, prompt), prompt=prompt)


def _rewritten(trace: Trace, written: Trace | None) -> Trace | Skip:
    """The trace with the model's response for its reasoning; not with one that failed, was cut off or is empty."""
    if written is None:
        return Skip("the model wrote nothing")
    if written.error is not None:
        return Skip(f"the model failed: {written.error}")
    if written.finish_reason == "length":
        return Skip("the model's text was cut off")
    text = written.response.strip()
    return replace(trace, reasoning=text) if text else Skip("the model wrote nothing")
