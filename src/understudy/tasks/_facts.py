"""Tasks over facts: a question, a context of facts of which some answer it, and a class that the question is of.

    understudy list tasks

A trace of such a task has two sub-steps, and each has a gold value: which class is the question of, and which facts
answer it? (Bhambri, Biswas, Kambhampati: arXiv 2505.13792.) So every trace can be written by rule, right or wrong, and
the trace of any student can be checked. ``FactsTask`` is what the tasks ``cotempqa``, ``babi`` and ``marco`` share.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Literal

from understudy.errors import InputError
from understudy.randomness import stream
from understudy.rows import present
from understudy.tasks import _facts_answers as answers
from understudy.tasks import problem_id
from understudy.tasks._facts_reading import Listed, Stated, same_facts, stated_class, stated_facts
from understudy.types import Problem, Score, Split

Rule = Literal["any-fact", "all-facts", "exact-facts"]
FACT_RULES: Mapping[Rule, str] = {
    "any-fact": "the trace lists at least one of the gold facts",
    "all-facts": "the trace lists all of the gold facts, and perhaps others",
    "exact-facts": "the trace lists the gold facts and nothing else",
}
NEED = "I need to use the following facts to answer the question:"
SPLITS: tuple[Split, Split] = ("train", "test")
Files = str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Question:
    """A question as a file has it: ``gold`` are those of the ``facts`` that answer it, ``row`` says where it stands.

    ``label`` is its class (null: unknown) and ``label_from`` where that was found; ``extra`` is kept as metadata.
    """

    text: str
    facts: tuple[str, ...]
    gold: tuple[str, ...]
    right: tuple[str, ...]
    label: str | None
    row: str
    label_from: str | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class FactsTask(ABC):
    """``train`` and ``test`` name a file or a list of files; without any, there are a few questions of our own.

    A question of the test split is left out of the training split. ``rule`` says when the facts of a trace are right.
    """

    train: Files = None
    test: Files = None
    rule: Rule = "all-facts"
    root: Path = Path()

    name: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]
    class_sentence: ClassVar[str]
    alternatives: ClassVar[bool] = False
    """Whether one of the right answers is enough, because they are ways to put the same one."""
    answer_rules: ClassVar[Mapping[str, str]] = answers.RULES
    trace_rule: ClassVar[str] = (
        "the class that the trace states is right, and the facts that it lists are right by the task's `rule`: "
        + "; ".join(f"{name}: {words}" for name, words in FACT_RULES.items())
    )

    def __post_init__(self) -> None:
        for split in SPLITS:
            for file in self.files(split):
                present(file)

    @abstractmethod
    def questions(self, split: Split) -> Iterable[Question]:
        """All questions of a split, from its files or, without any, the sample."""

    def files(self, split: Split) -> tuple[Path, ...]:
        """The files of a split."""
        named = self.train if split == "train" else self.test
        return tuple(self.root / file for file in ((named,) if isinstance(named, str) else named or ()))

    # --- problems and answers ---

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """``n`` problems or all there are, in the order of the files; a larger ``n`` only adds some.

        Raises ``InputError`` if the split has no file, or if a row cannot be used.
        """
        if split not in self._problems:
            raise InputError(f"{self.name} has no {split} file", f"task: {{{self.name}: {{{split}: FILE}}}}")
        problems = list(self._problems[split].values())
        order = list(range(len(problems)))
        stream(seed, self.name, split).shuffle(order)
        return [problems[place] for place in sorted(order if n is None else order[:n])]

    @cached_property
    def _problems(self) -> dict[Split, dict[str, Problem]]:
        sample = not (self.train or self.test)
        found = {split: self._merged(split) for split in SPLITS if sample or self.files(split)}
        for name in found.get("test", {}):
            found.get("train", {}).pop(name, None)
        return found

    def _merged(self, split: Split) -> dict[str, Problem]:
        """Problems by id. Copies of a question are merged and counted; they must agree on the answers and the class.

        A copy that does not say its class takes that of one that does.
        """
        problems: dict[str, Problem] = {}
        for question in self.questions(split):
            new = self.problem(question, split)
            old = problems.setdefault(new.problem_id, new)
            if old is new:
                continue
            if old.answer != new.answer:
                where = f"{old.metadata['row']} and {question.row}"
                raise InputError(f"{where} ask the same with other answers ({old.answer}, {new.answer})")
            said = next((each.metadata for each in (old, new) if each.metadata["class"] is not None), old.metadata)
            if new.metadata["class"] not in (None, said["class"]):
                where = f"{old.metadata['row']} and {question.row}"
                raise InputError(f"{where} ask the same in other classes ({said['class']}, {new.metadata['class']})")
            other = old.metadata["gold_facts"] != new.metadata["gold_facts"]
            copies, differ = old.metadata["copies"] + 1, old.metadata["copies_with_other_facts"] + other
            kind = {name: said[name] for name in ("class", "class_from")}
            counted = {**old.metadata, **kind, "copies": copies, "copies_with_other_facts": differ}
            problems[old.problem_id] = replace(old, metadata=counted)
        return problems

    def problem(self, question: Question, split: Split) -> Problem:
        """The problem of a question. Its answer is a JSON list of the right answers.

        Metadata: ``class`` (null: unknown) and ``class_from``, all ``classes``, ``question``, ``facts`` in order,
        ``gold_facts``, ``row``; and how many ``copies`` there are, of which some may name other gold facts.
        """
        prompt = prompt_of(question.text, question.facts)
        known = {
            "class": question.label,
            "class_from": question.label_from,
            "classes": list(self.classes),
            "question": question.text,
            "facts": list(question.facts),
            "gold_facts": list(dict.fromkeys(question.gold)),
            "row": question.row,
            "copies": 1,
            "copies_with_other_facts": 0,
        }
        answer = json.dumps(list(question.right), ensure_ascii=False)
        metadata = {**known, **(question.extra or {})}
        return Problem(problem_id(self.name, prompt), self.name, prompt, answer, split, metadata)

    def grade(self, problem: Problem, response: str) -> Score:
        """By the rule ``exact-set``."""
        return self.grade_by("exact-set", problem, response)

    def grade_by(self, rule: str, problem: Problem, response: str) -> Score:
        """By one of ``answer_rules``; null if the response holds no answer that can be read."""
        if problem.answer is None:
            return Score("", "answer", None, None, "the problem has no reference answer")
        return answers.grade(rule, json.loads(problem.answer), response, self.alternatives)

    # --- traces ---

    def write_trace(self, problem: Problem, correct: bool, rng: Random) -> str | None:
        """A sentence with the class, and a list of the facts. Wrong: another class, and facts that do not answer.

        Null if the class is unknown or no fact answers. Where a wrong trace has no fact to name, its list is empty.
        """
        label, facts, gold = (problem.metadata[name] for name in ("class", "facts", "gold_facts"))
        others = [name for name in problem.metadata["classes"] if name != label]
        if label is None or not gold or not others:
            return None
        if not correct:
            label, gold = rng.choice(others), self.wrong_facts(facts, gold, rng)
        return f"{self.class_sentence} {label}.\n{NEED} {gold!r}"

    @abstractmethod
    def wrong_facts(self, facts: Sequence[str], gold: Sequence[str], rng: Random) -> list[str]:
        """Facts of the context that do not answer, as a wrong trace lists them."""

    def check_trace(self, problem: Problem, reasoning: str, response: str) -> list[Score]:
        """Scores ``trace`` (class and facts, by the task's ``rule``), ``class``, and each of the fact rules."""
        label, classes, facts, gold = (problem.metadata[name] for name in ("class", "classes", "facts", "gold_facts"))
        return check(reasoning, label, classes, facts, gold, self.rule)


def prompt_of(question: str, facts: Sequence[str]) -> str:
    """The prompt of a question: its facts, one a line, then the question."""
    return "\n".join([*facts, "", f"Question: {question}", "Give only the answer."])


def check(
    reasoning: str, label: str | None, classes: Sequence[str], facts: Sequence[str], gold: Sequence[str], rule: Rule
) -> list[Score]:
    """The scores of a trace: ``trace``, ``class``, ``any-fact``, ``all-facts``, ``exact-facts``.

    A part that the trace does not state, or that has no gold value, is null. ``trace`` is 0 if a part is wrong, null
    if none is wrong but one is null, and 1 if both are right.
    """
    kind = _class_score(stated_class(reasoning, classes), label)
    parts = _fact_scores(stated_facts(reasoning, facts) if gold else None, facts, gold)
    used = parts[rule]
    values = (kind.value, used.value)
    value = 0.0 if 0.0 in values else None if None in values else 1.0
    verdict = Score("", "trace", value, kind.answer, f"class and {rule}: {kind.explanation}; {used.explanation}")
    return [verdict, kind, *parts.values()]


def _class_score(stated: Stated | None, label: str | None) -> Score:
    if stated is None:
        return Score("", "class", None, None, "it states no class")
    if label is None:
        return Score("", "class", None, stated.name, "the class of the question is unknown")
    right = stated.known and stated.name == label
    return Score("", "class", float(right), stated.name, f"the class is {label}" + ("" if right else ", not this one"))


def _fact_scores(listed: Listed | None, facts: Sequence[str], gold: Sequence[str]) -> dict[Rule, Score]:
    if listed is None:
        why = "it lists no facts" if gold else "no fact answers the question"
        return {rule: Score("", rule, None, None, why) for rule in FACT_RULES}
    wanted = same_facts(facts, gold)
    hit, wrong = len(listed.found & wanted), len(listed.found - wanted) + len(listed.foreign)
    why = f"it lists {hit} of {len(wanted)} gold facts, {wrong - len(listed.foreign)} other facts"
    why += f" and {len(listed.foreign)} that the context does not have" if listed.foreign else ""
    values: dict[Rule, bool] = {"any-fact": hit > 0, "all-facts": hit == len(wanted), "exact-facts": False}
    values["exact-facts"] = values["all-facts"] and not wrong
    shown = json.dumps([*(facts[place] for place in sorted(listed.found)), *listed.foreign], ensure_ascii=False)
    return {rule: Score("", rule, float(right), shown, why) for rule, right in values.items()}
