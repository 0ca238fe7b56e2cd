"""The rule by which the released CoTempQA scorer counts an answer as right, so that published figures can be met.

    released("<answer>['York City']</answer>", question, facts, "S1_R1_O2", ["York City"]).accuracy      # 1.0

It works on the whole text that a model wrote, in lower case:

1. It is what stands between the first ``<answer>`` and ``</answer>``; where there is no such tag, all of the text,
   also the trace, without a leading word "assistant" and without the think tags.
2. Candidates are the right answers and the entities of the context facts: the subjects of the facts, or their objects
   if the triple is S2_R1_O1. That is the side that the question fixes and not the side that it asks for.
3. From the longest candidate to the shortest: one that stands in the text is cut out of it and counts as given; but
   the first one that stands in the question, too, is cut out only.
4. If nothing was given, the whole text counts as the one answer.
5. Lower case, no ASCII punctuation, single spaces; accuracy is equality of the two sorted lists, precision, recall
   and F1 are of their texts.

By (2) a wrong answer beside the right ones is hardly ever a candidate: it costs nothing. By (1) and (3) a right answer
that is named in the trace only, and names inside of longer names, count; and of 2,263 questions the right answers to 23
count as wrong, because they stand in the question. So this rule says what was published, not what is right.

It meets accuracy, F1, precision, recall and the mean of accuracy and F1, all rounded to 0.1 point, of all 24 outputs
that were published for the splits equal and mix. Rule and quirks follow the scorer of CoTempQA (arXiv 2406.09072) as
the authors of arXiv 2505.13792 released it. How they cut out the answer (1) they do not say: it was inferred from the
figures.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from understudy.tasks._facts_answers import overlap

_RELATIONS = (
    (" the position of ", " holds the position of "),
    (" a member of ", " is a member of the "),
    (" the chair of ", " is the chair of "),
    (" the head of ", " is the head of "),
    (" owned by ", " is owned by "),
    ("attend", " attended "),
    ("work", " works for "),
    ("play", " plays for "),
)
"""What a fact of a relation holds, and the words between its subject and its object."""
_PRESENT = ((" was ", " is "), (" held ", " holds "), (" worked ", " works "), (" played ", " plays "))
_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
_ROLE = re.compile(r"\Aassistant\b\s*")


class Counts(NamedTuple):
    """What the released scorer counts of one response, each in [0, 1]."""

    accuracy: float
    f1: float
    precision: float
    recall: float


def released(text: str, question: str, facts: Sequence[str], triple: str, right: Sequence[str]) -> Counts:
    """The counts of one text that a model wrote; ``triple`` is the row's ``triple_element``."""
    golds = {answer.lower() for answer in right}
    candidates = {entity.lower() for entity in _entities(facts, subjects=triple != "S2_R1_O1")} | golds
    given = sorted(map(_normal, _given(_answer(text.lower()), question.lower(), candidates)))
    wanted = sorted(map(_normal, golds))
    return Counts(float(given == wanted), *overlap(Counter(given), Counter(wanted)))


def _answer(text: str) -> str:
    if "<answer>" in text:
        return text.partition("<answer>")[2].partition("</answer>")[0]
    return _ROLE.sub("", text.replace("<think>", "").replace("</think>", "").strip(), count=1)


def _given(text: str, question: str, candidates: Iterable[str]) -> set[str]:
    found: set[str] = set()
    restated = False
    for candidate in sorted(candidates, key=lambda candidate: (-len(candidate), candidate)):
        if candidate not in text:
            continue
        text = text.replace(candidate, "")
        if candidate in question and not restated:
            restated = True
        else:
            found.add(candidate)
    return found or {text}


def _entities(facts: Iterable[str], subjects: bool) -> Iterator[str]:
    for fact in facts:
        for sign, words in _RELATIONS:
            if sign in fact and (found := _sides(fact, words)):
                yield found[0] if subjects else found[1]
                break


def _sides(fact: str, words: str) -> tuple[str, str] | None:
    """Subject and object of a fact, whose object a time and a full stop follow."""
    for past, present in _PRESENT:
        fact = fact.replace(past, present)
    subject, _, rest = fact.partition(words)
    for start, within in ((" from ", " to "), (" in ", ""), (" from ", None), (".", None)):
        item, found, after = rest.partition(start)
        if subject and item and found and (within is None or "." in after.partition(within)[2] if within else True):
            return subject, item
    return None


def _normal(text: str) -> str:
    return " ".join(text.lower().translate(_PUNCTUATION).split())
