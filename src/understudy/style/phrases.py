"""What scripted teachers say at the turns of a trace: ordinary phrases that the pivot lexicon knows.

An embedded student has one token for each of them, which keeps its sequences short.
"""

FRAMING = ("okay , the task is", "let me restate :", "first what is asked :")
REALIZATION = ("wait no", "hmm that fails", "oh that is wrong")
EXPLORATION = ("alternatively", "what if we try", "another option :")
VERIFICATION = ("let me check :", "to verify :", "double check :")
INTEGRATION = ("so overall", "putting it together :", "now i see how")
HESITATION = ("wait", "hmm")
HIT, MISS, CONFIRMED, STEP, STOP = "hit", "miss", "yes", "step", "."

ALL = (
    *(FRAMING + REALIZATION + EXPLORATION + VERIFICATION + INTEGRATION + HESITATION),
    *(HIT, MISS, CONFIRMED, STEP, STOP),
)
