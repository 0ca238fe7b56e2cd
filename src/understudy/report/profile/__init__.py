"""The page of a profile: what style corpora of traces have, and how two of them differ, in one file to send.

    from understudy.report.profile import Corpus, build
    html = build({"R1": Corpus(measures, texts, steps), "GPT-4o": ...})

The page needs no network and runs no script; it reads in light and dark, on a phone and on paper. Texts of models
are not trusted: they are escaped, and characters that a reader would not see are written out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from understudy.contrast import ROWS, Contrast
from understudy.errors import InputError
from understudy.report import _as_html, _render
from understudy.report.profile.columns import MEASURES, TEXTS
from understudy.tables import SCHEMAS
from understudy.types import Step

__all__ = ["Corpus", "build"]

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Corpus:
    """The traces of one name.

    ``measures`` has a row a trace (``columns.MEASURES``); figures and tables are of all of them. ``texts``
    (``trace_id``, ``text``, ``question`` or null) and ``steps`` (spans in characters that tile ``text``) hold a
    sample of the traces, some two hundred say: the ribbons are of all the steps that are given, the tree and the
    examples are chosen among the texts. Columns that are not there count as null, others are passed over.
    """

    measures: pl.DataFrame
    texts: pl.DataFrame
    steps: pl.DataFrame


def build(profiles: Mapping[str, Corpus], contrast: Contrast | None = None) -> str:
    """The page as HTML, of one corpus or several, in the order given; with ``contrast``, how two of them differ.

    Raises ``InputError`` if there is no corpus, or if a table lacks the column that names its rows.
    """
    from understudy.report.profile import charts, excerpts, overview, ribbon, trees

    if not profiles:
        raise InputError("there is no corpus to show")
    corpora = {name: _complete(corpus) for name, corpus in profiles.items()}
    if contrast is not None:
        contrast = replace(contrast, rows=_table(contrast.rows, ROWS, "the comparison"))
    context = {
        "title": " and ".join(corpora) if len(corpora) < 4 else f"{len(corpora)} corpora of traces",
        "traces": sum(len(corpus.measures) for corpus in corpora.values()),
        "summary": overview.summary(corpora),
        "corpora": charts.legend(list(corpora)),
        "ribbons": ribbon.ribbons(corpora),
        "pivots": charts.pivots(corpora),
        "distributions": charts.distributions(corpora),
        "trees": trees.trees(corpora),
        "groups": excerpts.groups(corpora),
        "contrast": overview.contrast(contrast) if contrast else None,
        "forest": charts.forest(contrast) if contrast else None,
        "css": _css(),
    }
    return _render("profile/page.html.jinja", _as_html, context).decode()


def _css() -> Markup:
    sheets = [_HERE.parent / "page.css", _HERE / "profile.css"]
    return Markup("\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets))  # noqa: S704 (our own files)


def _complete(corpus: Corpus) -> Corpus:
    """Every table with exactly the columns that the page reads."""
    return Corpus(
        measures=_table(corpus.measures, MEASURES, "the table of measures"),
        texts=_table(corpus.texts, TEXTS, "the table of texts").filter(pl.col("text").str.len_chars() > 0),
        steps=_table(corpus.steps, SCHEMAS[Step], "the table of steps").filter(pl.col("end") > pl.col("start")),
    )


def _table(frame: pl.DataFrame, schema: Mapping[str, Any], name: str) -> pl.DataFrame:
    key = next(iter(schema))
    if key not in frame.columns:
        raise InputError(f"{name} has no column '{key}'")
    held = [
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(kind, strict=False).alias(column)
        for column, kind in schema.items()
    ]
    return frame.select(held)
