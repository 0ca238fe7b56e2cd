"""The page of measures: their definitions, formulas, units and sources, from the docstrings of the code."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

from wording import of, prose, said_of, table

FAMILIES = ("length", "turns", "parts", "shape", "cohesion", "efficiency")
"""The functions of ``style.measures``, in the order of the columns."""
RULES: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("words", "segment", "pivots", "episodes", "stages", "structure"), ()),
    "coherence": ("Coherence", "other_questions"),
    "diversity": ("repetition",),
    "efficiency": ("First", "reflection_after"),
    "gold": ("gold",),
}
"""Modules of ``style`` with the rules that measures refer to, and what else in them to print."""
KEYS = ("trace_id", "problem_id", "model", "source")
"""Columns of the table of measures that measure nothing."""
FORMULAS = {"_per_1000_words": "1000 * {} / words", "_share": "{} / steps", "words_per_step": "words / steps"}
"""How the columns are derived that do not grow with a trace, by the end of their names."""
_DEFINED = re.compile(r"(?:^|; |- )(``[\w*]+``(?:, ``[\w*]+``)*)(?=:)")


def page() -> Iterator[str]:
    """The page in parts."""
    from understudy.style import measures as counted

    yield "# Measures\n"
    yield "What [`understudy profile`](commands.md#understudy-profile) finds in a trace; one row a trace is the table"
    yield "[measures](tables.md#measures). Null: the trace has no text to profile, or there is nothing to measure.\n"
    yield from table(["measure", "defined under", "compared free of length as"], _glance())
    for function in FAMILIES:
        yield f"## {function}\n\n{prose(of(getattr(counted, function)))}\n"
        if function == "length":
            yield f"`TOKENS`: {prose(said_of('style.measures', 'TOKENS'))}\n"
    yield "## The rules behind them\n"
    for module, names in RULES.items():
        home = import_module(f"understudy.style.{module}")
        yield f"### style.{module}\n\n{prose(home.__doc__)}\n"
        for name in names:
            yield f"**{name}**: {prose(of(getattr(home, name)))}\n"
    yield from _corpora()


def defined() -> dict[str, str]:
    """Each measure with the function whose docstring defines it. Raises ``LookupError`` if one has no definition."""
    from understudy.profile import MEASURES
    from understudy.style import measures as counted

    named = {
        name: function
        for function in FAMILIES
        for line in inspect.cleandoc(of(getattr(counted, function)) or "").splitlines()
        for found in _DEFINED.findall(line.strip())
        for name in re.findall(r"[\w*]+", found)
    }
    homes = {name: named.get(name) or named.get(f"{name.partition('_')[0]}_*") for name in MEASURES if name not in KEYS}
    if lost := [name for name, function in homes.items() if function is None]:
        raise LookupError(f"understudy.style.measures does not say what these are: {', '.join(lost)}")
    return {name: str(function) for name, function in homes.items()}


def derived() -> dict[str, str]:
    """Each column that ``contrast.derive`` adds, with its formula over measures."""
    from understudy.contrast import derive
    from understudy.profile import MEASURES

    return {name: _formula(name) for name in derive(MEASURES.to_frame()).columns if name not in MEASURES}


def _formula(name: str) -> str:
    for end, formula in FORMULAS.items():
        if name.endswith(end):
            return formula.format(name.removesuffix(end))
    raise LookupError(f"docs/measures.py has no formula for '{name}'")


def _glance() -> Iterator[list[str]]:
    forms = {name.removesuffix(end): name for name in derived() for end in FORMULAS if name.endswith(end)}
    for name, function in defined().items():
        yield [f"`{name}`", f"[{function}](#{function})", f"`{forms[name]}`" if name in forms else "–"]


def _corpora() -> Iterator[str]:
    """What is said of a corpus, and how two are compared."""
    forms, effects, separation = (
        import_module(f"understudy.contrast.{name}") for name in ("measures", "effects", "separation")
    )
    yield f"## Of a corpus\n\n{prose(of(import_module('understudy.profile').summarise))}\n"
    yield f"## Free of length\n\n{prose(forms.__doc__)}\n\n{prose(of(forms.derive))}\n"
    yield from table(["column", "formula"], [[f"`{name}`", f"`{formula}`"] for name, formula in derived().items()])
    yield f"## Two corpora\n\n{prose(import_module('understudy.contrast').__doc__)}\n"
    parts = {"Effect": effects.effects, "Like length": effects.length_weights}
    parts |= {"Style distance": separation.distance, "AUC": separation.separate}
    for heading, function in parts.items():
        yield f"### {heading}\n\n{prose(of(function))}\n"
    yield "[The tables](tables.md#contrast). [What they can show](../concepts/statistics.md#corpus-against-corpus).\n"
