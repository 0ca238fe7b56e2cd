"""CoTempQA: which fact held at the same time as another one? A question, dated facts, and one of four relations.

    task: {cotempqa: {train: [equal.json, mix.json], test: test_set.csv}}

The files are CoTempQA's own (arXiv 2406.09072) or of their form; none is part of this package. JSON lines or CSV with
``question``, ``facts`` and ``answer`` (lists; in CSV, literals of Python), and maybe ``index``, ``triple_element`` and
``label``: the class, which is the relation of the two events in time. Without ``label`` it is the task's parameter
``label``, or else the last of the words equal, during, overlap and mix in the name of the file; metadata ``class_from``
says which. Gold facts are those that hold a right answer (arXiv 2505.13792); in 62 of the 1,652 questions of the
released splits equal, mix and overlap that are more facts than answers, since one name can be part of another.

Outputs of others are rows with ``prediction``, ``question``, ``facts`` and maybe ``gold`` (``understudy rescore``).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Literal

from understudy import markers
from understudy.errors import InputError
from understudy.registry import entry
from understudy.tasks import _facts_rows as cells
from understudy.tasks import problem_id
from understudy.tasks._facts import FactsTask, Question, prompt_of
from understudy.tasks._facts_answers import RULES
from understudy.tasks._facts_released import Counts, released
from understudy.types import FinishReason, Problem, Score, Split

Relation = Literal["equal", "during", "overlap", "mix"]
RELATIONS: tuple[Relation, ...] = ("equal", "during", "overlap", "mix")
FORM = "CoTempQA has question, facts and answer"
RELEASED: Mapping[str, str] = {
    "released": "accuracy of the released CoTempQA scorer, whose quirks tasks/_facts_released.py describes",
    "released-f1": "no verdict but a share: F1 of the released scorer",
    "released-precision": "no verdict but a share: precision of the released scorer",
    "released-recall": "no verdict but a share: recall of the released scorer",
    "released-average": "no verdict but a share: the mean of accuracy and F1 of the released scorer",
}

SAMPLE: dict[Split, tuple[tuple[Relation, str, tuple[str, ...], tuple[str, ...]], ...]] = {
    "train": (
        (
            "equal",
            "While Ana Reis was working for Harbour Lab, which employer did Ana Reis work for at the same time?",
            (
                "Ana Reis works for Harbour Lab from 2001 to 2004.",
                "Ana Reis works for Mill House in 1999.",
                "Ana Reis works for Salt Press from 2001 to 2004.",
            ),
            ("Salt Press",),
        ),
        (
            "during",
            "While Ana Reis was working for Mill House, which employer did Ana Reis work for in that time?",
            (
                "Ana Reis works for Mill House from 1990 to 1999.",
                "Ana Reis works for Kite Works in 1994.",
                "Ana Reis works for Salt Press in 2003.",
            ),
            ("Kite Works",),
        ),
        (
            "overlap",
            "While Tom Oduya attended Fern College, who was the mayor of his town?",
            (
                "Tom Oduya attended Fern College from 1980 to 1984.",
                "Lea Holm is the head of Ferntown from 1982 to 1990.",
                "Max Abt is the head of Ferntown from 1990 to 1994.",
            ),
            ("Lea Holm",),
        ),
        (
            "mix",
            "While Iris Vo was a member of the Garden Party, which other parties was Iris Vo a member of?",
            (
                "Iris Vo is a member of the Garden Party from 2010 to 2015.",
                "Iris Vo is a member of the River Party from 2010 to 2015.",
                "Iris Vo is a member of the Hill Party from 2014 to 2019.",
                "Iris Vo is a member of the Lamp Party in 2005.",
            ),
            ("River Party", "Hill Party"),
        ),
    ),
    "test": (
        (
            "equal",
            "While Jon Akers was playing for Rovers, which team did Jon Akers play for at the same time?",
            (
                "Jon Akers plays for Rovers from 2011 to 2012.",
                "Jon Akers plays for Lanterns in 2015.",
                "Jon Akers plays for Wanderers from 2011 to 2012.",
            ),
            ("Wanderers",),
        ),
        (
            "during",
            "While Dov Lind was the chair of Sailors' Union, which position did Dov Lind hold in that time?",
            (
                "Dov Lind is the chair of Sailors' Union from 1960 to 1975.",
                "Dov Lind holds the position of harbour master from 1962 to 1966.",
                "Dov Lind holds the position of pilot from May, 1950 to June 4, 1953.",
            ),
            ("harbour master",),
        ),
        (
            "overlap",
            "While Blue Barn was owned by Mara Estate, who was also owned by Mara Estate?",
            (
                "Blue Barn is owned by Mara Estate from 1920 to 1931.",
                "Old Forge is owned by Mara Estate from 1928 to 1940.",
                "Weir Cottage is owned by Mara Estate in 1950.",
            ),
            ("Old Forge",),
        ),
        (
            "mix",
            "While Siri Dahl attended North School, which schools was Paul Dahl attending?",
            (
                "Siri Dahl attended North School from 1971 to 1977.",
                "Paul Dahl attended East School from 1971 to 1977.",
                "Paul Dahl attended West School in 1973.",
                "Paul Dahl attended South School in 1988.",
            ),
            ("East School", "West School"),
        ),
    ),
}


@entry
@dataclass(frozen=True)
class Cotempqa(FactsTask):
    """Questions over dated facts (CoTempQA); the trace names the relation in time and the facts that answer.

    ``train`` and ``test`` name a file or a list of files; ``label`` is the class of rows that do not say theirs;
    ``rule`` says when the facts of a trace are right: ``any-fact``, ``all-facts`` or ``exact-facts``.
    """

    label: Relation | None = None

    name: ClassVar[str] = "cotempqa"
    classes: ClassVar[tuple[str, ...]] = RELATIONS
    class_sentence: ClassVar[str] = "The relation in time of the two events is:"
    answer_rules: ClassVar[Mapping[str, str]] = {**RULES, **RELEASED}
    whole_text_rules: ClassVar[frozenset[str]] = frozenset(RELEASED)

    def questions(self, split: Split) -> Iterable[Question]:
        """From the files of the split, in their order. Raises ``InputError`` if a row is no question."""
        if not (self.train or self.test):
            for number, (label, text, facts, right) in enumerate(SAMPLE[split], 1):
                yield Question(text, facts, _answering(facts, right), right, label, f"sample:{number}", "label")
        for file in self.files(split):
            for where, row in cells.rows(file):
                question = self._question(row, file.name, where)
                if question is None:
                    raise InputError(f"{file.resolve()}, row {where.rpartition(':')[2]} is no question", FORM)
                yield question

    def wrong_facts(self, facts: Sequence[str], gold: Sequence[str], rng: Random) -> list[str]:
        """One fact that holds no right answer."""
        others = [fact for fact in facts if fact not in gold]
        return [rng.choice(others)] if others else []

    def grade_by(self, rule: str, problem: Problem, response: str) -> Score:
        """By one of ``answer_rules``. Those of ``whole_text_rules`` want the whole text that the model wrote."""
        if rule not in RELEASED:
            return super().grade_by(rule, problem, response)
        right = cells.texts(problem.answer) or ()
        about = problem.metadata
        counts = released(response, about["question"], about["facts"], about.get("triple_element") or "", right)
        return Score("", "answer", _released(counts)[rule], response.strip()[-200:] or None, RELEASED[rule])

    # --- outputs of others ---

    def identify(self, row: Mapping[str, Any]) -> str | None:
        """From ``question`` and ``facts``, or from ``prompt``, if it is ours."""
        text, facts = row.get("question"), cells.texts(row.get("facts"))
        if isinstance(text, str) and facts:
            return problem_id(self.name, prompt_of(text.strip(), facts))
        prompt = row.get("prompt")
        return problem_id(self.name, prompt) if isinstance(prompt, str) and prompt.strip() else None

    def problem_of(self, row: Mapping[str, Any], file: str = "") -> Problem | None:
        """With the answers of ``gold`` or ``answer``; null, if there are none, or no question and facts."""
        question = self._question(row, file, f"{file}:{row.get('index', '')}".strip(":"))
        return None if question is None else self.problem(question, "test")

    def read(self, prediction: str) -> tuple[str | None, str, FinishReason | None]:
        """As ``markers.split`` does; but a bare list after an opening ``<think>`` is a response that left it open."""
        parts = markers.split(prediction)
        if parts.finish == "length" and re.fullmatch(r"\(?\[[^\[\]]*\]\)?", parts.reasoning or ""):
            return None, parts.reasoning or "", "stop"
        return parts.reasoning or None, parts.response, parts.finish

    def _question(self, row: Mapping[str, Any], file: str, where: str) -> Question | None:
        text, facts = row.get("question"), cells.texts(row.get("facts"))
        right = cells.texts(cells.first(row, "answer", "gold"))
        if not isinstance(text, str) or not text.strip() or not facts or not right:
            return None
        label, source = self._label(row, file)
        extra = {name: row[name] for name in ("index", "triple_element") if row.get(name) is not None}
        return Question(text.strip(), facts, _answering(facts, right), right, label, where, source, extra)

    def _label(self, row: Mapping[str, Any], file: str) -> tuple[str | None, str | None]:
        said = row.get("label")
        if isinstance(said, str) and said.strip().lower() in RELATIONS:
            return said.strip().lower(), "label"
        if self.label:
            return self.label, "parameter"
        named = [word for word in re.split(r"[^a-z]+", file.lower()) if word in RELATIONS]
        return (named[-1], "file name") if named else (None, None)


def _answering(facts: Sequence[str], right: Sequence[str]) -> tuple[str, ...]:
    return tuple(fact for fact in facts if any(answer in fact for answer in right))


def _released(counts: Counts) -> dict[str, float]:
    return dict(zip(RELEASED, (*counts, (counts.accuracy + counts.f1) / 2), strict=True))
