"""Graders: rules that compare a response with a reference answer."""
