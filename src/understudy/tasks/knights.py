"""Knights and knaves: who tells the truth? Every step of a trace can be checked against the puzzle.

    task: {knights: {people: 4}}
    task: {knights: {train: benchmarks/kk_3ppl_train.parquet, test: benchmarks/kk_3ppl_test.parquet}}

Files have the fields of the knights-and-knaves sets of Xie et al. (arXiv 2410.23123), as in Logic-RL (arXiv
2502.14768): ``quiz``, ``names`` and ``statements`` (nested tuples as text), in Parquet or JSON lines; none is part of
this package. Without them the task makes puzzles of its own, each with exactly one solution. Their split follows from
a hash of the prompt, so that training and testing never share one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from understudy.errors import InputError, StudyError
from understudy.randomness import stream
from understudy.registry import entry
from understudy.rows import present, read_rows
from understudy.tasks import _knights_writing as writing
from understudy.tasks import problem_id
from understudy.tasks._knights_answers import mentioned, read_answer
from understudy.tasks._knights_logic import Puzzle, Unreadable, read_puzzle
from understudy.tasks._knights_replay import Replay, replay
from understudy.types import Problem, Score, Split

TEST_SHARE = 0.2
FIELDS = "a row needs quiz, names and statements, such as \"(('lying', 1), ('not', ('telling-truth', 0)))\""


@entry
@dataclass(frozen=True)
class Knights:
    """Puzzles from the files ``train`` and ``test``, or made up about ``people`` (2 to 7) inhabitants."""

    people: int = 3
    train: str | None = None
    test: str | None = None
    root: Path = Path()

    trace_rule: ClassVar[str] = (
        "it has a step besides the answer that can be read, every deduction, quotation and contradiction that can be "
        "read follows from the assumptions in force and the claims of the puzzle, and the last conclusion is the "
        "solution and what the response says"
    )

    def __post_init__(self) -> None:
        if not 2 <= self.people <= 7:
            raise StudyError(f"knights cannot have {self.people} people", "it is 2 to 7")
        for path in (self.train, self.test):
            if path is not None:
                present(self.root / path)

    # --- problems and answers ---

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """``n`` different problems; of a file, null is all there are, and a larger ``n`` only adds some.

        Raises ``InputError`` if the split has no file or a row is no puzzle, and ``StudyError`` if there are not as
        many made-up puzzles.
        """
        if not (self.train or self.test):
            return self._made(split, 100 if n is None else n, seed)
        problems = list({problem.problem_id: problem for problem in self._read(split)}.values())
        order = list(range(len(problems)))
        stream(seed, "knights", split).shuffle(order)
        return [problems[place] for place in sorted(order if n is None else order[:n])]

    def grade(self, problem: Problem, response: str) -> Score:
        """1 if the last that the response says of each person is right, 0 if it is wrong of one or names one nowhere.

        Null where it cannot be read: if it says of nobody whether they are a knight, or names the ones that are
        missing in words that are not understood. 0 if it is blank.
        """
        puzzle = puzzle_of(problem)
        if puzzle is None:
            return Score("", "answer", None, None, "the problem carries no puzzle")
        said = read_answer(puzzle, response)
        if not said:
            blank = not response.strip()
            return Score(
                "", "answer", 0.0 if blank else None, None, "no answer" if blank else "names no knight or knave"
            )
        read = _named(puzzle, said)
        wrong = [puzzle.names[p] for p in sorted(said) if said[p] != puzzle.solution[p]]
        missing = [name for person, name in enumerate(puzzle.names) if person not in said]
        why = (
            f"wrong about {', '.join(wrong)}"
            if wrong
            else f"says nothing of {', '.join(missing)}"
            if missing
            else "right"
        )
        if missing and not wrong and mentioned(puzzle, response, set(range(len(puzzle.names))) - said.keys()):
            return Score("", "answer", None, read, f"cannot read what it says of {', '.join(missing)}")
        return Score("", "answer", float(not wrong and not missing), read, why)

    def check_trace(self, problem: Problem, reasoning: str, response: str) -> list[Score]:
        """``trace`` (see ``trace_rule``; null if no step besides the answer can be checked), ``conclusion``: whether
        what the trace says of everybody in the end is right (null if it does not say), ``steps``: the share of checked
        steps that follow.
        """
        puzzle = puzzle_of(problem)
        if puzzle is None:
            return [
                Score("", name, None, None, "the problem carries no puzzle")
                for name in ("trace", "conclusion", "steps")
            ]
        found = replay(puzzle, reasoning)
        said = read_answer(puzzle, response)
        return [_trace(puzzle, found, said), _conclusion(puzzle, found), _steps(found)]

    def write_trace(self, problem: Problem, correct: bool, rng: Random) -> str | None:
        """A search through the cases; the last line says who is a knight.

        A wrong trace misjudges the claims of one inhabitant (of more only where one does not do) wherever it comes to
        them, calling true what a knave says or false what a knight says. All else follows from that, so that each
        step fits the one before, and it ends in the reachable world that differs most from the solution: the false
        verdict and the conclusion are both wrong. It searches as the right trace does, so that they look alike.
        """
        puzzle = puzzle_of(problem)
        if puzzle is None:
            return None
        order = rng.sample(range(len(puzzle.names)), len(puzzle.names))
        world = rng.choice(writing.wrong_worlds(puzzle))
        return writing.write(puzzle, frozenset() if correct else writing.misjudged(puzzle, world), order)

    # --- where problems come from ---

    def _made(self, split: Split, wanted: int, seed: int) -> list[Problem]:
        found: dict[str, Problem] = {}
        for attempt in range(40 * wanted + 2000):
            if len(found) == wanted:
                break
            rng = stream(seed, "knights", split, attempt)
            puzzle = writing.make_puzzle(self.people, rng)
            prompt = writing.prompt(puzzle, rng)
            if _split_of(prompt) == split:
                found.setdefault(prompt, _problem(puzzle, prompt, split))
        if len(found) < wanted:
            raise StudyError(
                f"knights has no {wanted:,} different {split} problems", "ask for fewer, or for more people"
            )
        return list(found.values())

    def _read(self, split: Split) -> Iterable[Problem]:
        path = self.train if split == "train" else self.test
        if path is None:
            raise InputError(f"knights has no {split} file", f"task: {{knights: {{{split}: FILE.parquet}}}}")
        file = (self.root / path).resolve()
        rows, unreadable = read_rows(file)
        if unreadable:
            raise InputError(f"{file}, row {unreadable[0][0]}: {unreadable[0][1]}")
        for number, row in rows:
            try:
                yield _problem_of(row, split)
            except Unreadable as error:
                raise InputError(f"{file}, row {number}: {error}", FIELDS) from None


def puzzle_of(problem: Problem) -> Puzzle | None:
    """The puzzle that a problem carries in its metadata, or null if it is no problem of this task."""
    names, statements = problem.metadata.get("names"), problem.metadata.get("statements")
    if not isinstance(names, list | tuple) or not isinstance(statements, str):
        return None
    try:
        return read_puzzle(tuple(map(str, names)), statements)
    except Unreadable:
        return None


def _problem(puzzle: Puzzle, prompt: str, split: Split) -> Problem:
    known = {"names": list(puzzle.names), "statements": repr(puzzle.statements)}
    solution = writing.answer(puzzle.names, puzzle.solution)
    return Problem(problem_id("knights", prompt), "knights", prompt, solution, split, known)


def _problem_of(row: Mapping[str, Any], split: Split) -> Problem:
    quiz, names, statements = row.get("quiz"), row.get("names"), row.get("statements")
    if not isinstance(quiz, str) or not quiz.strip():
        raise Unreadable("it has no 'quiz'")
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise Unreadable("it has no 'names'")
    if not isinstance(statements, str):
        raise Unreadable("it has no 'statements'")
    puzzle = read_puzzle(tuple(names), statements)
    solution = row.get("solution")
    if solution is not None and list(solution) != list(puzzle.solution):
        raise Unreadable("its 'solution' is not that of its statements")
    return _problem(puzzle, quiz.strip(), split)


def _split_of(prompt: str) -> Split:
    return "test" if sha256(prompt.encode()).digest()[0] < 256 * TEST_SHARE else "train"


def _named(puzzle: Puzzle, said: Mapping[int, bool]) -> str:
    return ", ".join(f"{puzzle.names[p]}: {'knight' if said[p] else 'knave'}" for p in sorted(said))


def _trace(puzzle: Puzzle, found: Replay, said: Mapping[int, bool]) -> Score:
    concluded = found.conclusion
    read = None if concluded is None else _named(puzzle, dict(enumerate(concluded)))
    if found.only_answers:
        why = "it gives an answer and no step that" if found.checked else f"nothing in {found.sentences} sentences"
        return Score("", "trace", None, read, f"{why} can be checked")
    problem = found.wrong or _unsupported(puzzle, concluded, said)
    about = f"{found.read} of {found.sentences} sentences read"
    return Score("", "trace", float(problem is None), read, problem or f"every step follows ({about})")


def _unsupported(puzzle: Puzzle, concluded: Sequence[bool] | None, said: Mapping[int, bool]) -> str | None:
    """What is wrong with the end of a trace, or null."""
    if concluded is None:
        return "it does not come to a conclusion about everybody"
    if tuple(concluded) != puzzle.solution:
        return "its conclusion is not the solution"
    differs = any(concluded[person] != knight for person, knight in said.items())
    return "the response says something else than the trace" if differs else None


def _conclusion(puzzle: Puzzle, found: Replay) -> Score:
    if found.conclusion is None:
        return Score("", "conclusion", None, None, "no conclusion about everybody")
    right = found.conclusion == puzzle.solution
    read = _named(puzzle, dict(enumerate(found.conclusion)))
    return Score("", "conclusion", float(right), read, "the solution" if right else "not the solution")


def _steps(found: Replay) -> Score:
    if found.only_answers:
        return Score("", "steps", None, None, "no step can be checked")
    return Score(
        "", "steps", found.right / found.checked, None, f"{found.right} of {found.checked} checked steps follow"
    )
