"""Numbers read from free text and compared exactly."""

import gzip
import json
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.graders.number import Number, extract, value
from understudy.types import Problem

DATA = Path(__file__).parents[2] / "shared" / "data"
SOLUTIONS = DATA / "traces" / "gpt3_gsm8k_example_model_solutions.jsonl.gz"
PAIRS = DATA / "answer_equivalence" / "nemo_skills_math_equal.jsonl.gz"
PLAIN_NUMBERS = {*range(23, 28), *range(34, 44), 63}
"""The lines of NeMo-Skills' test whose pairs are numbers; the rest is algebra."""


def grade(reference: str | None, response: str, question: str = "How many?") -> float | None:
    return Number().grade(Problem("p", "gsm8k", question, reference, "test"), response).value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (r"So \boxed{12}, no, \(\boxed{18}\) of the 30.", "18"),
        (r"\boxed{\text{about } 18 \text{ m}^2}", "18"),
        (r"\boxed{x = \frac{3}{4}}", "3/4"),
        (r"\boxed{918\frac{1}{2}}", "918 1/2"),
        (r"\boxed{\$1{,}234.50}", "1234.50"),
        (r"\boxed{1\,000}", "1000"),
        (r"\boxed{12 and then it was cut off at 18", "18"),
        ("It costs 5.\n#### 1,234\n", "1234"),
        ("#### 2. Add them\nThe sum makes 7.", "7"),
        ("5 and 6\nA: 18", "18"),
        ("The answer is **18** and not 20.", "18"),
        ("**Answer:** $-5.25", "-5.25"),
        ("Answer: 9 * 2 = 18", "18"),
        ('{"reasoning": "3 + 4", "answer": "7"}', "7"),
        ("First 3, then 18.", "18"),
        ("They read pages 10-15.", "15"),
        ("It falls to −5 degrees.", "-5"),
        ("She owes -$5.50", "-5.50"),
        ("They pay £3,000.00 in all", "3000.00"),
        ("She walked 5 km^2.", "5"),
        ("They meet at 5:30.", "5:30"),
        ("2**3 = 8", "8"),
        ("x5, no number", None),
        ("", None),
    ],
)
def test_extract(text: str, number: str | None) -> None:
    assert extract(text) == number


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("So he spends $60 to make 4 liters.", "60"),
        ("Therefore, **3 loaves** cost $5 more than 2 bagels.", "5"),
        ("First 30 left, leaving 25 of the 60.", "25"),
        ("Answer: 3 loaves cost \\$5 more than 2 bagels.", "5"),
        ("So she needs 4 more.", "4"),
    ],
)
def test_numbers_of_the_question_are_restated(sentence: str, number: str) -> None:
    question = "With 60 of them, 4 liters, 3 loaves and 2 bagels: how many?"
    assert extract(f"Some work: 7.\n\n{sentence}", question) == number


@pytest.mark.parametrize(
    ("number", "exact"),
    [
        ("0.1", Fraction(1, 10)),
        ("2 1/2", Fraction(5, 2)),
        ("-3/4", Fraction(-3, 4)),
        ("5:30", Fraction(11, 2)),
    ],
)
def test_values_are_exact(number: str, exact: Fraction) -> None:
    assert value(number) == exact


@pytest.mark.parametrize("text", ["1/0", "", "eighteen", "1e9", "12 apples", "1" * 400])
def test_other_texts_have_no_value(text: str) -> None:
    assert value(text) is None


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from([r"so \boxed{@}.", "#### @", "The answer is @.", "A: @", "She pays $@ in all.", "**@**"]),
    st.booleans(),
)
def test_a_number_is_found_however_it_is_written(number: int, form: str, commas: bool) -> None:
    text = form.replace("@", f"{number:,}" if commas else str(number))
    assert value(extract(text) or "") == number


def test_scores() -> None:
    assert grade("18", "It is 18.0") == 1
    assert grade("#### 18", "It is 19") == 0
    assert grade("0.75", r"\boxed{\frac{3}{4}}") == 1
    assert grade("18", " \n") == 0
    assert grade("18", "no idea") is None
    assert grade(None, "18") is None
    assert grade("18", "1" * 400) is None


@given(st.text(), st.none() | st.text(), st.text())
def test_any_text_gives_a_score(response: str, reference: str | None, question: str) -> None:
    assert grade(reference, response, question) in (0, 1, None)


@given(st.text(alphabet="0123456789.,/:-$ {}\\boxedfrac#A=\n"))
def test_any_scrap_of_notation_gives_a_score(response: str) -> None:
    assert grade("18", response) in (0, 1, None)


@pytest.mark.parametrize("scrap", ["1", "{", "\\boxed{", "1,", "answer ", "1/", "\\frac{1}", "A:\n", "answer is 5 "])
def test_time_is_linear_in_the_length(scrap: str) -> None:
    text = "answer" + scrap * (10**6 // len(scrap) // 4)
    started = time.perf_counter()
    extract(text, text)
    assert time.perf_counter() - started < 10


@pytest.mark.skipif(not SOLUTIONS.exists(), reason="needs ../shared/data (GPT-3 solutions)")
def test_agrees_with_the_published_verdicts_on_gpt3_solutions() -> None:
    agree = total = 0
    with gzip.open(SOLUTIONS, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            for solution in (part for part in row.values() if isinstance(part, dict)):
                got = grade(row["ground_truth"], solution["solution"], row["question"])
                agree += (got == 1) == solution["is_correct"]
                total += 1
    assert (agree, total) == (5276, 5276)


@pytest.mark.skipif(not PAIRS.exists(), reason="needs ../shared/data (answer equivalence)")
def test_agrees_with_published_pairs_of_numbers() -> None:
    with gzip.open(PAIRS, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["line"] in PLAIN_NUMBERS]
    pairs = [(str(row["a"]), str(row["b"]), row["expected_equal"]) for row in rows]
    graded = [(grade(a, b), equal) for a, b, equal in pairs]
    assert len(graded) == 16
    assert all((got == 1) == equal for got, equal in graded)
