"""File against file on the problems that both answered: McNemar's exact test, paired bootstrap, Holm's correction.

from understudy.rescore.comparing import compare
compare(scores, "exact-set", against=["vanilla"])[0].difference.p_adjusted
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from understudy.compare import OUTCOMES, estimate
from understudy.rescore.scoring import Scores
from understudy.types import Estimate


@dataclass(frozen=True)
class Comparison:
    """Two files on the problems they share. ``difference`` is that of accuracy, ``arm`` minus ``versus``.

    Of the discordant problems, ``gained`` are right in ``arm`` only and ``lost`` in ``versus`` only. A problem whose
    answer could not be scored counts as not right.
    """

    difference: Estimate
    gained: int
    lost: int


def compare(scores: Sequence[Scores], rule: str, against: Sequence[str] = (), seed: int = 0) -> list[Comparison]:
    """Every two files that share problems, or each file with those named in ``against``; the family of Holm's
    correction is all of them. Right under ``rule`` is a score of 1. Sorted as the files are.
    """
    by_name = {one.name: one for one in scores}
    wanted = [(one.name, other) for other in against for one in scores if one.name not in against]
    wanted = wanted or [(later.name, earlier.name) for earlier, later in combinations(scores, 2)]
    right = {name: _right(one, rule) for name, one in by_name.items()}
    pairs = [(arm, versus) for arm, versus in wanted if right[arm].keys() & right[versus].keys()]
    if not pairs:
        return []
    named = {name for pair in pairs for name in pair}
    outcomes = pl.DataFrame(
        [row for name in right if name in named for row in _outcomes(by_name[name], right[name])], schema=OUTCOMES
    )
    found = estimate(outcomes, [name for name in by_name if name in named], None, pairs, seed)
    return [
        _comparison(figure, right[figure.arm], right[str(figure.versus)])
        for figure in found
        if figure.name == "accuracy difference"
    ]


def _right(scores: Scores, rule: str) -> dict[str, bool]:
    return {attempt.problem_id: attempt.answers[rule] == 1 for attempt in scores.attempts}


def _outcomes(scores: Scores, right: dict[str, bool]) -> list[dict[str, object]]:
    return [
        {
            "arm": scores.name,
            "seed": 0,
            "sampling": "collected",
            "problem_id": attempt.problem_id,
            "sample": 0,
            "trace_id": attempt.problem_id,
            "status": attempt.status,
            "answer": float(right[attempt.problem_id]),
        }
        for attempt in scores.attempts
    ]


def _comparison(figure: Estimate, arm: dict[str, bool], versus: dict[str, bool]) -> Comparison:
    shared = arm.keys() & versus.keys()
    gained = sum(arm[name] and not versus[name] for name in shared)
    lost = sum(versus[name] and not arm[name] for name in shared)
    return Comparison(figure, gained, lost)
