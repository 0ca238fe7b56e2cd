"""understudy list: what is on the shelves."""

from typing import Annotated

import typer


def list_(
    shelf: Annotated[str | None, typer.Argument(help="One shelf, for instance variants; all without it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the entries of every shelf, with a line on each."""
    from understudy.cli.screen import print_table
    from understudy.config import bundled
    from understudy.errors import UnknownName, did_you_mean
    from understudy.registry import SHELVES, describe, modules
    from understudy.tables import to_json

    known = (*SHELVES, "studies")
    if shelf is not None and shelf not in known:
        raise UnknownName(f"there is no shelf '{shelf}'", did_you_mean(shelf, known))
    rows = []
    for one in [shelf] if shelf else known:
        names = bundled() if one == "studies" else modules(one)
        rows += [(one, name, _study(name) if one == "studies" else describe(one, name)) for name in names]
    if json:
        print(to_json([{"shelf": a, "name": b, "description": c} for a, b, c in rows]))
        return
    print_table(["shelf", "entry", "what it is"], rows)


def _study(name: str) -> str:
    from ruamel.yaml import YAML

    from understudy.config import bundled

    return str(YAML(typ="safe", pure=True).load(bundled()[name]).get("question", ""))
