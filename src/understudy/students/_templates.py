"""Chat templates of ours, and how one is made not to change from day to day.

``CHATML`` marks the turns as Qwen's models do and keeps the reasoning; ``PLAIN`` is for a base model: the prompt, a
line break and what comes after it, without any mark that the model does not know.
"""

import re
from datetime import date

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' and message['reasoning_content'] is defined %}"
    "<think>\n{{ message['reasoning_content'] | trim }}\n</think>\n\n{% endif %}"
    "{{ message['content'] | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PLAIN = (
    "{% for message in messages %}{{ message['content'] | trim }}"
    "{{ eos_token if message['role'] == 'assistant' else '\n' }}{% endfor %}"
)
BOS = "{{ bos_token }}"
"""What a plain text begins with, for a tokenizer that begins every text with it."""
DAY = date(2024, 7, 26)
"""The day of every prompt: the one that the templates of Llama 3 fall back to."""
_DATED = re.compile(r"strftime_now\(\s*(?:'([^']*)'|\"([^\"]*)\")\s*\)")


def pinned(template: str) -> str:
    """The template on one fixed day: with today's date in it, a student is tested with another prompt than trained."""
    return _DATED.sub(lambda found: f"'{DAY.strftime(found[1] or found[2])}'", template)
