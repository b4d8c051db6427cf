"""A served model and what it can do: the questions that an audit puts to it, each in one place.

A text is scored in one of three ways, the best that the server has. By *echo* the server reads a
text and returns the log-probability of every token in it. By vLLM's `prompt_logprobs` it does the
same under another name. By *steps* it is asked, for one token after the other, which tokens it
would have written there, and with which probability (the chain rule); tokens that are not among its
most likely ones have a bound in place of a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import eq
from typing import Any, Literal

from coursekit.audit.served.client import Client, ServerError
from coursekit.audit.served.wire import Completion, Token, chat, completion, prompt_tokens

Way = Literal["echo", "prompt_logprobs", "steps"]

#: A model's own distribution, without what servers cut off or penalise by default.
WHOLE_DISTRIBUTION = {"top_p": 1.0}
#: The same in words that not every server knows (vLLM, llama.cpp, SGLang).
LONGEST_FIRST = 20  #: letters of the first token of a text
TREMBLE = 0.05  #: nats by which one token may differ between two requests
UNCUT = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "repeat_penalty": 1.0}


@dataclass(frozen=True)
class Abilities:
    """What a server was found to do.

    Attributes:
        completions: Whether it continues a text.
        chat: Whether it answers in a chat.
        scoring: How it scores a given text, if it does.
        alternatives: How many likely tokens it names when it continues a text.
        chat_alternatives: The same in a chat.
        deeper: How many it can be asked for, ever more, when a token is to be found among them.
        uncut: Whether it takes the parameters that switch off what cuts its distribution.
        chat_limit: Its name for the largest number of tokens in a chat.
        tokens_per_letter: Of a text of questions.
    """

    completions: bool = False
    chat: bool = False
    scoring: Way | None = None
    alternatives: int = 0
    chat_alternatives: int = 0
    deeper: tuple[int, ...] = ()
    uncut: bool = True
    chat_limit: str = "max_tokens"
    tokens_per_letter: float = 0.3


@dataclass(frozen=True)
class Scores:
    """Log-probabilities of several texts, up to a number that is the same for all.

    Attributes:
        values: In nats, one a text.
        bounded: The places of those that are only known to be at most their value.
    """

    values: tuple[float, ...]
    bounded: tuple[int, ...] = ()


@dataclass
class Server:
    """A model behind an address."""

    client: Client
    model: str
    name: str = "unknown"
    facts: dict[str, Any] = field(default_factory=dict)
    can: Abilities = field(default_factory=Abilities)

    # --- texts that it writes ---------------------------------------------------------------------

    def write(
        self,
        prompt: str | Sequence[int],
        n_tokens: int,
        *,
        temperature: float = 1.0,
        seed: int = 0,
        stop: str | None = None,
        alternatives: int | None = None,
    ) -> Completion:
        """Let it continue a text, or tokens."""
        body = self._drawn(temperature, seed, stop) | {"prompt": prompt, "max_tokens": n_tokens}
        if alternatives is not None:
            body["logprobs"] = alternatives
        return completion(self.client.post("/completions", body))

    def reply(
        self,
        messages: Sequence[dict[str, str]],
        n_tokens: int,
        *,
        temperature: float = 1.0,
        seed: int = 0,
        stop: str | None = None,
        alternatives: int | None = None,
    ) -> Completion:
        """Let it answer in a chat."""
        body = self._drawn(temperature, seed, stop)
        body |= {"messages": list(messages), self.can.chat_limit: n_tokens}
        if alternatives is not None:
            body |= {"logprobs": True, "top_logprobs": alternatives}
        return chat(self.client.post("/chat/completions", body))

    def _drawn(self, temperature: float, seed: int, stop: str | None) -> dict[str, Any]:
        body = {"model": self.model, "temperature": temperature, "seed": seed, **WHOLE_DISTRIBUTION}
        if self.can.uncut:
            body |= UNCUT
        return body if stop is None else body | {"stop": [stop]}

    # --- texts that it scores ---------------------------------------------------------------------

    def scores(self, prompt: str, options: Sequence[str]) -> Scores:
        """Return the log-probability of each option after a prompt, up to a common number.

        The tokens that all options begin with, those of the prompt among them, add the same to
        each, and are left out: so it does not matter where the border falls inside a token.

        Raises:
            ServerError: If the server scores no texts, or answers with the tokens of another one.
        """
        if self.can.scoring == "steps":
            return self._scores_by_steps(prompt, options)
        read = self.echo if self.can.scoring == "echo" else self.prompt_logprobs
        return total_scores([read(prompt + option) for option in options])

    def echo(self, text: str) -> list[Token]:
        """Return the tokens of a text with their log-probabilities, by `echo`.

        Raises:
            ServerError: If the tokens that come back are not those of the text.
        """
        body = {"model": self.model, "prompt": text, "max_tokens": 1, "temperature": 0}
        answer = self.client.post("/completions", body | {"echo": True, "logprobs": 1})
        found = completion(answer)
        if not found.tokens:
            raise ServerError("echo must return the tokens of the text, found none")
        tokens = list(found.tokens)[: _n_of_prompt(found, text)]
        _require_spelt(tokens, text, "echo")
        return tokens

    def prompt_logprobs(self, text: str) -> list[Token]:
        """Return the tokens of a text with their log-probabilities, by vLLM's `prompt_logprobs`.

        Raises:
            ServerError: As `echo`.
        """
        body = {"model": self.model, "prompt": text, "max_tokens": 1, "temperature": 0}
        found = prompt_tokens(self.client.post("/completions", body | {"prompt_logprobs": 0}))
        if not found:
            raise ServerError("prompt_logprobs must return the tokens of the text, found none")
        # The first token has no probability, and vLLM does not name it.
        _require_spelt(list(found), text, "prompt_logprobs")
        return list(found)

    def tokens_of(self, text: str) -> list[int]:
        """Return the numbers of the tokens of a text, as llama.cpp and vLLM tell them.

        Raises:
            ServerError: If the server does not.
        """
        body = {"model": self.model, "content": text, "prompt": text, "add_special": True}
        root = self.client.address.removesuffix("/v1")
        found = self.client.post("/tokenize", body, below=root).get("tokens")
        if not isinstance(found, list) or not all(isinstance(token, int) for token in found):
            raise ServerError("/tokenize must return the numbers of tokens, found others")
        return found

    def _scores_by_steps(self, prompt: str, options: Sequence[str]) -> Scores:
        texts = [self.tokens_of(prompt + option) for option in options]
        shared = max(n_shared(texts), 1)
        known: dict[tuple[int, ...], Completion] = {}
        values, bounded = [], []
        for place, ids in enumerate(texts):
            steps = [self._step(known, ids[:end], ids[end]) for end in range(shared, len(ids))]
            values.append(sum(value for value, _ in steps))
            if any(is_bound for _, is_bound in steps):
                bounded.append(place)
        return Scores(tuple(values), tuple(bounded))

    def _step(
        self, known: dict[tuple[int, ...], Completion], before: list[int], token: int
    ) -> tuple[float, bool]:
        """Return the log-probability of one token; asks for ever more until it is named."""
        start = tuple(before)
        for wanted in self.can.deeper or (self.can.alternatives,):
            found = known.get(start)
            if found is None or _n_named(found) < wanted:
                known[start] = found = self.write(before, 1, alternatives=wanted)
            value, is_bound = log_prob_of(found, _with_id(token))
            if not is_bound or _n_named(found) < wanted:
                break  # it is named, or the server names no more
        return value, is_bound


def total_scores(texts: Sequence[Sequence[Token]]) -> Scores:
    """Add up the log-probabilities of each text, from where not all have the same tokens.

    Example:
        >>> start, end = Token("Lima", None), Token(" is", -2.0)
        >>> total_scores([[start, end], [start, end, Token(" big", -1.0)]]).values
        (0, -1.0)
    """
    shared = n_shared(texts, _is_same)
    parts = [[token.log_prob for token in text[shared:]] for text in texts]
    if any(value is None for part in parts for value in part):
        raise ServerError("a text must begin with its prompt, found options that share no token")
    return Scores(tuple(sum(value for value in part if value is not None) for part in parts))


def log_prob_of(found: Completion, wanted: Callable[[Token], bool]) -> tuple[float, bool]:
    """Return the log-probability that the first token is a wanted one, and whether it is a bound.

    Tokens that were not named are each at most as likely as the least likely one that was, and
    together as likely as what those leave.

    Args:
        found: What the server wrote, with the likely tokens at its first place.
        wanted: Tells whether a token is wanted.

    Raises:
        ServerError: If no likely tokens were named.

    Example:
        >>> named = (Token(" A", math.log(0.7)), Token(" the", math.log(0.2)))
        >>> first = Completion(" A", (Token(" A", math.log(0.7), None, named),), None)
        >>> log_prob_of(first, lambda token: token.text == " B")[1]
        True
    """
    if not found.tokens or not found.tokens[0].others:
        raise ServerError("the likely tokens must be named, found an answer without them")
    others = found.tokens[0].others
    hits = [
        math.exp(token.log_prob) for token in others if token.log_prob is not None and wanted(token)
    ]
    if hits:
        return math.log(min(sum(hits), 1.0)), False
    named = [math.exp(token.log_prob) for token in others if token.log_prob is not None]
    left = max(1.0 - sum(named), 1e-12)
    return math.log(min(min(named), left)), True


def n_shared(texts: Sequence[Sequence[Any]], same: Callable[[Any, Any], bool] = eq) -> int:
    """Return how many entries all lists begin with."""
    count = 0
    for first, *rest in zip(*texts, strict=False):
        if not all(same(first, other) for other in rest):
            break
        count += 1
    return count


def _n_named(found: Completion) -> int:
    return len(found.tokens[0].others) if found.tokens else 0


def _with_id(number: int) -> Callable[[Token], bool]:
    return lambda token: token.id == number


def _is_same(one: Token, other: Token) -> bool:
    """Tell whether two tokens after the same text are the same.

    Halves of a letter are all shown alike; only their probability tells them apart.
    """
    if one.text != other.text:
        return False
    if "\ufffd" not in one.text and not one.text.startswith("bytes:"):
        return True
    numbers = [token.log_prob for token in (one, other) if token.log_prob is not None]
    return len(numbers) < 2 or abs(numbers[0] - numbers[1]) < TREMBLE


def _n_of_prompt(found: Completion, text: str) -> int:
    """Return how many of the echoed tokens are those of the text, and not what was written to it.

    Raises:
        ServerError: If nobody can tell.
    """
    tokens = found.tokens or ()
    if found.prompt_tokens in (len(tokens), len(tokens) - 1):
        return int(found.prompt_tokens or 0)
    letters = len("".join(token.text for token in tokens))
    spelt = "".join(token.text for token in tokens)
    if not spelt.isascii() or text not in spelt:
        raise ServerError(
            "echo must return the tokens of the text that was sent, and the server must count them "
            f"(usage.prompt_tokens), found {len(tokens)} tokens of {letters} letters for "
            f"{len(text)} letters"
        )
    end, read = spelt.index(text) + len(text), 0
    for count, token in enumerate(tokens, 1):
        read += len(token.text)
        if read >= end:
            return count
    return len(tokens)


def _require_spelt(tokens: Sequence[Token], text: str, what: str) -> None:
    """Check that tokens are those of a text.

    Space and halves of a letter come in other forms from each server, so texts are compared from
    their ends without space, as far as both are ASCII.
    """
    spelt, sent = (_without_space(t) for t in ("".join(one.text for one in tokens), text))
    for ours, theirs in zip(reversed(sent), reversed(spelt), strict=False):
        if not (ours.isascii() and theirs.isascii()):
            return
        if ours != theirs:
            raise ServerError(
                f"{what} must return the tokens of the text that was sent, found others: "
                f"{spelt[-60:]!r} for {sent[-60:]!r}. Nothing is measured with them"
            )
    # The first token may be missing: nothing predicts it.
    if len(spelt) < len(sent) - LONGEST_FIRST:
        raise ServerError(
            f"{what} must return all tokens of the text that was sent, found {len(tokens)} that "
            f"spell {len(spelt)} of {len(sent)} letters"
        )


def _without_space(text: str) -> str:
    return re.sub(r"[\s\u2581\u0120\u010a]", "", text)  # also as tokenizers write it
