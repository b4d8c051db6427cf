"""A server that misbehaves: survived with nothing lost, or refused; never a wrong number."""

from __future__ import annotations

import threading

import pytest

from coursekit import __main__
from coursekit.audit import Report, audit_served
from coursekit.audit.served import client

from .conftest import Cut, Drop, Fake, Raw, Status

KEY = "sk-secret-0123456789"


def command(fake, folder, *options) -> int:
    small = ["--limit=8", "--tasks", "choices", f"--output={folder}"]
    return __main__.main(["audit", fake.address, *small, *options])


@pytest.fixture(autouse=True)
def no_page(monkeypatch):
    """The page has its own test: its figures take seconds."""
    monkeypatch.setattr("coursekit.audit.page.write_html", lambda report, folder: None)


def every(n, *troubles):
    """Every n-th request meets the next trouble; the others are answered."""
    state = {"requests": 0, "troubles": 0}
    lock = threading.Lock()

    def misbehave(path, body, answer):
        with lock:
            state["requests"] += 1
            if state["requests"] % n:
                return answer
            state["troubles"] += 1
            raise troubles[state["troubles"] % len(troubles)]

    return misbehave


def test_passing_troubles_change_nothing(fake, tmp_path):
    undisturbed = audit_served(fake.address, tasks=["choices"], limit=8, progress=False)
    troubles = [
        Status(429, "slow down"),
        Status(429, "slow down", {"Retry-After": "0"}),
        Status(429, "slow down", {"Retry-After": "soon"}),
        Status(429, "slow down", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Status(503, "loading the model"),
        Status(502, "<html>bad gateway</html>"),
        Cut(),
        Raw('{"choices": [{"text": "half an ans'),
    ]
    fake.misbehave = every(3, *troubles)
    disturbed = audit_served(
        fake.address, tasks=["choices"], limit=8, folder=tmp_path, progress=False
    )
    assert disturbed.to_json() == undisturbed.to_json()


def test_retry_after_is_waited_for(fake, monkeypatch):
    waited = []
    monkeypatch.setattr(threading.Event, "wait", lambda event, seconds=None: waited.append(seconds))
    fake.misbehave = every(2, Status(429, "", {"Retry-After": "7"}))
    spoken = client.Client(fake.address)
    for _ in range(2):
        spoken.get("/models")
    assert 7 in waited


def test_an_answer_that_does_not_end_is_given_up(fake, monkeypatch):
    """Each byte in time, and all of them never: a limit of single bytes would wait for ever."""
    fake.misbehave = always(Drop())
    with pytest.raises(client.ServerError, match=r"3 attempts of at most 0.1 .* had not ended"):
        client.Client(fake.address, timeout=0.1).get("/models")
    assert len(fake.requests) == 3
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1000)
    fake.misbehave = always(Raw("[" * 1001))
    with pytest.raises(client.ServerError, match="at most 1,000 bytes, found more, and no end"):
        client.Client(fake.address).get("/models")


@pytest.mark.parametrize(
    "spelled", [r"sk-a\/b\u003D", r"\u0073k-a/b=", r"sk-a\\\/b=", "sk-a%2Fb%3d"]
)
def test_a_key_is_found_however_it_is_spelled(fake, spelled):
    spoken = client.Client(fake.address, key="sk-a/b=")
    fake.misbehave = always(Raw(f'{{"text": "<{spelled}>"}}'))
    assert spoken.get("/models")[0] == {"text": "<[key]>"}
    fake.misbehave = always(Status(302, "", {"Location": f"http://a.org/{spelled}"}))
    with pytest.raises(client.ServerError, match=r"a.org/\[key\]"):
        spoken.get("/models")


def test_an_interrupt_does_not_wait_as_long_as_the_server_asks_for(fake, tmp_path, monkeypatch):
    """429 and ten minutes, for every request: Ctrl-C ends it at once, and nothing is lost."""
    undisturbed = audit_served(fake.address, tasks=["choices"], limit=8, progress=False)
    asked = threading.Event()
    state = {"left": 30}

    def busy(path, body, answer):
        state["left"] -= 1
        if state["left"] < 0:
            asked.set()
            raise Status(429, "slow down", {"Retry-After": "600"})
        return answer

    def interrupted(*_, **__):
        asked.wait()
        raise KeyboardInterrupt

    fake.misbehave = busy
    with monkeypatch.context() as patch:
        patch.setattr("coursekit.audit.served.run.wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            audit_served(fake.address, tasks=["choices"], limit=8, folder=tmp_path, progress=False)
    fake.misbehave = Fake.misbehave
    resumed = audit_served(
        fake.address, tasks=["choices"], limit=8, folder=tmp_path, resume=True, progress=False
    )
    assert resumed.to_json() == undisturbed.to_json()


@pytest.mark.parametrize("name", ["zeros", "constant", "tempered", "half of the time"])
def test_a_server_that_turns_wrong_on_the_way_is_noticed(fake, name):
    """What was checked at the beginning held, and holds no more: no number may come of it."""
    wrong = {
        "zeros": zeros,
        "constant": numbers(lambda value: -9.0),
        "tempered": numbers(lambda value: value / 3),
        "half of the time": numbers(lambda value: -9.0),
    }[name]
    state = {"requests": 0}

    def turn(path, body, answer):
        state["requests"] += 1
        since = state["requests"] - 20  # the checks are over, and two questions were answered
        until = 12 if name == "half of the time" else 10**6
        return wrong(path, body, answer) if 0 < since <= until else answer

    fake.misbehave = turn
    with pytest.raises(client.ServerError, match="nothing is reported"):
        audit_served(fake.address, tasks=["choices"], limit=8, concurrency=1, progress=False)


def zeros(path, body, answer):
    for choice in answer.get("choices", ()):
        if choice.get("logprobs"):
            found = choice["logprobs"]
            found["token_logprobs"] = [0.0] * len(found["tokens"])
            found["top_logprobs"] = [dict.fromkeys(top or {}, 0.0) for top in found["top_logprobs"]]
    return answer


def numbers(change):
    """A server that changes every log-probability."""

    def misbehave(path, body, answer):
        for choice in answer.get("choices", ()):
            if choice.get("logprobs"):
                found = choice["logprobs"]
                found["token_logprobs"] = [
                    value if value is None else change(value) for value in found["token_logprobs"]
                ]
                found["top_logprobs"] = [
                    {token: change(value) for token, value in (top or {}).items()}
                    for top in found["top_logprobs"]
                ]
        return answer

    return misbehave


def only_echo(change):
    """A server whose echo is wrong, and nothing else."""

    def misbehave(path, body, answer):
        if body.get("echo"):
            change(answer["choices"][0]["logprobs"])
        return answer

    return misbehave


def shift_numbers(found):
    found["token_logprobs"] = [None, *found["token_logprobs"][2:], -1.0]


def shift_tokens(found):
    found["tokens"] = [*found["tokens"][1:], "?"]


def drop_tokens(found):
    for name in ("tokens", "token_logprobs", "top_logprobs"):
        found[name] = found[name][:3]


def fewer_numbers(found):
    found["token_logprobs"] = found["token_logprobs"][:-1]


def echo_zeros(found):
    found["token_logprobs"] = [None] + [0.0] * (len(found["tokens"]) - 1)


def cold(path, body, answer):
    """Log-probabilities of the tempered law: zero at temperature 0."""
    return zeros(path, body, answer) if body.get("temperature") == 0 else answer


def always(trouble):
    def misbehave(path, body, answer):
        raise trouble

    return misbehave


def after_models(trouble):
    def misbehave(path, body, answer):
        if path != "/v1/models":
            raise trouble
        return answer

    return misbehave


def no_choices(path, body, answer):
    return answer if path == "/v1/models" else {"choices": []}


def no_text(path, body, answer):
    return answer if path == "/v1/models" else {"choices": [{"index": 0}]}


def an_error(path, body, answer):
    return {"error": {"message": "out of credit"}}


@pytest.mark.parametrize(
    ("misbehave", "said"),
    [
        (zeros, "must add up to 1 at most"),
        (numbers(lambda value: 0.0), "must add up to 1 at most"),
        (numbers(lambda value: -9.0), "must differ from token to token"),
        (numbers(lambda value: float("nan")), "must be a finite number, found nan"),
        (numbers(lambda value: float("-inf")), "must be a finite number, found -inf"),
        (numbers(lambda value: None), "must be a finite number, found None"),
        (numbers(lambda value: "-1"), "must be a finite number, found '-1'"),
        (numbers(lambda value: -value), "must be at most 0"),
        (numbers(lambda value: value / 9), "must add up to 1 at most"),
        (cold, "must be the same written in one go and token by token"),
        (only_echo(shift_numbers), "must be the same while it is written and by echo"),
        (only_echo(echo_zeros), "must be the same while it is written and by echo"),
        (only_echo(shift_tokens), "echo must return the tokens of the text that was sent"),
        (only_echo(drop_tokens), "echo must return the tokens of the text that was sent"),
        (only_echo(fewer_numbers), "must be one for each of the"),
        (always(Raw("<html>Welcome to the intranet</html>")), "must answer in JSON"),
        (after_models(Raw("<html>Please sign in</html>")), "must answer in JSON"),
        (after_models(Raw('{"choices": [{"text": "alw')), "must answer in JSON"),
        (after_models(Raw("[1, 2]")), "must answer with an object"),
        (after_models(Raw("[" * 100_000)), "must answer in JSON"),
        (always(Status(302, "", {"Location": "http://127.0.0.1:1/v1"})), "Nothing was sent there"),
        (after_models(Status(307, "", {"Location": "http://a.org"})), "Nothing was sent there"),
        (always(Status(401, "who are you?")), "OPENAI_API_KEY"),
        (always(Status(404, "nothing here")), "name one with --model"),
        (after_models(Status(404, "nothing here")), "refuses both"),
        (after_models(Status(429, "quota")), "refused the request: 429"),
        (after_models(Cut()), "gave no answer in 7 attempts"),
        (no_choices, "must have choices"),
        (no_text, "must have a text"),
        (an_error, "out of credit"),
    ],
)
def test_a_server_that_cannot_be_measured_is_refused(fake, tmp_path, capsys, misbehave, said):
    fake.misbehave = misbehave
    assert command(fake, tmp_path) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert list(tmp_path.iterdir()) == []


def test_an_echo_that_is_ignored_is_noticed(fake, tmp_path, capsys):
    fake.can.discard("echo")
    assert command(fake, tmp_path) == 0
    assert "echo is ignored in silence" in capsys.readouterr().out
    assert "choices-letters" in Report.read(tmp_path).tasks


def test_an_echo_without_numbers_is_noticed(fake, tmp_path, capsys):
    def nulls(found):
        found["token_logprobs"] = [None] * len(found["tokens"])

    fake.misbehave = only_echo(nulls)
    assert command(fake, tmp_path) == 0
    assert "echo returns tokens without log-probabilities" in capsys.readouterr().out
    assert "choices-letters" in Report.read(tmp_path).tasks


def test_samples_that_repeat_themselves_are_refused(fake, tmp_path, capsys):
    fake.can = {"completions"}
    first = Fake.write
    fake.write = lambda tokens, body: first(fake, tokens, body | {"seed": 1})
    assert command(fake, tmp_path) == 1
    assert "samples at temperature 1 must differ" in capsys.readouterr().err


def test_a_server_that_goes_wrong_in_the_middle_loses_nothing(fake, tmp_path, capsys):
    undisturbed = audit_served(fake.address, tasks=["choices"], limit=8, progress=False)
    before = len(fake.requests)
    state = {"left": 34}

    def die(path, body, answer):
        state["left"] -= 1
        if state["left"] < 0:
            raise Status(500, "out of memory")
        return answer

    fake.misbehave = die
    assert command(fake, tmp_path) == 1
    assert "out of memory" in capsys.readouterr().err
    kept = len((tmp_path / "unfinished" / "0000.jsonl").read_text(encoding="utf-8").splitlines())
    assert 0 < kept < 8
    del fake.requests[:]
    fake.misbehave = Fake.misbehave
    assert command(fake, tmp_path) == 1
    assert "Add --resume" in capsys.readouterr().err
    assert fake.requests == []
    assert command(fake, tmp_path, "--resume") == 0
    assert len(fake.requests) == before - 4 * kept
    assert Report.read(tmp_path).to_json() == undisturbed.to_json()
    del fake.requests[:]
    assert command(fake, tmp_path, "--resume") == 0
    assert not (tmp_path / "unfinished").exists()


def test_another_server_does_not_go_on_with_it(fake, tmp_path, capsys):
    assert command(fake, tmp_path) == 0
    fake.can.discard("echo")
    assert command(fake, tmp_path, "--resume") == 1
    assert "holds the audit of something else" in capsys.readouterr().err


# --- the key --------------------------------------------------------------------------------------


def telltale(path, body, answer):
    """A server that repeats the key wherever it can."""
    for choice in answer.get("choices", ()):
        if "text" in choice and not body.get("logprobs"):
            choice["text"] = f"{KEY} {choice['text']}"
    return answer


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "MY_KEY"])
def test_the_key_is_sent_and_stands_nowhere(fake, tmp_path, capsys, monkeypatch, variable):
    monkeypatch.setenv(variable, KEY)
    fake.misbehave = telltale
    options = [] if variable == "OPENAI_API_KEY" else ["--key-from", variable]
    options += ["--tasks", "choices", "answers"]
    assert command(fake, tmp_path, *options) == 0
    assert {headers["Authorization"] for _, _, headers in fake.requests} == {f"Bearer {KEY}"}
    troubles = (
        Status(401, f"wrong key {KEY}"),
        Status(302, "", {"Location": f"http://127.0.0.1:1/{KEY}"}),
        Status(400, f"bad {KEY}"),
        Raw(f"<html>{KEY}</html>"),
        Raw(f'{{"error": "{KEY}"}}'),
        Raw(f'{{"choices": "{KEY}"}}'),
        Cut(),
    )
    for number, trouble in enumerate(troubles):
        fake.misbehave = after_models(trouble)
        assert command(fake, tmp_path / f"{number}", "--debug", *options) == 1
    printed = capsys.readouterr()
    assert "[key]" in printed.err
    texts = [path.read_bytes().decode() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(texts) >= 1
    for text in (printed.out, printed.err, *texts):
        assert KEY not in text


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (f"{KEY}\r\nX: y", "without spaces"),
        (f"{KEY} x", "without spaces"),
        (f"{KEY}é", "without spaces"),
        ("a", "at least 4"),
    ],
)
def test_a_key_that_cannot_stand_in_a_header(fake, tmp_path, capsys, monkeypatch, key, said):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assert command(fake, tmp_path, "--debug") == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert KEY not in printed


def test_a_key_that_is_not_there(fake, tmp_path, capsys):
    assert command(fake, tmp_path, "--key-from", "NO_SUCH_KEY") == 1
    assert "found 'NO_SUCH_KEY' missing" in capsys.readouterr().err
    assert command(fake, tmp_path) == 0
    assert all("Authorization" not in headers for _, _, headers in fake.requests)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://me:sk-hidden@127.0.0.1/v1", "must hold no name or password"),
        ("http://127.0.0.1/v1?key=sk-hidden", "found a ? or #"),
        ("http://", "must look like"),
        ("http://sk-hidden@:x/v1", "must"),
    ],
)
def test_an_address_is_checked_and_no_password_in_it_shown(tmp_path, capsys, address, said):
    assert __main__.main(["audit", address, f"--output={tmp_path}"]) == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert "sk-hidden" not in printed


# --- what it costs --------------------------------------------------------------------------------


def test_a_dry_run_says_what_it_would_cost_and_keeps_nothing(fake, tmp_path, capsys):
    assert command(fake, tmp_path / "out", "--dry-run") == 0
    printed = capsys.readouterr().out
    probed = len(fake.requests)
    assert not (tmp_path / "out").exists()
    assert probed <= 30
    announced = int(printed.split("About ")[1].split(" requests")[0])
    assert command(fake, tmp_path / "out") == 0
    assert len(fake.requests) - 2 * probed == announced


def test_several_models_must_be_told_apart(fake, tmp_path, capsys):
    listed = {"data": [{"id": "one"}, {"id": "two"}]}
    fake.misbehave = lambda path, body, answer: listed if path == "/v1/models" else answer
    assert command(fake, tmp_path) == 1
    assert "found 2 (one, two). Name one with --model" in capsys.readouterr().err
    assert command(fake, tmp_path, "--model", "two") == 0
    assert {body["model"] for _, body, _ in fake.requests if body} == {"two"}


def test_parameters_that_a_server_does_not_know_are_left_out(fake):
    def strict(path, body, answer):
        if "top_k" in body:
            raise Status(400, "unrecognized argument: top_k")
        return answer

    fake.misbehave = strict
    report = audit_served(fake.address, tasks=["answers"], limit=8, progress=False)
    assert "takes no top_k and min_p" in report.task("answers")["asked"]["how"]
