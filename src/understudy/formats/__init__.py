"""Formats: ways to write reasoning and response as one text."""
