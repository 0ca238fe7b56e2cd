"""Steps, pivots, stages and branches of traces, as a user sees them."""

import re
from typing import Any

import polars as pl
import pytest

from understudy import profile, registry
from understudy.registry import Piece
from understudy.style import phrases, pivots
from understudy.tables import SCHEMAS, to_frame
from understudy.types import Sampling, Step, Trace


def trace(name: str, reasoning: str | None, response: str = "", error: str | None = None) -> Trace:
    return Trace(name, f"p-{name}", "m", response, reasoning, error=error)


def steps(text: str) -> list[dict[str, Any]]:
    return profile.steps(to_frame(Trace, [trace("a", text)])).rows(named=True)


def cut(text: str) -> list[str]:
    return [text[step["start"] : step["end"]] for step in steps(text)]


def measures(text: str) -> dict[str, Any]:
    (row,) = profile.style(to_frame(Trace, [trace("a", text)])).rows(named=True)
    return row


# --- steps ---


@pytest.mark.parametrize(
    "parts",
    [
        ["One. ", "Two! ", "Three"],
        ["It is 3.5 m.\n\n", "So 7."],
        ["1. Add.\n", "2. Halve."],
        ["4 +3 7 miss . ", "wait no . ", "4 x2 8"],
        ['He said "no." ', "Then"],
        ["Mr. Smith, e.g. John, has 3 cats etc. and dogs. ", "Fine."],
        ["Well... maybe. ", "Wait… ", "No."],
        ["A line\n", "Another line"],
        ["A line that goes\non here. ", "End."],
        ["So we have:\n\\[ x = 1. y = 2. \\]\n", "Done."],
        ["Then $a. b$ is it. ", "It costs $3. ", "Or $4."],
        ["So:\nx = 3 + 4\n", "Good."],
        ["The cases:\n- one\n- two\n", "Now go."],
        ["Run\n", "```\na. b. C\n\nd\n```\n", "Done."],
        ["是的。", "不对！", "「好。」", "走"],
        ["Is it 3? ", "Yes.)\n", "\\boxed{3}"],
    ],
)
def test_steps_are_sentences_and_lines(parts: list[str]) -> None:
    assert cut("".join(parts)) == parts


def test_step_table_points_back_at_the_texts_in_characters() -> None:
    texts = ["Ünïcode 🙂 one. Two.", None, "×. ÷!\n\nWait"]
    table = profile.steps(to_frame(Trace, [trace(str(n), text) for n, text in enumerate(texts)]))
    assert table.schema == SCHEMAS[Step]
    assert table.select("trace_id", "index", "start", "end").rows() == [
        ("0", 0, 0, 15),
        ("0", 1, 15, 19),
        ("2", 0, 0, 3),
        ("2", 1, 3, 7),
        ("2", 2, 7, 11),
    ]


# --- pivots ---


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("Wait, the waiter cannot await that.", ["realization"]),
        ("Now I see how. So overall, 3 apples.", ["integration", "integration"]),
        ("What if it rains? Let me check that; to double-check helps.", ["exploration", *["verification"] * 2]),
        ("Therefore 5, thus 6, and first let's calculate the total.", []),
        ("Hold on. That’s wrong!", ["realization", "realization"]),
        ("wait no , another option : 3", ["realization", "exploration"]),
        ("Let me,  check. let\tme\r\ncheck. Let me ... check", ["verification", "verification"]),
    ],
)
def test_pivots_of_a_text(text: str, types: list[str]) -> None:
    assert [name for _, _, name in pivots.spans(text)] == types
    row = measures(text)
    assert {name: row[name] for name in pivots.TYPES} == {name: types.count(name) for name in pivots.TYPES}
    assert row["pivot_types"] == len(set(types))


def test_spans_point_at_the_phrases() -> None:
    text = "Hmm. So let me  check, ×2."
    assert [(text[start:end], name) for start, end, name in pivots.spans(text)] == [
        ("Hmm", "realization"),
        ("let me  check", "verification"),
    ]


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
        assert all(re.fullmatch(r"(miss \. )?[a-z0-9']+( [a-z0-9']+)*", phrase) for phrase in own)


@pytest.mark.parametrize("name", pivots.TYPES)
def test_the_phrases_of_scripted_teachers_are_pivots_of_their_type(name: str) -> None:
    for phrase in getattr(phrases, name.upper()):
        assert [found for _, _, found in pivots.spans(f"4 +3 7 miss . {phrase} 4 x2 8")] == [name]


def test_pivot_of_a_step_is_its_first() -> None:
    found = [step["pivot"] for step in steps("So 3. Hmm, what if 4? Let me check. Wait, 5.")]
    assert found == [None, "realization", "verification", "realization"]


# --- branches ---


def test_a_trace_without_turns_is_a_trunk() -> None:
    row = measures("2 + 2 = 4. 4 + 4 = 8. 8 + 8 = 16.")
    names = ("branches", "abandoned", "failed_steps", "depth", "width", "backtracks")
    assert [row[name] for name in names] == [0] * 6


def tree(text: str) -> list[tuple[int, int, bool]]:
    return [(step["branch"], step["depth"], step["abandoned"]) for step in steps(text)]


def test_a_supposition_grows_a_branch_and_a_backtrack_abandons_it() -> None:
    text = "There are 5 + 3 = 8 eggs. Suppose x is 2. Then x + x = 4. That's wrong. So 8 + 1 = 9. 9 + 1 = 10. 3 = 3."
    assert tree(text) == [(0, 0, False), *[(1, 1, True)] * 3, *[(0, 0, False)] * 3]
    row = measures(text)
    assert (row["branches"], row["abandoned"], row["backtracks"], row["depth"], row["width"]) == (1, 1, 1, 1, 1)
    assert row["failed_steps"] == pytest.approx(3 / 7)


def test_suppositions_nest_and_alternatives_stand_side_by_side() -> None:
    text = "We have 8. Suppose x = 2. Assume y = 3. Alternatively y = 4. Alternatively x = 3. 3 = 3. 4 = 4."
    assert [(branch, depth) for branch, depth, _ in tree(text)] == [
        *[(0, 0), (1, 1), (2, 2), (3, 2), (4, 2)],
        *[(4, 2)] * 2,
    ]
    row = measures(text)
    assert (row["branches"], row["abandoned"], row["depth"], row["width"]) == (4, 0, 2, 3)


def test_a_slip_on_the_trunk_is_a_branch_of_two_steps() -> None:
    text = "There are 8 eggs. 8 - 3 = 4. That's wrong. 8 - 3 = 5. 5 + 1 = 6. 6 + 1 = 7. 7 = 7."
    assert [gone for *_, gone in tree(text)] == [False, True, True, False, False, False, False]
    row = measures(text)
    assert (row["branches"], row["abandoned"], row["depth"], row["width"]) == (1, 1, 1, 1)


def test_a_supposition_inside_a_step_is_no_branch() -> None:
    assert measures("The number that we suppose is 3. 3 + 3 = 6. 6 = 6.")["branches"] == 0
    assert measures("Well, suppose it is 3. 3 + 3 = 6. 6 = 6.")["branches"] == 1


def test_the_synthesis_returns_to_the_trunk() -> None:
    text = "3 + 3 = 6. Suppose x = 6. 6 + 6 = 12. 12 + 1 = 13. 13 = 13. So the final answer is 13."
    assert [step["stage"] for step in steps(text)][-1] == "synthesis"
    assert [branch for branch, *_ in tree(text)] == [0, 1, 1, 1, 1, 0]


def test_puzzle_phrases_that_give_a_line_up_are_backtracks() -> None:
    assert [measures(phrase)["backtracks"] for phrase in phrases.REALIZATION] == [1, 1, 1]
    assert measures("wait . let me check : 3 . so overall 4")["backtracks"] == 0


def test_a_search_backtracks_as_often_as_it_fails() -> None:
    task = registry.build("tasks", Piece("reach", {}))
    problems = task.problems("train", 200, 0)
    for teacher in ("search", "template"):
        traces = list(registry.build("models", Piece(teacher, {}), task=task).generate(problems, Sampling()))
        failed = [trace.reasoning.count(" miss") for trace in traces]
        assert profile.style(to_frame(Trace, traces))["backtracks"].to_list() == failed


# --- measures and their summary ---


def test_lengths_are_in_characters_words_and_steps() -> None:
    row = measures("Wait , 3 × 4 = 12 .\n\nDon't   add½ (x) !")
    assert (row["characters"], row["words"], row["steps"]) == (39, 7, 2)


def test_style_counts_reasoning_else_response() -> None:
    traces = [
        trace("a", "Wait , 3 . Now I see : 4 .", "what if"),
        trace("b", None, "It is 3. Perhaps 4."),
        trace("c", " ", ""),
        trace("d", None, "Error after 6 attempts", error="500"),
    ]
    table = profile.style(to_frame(Trace, traces))
    assert table.schema == profile.MEASURES
    rows = table.rows_by_key("trace_id", named=True, unique=True)
    assert (rows["a"]["source"], rows["a"]["realization"], rows["a"]["exploration"]) == ("reasoning", 1, 0)
    assert (rows["b"]["source"], rows["b"]["realization"], rows["b"]["exploration"]) == ("response", 0, 1)
    for name in ("c", "d"):
        assert (rows[name]["problem_id"], rows[name]["model"]) == (f"p-{name}", "m")
        assert {value for key, value in rows[name].items() if key not in ("trace_id", "problem_id", "model")} == {None}


def test_episodes_and_stages_of_a_trace_add_up_to_its_steps() -> None:
    row = measures("Okay. There are 3 + 4 = 7 eggs. Let me check. 3 + 4 = 7. Suppose 8? So the final answer is 7.")
    for part in ("episode_", "stage_"):
        assert sum(value for name, value in row.items() if name.startswith(part)) == row["steps"] == 6


def test_questions_and_answers_come_with_the_traces_or_the_problems() -> None:
    text = "Six apples. Then seven apples. So 13 apples. Let me check. 6 + 7 = 13."
    asked = {"prompt": "How many apples are 6 apples and 7 apples?", "answer": "13"}
    with_metadata = to_frame(Trace, [Trace("a", "p", "m", "", text, metadata=asked)])
    with_problems = pl.DataFrame({"problem_id": ["p"], **{name: [value] for name, value in asked.items()}})
    one = profile.measure(with_metadata)
    other = profile.measure(to_frame(Trace, [Trace("a", "p", "m", "", text)]), with_problems)
    assert one.equals(other, null_equal=True)
    assert one["first_correct"].item() == pytest.approx(text.index("Let") / len(text))
    assert one["question_overlap"].item() > 0
    unknown = profile.measure(to_frame(Trace, [Trace("a", "p", "m", "", text)]))
    assert unknown.select("first_correct", "reflection_after", "question_overlap").row(0) == (None, None, None)


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
