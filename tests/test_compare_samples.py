"""Figures of several samples a problem: against every subset, against published formulas, and as a user meets them."""

from itertools import combinations
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.compare import OUTCOMES, estimate
from understudy.compare.outcomes import LATER
from understudy.compare.samples import answer_class, majority_at, pass_at
from understudy.types import Estimate, Problem, Score, Trace, Usage
from understudy.verify import outcomes

small = st.integers(0, 4)


def elected(votes):
    """Whether the right answer (0) is elected by these votes, a tie counting by lot; null votes for nothing."""
    cast = [vote for vote in votes if vote is not None]
    most = max((cast.count(vote) for vote in cast), default=0)
    best = [vote for vote in set(cast) if cast.count(vote) == most]
    return (0 in best) / len(best) if best else 0


def votes_of(right, wrong, silent):
    return [0] * right + [n for n, size in enumerate(wrong, 1) for _ in range(size)] + [None] * silent


def attempts(answers, arm="a", sampling="sampled", seed=0, **columns):
    """Outcomes of texts such as "2": 7 is right, "" is truncated; one list of samples for each problem."""
    rows = [
        {
            "arm": arm,
            "seed": seed,
            "sampling": sampling,
            "problem_id": f"p{problem}",
            "sample": sample,
            "trace_id": f"{arm}{seed}{problem}{sample}",
            "status": "finished" if text else "truncated",
            "answer": float(answer_class(text) == "7") if text else None,
            "extracted": text or None,
            **columns,
        }
        for problem, texts in enumerate(answers)
        for sample, text in enumerate(texts)
    ]
    return pl.DataFrame(rows, schema=OUTCOMES)


def figures(table, resamples=200, arms=("a",)) -> dict[str, Estimate]:
    return {e.name: e for e in estimate(table, list(arms), None, resamples=resamples) if e.arm == "a"}


# Definitions


@given(st.integers(1, 9), st.data())
def test_pass_is_the_share_of_subsets_with_a_right_answer(n, data):
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(combinations([True] * right + [False] * (n - right), k))
    assert pass_at(n, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-12)


@given(st.integers(1, 300), st.data())
def test_pass_at_one_is_the_mean_and_it_never_falls_with_k(n, data):
    right = data.draw(st.integers(0, n))
    curve = [pass_at(n, right, k) for k in range(1, n + 1)]
    assert curve[0] == pytest.approx(right / n)
    assert curve == sorted(curve) and curve[-1] == (right > 0)


@pytest.mark.parametrize(("n", "right", "k", "value"), [(10, 3, 2, 1 - 21 / 45), (200, 1, 100, 0.5), (5, 4, 2, 1.0)])
def test_pass_of_chen_et_al(n, right, k, value):
    """Equation 1 by hand, and the product by which the paper's figure 3 reckons it."""
    product = 1.0 if n - right < k else 1 - np.prod(1 - k / np.arange(n - right + 1, n + 1))
    assert pass_at(n, right, k) == pytest.approx(value) == product


def test_counts_that_no_float_holds():
    assert pass_at(5000, 2500, 2500) == 1.0
    assert 0.5 < majority_at(540, (420, 180), 60, 32) < majority_at(540, (420, 180), 60, 600) < 1


@settings(max_examples=150, deadline=None)
@given(small, st.lists(st.integers(1, 3), max_size=4), st.integers(0, 2), st.data())
def test_majority_is_the_mean_over_all_subsets(right, wrong, silent, data):
    votes = votes_of(right, wrong, silent)
    if not votes:
        return
    k = data.draw(st.integers(1, len(votes)))
    subsets = list(combinations(votes, k))
    expected = sum(map(elected, subsets)) / len(subsets)
    assert majority_at(right, tuple(wrong), silent, k) == pytest.approx(expected, abs=1e-9)


def test_majority_against_simulation():
    """Of 64 samples: 24 right, wrong answers of 18, 9 and 5 votes, 8 that say nothing."""
    rng, votes = Random(4), votes_of(24, (18, 9, 5), 8)
    for k in (1, 5, 16):
        drawn = [elected(rng.sample(votes, k)) for _ in range(4000)]
        error = np.std(drawn) / np.sqrt(len(drawn))
        assert majority_at(24, (18, 9, 5), 8, k) == pytest.approx(np.mean(drawn), abs=4 * error)


@given(small, st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(0, 2), st.data())
def test_a_vote_more_for_the_right_answer_never_hurts(right, wrong, silent, data):
    k = data.draw(st.integers(1, right + sum(wrong) + silent))
    before = majority_at(right, tuple(wrong), silent, k)
    assert majority_at(right + 1, (*wrong[:-1], wrong[-1] - 1), silent, k) >= before - 1e-9
    if silent:
        assert majority_at(right + 1, tuple(wrong), silent - 1, k) >= before - 1e-9


@pytest.mark.parametrize(
    ("one", "other"),
    [("1/2", r"\frac{1}{2}"), ("0.5", "1/2"), ("$1,000$", "1000"), (r"\text{Monday}", "monday"), ("x + 1", "x+1")],
)
def test_answers_that_read_the_same_are_one(one, other):
    assert answer_class(one) == answer_class(other)


@pytest.mark.parametrize(
    ("one", "other"), [("12 3", "123"), ("A", "B"), ("x+1", "x-1"), ("-3", "3"), ("(1,2)", "(2,1)")]
)
def test_answers_that_do_not_are_two(one, other):
    assert answer_class(one) != answer_class(other)


# What a study meets


def test_figures_of_four_samples_at_two_problems():
    found = figures(attempts([["7", "7.0", "2", "3"], ["7", "2", "2", ""]]))
    values = {name: found[name].value for name in found if "@" in name}
    assert values == pytest.approx(
        {
            "mean@4": 3 / 8,
            "pass@1": 3 / 8,
            "pass@2": (5 / 6 + 1 / 2) / 2,
            "pass@4": 1.0,
            "pass@1 if unscored were right": 4 / 8,
            "pass@2 if unscored were right": 5 / 6,
            "pass@4 if unscored were right": 1.0,
            "majority@1": 3 / 8,
            "majority@2": ((1 + 4 / 2) / 6 + (2 / 2 + 1) / 6) / 2,
            "majority@4": (1 + 0) / 2,
            "majority@1 if unscored were right": 4 / 8,
            "majority@2 if unscored were right": ((1 + 4 / 2) / 6 + (1 + 4 / 2) / 6) / 2,
            "majority@4 if unscored were right": (1 + 1 / 2) / 2,
        }
    )
    assert all(found[name].n == 2 for name in values)
    assert found["mean@4"].lower == found["accuracy"].lower
    assert found["majority@4 if unscored were right"].method == "upper bound of majority@4"


def test_one_sample_a_problem_has_no_such_figures():
    assert not [name for name in figures(attempts([["7"], ["2"]])) if "@" in name]


def test_k_ends_at_the_fewest_samples_of_a_problem():
    found = figures(attempts([["7"] * 6, ["2"] * 5]))
    assert [name for name in found if name.startswith("pass") and "if" not in name] == [
        "pass@1",
        "pass@2",
        "pass@4",
        "pass@5",
    ]


def test_a_table_without_what_was_extracted_has_all_but_the_majority():
    table = attempts([["7", "2"], ["2", "7"]])
    for older in (table.drop(LATER), table.with_columns(extracted=pl.lit(None, pl.String))):
        found = figures(older)
        assert found["pass@2"].value == 1.0 and "mean@2" in found
        assert not [name for name in found if name.startswith("majority")]


def test_students_vote_apart():
    """A seed is a student: its attempts are not put together with those of another one."""
    table = pl.concat([attempts([["7", "7"]] * 9), attempts([["2", "2"]] * 9, seed=1)])
    found = figures(table)
    assert (found["pass@2"].value, found["majority@2"].value, found["pass@2"].n_clusters) == (0.5, 0.5, 2)
    assert found["pass@2"].upper - found["pass@2"].lower == pytest.approx(1.0), "the seeds are clusters"


def test_all_alike_still_has_a_width():
    found = figures(attempts([["7", "7", "2"]] * 20))
    assert found["pass@2"].value == 1.0 and found["pass@2"].method.startswith("Wilson over problems")
    assert found["majority@2"].value == pytest.approx(2 / 3)
    assert 0.4 < found["majority@2"].lower < 2 / 3 < found["majority@2"].upper < 0.9


def test_intervals_are_clustered_by_problem():
    """Thirty-two samples of ten problems that are all right or all wrong say no more than ten coins."""
    rng = np.random.default_rng(8)
    easy = [["7"] * 32 if rng.random() < 0.5 else ["2"] * 32 for _ in range(10)]
    coins = [["7" if rng.random() < 0.5 else "2" for _ in range(32)] for _ in range(10)]
    widths = [(e.upper - e.lower) for e in (figures(attempts(each))["majority@1"] for each in (easy, coins))]
    assert widths[0] > 4 * widths[1]


def test_the_interval_of_pass_at_2_covers_the_truth():
    rng, held = np.random.default_rng(2), 0
    truth = 14 / 27  # of chances that are uniform in [0, 2/3]: 1 − E(1 − p)²
    for _ in range(150):
        chances = rng.uniform(0, 2 / 3, (40, 1))
        texts = np.where(rng.random((40, 4)) < chances, "7", "2").tolist()
        found = figures(attempts(texts), resamples=200)["pass@2"]
        held += found.lower <= truth <= found.upper
    assert 0.88 <= held / 150 <= 0.99


# Budget forcing


def test_forced_ends_and_waits_are_given_where_any_fired():
    fired = attempts([["7", "2"], ["7", ""]], forced_end=None, waits=None).with_columns(
        forced_end=pl.Series([1, None, None, 1]), waits=pl.Series([None, 3, None, None])
    )
    other = attempts([["7", "2"]], arm="b")
    found = estimate(pl.concat([fired, other]), ["a", "b"], None, resamples=200)
    shown = {(e.arm, e.name): (e.value, e.n) for e in found if "forced" in e.name or "waits" in e.name}
    assert shown == {
        ("a", "share forced end"): (0.5, 4),
        ("a", "mean waits"): (0.75, 4),
        ("b", "share forced end"): (0.0, 2),
        ("b", "mean waits"): (0.0, 2),
    }
    assert not [e for e in estimate(other, ["b"], None, resamples=200) if "forced" in e.name or "waits" in e.name]


def test_outcomes_keep_what_was_read_and_what_was_forced():
    problem = Problem("p", "t", "?", "7", "test")
    traces = [
        Trace("t0", problem.problem_id, "m", "7", metadata={"forced_end": 1, "waits": 2}, usage=Usage(3, 4)),
        Trace("t1", problem.problem_id, "m", "so 7", sample=1),
        Trace("t2", problem.problem_id, "m", "", sample=2),
    ]
    scores = [Score("t0", "answer", 1.0, "7"), Score("t1", "answer", 1.0, "7"), Score("t2", "answer", None)]
    table = outcomes(traces, scores, "a", 0, "sampled")
    assert table.select(LATER).rows() == [("7", 1, 2), ("7", None, None), (None, None, None)]
    asked = outcomes(traces, scores, "a", 0, "sampled", budget=True)
    assert asked.select(LATER).rows() == [("7", 1, 2), ("7", 0, 0), (None, 0, 0)]
