"""The data card: a YAML header that hubs and `datasets` read, and below it what was counted and what was said.

    card.readme("traces", "messages", shards, statistics, statement, left_out)

Names of models, reasons and sources are other people's text: nothing in them is read as markup.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup
from ruamel.yaml import YAML

from understudy import __version__, registry, tables
from understudy.publish import hub
from understudy.publish.shards import Shards
from understudy.publish.statement import UNKNOWN, Statement
from understudy.publish.statistics import ALL, MOST, Statistics
from understudy.report import cells
from understudy.report.cells import Table
from understudy.report.templates import environment

_NAMES = "KMBT"
_TYPES = {pl.String(): "string", pl.Int64(): "int64", pl.Float64(): "float64", pl.Boolean(): "bool"}
_MARKUP = re.compile(r"(?<=www)\.|[^\w\s.,/()+%'-]|(?<![^\W_])_|_(?![^\W_])", re.IGNORECASE)
"""What Markdown, its extensions or HTML could read as anything but itself, in the middle of a line."""


def readme(name: str, form: str, shards: Shards, found: Statistics, said: Statement, left_out: Counter[str]) -> str:
    """The card of a data set that is loaded as ``name``. The header is YAML that readers of 1.1 and 1.2 agree on."""
    templates = environment(Path(__file__).parent, escaped)
    models, title = found.named("model"), name.rpartition("/")[2]
    return templates.get_template("card.md.jinja").render(
        header=Markup(to_yaml(_header(title, shards, found, said))),  # noqa: S704 (a YAML library wrote it)
        title=title,
        load=Markup(json.dumps(name)),  # noqa: S704 (within a block of code, and JSON has no line ends in texts)
        form=form,
        layout=registry.describe("formats", form),
        licence=said.licence,
        languages=", ".join(said.languages) or UNKNOWN,
        counts=_counts(shards, found),
        variants=_variants(found),
        models=_models(models, found.count.traces, said),
        sources=_sources(said, {model for model, _ in models}),
        style=_style(found),
        more_models=max(0, len(models) - MOST),
        funnel=_funnel(said),
        left_out=", ".join(f"{reason} ({cells.decimal(n, 0)})" for reason, n in sorted(left_out.items()) if n),
        version=__version__,
        schema=tables.VERSION,
    )


def escaped(value: object) -> Markup:
    """A text as it stands in the middle of a line of Markdown: no markup, no link, nothing hidden, no line end."""
    if isinstance(value, Markup):
        return value
    line = " ".join(cells.visible(str(value)).split())
    return Markup(_MARKUP.sub(lambda match: f"&#{ord(match[0])};", line))  # noqa: S704 (escaped right here)


def size_category(rows: int) -> str:
    """The hub's name for how many rows there are: ``n<1K``, ``1K<n<10K`` and so on."""
    if rows < 1000:
        return "n<1K"
    digits = min(len(str(rows)) - 1, 12)
    if digits == 12:
        return "n>1T"
    return f"{_power(digits)}<n<{_power(digits + 1)}"


def _power(digits: int) -> str:
    return f"{10 ** (digits % 3)}{_NAMES[digits // 3 - 1]}"


def features(schema: pl.Schema) -> list[dict[str, Any]] | None:
    """Columns as `datasets` declares them, or null: one has a type that is not among those that formats write."""
    try:
        return [{"name": name, **_feature(kind)} for name, kind in schema.items()]
    except KeyError:
        return None


def _feature(kind: pl.DataType) -> dict[str, Any]:
    if isinstance(kind, pl.List):
        inner = _feature(kind.inner)  # type: ignore[arg-type]
        return {"list": inner.get("struct") or inner.get("dtype") or inner}
    if isinstance(kind, pl.Struct):
        return {"struct": [{"name": one.name, **_feature(one.dtype)} for one in kind.fields]}  # type: ignore[arg-type]
    return {"dtype": _TYPES[kind]}


def _header(title: str, shards: Shards, found: Statistics, said: Statement) -> dict[str, Any]:
    licence, _, other = said.licence.partition(":")
    known = features(shards.schema)
    models = {model for model, _ in found.named("model")}
    extended = [source for source in said.sources if hub.NAME.fullmatch(source) and source not in models]
    return {
        "license": licence,
        **({"license_name": other} if other else {}),
        **({"language": list(said.languages)} if said.languages else {}),
        "pretty_name": cells.visible(title),
        "task_categories": ["text-generation"],
        "tags": ["reasoning", "distillation", "understudy"],
        "size_categories": [size_category(shards.rows)],
        **({"source_datasets": extended} if extended else {}),
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*"}]}],
        "dataset_info": {
            **({"features": known} if known else {}),
            "splits": [{"name": "train", "num_bytes": shards.size, "num_examples": shards.rows}],
            "download_size": shards.stored,
            "dataset_size": shards.size,
        },
    }


def to_yaml(value: Mapping[str, Any]) -> str:
    """YAML 1.1, in which more words need quotes: Norwegian must not become false in any reader."""
    yaml, text = YAML(typ="safe", pure=True), io.StringIO()
    yaml.version, yaml.width, yaml.default_flow_style = (1, 1), 10_000, False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(value, text)
    return text.getvalue().partition("\n")[2]  # without the directive: hubs begin at ---


def _counts(shards: Shards, found: Statistics) -> Table:
    count = found.count
    rows = {
        "traces": count.traces,
        "problems": found.problems,
        "failed (the endpoint's error is stored)": count.errors,
        "cut off": count.truncated,
        "without visible reasoning": count.unreasoned,
        "without a response": count.empty,
        "files": len(shards.files),
        "bytes on disk": shards.stored,
    }
    return Table(["", "number"], "lr", [[name, cells.decimal(number, 0)] for name, number in rows.items()])


def _variants(found: Statistics) -> Table:
    """The variants that there are, and the traces that are of none."""
    named = found.named("variant")
    rest = found.count.traces - sum(number for _, number in named)
    rows = [*named, *([("none: as the model wrote it", rest)] if named and rest else [])]
    return Table(["variant", "traces"], "lr", [[name, cells.decimal(number, 0)] for name, number in rows])


def _models(models: Sequence[tuple[str, int]], traces: int, said: Statement) -> Table:
    rows = [[name, cells.decimal(number, 0), said.sources.get(name) or UNKNOWN] for name, number in models]
    if rest := traces - sum(number for _, number in models):
        rows.append([UNKNOWN, cells.decimal(rest, 0), UNKNOWN])
    return Table(["model", "traces", "licence or terms"], "lrl", rows)


def _sources(said: Statement, models: set[str]) -> Table:
    rows = [[name, licence or UNKNOWN] for name, licence in said.sources.items() if name not in models]
    return Table(["source", "licence"], "ll", rows)


def _style(found: Statistics) -> Table:
    summaries = found.style()
    names = ["all" if name == ALL else name for name in summaries]
    rows = [[_called(key), *(_figure(key, summary[key]) for summary in summaries.values())] for key in summaries[ALL]]
    return Table(["", *names], "l" + "r" * len(names), rows)


def _called(key: str) -> str:
    said = {
        "n": "traces measured",
        "n_excluded": "traces without text",
        "share_3_types": "% with at least 3 of 4 pivot types",
        "share_reasoning": "% whose reasoning is visible",
    }
    return said.get(key) or key.replace("_", " ")


def _figure(key: str, value: float | None) -> str:
    if value is None or isinstance(value, int):
        return cells.decimal(value, 0)
    return cells.percent(value) if key.startswith("share") else cells.decimal(value, 2 if abs(value) < 100 else 0)


def _funnel(said: Statement) -> Table | None:
    return Table(said.funnel.table()[0], "llrrr", said.funnel.table()[1]) if said.funnel else None
