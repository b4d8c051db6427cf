"""Finds out what a server can do, and whether its log-probabilities are to be believed.

Servers differ in what they return, and some leave out in silence what they were asked for:
llama.cpp ignores `echo`, and every option of every question then scores the same. So nothing is
taken on trust. A continuation that the model wrote itself is scored in two ways that have little in
common: by the log-probabilities that came while it was written, and by asking again, from the
beginning, for each of its tokens. Both must agree, garbage must be less likely, and the numbers
must not be all the same; otherwise no number is printed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from coursekit._console import printable
from coursekit.audit.served.client import Client, RefusedError, ServerError
from coursekit.audit.served.server import Server, Way, log_prob_of
from coursekit.audit.served.wire import Completion, Token

PROMPT = (
    "Question: What is the capital of France?\nAnswer: Paris\n\n"
    "Question: What is the capital of Japan?\nAnswer:"
)
GARBAGE = " zq{{7"
N_TOKENS = 3  #: of the continuation that is scored in two ways
ALTERNATIVES = (100, 20, 5, 1)  #: servers have limits: vLLM 20 by default, OpenAI 5 or 20
DEEPER = 2000  #: where a token is not among these; few are not
AGREEMENT = 0.1  #: nats a token; another batch or kernel moves a token of half precision by 0.05
SHARE = 0.05  #: the same, of very unlikely tokens
N_SAMPLES, SAMPLE = 4, 24  #: samples of so many tokens must not be all the same
INSTEAD = "Nothing can be measured with such numbers; --no-logprobs asks by samples alone"
STORY = "Once upon a time"


@dataclass
class Probing:
    """What was found, in words."""

    can: list[str] = field(default_factory=list)
    cannot: list[str] = field(default_factory=list)
    control: list[str] = field(default_factory=list)


def connect(client: Client, model: str | None) -> Server:
    """Return the server with the name of its model, before anything else is known of it.

    Raises:
        ServerError: If it does not answer, or has several models and none was named.
    """
    headers: dict[str, str] = {}
    listed: list[dict[str, Any]] = []
    try:
        answer, headers = client.get("/models")
        found = answer.get("data")
        listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    except RefusedError:
        if model is None:
            raise ServerError(
                f"{client.address}/models lists no models: name one with --model"
            ) from None
    names = [one["id"] for one in listed if isinstance(one.get("id"), str)]
    if model is None:
        if len(names) != 1:
            few = ", ".join(map(printable, names[:10])) or "none"
            raise ServerError(
                f"{client.address} must serve one model, found {len(names)} ({few}). Name one with "
                "--model"
            )
        [model] = names
    entry = next((one for one in listed if one.get("id") == model), {})
    return Server(client, model, _name_of(entry, headers), _facts(entry))


def _name_of(entry: dict[str, Any], headers: dict[str, str]) -> str:
    owner = str(entry.get("owned_by") or "")
    known = {"llamacpp": "llama.cpp", "library": "Ollama", "vllm": "vLLM", "sglang": "SGLang"}
    header = next((v for name, v in headers.items() if name.lower() == "server"), "")
    return printable(known.get(owner.lower()) or header or owner or "unknown")[:80]


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what a server tells of its weights (llama.cpp does)."""
    meta = entry.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    names = {"parameters": "n_params", "vocabulary": "n_vocab"}
    found: dict[str, Any] = {
        ours: meta[theirs]
        for ours, theirs in names.items()
        if isinstance(meta.get(theirs), int) and meta[theirs] >= 0
    }
    if isinstance(meta.get("ftype"), str):
        found["weights"] = printable(meta["ftype"])[:80]
    return found


def fingerprint(server: Server) -> str:
    """Return a digest of the names of server and model; of the weights nobody outside can tell."""
    text = json.dumps([server.name, server.model, server.facts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def probe(server: Server, *, with_logprobs: bool = True) -> Probing:
    """Find out what a server can do; its `can` says it afterwards.

    Args:
        server: As `connect` gives it.
        with_logprobs: Whether to look for log-probabilities at all.

    Raises:
        ServerError: If it writes nothing, its log-probabilities contradict each other, or its
            samples do not differ.
    """
    found = Probing()
    first = _completions(server, found, with_logprobs)
    if first is not None and server.can.alternatives:
        _require_agreement(server, first, found)
        _scoring(server, first, found)
    _chat(server, found, with_logprobs)
    if not (server.can.completions or server.can.chat):
        raise ServerError(
            f"{server.client.address} must continue texts or chat, found that it refuses both: "
            + "; ".join(found.cannot)
        )
    _require_variety(server)
    return found


# --- what it writes -------------------------------------------------------------------------------


def _completions(server: Server, found: Probing, with_logprobs: bool) -> Completion | None:
    """Let it write on, with as many alternatives as it names; None where it does not."""
    asked: Sequence[int | None] = (*ALTERNATIVES, None) if with_logprobs else (None,)
    server.can = replace(server.can, completions=True)
    written = _first_taken(
        server, asked, lambda k: server.write(PROMPT, N_TOKENS, temperature=0, alternatives=k)
    )
    if isinstance(written, str):
        server.can = replace(server.can, completions=False)
        found.cannot.append(f"it does not continue texts ({written})")
        return None
    count = written.prompt_tokens
    server.can = replace(
        server.can,
        tokens_per_letter=count / len(PROMPT) if count else server.can.tokens_per_letter,
        alternatives=_n_alternatives(written),
    )
    found.can.append("it continues texts")
    if server.can.alternatives:
        found.can.append(
            f"it names the {server.can.alternatives} most likely tokens while it writes"
        )
    elif with_logprobs:
        found.cannot.append("it names no likely tokens while it continues a text")
    return written


def _first_taken(
    server: Server, asked: Sequence[int | None], ask: Callable[[int | None], Completion]
) -> Completion | str:
    """Return the first answer that comes, with ever fewer wishes; a reason where none does."""
    reason = ""
    for uncut in (True, False):
        server.can = replace(server.can, uncut=uncut)
        for alternatives in asked:
            try:
                return ask(alternatives)
            except RefusedError as error:
                reason = str(error)
                if ": 404" in reason:
                    return reason
    return reason


def _n_alternatives(written: Completion) -> int:
    """Return how many alternatives every token has that was written."""
    if not written.tokens:
        return 0
    return min(len(token.others) for token in written.tokens)


def _chat(server: Server, found: Probing, with_logprobs: bool) -> None:
    messages = [{"role": "user", "content": "Is the sky A. blue or B. green? Say A or B."}]
    # Of more no chat is known to take.
    asked: Sequence[int | None] = (20, 5, 1, None) if with_logprobs else (None,)
    before = server.can
    server.can = replace(server.can, chat=True)
    for name in ("max_tokens", "max_completion_tokens"):
        server.can = replace(server.can, chat_limit=name)
        replied = _first_taken(
            server, asked, lambda k: server.reply(messages, 1, temperature=0, alternatives=k)
        )
        if not isinstance(replied, str) or "max_completion_tokens" not in replied:
            break
    if isinstance(replied, str):
        server.can = before
        found.cannot.append(f"it does not chat ({replied})")
        return
    server.can = replace(
        server.can,
        chat_alternatives=_n_alternatives(replied),
        uncut=server.can.uncut and (before.uncut or not before.completions),
    )
    found.can.append("it chats")
    if not server.can.chat_alternatives:
        return
    found.can.append(
        f"it names the {server.can.chat_alternatives} most likely tokens while it chats"
    )
    again = server.reply(messages, 1, temperature=1, alternatives=server.can.chat_alternatives)
    said = _first(replied)
    other, is_bound = log_prob_of(again, _spelling(said.text))
    _require_close([said], [None if is_bound else other], "in a chat at temperatures 0 and 1")
    found.control.append(
        f"in a chat {said.text!r} has {said.log_prob:.2f} nats at temperature 0, {other:.2f} at 1"
    )


def _first(written: Completion) -> Token:
    if not written.tokens:
        raise ServerError("a model must write at least one token, found none")
    return written.tokens[0]


# --- whether to believe it ------------------------------------------------------------------------


def _require_agreement(server: Server, first: Completion, found: Probing) -> None:
    """Score what it wrote a second time: each token from the text before it, at temperature 1."""
    tokens = first.tokens or ()
    second: list[float | None] = []
    for place, token in enumerate(tokens):
        again = server.write(
            PROMPT + _beginning(server, place), 1, alternatives=server.can.alternatives
        )
        _require_law(again)
        value, is_bound = log_prob_of(again, _spelling(token.text))
        second.append(None if is_bound else value)
    _require_close(tokens, second, "written in one go and token by token")
    values = [token.log_prob for token in (*tokens, *tokens[0].others)]
    if len(tokens) > 1 and len(set(values)) == 1:
        raise ServerError(
            f"log-probabilities must differ from token to token, found {values[0]} for all. "
            + INSTEAD
        )
    pairs = zip(tokens, second, strict=True)
    found.control.append(
        "written in one go, and token by token: "
        + ", ".join(f"{t.text!r} {t.log_prob:.2f} and {v:.2f}" for t, v in pairs if v is not None)
    )


def _beginning(server: Server, n_tokens: int) -> str:
    """Return the text of the first tokens that it writes; single tokens may lack their space."""
    return server.write(PROMPT, n_tokens, temperature=0).text if n_tokens else ""


def _require_law(written: Completion) -> None:
    """Check that probabilities of different tokens do not add up to more than one."""
    for token in written.tokens or ():
        total = sum(math.exp(one.log_prob) for one in token.others if one.log_prob is not None)
        if total > 1.01:
            raise ServerError(
                f"probabilities of the tokens at one place must add up to 1 at most, found "
                f"{total:.3f}. {INSTEAD}"
            )


def _require_close(one: Sequence[Token], other: Sequence[float | None], how: str) -> None:
    for token, again in zip(one, other, strict=True):
        value = token.log_prob
        if value is None or again is None or abs(value - again) > AGREEMENT + SHARE * abs(value):
            raise ServerError(
                f"the log-probability of {token.text!r} must be the same {how}, found {value} and "
                f"{again}. {INSTEAD}"
            )


def _spelling(text: str) -> Callable[[Token], bool]:
    return lambda token: token.text == text


def _scoring(server: Server, first: Completion, found: Probing) -> None:
    """Take the best way to score a given text that gives the numbers of the control."""
    tokens = first.tokens or ()
    continuation = first.text
    ways: tuple[tuple[Way, str, Callable[[str], list[Token]]], ...] = (
        ("echo", "it scores a given text by echo", server.echo),
        (
            "prompt_logprobs",
            "it scores a given text by prompt_logprobs",
            server.prompt_logprobs,
        ),
    )
    for way, said, read in ways:
        try:
            scored = read(PROMPT + continuation)
        except RefusedError:
            found.cannot.append(f"{way} is refused")
            continue
        except ServerError as error:
            if _is_ignored(server, way):
                found.cannot.append(f"{way} is ignored in silence")
                continue
            raise error
        if all(token.log_prob is None for token in scored):
            found.cannot.append(f"{way} returns tokens without log-probabilities")
            continue
        _require_scores(server, way, tokens, scored, read, found)
        server.can = replace(server.can, scoring=way)
        found.can.append(said)
        return
    _steps(server, tokens, found)


def _is_ignored(server: Server, way: Way) -> bool:
    """Tell whether an answer is the same as if nothing had been asked for."""
    body = {"model": server.model, "prompt": PROMPT, "max_tokens": 1, "temperature": 0}
    if way == "prompt_logprobs":
        answer = server.client.post("/completions", body | {"prompt_logprobs": 0})
        return "prompt_logprobs" not in json.dumps(answer.get("choices"))
    answer = server.client.post("/completions", body | {"echo": True, "logprobs": 1})
    choice = answer["choices"][0]
    return not str(choice.get("text", "")).startswith(PROMPT)


def _require_scores(
    server: Server,
    way: Way,
    tokens: Sequence[Token],
    scored: Sequence[Token],
    read: Callable[[str], list[Token]],
    found: Probing,
) -> None:
    """Check the scores of a text against what came while it was written, and against garbage."""
    tail = scored[-len(tokens) :]
    if [token.text for token in tail] != [token.text for token in tokens]:
        raise ServerError(
            f"{way} must return the tokens that were written, {[t.text for t in tokens]}, found "
            f"{[t.text for t in tail]}. {INSTEAD}"
        )
    _require_close(tokens, [token.log_prob for token in tail], f"while it is written and by {way}")
    garbage = read(PROMPT + GARBAGE)[-len(tokens) :]
    one, other = (sum(token.log_prob or 0.0 for token in of) for of in (tail, garbage))
    if one < other + 1:
        raise ServerError(
            f"what a model writes itself must be more likely than {GARBAGE!r}, found {one:.2f} and "
            f"{other:.2f} nats by {way}"
        )
    found.control.append(
        f"by {way}, and while it was written: "
        + ", ".join(
            f"{a.text!r} {a.log_prob:.2f} and {b.log_prob:.2f}"
            for a, b in zip(tail, tokens, strict=True)
        )
    )


def _steps(server: Server, tokens: Sequence[Token], found: Probing) -> None:
    """Score a given text token by token, where a server tells the numbers of its tokens."""
    others = [token.id for token in tokens[0].others]
    if None in others:
        return
    try:
        ids = server.tokens_of(PROMPT + _beginning(server, 1))
        again = server.write(ids[:-1], 1, alternatives=server.can.alternatives)
    except ServerError:
        return
    value, is_bound = log_prob_of(again, lambda token: token.id == ids[-1])
    _require_close(tokens[:1], [None if is_bound else value], "from text and from tokens")
    server.can = replace(server.can, scoring="steps", deeper=_deeper(server))
    found.can.append(
        f"it scores a given text token by token, among the {server.can.deeper[-1]:,} most likely "
        "ones at each place"
    )


def _deeper(server: Server) -> tuple[int, ...]:
    """Return how many likely tokens it can be asked for, ever more."""
    most = server.facts.get("vocabulary") or DEEPER
    try:
        named = server.write(PROMPT, 1, alternatives=most)
    except RefusedError:
        return (server.can.alternatives,)
    reached = _n_alternatives(named)
    return tuple(sorted({k for k in (server.can.alternatives, DEEPER, reached) if k <= reached}))


def _require_variety(server: Server) -> None:
    """Check that a model that is asked several times does not repeat itself."""
    messages = [{"role": "user", "content": "Tell me the beginning of a story."}]
    texts = set()
    for seed in range(N_SAMPLES):
        if server.can.completions:
            texts.add(server.write(STORY, SAMPLE, seed=seed).text)
        else:
            texts.add(server.reply(messages, SAMPLE, seed=seed).text)
        if len(texts) > 1:
            return
    raise ServerError(
        f"samples at temperature 1 must differ, found {N_SAMPLES} times {texts.pop()!r}. The "
        "agreement of such samples says nothing: does the server ignore temperature or seed, or "
        "does a cache between here and there repeat its answers?"
    )
