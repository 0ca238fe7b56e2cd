"""The templates of pages and cards: what they put out is escaped, and a name that they do not have is an error.

environment(Path(__file__).parent, finalize).get_template("card.md.jinja").render(title="ST")
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(folder: Path, finalize: Callable[[Any], Any]) -> Environment:
    """The templates of a folder; ``finalize`` turns each value into what is put out."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
