r"""First correct step and reflection after it: cases by hand, against the plain version, and on real traces."""

import gzip
import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from benchmarks.plain import cohesion as plain
from hypothesis import example, given
from hypothesis import strategies as st

from understudy.style.buffer import Buffer
from understudy.style.efficiency import First, first_correct, reflection_after
from understudy.style.episodes import Steps
from understudy.style.gold import gold
from understudy.style.segment import segment
from understudy.style.words import words

TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces" / "mip"
needs_traces = pytest.mark.skipif(not TRACES.exists(), reason="the traces are not here")

BITS = ["1", "2", "12", "200", "540", "1,200", "0.75", ".75", "3/4", "0", "007", "5:40", "x", "é", "\\frac{3}{4}"]
BITS += [".", ",", "{,}", "\\,", "-", "−", "$", "\\$", "^", "_", "{", "}", "/", " ", "\n", "=", "≈", "#", "(", ")", "*"]
BITS += ["Step ", "case ", "the answer is ", "\\boxed{", "00000000", "East", "east ", " (3, 1)", "A", "yes", "\ud800"]
TEXTS = st.lists(st.sampled_from(BITS), max_size=12).map("".join)
GOLDS = st.sampled_from(
    ["1", "12", "1,200", "-540", "0.75", "3/4", "1/3", "540 apples", "East", "(3, 1)", "A", "yes", None]
)
GOLDS |= TEXTS | st.fractions(-10, 1300, max_denominator=40).map(str)


def cut(text: str) -> list[str]:
    texts = Buffer.of([text])
    starts = (segment(texts) - texts.starts[0]).tolist()
    data = text.encode("utf-8", "replace")
    return [data[a:b].decode() for a, b in zip(starts, [*starts, len(data)][1:], strict=True)]


def found(traces: list[str], golds: list[str | None], questions: list[str]) -> tuple[list[int | None], list[float]]:
    texts = Buffer.of(traces)
    every = words(texts)
    steps = Steps.of(texts, every, segment(texts))
    first = first_correct(texts, every, steps, golds, Buffer.of(questions))
    own = first.step - steps.border[:-1]
    return [None if step < 0 else int(n) for step, n in zip(first.step, own, strict=True)], first.position.tolist()


def appears(text: str, answer: str, question: str = "") -> bool:
    return found([text], [answer], [question])[0] != [None]


def test_position_by_hand() -> None:
    text = "Thrée times 60 is 180. Then 180 * 3 = 540.  So 540."
    steps, positions = found([text, text, "", text], ["540", "7", "540", None], ["", "", "", ""])
    assert steps == [1, None, None, None]
    assert positions == [
        pytest.approx(len("Thrée times 60 is 180. Then 180 * 3 = 540.  ") / len(text)),
        *[pytest.approx(math.nan, nan_ok=True)] * 3,
    ]
    assert found(["540"], ["540"], [""]) == ([0], [1.0])


@pytest.mark.parametrize(
    "text",
    [
        "1200",
        "1,200",
        "$1200",
        "\\$1,200.00",
        "1{,}200 m",
        "1\\,200",
        "is 1200.0.",
        "**1200**",
        "1200%",
        "≈1200",
        "10-1200",
    ],
)
def test_equal_numbers(text: str) -> None:
    assert all(
        appears(f"So {text}", answer) for answer in ("1200", "1,200", "1200.0", "$1200", "1200 meters", "so\n#### 1200")
    )


@pytest.mark.parametrize(
    "text",
    [
        "1200.5",
        "11200",
        "1,200,000",
        "5,1200",
        "x1200",
        "1200x",
        "1200th",
        "-1200",
        "3/1200",
        "1200/7",
        "1200:30",
        "x^1200",
        "a_{1200}",
        "\\frac{1200}{7}",
        "\\frac{7}{1200}",
        "step 1200",
        "120 0",
        "01200",
        "7.1200",
    ],
)
def test_other_numbers(text: str) -> None:
    assert not appears(f"So {text}", "1200") or text == "5,1200"


@pytest.mark.parametrize(
    ("text", "answer", "is_there"),
    [
        ("It is .75", "3/4", True),
        ("It is .75", "75", False),
        ("It costs $.50", "0.5", True),
        ("It is 0.750", "\\frac{3}{4}", True),
        ("It is \\dfrac{3}{4}", "0.75", True),
        ("It is 3/4", "0.75", True),
        ("It is 1/3", "\\frac13", False),  # known limit: fractions without braces are spelled as they are
        ("It is 1/3", "1/3", True),
        ("It falls to -5 degrees", "-5^\\circ", True),
        ("It falls to −5 degrees", "-5", True),
        ("It loses -$5", "-5", True),
        ("It is 8-5 degrees", "-5", False),
        ("1. Add them.\n2. Halve it.", "2", False),
        ("1. Add them.\n2", "2", True),
        ("We go East, then rest", "\\text{east}", True),
        ("We go northeast", "\\text{east}", False),
        ("So (3,  \\pi) or ( 3,\\pi) or (3,\\pi)", "\\left( 3, \\pi \\right)", True),
        ("A train leaves.", "A", False),
        ("The answer is (A).", "A", True),
        ("It is \\boxed{\\text{(B)}}", "B", True),
        ("Yes, I see", "yes", False),
        ("Answer: yes", "Yes", True),
        ("no sign of it: ∞", "∞", False),  # known limit: an answer without letters and digits
    ],
)  # fmt: skip
def test_appearances(text: str, answer: str, is_there: bool) -> None:
    assert appears(text, answer) == is_there
    assert (plain.first_correct(cut(text), answer, "")[0] is not None) == is_there


def test_restating_the_question_is_no_answer() -> None:
    question = "Of 60 apples and 20 pears, 20 are bad. How many apples are there?"
    assert found(["There are 60 apples. So 80 - 20 = 60."], ["60"], [question])[0] == [1]
    assert found(["There are 60 apples. The final answer is 60."], ["60"], [question])[0] == [1]
    assert found(["There are 60 apples. I am sure that there are 60."], ["60"], [question])[0] == [None]
    assert found(["There are 60 apples."], ["60"], ["How many?"])[0] == [0]
    assert found(["So x = 3."], ["3"], ["If x = 3, what is x?"])[0] == [None], "nobody can tell"


@given(st.lists(st.tuples(TEXTS, GOLDS, TEXTS), max_size=6))
@example([("5.000000000 or 5.00000000", "5", ""), ("1,200,300 1,200,30", "1200", "")])
@example([("12\x80", "12", ""), ("1²", "1", "0")])
def test_same_as_plain(rows: list[tuple[str, str | None, str]]) -> None:
    rows = [tuple(text and text.encode("utf-8", "replace").decode() for text in row) for row in rows]
    traces, golds, questions = ([row[n] for row in rows] for n in range(3))
    steps, positions = found(traces, golds, questions)
    for trace, answer, question, step, position in zip(traces, golds, questions, steps, positions, strict=True):
        wanted, share = plain.first_correct(cut(trace), answer, question)
        assert step == wanted, (trace, answer, question)
        assert math.isnan(position) if share is None else position == pytest.approx(share)


@cache
def real_traces() -> list[tuple[str, str, str]]:
    rows = []
    for name in ("gsm8k_wellposed_QwQ", "math_wellposed_Limo"):
        with gzip.open(TRACES / f"{name}.jsonl.gz", "rt") as lines:
            read = [json.loads(line) for _, line in zip(range(120), lines, strict=False)]
        rows += [(row["model_answer"], row["answer"], row.get("question", "")) for row in read]
    return rows


@needs_traces
def test_same_as_plain_on_real_traces() -> None:
    traces, golds, questions = ([row[n] for row in real_traces()] for n in range(3))
    steps, positions = found(traces, list(golds), questions)
    assert steps == [plain.first_correct(cut(trace), answer, asked)[0] for trace, answer, asked in real_traces()]
    assert np.mean([step is None for step in steps[:120]]) < 0.1, "QwQ solves nearly all of GSM8K"
    assert 0.1 < np.nanmedian(positions[:120]) < 0.6


@needs_traces
def test_the_answer_of_another_problem_appears_later_or_never() -> None:
    traces, golds, questions = ([row[n] for row in real_traces()[:120]] for n in range(3))
    own = found(traces, list(golds), questions)[1]
    other = found(traces, [*golds[1:], golds[0]], questions)[1]
    assert np.isnan(other).mean() > 0.5 > 0.1 > np.isnan(own).mean()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 5)), min_size=1, max_size=5), st.randoms())
def test_reflection_after(sizes: list[tuple[int, int]], rng: np.random.Generator) -> None:
    texts = Buffer.of(["A. " * size for size, _ in sizes])
    steps = segment(texts)
    starts = np.searchsorted(steps, texts.starts)
    at = [step if step < size else -1 for size, step in sizes]
    flags = np.array([rng.random() < 0.5 for _ in steps], np.bool_)
    first = First(
        np.array([-1 if n < 0 else start + n for n, start in zip(at, starts, strict=True)]), np.zeros(len(at))
    )
    result = reflection_after(Steps.of(texts, words(texts), steps), first, flags)
    for n, start, (size, _), share in zip(at, starts, sizes, result, strict=True):
        after = flags[start + n + 1 : start + size] if n >= 0 else []
        assert share == pytest.approx(np.mean(after)) if len(after) else math.isnan(share)


@given(GOLDS)
def test_any_reference_answer_is_read(answer: str | None) -> None:
    read = gold(answer)
    assert not (read.number and not read.forms)
    assert all(read.forms) or not read.number
