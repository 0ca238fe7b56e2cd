"""What ``understudy style`` reads and works out."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import InputError

if TYPE_CHECKING:
    from understudy.style.agreement import Agreement


def text_of(file: Path, trace: str | None) -> str:
    """The text to explain: of a trace of the file, or the file itself if it is plain text."""
    from understudy import exchange, profile
    from understudy.rows import present

    present(file)
    if file.suffix in (".txt", ".md"):
        return file.read_text(encoding="utf-8", errors="replace")
    for frame in exchange.traces([file]):
        rows = frame.select("trace_id", text=profile.text()).drop_nulls("text")
        for name, text in rows.iter_rows():
            if trace in (None, name):
                return str(text)
    raise InputError(
        f"{file} has no trace {trace or 'with a text'}", "understudy import FILE --out F.parquet keeps the ids"
    )


def explained(text: str, most: int) -> list[list[str]]:
    """A row a step: its number, stage, episode, what decided it, and its text."""
    from understudy.style.episodes import EPISODES, Tagger
    from understudy.style.reading import Reading
    from understudy.style.stages import STAGES

    read = Reading.of([text])
    reasons = Tagger.shipped().explain(read.texts, read.words, read.steps, read.episodes)
    rows = []
    for step, why in enumerate(reasons):
        said = read.texts.data[read.steps.start[step] : read.steps.end[step]].tobytes().decode("utf-8", "replace")
        decided = ", ".join(f"{name} {weight:+.1f}" for name, weight in islice(why, most))
        names = (STAGES[read.stages[step]], EPISODES[read.episodes[step]])
        rows.append([str(step), *names, decided, " ".join(said.split())[:100]])
    return rows


def agreed(file: Path, sentences: str, text: str, label: str) -> "tuple[Agreement, int]":
    """The agreement, and how many sentences have no known label."""
    from understudy.rows import read_rows
    from understudy.style import episodes
    from understudy.style.agreement import agreement

    truth: list[int] = []
    given: list[int] = []
    skipped = 0
    for number, row in read_rows(file)[0]:
        found = _sentences(row, sentences, text, label, f"{file}, row {number}")
        tags = episodes.label([said for said, _ in found])
        for tag, (_, name) in zip(tags, found, strict=True):
            if name in episodes.EPISODES:
                truth.append(episodes.EPISODES.index(name))
                given.append(episodes.EPISODES.index(tag))
            else:
                skipped += 1
    if not truth:
        raise InputError(f"no sentence of {file} has one of the labels {', '.join(episodes.EPISODES)}")
    return agreement(truth, given), skipped


def _sentences(row: Any, field: str, text: str, label: str, place: str) -> list[tuple[str, str]]:
    held = row.get(field)
    if not isinstance(held, list) or not all(isinstance(one, dict) and isinstance(one.get(text), str) for one in held):
        hint = f"--sentences, --text and --label name the fields; the row has {', '.join(row)}"
        raise InputError(f"{place} has no list '{field}' of sentences with a field '{text}'", hint)
    return [(one[text], str(one.get(label)).lower()) for one in held]
