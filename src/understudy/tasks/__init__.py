"""Tasks: problems with a rule that says which answers are right."""
