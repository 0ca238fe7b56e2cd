"""Measures: what is counted of each text of a reading, as arrays with one value a text.

Every public function returns columns by name; its docstring defines each with formula, unit and source, and the
reference page of measures is made of these docstrings.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from understudy.style.buffer import CONTINUES, LETTER, SPACE, Buffer
from understudy.style.episodes import EPISODES
from understudy.style.pivots import TYPES
from understudy.style.reading import Reading
from understudy.style.stages import STAGES

Columns = dict[str, NDArray[np.generic]]

TOKENS = (1.1, 1.4, 0.85)
"""Tokens a word, a digit and a sign: fitted to the counts of Qwen3 on its own traces, ± 5 % a trace there."""


def length(reading: Reading) -> Columns:
    """How long a text is.

    - ``characters``: Unicode code points.
    - ``words``: stretches between white space that hold a letter or digit.
    - ``tokens``: an estimate, 1.1 a word that starts with no digit, 1.4 a digit and 0.85 any other ASCII sign but
      white space, rounded; exact with ``--tokenizer``.
    - ``steps``: sentences and lines (``understudy.style.segment``).
    """
    texts = reading.texts
    return {
        "characters": texts.ends - texts.starts - texts.count(CONTINUES, texts.starts, texts.ends),
        "words": reading.word_counts,
        "tokens": _tokens(reading),
        "steps": reading.per_text(reading.steps.text),
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
    steps = reading.per_text(reading.steps.text)
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

    texts, found, index = reading.texts, reading.words, reading.index
    similar = coherence(texts, found, index, reading.steps.start, Buffer.of(questions), Buffer.of(others))
    return {
        "coherence": similar.adjacent,
        "coherence_null": similar.null,
        "coherence_decay": similar.decay,
        "question_overlap": similar.question,
        "question_overlap_null": similar.question_null,
        "mtld": mtld(texts, found, index),
        "repetition": repetition(texts, found),
    }


def efficiency(reading: Reading, questions: Sequence[str], answers: Sequence[str | None]) -> Columns:
    """How soon a text comes to the answer, without a judge (``understudy.style.efficiency``).

    - ``first_correct``: where the reference answer first appears, as the share of the characters up to the end of
      that step, 0 to 1; null where it never does or is not known.
    - ``reflection_after``: of the steps after that one, the share that verify, explore, monitor, or hold a pivot.
    """
    from understudy.style.efficiency import first_correct, reflection_after

    texts, steps = reading.texts, reading.steps
    first = first_correct(texts, reading.words, reading.index, steps.start, answers, Buffer.of(questions))
    reflective = np.isin(reading.episodes, _REFLECTIVE) | (reading.pivot_of_step >= 0)
    return {
        "first_correct": first.position,
        "reflection_after": reflection_after(texts, steps.start, first, reflective),
    }


_REFLECTIVE = [EPISODES.index(name) for name in ("verify", "explore", "monitor")]


def _tokens(reading: Reading) -> NDArray[np.int64]:
    texts = reading.texts
    first, last = (np.searchsorted(reading.words.start, edge) for edge in (texts.starts, texts.ends))
    numeric = np.concatenate(([0], np.cumsum(reading.words.numeric)))
    plain = last - first - (numeric[last] - numeric[first])
    digits = _count(texts, texts.data - np.uint8(48) <= 9)
    signs = _count(texts, (texts.kinds & (SPACE | LETTER)) == 0)
    return np.rint(TOKENS[0] * plain + TOKENS[1] * digits + TOKENS[2] * signs).astype(np.int64)


def _count(texts: Buffer, flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    places = np.flatnonzero(flags)
    return np.searchsorted(places, texts.ends) - np.searchsorted(places, texts.starts)
