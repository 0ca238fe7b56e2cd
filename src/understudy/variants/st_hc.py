"""A trace that a model writes under a prompt that dictates the style of a reasoning model (ST-HC).

vary: {st-hc: {model: {openai: {model: NAME, base_url: URL, temperature: 0.7}}}}
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from understudy.registry import entry
from understudy.style.stages import STAGES
from understudy.variants._writing import Measures, Writing


@entry
@dataclass(frozen=True, kw_only=True)
class StHc(Writing):
    """Has ``model`` write reasoning with the four stages and the four pivot types (ST-HC, arXiv 2504.01738).

    The model, which need not be one that reasons at length, is shown the question alone and told what to write
    (``st_hc.txt``; the prompt of the paper is not known to us). What it writes is taken if the task calls its answer
    right and the style engine finds at least ``pivot_types`` of the four types, all four stages, and a number of
    ``words`` in the band. Otherwise it is asked again, ``attempts`` times in all, for its next sample. ``metadata``
    says what was refused before; a problem of which all is refused is left out with the reasons.
    """

    words: tuple[int, int] = (80, 3000)
    pivot_types: int = 3

    keeps: ClassVar[frozenset[str]] = frozenset({"answer"})
    makes: ClassVar[frozenset[str]] = frozenset({"three-pivot-types", "four-stages"})
    prompt: ClassVar[str] = "st_hc.txt"

    def refuse(self, measures: Measures) -> Iterator[str]:
        """What is wrong with the style of a text."""
        yield from super().refuse(measures)
        if measures["pivot_types"] < self.pivot_types:
            yield f"it has fewer than {self.pivot_types} types of pivots"
        for stage in STAGES:
            if not measures[f"stage_{stage}"]:
                yield f"it has no {stage}"
