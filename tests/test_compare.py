"""The room ``compare``: figures against published values, their definitions, and what a user would see."""

from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import Table2x2, mcnemar

from understudy.compare import OUTCOMES, detectable_difference, estimate, sign_flip, two_by_two
from understudy.compare.outcomes import LATER
from understudy.errors import InputError
from understudy.types import Estimate

RESAMPLES = 200
DIFFERENCE = ("accuracy difference", "a", "b")


def attempts(arm, answers, traces=None, sampling="greedy", status="finished", first=0):
    """Outcomes of one arm; ``answers[seed][problem][sample]`` (less deep: one seed, one sample)."""
    answers, traces = np.array(answers, dtype=object), np.array(traces, dtype=object)
    if answers.ndim == 1:
        answers = answers[None, :, None]
    traces = traces.reshape(answers.shape) if traces.ndim else np.full(answers.shape, None)
    seed, problem, sample = (index.ravel() for index in np.indices(answers.shape))
    columns = {
        "arm": arm,
        "seed": seed,
        "sampling": sampling,
        "problem_id": [f"p{p}" for p in (problem + first).tolist()],
        "sample": sample,
        "trace_id": "",
        "status": status,
        "answer": answers.ravel().tolist(),
        "trace": traces.ravel().tolist(),
        "tokens": 10 + (7 * problem + seed + sample) % 13,
        **dict.fromkeys(LATER),
    }
    return pl.DataFrame(columns, schema=OUTCOMES, strict=False)


def figure(estimates, name, arm="a", versus=None, sampling="greedy") -> Estimate:
    wanted = (name, arm, versus, sampling)
    (found,) = [e for e in estimates if (e.name, e.arm, e.versus, e.sampling) == wanted]
    return found


def brute_force(differences):
    sums = [abs(sum(signed)) for signed in product(*((-d, d) for d in differences))]
    return sum(total >= abs(sum(differences)) for total in sums) / len(sums)


bits = st.integers(0, 1)
pairs_of_bits = st.lists(st.tuples(bits, bits), min_size=1, max_size=25)


@st.composite
def tables(draw):
    """Two arms with one to three seeds and one or two samples, unscored answers and missing traces."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 2)))
    size = int(np.prod(shape))
    cell = st.sampled_from([0.0, 1.0, None])
    lists = [draw(st.lists(cell, min_size=size, max_size=size)) for _ in range(4)]
    values = [np.array(values, dtype=object).reshape(shape) for values in lists]
    return pl.concat([attempts("a", values[0], values[1]), attempts("b", values[2], values[3])])


# Published values


@pytest.mark.parametrize(
    ("right", "n", "lower", "upper"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_accuracy_of_one_attempt_each_has_wilsons_interval(right, n, lower, upper):
    """Newcombe 1998, *Two-sided confidence intervals for the single proportion*, table I, method 3."""
    accuracy = figure(estimate(attempts("a", [1] * right + [0] * (n - right)), ["a"], None), "accuracy")
    assert (accuracy.value, accuracy.n, accuracy.n_clusters, accuracy.method) == (right / n, n, 1, "Wilson")
    assert (accuracy.lower, accuracy.upper) == pytest.approx((lower, upper), abs=5e-5)


def test_mcnemar_of_a_published_table():
    """Armitage & Berry 1994, p. 127: 12 against 2 discordant cultures of 50, exact p 0.0129."""
    a, b = [1] * 20 + [1] * 12 + [0] * 2 + [0] * 16, [1] * 20 + [0] * 12 + [1] * 2 + [0] * 16
    difference = figure(estimate(pl.concat([attempts("a", a), attempts("b", b)]), ["b", "a"], "b"), *DIFFERENCE)
    assert difference.p_value == pytest.approx(0.0129, abs=5e-5)
    assert (difference.value, difference.n) == (pytest.approx(0.2), 50)
    assert difference.method == "McNemar exact, paired bootstrap (10000)"


# Definitions


@given(st.lists(st.integers(-6, 6), max_size=9))
def test_sign_flip_counts_every_assignment_of_signs(differences):
    assert sign_flip(differences) == pytest.approx(brute_force(differences), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(pairs_of_bits)
def test_one_attempt_each_is_mcnemars_exact_test(rows):
    a, b = zip(*rows, strict=True)
    estimates = estimate(pl.concat([attempts("a", a), attempts("b", b)]), ["b", "a"], "b", resamples=RESAMPLES)
    table = [[rows.count((x, y)) for y in (1, 0)] for x in (1, 0)]
    assert figure(estimates, *DIFFERENCE).p_value == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)


def test_with_seeds_the_test_is_over_problems():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 2, (2, 3, 8, 2))
    a[:, :5] |= 1
    estimates = estimate(pl.concat([attempts("a", a), attempts("b", b)]), ["b", "a"], "b")
    difference = figure(estimates, *DIFFERENCE)
    assert difference.p_value == pytest.approx(brute_force((a - b).sum(axis=(0, 2)).tolist()), rel=1e-9)
    assert difference.value == pytest.approx((a - b).mean())
    assert difference.method == "exact sign-flip over problems, bootstrap over seeds and problems"
    assert (difference.n, difference.n_clusters) == (8, 3)


def test_holm_over_all_pairs_and_samplings():
    rng = np.random.default_rng(1)
    tables = [
        attempts(arm, (rng.random(40) < chance).astype(int), sampling=sampling)
        for arm, chance in (("a", 0.2), ("b", 0.5), ("c", 0.6))
        for sampling in ("greedy", "sampled")
    ]
    tested = [e for e in estimate(pl.concat(tables), ["a", "b", "c"], "a") if e.name == "accuracy difference"]
    tested.sort(key=lambda e: e.p_value)
    raw = [e.p_value for e in tested]
    expected = [min(1, max((6 - i) * raw[i] for i in range(j + 1))) for j in range(6)]
    assert [e.p_adjusted for e in tested] == pytest.approx(expected)
    assert expected[0] < 0.05 < expected[-1]


def test_detectable_difference_is_of_the_first_step_of_holm():
    """Two pairs, so alpha 0.025; a and b differ at 20 and 5 of 100 problems."""
    answers = {"a": [1] * 40 + [0] * 60, "b": [1] * 60 + [0] * 40, "c": [1] * 100}
    answers["a"][95:] = [1] * 5
    table = pl.concat([attempts(arm, values) for arm, values in answers.items()])
    shown = figure(estimate(table, ["a", "b", "c"], "a", [("b", "a"), ("c", "a")]), "detectable difference", "b", "a")
    assert shown.value == pytest.approx(detectable_difference(100, 0.25, 0.025))
    assert shown.method.endswith("alpha 0.05/2")


def test_several_seeds_resample_the_odds_ratio():
    rng = np.random.default_rng(2)
    answers = rng.integers(0, 2, (3, 60, 1))
    traces = np.where(rng.random(answers.shape) < 0.7, answers, 1 - answers)
    odds = figure(estimate(attempts("a", answers, traces), ["a"], None), "odds ratio of answer and trace")
    (_, _, both, answer, trace, neither, _) = two_by_two(attempts("a", answers, traces)).row(0)
    assert odds.value == pytest.approx(both * neither / (answer * trace))
    assert 1 < odds.lower < odds.value < odds.upper
    assert (odds.n, odds.method) == (180, "bootstrap over seeds and problems (10000)")


def test_joint_and_conditional_figures():
    verdicts = [(1, 1)] * 6 + [(1, 0)] * 2 + [(0, 1)] * 3 + [(0, 0)] * 5 + [(1, None)] * 2 + [(None, 1)] * 2
    answers, traces = zip(*verdicts, strict=True)
    table = attempts("a", answers, traces)
    estimates = estimate(table, ["a"], None)
    shown = {e.name: (e.value, e.n) for e in estimates}
    assert shown["accuracy"] == (10 / 20, 20)
    assert shown["accuracy if unscored were right"] == (12 / 20, 20)
    assert shown["trace right"] == (11 / 20, 20)
    assert shown["answer and trace right"] == (6 / 20, 20)
    assert shown["answer right given trace right"] == (6 / 11, 11)
    assert shown["answer right given trace wrong"] == (2 / 7, 7)
    assert shown["odds ratio of answer and trace"] == (6 * 5 / (2 * 5), 18)
    odds = figure(estimates, "odds ratio of answer and trace")
    assert (odds.lower, odds.upper) == pytest.approx(Table2x2([[6, 2], [5, 5]]).oddsratio_confint())
    assert two_by_two(table).row(0) == ("a", "greedy", 6, 2, 5, 5, 2)


def test_ways_to_fail_are_counted_apart_from_wrong():
    tables = [attempts("a", [1, 0, 0])]
    tables += [
        attempts("a", [None] * n, status=status, first=10 * n)
        for n, status in enumerate(("truncated", "empty", "malformed", "error"), 1)
    ]
    shown = {e.name: e.value for e in estimate(pl.concat(tables), ["a"], None)}
    assert [shown[f"share {s}"] for s in ("truncated", "empty", "malformed", "error")] == [n / 13 for n in (1, 2, 3, 4)]
    assert (shown["accuracy"], shown["accuracy if unscored were right"]) == (1 / 13, 11 / 13)
    assert "trace right" not in shown


def test_mean_tokens_leaves_out_what_was_not_counted():
    table = attempts("a", [1] * 6).with_columns(tokens=pl.Series([100, 200, None, 300, None, 400]))
    tokens = figure(estimate(table, ["a"], None), "mean tokens")
    assert (tokens.value, tokens.n) == (250, 4)
    assert 100 <= tokens.lower < 250 < tokens.upper <= 400


# Properties


@settings(max_examples=25, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_row_order_does_not_matter(table, random):
    order = list(range(len(table)))
    random.shuffle(order)
    arms = ["a", "b"]
    assert estimate(table[order], arms, "a", resamples=50) == estimate(table, arms, "a", resamples=50)
    assert two_by_two(table[order]).equals(two_by_two(table))


@settings(max_examples=40, deadline=None)
@given(tables())
def test_figures_are_in_range_and_intervals_hold_them(table):
    for e in estimate(table, ["a", "b"], "a", resamples=RESAMPLES):
        assert (e.lower is None) == (e.upper is None)
        if e.lower is not None:
            assert e.lower <= e.value <= e.upper
        if e.name.startswith(("accuracy", "share", "trace", "answer")) and e.value is not None:
            low = -1 if e.versus else 0
            assert low <= (e.value if e.lower is None else e.lower)
            assert (e.value if e.upper is None else e.upper) <= 1
        if e.p_value is not None:
            assert 0 < e.p_value <= e.p_adjusted <= 1
        assert e.method


@settings(max_examples=25, deadline=None)
@given(tables())
def test_a_minus_b_is_minus_b_minus_a(table):
    there = figure(estimate(table, ["b", "a"], "b", resamples=RESAMPLES), *DIFFERENCE)
    back = figure(estimate(table, ["a", "b"], "a", resamples=RESAMPLES), "accuracy difference", "b", "a")
    assert there.value == -back.value
    assert there.p_value == back.p_value
    if there.lower is not None:
        assert (there.lower, there.upper) == pytest.approx((-back.upper, -back.lower), abs=1e-12)


@pytest.mark.parametrize("n_seeds", [1, 6])
def test_the_interval_covers_the_true_difference(n_seeds):
    """300 studies, one a sampling. Of one seed, the truth is that student's; of six, that of all seeds."""
    rng, n, luck = np.random.default_rng(11), 50, 0.1 * (n_seeds > 1)
    frames = []
    for study in range(300):
        problem = rng.uniform(0.1, 0.7, n)
        for arm, gain in (("a", 0.2), ("b", 0.0)):
            chance = problem + gain + rng.uniform(-luck, luck, (n_seeds, 1))
            right = (rng.random((n_seeds, n)) < chance).astype(int)
            frames.append(attempts(arm, right[..., None], sampling=f"{study:03}"))
    found = [e for e in estimate(pl.concat(frames), ["b", "a"], "b", resamples=400) if e.p_value is not None]
    assert 0.90 <= np.mean([e.lower <= 0.2 <= e.upper for e in found]) <= 0.99


# What a study meets


def test_pairs_by_default_are_baseline_and_neighbours_once_each():
    arms = ["base", "ST", "unfinished", "HC", "W"]
    table = pl.concat([attempts(arm, [1, 0, 1]) for arm in arms if arm != "unfinished"])
    estimates = estimate(table, arms, "base", resamples=RESAMPLES)
    compared = [(e.arm, e.versus) for e in estimates if e.name == "accuracy difference"]
    assert compared == [("ST", "base"), ("HC", "base"), ("W", "base"), ("W", "HC")]
    assert list(dict.fromkeys(e.arm for e in estimates if not e.versus)) == ["base", "ST", "HC", "W"]
    named = estimate(table, arms, "base", [("W", "ST"), ("W", "unfinished"), ("W", "ST")], resamples=RESAMPLES)
    assert [(e.arm, e.versus) for e in named if e.name == "accuracy difference"] == [("W", "ST")]


def test_no_outcomes_give_no_estimates():
    assert estimate(OUTCOMES.to_frame(), ["a", "b"], "a") == []
    assert len(two_by_two(OUTCOMES.to_frame())) == 0


def test_an_arm_that_lacks_problems_is_paired_on_the_shared_ones():
    table = pl.concat([attempts("a", [1, 1, 1, 0]), attempts("b", [0, 1, 0], first=2)])
    difference = figure(estimate(table, ["b", "a"], "b", resamples=RESAMPLES), *DIFFERENCE)
    assert (difference.n, difference.value) == (2, 0.0)
    apart = pl.concat([attempts("a", [1, 1]), attempts("b", [0, 1], first=2)])
    difference = figure(estimate(apart, ["b", "a"], "b", resamples=RESAMPLES), *DIFFERENCE)
    assert (difference.n, difference.value, difference.p_value, difference.p_adjusted) == (
        0,
        None,
        None,
        None,
    )


def test_one_problem_and_equal_arms_claim_nothing():
    one = estimate(pl.concat([attempts("a", [1]), attempts("b", [0])]), ["b", "a"], "b", resamples=RESAMPLES)
    difference = figure(one, *DIFFERENCE)
    assert (difference.value, difference.lower, difference.p_value) == (1.0, None, 1.0)
    assert figure(one, "detectable difference", "a", "b").value is None
    equal = [attempts(arm, [1, 0] * 20) for arm in ("a", "b")]
    difference = figure(estimate(pl.concat(equal), ["b", "a"], "b", resamples=RESAMPLES), *DIFFERENCE)
    assert (difference.value, difference.lower, difference.p_value) == (0.0, None, 1.0)


@pytest.mark.parametrize(("answer", "value"), [(1, 1.0), (0, 0.0), (None, 0.0)])
def test_all_alike_over_seeds_still_has_a_width(answer, value):
    estimates = estimate(attempts("a", [[[answer]] * 20] * 3), ["a"], None, resamples=RESAMPLES)
    accuracy = figure(estimates, "accuracy")
    assert accuracy.value == value
    assert accuracy.upper - accuracy.lower == pytest.approx(0.1611, abs=5e-5)  # as of 20 problems, not of 60
    assert figure(estimates, "accuracy if unscored were right").value == (0.0 if answer == 0 else 1.0)


def test_seeds_that_differ_widen_the_interval():
    agreeing = np.tile(([1] * 30 + [0] * 30), (4, 1))[..., None]
    differing = np.array([[1] * 60] * 2 + [[0] * 60] * 2)[..., None]
    widths = []
    for answers in (agreeing, differing):
        accuracy = figure(estimate(attempts("a", answers), ["a"], None), "accuracy")
        assert (accuracy.value, accuracy.n, accuracy.n_clusters) == (0.5, 60, 4)
        assert accuracy.method == "bootstrap over seeds and problems (10000)"
        widths.append(accuracy.upper - accuracy.lower)
    assert widths[1] > 2 * widths[0]


def test_an_untrained_arm_of_one_seed_meets_all_seeds_of_a_trained_one():
    a = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]])[..., None]
    table = pl.concat([attempts("a", a), attempts("b", [0, 1, 0, 0])])
    difference = figure(estimate(table, ["b", "a"], "b", resamples=RESAMPLES), *DIFFERENCE)
    assert difference.value == pytest.approx(9 / 12 - 1 / 4)
    assert difference.p_value == pytest.approx(brute_force([3, -1, 1, 3]))
    assert difference.method.endswith("seeds not matched")


def test_undefined_figures_are_null():
    table = attempts("a", [1, 1, 0], [1, 1, 1]).with_columns(tokens=pl.lit(None, pl.Int64))
    shown = {e.name: (e.value, e.lower, e.n) for e in estimate(table, ["a"], None, resamples=RESAMPLES)}
    assert shown["answer right given trace wrong"] == (None, None, 0)
    assert shown["odds ratio of answer and trace"] == (None, None, 3)
    assert shown["mean tokens"] == (None, None, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: pl.concat([t, t[1:2]]), "more than once: .*problem_id 'p1'"),
        (lambda t: t.drop("status"), "no column 'status'"),
        (lambda t: t.with_columns(answer=pl.lit(0.5)), "'answer' that is not 0 or 1"),
        (lambda t: t.with_columns(trace=pl.lit(float("nan"))), "'trace' that is not 0 or 1"),
        (lambda t: t.with_columns(status=pl.lit("done")), "status not in finished"),
        (lambda t: t.with_columns(problem_id=pl.lit(None)), "lacks one of"),
        (lambda t: t.with_columns(tokens=pl.lit("many")), "another type"),
    ],
)
def test_a_table_that_is_no_outcomes_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        estimate(change(attempts("a", [1, 0, 1])), ["a"], None)


def test_an_unknown_arm_is_refused_with_the_closest():
    for baseline, pairs in (("bsae", None), (None, [("a", "bsae")])):
        with pytest.raises(InputError, match="'bsae' is to be compared but is no arm") as error:
            estimate(attempts("a", [1]), ["a", "base"], baseline, pairs)
        assert error.value.hint == "did you mean 'base'?"
