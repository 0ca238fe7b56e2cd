"""Selectors: which of a model's traces an arm keeps. Each looks at all attempts at one problem together."""
