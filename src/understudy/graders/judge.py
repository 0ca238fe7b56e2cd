"""A language model as judge: it is shown the question, the reference and the response.

    understudy verify TRACES.jsonl --task gsm8k --judge '{judge: {model: {transformers: {path: CHECKPOINT}}}}'

The judge is any entry of the shelf ``models``. Its prompt is a file, ``judge.txt`` beside this module or one of yours,
with $question, $reference and $response in it. Only a verdict in the form that the prompt asks for is taken; anything
else is null. How well a judge agrees with a rule is for ``verify`` to say, where both graded the same traces.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, cast

from understudy.errors import InputError
from understudy.graders import made, read, score
from understudy.protocols import Found, Model, Verdict
from understudy.registry import Piece, build, entry
from understudy.tasks import problem_id
from understudy.types import Problem, Sampling, Score, Trace

LONGEST = 20_000
"""Characters of a response, from its end, that the judge is shown."""
PLACES = ("question", "reference", "response")
PROMPT = Path(__file__).parent / "judge.txt"

_VERDICT = re.compile(r"^[\s*_#`]*VERDICT:[\s*_]*(CORRECT|INCORRECT|UNCLEAR)[\s*_.`]*$", re.MULTILINE)
_POINTS = {"CORRECT": 1.0, "INCORRECT": 0.0, "UNCLEAR": None}


@entry
@dataclass(frozen=True)
class Judge:
    """A verdict of a model: ``model`` names it with its parameters, ``prompt`` a file (null: the one that comes along).

    ``max_tokens`` and ``temperature`` say how it is sampled. The whole response is shown to it.
    """

    model: str | dict[str, Any]
    prompt: str | None = None
    max_tokens: int = 1024
    temperature: float = 0.0
    root: Path = Path()

    def __post_init__(self) -> None:
        self._template()
        self._model()

    def extract(self, problem: Problem, response: str) -> Found | None:
        """The response, without spaces around it: to find the answer in it is left to the judge."""
        text = response.strip()
        return Found(text[-LONGEST:], "the judge read the whole response") if text else None

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """What the judge says; null if it says nothing, or something else than a verdict."""
        return self._verdicts([(problem, answer)])[0]

    def grade(self, problem: Problem, response: str) -> Score:
        """As every grader; see ``compare``."""
        return score(self, problem, response)

    def grade_all(self, pairs: Sequence[tuple[Problem, str]]) -> list[Score]:
        """As ``grade``; the model is asked once for all."""
        scores = [read(self, problem, response) for problem, response in pairs]
        asked = {n: found for n, found in enumerate(scores) if isinstance(found, Found)}
        verdicts = self._verdicts([(pairs[n][0], found.answer) for n, found in asked.items()])
        judged = {n: made(found, verdict) for (n, found), verdict in zip(asked.items(), verdicts, strict=True)}
        return [found if isinstance(found, Score) else judged[n] for n, found in enumerate(scores)]

    def _verdicts(self, pairs: Sequence[tuple[Problem, str]]) -> list[Verdict]:
        template = self._template()
        prompts = [self._asked(template, problem, answer) for problem, answer in pairs]
        unique = {problem.problem_id: problem for problem in prompts}
        sampling = Sampling("judge", self.temperature, self.max_tokens)
        said = {trace.problem_id: trace for trace in self._model().generate(list(unique.values()), sampling)}
        return [verdict(said.get(problem.problem_id)) for problem in prompts]

    def _asked(self, template: Template, problem: Problem, answer: str) -> Problem:
        given = {"question": problem.prompt, "reference": problem.answer or "", "response": answer}
        prompt = template.substitute(given)
        return Problem(problem_id("judge", prompt), "judge", prompt, None, "test")

    def _template(self) -> Template:
        """The prompt. Raises ``InputError`` if the file is missing or has not all three places, and no other."""
        file = PROMPT if self.prompt is None else self.root / self.prompt
        try:
            template = Template(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the judge's prompt {file} cannot be read ({error})") from None
        if not template.is_valid() or set(template.get_identifiers()) != set(PLACES):
            hint = "it holds $question, $reference and $response, and $$ for a dollar sign"
            raise InputError(f"{file} is no prompt for a judge", hint)
        return template

    def _model(self) -> Model:
        return cast(Model, build("models", Piece.parse(self.model), root=self.root))


def verdict(trace: Trace | None) -> Verdict:
    """The verdict in what a judge wrote: all lines that hold one must say the same."""
    if trace is None or trace.error is not None:
        return Verdict(None, "the judge did not answer" + (f" ({trace.error})" if trace else ""))
    said = set(_VERDICT.findall(trace.response))
    if len(said) != 1:
        why = "no verdict" if not said else "two verdicts"
        return Verdict(None, f"the judge wrote {why}: {trace.response.strip()[-200:]!r}")
    (word,) = said
    return Verdict(_POINTS[word], f"the judge says {word.lower()}: {trace.response.strip()[-300:]!r}")
