"""What ``understudy profile`` reads, prints and writes."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.contrast import Contrast, Figure
    from understudy.report.profile import Corpus

Table = tuple[list[str], list[list[str]]]


def names(files: Sequence[Path], against: Sequence[Path] | None, given: str | None) -> list[str]:
    """What to call the corpora: as given, or by their first file."""
    from understudy.errors import StudyError

    groups = [files, against] if against else [files]
    called = given.split(",") if given else [_stem(group[0]) for group in groups]
    if len(called) != len(groups):
        raise StudyError(f"--names {given!r} names {len(called)} corpora and there are {len(groups)}", "--names A,B")
    if len(set(called)) < len(called):
        called = [f"{name} ({letter})" for name, letter in zip(called, "AB", strict=True)]
    return called


def read(
    files: Sequence[Path],
    name: str,
    fields: Mapping[str, str],
    by: str | None,
    core: bool,
    tokenizer: Path | None,
    keep_readable: bool,
    texts: bool,
) -> "dict[str, Corpus]":
    """The corpora of these files, with ``texts`` for the page or without.

    What an import would say of the rows goes to stderr where some are not used.
    """
    from understudy import exchange
    from understudy.cli.import_ import watched
    from understudy.cli.screen import messages
    from understudy.errors import InputError, did_you_mean
    from understudy.report.profile.corpora import BY, SAMPLE, corpora

    if by is not None and by not in BY:
        raise InputError(f"traces cannot be parted by '{by}'", did_you_mean(by, BY))
    reading = exchange.traces(files, mapping=fields, keep_readable=keep_readable)
    found = corpora(watched(reading), name, by, core, tokenizer, _cores(), SAMPLE if texts else 0)
    for count in reading.counts:
        lost = {"duplicates": count.duplicates, "dropped": count.dropped.total(), "stored errors": count.errors}
        if count.damage:
            messages().print(f"{count.file} {count.damage}: what stands before that was read")
        left_out = ", ".join(f"{number:,} {what}" for what, number in lost.items() if number)
        if left_out:
            messages().print(f"{count.file}: {count.rows:,} rows, of them {left_out}")
    return found


def compare(found: "Mapping[str, Corpus]") -> "Contrast | None":
    """The comparison, where there are two corpora to compare."""
    from understudy.contrast import contrast

    held = {name: corpus for name, corpus in found.items() if corpus.measures["source"].count() > 1}
    if len(held) != 2:
        return None
    (one, two), (a, b) = held.values(), held
    return contrast(one.measures, two.measures, names=(a, b))


def table(found: "Mapping[str, Corpus]") -> Table:
    """A row a figure, a column a corpus."""
    from understudy.profile import summarise
    from understudy.report.cells import DASH

    columns = [summarise(corpus.measures).row(0, named=True) for corpus in found.values()]
    rows = [[_called(key), *(_figure(key, column[key]) for column in columns)] for key in columns[0]]
    return ["", *found], [row for row in rows if any(cell != DASH for cell in row[1:])]


def differences(contrast: "Contrast") -> Table:
    """Raw and length-controlled effects, the largest first among those without length; the rest is in the page."""
    import polars as pl

    from understudy.report import cells

    rows = contrast.rows.sort(pl.col("effect").abs(), descending=True, nulls_last=True)
    wanted = pl.concat([rows.filter(kind=kind).head(8) for kind in ("density", "matched", "raw")])
    shown = [
        [
            f"{_called(row['measure'])} ({row['kind']})",
            _number(row["mean_a"]),
            _number(row["mean_b"]),
            _number(row["effect"]),
            f"[{_number(row['lower'])}, {_number(row['upper'])}]",
            cells.probability(row["p_adjusted"]),
        ]
        for row in wanted.iter_rows(named=True)
    ]
    return ["difference", *contrast.names, "Hedges' g", "95 % interval", "p (Holm)"], shown


def verdict(contrast: "Contrast") -> str:
    """The style distance and how well a classifier tells the corpora apart, in words."""
    carriers = ", ".join(_called(name) for name in contrast.carriers["measure"].head(4))
    null = f" (halves of one corpus: {_number(contrast.distance_null)})" if contrast.distance_null is not None else ""
    lines = [
        f"style distance {_interval(contrast.distance)}{null}",
        f"AUC without length {_interval(contrast.auc)}, at like length {_interval(contrast.auc_matched)}, "
        f"by length alone {_interval(contrast.auc_length)}",
        f"carried by {carriers}" if carriers else "",
    ]
    return "\n".join(line for line in lines if line)


def as_html(found: "Mapping[str, Corpus]", contrast: "Contrast | None") -> str:
    """The page."""
    from understudy.report.profile import build

    return build(found, contrast)


def as_json(found: "Mapping[str, Corpus]", contrast: "Contrast | None") -> str:
    """Summaries, and the comparison with every row."""
    from understudy.profile import summarise

    summaries = {name: summarise(corpus.measures).row(0, named=True) for name, corpus in found.items()}
    compared = None
    if contrast:
        frames = {"rows": contrast.rows.to_dicts(), "carriers": contrast.carriers.to_dicts()}
        figures = ("distance", "auc", "auc_matched", "auc_length")
        plain = ("names", "n", "excluded", "shared", "matched", "balance", "distance_null", "seed")
        compared = {name: getattr(contrast, name) for name in plain} | frames
        compared |= {name: asdict(getattr(contrast, name)) for name in figures}
    return json.dumps({"corpora": summaries, "contrast": compared}, ensure_ascii=False, indent=1)


def write_measures(file: Path, found: "Mapping[str, Corpus]") -> None:
    """All measures in one table, with the name of each trace's corpus; it is there whole or not at all."""
    import polars as pl

    from understudy import rundir, tables

    named = [corpus.measures.with_columns(corpus=pl.lit(name)) for name, corpus in found.items()]
    with rundir.whole(file) as partial:
        tables.write(pl.concat(named), partial, "measure")


def _interval(figure: "Figure") -> str:
    bounds = "" if figure.lower is None else f" [{_number(figure.lower)}, {_number(figure.upper)}]"
    return _number(figure.value) + bounds


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _stem(file: Path) -> str:
    return file.name.removesuffix(".gz").rsplit(".", 1)[0]


def _called(name: str) -> str:
    return name.replace("_", " ").replace("share 3 types", "share with ≥ 3 of 4 pivot types")


def _figure(key: str, value: Any) -> str:
    from understudy.report import cells

    if key.startswith("share") and value is not None:
        return f"{cells.percent(value)} %"
    return cells.decimal(value, 0) if isinstance(value, int) else _number(value)


def _number(value: float | None) -> str:
    """With fewer decimals where it is large."""
    from understudy.report import cells

    size = abs(value or 0)
    return cells.decimal(value, 0 if size >= 1000 else 1 if size >= 100 else 2)
