"""How fast answers are graded, and how far the grader ``math`` agrees with published verdicts.

    python -m benchmarks.bench --only verify

The plain way is math-verify called directly, in one process, on the same responses; both must give the same verdicts.
Agreement is measured where ``../shared/data`` is there. Its rows are listed in ``docs/reference/agreement.md``.
"""

import gzip
import json
import logging
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.timing import alternate, line, same, timed

from understudy.graders.math import Math
from understudy.graders.number import Number
from understudy.types import Problem, Score

DATA = Path(__file__).parents[2] / "shared" / "data"
WORDED, LATEX = 3000, 300
ALIKE = 0.98
"""The share of verdicts on which the two sides must agree: math-verify reads some answers in another way."""
Pair = tuple[Problem, str]
Labelled = list[tuple[Pair, bool]]


def verify() -> None:
    """Both ratios, then the agreement."""
    for what, pairs in (("grading GSM8K-type answers", worded()), ("grading LaTeX answers", latex())):
        speed(what, pairs)
    if not DATA.exists():
        print("agreement with published verdicts: not measured, needs ../shared/data")
        return
    for name, rows in (("GSM8K, GPT-3", gpt3), ("MATH, Qwen2.5-Math", qwen), ("NeMo-Skills pairs", nemo)):
        agreement(name, list(rows()))


def speed(what: str, pairs: list[Pair]) -> None:
    """Pairs a second of both sides."""
    grader = Math()
    grader.grade_all(pairs[:50])  # starts the workers
    ours, plain, scores, verdicts = alternate(lambda: grader.grade_all(pairs), lambda: directly(pairs), repeats=2)
    equal = sum((score.value == 1) == verdict for score, verdict in zip(scores, verdicts, strict=True))
    same(equal >= ALIKE * len(pairs), f"only {equal} of {len(pairs)} verdicts are the same")
    line(what, len(pairs) / ours, "pairs/s", len(pairs) / plain, "math-verify directly, one process")


def directly(pairs: list[Pair]) -> list[bool]:
    """Parse the reference and the response, and verify."""
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that no time limit is set
    from math_verify import parse
    from math_verify import verify as verified

    return [
        verified(
            parse(f"${problem.answer}$", parsing_timeout=None), parse(text, parsing_timeout=None), timeout_seconds=None
        )
        for problem, text in pairs
    ]


def worded() -> list[Pair]:
    """Worked solutions of sums, half of them with another result than the reference."""
    rng = Random(0)
    pairs = []
    for _ in range(WORDED):
        a, b = rng.randrange(2, 90), rng.randrange(100, 9000)
        given = a * b + rng.choice((0, 0, 1, 10))
        text = (
            f"Each of {a} crates holds {b} pears.\nThat makes {a} * {b} = {given:,} pears in all.\n\\boxed{{{given:,}}}"
        )
        pairs.append((_problem(str(a * b)), text))
    return pairs


def latex() -> list[Pair]:
    """Formulas in two ways of writing, half of them unequal."""
    rng = Random(1)
    forms: list[Callable[[int, int, int], tuple[str, str]]] = [
        lambda a, b, e: (rf"\frac{{{a}}}{{{b}}}\pi", rf"\frac{{{a + e}\pi}}{{{b}}}"),
        lambda a, b, e: (f"x^2+{a + b}x+{a * b}", f"(x+{a})(x+{b + e})"),
        lambda a, b, e: (rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{a * a * b + e}}}"),
        lambda a, b, e: (rf"({a}, {b}]", rf"\left({a},{b + e}\right]"),
        lambda a, b, e: (rf"\{{{a}, {b}, 0\}}", rf"\{{0, {b + e}, {a}\}}"),
        lambda a, b, e: (rf"{a}+{b}i", rf"{b + e}i+{a}"),
    ]
    numbers = [(rng.randrange(2, 60), rng.randrange(61, 99), rng.randrange(2)) for _ in range(LATEX // len(forms))]
    made = [form(*chosen) for chosen, form in product(numbers, forms)]
    return [(_problem(gold), rf"So the answer is $\boxed{{{given}}}$.") for gold, given in made]


def agreement(name: str, rows: Labelled) -> None:
    """The share of verdicts that are the published ones; null counts as wrong."""
    pairs = [pair for pair, _ in rows]
    seconds, scores = timed(lambda: Math().grade_all(pairs))
    print(f"agreement, {name}: math {_share(scores, rows)} ({len(pairs) / seconds:,.0f} pairs/s)", end="")
    if name.startswith("GSM8K"):
        print(f", number {_share([Number().grade(*pair) for pair in pairs], rows)}", end="")
    print(flush=True)


def _share(scores: list[Score], rows: Labelled) -> str:
    agree = sum((score.value == 1) == label for score, (_, label) in zip(scores, rows, strict=True))
    return f"{100 * agree / len(rows):.2f} % of {len(rows):,}"


def gpt3() -> Iterator[tuple[Pair, bool]]:
    """GPT-3's solutions of GSM8K, with ``is_correct``."""
    for row in _rows("traces/gpt3_gsm8k_example_model_solutions.jsonl.gz"):
        for one in (part for part in row.values() if isinstance(part, dict)):
            yield (_problem(row["ground_truth"], row["question"]), one["solution"]), one["is_correct"]


def qwen() -> Iterator[tuple[Pair, bool]]:
    """Qwen2.5-Math's outputs on MATH, eight a question, with their scores."""
    for row in _rows("traces/qwen2.5_math_cot_100x8.jsonl.gz"):
        for text, right in zip(row["code"], row["score"], strict=True):
            yield (_problem(row["answer"], row["question"]), text), right


def nemo() -> Iterator[tuple[Pair, bool]]:
    """The pairs of NeMo-Skills' own test of equality."""
    for row in _rows("answer_equivalence/nemo_skills_math_equal.jsonl.gz"):
        yield (_problem(str(row["a"])), str(row["b"])), row["expected_equal"]


def _rows(path: str) -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _problem(answer: str, prompt: str = "?") -> Problem:
    return Problem("p", "t", prompt, answer, "test")
