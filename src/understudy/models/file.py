"""Traces that somebody collected, in any layout of the shelf ``formats``. A file is a model, too.

    from: {file: {path: traces/r1.jsonl.gz, response: "deepseek-reasoner (question)"}}

    File("traces/r1.jsonl.gz").census(problems)     # what became of every row

Rows find their problem by its id, that is by their prompt; the order of the file does not matter. Every row
is accounted for: rows = traces + duplicates + unmatched + unreadable, where a row of several samples counts as many.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from understudy import formats
from understudy.errors import InputError
from understudy.formats.fields import Fields
from understudy.protocols import Format
from understudy.registry import entry
from understudy.rows import Census, Row, Unreadable, present, read_rows
from understudy.tables import to_json
from understudy.tasks import problem_id
from understudy.types import Problem, Sampling, Skip, Trace

HEAD = 256
"""Rows by which a file's format is recognised, and whether its model closes its reasoning."""

Numbered = tuple[int, str, Trace]
"""A trace with the number of its row and its prompt."""


@entry
@dataclass(frozen=True)
class File:
    """Rows of a file as traces, one for each different row that belongs to a problem; duplicates count once.

    ``prompt`` and ``response`` name the fields to read (default: the format is recognised, and the usual names),
    ``model`` the model (default: as the rows say, or the file's name). How the rows were sampled is not known, so
    ``sampling`` is not looked at.
    """

    path: str
    root: Path = Path()
    prompt: str | None = None
    response: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        present(self.root / self.path)

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Trace]:
        """The traces of each problem, in the order of the problems and then of the file.

        Raises ``InputError`` if the file is missing, empty, without a readable row or without the fields.
        """
        yield from self._read(problems)[0]

    def census(self, problems: Sequence[Problem]) -> Census:
        """What became of every row. Raises as ``generate`` does."""
        return self._read(problems)[1]

    def _read(self, problems: Sequence[Problem]) -> tuple[list[Trace], Census]:
        file = self.root / self.path
        rows, unreadable = read_rows(file)
        unique = _without_duplicates(rows)
        found, odd = self._found(unique, file)
        by_problem = _match(found, problems)
        traces = [
            self._trace(problem, sample, row, trace)
            for problem in problems
            for sample, (row, _, trace) in enumerate(by_problem.get(problem.problem_id, ()))
        ]
        census = Census(
            rows=len(found) + len(odd) + len(rows) - len(unique) + len(unreadable),
            traces=len(traces),
            duplicates=len(rows) - len(unique),
            unmatched=len(found) - sum(map(len, by_problem.values())),
            unreadable=tuple(sorted(unreadable + odd)),
            errors=sum(trace.error is not None for trace in traces),
            unanswered=len({problem.problem_id for problem in problems} - by_problem.keys()),
        )
        return traces, census

    def _found(self, rows: Sequence[Row], file: Path) -> tuple[list[Numbered], list[Unreadable]]:
        """The traces of all rows with their prompts, and the rows that hold none."""
        form = self._format(rows, file)
        thinks = formats.thinks([row for _, row in rows[:HEAD]])
        found: list[Numbered] = []
        odd: list[Unreadable] = []
        for number, row in rows:
            traces = form.read(row, thinks)
            if isinstance(traces, Skip):
                odd.append((number, traces.reason))
            else:
                for trace in traces:
                    prompt = trace.metadata.get("prompt")
                    if isinstance(prompt, str):
                        found.append((number, prompt, trace))
                    else:
                        odd.append((number, "it has no prompt"))
        if not found:
            raise InputError(
                f"{file.resolve()} holds no trace with a prompt (row {odd[0][0]}: {odd[0][1]})", _hint(rows)
            )
        return found, odd

    def _format(self, rows: Sequence[Row], file: Path) -> Format:
        """The format of a file, by its first rows or by the fields that were named. Raises ``InputError``."""
        for role, name in (("prompt", self.prompt), ("response", self.response)):
            if name is not None and not any(name in row for _, row in rows):
                raise InputError(f"{file.resolve()} has no field '{name}'", _hint(rows, role))
        if self.prompt or self.response:
            return Fields(prompt=self.prompt, response=self.response)
        try:
            return formats.recognise([row for _, row in rows[:HEAD]])
        except InputError:
            raise InputError(f"{file.resolve()} has no field that is known to hold the response", _hint(rows)) from None

    def _trace(self, problem: Problem, sample: int, row: int, trace: Trace) -> Trace:
        model = self.model or trace.model or Path(self.path.removesuffix(".gz")).stem
        return replace(
            trace,
            trace_id=f"{model}/{problem.problem_id}/{sample}",
            problem_id=problem.problem_id,
            model=model,
            sample=sample,
            metadata={"file": Path(self.path).name, "row": row},
        )


def _hint(rows: Sequence[Row], role: str = "response") -> str:
    return f"{role}: NAME, one of {', '.join(dict.fromkeys(name for _, row in rows for name in row))}"


def _without_duplicates(rows: Iterable[Row]) -> list[Row]:
    """The first of each set of identical rows."""
    unique: dict[bytes, Row] = {}
    for number, row in rows:
        unique.setdefault(sha256(to_json(row).encode()).digest(), (number, row))
    return list(unique.values())


def _match(found: Iterable[Numbered], problems: Sequence[Problem]) -> dict[str, list[Numbered]]:
    """The traces of each problem, by its id."""
    wanted = {problem.problem_id for problem in problems}
    tasks = sorted({problem.task for problem in problems})
    by_problem: dict[str, list[Numbered]] = defaultdict(list)
    for row in found:
        name = next((name for name in (problem_id(task, row[1]) for task in tasks) if name in wanted), None)
        if name:
            by_problem[name].append(row)
    return dict(by_problem)
