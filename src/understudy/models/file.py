"""Traces that somebody collected: JSON lines or a JSON array, gzipped or not. A file is a model, too.

    from: {file: {path: traces/r1.jsonl.gz, response: "deepseek-reasoner (question)"}}

    File("traces/r1.jsonl.gz").census(problems)     # what became of every row

Rows find their problem by its id, that is by their prompt; the order of the file does not matter. Every row
is accounted for: rows = traces + duplicates + unmatched + unreadable.
"""

import gzip
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from understudy.errors import InputError
from understudy.formats.think_tags import CLOSE, ThinkTags
from understudy.registry import entry
from understudy.tables import to_json
from understudy.tasks import problem_id
from understudy.types import FinishReason, Problem, Sampling, Trace

PROMPTS = ("question", "prompt", "problem", "instruction")
"""Fields that may hold the prompt; the first that the file's rows have is taken."""
RESPONSES = ("response", "model_answer", "completion", "output", "generation")
"""Fields that may hold what the model wrote. "answer" is none of them: it often is the reference."""
API_ERROR = re.compile(r"\s*Error after [0-9]+ attempts\b")
"""What collectors store in place of a response when an endpoint failed."""

Row = tuple[int, dict[str, Any]]
"""A row with its number: the line, or the place in the array, counted from 1."""
Unreadable = tuple[int, str]
"""The number of a row that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Census:
    """What became of the rows of a file: rows = traces + duplicates + unmatched + unreadable.

    ``unreadable`` names each row and the reason. ``errors`` counts the traces that are stored errors of an
    endpoint, ``unanswered`` the problems without any trace.
    """

    rows: int
    traces: int
    duplicates: int
    unmatched: int
    unreadable: tuple[Unreadable, ...]
    errors: int
    unanswered: int


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


def read_rows(file: Path) -> tuple[list[Row], list[Unreadable]]:
    """The objects of a file of JSON lines or of one JSON array, and the rows that are none.

    Blank lines are no rows.
    Raises ``InputError`` if the file is missing or empty, or if no row is readable.
    """
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for number, value in _values(_content(file), file):
        fault = _fault(value)
        if fault is None:
            rows.append((number, value))
        else:
            unreadable.append((number, fault))
    if not rows:
        reason = f"row {unreadable[0][0]}: {unreadable[0][1]}" if unreadable else "it is empty"
        raise InputError(f"{file.resolve()} holds no row that can be read ({reason})", _WANTED)
    return rows, unreadable


class _NotJson(str):
    """Why a line is not JSON, in place of its value."""

    __slots__ = ()


_WANTED = "it should hold one JSON object a line, or one JSON array of objects"


def _content(file: Path) -> bytes:
    try:
        content = file.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except FileNotFoundError:
        raise InputError(f"there is no file {file.resolve()}", "--set data=DIR says where the data lies") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file.resolve()} cannot be read ({error})") from error


def _values(content: bytes, file: Path) -> Iterable[tuple[int, Any]]:
    if content.lstrip()[:1] != b"[":
        lines = enumerate(content.split(b"\n"), 1)
        return ((number, _parsed(line)) for number, line in lines if line.strip())
    array = _parsed(content)
    if isinstance(array, _NotJson):
        raise InputError(f"{file.resolve()} is no JSON array ({array})", _WANTED)
    return enumerate(array, 1)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return _NotJson(f"it is no JSON ({error})")


def _fault(value: Any) -> str | None:
    """Why a row cannot be used. A lone surrogate is legal JSON, but no table can hold it."""
    if not isinstance(value, dict):
        return value if isinstance(value, _NotJson) else "it is no JSON object"
    try:
        to_json(value).encode()
    except (ValueError, RecursionError):
        return "it is no valid Unicode"
    return None


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
