"""How many words an answer shares with the reference: the F1 score of SQuAD.

F1().compare(Problem(..., answer="the cat sat"), "a cat sat down")     # Verdict(value=0.8, ...)
"""

from collections import Counter
from dataclasses import dataclass

from understudy.graders import _words, score
from understudy.protocols import Found, Verdict
from understudy.registry import entry
from understudy.types import Problem, Score


@entry
@dataclass(frozen=True)
class F1:
    """F1 over words as SQuAD defines it, in [0, 1]; of several references (a JSON list), the best counts."""

    def extract(self, problem: Problem, response: str) -> Found | None:
        """In <answer> tags, boxed, after ####, after "answer is"; else the whole response."""
        return _words.find(response)

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """The harmonic mean of precision and recall, over words with their counts."""
        points, best = max((overlap(text, answer), text) for text in _words.references(problem))
        return Verdict(points, f"shares words with {best!r:.100}: F1 {points:.3f}")

    def grade(self, problem: Problem, response: str) -> Score:
        """As every grader; see ``compare``."""
        return score(self, problem, response)


def overlap(reference: str, answer: str) -> float:
    """F1 of two texts in normal form; where one has no words, 1 if both have none, else 0.

    Source: Rajpurkar et al. 2016 (arXiv 1606.05250), section 6.1; empty texts as in SQuAD 2.0's evaluation.
    """
    wanted, given = (_words.normal(text).split() for text in (reference, answer))
    if not wanted or not given:
        return float(wanted == given)
    common = sum((Counter(wanted) & Counter(given)).values())
    return 2 * common / (len(wanted) + len(given))
