"""Tasks: problems with a rule that says which answers are right."""

from hashlib import sha256


def problem_id(task: str, prompt: str) -> str:
    """The id of a problem, from its prompt with whitespace normalised: the same question has the same id anywhere."""
    return f"{task}-{sha256(' '.join(prompt.split()).encode()).hexdigest()[:12]}"
