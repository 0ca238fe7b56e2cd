"""Train the episode tagger from the labels in ``episodes.csv``, whose texts lie in ``../shared/data``.

    python training/episodes.py                 # writes src/understudy/style/episodes.json, prints agreement

Labels are references: file, field, row, sample, and the characters from which to which a step goes. The sentences
are not part of this project. People's labels are read for the evaluation alone.
"""

import argparse
import csv
import gzip
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from understudy.style import episodes
from understudy.style.agreement import agreement
from understudy.style.buffer import Buffer
from understudy.style.episodes import EPISODES, SHAPES, Steps, Tagger
from understudy.style.segment import segment
from understudy.style.words import words

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
MODEL = ROOT / "src" / "understudy" / "style" / "episodes.json"
WORD = re.compile(r"[0-9A-Za-z]+")
LEAST, LONGEST = 4, 4
FIRST, SECOND = 0.3, 0.01
"""Inverse strength of the penalty of each layer."""


@dataclass(frozen=True)
class Labelled:
    """A text whose steps are partly labelled: ``labels`` (steps,), -1 where there is none."""

    texts: Buffer
    found: Any
    steps: Steps
    labels: Any
    name: str


def read(path: Path) -> list[Labelled]:
    """The labelled texts of a file of references."""
    spans = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            place = (row["file"], row["field"], int(row["row"]), row["sample"])
            spans[place].append((int(row["start"]), EPISODES.index(row["episode"])))
    files: dict[str, Any] = {}
    found = []
    for (file, field, row, sample), marks in spans.items():
        if file not in files:
            files[file] = lines_of(DATA / file)
        text = files[file][row][field]
        found.append(labelled(text[int(sample)] if sample else text, marks, f"{file}/{row}"))
    return found


def lines_of(file: Path) -> list[Any]:
    """The rows of a gzipped file of JSON lines."""
    with gzip.open(file) as lines:
        return [json.loads(line) for line in lines]


def labelled(text: str, marks: list[tuple[int, int]], name: str) -> Labelled:
    """A text with the labels of the steps that start at these characters; a label may cut a step in two."""
    texts = Buffer.of([text])
    bytes_of = {at: len(text[:at].encode()) + int(texts.starts[0]) for at, _ in marks}
    starts = np.union1d(segment(texts), np.array(list(bytes_of.values()), np.int64))
    labels = np.full(len(starts), -1)
    for at, episode in marks:
        labels[np.searchsorted(starts, bytes_of[at])] = episode
    found = words(texts)
    return Labelled(texts, found, Steps.of(texts, found, starts), labels, name)


def vocabulary(examples: list[Labelled]) -> tuple[list[str], list[str]]:
    """The words, and the phrases that open a step, which occur in enough labelled steps."""
    single, opening = Counter[str](), Counter[str]()
    for example in examples:
        for step in np.flatnonzero(example.labels >= 0):
            span = example.texts.data[example.steps.start[step] : example.steps.end[step]]
            found = [w if not w[0].isdigit() else "0" for w in WORD.findall(span.tobytes().decode().lower())]
            single.update(set(found))
            opening.update(" ".join(found[:size]) for size in range(1, min(LONGEST, len(found)) + 1))
    words, openings = ([w for w, n in sorted(counts.items()) if n >= LEAST] for counts in (single, opening))
    return words, openings


def fit(examples: list[Labelled]) -> tuple[dict[str, Any], Any]:
    """The model, and the labels that models of other texts gave to each text (first layer, then second)."""
    single, opening = vocabulary(examples)
    zero = [0.0] * len(EPISODES)
    wide = (2 * episodes.REACH + 1) * len(EPISODES) + len(SHAPES) + 1
    empty = {"words": dict.fromkeys(single, zero), "openings": dict.fromkeys(opening, zero)}
    names = (*SHAPES, "always")
    blank = Tagger({**empty, "shapes": dict.fromkeys(names, zero), "context": [zero] * wide})
    features = [blank.features(e.texts, e.found, e.steps) for e in examples]
    shape = [episodes.shapes(e.texts, e.found, e.steps) for e in examples]
    marked = [e.labels >= 0 for e in examples]
    every = np.arange(len(examples))

    def solve(rows: Any, penalty: float, inputs: list[Any]) -> Any:
        stack = vstack if not isinstance(inputs[0], np.ndarray) else np.vstack
        x = stack([inputs[i][marked[i]] for i in rows])
        y = np.concatenate([examples[i].labels[marked[i]] for i in rows])
        found = LogisticRegression(C=penalty, max_iter=1000, fit_intercept=False).fit(x, y)
        return found.coef_.T

    joint = [hstack((f, csr_matrix(s)), format="csr") for f, s in zip(features, shape, strict=True)]
    held: list[Any] = [None] * len(examples)
    folds = list(GroupKFold(8, shuffle=True, random_state=0).split(every, groups=every))
    for train, test in folds:
        weights = solve(train, FIRST, joint)
        for i in test:
            held[i] = joint[i] @ weights
    views = [episodes.around(h, s, e.steps.text) for h, s, e in zip(held, shape, examples, strict=True)]
    guesses: list[Any] = [None] * len(examples)
    for train, test in folds:
        weights = solve(train, SECOND, views)
        for i in test:
            guesses[i] = (views[i] @ weights).argmax(axis=1)
    base, context = solve(every, FIRST, joint), solve(every, SECOND, views)
    rounded = [[round(float(w), 3) for w in row] for row in base]
    first, second = len(single), len(single) + len(opening)
    model = {
        "episodes": list(EPISODES),
        "words": dict(zip(single, rounded[:first], strict=True)),
        "openings": dict(zip(opening, rounded[first:second], strict=True)),
        "shapes": dict(zip(names, rounded[second:], strict=True)),
        "context": [[round(float(w), 4) for w in row] for row in context],
    }
    return model, guesses


def main() -> None:
    """Train, write, evaluate."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dry", action="store_true", help="write nothing")
    options.add_argument("--final", action="store_true", help="evaluate on the traces that no choice was made on, too")
    chosen = options.parse_args()
    examples = read(Path(__file__).with_name("episodes.csv"))
    model, guesses = fit(examples)
    if not chosen.dry:
        MODEL.write_text(json.dumps(model, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    truth = np.concatenate([e.labels[e.labels >= 0] for e in examples])
    given = np.concatenate([g[e.labels >= 0] for g, e in zip(guesses, examples, strict=True)])
    print("own labels, folds by text:", agreement(truth, given))
    people = DATA / "unlicensed" / "schoenfeld_r1_sat_sentences_odd.jsonl.gz"
    traces = [row["data"] for row in lines_of(people)]
    tagger = Tagger(model)
    parts = {"first 9": traces[:9]} | ({"last 10": traces[9:], "all 19": traces} if chosen.final else {})
    for name, part in parts.items():
        truth, given = [], []
        for trace in part:
            truth += [EPISODES.index(sentence["gt-class-2"].lower()) for sentence in trace]
            given += [EPISODES.index(e) for e in episodes.label([s["text"] for s in trace], tagger)]
        print(f"people's labels, {name}:", agreement(truth, given))


if __name__ == "__main__":
    main()
