r"""Graders: rules that read the answer in a response and compare it with a reference answer.

    from understudy.graders.math import Math
    Math().grade(problem, r"So \boxed{\frac12}.")     # Score(value=1.0, answer="\frac12", explanation="...")

Reading and comparing are apart: ``extract`` never looks at the reference, and both say what they did. What cannot be
graded is null, never wrong; only a blank response is.
"""

from understudy.protocols import Found, Grader, Verdict
from understudy.types import Problem, Score

BLANK = "the response is blank"
NO_ANSWER = "the response holds no answer that can be read"
NO_REFERENCE = "the problem has no reference answer"


def score(grader: Grader, problem: Problem, response: str) -> Score:
    """``grade`` out of ``extract`` and ``compare``: 0 for a blank response, null if no answer is found."""
    found = read(grader, problem, response)
    return found if isinstance(found, Score) else made(found, grader.compare(problem, found.answer))


def read(grader: Grader, problem: Problem, response: str) -> Found | Score:
    """The answer that is to be compared, or the score where there is nothing to compare."""
    if not (problem.answer or "").strip():
        return Score("", "answer", None, None, NO_REFERENCE)
    if not response.strip():
        return Score("", "answer", 0.0, None, BLANK)
    return grader.extract(problem, answered(response)) or Score("", "answer", None, None, NO_ANSWER)


def answered(response: str) -> str:
    """What a response says after the last </think>, if it says anything there: the answer is not in the reasoning."""
    return next(filter(str.strip, reversed(response.split("</think>"))), response)


def made(found: Found, verdict: Verdict) -> Score:
    """The score ``answer`` of an answer and the verdict on it."""
    return Score("", "answer", verdict.value, found.answer, f"{found.how}: {verdict.why}")
