"""What a final answer says of each person: sentences, lists, tables, tags or JSON.

read_answer(puzzle, '{"knights": ["Ada"], "knaves": ["Bo"]}')              # {0: True, 1: False}
"""

import json
import re
from collections.abc import Collection, Iterator

from understudy.tasks._knights_logic import Puzzle
from understudy.tasks._knights_reading import Reader
from understudy.tasks._knights_words import sentences

LONGEST_JSON = 20_000
"""Characters of an answer in JSON, at most."""
_FENCE = re.compile(r"```(?:json)?")


def read_answer(puzzle: Puzzle, response: str) -> dict[int, bool]:
    """The role that a response gives each person last: in the last ``<answer>`` if that says anything."""
    _, tag, after = response.rpartition("<answer>")
    return (tag and last_said(puzzle, _plain(after.partition("</answer>")[0]))) or last_said(puzzle, _plain(response))


def mentioned(puzzle: Puzzle, response: str, people: Collection[int]) -> bool:
    """Whether a response names all these people in any way."""
    named = {token.person for sentence in sentences(puzzle.names, response) for token in sentence.tokens}
    return named.issuperset(people)


def last_said(puzzle: Puzzle, text: str) -> dict[int, bool]:
    """The role that a text gives each person last, outside of assumptions, conditions and quotations."""
    reader = Reader(puzzle)
    said: dict[int, bool] = {}
    for sentence in sentences(puzzle.names, text):
        for remark in reader.read(sentence):
            if remark.kind == "state" and remark.proposition is not None:
                said.update(puzzle.settled(remark.proposition))
    return said


def _plain(text: str) -> str:
    """JSON as lines of ``key: value``, any other text as it is."""
    bare = _FENCE.sub("", text).strip()
    if len(bare) > LONGEST_JSON or not bare.startswith(("{", "[")):
        return text
    try:
        return "\n".join(_lines(json.loads(bare)))
    except (ValueError, RecursionError):
        return text


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for part in value:
            words = [str(word) for word in part.values()] if isinstance(part, dict) else [str(part)]
            yield ": ".join(words)
    elif isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, dict):
                yield from _lines(part)
            else:
                yield f"{key}: {', '.join(map(str, part)) if isinstance(part, list) else part}"
