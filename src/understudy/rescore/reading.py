"""Other people's output files, row by row, joined to the problems that they answer.

    from understudy.rescore.reading import Gold, read
    outputs = read(Path("llama.jsonl.gz"), Gold.of(task, from_files=True))
    outputs.joined, outputs.unjoined        # traces by problem id, and the rows that found no problem

A row finds its problem by its id and by nothing else: never by a string that happens to occur in it. A task that
knows how others lay out their outputs says so itself (``RescoredTask``); for every other task the row is read by one
of the shelf ``formats``, and its id follows from its prompt.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from understudy import formats
from understudy.errors import InputError
from understudy.protocols import RescoredTask, Task
from understudy.rows import Row, Unreadable, read_rows
from understudy.tasks import problem_id
from understudy.types import Problem, Skip, Trace

_HEAD = 256
"""Rows by which a layout is recognised."""
_TEXT = "prediction"
"""The field of published outputs that holds what the model wrote."""
_DAMAGED = "get the file again: figures of a part of it would not be those of the file"

Read = tuple[int, str, Trace]
"""A row's number, the id of its problem and the trace in it."""


@dataclass(frozen=True)
class Gold:
    """Where the right answers are: with the task's own problems, by id, or (null) in each output row."""

    task: Task
    problems: Mapping[str, Problem] | None

    @classmethod
    def of(cls, task: Task, from_files: bool) -> "Gold":
        """The gold of a task. Rows are believed only if no file was named and the task can read their gold."""
        if isinstance(task, RescoredTask) and not from_files:
            return cls(task, None)
        return cls(task, {problem.problem_id: problem for problem in task.problems("test", None, 0)})


@dataclass(frozen=True)
class Outputs:
    """What became of the rows of one file: rows = joined + unjoined + repeated.

    ``unjoined`` names each row that is in no figure, with the reason. ``repeated`` names those that answer a problem
    which an earlier row answers, if only the first was asked for. ``unanswered`` counts gold problems without a
    row. ``differing`` names the rows whose own gold answer is another one than that of the gold with the same id.
    """

    file: Path
    problems: Mapping[str, Problem]
    traces: Mapping[str, Trace]
    unjoined: Sequence[Unreadable]
    unanswered: int
    differing: Sequence[int]
    repeated: Sequence[int] = ()

    @property
    def rows(self) -> int:
        """All rows of the file."""
        return len(self.traces) + len(self.unjoined) + len(self.repeated)


def read(file: Path, gold: Gold, allow_missing: bool = False, keep_first: bool = False) -> Outputs:
    """The outputs in a file. One trace a problem; traces are named after their problems.

    Raises ``InputError`` if the file is missing, empty or cut off, if no row of it is an output of the task, if two
    rows answer the same problem (unless ``keep_first``), or if any row has no gold (unless ``allow_missing``).
    """
    rows, unreadable = _rows(file)
    found, odd = _found(file, rows, gold)
    by_number = dict(rows)
    found, repeated = _once(found) if keep_first else (_without_duplicates(file, found, by_number), [])
    own = {number: _own(gold.task, by_number[number], file) for number, _, _ in found}
    problems = {name: own[number] for number, name, _ in found} if gold.problems is None else gold.problems
    joined = {name: (number, trace) for number, name, trace in found if problems.get(name)}
    lost = [(number, f"no gold has its id {name}") for number, name, _ in found if name not in joined]
    unjoined = sorted([*unreadable, *odd, *lost])
    if unjoined and not (allow_missing and joined):
        raise _mismatch(file, len(joined), unjoined, gold, allow_missing)
    known = {name: problem for name in joined if (problem := problems[name])}
    differing = [
        number
        for name, (number, _) in joined.items()
        if (mine := own[number]) and mine.answer is not None and mine.answer != known[name].answer
    ]
    traces = {name: trace for name, (_, trace) in joined.items()}
    return Outputs(file, known, traces, unjoined, len(problems) - len(joined), differing, repeated)


def _rows(file: Path) -> tuple[list[Row], list[Unreadable]]:
    if not file.exists():
        raise InputError(f"there is no file {file}", "name the files of outputs: understudy rescore OUTPUTS.jsonl")
    try:
        return read_rows(file)
    except InputError as error:
        raise InputError(error.message, _DAMAGED if "--keep-readable" in error.hint else error.hint) from None


def _found(file: Path, rows: Sequence[Row], gold: Gold) -> tuple[list[Read], list[Unreadable]]:
    """The rows that are outputs of the task, and the others with the reason. Raises if there is none."""
    found: list[Read] = []
    odd: list[Unreadable] = []
    task = gold.task
    published = isinstance(task, RescoredTask) and any(_TEXT in row for _, row in rows)
    for number, row, trace in _published(rows, task) if published else _formatted(rows, file):
        name = None if isinstance(trace, str) else _identify(gold, row, trace)
        if isinstance(trace, str):
            odd.append((number, trace))
        elif name is None:
            odd.append((number, "it does not say which question it answers"))
        else:
            found.append((number, name, replace(trace, trace_id=name, problem_id=name)))
    if not found:
        number, reason = odd[0]
        fields = ", ".join(list(dict.fromkeys(field for _, row in rows[:_HEAD] for field in row))[:12])
        raise InputError(
            f"{file} holds no output of the task '{_called(task)}' (row {number}: {reason})",
            f"take the task that these outputs answer (their fields are {fields})",
        )
    return found, odd


def _published(rows: Sequence[Row], task: Any) -> Iterator[tuple[int, Mapping[str, Any], Trace | str]]:
    """Rows in the layout that the task knows."""
    for number, row in rows:
        text = row.get(_TEXT)
        if isinstance(text, str):
            reasoning, response, finish = task.read(text)
            yield number, row, Trace("", "", "", response, reasoning, finish_reason=finish, metadata={"text": text})
        else:
            yield number, row, f"it has no text '{_TEXT}'"


def _formatted(rows: Sequence[Row], file: Path) -> Iterator[tuple[int, Mapping[str, Any], Trace | str]]:
    """Rows in any layout of the shelf ``formats``."""
    head = [row for _, row in rows[:_HEAD]]
    try:
        form, thinks = formats.recognise(head), formats.thinks(head)
    except InputError as error:
        raise InputError(f"{file}: {error.message}", "understudy import OUTPUTS --map response=FIELD") from None
    for number, row in rows:
        traces = form.read(row, thinks)
        for trace in [traces.reason] if isinstance(traces, Skip) else traces:
            yield number, row, trace


def _identify(gold: Gold, row: Mapping[str, Any], trace: Trace) -> str | None:
    """The id of the problem that a row answers: as the task says, else from its prompt."""
    if isinstance(gold.task, RescoredTask) and (name := gold.task.identify(row)):
        return name
    prompt = trace.metadata.get("prompt")
    task = next((problem.task for problem in (gold.problems or {}).values()), _called(gold.task))
    return problem_id(task, prompt) if isinstance(prompt, str) else None


def _own(task: Task, row: Mapping[str, Any], file: Path) -> Problem | None:
    """The problem with the gold that a row carries, if it does."""
    return task.problem_of(row, file.name) if isinstance(task, RescoredTask) else None


def _once(found: Sequence[Read]) -> tuple[list[Read], list[int]]:
    """The first row of each problem, and the numbers of the others."""
    first = {read[1]: read for read in reversed(found)}
    kept = [read for read in found if first[read[1]] is read]
    return kept, [read[0] for read in found if first[read[1]] is not read]


def _without_duplicates(file: Path, found: list[Read], rows: Mapping[int, Mapping[str, Any]]) -> list[Read]:
    """The same rows. Raises if two of them answer the same problem."""
    counts = Counter(name for _, name, _ in found)
    again = [name for name, count in counts.items() if count > 1]
    if again:
        first, second = [number for number, name, _ in found if name == again[0]][:2]
        alike = ", and are alike" if rows[first] == rows[second] else ""
        raise InputError(
            f"{file}: rows {first} and {second} both answer the problem {again[0]}{alike}",
            f"keep one row a problem ({len(found)} rows answer {len(counts)}), or take the first with --keep-first",
        )
    return found


def _mismatch(file: Path, joined: int, unjoined: Sequence[Unreadable], gold: Gold, allow_missing: bool) -> InputError:
    number, reason = unjoined[0]
    total = joined + len(unjoined)
    message = f"{file}: {joined} of {total} rows joined the gold by id (row {number}: {reason})"
    if joined and not allow_missing:
        return InputError(
            message, "name the gold that these outputs answer with --gold, or leave rows out with --allow-missing"
        )
    named = "another --gold" if gold.problems is not None else "--gold FILE"
    return InputError(message, f"name the gold that these outputs answer: {named}")


def _called(task: Task) -> str:
    return type(task).__module__.rpartition(".")[2].replace("_", "-")
