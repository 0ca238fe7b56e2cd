"""The room ``report``: a run directory → a page that can be read, sent and kept.

    from understudy.report import build
    build(Path("runs/quickstart"))      # runs/quickstart/report.html

The page is one file: no network, no script. ``report.md`` has the same tables as text, ``figures/`` the
figure as SVG and PNG. All are made from the run directory alone, so a report can be built again anywhere.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from understudy.report.cells import DASH, visible
from understudy.report.templates import environment
from understudy.rundir import write_bytes

__all__ = ["build"]

_HERE = Path(__file__).parent
_MARKDOWN = re.compile(r"[\\`*_{}<>|~$]|\](?=[(\[:])")


def build(run: Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``figures/accuracy.svg`` and ``.png`` into a run directory, and the same
    of ``figures/uptake`` where there are trained students.

    Every file is written beside its place and then moved into it. Returns the path of the page.
    Raises ``RunError`` if the directory holds no finished run, ``InputError`` if a file of it cannot be read.
    """
    from understudy.report import contents, figures, uptake

    found = contents.read(run)
    published = _published(found)
    panels = [figures.own_panel(found)]
    panels += [figures.published_panel(found, *published["drawn"])] if published else []
    taken = uptake.panel(found)
    context = {**_context(found), "published": published, "uptake_drawn": taken is not None}
    drawn = [_drawing(panel) for panel in panels]
    css = Markup((_HERE / "page.css").read_text(encoding="utf-8"))  # noqa: S704 (our own file)
    page = {"panels": drawn, "uptake_panel": _drawing(taken) if taken else None, "css": css}
    for file, chart in {"accuracy": figures.side_by_side(panels), "uptake": taken}.items():
        if chart is not None:
            together = figures.svg(chart, "white")
            write_bytes(run / "figures" / f"{file}.svg", together.encode())
            write_bytes(run / "figures" / f"{file}.png", figures.png(together))
    write_bytes(run / "report.md", _render("report.md.jinja", _as_markdown, context))
    write_bytes(run / "report.html", _render("page.html.jinja", _as_html, {**context, **page}))
    return run / "report.html"


def _drawing(panel: Any) -> Markup:
    from understudy.report import figures

    return Markup(figures.svg(panel, "transparent"))  # noqa: S704 (our own drawing; it escapes its labels)


def _published(found: Any) -> dict[str, Any] | None:
    """What others published, if the study names it: what is drawn and in a table, with what a reader must know."""
    from understudy.published import note, published
    from understudy.registry import Piece
    from understudy.report.beside import beside

    if found.study.get("published") is None:
        return None
    table, task = published(str(found.study["published"])), Piece.parse(found.study.get("task"))
    shown = table.shown(task)
    said = note(shown, task)
    return {"source": table.source, "drawn": (shown, said), "note": said, "table": beside(found, table)}


def _context(found: Any) -> dict[str, Any]:
    """What both templates are filled with."""
    from understudy.report import examples, making, sections, sentences, uptake
    from understudy.report.substeps import substeps

    shown = examples.examples(found)
    return {
        "run": found,
        "title": str(found.study.get("study") or found.path.name),
        "question": str(found.study.get("question") or ""),
        "note": str(found.study.get("note") or ""),
        "answer": sentences.answer(found),
        "alternative": sentences.alternative(found),
        "summary": making.summary(found),
        "results": sections.results(found),
        "training": sections.training(found),
        "samples": sections.samples(found),
        "comparisons": sections.comparisons(found),
        "family": sum(e.p_value is not None for e in found.named("accuracy difference")),
        "methods": "; ".join(dict.fromkeys(e.method for e in found.named("accuracy difference"))),
        "trace_counts": sections.trace_counts(found),
        "trace_shares": sections.trace_shares(found),
        "substeps": substeps(found),
        "trace_rule": sentences.trace_rule(found),
        "no_verdicts": sentences.no_verdicts(found),
        "style": sections.style(found),
        "closing": uptake.closing(found),
        "taken_up": uptake.side_by_side(found),
        "staged": uptake.stages(found),
        "uptake_alternative": uptake.alternative(found),
        "checks": sections.checks(found),
        "moved": sections.moved(found),
        "examples": shown,
        "same_problem": examples.same_problem(shown),
        "limits": sentences.limits(found),
        "making": making.facts(found),
        "stages": making.stages(found),
    }


def _render(template: str, finalize: Callable[[Any], Any], context: Mapping[str, Any]) -> bytes:
    templates = environment(_HERE, finalize)
    templates.globals["fence"] = _fence
    return templates.get_template(template).render(context).encode()


def _as_html(value: Any) -> Any:
    """What a template's ``{{ }}`` puts out; jinja escapes it afterwards unless it is markup."""
    return value if isinstance(value, Markup) else visible(DASH if value is None else str(value))


def _as_markdown(value: Any) -> Markup:
    """The same for Markdown: one line, and nothing in it is read as markup."""
    if isinstance(value, Markup):
        return value
    line = " ".join(visible(DASH if value is None else str(value)).split()).replace("&", "&amp;")
    line = _MARKDOWN.sub(lambda match: {"<": "&lt;", ">": "&gt;"}.get(match[0], f"\\{match[0]}"), line)
    return Markup(line)  # noqa: S704 (escaped in the line above)


def _fence(text: str) -> Markup:
    """The text as a block of Markdown code, whatever backticks it holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return Markup(f"{marks}text\n{visible(text).rstrip()}\n{marks}")  # noqa: S704 (code is not read as markup)
