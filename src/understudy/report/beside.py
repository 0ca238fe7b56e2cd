"""Published accuracies beside the run's own, in one table.

    beside(read(Path("runs/quickstart")), published("style-over-substance")).rows

The run's rows stand under those of the same questions, or apart if nobody published figures of them.
"""

from understudy.compare import condition
from understudy.published import Benchmark, Published, sets
from understudy.registry import Piece
from understudy.report import cells
from understudy.report.cells import DASH, Table
from understudy.report.contents import Contents


def beside(contents: Contents, table: Published) -> Table:
    """A column an arm: those of the run that somebody published, in the run's order, then the others."""
    arms, task = known_arms(contents, table.benchmarks), Piece.parse(contents.study.get("task"))
    own = {name: _own(contents, None if name == task.name else name, arms) for name in sets(task)}
    rows: list[list[str]] = []
    for one in sorted(table.benchmarks, key=lambda one: not one.of(task)):
        rows += [[one.title, student, *_published(one, student, arms)] for student in one.accuracy]
        for name in [name for name in own if one.asks(name, sets(task)[name])]:
            rows += [[one.title, *row] for row in own.pop(name)]
    rows += [[name, *row] for name, left in own.items() for row in left]
    head = ["Questions", "Model", *arms]
    return Table(head, "ll" + "r" * len(arms), rows)


def known_arms(contents: Contents, benchmarks: tuple[Benchmark, ...]) -> list[str]:
    """All arms that somebody published, those of the run first and in its order."""
    known = dict.fromkeys(arm for one in benchmarks for of_arm in one.accuracy.values() for arm in of_arm)
    return list(dict.fromkeys([*(arm for arm in contents.arms if arm in known), *known]))


def _published(one: Benchmark, student: str, arms: list[str]) -> list[str]:
    return [cells.decimal(one.accuracy[student].get(arm)) for arm in arms]


def _own(contents: Contents, test_set: str | None, arms: list[str]) -> list[list[str]]:
    """The run's model and its accuracies with their intervals on one set (null: there is but one), a row a sampling."""
    found = {
        way: [contents.estimate("accuracy", arm, condition(test_set, way)) for arm in arms] for way in contents.ways
    }
    return [[f"this run: {_model(contents)}, {way}", *map(cells.share, row)] for way, row in found.items() if any(row)]


def _model(contents: Contents) -> str:
    """The student: what it was made from if the study says so, or the name of its entry."""
    if not contents.trains:
        return "traces as collected"
    student = Piece.parse(contents.study["student"])
    return str(student.parameters.get("path") or student.name).rstrip("/").rpartition("/")[2] or DASH
