"""Everything that was found, as plain values: what ``--json`` writes.

as_dict(rescore(...))["files"][0]["answers"]["exact-set"]["value"]
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from understudy.rescore import Comparison, Rescored, Scores
from understudy.rescore.contingency import Contingency, figures
from understudy.rescore.scoring import Rate

VERSION = 1
"""Of the layout."""


def as_dict(found: Rescored) -> dict[str, Any]:
    """Keys as in ``docs/guides/rescore.md``; a figure that there is none of is null."""
    return {
        "version": VERSION,
        "task": found.task,
        "answer_rules": dict(found.answer_rules),
        "trace_rules": list(found.trace_rules),
        "answer_rule": found.answer_rule,
        "trace_rule": found.trace_rule,
        "files": [_file(scores) for scores in found.files],
        "comparisons": [_comparison(pair) for pair in found.comparisons],
    }


def _file(scores: Scores) -> dict[str, Any]:
    outputs = scores.outputs
    return {
        "name": scores.name,
        "file": outputs.file.name,
        "rows": outputs.rows,
        "n": len(scores.attempts),
        "repeated": list(outputs.repeated),
        "unjoined": [{"row": number, "reason": reason} for number, reason in outputs.unjoined],
        "gold_without_output": outputs.unanswered,
        "gold_differs_in_rows": list(outputs.differing),
        "statuses": dict(scores.statuses),
        "no_trace": scores.no_trace,
        "class_unknown": scores.unclassed,
        "traces_by_facts_alone": scores.by_facts,
        "answers": _rates(scores.answers),
        "parts": _rates(scores.parts),
        "tables": [
            {"trace_rule": trace, "answer_rule": answer, **_table(table)}
            for (trace, answer), table in scores.tables.items()
        ],
    }


def _rates(rates: Mapping[str, Rate]) -> dict[str, Any]:
    bounds = ("right", "unscored", "at_least", "at_most")
    return {
        name: {**_figure(asdict(rate.figure)), **{bound: getattr(rate, bound) for bound in bounds}}
        for name, rate in rates.items()
    }


def _table(table: Contingency) -> dict[str, Any]:
    return {
        "counts": {**asdict(table), "n": table.n},
        "figures": {name: asdict(figure) for name, figure in figures(table).items()},
    }


def _figure(figure: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figure.items() if name != "p_value"}


def _comparison(pair: Comparison) -> dict[str, Any]:
    figure = pair.difference
    names = ("arm", "versus", "n", "value", "lower", "upper", "p_value", "p_adjusted", "method", "seed")
    return {**{name: getattr(figure, name) for name in names}, "gained": pair.gained, "lost": pair.lost}
