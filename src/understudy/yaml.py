"""Study files as text: YAML to plain values and back, and the overrides of the command line.

    override(raw, "student.tiny-llama.layers=2")

Duplicate keys are refused, and YAML 1.2 is read, in which ``no`` is a word.
"""

from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from understudy.errors import StudyError


def parse(text: str, where: str) -> Any:
    """What a text says. ``where`` it is from is said in the ``StudyError`` if it is not YAML."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        problem = (error.problem or "not readable").partition("\n")[0]
        raise StudyError(f"{where} is not valid YAML: line {line}: {problem}") from None
    except YAMLError as error:
        raise StudyError(f"{where} is not valid YAML: {str(error).partition(chr(10))[0]}") from None


def override(raw: dict[str, Any], setting: str) -> None:
    """Put what ``key.key=value`` says into what a study file says, in place. Raises ``StudyError``."""
    path, equals, text = setting.partition("=")
    if not equals or not path:
        raise StudyError(f"--set {setting!r} sets nothing", "write --set key=value")
    keys = path.split(".")
    for key, following in pairwise(keys):
        below = raw.setdefault(key, {})
        if below == following:  # an entry by its name alone gets parameters
            below = raw[key] = {below: {}}
        if not isinstance(below, dict):
            raise StudyError(f"--set {path}: '{key}' holds a value, not keys")
        raw = below
    raw[keys[-1]] = parse(text, f"--set {path}")
    if path == "data":  # typed here, so relative to here and not to the study file
        raw[keys[-1]] = str(Path(str(raw[keys[-1]])).expanduser().resolve())


def text(values: Any) -> str:
    """The values as YAML, a key a line, in their order."""
    out = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(values, out)
    return out.getvalue()
