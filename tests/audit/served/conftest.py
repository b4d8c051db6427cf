"""A server of our own for a language model of our own, which can be told to misbehave.

The model is a bigram over characters: the probability of every text is known exactly. " A" to " Z"
before a new line are tokens of their own, so that a letter can be the first token of an answer.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from coursekit.audit.served import client

PIECE = re.compile(r" [A-D](?!\w)|.", re.DOTALL)
VOCABULARY = [*map(chr, range(32, 127)), "\n", "é", "ô", " A", " B", " C", " D"]
NUMBER = {token: i for i, token in enumerate(VOCABULARY)}


def cut(text: str) -> list[str]:
    """The tokens of a text."""
    return [piece if piece in NUMBER else "é" for piece in PIECE.findall(text)]


@cache
def law(last: str) -> np.ndarray:
    """Log-probabilities of the token after another one."""
    logits = 2 * np.random.default_rng([7, NUMBER.get(last, 0)]).standard_normal(len(VOCABULARY))
    if last == ":":
        logits[[NUMBER[token] for token in (" A", " B", " C")]] = [4, 5, 3]
    return logits - np.log(np.exp(logits).sum())


def score(prompt: str, continuation: str) -> float:
    """The exact log-probability of a continuation."""
    tokens = cut(prompt + continuation)
    start = len(cut(prompt))
    pairs = zip(tokens[start - 1 : -1], tokens[start:], strict=True)
    return float(sum(law(before)[NUMBER[token]] for before, token in pairs))


@dataclass
class Fake:
    """A server; `misbehave(path, body, answer)` may change what it says, or raise."""

    can: set[str] = field(default_factory=lambda: {"completions", "chat", "logprobs", "echo"})
    misbehave: Callable[..., Any] = lambda path, body, answer: answer
    requests: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    most_alternatives: int = 100
    address: str = ""
    says: str | None = None
    active: int = 0
    most_active: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        if path == "/v1/models":
            return {"object": "list", "data": [{"id": "bigram", "owned_by": "tests"}]}
        if path == "/v1/completions" and "completions" in self.can:
            return self.complete(body)
        if path == "/v1/chat/completions" and "chat" in self.can:
            return self.chat(body)
        if path == "/tokenize" and "tokenize" in self.can:
            return {"tokens": [NUMBER[token] for token in cut(body["content"])]}
        raise Status(404, {"error": "no such thing"})

    def complete(self, body: dict[str, Any]) -> Any:
        prompt = body["prompt"]
        tokens = cut(prompt) if isinstance(prompt, str) else [VOCABULARY[i] for i in prompt]
        wanted = body.get("logprobs")
        if wanted is not None and wanted > self.most_alternatives:
            raise Status(400, {"error": "too many logprobs"})
        written = self.write(tokens, body)
        echo = tokens if body.get("echo") and "echo" in self.can else []
        choice: dict[str, Any] = {"index": 0, "text": "".join([*echo, *written])}
        if "says" in body.get("stop", []):
            choice["text"] = "says"
        if wanted is not None and "logprobs" in self.can:
            whole, start = tokens + written, 0 if echo else len(tokens)
            rows = [self.row(whole, place, wanted) for place in range(start, len(whole))]
            choice["logprobs"] = (
                {"content": [self.entry(row) for row in rows]}
                if "ids" in self.can
                else {
                    "tokens": [row[0] for row in rows],
                    "token_logprobs": [row[1] for row in rows],
                    "top_logprobs": [row[2] for row in rows],
                }
            )
        if "prompt_logprobs" in body and "prompt_logprobs" in self.can:
            rows = [self.row(tokens, place, 0) for place in range(len(tokens))]
            choice["prompt_logprobs"] = [
                None
                if row[1] is None
                else {str(NUMBER[row[0]]): {"logprob": row[1], "rank": 1, "decoded_token": row[0]}}
                for row in rows
            ]
        usage = {"prompt_tokens": len(tokens), "completion_tokens": len(written)}
        return {"choices": [choice], "usage": usage}

    def chat(self, body: dict[str, Any]) -> Any:
        text = "".join(message["content"] for message in body["messages"]) + ":"
        written = self.write(cut(text), body)
        choice: dict[str, Any] = {"message": {"role": "assistant", "content": "".join(written)}}
        if "percent" in body["messages"][-1]["content"]:
            choice["message"]["content"] = self.says or f"{len(text) % 101} %"
        if body.get("logprobs") and "chat logprobs" in self.can:
            whole = cut(text) + written
            rows = [
                self.row(whole, place, body["top_logprobs"])
                for place in range(len(cut(text)), len(whole))
            ]
            choice["logprobs"] = {"content": [self.entry(row) for row in rows]}
        return {"choices": [choice], "usage": {"prompt_tokens": len(text)}}

    def write(self, tokens: list[str], body: dict[str, Any]) -> list[str]:
        temperature, written = body.get("temperature", 1), []
        rng = np.random.default_rng(body.get("seed"))
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        for _ in range(limit):
            logits = law([*tokens, *written][-1])
            if temperature == 0:
                written.append(VOCABULARY[int(logits.argmax())])
            else:
                written.append(VOCABULARY[rng.choice(len(logits), p=np.exp(logits))])
            if body.get("stop") and body["stop"][0] in written[-1]:
                return written[:-1]
        return written

    def row(self, tokens: list[str], place: int, wanted: int) -> tuple[str, float | None, Any]:
        if place == 0:
            return tokens[0], None, None
        logits = law(tokens[place - 1])
        best = np.argsort(-logits)[:wanted]
        top = {VOCABULARY[i]: float(logits[i]) for i in best}
        return tokens[place], float(logits[NUMBER[tokens[place]]]), top

    def entry(self, row: tuple[str, float | None, Any]) -> dict[str, Any]:
        def one(token: str, value: float | None) -> dict[str, Any]:
            return {"token": token, "logprob": value, "id": NUMBER[token]}

        top = [one(token, value) for token, value in (row[2] or {}).items()]
        return one(row[0], row[1]) | {"top_logprobs": top}


class Status(Exception):
    """An answer of another status."""

    def __init__(self, status: int, body: Any = None, headers: dict[str, str] | None = None):
        self.status, self.body, self.headers = status, body, headers or {}


class Cut(Exception):
    """The connection ends in the middle of an answer."""


class Raw(Exception):
    """An answer that is no JSON of ours."""

    def __init__(self, text: str):
        self.text = text


class Drop(Exception):
    """An answer that comes a byte at a time, for some seconds."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.respond({})

    def do_POST(self) -> None:
        self.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def respond(self, body: dict[str, Any]) -> None:
        fake: Fake = self.server.fake  # type: ignore[attr-defined]
        with fake.lock:
            fake.requests.append((self.path, body, dict(self.headers)))
            fake.active += 1
            fake.most_active = max(fake.most_active, fake.active)
        status, headers, cut_off, pause = 200, {}, False, 0.0
        try:
            answer = fake.misbehave(self.path, body, fake.answer(self.path, body))
            data = json.dumps(answer).encode()
        except Status as other:
            status, headers, data = other.status, other.headers, json.dumps(other.body).encode()
        except Raw as raw:
            data = raw.text.encode()
        except Cut:
            data, cut_off = b'{"choices": [{"te', True
        except Drop:
            data, pause = b"{}".rjust(100), 0.03
        finally:
            with fake.lock:
                fake.active -= 1
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) + 100 * cut_off))
        self.end_headers()
        for part in re.findall(b".", data) if pause else [data]:
            time.sleep(pause)
            try:
                self.wfile.write(part)
            except ConnectionError:  # nobody listens any more
                cut_off = True
                break
        self.close_connection = self.close_connection or cut_off

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def fake(monkeypatch):
    """A server that behaves, on a free port of this machine; without pauses between attempts."""
    monkeypatch.setattr(client, "PAUSE", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.fake = fake = Fake()  # type: ignore[attr-defined]
    fake.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


def softmax(scores: list[float]) -> list[float]:
    weights = [math.exp(one - max(scores)) for one in scores]
    return [weight / sum(weights) for weight in weights]
