"""What servers answer, in one form: a text, and the log-probabilities of its tokens if they came.

Two forms are in use for log-probabilities: that of OpenAI's completions (parallel lists `tokens`,
`token_logprobs`, `top_logprobs`), which vLLM keeps, and that of chat completions (a list `content`
with an object for each token), which llama.cpp uses for both. Whatever is no log-probability is an
error here, so that no metric is ever made of it.

References:
    https://platform.openai.com/docs/api-reference/completions
    https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from coursekit._console import printable
from coursekit.audit.served.client import ServerError

ROUNDING = 1e-3  #: nats by which the logarithm of a probability may exceed 0


@dataclass(frozen=True)
class Token:
    """A token as a server tells it.

    Attributes:
        text: Its letters.
        log_prob: In nats; None where the server gives none, as for the first token of a text.
        id: Its number in the vocabulary, where the server tells it.
        others: The most likely tokens at this place with their log-probabilities, itself among them
            if it is one.
    """

    text: str
    log_prob: float | None
    id: int | None = None
    others: tuple[Token, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Completion:
    """A text that a server wrote.

    Attributes:
        text: What it wrote.
        tokens: Its tokens, or None where the server gives no log-probabilities.
        prompt_tokens: How many tokens the server read, if it says so.
    """

    text: str
    tokens: tuple[Token, ...] | None
    prompt_tokens: int | None


def completion(answer: dict[str, Any]) -> Completion:
    """Read the answer of `/completions`.

    Raises:
        ServerError: If it has another form, or holds what is no log-probability.
    """
    choice = _choice(answer)
    text = choice.get("text")
    if not isinstance(text, str):
        raise ServerError(f"an answer must have a text, found {_short(choice)}")
    return Completion(text, _tokens(choice.get("logprobs")), _prompt_tokens(answer))


def chat(answer: dict[str, Any]) -> Completion:
    """Read the answer of `/chat/completions`; a model that says nothing gives an empty text.

    Raises:
        ServerError: As `completion`.
    """
    choice = _choice(answer)
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else 0
    if not isinstance(text, str | None):
        raise ServerError(f"an answer must have a message with a text, found {_short(choice)}")
    return Completion(text or "", _tokens(choice.get("logprobs")), _prompt_tokens(answer))


def prompt_tokens(answer: dict[str, Any]) -> tuple[Token, ...] | None:
    """Read `prompt_logprobs` of vLLM: the tokens of the prompt; None where there are none.

    Raises:
        ServerError: As `completion`.
    """
    rows = _choice(answer).get("prompt_logprobs")
    if not isinstance(rows, list):
        return None
    tokens = []
    for row in rows:
        if row is None:
            tokens.append(Token("", None))
            continue
        # The token of the prompt stands first; those that were more likely follow.
        entry = next(iter(row.items()), None) if isinstance(row, dict) else None
        if entry is None or not isinstance(entry[1], dict):
            raise ServerError(f"prompt_logprobs must hold objects, found {_short(row)}")
        text = entry[1].get("decoded_token")
        tokens.append(Token(text if isinstance(text, str) else "", _log_prob(entry[1], "logprob")))
    return tuple(tokens)


def _choice(answer: dict[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ServerError(f"an answer must have choices, found {_short(answer)}")
    return choices[0]


def _prompt_tokens(answer: dict[str, Any]) -> int | None:
    usage = answer.get("usage")
    found = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


def _tokens(logprobs: Any) -> tuple[Token, ...] | None:
    if not isinstance(logprobs, dict):
        return None
    if isinstance(logprobs.get("content"), list):
        return tuple(_of_content(entry, "top_logprobs") for entry in logprobs["content"])
    if isinstance(logprobs.get("tokens"), list):
        return _of_lists(logprobs)
    return None


def _of_content(entry: Any, others: str | None = None) -> Token:
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        raise ServerError(f"log-probabilities must name their tokens, found {_short(entry)}")
    among = entry.get(others) if others else None
    number = entry.get("id")
    return Token(
        entry["token"],
        _log_prob(entry, "logprob"),
        number if isinstance(number, int) else None,
        tuple(map(_of_content, among)) if isinstance(among, list) else (),
    )


def _of_lists(logprobs: dict[str, Any]) -> tuple[Token, ...]:
    texts, numbers = logprobs["tokens"], logprobs.get("token_logprobs")
    tops = logprobs.get("top_logprobs") or [None] * len(texts)
    if not isinstance(numbers, list) or not len(texts) == len(numbers) == len(tops):
        raise ServerError(
            f"log-probabilities must be one for each of the {len(texts)} tokens, found "
            f"{_short(numbers)}"
        )
    tokens = []
    for text, number, top in zip(texts, numbers, tops, strict=True):
        # Before the first token of a text there is nothing to predict it from.
        log_prob = None if number is None else _checked(number)
        among = top.items() if isinstance(top, dict) else ()
        others = tuple(Token(str(other), _checked(value)) for other, value in among)
        tokens.append(Token(str(text), log_prob, None, others))
    return tuple(tokens)


def _log_prob(entry: dict[str, Any], name: str) -> float:
    return _checked(entry.get(name))


def _checked(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ServerError(f"a log-probability must be a finite number, found {_short(value)}")
    if value > ROUNDING:
        raise ServerError(f"a log-probability must be at most 0, found {value}")
    return min(float(value), 0.0)


def _short(found: Any) -> str:
    return printable(f"{found!r:.120}")
