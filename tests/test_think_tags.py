"""Reasoning and response written as one text and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.formats.think_tags import CLOSE, OPEN, ThinkTags

TAGS = ThinkTags()
PARTS = st.text().map(str.strip).filter(lambda text: OPEN not in text and CLOSE not in text)


@given(st.none() | PARTS, PARTS)
def test_stripped_parts_without_tags_survive(reasoning: str | None, response: str) -> None:
    assert TAGS.split(TAGS.join(reasoning, response)) == (reasoning, response, True)


@given(st.lists(st.sampled_from([OPEN, CLOSE, "a", "b ", "<", "think>"])).map("".join))
def test_no_word_of_any_text_is_lost(text: str) -> None:
    reasoning, response, _ = TAGS.split(text)
    letters = sorted(c for c in f"{reasoning or ''}{response}" if c in "ab")
    assert letters == sorted(c for c in text if c in "ab")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think> a b </think> c", ("a b", "c", True)),
        ("a\n</think>\n\nc", ("a", "c", True)),
        ("a</think>c", ("a", "c", True)),
        ("<think>\nstill going", ("still going", "", False)),
        ("only a response", (None, "only a response", True)),
        ("<think>\n\n</think>\n\nc", ("", "c", True)),
        ("Sure. <think> a </think> c", ("a", "Sure. c", True)),
        ("a </think> b </think> c", ("a", "b </think> c", True)),
        ("a </think> b <think> c", ("a", "b <think> c", True)),
        ("", (None, "", True)),
    ],
)
def test_forms_that_models_write(text: str, parts: tuple[str | None, str, bool]) -> None:
    assert TAGS.split(text) == parts


def test_tags_are_words_of_their_own() -> None:
    assert TAGS.join("a b", "c") == "<think> a b </think> c"
    assert TAGS.join(None, " c ") == "c"
