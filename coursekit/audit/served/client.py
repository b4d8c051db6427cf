"""Requests to an OpenAI-compatible server: repeated where that may help, and told where it may not.

A server that is busy (429, 503), stumbles (other 5xx) or loses the connection is asked again, after
a pause that doubles each time and that chance spreads, or after as long as it says itself
(`Retry-After`). Whatever else comes is an error that says what was found. The key stands in the
header of a request and nowhere else: every text that came from outside is searched for it before
anybody reads it.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3.exceptions import (
    HTTPError,
    InvalidHeader,
    LocationParseError,
    MaxRetryError,
    ProtocolError,
)
from urllib3.util import Retry, Timeout, Url, parse_url

from coursekit._console import printable

#: Answers after which the same request may succeed.
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
#: Answers that say: this is not how, or not what, to ask.
REFUSING = frozenset({400, 404, 405, 415, 422, 500, 501})
TRIES = 7  #: of one request; about a minute of pauses altogether
FIRST_TRIES = 3  #: while nobody knows yet whether the server takes a request of this kind
PAUSE = 1.0  #: seconds before the second repetition; every further one doubles it
LONGEST_PAUSE = 30.0  #: seconds, where the server names none
LONGEST_PAUSE_NAMED = 600  #: seconds, where it does
HALVES = 3  #: how often an answer that breaks off is asked for
LARGEST_ANSWER = 500_000_000  #: bytes; a whole vocabulary with its numbers takes a tenth of it
SHORTEST_KEY = 4  #: a shorter one stands in any text, and could not be kept out of it
EXCERPT = 200  #: characters of what a server said


class ServerError(RuntimeError):
    """A server did not give what an audit needs; the message says what to do."""


class RefusedError(ServerError):
    """A server does not take this kind of request."""


def address_of(text: str) -> str:
    """Return the base address of a server, without what stands behind `/v1`.

    Raises:
        ValueError: If it is none, or holds a password or a query.

    Example:
        >>> address_of("http://127.0.0.1:8080"), address_of("https://a.org/v1/chat/completions")
        ('http://127.0.0.1:8080/v1', 'https://a.org/v1')
    """
    url = _parsed(text)
    if url.auth is not None or "@" in (url.host or ""):
        raise ValueError(
            "the address of a server must hold no name or password, found one before the @. Put "
            "the key into the environment (--key-from)"
        )
    if url.query is not None or url.fragment is not None:
        raise ValueError("the address of a server must end in its path, found a ? or # in it")
    path = (url.path or "").rstrip("/")
    for ending in ("/chat/completions", "/completions", "/models"):
        path = path.removesuffix(ending)
    return Url(url.scheme, None, url.host, url.port, path or "/v1").url


def _parsed(text: str) -> Url:
    try:
        url = parse_url(text)
    except LocationParseError:
        url = Url()
    if url.scheme not in ("http", "https") or not url.host:
        # It is not shown: a password may stand in it.
        raise ValueError("the address of a server must look like http://127.0.0.1:8080/v1")
    return url


def key_from(variable: str | None) -> str | None:
    """Return the key that an environment variable holds; of `OPENAI_API_KEY`, if there is one.

    Args:
        variable: Its name, or None for `OPENAI_API_KEY`, which may be missing.

    Raises:
        ValueError: If the named variable is missing, or the key could not stand in a header. The
            message does not show it.
    """
    name = variable or "OPENAI_API_KEY"
    key = os.environ.get(name, "").strip()
    if not key:
        if variable is not None:
            raise ValueError(
                f"--key-from must name an environment variable that holds a key, found {name!r} "
                f"{'empty' if name in os.environ else 'missing'}"
            )
        return None
    if not (key.isascii() and key.isprintable()) or " " in key or len(key) < SHORTEST_KEY:
        raise ValueError(
            f"the key in {name} must be at least {SHORTEST_KEY} letters, digits and signs without "
            "spaces, found another text"
        )
    return key


@dataclass
class Client:
    """Speaks with one server, over as many connections as are asked for.

    Attributes:
        address: Of the server, as `address_of` gives it.
        key: Sent as a bearer token; None sends none.
        timeout: Seconds that one attempt may take.
        connections: How many requests may be under way at a time.
    """

    address: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    connections: int = 4

    def __post_init__(self) -> None:
        self._pool = _pool(self.address, self.connections)
        self._spellings = None if self.key is None else _spellings(self.key)
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End all pauses: what waits for its next attempt gives up, and nothing waits again."""
        self._stopped.set()

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine."""
        return _is_local(parse_url(self.address).host or "")

    def get(self, path: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Return what stands at a path below the address, and the headers of the answer.

        Raises:
            ServerError: As `post`.
        """
        return self._ask("GET", self.address + path, None, FIRST_TRIES)

    def post(
        self, path: str, body: dict[str, Any], *, tries: int = TRIES, below: str | None = None
    ) -> dict[str, Any]:
        """Send a request and return the object in the answer.

        Args:
            path: Behind the address, such as `/completions`.
            body: What JSON can hold.
            tries: How often, at most.
            below: Another address of the same server.

        Raises:
            RefusedError: The server does not take such a request.
            ServerError: It gave no answer, or one that cannot be used.
        """
        return self._ask("POST", (below or self.address) + path, body, tries)[0]

    def _ask(
        self, method: str, url: str, body: dict[str, Any] | None, tries: int
    ) -> tuple[dict[str, Any], dict[str, str]]:
        for attempt in range(HALVES):
            response, data = self._send(method, url, body, tries)
            data = self._without_key(data)
            self._require_fine(response, data, url)
            try:
                found = json.loads(data)
            except (ValueError, RecursionError):
                if data.lstrip()[:1] == b"{" and attempt < HALVES - 1:
                    continue  # it broke off: perhaps not the next time
                raise ServerError(f"{url} must answer in JSON, found {self._said(data)}") from None
            if not isinstance(found, dict) or found.get("error"):
                raise ServerError(f"{url} must answer with an object, found {self._said(data)}")
            return found, dict(response.headers)
        raise AssertionError("the last attempt returns or raises")

    def _send(
        self, method: str, url: str, body: dict[str, Any] | None, tries: int
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        headers = {"Accept": "application/json", "User-Agent": "coursekit"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        retries: Retry = _Repeated(
            stopped=self._stopped,
            total=tries - 1,
            allowed_methods=None,
            status_forcelist=PASSING,
            raise_on_status=False,
            backoff_factor=PAUSE,
            backoff_jitter=PAUSE,
            backoff_max=LONGEST_PAUSE,
            retry_after_max=LONGEST_PAUSE_NAMED,
        )
        try:
            while True:
                response = self._pool.request(
                    method,
                    url,
                    json=body,
                    headers=headers,
                    redirect=False,
                    timeout=Timeout(total=self.timeout),
                    retries=retries,
                    preload_content=False,
                )
                try:
                    return response, self._body(response, url)
                except HTTPError as error:
                    retries = (response.retries or retries).increment(method, url, error=error)
                finally:
                    response.close()
                    response.release_conn()
                retries.sleep()
        except HTTPError as error:
            reason = error.reason if isinstance(error, MaxRetryError) else error
            raise ServerError(
                f"{self.address} gave no answer in {tries} attempts of at most {self.timeout:g} "
                f"seconds: {self._clean(str(reason))}. Is the server running, and is the address "
                "right? (--timeout and --concurrency help a slow one.)"
            ) from None  # what lies beneath holds the request, and so the key

    def _body(self, response: urllib3.BaseHTTPResponse, url: str) -> bytes:
        """Read an answer as it comes: one that never ends must end here."""
        data, started = bytearray(), time.monotonic()
        while part := response.read1(2**20):
            data += part
            if len(data) > LARGEST_ANSWER:
                raise ServerError(
                    f"{url} must answer in at most {LARGEST_ANSWER:,} bytes, found more, and no end"
                )
            if time.monotonic() - started > self.timeout:
                raise ProtocolError(f"the answer had not ended after {self.timeout:g} seconds")
        return bytes(data)

    def _require_fine(self, response: urllib3.BaseHTTPResponse, data: bytes, url: str) -> None:
        status = response.status
        if 200 <= status < 300:
            return
        said = self._said(data)
        if 300 <= status < 400:
            where = self._clean(response.headers.get("Location", "nowhere"))
            raise ServerError(
                f"{url} sends its visitors on to {where} ({status}). Nothing was sent there: give "
                "that address if it is the right one"
            )
        if status in (401, 403):
            raise ServerError(
                f"{url} lets nobody in without a key that it knows ({status}, {said}). Put it into "
                "the environment variable OPENAI_API_KEY, or name another one with --key-from"
            )
        kind = RefusedError if status in REFUSING else ServerError
        raise kind(f"{url} refused the request: {status}, {said}")

    def _said(self, data: bytes) -> str:
        """Return what a server said, fit to be shown."""
        text = printable(data[:10_000].decode(errors="replace"))
        return text[:EXCERPT] + ("..." if len(text) > EXCERPT else "") if text else "nothing"

    def _clean(self, text: str) -> str:
        return printable(self._without_key(text.encode()).decode())

    def _without_key(self, data: bytes) -> bytes:
        return data if self._spellings is None else self._spellings.sub(b"[key]", data)


def _spellings(key: str) -> re.Pattern[bytes]:
    r"""Return what finds a key, also as JSON and addresses spell it.

    Example:
        >>> _spellings("k/=").sub(b"[key]", rb"k/= k\/= \u006B/\\u003d k%2F=").decode()
        '[key] [key] [key] [key]'
    """
    letters = (
        rf"(?:\\*{re.escape(letter)}|(?i:\\+u00{ord(letter):02x}|%{ord(letter):02x}))"
        for letter in key
    )
    return re.compile("".join(letters).encode())


class _Repeated(Retry):
    """Repeats as `urllib3` does, but in pauses that can be ended.

    It takes no offence at a `Retry-After` that nobody can read.
    """

    def __init__(self, *, stopped: threading.Event, **options: Any) -> None:
        super().__init__(**options)
        self.stopped = stopped

    def new(self, **changed: Any) -> _Repeated:
        return super().new(stopped=self.stopped, **changed)

    def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
        named = None if response is None else self.get_retry_after(response)
        if self.stopped.wait(named or self.get_backoff_time()):
            raise ServerError("the audit was ended while it waited for the server")

    def parse_retry_after(self, retry_after: str) -> float:
        try:
            return super().parse_retry_after(retry_after)
        except InvalidHeader:
            return 0.0  # the pause that doubles takes its place


def _pool(address: str, connections: int) -> urllib3.PoolManager:
    """Return connections: through the proxy of the environment, but not to this machine."""
    settings: dict[str, Any] = {"maxsize": connections, "block": True}
    url = parse_url(address)
    host = url.host or ""
    proxy = urllib.request.getproxies().get(url.scheme or "")
    if proxy and not _is_local(host) and not urllib.request.proxy_bypass(host):
        return urllib3.ProxyManager(proxy, **settings)
    return urllib3.PoolManager(**settings)


def _is_local(host: str) -> bool:
    return host in ("localhost", "[::1]") or host.startswith("127.")
