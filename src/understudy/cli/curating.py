"""What ``understudy curate`` is given, and what it prints and draws."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.curate import Curation, Funnel
    from understudy.curate.verify import Verifier
    from understudy.exchange import Count


def show(
    funnel: "Funnel", curation: "Curation", counts: "Sequence[Count]", json: Path | None, plot: Path | None
) -> None:
    """The table, or JSON where it is asked for; what reading lost is on stderr."""
    from understudy import rundir
    from understudy.cli.screen import messages, print_table

    if str(json) == "-":
        print(_as_json(funnel, curation, counts))
    else:
        print_table(*funnel.table(), right=(2, 3, 4))
        if json:
            rundir.write_text(json, _as_json(funnel, curation, counts))
    if plot:
        from understudy.curate.plot import drawn

        rundir.write_bytes(plot, drawn(funnel, plot.suffix.lower()))
    for count in counts:
        lost = count.duplicates + count.dropped.total()
        if lost or count.damage:
            damage = f"; it {count.damage}" if count.damage else ""
            messages().print(f"{count.file}: {count.rows:,} rows, of them {lost:,} duplicates or unreadable{damage}")
    if funnel.unprompted:
        messages().print(f"{funnel.unprompted:,} traces have no prompt: only what was written was compared")


def _as_json(funnel: "Funnel", curation: "Curation", counts: "Sequence[Count]") -> str:
    from understudy import tables
    from understudy.cli.import_ import _plain

    return tables.to_json(
        {**funnel.plain(), "parameters": curation.plain(), "files": [_plain(count) for count in counts]}
    )


def verifier(task: str | None, grader: str | None) -> "Verifier | None":
    """What the traces are verified by, if anything."""
    from understudy.cli.grading import piece
    from understudy.curate.verify import Verifier
    from understudy.registry import build

    known = build("tasks", piece(task, "--task"), root=Path()) if task else None
    rule = build("graders", piece(grader, "--grader"), root=Path()) if grader else known
    return Verifier(rule, known) if rule else None


def check(plot: Path | None, keep: str | None, dedupe: str) -> None:
    """Mistakes that should not cost the time of a run."""
    from understudy.errors import StudyError

    if plot and plot.suffix.lower() not in (".svg", ".png", ".html"):
        raise StudyError(f"{plot.name} is no picture that can be drawn", "let it end in .svg, .png or .html")
    for option, value, known in (("keep", keep, ("right", "all")), ("dedupe", dedupe, ("exact", "near", "none"))):
        if value is not None and value not in known:
            raise StudyError(f"--{option} {value!r} is not known", f"known: {', '.join(known)}")


def listed(text: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
