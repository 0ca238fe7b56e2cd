"""understudy: a lab bench for reasoning-trace distillation.

    import understudy
    understudy.run("quickstart")

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "run": "study",
    "Problem": "types",
    "Trace": "types",
    "Step": "types",
    "Score": "types",
    "Estimate": "types",
    "Skip": "types",
    "Sampling": "types",
    "Recipe": "types",
    "UnderstudyError": "errors",
    "entry": "registry",
    "build": "registry",
    "Piece": "registry",
    "estimate": "compare",
}
__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'understudy' has no attribute '{name}'")
    return getattr(import_module(f"understudy.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
