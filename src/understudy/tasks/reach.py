"""Reach a digit by a sequence of operations modulo 10: a puzzle small enough to learn on one CPU core.

``from 4 use +3 x2 +7 x9 reach 1 in_2 ?`` is answered by ``answer +7 +3``-like sequences of operations; any sequence
that leads to the target counts. There are ``operations ** depth`` candidates; with the defaults a blind guess is
right in 17.6 % of problems. Whether a problem is for training or testing follows from a hash of its prompt, so that
the splits cannot share one whatever the seeds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import product
from random import Random
from typing import ClassVar, Literal, NamedTuple

from understudy.errors import StudyError
from understudy.protocols import Lesson
from understudy.randomness import stream
from understudy.registry import entry
from understudy.tasks import problem_id
from understudy.types import Problem, Score, Split

OPERATIONS = tuple(f"+{n}" for n in range(1, 10)) + tuple(f"x{n}" for n in range(2, 10))
TEST_SHARE = 0.2
LESSON_WORDS = 40


DIGITS = frozenset("0123456789")


class Parsed(NamedTuple):
    """What a prompt asks."""

    start: int
    operations: tuple[str, ...]
    target: int
    depth: int


class Replay(NamedTuple):
    """Where a replay of bare steps stands, and the operations that a sentence confirms to reach the target."""

    chain: tuple[str, ...]
    confirmed: tuple[str, ...]


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
        "every elementary fact, verdict and goal in the trace is right, and its last confirmed working is the answer"
    )

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 9 or not 2 <= self.operations <= len(OPERATIONS):
            raise StudyError(
                f"reach cannot have depth {self.depth} and {self.operations} operations",
                f"depth is 1 to 9, operations 2 to {len(OPERATIONS)}",
            )
        if not 1 <= self.min_tries <= self.operations**self.depth:
            raise StudyError(
                f"reach cannot have min_tries {self.min_tries}", "it is 1 to operations ** depth"
            )

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
        why = (
            "reaches the target" if right else "does not reach the target" if candidate else "no answer found"
        )
        return Score("", "answer", float(right), read, why)

    def check_trace(self, problem: Problem, reasoning: str, response: str) -> Score:
        """Replay the trace sentence by sentence; the explanation names the first that is wrong."""
        asked = parse(problem.prompt)
        confirmed: tuple[str, ...] = ()
        chain: tuple[str, ...] = ()
        for number, sentence in enumerate(reasoning.split(" . "), 1):
            replay = _replay(sentence.split(), asked, chain)
            if isinstance(replay, str):
                return Score("", "trace", 0.0, None, f"step {number}: {replay}")
            chain, confirmed = replay.chain, replay.confirmed or confirmed
        if confirmed != self.read_answer(response):
            return Score("", "trace", 0.0, " ".join(confirmed), "the answer is not what the trace confirmed")
        return Score("", "trace", 1.0, " ".join(confirmed), "every step is right and supports the answer")

    def read_answer(self, response: str) -> tuple[str, ...] | None:
        """The words after the last ``answer``, or null if there is none."""
        _, found, after = response.rpartition("answer")
        return tuple(after.split()) or None if found else None

    # --- what scripted teachers need ---

    def candidates(self, problem: Problem) -> Iterable[tuple[str, ...]]:
        """All sequences of operations, depth first in the order of the prompt."""
        asked = parse(problem.prompt)
        return product(asked.operations, repeat=asked.depth)

    def solves(self, problem: Problem, candidate: Sequence[str]) -> bool:
        """Whether the operations are allowed, as many as asked for, and lead to the target."""
        asked = parse(problem.prompt)
        allowed = len(candidate) == asked.depth and set(candidate) <= set(asked.operations)
        return allowed and _values(asked.start, candidate)[-1] == asked.target

    def goal(self, problem: Problem) -> str:
        """For instance ``reach 1``."""
        return f"reach {parse(problem.prompt).target}"

    def working(self, problem: Problem, candidate: Sequence[str]) -> str:
        """For instance ``4 +3 7 x2 4 want 1``."""
        asked = parse(problem.prompt)
        return _line(_values(asked.start, candidate), candidate, asked.target)

    def bare_steps(self, problem: Problem, candidate: Sequence[str]) -> list[str]:
        """For instance ``4 +3 7``, ``7 x2 4``."""
        values = _values(parse(problem.prompt).start, candidate)
        return [f"{a} {op} {b}" for a, op, b in zip(values, candidate, values[1:], strict=False)]

    def false_working(self, problem: Problem, rng: Random) -> tuple[tuple[str, ...], str]:
        """One result is false, all after it follow from it, and the last one is the target."""
        asked = parse(problem.prompt)
        candidate = rng.choice([c for c in self.candidates(problem) if not self.solves(problem, c)])
        true = _values(asked.start, candidate)
        lines = []
        for index in range(1, asked.depth + 1):
            for digit in set(range(10)) - {true[index]}:
                values = true[:index] + _values(digit, candidate[index:])
                if values[-1] == asked.target:
                    lines.append(_line(values, candidate, asked.target))
        return candidate, rng.choice(sorted(lines))

    def answer(self, candidate: Sequence[str]) -> str:
        """For instance ``answer +3 x2``."""
        return f"answer {' '.join(candidate)}"

    # --- what an embedded student needs ---

    def words(self) -> list[str]:
        """Digits, operations and the words of prompts and lessons."""
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
        return (
            [str(n) for n in range(10)]
            + list(OPERATIONS)
            + [f"in_{n + 1}" for n in range(self.depth)]
            + plain
        )

    def lesson(self, rng: Random) -> Lesson:
        """Half facts (equality, workings, chains), half problems with a direct answer, most of them one step shorter."""
        if rng.random() < 0.5:
            return self._direct_answer(rng)
        kind = rng.random()
        if kind < 0.3:
            return _repeat(rng, self._equality)
        return self._workings(rng) if kind < 0.755 else _repeat(rng, self._chain)

    def _direct_answer(self, rng: Random) -> Lesson:
        shorter = replace(
            self, depth=max(1, self.depth - 1), operations=max(2, self.operations - 1), min_tries=1
        )
        problem = (self if rng.random() < 0.3 else shorter)._training_problem(rng)
        first = next(c for c in self.candidates(problem) if self.solves(problem, c))
        return [(problem.prompt, False), (self.answer(first), True)]

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
        values = _values(rng.randrange(10), ops)
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
        target = _values(start, [rng.choice(operations) for _ in range(self.depth)])[-1]
        tries = product(operations, repeat=self.depth)
        first = next(n for n, candidate in enumerate(tries, 1) if _values(start, candidate)[-1] == target)
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


@lru_cache(maxsize=65_536)
def parse(prompt: str) -> Parsed:
    """Read a prompt of this task. Raises ``ValueError`` on any other text."""
    words = prompt.split()
    use, reach = words.index("use"), words.index("reach")
    depth = int(words[reach + 2].removeprefix("in_"))
    return Parsed(int(words[1]), tuple(words[use + 1 : reach]), int(words[reach + 1]), depth)


def _apply(value: int, operation: str) -> int:
    number = int(operation[1:])
    return (value + number if operation[0] == "+" else value * number) % 10


RESULTS = {operation: [_apply(value, operation) for value in range(10)] for operation in OPERATIONS}
"""The 170 elementary facts: ``RESULTS[operation][digit]``."""


def _values(start: int, operations: Iterable[str]) -> list[int]:
    values = [start]
    for operation in operations:
        start = RESULTS[operation][start]
        values.append(start)
    return values


def _line(values: Sequence[int], operations: Sequence[str], target: int) -> str:
    chain = " ".join(f"{op} {value}" for op, value in zip(operations, values[1:], strict=True))
    return f"{values[0]} {chain} want {target}"


def _replay(words: list[str], asked: Parsed, chain: tuple[str, ...]) -> Replay | str:
    """One sentence of a trace carried out again: what it adds, or in words what is wrong with it."""
    for marker in ("reach", "want"):
        if marker in words:
            at = words.index(marker) + 1
            if words[at : at + 1] != [str(asked.target)]:
                return f"the target is {asked.target}"
            words = words[: at - 1] + words[at + 1 :]
    facts = [word for word in words if word in DIGITS or word in OPERATIONS]
    if not facts:
        return Replay(chain, ())
    bare = "step" in words
    start = _values(asked.start, chain)[-1] if bare else asked.start
    value = _check_facts(facts, start, asked.operations)
    if isinstance(value, str):
        return value
    done = (chain if bare else ()) + tuple(facts[1::2])
    reached = value == asked.target
    if ("miss" in words and reached) or (("hit" in words or "yes" in words) and not reached):
        return f"{value} is {'' if reached else 'not '}the target"
    claims = "hit" in words or "yes" in words or (bare and reached)
    return Replay(done if bare else chain, done if claims else ())


def _check_facts(facts: list[str], start: int, allowed: tuple[str, ...]) -> int | str:
    """The value that a chain ``4 +3 7 x2 4`` ends with, or what is wrong with it."""
    if len(facts) % 2 == 0 or facts[0] != str(start):
        return f"'{' '.join(facts)}' does not start at {start}"
    value = start
    for operation, result in zip(facts[1::2], facts[2::2], strict=True):
        if operation not in allowed:
            return f"{operation} is not allowed"
        if result != str(RESULTS[operation][value]):
            return f"{value} {operation} is {RESULTS[operation][value]}, not {result}"
        value = int(result)
    return value


def _repeat(rng: Random, make: Callable[[Random], Lesson]) -> Lesson:
    pieces: Lesson = []
    while sum(len(text.split()) for text, _ in pieces) < LESSON_WORDS:
        pieces += make(rng)
    return pieces
