"""Traces that somebody collected: JSON lines or a JSON array, gzipped or not. A file is a model, too.

    from: {file: {path: traces/r1.jsonl.gz, response: "deepseek-reasoner (question)"}}

    File("traces/r1.jsonl.gz").census(problems)     # what became of every row

Rows find their problem by its id, that is by their prompt; the order of the file does not matter. Every row
is accounted for: rows = traces + duplicates + unmatched + unreadable.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from understudy.errors import InputError
from understudy.formats.think_tags import CLOSE, ThinkTags
from understudy.registry import entry
from understudy.rows import Census, Row, Unreadable, present, read_rows
from understudy.tables import to_json
from understudy.tasks import problem_id
from understudy.types import FinishReason, Problem, Sampling, Trace

PROMPTS = ("question", "prompt", "problem", "instruction")
"""Fields that may hold the prompt; the first that the file's rows have is taken."""
RESPONSES = ("response", "model_answer", "completion", "output", "generation")
"""Fields that may hold what the model wrote. "answer" is none of them: it often is the reference."""
API_ERROR = re.compile(r"\s*Error after [0-9]+ attempts\b")
"""What collectors store in place of a response when an endpoint failed."""


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    prompt: str
    text: str


@entry
@dataclass(frozen=True)
class File:
    """Rows of a file as traces, one for each different row that belongs to a problem; duplicates count once.

    ``prompt`` and ``response`` name the fields to read (default: the first of a list that is there),
    ``model`` the model (default: the file's name). How the rows were sampled is not known, so ``sampling`` is
    not looked at.
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
        texts, odd = self._texts(unique, file)
        by_problem = _match(texts, problems)
        cut = _closes(row.text for row in texts)
        traces = [
            self._trace(problem, sample, row, cut)
            for problem in problems
            for sample, row in enumerate(by_problem.get(problem.problem_id, ()))
        ]
        census = Census(
            rows=len(rows) + len(unreadable),
            traces=len(traces),
            duplicates=len(rows) - len(unique),
            unmatched=len(texts) - sum(map(len, by_problem.values())),
            unreadable=tuple(sorted(unreadable + odd)),
            errors=sum(trace.error is not None for trace in traces),
            unanswered=len({problem.problem_id for problem in problems} - by_problem.keys()),
        )
        return traces, census

    def _texts(self, rows: Sequence[Row], file: Path) -> tuple[list[_Row], list[Unreadable]]:
        """Prompt and response of each row, and the rows that lack one."""
        counts = Counter(name for _, row in rows for name in row)
        prompt = _field("prompt", self.prompt, PROMPTS, counts, file)
        response = _field("response", self.response, RESPONSES, counts, file)
        texts: list[_Row] = []
        odd: list[Unreadable] = []
        for number, row in rows:
            wrong = [name for name in (prompt, response) if not isinstance(row.get(name), str)]
            if wrong:
                odd.append((number, f"the field '{wrong[0]}' holds no text"))
            else:
                texts.append(_Row(number, row[prompt], row[response]))
        return texts, odd

    def _trace(self, problem: Problem, sample: int, row: _Row, cut: bool) -> Trace:
        reasoning, response, finish_reason, error = _parts(row.text, cut)
        model = self.model or Path(self.path.removesuffix(".gz")).stem
        return Trace(
            trace_id=f"{model}/{problem.problem_id}/{sample}",
            problem_id=problem.problem_id,
            model=model,
            response=response,
            reasoning=reasoning,
            sample=sample,
            finish_reason=finish_reason,
            error=error,
            metadata={"file": Path(self.path).name, "row": row.number},
        )


def _without_duplicates(rows: Iterable[Row]) -> list[Row]:
    """The first of each set of identical rows."""
    unique: dict[bytes, Row] = {}
    for number, row in rows:
        unique.setdefault(sha256(to_json(row).encode()).digest(), (number, row))
    return list(unique.values())


def _field(role: str, name: str | None, usual: Sequence[str], counts: Mapping[str, int], file: Path) -> str:
    """The field to read: the one that was named, or the first usual one. Raises ``InputError``."""
    found = next((field for field in ([name] if name else usual) if field in counts), None)
    if found is None:
        tried = f"field '{name}'" if name else f"{role} in any of the fields {', '.join(usual)}"
        raise InputError(f"{file.resolve()} has no {tried}", f"{role}: NAME, one of {', '.join(counts)}")
    return found


def _match(rows: Iterable[_Row], problems: Sequence[Problem]) -> dict[str, list[_Row]]:
    """The rows of each problem, by its id."""
    wanted = {problem.problem_id for problem in problems}
    tasks = sorted({problem.task for problem in problems})
    found: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        name = next((name for name in (problem_id(task, row.prompt) for task in tasks) if name in wanted), None)
        if name:
            found[name].append(row)
    return dict(found)


def _closes(texts: Iterable[str]) -> bool:
    """Whether a file is of a model that thinks: most of its rows close their reasoning."""
    closed = [CLOSE in text for text in texts]
    return 2 * sum(closed) > len(closed)


def _parts(text: str, thinks: bool) -> tuple[str | None, str, FinishReason | None, str | None]:
    """Reasoning, response, finish reason and error of a stored text.

    A model that thinks and never closes its reasoning was cut off in it, also where the opening tag is not
    stored.
    """
    if API_ERROR.match(text):
        return None, "", "error", text.strip()
    reasoning, response, closed = ThinkTags().split(text)
    if thinks and reasoning is None and response:
        return response, "", "length", None
    return reasoning, response, None if closed else "length", None
