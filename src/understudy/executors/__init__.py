"""Executors: where stages run, apart from what they do."""
