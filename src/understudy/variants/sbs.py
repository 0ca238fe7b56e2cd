"""A trace that a model writes when it is told to think step by step, and nothing of style (SBS).

vary: {sbs: {model: {openai: {model: NAME, base_url: URL, temperature: 0.7}}}}
"""

from dataclasses import dataclass
from typing import ClassVar

from understudy.registry import entry
from understudy.variants._writing import Writing


@entry
@dataclass(frozen=True, kw_only=True)
class Sbs(Writing):
    """Has ``model`` solve the question step by step (SBS of Style over Substance, arXiv 2504.01738).

    The model is shown the question alone (``sbs.txt``). What it writes is taken if the task calls its answer right and
    the number of ``words`` is in the band. Otherwise it is asked again, ``attempts`` times in all, for its next sample.
    ``metadata`` says what was refused before; a problem of which all is refused is left out with the reasons.
    """

    words: tuple[int, int] = (5, 3000)

    keeps: ClassVar[frozenset[str]] = frozenset({"answer"})
    makes: ClassVar[frozenset[str]] = frozenset()
    prompt: ClassVar[str] = "sbs.txt"
