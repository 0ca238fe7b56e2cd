"""understudy: a lab bench for reasoning-trace distillation."""

__version__ = "0.1.0"
