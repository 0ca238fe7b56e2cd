"""MARCO-type questions: a question, passages of which one or more answer it, and what is asked for.

    task: {marco: {train: train.jsonl, test: test.jsonl}}

JSON lines (or a JSON array, or Parquet), one question a row:

    {"question": "how tall is the tower", "query_type": "NUMERIC", "answers": ["61 metres"],
     "passages": [{"text": "The tower is 61 metres tall.", "is_selected": 1}, {"text": "It opens at nine."}]}

``query_type`` is DESCRIPTION, NUMERIC, ENTITY, LOCATION or PERSON: the class. ``passages`` are objects as above, bare
texts, or the columns ``{"passage_text": [...], "is_selected": [...]}``. The names of MS MARCO (arXiv 1611.09268) are
read too: ``query`` for the question, ``passage_text`` for the text. Gold facts are the selected passages; where none
is marked, the one that shares the most words with the first answer. ``answers`` are ways to put the same answer: one
of them is enough. A question without an answer ("No Answer Present.") has no gold facts, so that its traces cannot be
checked. No data of MS MARCO are part of this package.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from understudy.errors import InputError
from understudy.registry import entry
from understudy.tasks import _facts_rows as cells
from understudy.tasks._facts import FactsTask, Question
from understudy.tasks._facts_answers import ALTERNATIVES, normal
from understudy.types import Split

TYPES = ("DESCRIPTION", "NUMERIC", "ENTITY", "LOCATION", "PERSON")
SHARED = 8
"""A passage that shares as many words with a gold passage may answer, too: a wrong trace does not name it."""
NO_ANSWER = normal("No Answer Present.")
FORM = "a row has question, passages, query_type and answers"

SAMPLE: dict[Split, tuple[tuple[str, str, str, str], ...]] = {
    "train": (
        (
            "NUMERIC",
            "how tall is the tower of Orle",
            "61 metres",
            "The tower of Orle is 61 metres tall.|It opens at nine.",
        ),
        (
            "PERSON",
            "who built the bridge at Tarn",
            "Ida Brandt",
            "Trout live in the Tarn.|Ida Brandt built the bridge.",
        ),
        ("LOCATION", "where is amber found", "north coast", "Amber is found on the north coast.|It is old resin."),
    ),
    "test": (
        (
            "ENTITY",
            "what nests in the reeds of Lake Sel",
            "the bittern",
            "Bread is baked daily.|The bittern nests there.",
        ),
        ("DESCRIPTION", "what is a weir", "a low dam", "A weir is a low dam across a river.|Cows graze on the meadow."),
        ("NUMERIC", "how many islands has Lake Sel", "seven", "Lake Sel has seven islands.|A ferry runs in summer."),
        (
            "PERSON",
            "who painted the ceiling of the hall",
            "Jo Lund",
            "The hall has two doors.|Jo Lund painted its ceiling.",
        ),
    ),
}
"""Kind, question, answer, and passages with bars between them."""


@entry
@dataclass(frozen=True)
class Marco(FactsTask):
    """Questions with passages (MS MARCO and its like); the trace names what is asked for and the passage that answers.

    ``train`` and ``test`` name a file or a list of files; ``rule`` says when the facts of a trace are right:
    ``any-fact``, ``all-facts`` or ``exact-facts``.
    """

    name: ClassVar[str] = "marco"
    classes: ClassVar[tuple[str, ...]] = TYPES
    class_sentence: ClassVar[str] = "The kind of question is:"
    alternatives: ClassVar[bool] = True
    answer_rules: ClassVar[Mapping[str, str]] = ALTERNATIVES

    def questions(self, split: Split) -> Iterable[Question]:
        """From the files of the split, in their order. Raises ``InputError`` if a row is no question."""
        if not (self.train or self.test):
            for place, (kind, text, answer, barred) in enumerate(SAMPLE[split], 1):
                passages = tuple(barred.split("|"))
                gold = _nearest(passages, answer)
                yield Question(text, passages, gold, (answer,), kind, f"sample:{place}", "query_type")
        for file in self.files(split):
            for where, row in cells.rows(file):
                question = _question(row, where)
                if question is None:
                    raise InputError(f"{file.resolve()}, row {where.rpartition(':')[2]} is no question", FORM)
                yield question

    def wrong_facts(self, facts: Sequence[str], gold: Sequence[str], rng: Random) -> list[str]:
        """One passage that shares fewer than 8 different words with each gold passage."""
        wanted = [_words(fact) for fact in gold]
        others = [fact for fact in facts if all(len(_words(fact) & words) < SHARED for words in wanted)]
        others = [fact for fact in others if fact not in gold]
        return [rng.choice(others)] if others else []


def _question(row: Mapping[str, Any], where: str) -> Question | None:
    text, kind = cells.first(row, "question", "query"), cells.first(row, "query_type", "type")
    passages = _passages(row.get("passages"))
    given = cells.first(row, "answers", "answer")
    right = (given,) if isinstance(given, str) and not given.startswith("[") else cells.texts(given)
    if not isinstance(text, str) or not text.strip() or not passages or not right:
        return None
    label = kind.strip().upper() if isinstance(kind, str) else None
    if label is not None and label not in TYPES:
        return None
    facts = tuple(passage for passage, _ in passages)
    gold = tuple(passage for passage, selected in passages if selected) or _nearest(facts, right[0])
    gold = () if normal(right[0]) == NO_ANSWER else gold
    return Question(text.strip(), facts, gold, right, label, where, "query_type" if label else None)


def _passages(value: Any) -> list[tuple[str, bool]] | None:
    """The passages with whether they are marked as answering; null, if they have none of the known forms."""
    if isinstance(value, Mapping):
        columns = [value.get("passage_text", value.get("text")), value.get("is_selected")]
        if not isinstance(columns[0], list) or not isinstance(columns[1], list) or len(columns[0]) != len(columns[1]):
            return None
        value = [{"text": text, "is_selected": selected} for text, selected in zip(*columns, strict=True)]
    if (bare := cells.texts(value)) is not None:
        return [(" ".join(text.split()), False) for text in bare]
    found = []
    for item in value if isinstance(value, list) else [None]:
        text = cells.first(item, "text", "passage_text") if isinstance(item, Mapping) else None
        if item is None or not isinstance(text, str):
            return None
        found.append((" ".join(text.split()), bool(item.get("is_selected"))))
    return found


def _nearest(passages: Sequence[str], answer: str) -> tuple[str, ...]:
    """The passage that shares the most words with the answer, if one shares any."""
    wanted = _words(answer)
    best = max(passages, key=lambda passage: len(_words(passage) & wanted), default="")
    return (best,) if _words(best) & wanted else ()


def _words(text: str) -> set[str]:
    return set(normal(text).split())
