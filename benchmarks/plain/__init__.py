"""The measures of style once more, written plainly: one text at a time, with ``re`` and dicts. All rules, and slow.

    python -c "from benchmarks import plain; print(plain.core('Wait. 2 + 2 is 4.'))"

``understudy.style`` computes the same on whole columns; tests hold the two to the same results, and ``make bench``
measures how much faster it is. Only constants, the lexicon and the model's weights are shared.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from benchmarks.plain import cohesion, episodes, structure
from benchmarks.plain.phrases import find, lower, tokens, word_count
from benchmarks.plain.steps import segment

from understudy.style.episodes import EPISODES
from understudy.style.pivots import ALTERNATIVE, BACKTRACK, CONCLUSION, SUPPOSITION, TYPES
from understudy.style.stages import STAGES
from understudy.style.structure import OPENING

MARKS = (CONCLUSION, BACKTRACK)
REFLECTIVE = ("verify", "explore", "monitor")


@dataclass
class Reading:
    """A text with its steps and what each of them is; ``pivots`` are starts, ends and types, in order."""

    text: str
    steps: list[str]
    words: list[list[episodes.Piece]]
    pivots: list[tuple[int, int, str]]
    backtracks: int
    pivot: list[str | None]
    episode: list[str]
    stage: list[str]
    tree: structure.Tree


def read(text: str) -> Reading:
    """Everything that is found in a text."""
    low, steps = lower(text), segment(text)
    words = episodes.words_of(steps, low)
    starts = list(accumulate(map(len, steps), initial=0))
    found = {name: find(name, low) for name in (*TYPES, BACKTRACK, CONCLUSION, SUPPOSITION, ALTERNATIVE)}
    pivots = sorted((a, b, name) for name in TYPES for a, b in found[name])
    first = {step_of(a, starts): name for a, _, name in reversed(pivots)}
    episode = episodes.label(steps, low, words)
    concludes, gives_up = (marked({step_of(a, starts) for a, _ in found[name]}, len(steps)) for name in MARKS)
    opening = {place: n for n, pieces in enumerate(words) for _, place, _ in pieces[:OPENING]}
    supposes, instead = (
        marked({opening[a] for a, _ in found[name] if a in opening}, len(steps)) for name in (SUPPOSITION, ALTERNATIVE)
    )
    stage = structure.stages(episode, concludes)
    tree = structure.tree(supposes, instead, gives_up, [each == "synthesis" for each in stage])
    pivot = [first.get(n) for n in range(len(steps))]
    return Reading(text, steps, words, pivots, len(found[BACKTRACK]), pivot, episode, stage, tree)


def step_of(place: int, starts: list[int]) -> int:
    """The step that holds a character."""
    return bisect_right(starts, place) - 1


def marked(chosen: set[int], size: int) -> list[bool]:
    """Whether each step is among those."""
    return [n in chosen for n in range(size)]


def core(text: str, reading: Reading | None = None) -> dict[str, Any]:
    """Lengths, pivots, episodes, stages and the tree of one text: the columns of ``profile.measure(core=True)``."""
    found = reading or read(text)
    every = [word for words in found.words for word, _, _ in words]
    counts = {name: sum(1 for *_, kind in found.pivots if kind == name) for name in TYPES}
    return {
        "characters": len(text),
        "words": word_count(text),
        "tokens": tokens(text, every),
        "steps": len(found.steps),
        **counts,
        "backtracks": found.backtracks,
        "pivot_types": sum(1 for count in counts.values() if count),
        **{f"episode_{name}": found.episode.count(name) for name in EPISODES},
        **{f"stage_{name}": found.stage.count(name) for name in STAGES},
        "branches": len(found.tree.children) - 1,
        "abandoned": found.tree.gone,
        "failed_steps": sum(found.tree.abandoned) / max(len(found.steps), 1),
        "depth": found.tree.deepest,
        "width": max(found.tree.children),
    }


def measures(text: str, question: str, other: str, answer: str | None) -> dict[str, Any]:
    """All measures of one text; ``question`` and ``other`` may be empty, ``answer`` null."""
    found = read(text)
    similar = cohesion.coherence(found.steps, question, other)
    step, position = cohesion.first_correct(found.steps, answer, question)
    return {
        **core(text, found),
        "coherence": similar["adjacent"],
        "coherence_null": similar["null"],
        "coherence_decay": similar["decay"],
        "question_overlap": similar["question"],
        "question_overlap_null": similar["question_null"],
        "mtld": cohesion.mtld(text),
        "repetition": cohesion.repetition(text),
        "first_correct": position,
        "reflection_after": None if step is None else reflection_after(found, step),
    }


def reflection_after(found: Reading, step: int) -> float | None:
    """Of the steps after this one, the share that verify, explore, monitor or hold a pivot."""
    after = list(zip(found.episode, found.pivot, strict=True))[step + 1 :]
    return sum(1 for episode, pivot in after if episode in REFLECTIVE or pivot) / len(after) if after else None
