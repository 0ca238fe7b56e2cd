"""What variants share that change the text of a trace by rule: the text, cut into its steps.

The text is the reasoning; where none is visible, it is the response, and its last step, which gives the answer, is its
ending. Variants change the steps before the ending.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from understudy.style.buffer import Buffer
from understudy.style.segment import segment
from understudy.types import Skip, Trace

_WORD = re.compile(r"[^\W_]+")
NO_TEXT = Skip("has no text")


class Text(NamedTuple):
    """The steps that tile the text before its ending, and the ending ("" after reasoning: the response ends it)."""

    steps: list[str]
    ending: str


def reasons(trace: Trace) -> bool:
    """Whether there is visible reasoning."""
    return bool(trace.reasoning and trace.reasoning.strip())


def shown(trace: Trace) -> str:
    """The text: the reasoning, or the response where no reasoning is visible."""
    return trace.reasoning if trace.reasoning and reasons(trace) else trace.response


def cut(text: str) -> list[str]:
    """The steps of a text. Joined, they are the text."""
    texts = Buffer.of([text])
    starts = texts.character(segment(texts)).tolist()
    return [text[start:end] for start, end in pairwise([*starts, len(text)])]


def read(trace: Trace) -> Text | None:
    """Steps and ending; null for a trace without a word."""
    steps = cut(shown(trace))
    if not counted(steps):
        return None
    return Text(steps, "") if reasons(trace) else Text(steps[:-1], steps[-1])


def written(trace: Trace, text: str) -> Trace:
    """The trace with another text, without white space at its end."""
    text = text.rstrip()
    return replace(trace, reasoning=text) if reasons(trace) else replace(trace, response=text)


def counted(steps: Sequence[str]) -> int:
    """How many words there are, as white space parts them; what holds no letter or digit is none."""
    return sum(bool(_WORD.search(word)) for step in steps for word in step.split())


def words(text: str) -> list[str]:
    """The words as runs of letters and digits, in lower case."""
    return _WORD.findall(text.lower())
