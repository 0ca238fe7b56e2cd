"""Steps and pivots of traces, counted over columns."""

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy import profile
from understudy.style import phrases, pivots
from understudy.style.segment import segment
from understudy.tables import SCHEMAS, to_frame
from understudy.types import Step, Trace

SCRAPS = [phrase for name in pivots.TYPES for phrase in pivots.lexicon()[name]]
SCRAPS += [
    "Wait,",
    "WAIT",
    "waiter",
    "await",
    "’s",
    "-",
    ", ",
    " ",
    "\n",
    "é",
    "Double-check",
    "that’s wrong",
]
TEXTS = st.text() | st.lists(st.sampled_from(SCRAPS)).map(" ".join) | st.lists(st.sampled_from(SCRAPS)).map("".join)


def counts(text: str) -> dict[str, int]:
    return pl.DataFrame({"text": [text]}).select(pivots.counts(pl.col("text"))).row(0, named=True)


def trace(name: str, reasoning: str | None, response: str = "", error: str | None = None) -> Trace:
    return Trace(name, f"p-{name}", "m", response, reasoning, error=error)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("Wait, the waiter cannot await that.", ["realization"]),
        ("Now I see how. So overall, 3 apples.", ["integration", "integration"]),
        (
            "What if it rains? Let me check that; to double-check helps.",
            ["exploration", "verification", "verification"],
        ),
        ("Therefore 5, thus 6, and first let's calculate the total.", []),
        ("Hold on. That’s wrong!", ["realization", "realization"]),
        ("wait no , another option : 3", ["realization", "exploration"]),
    ],
)
def test_pivots_of_a_text(text: str, types: list[str]) -> None:
    assert [name for _, _, name in pivots.spans(text)] == types
    assert sum(counts(text)[name] for name in pivots.TYPES) == len(types)


def test_spans_point_at_the_phrases() -> None:
    text = "Hmm. So let me  check, ×2."
    assert [(text[start:end], name) for start, end, name in pivots.spans(text)] == [
        ("Hmm", "realization"),
        ("let me  check", "verification"),
    ]


@given(TEXTS)
def test_columns_and_single_texts_agree(text: str) -> None:
    found = [name for _, _, name in pivots.spans(text)]
    counted = counts(text)
    assert {name: found.count(name) for name in pivots.TYPES} == {name: counted[name] for name in pivots.TYPES}
    first = pl.DataFrame({"text": [text]}).select(pivots.first(pl.col("text"))).item()
    assert first == (found[0] if found else None)


def test_no_phrase_of_a_type_overlaps_one_of_another_type() -> None:
    words = {name: [tuple(phrase.split()) for phrase in pivots.lexicon()[name]] for name in pivots.TYPES}
    for name, own in words.items():
        others = [phrase for other, theirs in words.items() if other != name for phrase in theirs]
        for a in own:
            for b in others:
                inside = any(b[i : i + len(a)] == a for i in range(len(b)))
                shared = any(a[-k:] == b[:k] for k in range(1, min(len(a), len(b))))
                assert not inside and not shared, f"{name}: {' '.join(a)} / {' '.join(b)}"


def test_phrases_are_plain_lower_case_words_without_repeats() -> None:
    for own in pivots.lexicon().values():
        assert len(set(own)) == len(own)
        assert all(re.fullmatch(r"(miss \. )?[a-z0-9']+( [a-z']+)*", phrase) for phrase in own)


@pytest.mark.parametrize("name", pivots.TYPES)
def test_the_phrases_of_scripted_teachers_are_pivots_of_their_type(name: str) -> None:
    for phrase in getattr(phrases, name.upper()):
        assert [found for _, _, found in pivots.spans(f"4 +3 7 miss . {phrase} 4 x2 8")] == [name]


def test_puzzle_phrases_that_give_a_line_up_are_backtracks() -> None:
    assert [counts(phrase)["backtracks"] for phrase in phrases.REALIZATION] == [1, 1, 1]
    assert counts("wait . let me check : 3 . so overall 4")["backtracks"] == 0


@given(st.text() | st.text(alphabet='ab1. \n!?")'))
def test_steps_tile_any_text(text: str) -> None:
    parts = pl.DataFrame({"text": [text]}).select(segment(pl.col("text"))).item().to_list()
    assert "".join(parts) == text
    assert all(parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three", ["One. ", "Two! ", "Three"]),
        ("It is 3.5 m.\n\nSo 7.", ["It is 3.5 m.\n\n", "So 7."]),
        ("1. Add.\n2. Halve.", ["1. Add.\n", "2. Halve."]),
        ("4 +3 7 miss . wait no . 4 x2 8", ["4 +3 7 miss . ", "wait no . ", "4 x2 8"]),
        ('He said "no." Then', ['He said "no." ', "Then"]),
        (" \n", [" \n"]),
        ("", []),
    ],
)
def test_steps_are_sentences_and_lines(text: str, parts: list[str]) -> None:
    assert pl.DataFrame({"text": [text]}).select(segment(pl.col("text"))).item().to_list() == parts


@given(st.lists(st.none() | TEXTS, max_size=4))
def test_step_table_points_back_at_the_texts(texts: list[str | None]) -> None:
    traces = to_frame(Trace, [trace(str(n), text) for n, text in enumerate(texts)])
    steps = profile.steps(traces)
    assert steps.schema == SCHEMAS[Step]
    for n, text in enumerate(texts):
        rows = steps.filter(pl.col("trace_id") == str(n)).rows(named=True)
        assert [row["index"] for row in rows] == list(range(len(rows)))
        assert [row["start"] for row in rows[1:]] == [row["end"] for row in rows[:-1]]
        if text and re.search(r"\S", text):
            assert (rows[0]["start"], rows[-1]["end"]) == (0, len(text))


def test_pivot_of_a_step_is_its_first() -> None:
    traces = to_frame(Trace, [trace("a", "So 3. Hmm, what if 4? Let me check. Wait, 5.")])
    assert profile.steps(traces)["pivot"].to_list() == [None, "realization", "verification", "realization"]


def test_style_counts_reasoning_else_response() -> None:
    traces = to_frame(
        Trace,
        [
            trace("a", "Wait , 3 . Now I see : 4 .", "what if"),
            trace("b", None, "It is 3. Perhaps 4."),
            trace("c", " ", ""),
            trace("d", None, "Error after 6 attempts", error="500"),
        ],
    )
    rows = profile.style(traces).rows_by_key("trace_id", named=True, unique=True)
    assert rows["a"]["source"] == "reasoning"
    assert (rows["a"]["characters"], rows["a"]["words"], rows["a"]["steps"]) == (26, 6, 2)
    assert [rows["a"][name] for name in pivots.TYPES] == [1, 0, 0, 1]
    assert rows["a"]["pivot_types"] == 2
    assert (rows["b"]["source"], rows["b"]["exploration"], rows["b"]["realization"]) == ("response", 1, 0)
    for name in ("c", "d"):
        assert set(rows[name].values()) - {f"p-{name}", None} == set()


def test_summary_is_a_ratio_of_sums_and_counts_what_it_leaves_out() -> None:
    three = "Wait. What if this is so? Let me check that one more time."
    traces = to_frame(Trace, [trace("a", three), trace("b", None, "One two."), trace("c", None, "", "500")])
    (row,) = profile.summarise(profile.style(traces)).rows(named=True)
    assert (row["n"], row["n_excluded"], row["words_mean"], row["words_median"]) == (2, 1, 7.5, 7.5)
    assert row["realization_per_1000_words"] == pytest.approx(1000 / 15)
    assert row["integration_per_1000_words"] == 0
    assert (row["share_3_types"], row["share_reasoning"]) == (0.5, 0.5)


def test_summary_of_nothing_is_null() -> None:
    (row,) = profile.summarise(profile.style(to_frame(Trace, []))).rows(named=True)
    assert (row.pop("n"), row.pop("n_excluded")) == (0, 0)
    assert set(row.values()) == {None}


def test_a_search_backtracks_as_often_as_it_fails() -> None:
    from understudy import registry
    from understudy.registry import Piece
    from understudy.tables import to_frame
    from understudy.types import Sampling, Trace

    task = registry.build("tasks", Piece("reach", {}))
    problems = task.problems("train", 200, 0)
    for teacher in ("search", "template"):
        traces = list(registry.build("models", Piece(teacher, {}), task=task).generate(problems, Sampling()))
        failed = [trace.reasoning.count(" miss") for trace in traces]
        assert profile.style(to_frame(Trace, traces))["backtracks"].to_list() == failed
