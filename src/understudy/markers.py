r"""Markers: where the reasoning ends and the response begins, in one text as a model wrote it.

    markers.split("2 + 2 is 4.\n</think>\n\n4")      # Parts("2 + 2 is 4.", "4", None)
    markers.join("2 + 2 is 4.", "4")                 # "<think> 2 + 2 is 4. </think> 4"

Read are tags (``<think>`` and its kin; the opening one may be missing, as in R1 and QwQ, or the closing one, where
the text was cut off), the channels of gpt-oss (harmony), the bare lines ``think`` and ``answer`` of s1.1, and JSON
answers ``{"reasoning": …, "answer": …}``. White space around the parts is not kept. Every rule is linear in the
length of the text and starts with a test that costs next to nothing on a text without its marker.
"""

import json
import re
from typing import Literal, NamedTuple

OPEN, CLOSE = "<think>", "</think>"
TAGS = (
    (OPEN, CLOSE),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<Thought>", "</Thought>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("[THINK]", "[/THINK]"),
)
"""Opening and closing tags of reasoning; the first pair of which a text holds either is read."""
WRAPPERS = (
    ("<answer>", "</answer>"),
    ("<Output>", "</Output>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
)
"""Tags around a whole response; the closing one may be missing."""

CHANNEL, MESSAGE, RETURN = "<|channel|>", "<|message|>", "<|return|>"
_END_OF_MESSAGE = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_ROLE = re.compile(r"\s*assistant[ \t]*\n\s*")
_BARE_THINK = re.compile(r"\s*think[ \t]*\r?\n")
_BARE_ANSWER = re.compile(r"\n[ \t]*answer[ \t]*\r?(?:\n|\Z)")

_JSON_REASONING = re.compile(r'\{\s*"reasoning"\s*:\s*"')
_JSON_ANSWER = re.compile(r'\banswer["\']\s*:')
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ESCAPE = re.compile(r'\\(?:(["\\/])|u([0-9a-fA-F]{4})|(n)(?!eq|u\b|abla|ot\b|e\b|i\b|mid|eg|leq|geq))')
"""What is an escape of JSON in an answer that is not JSON, because its LaTeX is not escaped: ``\nabla`` is none."""

_LONGEST_ERROR = 4_000
_ERROR = re.compile(
    r"""\s*(?:
        Error\ after\ [0-9]+\ attempts\b
      | API\ Error\b
      | (?:HTTP\ )?Error\ (?:code:?\ )?[45][0-9]{2}\b
      | HTTP(?:/[0-9.]+)?\ (?:Error\ )?[45][0-9]{2}\b
      | [45][0-9]{2}\ (?:Client|Server)\ Error\b
      | (?:[a-z_]+\.)*(?:API|HTTP|Http|RateLimit|BadRequest|Authentication|PermissionDenied|NotFound|Timeout|ReadTimeout
          |Connection|InternalServer|ServiceUnavailable|ContextWindowExceeded|ContentPolicyViolation)
          [A-Za-z]*(?:Error|Exception|Timeout)\b\s*[:(]
      | Traceback\ \(most\ recent\ call\ last\):
      | (?:Request\ timed\ out|Connection\ error|Internal\ Server\ Error|Too\ Many\ Requests)\.?\s*\Z
      | \{\s*"error"\s*:
    )""",
    re.VERBOSE,
)


class Parts(NamedTuple):
    """Reasoning (null: none is marked), response, and how the text ended, where its markers say."""

    reasoning: str | None
    response: str
    finish: Literal["stop", "length"] | None = None


def join(reasoning: str | None, response: str) -> str:
    """One text, with single spaces around the tags, so that they are words to a word-level tokenizer."""
    parts = [response] if reasoning is None else [OPEN, reasoning.strip(), CLOSE, response]
    return " ".join(part for part in map(str.strip, parts) if part)


def split(text: str, thinks: bool = False) -> Parts:
    """Reasoning and response of one text; without any marker, all of it is the response.

    Reasoning that was opened and never closed was cut off: ``finish`` is ``length``, the response empty. ``thinks``:
    the model closes its reasoning with a tag, so a text without one was cut off too, also where no opening tag is
    stored.
    """
    if "|" in text and CHANNEL in text:  # one character is found far sooner
        return _channels(text)
    text = text[match.end() :] if (match := _ROLE.match(text)) else text
    if (match := _BARE_THINK.match(text)) and CLOSE not in text:
        return _bare_lines(text, match.end())
    for start, end in TAGS if "<" in text or "THINK]" in text else ():
        closed = text.find(end)
        opened = text.find(start, 0, None if closed < 0 else closed)
        if closed >= 0 or opened >= 0:
            return _tagged(text, opened, len(start), closed, len(end))
    if '"reasoning"' in text and (match := _JSON_REASONING.search(text)):
        return _json(text, match)
    text = text.strip()
    return Parts(text, "", "length") if thinks and text else Parts(None, text)


def bare(reasoning: str) -> str:
    """Reasoning that was stored on its own, without the tags that some collectors leave around it."""
    if "<" not in reasoning[:40]:
        return reasoning
    text = reasoning.strip()
    start, end = next(((start, end) for start, end in TAGS if text.startswith(start)), ("", ""))
    return text.removeprefix(start).removesuffix(end).strip() if start else reasoning


def api_error(text: str) -> str | None:
    """The text, if it is an error of an endpoint that a collector stored in place of a response; else null."""
    return text.strip() if len(text) <= _LONGEST_ERROR and _ERROR.match(text) else None


def _tagged(text: str, opened: int, opening: int, closed: int, closing: int) -> Parts:
    """The first closing tag ends the reasoning. What stands before an opening tag belongs to the response."""
    before, start = (text[:opened].strip(), opened + opening) if opened >= 0 else ("", 0)
    if closed < 0:
        return Parts(text[start:].strip(), before, "length")
    response = _unwrapped(text[closed + closing :].strip())
    return Parts(text[start:closed].strip(), f"{before} {response}".strip())


def _unwrapped(response: str) -> str:
    for start, end in WRAPPERS:
        if response.startswith(start):
            inner, _, rest = response[len(start) :].partition(end)
            return response if rest else inner.strip()
    return response


def _channels(text: str) -> Parts:
    """Messages of gpt-oss: the final channel is the response, all others are reasoning."""
    thoughts: list[str] = []
    final: list[str] = []
    for piece in text.split(CHANNEL)[1:]:
        header, _, message = piece.partition(MESSAGE)
        end = _END_OF_MESSAGE.search(message)
        message = message[: end.start()] if end else message
        (final if header.split()[:1] == ["final"] else thoughts).append(message.strip())
    reasoning = "\n\n".join(thoughts) if thoughts else None
    ended = RETURN in text[-200:]
    return Parts(reasoning, "\n\n".join(final), "stop" if ended else None if final else "length")


def _bare_lines(text: str, start: int) -> Parts:
    answer = _BARE_ANSWER.search(text, start - 1)
    if answer is None:
        return Parts(text[start:].strip(), "", "length")
    return Parts(text[start : answer.start()].strip(), text[answer.end() :].strip())


def _json(text: str, match: re.Match[str]) -> Parts:
    """A JSON answer stays the response as a whole; its reasoning is read also where it is not valid JSON."""
    response = text.strip()
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text, match.start())
        reasoning = value["reasoning"]
        return Parts(_encodable(reasoning).strip() if isinstance(reasoning, str) else None, response)
    except (ValueError, RecursionError):
        answer = _JSON_ANSWER.search(text, match.end())
    raw = text[match.end() : answer.start() if answer else None].rstrip(" \t\r\n\"',")
    return Parts(_encodable(_ESCAPE.sub(_unescaped, raw)).strip(), response, None if answer else "length")


def _unescaped(match: re.Match[str]) -> str:
    character, code, _ = match.groups()
    return character or (chr(int(code, 16)) if code else "\n")


def _encodable(text: str) -> str:
    """Escapes of JSON can name half a character, which no table can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if _SURROGATE.search(text) else text
