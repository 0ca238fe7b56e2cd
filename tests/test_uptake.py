"""Style uptake: what is said of students that write as their teacher, as before, half way, or always the same."""

import numpy as np
import polars as pl
import pytest

from understudy import profile
from understudy.tables import to_frame
from understudy.types import Trace
from understudy.uptake import DISTANCE, SAMPLED, UPTAKE, uptake


def measures(rate, words, n=120, seed=0, split="test", samples=1, spread=True) -> pl.DataFrame:
    """A table of measures: verifications at a rate per 1,000 words, in traces of about so many words."""
    rng = np.random.default_rng(seed)
    size = n * samples
    lengths = rng.integers(words // 2, 2 * words, size) if spread else np.full(size, words)
    found = {
        "trace_id": [f"{split}/{i}" for i in range(size)],
        "problem_id": [f"{split}{i // samples}" for i in range(size)],
        "source": "reasoning",
        "words": lengths,
        "steps": np.maximum(lengths // 12, 1),
        "verification": rng.poisson(rate * lengths / 1000) if spread else np.full(size, int(rate * words / 1000)),
    }
    return pl.DataFrame(found).select(
        (pl.col(name) if name in found else pl.lit(None)).cast(kind).alias(name)
        for name, kind in profile.MEASURES.items()
    )


TEACHER = measures(20, 400, 600, 1, "train")
UNTRAINED = measures(2, 400, seed=2)


def row(table, measure=DISTANCE, kind="density"):
    return table.filter(measure=measure, kind=kind).row(0, named=True)


def of(student, teacher=TEACHER, untrained=UNTRAINED):
    return uptake("ST", 0, "greedy", teacher, student, untrained)


def test_a_student_that_writes_as_its_teacher_closed_the_distance():
    for kind in ("raw", "density"):
        found = row(of(measures(20, 400, seed=3)), kind=kind)
        assert found["untrained"] > 0.3 and abs(found["student"]) < 0.06
        assert found["lower"] < found["closed"] < found["upper"] and found["closed"] == pytest.approx(1, abs=0.1)
        assert found["student_lower"] < 0.03 and found["teacher"] == 0


def test_a_student_that_writes_as_before_closed_nothing():
    found = row(of(measures(2, 400, seed=4)))
    assert found["lower"] < 0.05 and found["closed"] == pytest.approx(0, abs=0.1)


def test_half_of_the_way_is_between_half_and_three_quarters_of_the_distance():
    found = of(measures(11, 400, seed=5))
    assert 0.5 < row(found)["closed"] < 0.8
    assert row(found, "verification")["closed"] == pytest.approx(0.5, abs=0.1)


def test_longer_traces_of_the_same_rate_are_told_from_style():
    one_word_a_step = pl.col("words").alias("steps")
    longer, teacher, untrained = (
        table.with_columns(one_word_a_step) for table in (measures(20, 1600, seed=6), TEACHER, UNTRAINED)
    )
    found = of(longer, teacher, untrained)
    assert row(found, "verification")["closed"] == pytest.approx(1, abs=0.1)
    assert row(found)["closed"] > 0.75 and row(found, kind="raw")["closed"] < 0


def test_the_wrong_way_and_too_far():
    assert row(of(measures(0, 400, seed=7)), "verification")["closed"] < 0
    assert row(of(measures(40, 400, seed=7)), "verification")["closed"] > 1.5
    assert row(of(measures(200, 400, seed=7)))["closed"] < 0


def test_what_is_always_the_same_can_still_be_near_or_far():
    teacher = measures(20, 400, 200, split="train", spread=False)
    near, far = (row(of(measures(rate, 400, spread=False), teacher)) for rate in (17, 5))
    same = row(of(measures(20, 400, spread=False), teacher))
    assert same["student"] == pytest.approx(0, abs=1e-9) and same["closed"] == pytest.approx(1)
    assert 0 < near["student"] < far["student"] and near["closed"] > far["closed"]


def test_means_are_means_and_closed_is_the_share_of_the_way():
    student = measures(12, 300, seed=8)
    found = row(of(student), "verification")
    rates = [(1000 * one["verification"] / one["words"]).mean() for one in (UNTRAINED, student, TEACHER)]
    assert [found[who] for who in ("untrained", "student", "teacher")] == pytest.approx(rates)
    assert found["closed"] == pytest.approx((rates[1] - rates[0]) / (rates[2] - rates[0]))
    assert (found["n_student"], found["n_untrained"], found["n_teacher"], found["n_problems"]) == (120, 120, 600, 120)
    error = (1000 * student["verification"] / student["words"]).std() / np.sqrt(120)
    assert found["student_upper"] - found["student_lower"] == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_samples_of_a_problem_are_no_news():
    once = measures(12, 300, 40, seed=9)
    copies = [once.with_columns(pl.col("trace_id") + f"#{copy}") for copy in range(5)]
    widths = [
        one["student_upper"] - one["student_lower"]
        for one in (row(of(table), "verification") for table in (once, pl.concat(copies)))
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_the_interval_holds_the_truth():
    """What was closed of the rate, which is half, of 40 problems with a difficulty that both students share."""
    held = 0
    for study in range(30):
        hard = np.random.default_rng(study).gamma(4, 0.25, 40)
        untrained, student = (
            measures(2, 400, 40, seed=study).with_columns(
                verification=pl.Series(np.random.default_rng([study, part]).poisson(rate * hard))
            )
            for part, rate in ((1, 2.0), (2, 6.0))
        )
        teacher = measures(20, 400, 150, study, "train").with_columns(
            verification=pl.Series(np.random.default_rng([study, 3]).poisson(10, 150))
        )
        found = row(of(student, teacher, untrained), "verification", "raw")
        held += found["lower"] <= 0.5 <= found["upper"]
    assert 0.85 <= held / 30 <= 1.0


def test_without_an_untrained_student_there_is_the_distance_alone():
    found = of(measures(11, 400, seed=5), untrained=None)
    shown = row(found)
    assert shown["student"] > 0 and shown["untrained"] is shown["closed"] is shown["n_untrained"] is None
    assert found.schema == UPTAKE


def test_nothing_is_closed_where_there_was_nothing_to_close():
    found = row(of(measures(11, 400, seed=5), untrained=measures(20, 400, seed=11)), "verification")
    assert found["untrained"] is not None and found["closed"] is found["lower"] is None


def test_distances_are_of_a_sample_of_as_many_problems_as_there_are():
    found = of(measures(12, 300, 150, seed=8, samples=4))
    assert (row(found)["n_student"], row(found)["n_teacher"], row(found)["n_problems"]) == (SAMPLED, SAMPLED, 150)
    assert row(found, "verification")["n_student"] == 600


def test_the_same_tables_give_the_same_figures():
    student = measures(12, 300, seed=8)
    assert of(student).equals(of(student))


def test_traces_that_failed_do_not_count_and_nothing_is_said_of_nothing():
    traces = [
        Trace("t0", "p0", "m", "", "Wait, let me check that again. So 2 and 2 is 4."),
        Trace("t1", "p1", "m", "", "Let me check. It is 5."),
        Trace("t2", "p2", "m", "", error="refused"),
    ]
    written = profile.style(to_frame(Trace, traces))
    found = of(written, TEACHER, None)
    assert row(found, "words", "raw")["n_student"] == 2
    assert len(of(written.filter(trace_id="t2"))) == len(of(written, written.filter(trace_id="t2"))) == 0
    assert len(of(written, untrained=written.filter(trace_id="t2"))) == len(found)
