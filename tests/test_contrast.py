"""Corpus against corpus: effects against published formulas and scipy, coverage and false alarms by simulation."""

from math import sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from understudy.contrast import changes, contrast, derive
from understudy.contrast.effects import Corpus, effects, kish, length_weights
from understudy.contrast.separation import distance, placements, separate, standardised
from understudy.errors import InputError

PIVOTS = ("realization", "verification", "exploration", "integration", "backtracks")
EPISODES = tuple(f"episode_{name}" for name in ("read", "analyze", "plan", "implement", "explore", "verify", "monitor"))
FIGURES = ("distance", "auc", "auc_matched", "auc_length")


def measures(
    n: int, seed: int, name: str = "a", words: float = 400, rate: float = 3, shift: float = 0.0, problems: int = 10**9
) -> pl.DataFrame:
    """Traces whose pivots come at ``rate`` per 1,000 words, whatever their length; ``shift`` moves the coherence."""
    rng = np.random.default_rng(seed)
    length = np.ceil(words * rng.lognormal(0, 0.5, n)).astype(int)
    steps = np.maximum(length // 20, 1)
    episodes = rng.multinomial(steps, np.full(7, 1 / 7))
    columns = {
        "trace_id": [f"{name}{i}" for i in range(n)],
        "problem_id": [f"problem {i % problems}" for i in range(n)],
        "words": length,
        "steps": steps,
        **{pivot: rng.poisson(rate * length / 1000) for pivot in PIVOTS},
        **{episode: episodes[:, j] for j, episode in enumerate(EPISODES)},
        "pivot_types": np.minimum(rng.poisson(length / 200), 4),
        "coherence": rng.normal(0.3 + 0.1 * shift, 0.1, n),
        "repetition": rng.beta(2, 8, n),
        "first_correct": np.where(rng.random(n) < 0.3, np.nan, rng.random(n)),
    }
    return pl.DataFrame(columns).fill_nan(None)


def row(table: pl.DataFrame, measure: str, kind: str) -> dict:
    return table.row(by_predicate=(pl.col("measure") == measure) & (pl.col("kind") == kind), named=True)


def corpus(values, problems=None, first: int = 0) -> Corpus:
    values = np.asarray(values, dtype=float).reshape(len(values), -1)
    numbers = np.arange(first, first + len(values)) if problems is None else np.asarray(problems)
    return Corpus(values, numbers, np.ones(len(values)))


# --- derive


def test_derived_measures_are_rates_and_shares():
    table = pl.DataFrame(
        {"trace_id": ["t", "u"], "problem_id": ["p", "p"], "words": [500, 0], "steps": [10, 0], "realization": [3, 0]}
    ).with_columns(episode_plan=pl.Series([4, 0]), stage_framing=pl.Series([5, None]))
    first, second = derive(table).to_dicts()
    assert first["realization_per_1000_words"] == 6.0
    assert (first["episode_plan_share"], first["stage_framing_share"], first["words_per_step"]) == (0.4, 0.5, 50.0)
    made = set(second) - set(table.columns)
    assert made == {"realization_per_1000_words", "episode_plan_share", "stage_framing_share", "words_per_step"}
    assert all(second[name] is None for name in made)  # no words, no steps: unknown, not 0


def test_a_table_of_something_else_is_refused():
    with pytest.raises(InputError, match="no column 'words'"):
        derive(pl.DataFrame({"trace_id": ["t"], "problem_id": ["p"]}))
    with pytest.raises(InputError, match="called 'A'"):
        contrast(measures(5, 0), measures(5, 1), names=("A", "A"))
    with pytest.raises(InputError, match="parent_id"):
        changes(measures(5, 0), measures(5, 1))


# --- effects


def test_effect_is_hedges_g_of_the_published_formula():
    """Hedges 1981: with equal n, the pooled variance is the mean of both, J is 1 − 3/(4·df − 1)."""
    a, b = [3.0, 5.0, 8.0, 9.0, 12.0], [1.0, 2.0, 4.0, 4.0, 7.0]
    d = (np.mean(a) - np.mean(b)) / sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    assert effects(corpus(a), corpus(b, first=5)).effect[0] == pytest.approx(d * (1 - 3 / (4 * 8 - 1)))


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 10**6))
def test_t_is_welchs_where_no_problem_is_shared(m, n, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 1, m), rng.normal(0.5, 3, n)
    expected = stats.ttest_ind(a, b, equal_var=False).statistic
    p = 2 * stats.t.sf(abs(expected), min(m, n) - 1)
    assert effects(corpus(a), corpus(b, first=m)).p_value[0] == pytest.approx(p, rel=1e-6)


@given(st.integers(3, 40), st.integers(0, 10**6))
def test_t_is_the_paired_one_where_all_problems_are_shared(n, seed):
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 2, n)
    a, b = base + rng.normal(0, 1, n), base + rng.normal(0.3, 1, n)
    assert effects(corpus(a), corpus(b)).p_value[0] == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-6)


def test_repeating_every_trace_is_no_news():
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, 60), rng.normal(0.4, 1, 60)
    twice = np.repeat(np.arange(60), 2)
    once = effects(corpus(a), corpus(b))
    doubled = effects(corpus(np.repeat(a, 2), twice), corpus(np.repeat(b, 2), twice))
    assert doubled.p_value[0] == pytest.approx(once.p_value[0], rel=1e-9)
    assert doubled.upper - doubled.lower == pytest.approx(once.upper - once.lower, rel=0.02)


@pytest.mark.parametrize(("paired", "repeats"), [(False, 1), (True, 1), (True, 3), (False, 3)])
def test_the_interval_holds_the_truth_as_often_as_it_says(paired, repeats):
    """Skewed values, another spread in each corpus, and problems that matter as much as all else."""
    problems, studies = 80, 600
    rng = np.random.default_rng([7, paired, repeats])
    numbers = np.repeat(np.arange(problems), repeats)
    hard = rng.gamma(2, 1 / sqrt(2), (2, problems, studies))
    values = [
        hard[0 if paired else side][numbers] + scale * rng.gamma(2, 1 / sqrt(2), (len(numbers), studies))
        for side, scale in ((0, 1.5), (1, 1.0))
    ]
    truth = (sqrt(2) * 2.5 - sqrt(2) * 2) / sqrt((1 + 1.5**2 + 1 + 1) / 2)  # gamma(2, 1/√2): mean √2, variance 1
    found = effects(corpus(values[0], numbers), corpus(values[1], numbers + (0 if paired else problems)))
    held = np.mean((found.lower < truth) & (truth < found.upper))
    assert 0.925 < held < 0.975


def test_the_interval_of_a_large_effect_is_bonetts():
    """Bonett 2008, eq. 10, of two normal samples: the standard deviation is estimated too, which d² pays for."""
    rng, n = np.random.default_rng(2), 4000
    found = effects(corpus(rng.normal(5, 1, n)), corpus(rng.normal(0, 2, n), first=n))
    d, df, (one, two) = found.effect[0], n - 1, (1 / 2.5, 4 / 2.5)
    error = sqrt(d**2 * (one**2 + two**2) / (8 * df) + (one + two) / df)
    assert (found.upper[0] - found.lower[0]) / 2 == pytest.approx(1.96 * error, rel=0.03)


def test_what_does_not_vary_or_is_too_little_is_null_and_warns_of_nothing(recwarn):
    same = effects(corpus([1.0, 1.0, 1.0]), corpus([2.0, 2.0, 2.0]))
    one = effects(corpus([1.0]), corpus([2.0, 3.0], first=1))
    gap = effects(corpus([np.nan, np.nan]), corpus([2.0, 3.0]))
    for found in (same, one, gap):
        assert np.isnan([found.effect[0], found.lower[0], found.upper[0], found.p_value[0]]).all()
    assert (same.mean[0][0], same.mean[1][0]) == (1.0, 2.0)
    assert not recwarn.list


# --- matched on length


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=60), st.lists(st.integers(0, 3000), min_size=1, max_size=60))
def test_weights_give_both_corpora_the_same_lengths(first, second):
    sides = [Corpus(np.ones((len(w), 1)), np.arange(len(w)), np.array(w, float)) for w in (first, second)]
    weights = length_weights(*sides)
    heavy = [(one.words[w[:, 0] > 0], w[w > 0]) for one, w in zip(sides, weights, strict=True)]
    assert heavy[0][1].sum() == pytest.approx(heavy[1][1].sum())
    for words, others in ((heavy[0][0], second), (heavy[1][0], first)):
        assert all(min(abs(np.log(w / max(o, 1e-9))) for o in others) < np.log(1.1) + 1e-9 for w in words)
    if heavy[0][1].sum() > 0:
        means = [np.average(np.log(words), weights=w) for words, w in heavy]
        assert abs(means[0] - means[1]) < np.log(1.1)


def test_kish_of_equal_weights_is_their_number():
    assert kish(np.full((7, 1), 0.3))[0] == pytest.approx(7)
    assert kish(np.zeros((7, 1)))[0] == 0


# --- contrast


@pytest.fixture(scope="module")
def same():
    return contrast(measures(400, 1, "a"), measures(400, 2, "b"))


def test_equal_corpora_do_not_differ(same):
    assert same.rows.filter(pl.col("p_adjusted") < 0.05).is_empty()
    assert (same.rows["p_value"] < 0.05).mean() < 0.15
    for figure in (same.auc, same.auc_matched, same.auc_length):
        assert figure.lower < 0.5 < figure.upper
        assert abs(figure.value - 0.5) < 0.06
    assert abs(same.distance.value) <= max(same.distance_null, 0.002)


def test_random_effects_of_equal_corpora_are_found_one_time_in_twenty():
    draws = np.random.default_rng(9).poisson(1.2, (120, 2000)).astype(float)
    p_values = effects(corpus(draws[:60]), corpus(draws[60:], first=60)).p_value
    assert 0.035 < np.mean(p_values < 0.05) < 0.06


def test_length_alone_is_not_taken_for_style():
    short, long = measures(600, 3, "a", words=300), measures(600, 4, "b", words=700)
    found = contrast(short, long)
    for pivot in PIVOTS:
        assert row(found.rows, pivot, "raw")["upper"] < -0.3
        for kind in ("density", "matched"):
            assert abs(row(found.rows, pivot, kind)["effect"]) < 0.25
            assert row(found.rows, pivot, kind)["p_adjusted"] > 0.05
    types = row(found.rows, "pivot_types", "raw"), row(found.rows, "pivot_types", "matched")
    assert types[0]["p_adjusted"] < 1e-6 < 0.05 < types[1]["p_adjusted"]
    assert 200 < found.matched[0] < 600
    assert abs(found.balance) < 0.1
    assert found.auc_length.value > 0.8
    assert found.auc_length.lower > found.auc_matched.upper
    assert found.auc_matched.lower < 0.5


def test_ranks_of_densities_depend_on_length_and_their_means_do_not():
    """The reason that effects are differences between means, with the figure that the room's docstring gives."""
    columns = ["trace_id", "problem_id", "words", "steps", "verification"]
    a, b = measures(2000, 15, "a", words=150), measures(2000, 16, "b", words=1500)
    found = contrast(a.select(columns), b.select(columns))
    density = row(found.rows, "verification", "density")
    assert 2 * density["superiority"] - 1 == pytest.approx(-0.3, abs=0.04)
    values = [derive(one)["verification_per_1000_words"] for one in (a, b)]
    assert density["superiority"] == pytest.approx(stats.mannwhitneyu(*values).statistic / 2000**2)
    assert density["lower"] < 0 < density["upper"]


def test_a_difference_in_style_is_found_at_equal_length_and_carried_by_its_measures():
    found = contrast(measures(300, 7, "a", rate=12), measures(300, 8, "b", shift=-2))
    for measure in ("verification", "coherence"):
        assert row(found.rows, measure, "matched")["lower"] > 0.5
    assert row(found.rows, "repetition", "matched")["p_adjusted"] > 0.05
    assert found.auc.lower > 0.95
    assert found.distance.lower > 5 * found.distance_null
    first, *_, last = found.carriers.sort((pl.col("alone") - 0.5).abs(), descending=True).iter_rows(named=True)
    assert first["measure"] == "coherence"
    assert first["coefficient"] > 10 * abs(last["coefficient"])
    assert first["without"] < found.auc.value
    assert last["without"] == pytest.approx(found.auc.value, abs=0.01)


def test_lengths_without_overlap_have_no_matched_effect_and_styles_far_apart_an_interval():
    columns = ["trace_id", "problem_id", "words", "steps", "coherence"]
    a, b = measures(60, 1, "a", words=4000, shift=40), measures(60, 2, "b", words=20)
    found = contrast(a.select(columns), b.select(columns).with_columns(words=pl.col("words") * 0 + 20))
    matched = found.rows.filter(pl.col("kind") == "matched")
    assert matched.select("mean_a", "effect", "lower", "p_value").null_count().row(0) == (len(matched),) * 4
    assert set(matched["n_a"]) == {0}
    assert (found.matched, found.balance, found.auc_matched.value) == ((0, 0), None, None)
    assert (found.auc.value, found.auc.upper) == (1.0, 1.0)
    assert found.auc.lower == pytest.approx(60 / (60 + 1.96**2), abs=0.001)  # Wilson's of 60 of 60


@pytest.mark.parametrize("seed", range(3))
def test_swapping_the_corpora_swaps_the_signs(seed):
    a, b = measures(90, seed, "a", problems=60), measures(70, seed + 50, "b", words=500, shift=1, problems=80)
    one, two = contrast(a, b, seed=seed), contrast(b, a, seed=seed)
    close = {"rel": 1e-6, "abs": 1e-9, "nan_ok": True}
    for first, second in (("effect", "effect"), ("lower", "upper")):
        values = one.rows[first].to_numpy(), -two.rows[second].to_numpy()
        assert values[0] == pytest.approx(values[1], **close)
    assert one.rows["p_adjusted"].to_numpy() == pytest.approx(two.rows["p_adjusted"].to_numpy(), **close)
    for name in FIGURES:
        values = [(f.value, f.lower, f.upper) for f in (getattr(one, name), getattr(two, name))]
        assert values[0] == pytest.approx(values[1], rel=1e-4)
    assert (one.shared, one.matched) == (two.shared, two.matched[::-1])


def test_the_order_of_rows_does_not_matter_and_the_seed_does():
    a, b = measures(80, 1, "a", problems=50), measures(80, 2, "b", problems=50)
    one, other = contrast(a, b), contrast(a.sample(fraction=1, shuffle=True, seed=3), b.reverse())
    assert one.rows.equals(other.rows)
    assert one.carriers.equals(other.carriers)
    assert [getattr(one, name) for name in FIGURES] == [getattr(other, name) for name in FIGURES]
    assert contrast(a, b, seed=1).distance.upper != one.distance.upper


@pytest.mark.parametrize("paired", [True, False])
def test_intervals_of_auc_and_distance_hold_the_truth(paired):
    """Two normal distributions one standard deviation apart, for which both are known."""
    auc = stats.norm.cdf(1 / sqrt(2))
    across = 2 / sqrt(np.pi) * np.exp(-1 / 4) + 1 - 2 * stats.norm.cdf(-1 / sqrt(2))
    coefficient = 1 - 2 / sqrt(np.pi) / across
    rng, n, held = np.random.default_rng(11), 60, []
    is_a = np.arange(2 * n) < n
    for _ in range(30):
        values = (rng.normal(0, 1, 2 * n) + is_a)[:, None]
        problems = np.arange(2 * n) % (n if paired else 2 * n)
        features = standardised(["one"], values, is_a, problems)
        figures = separate(features, "AUC", 0)[0], distance(features, 0)[0]
        held.append([f.lower < truth < f.upper for f, truth in zip(figures, (auc, coefficient), strict=True)])
    assert (np.mean(held, axis=0) > 0.85).all()


def test_traces_of_one_problem_being_alike_makes_no_distance():
    rng, n, found = np.random.default_rng(3), 10, []
    problems = np.repeat(np.arange(2 * n), 6)
    for _ in range(60):
        values = rng.normal(0, 2, 2 * n)[problems] + rng.normal(0, 1, 12 * n)
        features = standardised(["one"], values[:, None], problems < n, problems)
        found.append(distance(features, 0)[0].value)
    assert abs(np.mean(found)) < 3 * np.std(found) / sqrt(60)


@pytest.mark.parametrize("n", [60, 83, 131])
def test_perfect_separation_has_an_interval_whatever_the_folds(n):
    is_a = np.arange(2 * n) < n
    features = standardised(["one"], (10.0 * is_a + np.arange(2 * n) % 3)[:, None], is_a, np.arange(2 * n) % n)
    auc = separate(features, "AUC", 0)[0]
    assert (auc.value, auc.upper) == (1.0, 1.0)
    assert auc.lower == pytest.approx(n / (n + 1.96**2), abs=0.001)


def test_alone_is_the_area_under_the_curve():
    scores, labels = np.array([0.1, 0.4, 0.35, 0.8, 0.4]), np.array([False, False, True, True, True])
    value, influence = placements(scores, labels, np.ones(5))
    assert value == pytest.approx((1 + 0 + 2 + 1.5) / 6)
    assert influence.sum() == pytest.approx(0)


@pytest.mark.parametrize("n", [(0, 5), (1, 1), (3, 400)])
def test_few_traces_give_nulls_and_no_crash(n):
    found = contrast(measures(n[0], 1, "a"), measures(n[1], 2, "b"))
    assert found.n == n
    assert found.auc.value is None
    if min(n) < 2:
        assert found.rows["effect"].null_count() == len(found.rows)
        assert found.distance.value is None


def test_traces_without_anything_to_profile_and_without_a_problem():
    a = measures(40, 1, "a").with_columns(problem_id=pl.lit(None, pl.String))
    empty = pl.DataFrame({"trace_id": ["none"], "problem_id": ["p"]})
    found = contrast(pl.concat([a, empty], how="diagonal"), measures(40, 2, "b"))
    assert (found.n, found.excluded, found.shared) == ((40, 40), (1, 0), 0)
    assert row(found.rows, "words", "raw")["n_problems"] == 80
    assert row(found.rows, "first_correct", "raw")["n_a"] < 40


# --- changes


def test_changes_are_paired_and_relative():
    before = measures(200, 1, "a", problems=100)
    parents = before["trace_id"].to_list()
    after = before.with_columns(
        trace_id="x" + pl.col("trace_id"), parent_id=pl.Series(parents), verification=pl.col("verification") * 2
    ).reverse()
    table = changes(before, after.head(150))
    words, verification = row(table, "words", "raw"), row(table, "verification", "raw")
    assert (words["n"], words["difference"], words["relative"]) == (150, 0, 0)
    assert verification["relative"] == pytest.approx(1)
    kept = before.tail(150)["verification"]
    assert verification["difference"] == pytest.approx(kept.mean())
    assert verification["lower"] < kept.mean() < verification["upper"]
    assert set(table["kind"]) == {"raw", "density"}


def test_change_of_one_pair_a_problem_has_the_paired_interval_of_scipy():
    before, after = (
        measures(50, 1, "a"),
        measures(50, 2, "b").with_columns(parent_id="a" + pl.col("trace_id").str.slice(1)),
    )
    found = row(changes(before, after), "words", "raw")
    expected = stats.ttest_rel(after["words"], before["words"]).confidence_interval()
    assert (found["lower"], found["upper"]) == pytest.approx(tuple(expected))


@settings(max_examples=25)
@given(st.floats(-0.5, 2), st.integers(0, 10**6))
def test_relative_change_of_a_length_that_grows_by_a_share(share, seed):
    before = measures(40, seed, "a").with_columns(pl.col("words").cast(pl.Float64))
    after = before.with_columns(parent_id="trace_id", words=pl.col("words") * (1 + share))
    assert row(changes(before, after), "words", "raw")["relative"] == pytest.approx(share, abs=1e-9)


def test_a_change_that_cannot_be_said_is_null():
    before = measures(3, 1, "a").with_columns(backtracks=pl.lit(0))
    after = before.with_columns(parent_id=pl.lit("of no trace here"))
    assert set(changes(before, after)["n"]) == {0}
    assert changes(before, after)["difference"].null_count() == len(changes(before, after))
    none = row(changes(before, before.with_columns(parent_id="trace_id")), "backtracks", "raw")
    assert (none["difference"], none["relative"]) == (0, None)
