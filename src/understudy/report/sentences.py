"""The sentences that the report writes from a run's figures: the answer, and what cannot be concluded.

    answer(contents)    # two or three sentences
    limits(contents)    # one for each rule that applies

Each sentence follows from a rule, so that a run with other numbers gets other sentences.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import polars as pl

from understudy.registry import Piece
from understudy.report import cells
from understudy.report.contents import Contents
from understudy.report.sections import differences, verdict
from understudy.types import Estimate

_MOST = 6
"""Names that are listed before the rest is counted."""


def answer(contents: Contents) -> list[str]:
    """Which arms differ from the baseline, then which from each other; and where other samplings disagree."""
    found = [e for e in differences(contents) if e.sampling == _first(contents)]
    if not found:
        return [_no_comparison(contents)]
    tests = sum(e.p_value is not None for e in differences(contents))
    opening = f"{_first(contents)}, after Holm's correction over {tests} comparisons"
    baseline = [e for e in found if e.versus == contents.baseline]
    others = [e for e in found if e.versus != contents.baseline]
    first = f"{_against(contents.baseline or '', baseline)} ({opening})." if baseline else ""
    rest = (
        f"Between {'the other pairs' if baseline else f'neighbours ({opening})'}, {_between(others)}" if others else ""
    )
    parts = [first, *(f"{part[0].upper()}{part[1:]}." for part in (rest, _elsewhere(contents)) if part)]
    return [part for part in parts if part]


def limits(contents: Contents) -> list[str]:
    """What the reader should not conclude, a sentence or two for each rule that applies."""
    rules: Sequence[Callable[[Contents], str]] = (
        _seeds,
        _flips,
        _budgets,
        _detectable,
        _truncated,
        _problems,
        _no_student,
    )
    return [sentence for rule in rules if (sentence := rule(contents))]


def no_verdicts(contents: Contents) -> str:
    """Why no trace has a verdict."""
    if contents.task is None:
        return "No trace has a verdict: the run's task is not installed here, and its tables hold none."
    if not hasattr(contents.task, "check_trace"):
        return "No trace has a verdict: this task has no rule that checks a trace step by step."
    return "No trace has a verdict: no attempt wrote a trace that the task's rule could check."


def trace_rule(contents: Contents) -> str:
    """What a trace must do to count as right, in the task's words, and which of its rules the study chose."""
    rule = getattr(contents.task, "trace_rule", "the rule of the run's task, which is not installed here")
    chosen = Piece.parse(contents.study.get("task")).parameters.get("rule") if contents.task else None
    return f"{str(rule).rstrip('.')}." + (f" The rule here is {chosen}." if chosen else "")


def alternative(contents: Contents) -> str:
    """What the figure shows, for those who cannot see it."""
    parts = [
        f"{arm} ({sampling}) {cells.share(found)}"
        for arm in contents.arms
        for sampling in contents.samplings
        if (found := contents.estimate("accuracy", arm, sampling))
    ]
    return f"Accuracy in percent with 95 % intervals: {'; '.join(parts) or 'none'}."


def _first(contents: Contents) -> str:
    return contents.samplings[0] if contents.samplings else ""


def _no_comparison(contents: Contents) -> str:
    parts = [
        f"{cells.percent(found.value)} % for {arm}"
        for arm in contents.arms
        if (found := contents.estimate("accuracy", arm, _first(contents))) and found.value is not None
    ]
    shown = f"accuracy was {cells.listing(parts, _MOST)}" if parts else "there is no accuracy"
    return f"No two arms were compared; {shown}."


def _against(baseline: str, found: Sequence[Estimate]) -> str:
    names = {word: [e for e in found if verdict(e) == word] for word in dict.fromkeys(map(verdict, found))}
    parts = [
        f"was {word} for {cells.listing(map(_with_points, names[word]), _MOST)}"
        for word in ("higher", "lower")
        if word in names
    ]
    said = f"Compared with {baseline}, accuracy {' and '.join(parts)}" if parts else ""
    if "no difference shown" in names:
        unshown = cells.listing((e.arm for e in names["no difference shown"]), _MOST)
        said += (
            f"; no difference was shown for {unshown}"
            if said
            else f"No difference from {baseline} was shown for {unshown}"
        )
    return said or f"No arm was tested against {baseline}"


def _with_points(e: Estimate) -> str:
    return f"{e.arm} ({cells.points(e.value)} points)"


def _between(found: Sequence[Estimate]) -> str:
    ordered = [_ordered(e) for e in found if verdict(e) in ("higher", "lower")]
    unshown = [f"{e.arm} against {e.versus}" for e in found if verdict(e) == "no difference shown"]
    parts = [cells.listing(ordered, _MOST)] if ordered else []
    parts += [f"no difference was shown for {cells.listing(unshown, _MOST)}"] if unshown else []
    return "; ".join(parts) or "none was tested"


def _ordered(e: Estimate) -> str:
    higher, lower = (e.arm, e.versus) if verdict(e) == "higher" else (e.versus, e.arm)
    return f"{higher} was higher than {lower} ({cells.points(abs(e.value or 0))} points)"


def _elsewhere(contents: Contents) -> str:
    """How the verdicts of the other samplings differ from those of the first."""
    by_pair = {(e.arm, e.versus): verdict(e) for e in differences(contents) if e.sampling == _first(contents)}
    parts, alike = [], []
    for sampling in contents.samplings[1:]:
        found = [e for e in differences(contents) if e.sampling == sampling and (e.arm, e.versus) in by_pair]
        moved = [e for e in found if verdict(e) != by_pair[e.arm, e.versus]]
        named = cells.listing((f"{e.arm} against {e.versus}: {verdict(e)}" for e in moved), _MOST)
        if moved:
            parts.append(f"under {sampling}, {len(moved)} of {len(found)} verdicts differ ({named})")
        elif found:
            alike.append(sampling)
    return "; ".join([*parts, *([f"the verdicts under {cells.listing(alike, _MOST)} are the same"] if alike else [])])


def _seeds(contents: Contents) -> str:
    if not contents.trains:
        return ""
    clusters = len(contents.seeds)
    if clusters <= 1:
        return (
            "One training seed: the intervals show how accuracy varies with the problems, not with training. "
            "Another seed can give another order."
        )
    return (
        f"{clusters} training seeds: the intervals resample seeds and problems, but {clusters} clusters show "
        "little of how training varies, and the p-values are about these students, not about others trained "
        "alike."
    )


def _flips(contents: Contents) -> str:
    said = []
    for one, other in combinations(contents.samplings, 2):
        if not set(one.rpartition(": ")[::2]) & set(other.rpartition(": ")[::2]):
            continue  # neither the same test set nor the same way of sampling
        pairs = [f"{a} and {b}" for a, b in combinations(contents.arms, 2) if _flip(contents, a, b, one, other)]
        if pairs:
            named = cells.listing(pairs, _MOST)
            said.append(f"The order changes between {one} and {other} for {named} (values alone).")
    return " ".join(said)


def _flip(contents: Contents, a: str, b: str, one: str, other: str) -> bool:
    values = [contents.value("accuracy", arm, sampling) for sampling in (one, other) for arm in (a, b)]
    first, second, third, fourth = values
    if first is None or second is None or third is None or fourth is None:
        return False
    return (first - second) * (third - fourth) < 0


def _budgets(contents: Contents) -> str:
    arms = contents.training["arm"].unique(maintain_order=True)
    matched = {arm: match for arm in arms if (match := _match(contents, arm)) not in (None, arm)}
    trained = contents.training.group_by("arm", maintain_order=True).agg(pl.col("examples", "tokens").mean())
    trained = trained.drop_nulls().filter(~pl.col("arm").is_in(list(matched))).sort("tokens")
    said = [_tokens(trained)] if trained.height > 1 else []
    for match in dict.fromkeys(matched.values()):
        after = [arm for arm in matched if matched[arm] == match]
        said.append(f"{cells.listing(after)} had as many training tokens as {match}.")
    return " ".join(said)


def _match(contents: Contents, arm: str) -> str | None:
    """The arm whose training tokens this one was trained up to."""
    own = ((contents.study.get("arms") or {}).get(arm) or {}).get("train") or {}
    recipe = {**(contents.study.get("train") or {}), **own}
    return str(recipe.get("match")) if recipe.get("budget") == "tokens" else None


def _tokens(trained: pl.DataFrame) -> str:
    """How far the training tokens of the arms are apart."""
    least, most = trained.row(0, named=True), trained.row(-1, named=True)
    examples = "equal examples" if trained["examples"].n_unique() == 1 else "different numbers of examples"
    arms = cells.listing(trained["arm"], _MOST)
    if most["tokens"] <= 1.05 * least["tokens"]:
        return f"{arms} had {examples} and, within 5 %, equal training tokens."
    return (
        f"{arms} had {examples} but not equal training tokens: from {cells.decimal(least['tokens'], 0)} "
        f"({least['arm']}) to {cells.decimal(most['tokens'], 0)} ({most['arm']}). "
        "A difference between them may be one of length."
    )


def _detectable(contents: Contents) -> str:
    found = [e.value for e in contents.named("detectable difference") if e.value is not None]
    if not found:
        return ""
    needed = cells.spread((100 * value for value in found), 1)
    return (
        f"With this many problems a pair had to differ by {needed} points to be shown with 80 % power: "
        "“no difference shown” does not mean that there is none."
    )


def _truncated(contents: Contents) -> str:
    found = [e for e in contents.named("share truncated") if e.value is not None and e.value > 0.01]
    if not found:
        return ""
    named = cells.listing((f"{e.arm} {e.sampling} {cells.percent(e.value)} %" for e in found), _MOST)
    return (
        f"More than 1 % of attempts reached the token limit: {named}. They count as not right; the column "
        "“if unscored were right” gives the other bound."
    )


def _problems(contents: Contents) -> str:
    if contents.task is None:
        return ""
    if hasattr(contents.task, "candidates"):
        return (
            "The test problems are procedural, of one small family: they show how such students learn, "
            "not how well a language model reasons."
        )
    return "If the problems are of a published data set, the models may have seen them before."


def _no_student(contents: Contents) -> str:
    if contents.trains:
        return ""
    return (
        "No student was trained: the traces themselves are compared, so nothing here says what a "
        "student would learn from them."
    )
