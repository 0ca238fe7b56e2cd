"""The funnel as a picture: a bar a step, what it left and what it dropped for which reason.

Path("funnel.svg").write_bytes(plot.drawn(funnel, ".svg"))
"""

from collections.abc import Mapping
from typing import Any

import altair as alt
from markupsafe import Markup

from understudy.curate.funnel import Funnel
from understudy.report import figures
from understudy.report.cells import visible

KINDS = (".svg", ".png", ".html")
"""What a picture can be, by the end of its file's name."""

_LEFT = "#0077bb"
_INKS = ("#ee7733", "#cc3311", "#ee3377", "#009988", "#bbbbbb", "#33bbee")
"""Of the reasons, where there are more of them again from the start; from the vibrant scheme of Paul Tol (2021)."""
_WIDTH, _HEIGHT = 420, 26

_CELL, _FIGURE = Markup("<td>{}</td>"), Markup('<td class="n">{}</td>')
_PAGE = Markup("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Funnel</title><style>
body {{ font: 16px/1.5 sans-serif; color: #222; max-width: 50em; margin: 2em auto; padding: 0 1em }}
svg {{ max-width: 100%; height: auto }} table {{ border-collapse: collapse }}
td, th {{ padding: .2em .8em .2em 0; text-align: left }} .n {{ text-align: right }}
</style></head><body><h1>{title}</h1>
{picture}
<table><tr>{heads}</tr>
{rows}
</table></body></html>
""")


def drawn(funnel: Funnel, kind: str) -> bytes:
    """The picture, as one of ``KINDS``. The page needs no network and runs no script."""
    picture = figures.svg(_chart(funnel), "white")
    if kind == ".svg":
        return picture.encode()
    return figures.png(picture) if kind == ".png" else _page(funnel, picture).encode()


def _chart(funnel: Funnel) -> alt.Chart:
    rows = _rows(funnel)
    steps, reasons = (list(dict.fromkeys(row[name] for row in rows)) for name in ("step", "what"))
    inks = [_LEFT, *(_INKS[place % len(_INKS)] for place in range(len(reasons) - 1))]
    legend = alt.Legend(orient="bottom", title=None, columns=1, labelLimit=_WIDTH)
    bars = alt.Chart(alt.Data(values=rows)).mark_bar()
    bars = bars.encode(
        x=alt.X("start:Q", title=None, axis=alt.Axis(tickCount=4, format=",d")),
        x2="end:Q",
        y=alt.Y("step:N", sort=steps, scale=alt.Scale(domain=steps), title=None),
        color=alt.Color("what:N", scale=alt.Scale(domain=reasons, range=inks), legend=legend),
    )
    return bars.properties(width=_WIDTH, height=alt.Step(_HEIGHT), title=_title(funnel))


def _rows(funnel: Funnel) -> list[Mapping[str, Any]]:
    """What each step left, then what it dropped, from left to right."""
    rows = [_bar(f"read: {funnel.traces:,}", "left", 0, funnel.traces)]
    for step in funnel.steps:
        name, start = f"{step.name}: {step.left:,}", step.left
        rows.append(_bar(name, "left", 0, start))
        for reason, count in step.reasons.items():
            rows.append(_bar(name, visible(reason), start, start + count))
            start += count
    return rows


def _bar(step: str, what: str, start: int, end: int) -> Mapping[str, Any]:
    return {"step": step, "what": what, "start": start, "end": end}


def _title(funnel: Funnel) -> str:
    return f"{funnel.traces:,} traces, {funnel.kept:,} kept"


def _page(funnel: Funnel, picture: str) -> str:
    heads, rows = funnel.table()
    figure = len(heads) - 3

    def cells(row: list[str]) -> Markup:
        parts = [(_FIGURE if place >= figure else _CELL).format(visible(cell)) for place, cell in enumerate(row)]
        return Markup("<tr>{}</tr>").format(Markup("").join(parts))

    return _PAGE.format(
        title=_title(funnel),
        picture=Markup(picture),  # noqa: S704 (our own drawing; it escapes its labels)
        heads=Markup("").join(Markup("<th>{}</th>").format(head) for head in heads),
        rows=Markup("\n").join(map(cells, rows)),
    )
