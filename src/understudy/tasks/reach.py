"""Reach a digit by a sequence of operations modulo 10: a puzzle small enough to learn on one CPU core.

``from 4 use +3 x2 +7 x9 reach 1 in_2 ?`` is answered by ``answer +7 +3``-like sequences of operations; any sequence
that leads to the target counts. There are ``operations ** depth`` candidates; with the defaults a blind guess is
right in 17.6 % of problems. Whether a problem is for training or testing follows from a hash of its prompt, so that
the splits cannot share one whatever the seeds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product
from random import Random
from typing import ClassVar, Literal

from understudy.errors import StudyError
from understudy.protocols import Lesson
from understudy.randomness import stream
from understudy.registry import entry
from understudy.tasks import _reach_rules as rules
from understudy.tasks import problem_id
from understudy.tasks._reach_rules import OPERATIONS
from understudy.types import Problem, Score, Split

TEST_SHARE = 0.2
LESSON_WORDS = 40


@entry
@dataclass(frozen=True)
class Reach:
    """From a digit, apply ``depth`` of the given ``operations`` (repeats allowed) to reach a target.

    A problem is kept if a depth-first search finds its first solution at candidate ``min_tries`` or later.
    """

    depth: int = 2
    operations: int = 4
    min_tries: int = 2

    trace_rule: ClassVar[str] = (
        "every elementary fact, verdict and goal in the trace is right, and its last confirmed working is the answer "
        "(so the answer of a right trace is right, too: what can differ is the answer of a wrong one)"
    )

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 9 or not 2 <= self.operations <= len(OPERATIONS):
            raise StudyError(
                f"reach cannot have depth {self.depth} and {self.operations} operations",
                f"depth is 1 to 9, operations 2 to {len(OPERATIONS)}",
            )
        if not 1 <= self.min_tries <= self.operations**self.depth:
            raise StudyError(f"reach cannot have min_tries {self.min_tries}", "it is 1 to operations ** depth")

    # --- problems and answers ---

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """``n`` different problems. Raises ``StudyError`` if that many cannot be found."""
        found: dict[str, Problem] = {}
        wanted = 100 if n is None else n
        for attempt in range(200 * wanted + 20_000):
            if len(found) == wanted:
                break
            prompt = self._prompt(stream(seed, "reach", split, attempt))
            if prompt and split_of(prompt) == split:
                found.setdefault(prompt, self._problem(prompt, split))
        else:
            raise StudyError(
                f"reach with these settings has no {wanted:,} different {split} problems",
                "ask for fewer problems, or for more operations or depth",
            )
        return list(found.values())

    def grade(self, problem: Problem, response: str) -> Score:
        """1 if the operations after the last ``answer`` lead to the target."""
        candidate = self.read_answer(response)
        right = candidate is not None and self.solves(problem, candidate)
        read = None if candidate is None else " ".join(candidate)
        why = "reaches the target" if right else "does not reach the target" if candidate else "no answer found"
        return Score("", "answer", float(right), read, why)

    def check_trace(self, problem: Problem, reasoning: str, response: str) -> list[Score]:
        """Replay the trace sentence by sentence; the explanation names the first that is wrong."""
        return [self._replay(problem, reasoning, response)]

    def _replay(self, problem: Problem, reasoning: str, response: str) -> Score:
        asked = rules.parse(problem.prompt)
        confirmed: tuple[str, ...] = ()
        chain: tuple[str, ...] = ()
        for number, sentence in enumerate(reasoning.split(" . "), 1):
            found = rules.replay(sentence.split(), asked, chain)
            if isinstance(found, str):
                return Score("", "trace", 0.0, None, f"step {number}: {found}")
            chain, confirmed = found.chain, found.confirmed or confirmed
        if confirmed != self.read_answer(response) or not self.solves(problem, confirmed):
            return Score("", "trace", 0.0, " ".join(confirmed), "the answer is not what the trace confirmed")
        return Score("", "trace", 1.0, " ".join(confirmed), "every step is right and supports the answer")

    def read_answer(self, response: str) -> tuple[str, ...] | None:
        """The words after the last ``answer``, or null if there is none."""
        _, found, after = response.rpartition("answer")
        return tuple(after.split()) or None if found else None

    # --- what scripted teachers need ---

    def candidates(self, problem: Problem) -> Iterable[tuple[str, ...]]:
        """All sequences of operations, depth first in the order of the prompt."""
        asked = rules.parse(problem.prompt)
        return product(asked.operations, repeat=asked.depth)

    def solves(self, problem: Problem, candidate: Sequence[str]) -> bool:
        """Whether the operations are allowed, as many as asked for, and lead to the target."""
        asked = rules.parse(problem.prompt)
        allowed = len(candidate) == asked.depth and set(candidate) <= set(asked.operations)
        return allowed and rules.values(asked.start, candidate)[-1] == asked.target

    def goal(self, problem: Problem) -> str:
        """For instance ``reach 1``."""
        return f"reach {rules.parse(problem.prompt).target}"

    def working(self, problem: Problem, candidate: Sequence[str]) -> str:
        """For instance ``4 +3 7 x2 4 want 1``."""
        asked = rules.parse(problem.prompt)
        return rules.line(rules.values(asked.start, candidate), candidate, asked.target)

    def bare_steps(self, problem: Problem, candidate: Sequence[str]) -> list[str]:
        """For instance ``4 +3 7``, ``7 x2 4``."""
        values = rules.values(rules.parse(problem.prompt).start, candidate)
        return [f"{a} {op} {b}" for a, op, b in zip(values, candidate, values[1:], strict=False)]

    def false_working(self, problem: Problem, rng: Random) -> tuple[tuple[str, ...], str] | None:
        """One result is false, all after it follow from it, and the last one is the target."""
        asked = rules.parse(problem.prompt)
        failing = [c for c in self.candidates(problem) if not self.solves(problem, c)]
        if not failing:
            return None
        candidate = rng.choice(failing)
        true = rules.values(asked.start, candidate)
        lines = []
        for index in range(1, asked.depth + 1):
            for digit in set(range(10)) - {true[index]}:
                values = true[:index] + rules.values(digit, candidate[index:])
                if values[-1] == asked.target:
                    lines.append(rules.line(values, candidate, asked.target))
        return candidate, rng.choice(sorted(lines))

    def answer(self, candidate: Sequence[str]) -> str:
        """For instance ``answer +3 x2``."""
        return f"answer {' '.join(candidate)}"

    # --- what an embedded student needs ---

    def words(self) -> list[str]:
        """Digits, operations and the words of prompts and lessons."""
        depths = [f"in_{n + 1}" for n in range(self.depth)]
        plain = [
            "from",
            "use",
            "reach",
            "?",
            "answer",
            ".",
            "want",
            "hit",
            "miss",
            "yes",
            "step",
            "start",
            "done",
        ]
        return [str(n) for n in range(10)] + list(OPERATIONS) + depths + plain

    def lesson(self, rng: Random) -> Lesson:
        """Half facts (equality, workings, chains), half problems with a direct answer, most one step shorter."""
        if rng.random() < 0.5:
            return self._direct_answer(rng)
        kind = rng.random()
        if kind < 0.3:
            return _repeat(rng, self._equality)
        return self._workings(rng) if kind < 0.755 else _repeat(rng, self._chain)

    def _direct_answer(self, rng: Random) -> Lesson:
        shorter = replace(self, depth=max(1, self.depth - 1), operations=max(2, self.operations - 1), min_tries=1)
        problem = (self if rng.random() < 0.3 else shorter)._training_problem(rng)
        return [(problem.prompt, False), (problem.answer or "", True)]

    def _workings(self, rng: Random) -> Lesson:
        """Some candidates of a problem carried out and judged, with no search in it."""
        problem = self._training_problem(rng)
        pieces: Lesson = [(f"{problem.prompt} start", False)]
        every = list(self.candidates(problem))
        for _ in range(rng.randint(2, 5)):
            tries = [rng.choice(every) for _ in range(8 if rng.random() < 0.35 else 1)]
            candidate = next((c for c in tries if self.solves(problem, c)), tries[-1])
            verdict = "hit" if self.solves(problem, candidate) else "miss"
            pieces.append((f"{self.working(problem, candidate)} {verdict} .", True))
        return [*pieces, ("done", True)]

    def _equality(self, rng: Random) -> Lesson:
        reached = rng.randrange(10)
        wanted = reached if rng.random() < 0.5 else rng.randrange(10)
        verdict = "hit" if reached == wanted else "miss"
        return [(f"{rng.choice(OPERATIONS)} {reached} want {wanted}", False), (f"{verdict} .", True)]

    def _chain(self, rng: Random) -> Lesson:
        ops = [rng.choice(OPERATIONS) for _ in range(rng.randint(1, self.depth))]
        values = rules.values(rng.randrange(10), ops)
        pieces: Lesson = [(str(values[0]), False)]
        for op, value in zip(ops, values[1:], strict=True):
            pieces += [(op, False), (str(value), True)]
        return [*pieces, (".", True)]

    def _training_problem(self, rng: Random) -> Problem:
        while True:
            prompt = self._prompt(rng)
            if prompt and split_of(prompt) == "train":
                return self._problem(prompt, "train")

    def _prompt(self, rng: Random) -> str | None:
        operations = tuple(rng.sample(OPERATIONS, self.operations))
        start = rng.randrange(10)
        target = rules.values(start, [rng.choice(operations) for _ in range(self.depth)])[-1]
        tries = product(operations, repeat=self.depth)
        first = next(n for n, candidate in enumerate(tries, 1) if rules.values(start, candidate)[-1] == target)
        if first < self.min_tries:
            return None
        return f"from {start} use {' '.join(operations)} reach {target} in_{self.depth} ?"

    def _problem(self, prompt: str, split: Split) -> Problem:
        problem = Problem(problem_id("reach", prompt), "reach", prompt, None, split)
        first = next(c for c in self.candidates(problem) if self.solves(problem, c))
        return replace(problem, answer=self.answer(first))


def split_of(prompt: str) -> Literal["train", "test"]:
    """The split that a prompt belongs to, from its hash."""
    return "test" if sha256(prompt.encode()).digest()[0] < 256 * TEST_SHARE else "train"


def _repeat(rng: Random, make: Callable[[Random], Lesson]) -> Lesson:
    pieces: Lesson = []
    while sum(len(text.split()) for text, _ in pieces) < LESSON_WORDS:
        pieces += make(rng)
    return pieces
