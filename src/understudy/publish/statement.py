"""What a user says of a data set that cannot be counted: its licence, its languages, where it is from.

    Statement.of("cc-by-4.0", sources=["openai/gsm8k=mit", "deepseek-r1=mit"], languages=["en"])

What is not said is unknown, never guessed.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import InputError, StudyError

if TYPE_CHECKING:
    from understudy.curate.funnel import Funnel, Step

UNKNOWN = "unknown"
UNLICENSED = "unlicensed"
"""The name of a folder whose files are not published unless the user says under which licence."""
_NAMED = (
    "afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m "
    "bigscience-bloom-rail-1.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 "
    "c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 "
    "cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 "
    "cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m "
    "deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 gemma gfdl gpl gpl-2.0 gpl-3.0 "
    "intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 "
    "lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail openrail++ osl-3.0 pddl postgresql unknown "
    "unlicense wtfpl zlib "
)
LICENCES = frozenset(_NAMED.split())
"""The names that the hub's data cards know."""
_OTHER = re.compile(r"other:[a-z0-9][a-z0-9._+-]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class Statement:
    """``licence`` is that of the data set; ``sources`` are data sets and models with theirs, null where unknown."""

    licence: str = UNKNOWN
    sources: Mapping[str, str | None] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    funnel: "Funnel | None" = None

    @classmethod
    def of(
        cls,
        licence: str | None = None,
        sources: Sequence[str] = (),
        languages: Sequence[str] = (),
        funnel: Path | None = None,
    ) -> "Statement":
        """What the options of the command line say. Raises ``StudyError`` or ``InputError`` if they cannot be meant."""
        for language in languages:
            if not _LANGUAGE.fullmatch(language):
                raise StudyError(f"--language {language!r} is no code of a language", "write it as en, de or bn")
        given = _licence(licence) if licence is not None else UNKNOWN
        return cls(given, dict(map(_source, sources)), tuple(languages), _funnel(funnel) if funnel else None)


def refuse_unlicensed(files: Iterable[Path], statement: Statement) -> None:
    """Raise ``StudyError`` if a file lies below a folder named ``unlicensed`` and the licence is unknown.

    Links are followed. A copy of such a file that lies elsewhere is not recognised.
    """
    if statement.licence != UNKNOWN:
        return
    for file in files:
        for path in (file.absolute(), file.resolve(), *file.rglob("*")):
            if UNLICENSED in (part.lower() for part in path.parts):
                raise StudyError(
                    f"{path} lies in a folder of files without a licence",
                    "if you may publish it, say under which licence: --licence NAME",
                )


def _licence(given: str) -> str:
    name = given.strip().lower()
    if name in LICENCES or _OTHER.fullmatch(name):
        return name
    close = get_close_matches(name, LICENCES, n=1, cutoff=0.6)
    hint = f"did you mean '{close[0]}'? Else: " if close else "names are as apache-2.0 or cc-by-4.0; for any other, "
    raise StudyError(f"--licence {given!r} is not known", f"{hint}--licence other:NAME")


def _source(given: str) -> tuple[str, str | None]:
    name, _, licence = (part.strip() for part in given.partition("="))
    if not name:
        raise StudyError(f"--source {given!r} names no source", "write --source NAME=LICENCE, or --source NAME")
    return name, None if licence.lower() in ("", UNKNOWN) else licence


def _funnel(file: Path) -> "Funnel":
    """The funnel that ``understudy curate --json`` wrote."""
    from understudy.curate.funnel import Funnel

    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return Funnel(int(found["traces"]), tuple(map(_step, found["steps"])))
    except FileNotFoundError:
        raise InputError(f"there is no file {file}", "understudy curate … --json FILE writes it") from None
    except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{file} holds no funnel ({type(error).__name__}: {error})", "give the file that curate --json wrote"
        ) from None


def _step(found: Mapping[str, Any]) -> "Step":
    from understudy.curate.funnel import Step

    reasons = {str(reason): int(count) for reason, count in found["reasons"].items()}
    return Step(str(found["step"]), reasons, int(found["left"]))
