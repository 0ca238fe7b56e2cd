"""Stories in which people move and carry things, with questions whose supporting lines are known.

    anna went to the kitchen . anna took the ball . ben went to the office . where is the ball ?

is answered by ``kitchen``, which follows from the first two lines. The form is that of bAbI (Weston et al. 2015,
arXiv 1502.05698), in a vocabulary so small that an embedded student learns it from scratch: a line is one token. Two
sub-steps of a trace are checked: which kind of question is it, and which lines answer it? With the defaults a guess
among the names of the right sort is right in 28 % of problems. Whether a problem is for training or testing follows
from a hash of its prompt, so that the splits cannot share one whatever the seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import ClassVar

from understudy.errors import StudyError, did_you_mean
from understudy.protocols import Lesson
from understudy.randomness import stream
from understudy.registry import entry
from understudy.tasks import _stories_world as world
from understudy.tasks import problem_id
from understudy.tasks._facts import FACT_RULES, NEED, Rule, check
from understudy.tasks._stories_world import KINDS, OBJECTS, PEOPLE, PLACES, Event, Question
from understudy.types import Problem, Score, Split

TEST_SHARE = 0.2
MOST_LINES = 20
QUESTIONS = 8
"""How many questions a lesson asks about one story at most."""
KIND_IS = "The kind of question is"


@entry
@dataclass(frozen=True)
class Stories:
    """Stories of so many ``lines``, each with a question of one of the ``kinds`` (procedural, bAbI-type).

    ``rule`` says when the facts of a trace are right: ``any-fact``, ``all-facts`` or ``exact-facts``.
    """

    lines: int = 8
    kinds: tuple[str, ...] = KINDS
    rule: Rule = "all-facts"

    trace_rule: ClassVar[str] = (
        "the kind of question that the trace states is right, and the lines that it lists are right by the task's "
        "`rule`: " + "; ".join(f"{name}: {words}" for name, words in FACT_RULES.items())
    )

    def __post_init__(self) -> None:
        if not 4 <= self.lines <= MOST_LINES:
            raise StudyError(f"stories cannot have {self.lines} lines", f"lines is 4 to {MOST_LINES}")
        for kind in self.kinds:
            if kind not in KINDS:
                raise StudyError(f"stories cannot ask '{kind}'", did_you_mean(kind, KINDS))
        if len(set(self.kinds)) < 2:
            raise StudyError(
                f"stories cannot ask {list(self.kinds)} only", "name two kinds or more: a class is wrong or right"
            )

    # --- problems and answers ---

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """``n`` different problems (null: 100), each kind equally often asked for.

        Raises ``StudyError`` if that many cannot be found.
        """
        found: dict[str, Problem] = {}
        wanted = 100 if n is None else n
        for attempt in range(20 * wanted + 2_000):
            if len(found) == wanted:
                return list(found.values())
            problem = self._drawn(stream(seed, "stories", split, attempt))
            if problem and problem.split == split:
                found.setdefault(problem.prompt, problem)
        raise StudyError(f"stories of {self.lines} lines give no {wanted:,} different {split} problems", "add lines")

    def grade(self, problem: Problem, response: str) -> Score:
        """1 if the last name in the response is the answer: of a person or place, best one that was not asked about."""
        asked = problem.prompt.rpartition(" . ")[2].split()
        words = [word.strip(".,;:!?\"'*()").lower() for word in response.split()]
        names = [word for word in words if word in (*PEOPLE, *PLACES)]
        told = [name for name in names if name not in asked] or names
        read = told[-1] if told else None
        why = f"the last name is {read}" if read else "no person or place is named"
        return Score("", "answer", float(read == problem.answer), read, why)

    def _drawn(self, rng: Random) -> Problem | None:
        """A problem of a kind drawn first; null if the story has no such question."""
        events = world.tell(rng, self.lines)
        kind = rng.choice(self.kinds)
        asked = [question for question in world.questions(events) if question.kind == kind]
        return self._problem(events, rng.choice(asked)) if asked else None

    def _problem(self, events: Sequence[Event], question: Question) -> Problem:
        facts = [event.text for event in events]
        prompt = _prompt(events, question)
        metadata = {
            "class": question.kind,
            "classes": list(self.kinds),
            "facts": facts,
            "gold_facts": [facts[number] for number in question.support],
        }
        return Problem(problem_id("stories", prompt), "stories", prompt, question.answer, split_of(prompt), metadata)

    # --- traces ---

    def write_trace(self, problem: Problem, correct: bool, rng: Random) -> str | None:
        """The kind of question and the supporting lines; wrong: another kind, and as many lines that do not support.

        Null if there are not enough of those.
        """
        kind, facts, gold = (problem.metadata[name] for name in ("class", "facts", "gold_facts"))
        if not correct:
            kind = rng.choice([other for other in problem.metadata["classes"] if other != kind])
            others = [fact for fact in dict.fromkeys(facts) if fact not in gold]
            if len(others) < len(gold):
                return None
            gold = rng.sample(others, len(gold))
        return f"{KIND_IS} {kind} . {NEED} {' ; '.join(gold)}"

    def check_trace(self, problem: Problem, reasoning: str, response: str) -> list[Score]:
        """Scores ``trace`` (kind and lines, by the task's ``rule``), ``class``, and each of the rules for the lines."""
        label, classes, facts, gold = (problem.metadata[name] for name in ("class", "classes", "facts", "gold_facts"))
        return check(reasoning, label, classes, facts, gold, self.rule)

    # --- what an embedded student needs ---

    def words(self) -> list[str]:
        """Every possible line, names, kinds, and the words of questions and traces."""
        moves = [Event(person, world.WENT, place).text for person in PEOPLE for place in PLACES]
        verbs = (world.TOOK, world.DROPPED)
        handled = [Event(person, verb, thing).text for person in PEOPLE for verb in verbs for thing in OBJECTS]
        plain = ["where", "who", "is", "was", "has", "the", "before", "?", ".", ";", KIND_IS, NEED]
        return [*moves, *handled, *PEOPLE, *PLACES, *OBJECTS, *KINDS, *plain]

    def lesson(self, rng: Random) -> Lesson:
        """A story of at most half as many lines, and questions about it, each with its answer."""
        while True:
            events = world.tell(rng, rng.randint(1, self.lines // 2))
            asked = [q for q in world.questions(events) if split_of(_prompt(events, q)) == "train"]
            if asked:
                break
        rng.shuffle(asked)
        pieces = [piece for q in asked[:QUESTIONS] for piece in ((q.text, False), (q.answer, True))]
        return [(_prompt(events, asked[0]), False), *pieces[1:]]


def _prompt(events: Sequence[Event], question: Question) -> str:
    return " . ".join([*(event.text for event in events), question.text])


def split_of(prompt: str) -> Split:
    """The split that a prompt belongs to, from its hash."""
    return "test" if sha256(prompt.encode()).digest()[0] < 256 * TEST_SHARE else "train"
