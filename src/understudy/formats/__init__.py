"""Formats: layouts of rows in files of traces. Each reads rows that others wrote and writes rows for trainers.

    from understudy import formats
    form = formats.recognise(rows)
    form.read(rows[0], formats.thinks(rows))       # a list of traces, or why there are none

What marks the reasoning within one text is the business of ``understudy.markers``.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from understudy import registry
from understudy.errors import InputError
from understudy.formats._carry import writer
from understudy.markers import CLOSE
from understudy.protocols import Format

LAST = "fields"
"""Reads by the names of fields, so it is taken where no other reads half of the rows."""
MOST = 30
"""Fields that an error names."""


def recognise(rows: Sequence[Mapping[str, Any]]) -> Format:
    """The format that wrote these rows, or else the one that reads most of them: a sample of a file is enough.

    Raises ``InputError``, with the fields that there are, if none reads any of them.
    """
    names = [*sorted(registry.modules("formats").keys() - {LAST}), LAST]
    writers = {writer(row) for row in rows}
    if len(writers) == 1 and writers < set(names):
        return _built(str(writers.pop()))
    made = [_built(name) for name in names]
    counts = [sum(map(form.reads, rows)) for form in made]
    if 2 * max(counts[:-1]) >= len(rows):
        counts[-1] = 0
    if not any(counts):
        raise unknown(rows)
    return made[counts.index(max(counts))]


def unknown(rows: Sequence[Mapping[str, Any]], role: str = "response") -> InputError:
    """The error that no field holds what is needed: it lists the fields found and says how to map them."""
    fields = [repr(name[:60]) for name in dict.fromkeys(name for row in rows for name in row)]
    more = f", and {len(fields) - MOST:,} more" if len(fields) > MOST else ""
    found = ", ".join(fields[:MOST]) + more if fields else "none"
    return InputError(f"no field is known to hold the {role} (the fields are {found})", f"--map {role}=FIELD")


def thinks(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the rows are of a model that closes its reasoning with a tag: most of them hold one."""
    return 2 * sum(map(_closes, rows)) > len(rows)


def _closes(row: Mapping[str, Any]) -> bool:
    try:
        return CLOSE in json.dumps(row, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return False


def _built(name: str) -> Format:
    made: Format = registry.build("formats", registry.Piece(name, {}))
    return made
