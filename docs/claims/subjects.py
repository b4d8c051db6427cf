"""What several chapters try their claims on."""

from __future__ import annotations

from functools import cache

from coursekit import llm
from coursekit.llm import LanguageModel
from coursekit.llm._texts import encode

#: Short texts of different kinds, by name.
TEXTS = {
    "the cat": "The cat sat on the mat because it was tired, and the dog looked at it.",
    "the train": "Two trains left the station at noon, but only one of them came to Paris.",
    "code": "def add(first, second):\n    total = first + second\n    return total\n",
    "chat": "<|im_start|>user\nWhere is the cat that sat on the mat?<|im_end|>\n",
    "French": "Le chat dormait sur la chaise, et le chien le regardait sans bouger.",
}


@cache
def lm() -> LanguageModel:
    """Return the course's own model, loaded once, on the CPU."""
    return llm.load("smollm2-135m-instruct", device="cpu")


def ids_of(prompt: str | llm.Chat) -> list[int]:
    """Return the tokens of a text or of a conversation, as every scorer reads them."""
    return list(encode(lm(), [prompt])[0])
