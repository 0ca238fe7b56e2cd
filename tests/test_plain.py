"""The style engine against the same measures written plainly: whole columns and single texts say the same."""

import gzip
import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from benchmarks import plain
from benchmarks.plain.cohesion import WORD
from benchmarks.plain.steps import CLOSERS, MARKS
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy import profile
from understudy.style import pivots
from understudy.style.buffer import Buffer
from understudy.style.words import words
from understudy.tables import to_frame
from understudy.types import Trace

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not (DATA / "traces").is_dir(), reason="needs ../shared/data (traces)")

PHRASES = sorted({phrase for name in pivots.lexicon() for phrase in pivots.lexicon()[name]})
SIGNS = [*" \t\n.!?…。！？।:,;=+-*/^|\\#>_()[]\"'”’」』）$`~0129axéßİ中文½×🙂"]
SIGNS += ["\r\n", "\n\n", "\0", "\x1f", "\xa0", "\ufeff"]
LATEX = ["$x$", "$$", "$", r"\(", r"\)", r"\[", r"\]", r"\begin{align}", r"\end{align}", r"\boxed{12}", r"\frac{1}{2}"]
LINES = ["```", "```python\n", "`x. y`", "\n- ", "\n* ", "\n• ", "\n1. ", "\n12) ", "### ", "\n| a | b |", "| ", "**"]
ENDS = [
    "Mr. ",
    "e.g. ",
    "etc. ",
    "vs. ",
    "...",
    "... ",
    '." ',
    ".) ",
    "?” ",
    "：",
    "3.5",
    "1,200",
    "x = 3 + 4",
    ": y=2",
]
TURNS = ["Wait", "Let me double-check", "That’s wrong", "Case 2", "So the answer is 12. ", "waiter", "。」"]
SCRAPS = st.sampled_from([*SIGNS, *LATEX, *LINES, *ENDS, *TURNS, *PHRASES])
TEXTS = (
    st.text()
    | st.lists(SCRAPS, max_size=40).map("".join)
    | st.lists(SCRAPS, max_size=40).map(" ".join)
    | st.lists(st.sampled_from([*PHRASES, *TURNS, "12", "3 + 4 = 7"]), max_size=60).map(". ".join)
)
ANSWERS = st.sampled_from([None, "12", "x", "1,200", "#### 4"])


def frame(texts: list[str], question: str = "", answer: str | None = None) -> pl.DataFrame:
    asked = {"prompt": question, "answer": answer}
    return to_frame(Trace, [Trace(str(n), "p", "m", "", text, metadata=asked) for n, text in enumerate(texts)])


def measured(texts: list[str], question: str = "", answer: str | None = None) -> list[dict[str, Any]]:
    return profile.measure(frame(texts, question, answer)).rows(named=True)


def agree(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Whole numbers are the same, and others nearly."""
    assert [*profile.MEASURES][4:] == list(theirs)
    for name, value in theirs.items():
        if isinstance(value, float) and ours[name] is not None:
            assert math.isclose(ours[name], value, rel_tol=1e-6, abs_tol=1e-6), name
        else:
            assert ours[name] == value, name


def steps(text: str) -> list[dict[str, Any]]:
    """The rows of the table of steps that a plain reading gives."""
    read = plain.read(text)
    ends = [sum(map(len, read.steps[: n + 1])) for n in range(len(read.steps))]
    columns = {
        "index": range(len(ends)),
        "start": [0, *ends[:-1]],
        "end": ends,
        "episode": read.episode,
        "stage": read.stage,
        "pivot": read.pivot,
        "branch": read.tree.branch,
        "depth": read.tree.depth,
        "abandoned": read.tree.abandoned,
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


@cache
def real_texts() -> list[str]:
    """Long texts of the first rows of every file of traces there is."""
    found: dict[str, None] = {}
    for file in sorted((DATA / "traces").rglob("*.jsonl.gz")) + sorted((DATA / "unlicensed").glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            row = json.loads(next(lines))
        found.update(dict.fromkeys([text for text in strings(row) if len(text) > 400][:3]))
    return list(found)


# --- plain and vectorised ---


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), TEXTS, ANSWERS)
def test_measures_agree_on_any_text(texts: list[str], question: str, answer: str | None) -> None:
    for text, row in zip(texts, measured(texts, question, answer), strict=True):
        if row["source"]:
            agree(row, plain.measures(text, question, "", answer))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_steps_agree_on_any_text(text: str) -> None:
    found = profile.steps(frame([text])).drop("trace_id").rows(named=True)
    if found or any(map(str.strip, text)):
        assert found == steps(text)
        assert "".join(text[row["start"] : row["end"]] for row in found) == text


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_pivots_agree_on_any_text(text: str) -> None:
    assert pivots.spans(text) == plain.read(text).pivots


@needs_data
def test_real_traces_agree() -> None:
    texts = real_texts()
    assert len(texts) > 100
    question = "How many apples does Tom have, if he had 12 and ate 5 of them?"
    assert "apples" in question
    for text, row in zip(texts, measured(texts, question, "7"), strict=True):
        agree(row, plain.measures(text, question, "", "7"))
    table = profile.steps(frame(texts)).partition_by("trace_id", maintain_order=True, include_key=False)
    for text, rows in zip(texts, table, strict=True):
        assert rows.rows(named=True) == steps(text)


def test_every_character_is_a_letter_to_both_or_to_neither() -> None:
    text = "".join(f"a{chr(code)}b " for code in range(0x30000) if not 0xD800 <= code < 0xE000)
    texts = Buffer.of([text])
    found = words(texts)
    spans = zip(texts.character(found.start).tolist(), texts.character(found.end).tolist(), strict=True)
    assert list(spans) == [word.span() for word in WORD.finditer(text)]


@given(st.text("abé中", min_size=1, max_size=40), st.text("abé中", min_size=1, max_size=40))
def test_words_have_the_same_key_if_they_are_the_same(one: str, other: str) -> None:
    a, b = words(Buffer.of([f"{'é' * 8}{one} {'é' * 8}{other}"])).key
    assert (a == b) == (one == other)


ABBREVIATIONS = ("mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "eq", "eqs", "fig", "cf", "approx", "etc")
BORDERS = [
    *(f"So:\nX = {'1' * n}{end}\nb" for n in range(54, 60) for end in ("", "é")),
    *(f"See.\n- {'a' * n}{end}\nb" for n in range(95, 101) for end in ("", "é")),
    *(f"So let{comma}{' ' * n}me\tcheck" for n in range(6) for comma in ("", ",", "-")),
    *(f"A{mark}{closer * n} B" for mark in MARKS for closer in CLOSERS for n in range(6)),
    *(f"x\n{' ' * n}{'1' * digits}{mark} a" for n in range(7, 10) for digits in range(1, 5) for mark in ".)"),
    *(f"{before}{name}. {after}" for name in ABBREVIATIONS for before in ("a ", "(", "x", ".") for after in "Bb"),
    *(f"What{blank * n}? {closer * n}{blank * n}" for n in range(6) for closer in '"?' for blank in " \n"),
    *(f"{'a ' * n}12 {'b ' * (size - n)}" for size in (2, 4, 7, 10, 20, 35) for n in (size - 1, size)),
    *(f"{'well ' * n}suppose so. And then {'well ' * n}instead." for n in range(5)),
    *("Let me check. " + "2 + 2 = 4. " * n + "Let me check." for n in range(6, 10)),
]
"""Texts just within the limits of each rule, and just beyond."""


def test_borders_of_the_rules_agree() -> None:
    for text, row in zip(BORDERS, measured(BORDERS), strict=True):
        agree(row, plain.measures(text, "", "", None))
    table = profile.steps(frame(BORDERS)).partition_by("trace_id", maintain_order=True, include_key=False)
    for text, rows in zip(BORDERS, table, strict=True):
        assert rows.rows(named=True) == steps(text)


# --- batches ---


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXTS, min_size=2, max_size=6), ANSWERS)
def test_a_text_does_not_depend_on_its_neighbours(texts: list[str], answer: str | None) -> None:
    together = measured(texts, "What is x?", answer)
    alone = [measured([text], "What is x?", answer)[0] for text in texts]
    for row, single in zip(together, alone, strict=True):
        same = {name: value for name, value in single.items() if name not in profile.MEASURES.names()[:4]}
        agree({**row}, same)


@pytest.mark.parametrize("size", [1, 40, 1000])
def test_a_text_does_not_depend_on_the_borders_of_batches(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        f"{phrase}, 3 + {n} = {n + 3}. Let me check. So the answer is {n}." for n, phrase in enumerate(PHRASES[::5])
    ]
    traces = frame(texts, "What is 3 + 4?", "7")
    whole = profile.measure(traces), profile.steps(traces)
    monkeypatch.setattr(profile, "BATCH", size)
    assert profile.measure(traces).equals(whole[0], null_equal=True)
    assert profile.steps(traces).equals(whole[1])


# --- extremes ---

HUGE = {
    "one character": "a",
    "one sign": "?",
    "1 MB without white space": "x" * 1_000_000,
    "1 MB of signs": "?!" * 500_000,
    "spaces": " " * 1_000_000 + "a",
    "newlines": "\n" * 1_000_000 + "a",
    "backticks": "`" * 200_000,
    "backticks apart": "` " * 200_000,
    "fences": "```\n" * 100_000,
    "dollars": "$" * 200_000,
    "dollars apart": "$x " * 200_000,
    "backslashes": "\\" * 200_000,
    "brackets": "\\[" * 200_000,
    "environments": "\\begin{a} " * 100_000,
    "one line": "So 3. " * 200_000,
    "lists": "\n1. a" * 200_000,
    "wait": "wait " * 1_000_000,
    "backtracks": "That's wrong. " * 100_000,
    "suppositions": "Suppose so. " * 100_000,
    "wide": "好。" * 200_000,
}


@pytest.mark.parametrize("name", HUGE)
def test_extreme_texts_come_to_an_end(name: str) -> None:
    text = HUGE[name]
    (row,) = measured([text], "What is 3?", "3")
    assert row["characters"] == len(text)
    found = profile.steps(frame([text]))
    assert found.height == row["steps"] >= 1
    assert found["end"][-1] == len(text)


@pytest.mark.parametrize("text", ["", " ", "\n\t\r"])
def test_texts_without_anything_are_not_profiled(text: str) -> None:
    (row,) = measured([text])
    assert set(row) == set(profile.MEASURES)
    assert [row[name] for name in profile.MEASURES.names()[3:]] == [None] * (len(row) - 3)
    assert profile.steps(frame([text])).is_empty()
