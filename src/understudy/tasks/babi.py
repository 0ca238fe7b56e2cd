"""bAbI: short stories with a question, of 20 kinds; the lines that support the answer are known.

    task: {babi: {train: babi_en.jsonl.gz, test: babi_en.jsonl.gz, kinds: [1, counting]}}

The stories are those of Weston et al. (arXiv 1502.05698); none is part of this package. Either the plain text files
(``qa7_counting_train.txt``: numbered lines, a question with its answer and the numbers of the supporting lines after
tabs or bars), or JSON lines with the ``path`` and the ``text`` of such files. Number and kind are read from the name,
and of a file with both splits only the rows of the one that is asked for are taken. The class of a question is its
kind; the facts are the lines before it, the gold facts the supporting ones. The default kinds are the 11 of arXiv
2505.13792. An answer like ``apple,milk`` is a set of two, but a path (kind 19) is one answer.

Of a question that stands in a split more than once there is one problem, which says how many ``copies`` it is of; in
kind 18 some copies name other supporting lines, and the first counts.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from understudy.errors import InputError, StudyError, did_you_mean
from understudy.registry import entry
from understudy.tasks import _facts_rows as cells
from understudy.tasks._facts import FactsTask, Question
from understudy.types import Split

KINDS = (
    "single-supporting-fact",
    "two-supporting-facts",
    "three-supporting-facts",
    "two-arg-relations",
    "three-arg-relations",
    "yes-no-questions",
    "counting",
    "lists-sets",
    "simple-negation",
    "indefinite-knowledge",
    "basic-coreference",
    "conjunction",
    "compound-coreference",
    "time-reasoning",
    "basic-deduction",
    "basic-induction",
    "positional-reasoning",
    "size-reasoning",
    "path-finding",
    "agents-motivations",
)
"""The names of the kinds, from 1 to 20, as they stand in the names of the files."""
PUBLISHED = (1, 2, 4, 7, 8, 12, 14, 15, 16, 17, 18)
PATHS = "path-finding"

_NAME = re.compile(r"qa([0-9]{1,2})_[a-z0-9-]*?(?:_(train|test|valid))?\.txt$")
_LINE = re.compile(r"([0-9]{1,6}) (.*)")
_QUESTION = re.compile(r"([^\t|]*)[\t|]([^\t|]*)[\t|]([0-9 ]*)")

SAMPLE: dict[Split, tuple[tuple[int, str], ...]] = {
    "train": (
        (1, "1 Nora walked to the attic.\n2 Emil ran to the barn.\n3 Where is Nora?\tattic\t1"),
        (1, "1 Emil ran to the mill.\n2 Ruth walked to the barn.\n3 Where is Ruth?\tbarn\t2"),
        (2, "1 Emil got the lamp.\n2 Nora ran to the mill.\n3 Emil ran to the barn.\n4 Where is the lamp?\tbarn\t1 3"),
        (7, "1 Ruth got the rope.\n2 Emil ran to the mill.\n3 How many objects has Ruth?\tone\t1"),
        (8, "1 Nora got the lamp.\n2 Nora got the rope.\n3 Emil ran off.\n4 What has Nora?\tlamp,rope\t1 2"),
    ),
    "test": (
        (1, "1 Ruth walked to the mill.\n2 Nora ran to the attic.\n3 Where is Ruth?\tmill\t1"),
        (
            2,
            "1 Ruth got the rope.\n2 Emil ran to the barn.\n3 Ruth ran home.\n4 Where is the rope?\thome\t1 3",
        ),
        (7, "1 Emil got the lamp.\n2 Ruth got the rope.\n3 Emil got the book.\n4 How many objects has Emil?\ttwo\t1 3"),
        (8, "1 Ruth got the book.\n2 Emil ran off.\n3 Ruth got the lamp.\n4 What has Ruth?\tbook,lamp\t1 3"),
    ),
}


@entry
@dataclass(frozen=True)
class Babi(FactsTask):
    """Stories with a question (bAbI); the trace names the kind of question and the lines that support the answer.

    ``train`` and ``test`` name a file or a list of files; ``kinds`` are numbers or names; ``rule`` says when the facts
    of a trace are right: ``any-fact``, ``all-facts`` or ``exact-facts``.
    """

    kinds: tuple[int | str, ...] = PUBLISHED

    name: ClassVar[str] = "babi"
    class_sentence: ClassVar[str] = "The kind of question is:"

    def __post_init__(self) -> None:
        super().__post_init__()
        for kind in self.kinds:
            if kind not in KINDS and kind not in range(1, len(KINDS) + 1):
                hint = did_you_mean(kind, KINDS) if isinstance(kind, str) else f"they are 1 to {len(KINDS)}"
                raise StudyError(f"babi has no kind {kind!r}", hint)
        if len(set(self.classes)) < 2:
            raise StudyError("babi needs two kinds or more", "the kind is what a trace has to tell")

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the task's kinds."""
        return tuple(KINDS[kind - 1] if isinstance(kind, int) else kind for kind in self.kinds)

    def questions(self, split: Split) -> Iterable[Question]:
        """From the files of the split, in their order. Raises ``InputError`` if a line is none of a story."""
        if not (self.train or self.test):
            texts = ((f"sample:{place}", kind, text) for place, (kind, text) in enumerate(SAMPLE[split], 1))
        else:
            texts = (found for file in self.files(split) for found in _texts(file, split))
        for where, number, text in texts:
            if 1 <= number <= len(KINDS) and KINDS[number - 1] in self.classes:
                yield from _stories(where, KINDS[number - 1], text)

    def wrong_facts(self, facts: Sequence[str], gold: Sequence[str], rng: Random) -> list[str]:
        """As many lines as support the answer, or as there are, that do not; in the order of the story."""
        others = list(dict.fromkeys(fact for fact in facts if fact not in gold))
        chosen = rng.sample(others, min(len(gold), len(others)))
        return [fact for fact in others if fact in chosen]


def _texts(file: Path, split: Split) -> Iterator[tuple[str, int, str]]:
    """Where each story file of a split is from, the number of its kind, and its text."""
    pairs: Iterable[tuple[str, Any, Any]] = [(file.name, file.name, _read(file))] if file.suffix == ".txt" else ()
    for where, path, text in pairs or ((where, row.get("path"), row.get("text")) for where, row in cells.rows(file)):
        named = _NAME.search(path) if isinstance(path, str) else None
        if named is None or not isinstance(text, str):
            raise InputError(f"{file.resolve()}: {where} is no bAbI file", "bAbI has qa7_counting_train.txt and so on")
        if named[2] in (None, split):
            yield where if where == path else f"{where} {path}", int(named[1]), text


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file.resolve()} cannot be read ({error})") from None


def _stories(where: str, kind: str, text: str) -> Iterator[Question]:
    """The questions of one file, each with the lines of its story that stand before it."""
    story: dict[str, str] = {}
    for place, line in enumerate(text.splitlines(), 1):
        numbered = _LINE.fullmatch(line.strip("\r\n"))
        if numbered is None:
            raise InputError(f"{where}, line {place} has no number: {line!r:.80}", "bAbI numbers the lines of a story")
        if numbered[1] == "1":
            story = {}
        asked = _QUESTION.fullmatch(numbered[2])
        if asked is None:
            story[numbered[1]] = numbered[2].strip()
            continue
        supporting = sorted(set(asked[3].split()), key=int)
        if not story or not asked[2].strip() or any(number not in story for number in supporting):
            raise InputError(f"{where}, line {place} asks without answer or supporting lines: {line!r:.80}")
        right = (asked[2].strip(),) if kind == PATHS else tuple(asked[2].strip().split(","))
        gold = tuple(story[number] for number in supporting)
        yield Question(asked[1].strip(), tuple(story.values()), gold, right, kind, f"{where}:{place}", "file name")
