"""Reasoning about knights and knaves in the ways in which models write it: right, and with one wrong step.

Each text follows a puzzle, and each pair after it turns one right step into a wrong one.
"""

# ruff: noqa: E501

import pytest

from understudy.tasks._knights_logic import parse, read_puzzle
from understudy.tasks._knights_writing import answer
from understudy.tasks.knights import Knights
from understudy.types import Problem

NAMES = ["Marta", "Otto", "Petra", "Ivan", "Tilda"]
PUZZLES = {
    "A": """(('not', ('telling-truth', 2)), ('or', ('telling-truth', 1), ('lying', 2)), ('<=>', ('telling-truth', 1), ('lying', 1)))""",
    "B": """(('->', ('lying', 2), ('telling-truth', 1)), ('telling-truth', 0), ('or', ('lying', 0), ('lying', 1)))""",
    "E": """(('<=>', ('telling-truth', 0), ('telling-truth', 2)), ('lying', 0), ('<=>', ('lying', 0), ('telling-truth', 2)))""",
    "F": """(('<=>', ('lying', 1), ('telling-truth', 0)), ('not', ('telling-truth', 0)), ('lying', 3), ('and', ('telling-truth', 1), ('telling-truth', 0)))""",
    "G": """(('telling-truth', 2), ('telling-truth', 0), ('<=>', ('telling-truth', 2), ('telling-truth', 1)))""",
    "I": """(('or', ('telling-truth', 1), ('lying', 1)), ('lying', 2), ('or', ('lying', 0), ('lying', 4)), ('or', ('telling-truth', 2), ('telling-truth', 4)), ('lying', 3))""",
}
"""By letter, what the first of the names say, one after another."""

TEXTS: list[tuple[str, str, list[tuple[str, str]]]] = [
    (
        "B",
        """Otto says Marta is a knight, so Otto and Marta are of the same type: either both are knights or both are knaves.

Suppose both are knaves. Then Petra's statement is true, so Petra is a knight. Marta's statement is "if Petra is a knave then Otto is a knight"; since Petra is a knight, the condition is false and the statement is vacuously true. But Marta is a knave, so his statement must be false. That's a contradiction.

So both are knights. Then Petra's statement is false and Petra is a knave. Marta's statement is true, since Otto is a knight.

**Final answer:** Marta and Otto are knights; Petra is a knave.""",
        [
            ("so Petra is a knight. Marta's statement", "so Petra is a knave. Marta's statement"),
            (
                "So both are knights. Then Petra's statement is false and Petra is a knave",
                "So both are knights. Then Petra's statement is true and Petra is a knight",
            ),
        ],
    ),
    (
        "E",
        """<think>
Alright, three inhabitants. Marta: "Marta is a knight iff Petra is a knight". Otto: "Marta is a knave". Petra: "Marta is a knave iff Petra is a knight".

Assume Marta is a knight. Then Petra must also be a knight. But then Petra's statement must be true, so Marta is a knave. That contradicts the assumption that Marta is a knight. So Marta is a knave.

Hmm, so with Marta being a knave, Otto is telling the truth. So Otto is a knight.

Now, Marta's statement must be false. So it's not the case that Marta is a knight iff Petra is a knight. Marta is a knave, so for the iff to be false Petra has to be a knight. And Petra's statement: Marta is a knave (true) iff Petra is a knight (true). True. OK so Petra is a knight, consistent.
</think>
Marta is a knave, Otto is a knight and Petra is a knight.""",
        [
            ("So Marta is a knave.\n", "So Marta is a knight.\n"),
            ("Otto is telling the truth. So Otto is a knight", "Otto is lying. So Otto is a knave"),
            ("Then Petra must also be a knight. But", "Then Petra must be a knave. But"),
        ],
    ),
    (
        "G",
        """Otto says Marta is a knight, and Marta says Petra is a knight. So all three are the same: if Marta is a knight, Otto is too and Petra is too. If Marta is a knave, then Otto is lying, so Otto is a knave, and Marta is lying, so Petra is a knave.

Now check the all-knave scenario: Petra says "Petra is a knight if and only if Otto is a knight". Both are knaves, so the statement is true. But a knave can't tell the truth. So that's impossible.

So all three are knights: Marta is a knight, Otto is a knight and Petra is a knight.""",
        [
            (
                "so Otto is a knave, and Marta is lying, so Petra is a knave",
                "so Otto is a knight, and Marta is lying, so Petra is a knave",
            )
        ],
    ),
    (
        "G",
        """1. Assume Petra is a knave.
   - Marta's statement "Petra is a knight" is false, so Marta is a knave.
   - Otto's statement "Marta is a knight" is false, so Otto is a knave.
   - Petra's statement "Petra is a knight if and only if Otto is a knight" is true, because both are knaves.
   - But Petra is a knave, so her statement should be false. Contradiction.
2. Therefore Petra is a knight.
   - Marta's statement is true, so Marta is a knight.
   - Otto's statement is true, so Otto is a knight.

So Marta, Otto and Petra are all knights.""",
        [
            ("is false, so Marta is a knave", "is false, so Marta is a knight"),
            ("Otto's statement is true, so Otto is a knight", "Otto's statement is false, so Otto is a knave"),
            ("2. Therefore Petra is a knight.", "2. Therefore Petra is a knave."),
        ],
    ),
    (
        "I",
        """Marta says Otto is a knight or Otto is a knave. That's a tautology, so Marta is a knight.

Next, Ivan and Tilda. Tilda says Ivan is a knave. Ivan says Petra is a knight or Tilda is a knight.

If Ivan is a knave, then neither Petra nor Tilda is a knight. So Tilda is a knave. But then Tilda's statement "Ivan is a knave" is true, so Tilda would be telling the truth, contradiction. So Ivan is a knight.

Then Tilda's statement is false, so Tilda is a knave.

Petra says Marta is a knave or Tilda is a knave. Tilda is a knave, so this is true. So Petra is a knight.

Otto says Petra is a knave, which is false. So Otto is a knave.

Marta: knight
Otto: knave
Petra: knight
Ivan: knight
Tilda: knave""",
        [
            ("tautology, so Marta is a knight", "tautology, so Marta is a knave"),
            ("contradiction. So Ivan is a knight.", "contradiction. So Ivan is a knave."),
            ("so this is true. So Petra is a knight", "so this is false. So Petra is a knave"),
            ("which is false. So Otto is a knave", "which is false. So Otto is a knight"),
        ],
    ),
    (
        "I",
        """**Step 1.** Marta's statement is always true → Marta = Knight.
**Step 2.** Tilda and Ivan: Tilda claims Ivan is a knave, so exactly one of them is a knight.
  - Option A: Tilda = knight, Ivan = knave. Then Ivan's claim (Petra is a knight or Tilda is a knight) is true, because Tilda is a knight. A knave can't say that. ✗
  - Option B: Tilda = knave, Ivan = knight. Then Ivan's claim must be true, so Petra = knight. ✓
**Step 3.** Petra = knight → Otto's claim is false → Otto = Knave.

**Answer:** Marta – knight, Otto – knave, Petra – knight, Ivan – knight, Tilda – knave""",
        [
            ("so Petra = knight. ✓", "so Petra = knave. ✓"),
            ("Otto's claim is false → Otto = Knave", "Otto's claim is true → Otto = Knight"),
        ],
    ),
    (
        "A",
        """Wait, Petra's statement is weird: "Otto is a knight if and only if Otto is a knave." That can never be true. So Petra is lying, she's a knave.

So Marta is telling the truth when she says Petra is not a knight. Marta is a knight.

For Otto: if she were a knave, her statement "Otto is a knight or Petra is a knave" would have to be false. But Petra is a knave makes it true. So she can't be a knave. Otto is a knight.

(1) Marta is a knight
(2) Otto is a knight
(3) Petra is a knave""",
        [
            ("So Petra is lying, she's a knave", "So Petra is telling the truth, she's a knight"),
            ("Petra is not a knight. Marta is a knight.", "Petra is not a knight. Marta is a knave."),
            ("So she can't be a knave. Otto is a knight.", "So she must be a knave. Otto is a knave."),
        ],
    ),
    (
        "E",
        """Let me try Marta = knave, Otto = knave, Petra = knave first. Then Otto's statement "Marta is a knave" is true, which a knave can't say. ✗

Try Marta = knight, Petra = knight. Petra's statement "Marta is a knave iff Petra is a knight" is false, but Petra is a knight. ✗

Try Marta = knave, Petra = knight. Marta's statement is false ✓. Petra's statement is true ✓. Otto's statement is true, so Otto is a knight ✓.

So the solution is Marta = knave, Otto = knight, Petra = knight.""",
        [("Otto's statement is true, so Otto is a knight", "Otto's statement is false, so Otto is a knave")],
    ),
    (
        "F",
        """Petra and Ivan first: Petra says Ivan is a knave, so one of them is a knight and the other is a knave. If Ivan is a knight, then Otto and Marta are both knights. But Otto says Marta is not a knight, which contradicts Marta being a knight. So Ivan is a knave and Petra is a knight.

Now, Otto says Marta isn't a knight, so they're different. Suppose Marta is a knave; then Otto is a knight and "Otto is a knave iff Marta is a knight" has both sides false, making it true. But Marta is a knave. So this doesn't work. So Marta is a knight, and Otto is a knave.

Answer: Marta (knight), Otto (knave), Petra (knight), Ivan (knave)""",
        [
            ("So Ivan is a knave and Petra is a knight.", "So Ivan is a knight and Petra is a knave."),
            ("So Marta is a knight, and Otto is a knave.", "So Marta is a knave, and Otto is a knight."),
            ("then Otto and Marta are both knights. But", "then Otto and Marta are both knaves. But"),
        ],
    ),
    (
        "E",
        """**Analysis of Otto:** Otto says that Marta is a knave. So Otto and Marta are opposite types.

**Scenario A – Marta is a knight, Otto is a knave.**
Marta's statement must be true → Petra is a knight.
Petra's statement must be true → Marta is a knave.
Contradiction with Marta being a knight ❌

**Scenario B – Marta is a knave, Otto is a knight.**
Marta's statement must be false → Petra is a knight.
Petra's statement is true ✅

**Result**
* Marta – knave
* Otto – knight
* Petra – knight""",
        [
            (
                "Marta's statement must be false → Petra is a knight.",
                "Marta's statement must be false → Petra is a knave.",
            ),
            (
                "Marta's statement must be true → Petra is a knight.",
                "Marta's statement must be true → Petra is a knave.",
            ),
        ],
    ),
    (
        "G",
        """Try assuming everyone is a knight: Marta says Petra is a knight ✓., Otto says Marta is a knight ✓., Petra says she and Otto match ✓. That works.

But is it unique? Suppose Petra is a knave. Then Marta lied, so Marta is a knave. Then Otto lied, so Otto is a knave. But then Petra's biconditional holds (both sides are false), and a knave said something true. Not allowed. So Petra is a knight, then Marta is a knight, then Otto is a knight.

Hence all are knights. Marta is a knight, Otto is a knight, and Petra is a knight.""",
        [
            ("Then Marta lied, so Marta is a knave.", "Then Marta lied, so Marta is a knight."),
            ("So Petra is a knight, then Marta", "So Petra is a knave, then Marta"),
        ],
    ),
    (
        "I",
        """First, note that "Otto is a knight or Otto is a knave" is always true, which means Marta is a knight.

Suppose Tilda is a knight. Then Ivan is a knave. So Ivan's statement must be false, so neither Petra nor Tilda is a knight. That contradicts our assumption that Tilda is a knight. Therefore Tilda is a knave and Ivan is a knight.

Petra: "Marta is a knave or Tilda is a knave". The second part is true. So Petra is a knight. It follows that Otto is a knave.

Conclusion: Marta is a knight, Otto is a knave, Petra is a knight, Ivan is a knight, Tilda is a knave.""",
        [
            ("It follows that Otto is a knave.", "It follows that Otto is a knight."),
            ("Therefore Tilda is a knave and Ivan is a knight.", "Therefore Tilda is a knight and Ivan is a knave."),
        ],
    ),
]


def problem(puzzle: str) -> Problem:
    statements = PUZZLES[puzzle]
    names = NAMES[: len(parse(statements))]
    solution = read_puzzle(tuple(names), statements).solution
    return Problem("p", "knights", "?", answer(names, solution), "test", {"names": names, "statements": statements})


@pytest.mark.parametrize(("puzzle", "text"), [(puzzle, text) for puzzle, text, _ in TEXTS])
def test_right_reasoning_is_right(puzzle: str, text: str) -> None:
    island = problem(puzzle)
    trace, conclusion, steps = Knights().check_trace(island, text, island.answer or "")
    assert (trace.value, conclusion.value, steps.value) == (1, 1, 1), trace
    assert Knights().grade(island, text).value == 1


@pytest.mark.parametrize(
    ("puzzle", "text", "right", "wrong"), [(puzzle, text, *pair) for puzzle, text, pairs in TEXTS for pair in pairs]
)
def test_one_wrong_step_is_caught(puzzle: str, text: str, right: str, wrong: str) -> None:
    island = problem(puzzle)
    assert text.count(right) == 1
    trace = Knights().check_trace(island, text.replace(right, wrong), island.answer or "")[0]
    assert trace.value == 0, trace
