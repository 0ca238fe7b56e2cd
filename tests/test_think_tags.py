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


@given(st.text(alphabet="<>/think \nab"))
def test_any_text_splits_and_nothing_but_tags_and_space_is_lost(text: str) -> None:
    reasoning, response, _ = TAGS.split(text)
    kept = "".join(sorted(f"{reasoning or ''}{response}".split() and f"{reasoning or ''}{response}"))
    parts = text.partition(OPEN)
    bare = "".join(parts[::2]) if CLOSE not in parts[0] else text
    bare = bare.replace(CLOSE, "", 1)
    assert sorted(kept.replace(" ", "").replace("\n", "")) == sorted(bare.replace(" ", "").replace("\n", ""))


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
