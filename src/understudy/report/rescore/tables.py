"""The tables of rescored outputs, for the page and for the terminal: finished cells, a row a file.

tables.answers(found).rows[0]      # ["vanilla", "87", "72.4 [62.2, 80.7]", …]
"""

from collections.abc import Callable

from understudy.report import cells
from understudy.report.cells import DASH, Table
from understudy.rescore import Rescored, Scores
from understudy.rescore.contingency import Contingency, Figure, figures
from understudy.rescore.scoring import Rate

_UNBROKEN = "\u00a0"


def outputs(found: Rescored) -> Table:
    """What became of the rows. Columns of rare mishaps stand only where there was one."""
    counts: dict[str, Callable[[Scores], int]] = {
        "Rows": lambda scores: scores.outputs.rows,
        "Repeated": lambda scores: len(scores.outputs.repeated),
        "Without gold": lambda scores: len(scores.outputs.unjoined),
        "Gold without output": lambda scores: scores.outputs.unanswered,
        "Gold differs": lambda scores: len(scores.outputs.differing),
        "Class unknown": lambda scores: scores.unclassed,
        "Finished": lambda scores: scores.statuses["finished"],
        "Truncated": lambda scores: scores.statuses["truncated"],
        "Empty": lambda scores: scores.statuses["empty"],
        "Malformed": lambda scores: scores.statuses["malformed"],
        "Error": lambda scores: scores.statuses["error"],
        "No trace": lambda scores: scores.no_trace,
    }
    rare = {"Repeated", "Without gold", "Gold without output", "Gold differs", "Class unknown", "Error"}
    shown = {name: of for name, of in counts.items() if name not in rare or any(map(of, found.files))}
    rows = [[scores.name, *(cells.decimal(of(scores), 0) for of in shown.values())] for scores in found.files]
    return Table(["Outputs", *shown], "l" + "r" * len(shown), rows)


def answers(found: Rescored) -> Table:
    """Accuracy under each answer rule, in percent of all attempts; behind ≤, as if unscored answers were right."""
    rows = [
        [scores.name, cells.decimal(len(scores.attempts), 0), *map(_answered, scores.answers.values())]
        for scores in found.files
    ]
    return Table(["Outputs", "n", *found.answer_rules], "lr" + "r" * len(found.answer_rules), rows)


def parts(found: Rescored) -> Table | None:
    """How often each part of a trace is right, in percent of the attempts that say it; null if none was checked."""
    names = list(dict.fromkeys(part for scores in found.files for part in scores.parts))
    traced = [scores for scores in found.files if scores.parts]
    if not traced:
        return None
    rows = [
        [
            scores.name,
            cells.decimal(len(scores.attempts) - scores.no_trace, 0),
            *(_said(scores.parts[name]) if name in scores.parts else DASH for name in names),
        ]
        for scores in traced
    ]
    return Table(["Outputs", "Traces", *names], "lr" + "r" * len(names), rows)


def counts(found: Rescored, trace_rule: str) -> Table:
    """The 2×2 of T, trace right, and A, answer right, as counts; attempts without a verdict on the trace are apart."""
    columns = ["T and A", "T, not A", "A, not T", "Neither", "No verdict, A", "No verdict, not A"]
    rows = []
    for scores, table in _tables(found, trace_rule):
        pairs = (*table.cells, (table.untraced_right, table.untraced_wrong))
        numbers = [*(number for pair in pairs for number in pair), table.n]
        rows.append([scores.name, *(cells.decimal(number, 0) for number in numbers)])
    return Table(["Outputs", *columns, "n"], "l" + "r" * 7, rows)


def association(found: Rescored, trace_rule: str) -> Table | None:
    """Joint, conditional, and whether trace and answer go together; null if no file has a trace with a verdict."""
    head = ["P(A and T)", "P(A | T)", "P(A | not T)", "Difference", "Odds ratio", "χ²", "χ² (Yates)", "Fisher p"]
    rows = []
    for scores, table in _tables(found, trace_rule):
        if table.n > table.untraced:
            made = figures(table)
            shares = ("P(answer and trace)", "P(answer | trace right)", "P(answer | trace wrong)")
            odds = made["odds ratio"]
            row = [
                *(_share(made[name]) for name in shares),
                _interval(made["risk difference"], cells.points),
                _interval(odds, cells.decimal) + ("*" if "Haldane" in odds.method else ""),
                *(_tested(made[name]) for name in ("chi2", "chi2 (Yates)")),
                cells.probability(made["Fisher exact"].p_value),
            ]
            rows.append([scores.name, *row])
    return Table(["Outputs", *head], "l" + "r" * len(head), rows) if rows else None


def comparisons(found: Rescored) -> Table | None:
    """Each pair of files on the problems they share; null if no two share one."""
    rows = [
        [
            pair.difference.arm,
            str(pair.difference.versus),
            cells.decimal(pair.difference.n, 0),
            cells.difference(pair.difference),
            f"{pair.gained}, {pair.lost}",
            cells.probability(pair.difference.p_value),
            cells.probability(pair.difference.p_adjusted),
        ]
        for pair in found.comparisons
    ]
    head = ["Outputs", "Against", "Problems", "Difference", "Right in one only", "McNemar p", "p (Holm)"]
    return Table(head, "llrrrrr", rows) if rows else None


def unjoined(found: Rescored) -> Table | None:
    """The rows that are in no figure, with the reason; null if there is none."""
    rows = [
        [scores.name, cells.decimal(number, 0), reason]
        for scores in found.files
        for number, reason in scores.outputs.unjoined
    ]
    return Table(["Outputs", "Row", "Why it is left out"], "lrl", rows) if rows else None


def left_out(scores: Scores, most: int) -> list[str]:
    """The rows of a file that are in no figure, with the reason; the first ``most`` of them, and how many more."""
    unjoined = scores.outputs.unjoined
    more = [f"{len(unjoined) - most} more rows are left out: --json or --html names them"]
    named = [f"row {number} is left out: {reason}" for number, reason in unjoined[:most]]
    return named + more if len(unjoined) > most else named


def notes(scores: Scores, task: str) -> list[str]:
    """What a reader of a file's figures has to know about them."""
    found = []
    if again := len(scores.outputs.repeated):
        found.append(f"rows that answer a problem again: {again}; only the first row of each problem counts")
    where = f"understudy show {task} says where a class may stand"
    if scores.by_facts:
        found.append(f"the class of no problem is known, so traces are right or wrong by their facts alone; {where}")
    elif scores.unclassed:
        found.append(f"the class of {scores.unclassed} problems is unknown, so their traces have no verdict; {where}")
    return found


def _tables(found: Rescored, trace_rule: str) -> list[tuple[Scores, Contingency]]:
    return [(scores, scores.tables[trace_rule, found.answer_rule]) for scores in found.files]


def _answered(rate: Rate) -> str:
    more = rate.unscored and f" ≤{_UNBROKEN}{cells.percent(rate.at_most)}"
    return _interval(rate.figure, cells.percent) + (more or "")


def _said(rate: Rate) -> str:
    return f"{_interval(rate.figure, cells.percent)} of{_UNBROKEN}{rate.figure.n}"


def _share(figure: Figure) -> str:
    return f"{_interval(figure, cells.percent)} of{_UNBROKEN}{figure.n}" if figure.n else DASH


def _interval(figure: Figure, form: Callable[[float | None], str]) -> str:
    value, lower, upper = form(figure.value), form(figure.lower), form(figure.upper)
    return value if DASH in (value, lower, upper) else f"{value} [{lower},{_UNBROKEN}{upper}]"


def _tested(figure: Figure) -> str:
    if figure.value is None:
        return DASH
    return f"{cells.decimal(figure.value)} (p{_UNBROKEN}{_equal(cells.probability(figure.p_value))})"


def _equal(p: str) -> str:
    return p if p.startswith("<") else f"= {p}".replace(" ", _UNBROKEN)
