r"""How a student's turn is written: what its chat template puts around reasoning and response, and what ends it.

    turn = Turn.of(tokenizer)
    turn.write("2 + 2 is 4.", "4")    # Written("<think>\n2 + 2 is 4.\n</think>\n\n4<|im_end|>", answer=29)

The template is shown a conversation whose words are known, and what it writes between and after them is taken over. So
a training text is the prompt that the student is sampled with and, after it, what the template writes for a whole
turn. Where the prompt opens the reasoning (DeepSeek-R1, QwQ), that is not written twice. A template that knows no
reasoning is given it as a part of the response, between the tags of the tokenizer or else ``<think>`` and ``</think>``.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from understudy import markers
from understudy.errors import StudyError
from understudy.models._checkpoint import render, render_chats

QUESTION, REASONING, RESPONSE = "qquestionq", "qreasoningq", "qresponseq"
"""Words that no template holds, and that none of them changes."""
FIELDS = ("reasoning_content", "thinking", "reasoning")
"""What templates call the reasoning of a message."""
_ESCAPED = [(re.escape(start), re.escape(stop)) for start, stop in markers.TAGS]
_GIVEN = re.compile("|".join(rf"(?:{start}\s*)?{stop}\s*\Z|{start}\s*\Z" for start, stop in _ESCAPED))
"""Tags at the end of a prompt: reasoning that it opens, or that it has closed already."""
TEMPLATE_HINT = "chat_template: a file with one that does, or chat_template: plain"


class Written(NamedTuple):
    """A turn, and where in it the reasoning with its tags has ended (0: there is none)."""

    text: str
    answer: int


@dataclass(frozen=True)
class Turn:
    """What stands before, between and after the parts of a turn.

    ``bare`` stands before a response without reasoning, ``end`` ends with the token ``stop`` (null: there is none).
    ``tags`` mark the reasoning. ``flaw``: why no reasoning can be written, or null.
    """

    opening: str
    closing: str
    bare: str
    end: str
    stop: int | None
    tags: tuple[str, str]
    flaw: str | None

    @classmethod
    def of(cls, tokenizer: Any) -> "Turn":
        """As the tokenizer's chat template writes it.

        Raises ``InputError`` if there is no template or it fails, ``StudyError`` if it writes a turn in another way
        than it asks for one: what a student were trained on would not be what it is sampled with.
        """
        (prompt,) = render(tokenizer, [QUESTION])
        given = found[0] if (found := _GIVEN.search(prompt)) else ""
        stem, tags = prompt.removesuffix(given), _tags(tokenizer, given)
        thought, bare = _turn(tokenizer, tags), _conversation(tokenizer, RESPONSE)
        for text in (thought, bare):
            if not text.startswith((prompt, stem)) or RESPONSE not in text:
                raise _differs(tokenizer)
        opening, closing, flaw = _around(thought, prompt, given, tags)
        end, stop = _end(tokenizer, bare.rpartition(RESPONSE)[2])
        return cls(opening, closing, _before(bare, prompt, given, tags), end, stop, tags, flaw)

    def write(self, reasoning: str | None, response: str) -> Written:
        """One turn; white space around the parts is not kept."""
        if reasoning is None:
            return Written(f"{self.bare}{response.strip()}{self.end}", 0)
        thought = f"{self.opening}{reasoning.strip()}{self.closing}"
        closed = self.closing.find(self.tags[1])
        rest = len(self.closing) - closed - len(self.tags[1]) if closed >= 0 else 0
        return Written(f"{thought}{response.strip()}{self.end}", len(thought) - rest)


def _conversation(tokenizer: Any, content: str, **fields: str) -> str:
    chat = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": content, **fields}]
    return render_chats(tokenizer, [chat], False)[0]


def _turn(tokenizer: Any, tags: tuple[str, str]) -> str:
    """A conversation with reasoning: in a field, or as a part of the content if the template knows no field."""
    text = _conversation(tokenizer, RESPONSE, **dict.fromkeys(FIELDS, REASONING))
    if REASONING in text:
        return text
    start, stop = tags
    return _conversation(tokenizer, f"{start}\n{REASONING}\n{stop}\n\n{RESPONSE}")


def _tags(tokenizer: Any, given: str) -> tuple[str, str]:
    """The tags that the prompt has, or else that the tokenizer knows."""
    known = {str(token) for token in tokenizer.added_tokens_decoder.values()}
    for start, stop in markers.TAGS:
        if start in given or stop in given:
            return start, stop
    return next(((start, stop) for start, stop in markers.TAGS if {start, stop} <= known), markers.TAGS[0])


def _around(text: str, prompt: str, given: str, tags: tuple[str, str]) -> tuple[str, str, str | None]:
    """What stands before and after the reasoning, and what is wrong with it."""
    if tags[1] in given:
        return "", "", f"closes the reasoning with {tags[1]} before the student could write any"
    if text.startswith(prompt) and REASONING in text:
        opening, _, rest = text[len(prompt) :].partition(REASONING)
        return opening, rest.partition(RESPONSE)[0], None
    if given:  # a finished turn is shown without its reasoning, but the prompt says how one begins
        return "" if given != given.rstrip() else "\n", f"\n{tags[1]}\n\n", None
    return "", "", "strips the reasoning from a turn"


def _before(text: str, prompt: str, given: str, tags: tuple[str, str]) -> str:
    """What stands before a response without reasoning; reasoning that the prompt has opened is closed."""
    if text.startswith(prompt):
        return text[len(prompt) :].partition(RESPONSE)[0]
    return "" if tags[1] in given else f"\n{tags[1]}\n\n"


def _end(tokenizer: Any, text: str) -> tuple[str, int | None]:
    """The end of a turn up to the first token that is no text, or else with the token that ends any text."""
    known = {str(token): number for number, token in tokenizer.added_tokens_decoder.items() if str(token).strip()}
    places = [(text.find(token), -len(token), token) for token in known if token in text]
    if places:
        place, _, token = min(places)
        return text[: place + len(token)], known[token]
    eos = tokenizer.eos_token
    return f"{text}{eos or ''}", tokenizer.eos_token_id if eos else None


def _differs(tokenizer: Any) -> StudyError:
    return StudyError(
        f"the chat template of {tokenizer.name_or_path} asks for an answer in another way than it writes one",
        f"what a student is trained on must be what it is sampled with; {TEMPLATE_HINT}",
    )
