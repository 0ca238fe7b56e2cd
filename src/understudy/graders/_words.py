"""Answers in words: normal form, and where in a response they are.

normal("The Eiffel-Tower!")                        # "eiffeltower"
references(Problem(..., answer='["Paris", "Lutetia"]'))     # ["Paris", "Lutetia"]
"""

import json
import re
import string

from understudy.graders import _reading
from understudy.graders._latex import bare
from understudy.protocols import Found
from understudy.types import Problem

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normal(text: str) -> str:
    """Lower case, without punctuation, articles and extra spaces, in that order.

    Source: the normalisation of SQuAD's evaluation (Rajpurkar et al. 2016, arXiv 1606.05250), which deletes ASCII
    punctuation before it deletes "a", "an" and "the".
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def references(problem: Problem) -> list[str]:
    """The right answers of a problem: several, where its reference is a JSON list of texts or numbers."""
    text = (problem.answer or "").strip()
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            return [text]
        if listed and all(isinstance(item, str | int | float) for item in listed):
            return [str(item) for item in listed]
    return [text]


def find(text: str) -> Found | None:
    """The answer of a response: in <answer> tags, boxed, after ####, after "answer is"; else the whole response."""
    if (tagged := _reading.tagged(text)) is not None:
        return Found(tagged, "in <answer>") if tagged else None
    for read, how in (
        (_reading.boxed, "in the last box"),
        (_reading.after_hashes, "after ####"),
        (_reading.stated, "after the word answer"),
    ):
        if found := read(text):
            return Found(bare(found), how)
    return Found(text.strip(), "the whole response") if text.strip() else None
