"""Measures: what is counted of each text of a reading, as arrays with one value a text.

Every public function returns columns by name; its docstring defines each with formula, unit and source, and the
reference page of measures is made of these docstrings.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import DIGIT, LETTER, SPACE, Buffer, Bytes, Flags, Places
from understudy.style.episodes import EPISODES
from understudy.style.kernel import kernel
from understudy.style.pivots import TYPES
from understudy.style.reading import Reading
from understudy.style.stages import STAGES
from understudy.style.words import Numbers

Columns = dict[str, NDArray[np.generic]]

TOKENS = (1.1, 1.4, 0.85)
"""Tokens a word, a digit and a sign: fitted to the counts of Qwen3 on its own traces, ± 5 % a trace there."""

_SIGN = ~(LETTER | SPACE)


def length(reading: Reading) -> Columns:
    """How long a text is.

    - ``characters``: Unicode code points.
    - ``words``: stretches between white space that hold a letter or digit.
    - ``tokens``: an estimate, 1.1 a word that starts with no digit, 1.4 a digit and 0.85 any other ASCII sign but
      white space, rounded; exact with ``--tokenizer``.
    - ``steps``: sentences and lines (``understudy.style.segment``).
    """
    texts, words = reading.texts, reading.words
    counts = np.zeros((4, reading.size), np.int64)
    _count(texts.data, texts.starts, texts.ends, words.numeric, words.type, words.border, counts)
    characters, digits, signs, numeric = counts
    plain = np.diff(words.border) - numeric
    return {
        "characters": characters,
        "words": reading.word_counts,
        "tokens": np.rint(TOKENS[0] * plain + TOKENS[1] * digits + TOKENS[2] * signs).astype(np.int64),
        "steps": np.diff(reading.steps.border),
    }


def turns(reading: Reading) -> Columns:
    """How often a text turns (phrases of ``lexicon.toml``).

    - ``realization``, ``verification``, ``exploration``, ``integration``: pivots of each type, a count
      ("Style over Substance", arXiv 2504.01738).
    - ``backtracks``: phrases with which a line of thought is given up, a count.
    - ``pivot_types``: of the four types, how many occur, 0 to 4.
    """
    counts = reading.per_kind(reading.pivots.kind, reading.text_of(reading.pivots), len(TYPES))
    return {
        **dict(zip(TYPES, counts, strict=True)),
        "backtracks": reading.per_text(reading.text_of(reading.backtracks)),
        "pivot_types": (counts > 0).sum(axis=0),
    }


def parts(reading: Reading) -> Columns:
    """What the steps of a text do, and the part of the trace they belong to.

    - ``episode_*``: steps with each of Schoenfeld's episodes and *monitor*, a count (``understudy.style.episodes``).
    - ``stage_*``: steps in each of the four stages of "Style over Substance", a count (``understudy.style.stages``).
    """
    text = reading.steps.text
    episodes = reading.per_kind(reading.episodes, text, len(EPISODES))
    stages = reading.per_kind(reading.stages, text, len(STAGES))
    named = {f"episode_{name}": row for name, row in zip(EPISODES, episodes, strict=True)}
    return named | {f"stage_{name}": row for name, row in zip(STAGES, stages, strict=True)}


def shape(reading: Reading) -> Columns:
    """The tree of a text's branches (``understudy.style.structure``).

    - ``branches``: branches beside the trunk, a count; ``abandoned``: those given up, a count.
    - ``failed_steps``: steps in abandoned branches / steps, 0 to 1 (after arXiv 2509.19284).
    - ``depth``: branches from the trunk to the deepest; ``width``: the most that grow out of one.
    """
    tree = reading.tree
    steps = np.diff(reading.steps.border)
    failed = reading.per_text(reading.steps.text[tree.abandoned])
    return {
        "branches": tree.branches,
        "abandoned": tree.gone,
        "failed_steps": failed / np.maximum(steps, 1),
        "depth": tree.depths,
        "width": tree.widths,
    }


def cohesion(reading: Reading, questions: Sequence[str], others: Sequence[str]) -> Columns:
    """Whether a text keeps to its subject, and how it varies its words.

    - ``coherence``: mean similarity of neighbouring steps, the cosine of their sets of content words, 0 to 1;
      ``coherence_null``: its mean over all orders of the steps (``understudy.style.coherence``).
    - ``coherence_decay``: how it falls with the distance of the steps.
    - ``question_overlap``: mean similarity of the steps with the question; ``question_overlap_null``: with another
      question; both null where the question is not known.
    - ``mtld``: lexical diversity in words (McCarthy & Jarvis 2010); ``repetition``: share of words in stretches of
      eight that were said before (``understudy.style.diversity``).
    """
    from understudy.style.coherence import coherence
    from understudy.style.diversity import mtld, repetition

    similar = coherence(reading.words, reading.steps, questions, others)
    return {
        "coherence": similar.adjacent,
        "coherence_null": similar.null,
        "coherence_decay": similar.decay,
        "question_overlap": similar.question,
        "question_overlap_null": similar.question_null,
        "mtld": mtld(reading.words),
        "repetition": repetition(reading.words),
    }


def efficiency(reading: Reading, questions: Sequence[str], answers: Sequence[str | None]) -> Columns:
    """How soon a text comes to the answer, without a judge (``understudy.style.efficiency``).

    - ``first_correct``: where the reference answer first appears, as the share of the characters up to the end of
      that step, 0 to 1; null where it never does or is not known.
    - ``reflection_after``: of the steps after that one, the share that verify, explore, monitor, or hold a pivot.
    """
    from understudy.style.efficiency import first_correct, reflection_after

    steps = reading.steps
    first = first_correct(reading.texts, reading.words, steps, answers, Buffer.of(questions))
    reflective = np.isin(reading.episodes, _REFLECTIVE) | (reading.pivot_of_step >= 0)
    return {
        "first_correct": first.position,
        "reflection_after": reflection_after(steps, first, reflective),
    }


_REFLECTIVE = [EPISODES.index(name) for name in ("verify", "explore", "monitor")]


@kernel
def _count(
    data: Bytes,
    starts: Places,
    ends: Places,
    numeric: Flags,
    types: Numbers,
    border: Places,
    counts: Places,
) -> None:
    """Characters, digits and ASCII signs of each text, and its words that start with a digit."""
    for text in range(len(starts)):
        characters = digits = signs = 0
        for at in range(starts[text], ends[text]):
            byte = data[at]
            characters += byte & 0xC0 != 0x80
            digits += DIGIT[byte]
            signs += _SIGN[byte]
        counts[0, text], counts[1, text], counts[2, text] = characters, digits, signs
        for word in range(border[text], border[text + 1]):
            counts[3, text] += numeric[types[word]]
