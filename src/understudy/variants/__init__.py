"""Variants: controlled changes of a trace."""
