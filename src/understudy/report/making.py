"""How a run was made: versions, seeds, hardware and wall time, as its manifest and its timings say.

    dict(facts(read(Path("runs/quickstart"))))["Python"]

What they do not say is a dash.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from understudy.report import cells
from understudy.report.cells import DASH, Table
from understudy.report.contents import Contents


def summary(contents: Contents) -> str:
    """The size of the run in a line."""
    tested = contents.outcomes["problem_id"].n_unique()
    trained = f", {_count(len(contents.seeds), 'training seed')}" if contents.trains else ", no student trained"
    samplings = f", sampling {cells.listing(contents.ways)}" if contents.ways else ""
    sets = f" of {cells.listing(contents.test_sets)}" if contents.test_sets else ""
    return f"{_count(len(contents.arms), 'arm')}, {_count(tested, 'test problem')}{sets}{trained}{samplings}."


def facts(contents: Contents) -> list[tuple[str, str]]:
    """Names and values; what the manifest does not say is a dash."""
    manifest = contents.manifest
    named = {
        "understudy": _said(manifest, "understudy"),
        "Code": _code(manifest.get("git")),
        "Python": _said(manifest, "python"),
        "Platform": _said(manifest, "platform"),
        "Hardware": _hardware(manifest.get("hardware") or {}),
        "Seeds": ", ".join(map(str, manifest.get("seeds") or contents.study.get("seeds") or ())) or DASH,
        "Schema of the tables": _said(manifest, "schema"),
        "Packages": ", ".join(f"{name} {version}" for name, version in (manifest.get("packages") or {}).items())
        or DASH,
    }
    return list(named.items())


def stages(contents: Contents) -> Table:
    """Wall time by kind of stage; a stage that was run again after an interruption counts each time."""
    took: defaultdict[str, list[float]] = defaultdict(list)
    for stage, seconds in contents.timings:
        took[re.split(r"[^A-Za-z]", stage, maxsplit=1)[0] or stage].append(seconds)
    if took:
        took["all"] = [seconds for each in took.values() for seconds in each]
    rows = [[kind, cells.decimal(len(each), 0), cells.seconds(sum(each))] for kind, each in took.items()]
    return Table(["Stage", "Times", "Wall time"], "lrr", rows)


def _said(manifest: Mapping[str, Any], name: str) -> str:
    value = manifest.get(name)
    return DASH if value is None else str(value)


def _count(number: int, noun: str) -> str:
    return f"{cells.decimal(number, 0)} {noun}{'' if number == 1 else 's'}"


def _code(git: Mapping[str, Any] | None) -> str:
    if not git or not git.get("commit"):
        return DASH
    return f"commit {str(git['commit'])[:12]}{', with uncommitted changes' if git.get('dirty') else ''}"


def _hardware(hardware: Mapping[str, Any]) -> str:
    parts = [
        str(hardware.get("cpu") or ""),
        _count(hardware["cores"], "core") if hardware.get("cores") else "",
        f"{cells.decimal(hardware['memory_gb'], 0)} GB memory" if hardware.get("memory_gb") else "",
        str(hardware.get("accelerator") or "no accelerator") if hardware else "",
    ]
    return ", ".join(part for part in parts if part) or DASH
