"""The room ``rescore``: other people's outputs → figures that hold, of answers, of traces, and of the two together.

    understudy rescore OUTPUTS.jsonl.gz --task cotempqa --gold GOLD.jsonl.gz

    from understudy.rescore import rescore
    found = rescore([Path("outputs.jsonl.gz")], Piece("cotempqa", {}), gold=[Path("gold.jsonl.gz")])
    found.files[0].answers["exact-set"].figure

Gold is joined by problem id, never by string. Every share has its denominator; what is missing (a trace, a verdict, a
score) is counted apart and is not wrong. "Trace right" always names its rule.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from understudy.errors import InputError, did_you_mean
from understudy.registry import Piece, build
from understudy.rescore.comparing import Comparison, compare
from understudy.rescore.reading import Gold, read
from understudy.rescore.scoring import Scores, answer_rules, score, trace_rules

__all__ = ["Comparison", "Rescored", "Scores", "rescore"]

_GOLD = "test"
"""The parameter of a task that names the files with its gold."""


@dataclass(frozen=True)
class Rescored:
    """Everything that was found: files in the order given, comparisons by ``answer_rule``.

    ``answer_rules`` in words, by name. ``trace_rule`` and ``answer_rule`` are those of the headline 2×2;
    ``trace_rule`` is null if the task checks no trace.
    """

    task: str
    answer_rules: Mapping[str, str]
    trace_rules: Sequence[str]
    answer_rule: str
    trace_rule: str | None
    files: Sequence[Scores]
    comparisons: Sequence[Comparison]


def rescore(
    files: Sequence[Path],
    task: Piece,
    gold: Sequence[Path] = (),
    against: Sequence[Path] = (),
    rule: str | None = None,
    answer_rule: str | None = None,
    allow_missing: bool = False,
    keep_first: bool = False,
    seed: int = 0,
) -> Rescored:
    """Score files of outputs, and compare those that answered the same problems.

    ``gold`` names the task's files of problems; without it (and without ``test`` among the task's parameters) the gold
    is that of the rows, where the task can read it there, else the task's own problems. ``against`` names the files
    that every other one is compared with; without it all pairs are. ``rule`` is the trace rule of the headline 2×2
    (default ``all-facts`` where there is one), ``answer_rule`` its answer rule (default: the task's first).

    Raises ``UnknownName`` on a task, and ``InputError`` on a rule, that there is not, and as ``reading.read`` does.
    """
    for file in gold:
        if not file.is_file():
            raise InputError(f"there is no gold file {file}", "name the files of the task's problems with --gold")
    piece = replace(task, parameters={**task.parameters, _GOLD: _files(gold)}) if gold else task
    made = build("tasks", piece, root=Path())
    answers, traces = answer_rules(made), trace_rules(made)
    usual = "all-facts" if "all-facts" in traces else next(iter(traces), None)
    headline = usual if rule is None else _known(rule, traces, "trace", task.name)
    answered = next(iter(answers)) if answer_rule is None else _known(answer_rule, list(answers), "answer", task.name)
    found = Gold.of(made, from_files=_GOLD in piece.parameters)
    paths = list(dict.fromkeys([*files, *against]))
    named = dict(zip(paths, names(paths), strict=True))
    scored = [score(name, read(path, found, allow_missing, keep_first), made, traces) for path, name in named.items()]
    pairs = compare(scored, answered, [named[path] for path in against], seed)
    return Rescored(task.name, answers, traces, answered, headline, scored, pairs)


def names(paths: Sequence[Path]) -> list[str]:
    """What to call files: their paths without what all of them share, and without endings. One file: its name."""
    if len(paths) == 1:
        return [_stem(paths[0].name)]
    above = os.path.commonpath([path.absolute().parent for path in paths])
    whole = [path.absolute().relative_to(above).as_posix() for path in paths]
    shared = os.path.commonprefix(whole)  # noqa: RUF071 (letter by letter, then back to the end of a word)
    cut = max(shared.rfind("_"), shared.rfind("/")) + 1
    short = [_stem(name[cut:]) for name in whole]
    return short if all(short) and len(set(short)) == len(short) else whole


def _stem(name: str) -> str:
    for ending in (".gz", ".jsonl", ".json", ".parquet", ".csv"):
        name = name.removesuffix(ending)
    return name


def _files(gold: Sequence[Path]) -> str | list[str]:
    """One file or several, as a task's parameter has them."""
    return str(gold[0]) if len(gold) == 1 else [str(file) for file in gold]


def _known(rule: str, rules: Sequence[str], kind: str, task: str) -> str:
    if rule not in rules:
        raise InputError(f"the task '{task}' has no {kind} rule '{rule}'", did_you_mean(rule, rules))
    return rule
