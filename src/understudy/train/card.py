"""The card of a student: a YAML header that hubs read, and below it arm, traces, recipe and scores.

    card("ST", 0, study, recipe, summary, estimates, source)      # README.md of students/ST-0

Names of models, settings and reasons are other people's text: nothing in them is read as markup.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from understudy import __version__, tables
from understudy.publish import hub
from understudy.publish.card import escaped, to_yaml
from understudy.publish.statement import LICENCES, UNKNOWN
from understudy.report import cells
from understudy.report.cells import Table
from understudy.report.templates import environment
from understudy.types import Estimate

TITLES = {"dropped": "traces left out", "final_loss": "loss at the end", "tokens": "tokens (prompt and completion)"}


def card(
    arm: str,
    seed: int,
    study: Mapping[str, Any],
    recipe: Mapping[str, Any],
    summary: Mapping[str, Any],
    estimates: Sequence[Estimate],
    source: Mapping[str, Any] | None = None,
) -> str:
    """The README.md of one student.

    ``study`` is the resolved study as it is written in a run, ``recipe`` the settings of this arm, ``summary`` what
    ``training.json`` says, ``source`` what the start's ``source.json`` says (null: a student without one). Of an arm
    that is not trained, ``recipe`` and ``summary`` are empty.
    """
    templates = environment(Path(__file__).parent, escaped)
    origin = dict(source or {})
    name, settings = _piece(study.get("student", UNKNOWN))
    return templates.get_template("card.md.jinja").render(
        header=Markup(to_yaml(_header(origin, recipe))),  # noqa: S704 (a YAML library wrote it)
        title=f"{study.get('study', '')}: {arm}, seed {seed}",
        study=study.get("study", ""),
        question=study.get("question", ""),
        base=origin.get("path") or (f"{name} ({_said(settings)})" if settings else name),
        commit=origin.get("commit"),
        licence=origin.get("license") or UNKNOWN,
        lineage=Table(["arm", "what", "how"], "lll", list(_lineage(arm, study.get("arms", {})))),
        training=Table(["", "number"], "lr", list(_summary(summary))),
        recipe=Table(["setting", "value"], "ll", [[key, _said(value)] for key, value in recipe.items()]),
        scores=_scores([one for one in estimates if one.arm == arm]),
        seeds=_said(study.get("seeds", [seed])),
        version=__version__,
    )


def _header(source: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A base is named if it is from a hub, a licence if it is one that hubs know: they refuse other words."""
    base, licence = str(source.get("path") if source.get("commit") else ""), source.get("license")
    method = recipe.get("method", "full")
    return {
        **({"license": licence} if licence in LICENCES and licence != UNKNOWN else {}),
        **({"base_model": base, "base_model_relation": "finetune"} if hub.NAME.fullmatch(base) else {}),
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["reasoning", "distillation", "understudy", *([] if method == "full" else [method])],
    }


def _lineage(arm: str, arms: Mapping[str, Any]) -> Iterator[list[str]]:
    """From the model that wrote the traces to this arm: what was taken, what was kept of it, how it was changed."""
    chain: list[str] = []
    name: str | None = arm
    while name is not None and name in arms and name not in chain:
        chain.append(name)
        parent = arms[name].get("from")
        name = None if parent is None else _piece(parent)[0]
    for one in reversed(chain):
        for key in ("from", "select", "vary"):
            value = arms[one].get(key)
            for piece in value if isinstance(value, list) else [value] if value else []:
                what, settings = _piece(piece)
                yield [one, f"{key}: {what}", _said(settings) if settings else ""]


def _piece(value: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, settings),) = value.items()
        return str(name), settings or {}
    return str(value), {}


def _summary(summary: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, value in summary.items():
        if isinstance(value, Mapping):
            yield from ([f"left out: {reason}", cells.decimal(n, 0)] for reason, n in value.items())
        else:
            digits = 0 if isinstance(value, int) else 3
            yield [TITLES.get(name, name.replace("_", " ")), cells.decimal(value, digits)]


def _scores(estimates: Sequence[Estimate]) -> Table:
    rows = [
        [
            f"{one.name} − {one.versus}" if one.versus else one.name,
            one.sampling,
            _figure(one),
            cells.decimal(one.n, 0),
            one.method,
        ]
        for one in estimates
    ]
    return Table(["figure", "sampling", "value", "n", "interval"], "llrrl", rows)


def _figure(one: Estimate) -> str:
    value, lower, upper = (cells.decimal(figure, 3) for figure in (one.value, one.lower, one.upper))
    return value if one.lower is None and one.upper is None else f"{value} [{lower}, {upper}]"


def _said(value: Any) -> str:
    """A setting as a study file writes it, on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_said(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return value if isinstance(value, str) else tables.to_json(value)
