"""Reasoning between <think> and </think>, then the response: as DeepSeek-R1, QwQ and many others write.

    tags = ThinkTags()
    tags.join("2 + 2 is 4.", "4")           # "<think> 2 + 2 is 4. </think> 4"
    tags.split("2 + 2 is 4. </think> 4")    # ("2 + 2 is 4.", "4", True)

White space around the two parts is not kept; all else is. So the round trip is lossless for parts that have
none there and hold no tags.
"""

from dataclasses import dataclass

from understudy.registry import entry

OPEN, CLOSE = "<think>", "</think>"


@entry
@dataclass(frozen=True)
class ThinkTags:
    """``<think> reasoning </think> response``; the opening tag may be missing, as in R1 and QwQ."""

    def join(self, reasoning: str | None, response: str) -> str:
        """One text, with single spaces around the tags, so that they are words to a word-level tokenizer."""
        parts = [response] if reasoning is None else [OPEN, reasoning.strip(), CLOSE, response]
        return " ".join(part for part in map(str.strip, parts) if part)

    def split(self, text: str) -> tuple[str | None, str, bool]:
        """Reasoning (null: no tag; may be empty), response, and whether the reasoning was closed.

        The first closing tag ends the reasoning. Where one was opened and never closed, all after it is
        reasoning. What stands before an opening tag belongs to the response.
        """
        before, opened, after = text.partition(OPEN)
        if not opened or CLOSE in before:
            before, after = "", text
        reasoning, closed, response = after.partition(CLOSE)
        if not opened and not closed:
            return None, text.strip(), True
        return reasoning.strip(), f"{before.strip()} {response.strip()}".strip(), bool(closed)
