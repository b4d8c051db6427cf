"""What is measured through a server is what its model says, whatever the way."""

from __future__ import annotations

import math

import pytest

from coursekit import __main__
from coursekit.audit import Report, ServerError, audit, audit_served
from coursekit.audit.asking import CHOICES, IN_CHAT
from coursekit.audit.page import summary, to_html
from coursekit.audit.served.run import Plan, choose, open_client

from .conftest import NUMBER, law, score, softmax


def plan(fake, tasks=("choices",), limit=8, with_logprobs=True) -> Plan:
    client = open_client(fake.address, None, 2, 60)
    return Plan.of(client, None, *choose(tasks, limit), 0, with_logprobs)


def records(fake, **options):
    made = plan(fake, **options)
    [asking] = made.askings
    items = made.items[asking.task.name]
    return made, items, [asking.read(made.server, item, 0) for item in items]


@pytest.mark.parametrize(
    ("way", "can"),
    [
        ("echo", {"completions", "logprobs", "echo"}),
        ("prompt_logprobs", {"completions", "logprobs", "prompt_logprobs"}),
        ("steps", {"completions", "logprobs", "tokenize", "ids"}),
    ],
)
def test_options_are_scored_as_the_model_scores_them(fake, way, can):
    fake.can, fake.most_alternatives = can, 10_000
    made, items, found = records(fake)
    assert made.server.can.scoring == way
    assert made.askings[0].task is CHOICES
    for item, record in zip(items, found, strict=True):
        prompt = item.content["prompt"]
        exact = [score(prompt, f" {option}") for option in item.content["question"].options]
        assert softmax(record["scores"]) == pytest.approx(softmax(exact), abs=1e-9)


def test_a_token_beyond_the_likely_ones_has_a_bound(fake):
    fake.can, fake.most_alternatives = {"completions", "logprobs", "tokenize", "ids"}, 20
    made, items, found = records(fake)
    exact = [
        [score(item.content["prompt"], f" {option}") for option in item.content["question"].options]
        for item in items
    ]
    assert any(record.get("bounded") for record in found)
    for record, scores in zip(found, exact, strict=True):
        # A number common to all options is left out.
        places = [i for i in range(len(scores)) if i not in record.get("bounded", ())]
        if len(places) < 1:
            continue
        shift = record["scores"][places[0]] - scores[places[0]]
        for place, value in enumerate(scores):
            if place in record.get("bounded", ()):
                assert record["scores"][place] >= value + shift - 1e-9
            else:
                assert record["scores"][place] == pytest.approx(value + shift, abs=1e-9)
    counted = made.askings[0].count(found)
    assert counted["options_outside"] > 0
    assert 0 < counted["confidence_open_by"] <= 1


@pytest.mark.parametrize("through", ["completions", "chat"])
def test_letters_are_read_where_only_likely_tokens_are_named(fake, through):
    fake.can = {through, "logprobs", "chat logprobs"}
    made, items, found = records(fake)
    assert made.askings[0].task.name == "choices-letters"
    # A spelling beyond the likely ones, "C" beside " C", is missing from the sum.
    for item, record in zip(items, found, strict=True):
        letters = [f" {letter}" for letter in "ABCD"[: len(item.content["question"].options)]]
        exact = [
            math.log(sum(math.exp(law(":")[NUMBER[token]]) for token in (letter, letter.strip())))
            for letter in letters
        ]
        known = [i for i in range(len(letters)) if i not in record.get("bounded", ())]
        assert len(known) >= 2
        for place in known:
            assert record["scores"][place] == pytest.approx(exact[place], abs=0.2)


def test_without_log_probabilities_letters_are_sampled(fake):
    made, _, found = records(fake, with_logprobs=False)
    assert made.server.can.scoring is None
    assert "sampled 10 times" in made.askings[0].how
    assert all(math.isclose(sum(map(math.exp, record["scores"])), 1) for record in found)


def test_the_whole_audit_of_a_server(fake, tmp_path):
    report = audit_served(fake.address, limit=9, folder=tmp_path, progress=False)
    assert report.tasks == ["choices", "answers", "stated"]
    assert Report.read(tmp_path).data == report.data
    assert report.data["model"]["kind"] == "served"
    assert report.model == "bigram"
    assert "it scores a given text by echo" in report.data["served"]["can"]
    assert report.task("stated")["asked"]["unread"] == 0
    assert report.task("answers")["asked"]["samples"] == 90
    assert "no server sends" in report.data["notes"][0]
    assert report.task("choices")["asked"]["how"] in to_html(report)
    assert "Choices" in summary(report)
    # The same again, and with other requests under way: to the last byte.
    again = audit_served(fake.address, limit=9, concurrency=1, progress=False)
    assert again.to_json() == report.to_json()


def test_a_report_of_a_server_stands_beside_one_of_weights(fake, byte_lm):
    from coursekit.audit import compare

    served = audit_served(fake.address, tasks=["choices"], limit=12, progress=False)
    weights = audit(byte_lm, ["choices"], 12, progress=False)
    assert compare(weights, served)["choices"].difference["accuracy"].low >= -1


def test_stated_confidence_that_nobody_can_read_is_counted(fake):
    fake.misbehave = lambda path, body, answer: (
        reply(answer, "rather sure") if seldom(body) else answer
    )
    report = audit_served(fake.address, tasks=["stated"], limit=12, progress=False)
    asked = report.task("stated")["asked"]
    assert 0 < asked["unread"] < 12
    assert asked["unread_such_as"] == ["rather sure"]
    assert report.task("stated")["items"] == 12


def seldom(body) -> bool:
    messages = body.get("messages", [{"content": ""}])
    return "percent" in messages[-1]["content"] and len(messages[0]["content"]) % 3 == 0


def reply(answer, text):
    answer["choices"][0]["message"]["content"] = text
    return answer


def test_a_task_that_most_answers_leave_open_is_not_measured(fake):
    fake.says = "I am quite sure of that."
    report = audit_served(fake.address, tasks=["choices", "stated"], limit=8, progress=False)
    assert report.tasks == ["choices"]
    assert "Stated confidence. most samples must hold a number" in report.data["notes"][1]
    with pytest.raises(ServerError, match="nothing could be measured"):
        audit_served(fake.address, tasks=["stated"], limit=8, progress=False)


def test_a_model_that_thinks_aloud_has_not_answered(fake):
    def think(path, body, answer):
        for choice in answer.get("choices", ()):
            choice["text"] = f"<think>{choice.get('text', '')}"
        return answer

    fake.can = {"completions"}
    fake.misbehave = think
    with pytest.raises(ServerError, match="thinks aloud first"):
        audit_served(fake.address, tasks=["answers"], limit=8, progress=False)


def test_no_more_requests_at_a_time_than_were_asked_for(fake):
    audit_served(fake.address, tasks=["choices"], limit=8, concurrency=2, progress=False)
    assert fake.most_active <= 2


def test_what_only_weights_can_be_asked_is_refused(fake):
    with pytest.raises(ValueError, match="needs the probabilities of all tokens"):
        audit_served(fake.address, tasks=["prose"])
    with pytest.raises(ValueError, match=r"Write audit_served\(address\)"):
        audit(fake.address)
    assert fake.requests == []


def test_questions_of_your_own_are_asked(fake, tmp_path, capsys):
    row = '{"question": "Is %d even?", "answer": "yes", "choices": ["yes", "no"]}'
    rows = [row % number for number in range(14)]
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(rows), encoding="utf-8")
    command = ["audit", fake.address, "--questions", str(file), "--dry-run"]
    assert __main__.main(command) == 0
    assert "Your questions (own) (10 items)" in capsys.readouterr().out
    assert __main__.main([*command, "--tasks", "stated"]) == 0
    printed = capsys.readouterr().out
    assert "Your questions (own) (10 items)" in printed
    assert "Stated confidence (100 items)" in printed
    assert __main__.main(["audit", fake.address, "--dry-run", "--tasks", "stated"]) == 0
    assert "Your questions" not in capsys.readouterr().out
    assert __main__.main(["audit", fake.address, "--dry-run", "--tasks", "code"]) == 1
    assert "Only weights can be asked" in capsys.readouterr().err


def test_servers_write_space_and_the_beginning_of_a_text_in_their_own_way(fake):
    """As some do for tokenizers of SentencePiece: a mark first, and no space before a word."""

    def theirs(path, body, answer):
        for choice in answer.get("choices", ()):
            if choice.get("logprobs"):
                found = choice["logprobs"]
                found["tokens"] = [token.strip(" ") for token in found["tokens"]]
                found["top_logprobs"] = [
                    top and {token.strip(" ") or " ": value for token, value in top.items()}
                    for top in found["top_logprobs"]
                ]
                if body.get("echo"):
                    for name, first in (("tokens", "<s>"), ("token_logprobs", None)):
                        found[name].insert(0, first)
                    found["token_logprobs"][1] = -3.0
                    found["top_logprobs"].insert(0, None)
                    answer["usage"]["prompt_tokens"] += 1
        return answer

    _, items, plain = records(fake)
    fake.misbehave = theirs
    made, _, found = records(fake)
    assert made.server.can.scoring == "echo"
    assert [softmax(one["scores"]) for one in found] == [
        pytest.approx(softmax(one["scores"]), abs=1e-9) for one in plain
    ]
    assert len(items) == 8


def test_a_stated_confidence_stands_beside_the_tokens_of_the_same_answer(fake):
    fake.can |= {"chat logprobs"}
    report = audit_served(fake.address, tasks=["stated"], limit=24, progress=False)
    beside = report.task("stated")["beside"]
    assert beside["items"] + beside["without_probability"] == 24
    assert set(beside["difference"]) >= {"brier", "ece", "gap"}
    page = to_html(report)
    assert "Stated, beside the probability of the same answers" in page
    assert "tokens minus stated" in page
    # A server that calls every token of a greedy answer certain is found out beforehand.
    fake.misbehave = lambda path, body, answer: certain(answer)
    with pytest.raises(ServerError, match="log-probabilit"):
        audit_served(fake.address, tasks=["stated"], limit=24, progress=False)


def certain(answer):
    for choice in answer.get("choices", []):
        for entry in (choice.get("logprobs") or {}).get("content") or []:
            entry["logprob"] = 0.0
    return answer


def test_the_probability_is_that_of_the_answer_alone(fake):
    fake.can |= {"chat logprobs"}
    made, items, found = records(fake, tasks=("stated",), limit=12)
    for item, record in zip(items, found, strict=True):
        asked = IN_CHAT.format(prompt=item.content["prompt"])
        talk = [{"role": "user", "content": asked}]
        line = made.server.reply(talk, 16, temperature=0.0, stop="\n").text.split("\n")[0]
        if not line.strip():
            assert record["log_prob"] is None
        else:
            assert record["log_prob"] == pytest.approx(score(f"{asked}:", line.rstrip()), abs=1e-6)
