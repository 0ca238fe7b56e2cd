"""Conversations: the last turn of the assistant is the attempt, the user's turn before it the prompt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from understudy.formats._attempt import attempt
from understudy.formats._carry import restore_inline, unpack
from understudy.formats._names import HOLDERS
from understudy.types import Skip, Trace

THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Where a turn holds its reasoning."""
ROLES: Mapping[str, str] = {"human": "user", "gpt": "assistant", "model": "assistant", "chatgpt": "assistant"}
HISTORY = "history"
"""The key of ``metadata`` under which all other turns before the attempt are kept."""
NO_TURN = Skip("it has no turn of the assistant")


class Turn(NamedTuple):
    """One message; ``reasoning`` is null where it holds none of its own."""

    role: str
    text: str
    reasoning: str | None = None


class Chat(NamedTuple):
    """A conversation up to the attempt: the user's prompt (null: none), all other turns before it, and the attempt."""

    prompt: str | None
    history: list[Turn]
    attempt: Turn


def holder(row: Mapping[str, Any], role: str, text: str) -> str | None:
    """The field that holds turns with these keys, or null."""
    for name in HOLDERS:
        if is_turns(row.get(name), role, text):
            return name
    return None


def is_turns(value: object, role: str, text: str) -> bool:
    """Whether a value is a list of turns with these keys."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, Mapping) and isinstance(turn.get(role), str) and text in turn for turn in value)
    )


def chat(turns: Sequence[Mapping[str, Any]], role: str = "role", text: str = "content") -> Chat | None:
    """The conversation up to the assistant's last turn; null, if it has none."""
    read = [_turn(turn, role, text) for turn in turns]
    last = max((index for index, turn in enumerate(read) if turn.role == "assistant"), default=None)
    if last is None:
        return None
    before = read[:last]
    asked = max((index for index, turn in enumerate(before) if turn.role == "user"), default=None)
    if asked is None:
        return Chat(None, before, read[last])
    return Chat(before[asked].text, before[:asked] + before[asked + 1 :], read[last])


def read(
    row: Mapping[str, Any],
    thinks: bool,
    form: str,
    restored: Callable[[dict[str, Any], Chat], Trace],
    role: str = "role",
    text: str = "content",
) -> list[Trace] | Skip:
    """The trace of a row of turns with these keys; ``restored`` makes that of a row which the format ``form`` wrote."""
    name = holder(row, role, text)
    if name is None:
        return Skip(f"it holds no messages with {role} and {text}")
    found = chat(row[name], role, text)
    if found and (carried := unpack(form, row)) is not None:
        return [restored(carried, found)]
    return trace(row, found, frozenset((name,)), thinks)


def inlined(carried: dict[str, Any], found: Chat) -> Trace:
    """The trace that was packed, its reasoning between tags in the attempt's text."""
    return restore_inline(carried, found.prompt or "", found.attempt.text)


def trace(row: Mapping[str, Any], found: Chat | None, used: frozenset[str], thinks: bool) -> list[Trace] | Skip:
    """The trace of a conversation; ``used`` are the fields that hold it."""
    if found is None:
        return NO_TURN
    turn = found.attempt
    made = attempt(row, turn.text, turn.reasoning, prompt=found.prompt, thinks=thinks and not turn.reasoning, used=used)
    if found.history:
        turns = [{"role": turn.role, "content": turn.text} for turn in found.history]
        made = replace(made, metadata={**made.metadata, HISTORY: turns})
    return [made]


def history(made: Trace) -> list[tuple[str, str]]:
    """Role and text of the turns before the prompt, as ``trace`` kept them."""
    kept = made.metadata.get(HISTORY)
    turns = [item for item in kept if isinstance(item, Mapping)] if isinstance(kept, list) else []
    pairs = [(turn.get("role"), turn.get("content")) for turn in turns]
    return [(role, text) for role, text in pairs if isinstance(role, str) and isinstance(text, str)]


def _turn(turn: Mapping[str, Any], role: str, text: str) -> Turn:
    content = turn[text]
    reasoning = next((turn[name] for name in THOUGHTS if isinstance(turn.get(name), str)), None)
    if isinstance(content, list):
        blocks = [block for block in content if isinstance(block, Mapping)]
        reasoning = reasoning or _joined(blocks, "thinking") or None
        content = _joined(blocks, "text")
    name = turn[role].lower()
    return Turn(ROLES.get(name, name), content if isinstance(content, str) else "", reasoning)


def _joined(blocks: Sequence[Mapping[str, Any]], kind: str) -> str:
    """The texts of the blocks of one kind, as some endpoints give the content of a message."""
    return "".join(block[kind] for block in blocks if isinstance(block.get(kind), str))
