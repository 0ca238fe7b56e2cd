"""The page of rescored outputs: counts, rates, mosaics of trace × answer, and file against file, in one file to send.

    from understudy.report.rescore import build
    html = build(rescore([Path("outputs.jsonl.gz")], Piece("cotempqa", {})))

The page needs no network and runs no script. Names of files and reasons come from others: they are escaped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from understudy.report import _as_html, _render
from understudy.report.cells import Table
from understudy.rescore import Rescored, Scores

__all__ = ["build"]

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Drawn:
    """The mosaics of one file, one a trace rule."""

    name: str
    panels: Sequence[Any]


@dataclass(frozen=True)
class Rule:
    """The tables of one trace rule."""

    name: str
    counts: Table
    association: Table | None


def build(found: Rescored) -> str:
    """The page as HTML."""
    from understudy.report.rescore import mosaic, tables

    rules = [Rule(rule, tables.counts(found, rule), tables.association(found, rule)) for rule in found.trace_rules]
    headline = [rule for rule in rules if rule.name == found.trace_rule]
    context = {
        "found": found,
        "title": _title(found.files),
        "n": sum(len(scores.attempts) for scores in found.files),
        "outputs": tables.outputs(found),
        "notes": [(one.name, note) for one in found.files for note in tables.notes(one, found.task)],
        "answers": tables.answers(found),
        "parts": tables.parts(found),
        "rules": headline + [rule for rule in rules if rule not in headline],
        "mosaics": [drawn for scores in found.files if (drawn := _drawn(found, scores)).panels],
        "colours": {"answer right": mosaic.RIGHT, "not right": mosaic.WRONG},
        "comparisons": tables.comparisons(found),
        "unjoined": tables.unjoined(found),
        "css": _css(),
    }
    return _render("rescore/page.html.jinja", _as_html, context).decode()


def _drawn(found: Rescored, scores: Scores) -> Drawn:
    from understudy.report.rescore import mosaic

    drawings = [mosaic.panel(rule, scores.tables[rule, found.answer_rule]) for rule in found.trace_rules]
    return Drawn(scores.name, [drawing for drawing in drawings if drawing])


def _title(files: Sequence[Scores]) -> str:
    return files[0].name if len(files) == 1 else f"{len(files)} files of outputs"


def _css() -> Markup:
    sheets = [_HERE.parent / "page.css", _HERE / "rescore.css"]
    return Markup("\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets))  # noqa: S704 (our own files)
