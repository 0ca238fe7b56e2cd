"""The same words: case, punctuation, articles and spaces do not count.

Exact().compare(Problem(..., answer="the Eiffel Tower"), "Eiffel tower.")     # Verdict(value=1.0, ...)
"""

from dataclasses import dataclass

from understudy.graders import _words, score
from understudy.protocols import Found, Verdict
from understudy.registry import entry
from understudy.types import Problem, Score


@entry
@dataclass(frozen=True)
class Exact:
    """Exact match as SQuAD defines it; of several references (a JSON list), any one will do."""

    def extract(self, problem: Problem, response: str) -> Found | None:
        """In <answer> tags, boxed, after ####, after "answer is"; else the whole response."""
        return _words.find(response)

    def compare(self, problem: Problem, answer: str) -> Verdict:
        """1 if the answer is the same as a reference in the normal form of ``_words``, else 0."""
        given = _words.normal(answer)
        wanted = _words.references(problem)
        same = next((text for text in wanted if _words.normal(text) == given), None)
        if same is not None and (given or answer.strip() == same):
            return Verdict(1.0, f"{answer!r:.100} is {same!r:.100}")
        return Verdict(0.0, f"{answer!r:.100} is not {' or '.join(map(repr, wanted)):.100}")

    def grade(self, problem: Problem, response: str) -> Score:
        """As every grader; see ``compare``."""
        return score(self, problem, response)
