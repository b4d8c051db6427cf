"""Tasks of somebody's own beside the built-in ones; what would not do is refused by name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from coursekit.audit import TASKS, AnswerTask, ChoiceTask, Item, Report, Task, audit, compare
from coursekit.audit.page import summary, to_html
from coursekit.calibration import top_label
from coursekit.calibration.sums import sums_of
from coursekit.calibration.temperatures import TEMPERATURES
from coursekit.data import Question


def times(a: int, b: int) -> Question:
    right = str(a * b)
    options = (right, str(a * b + a), str(a * b + 10))
    text, key = f"What is {a} times {b}?", f"{a}x{b}"
    return Question("product", key, key, text, right, options, 0, "products", "sums")


QUESTIONS = [times(a, b) for a in range(3, 8) for b in range(3, 8)]
TABLE = ChoiceTask("times", "Multiplication table", QUESTIONS)


def logits_of_two_words(lm, number: int) -> list[float]:
    words = [lm.tokenizer(word).input_ids[0] for word in ("even", "odd")]
    with torch.inference_mode():
        ids = torch.tensor([lm.tokenizer(f"{number} is ").input_ids])
        return lm.model(input_ids=ids).logits[0, -1, words].double().tolist()


class Parity:
    """Written by hand: is a number even or odd? Two tokens decide."""

    name, title, entity = "parity", "Even or odd", "number"
    event = "the more probable of two words is the right one"
    default_limit, lightness = 16, 4
    two_readings, one_prediction, same_for_all = False, True, True

    def items(self, lm, limit, seed):
        return [
            Item(f"n{n}", str(n), n, {"half": "low" if n < 8 else "high"}) for n in range(limit)
        ]

    def read(self, lm, items, seed, temperature):
        return [{"logits": logits_of_two_words(lm, item.content)} for item in items]

    def before(self, item, record):
        return self.after(item, record, 1.0)

    def after(self, item, record, temperature):
        probs = (torch.tensor([record["logits"]], dtype=torch.float64) / temperature).softmax(1)
        label = torch.tensor([item.content % 2])
        return sums_of(*top_label(probs, label), -probs[0, label].log())

    def nll_at(self, item, record):
        return [self.after(item, record, temperature)["nll"] for temperature in TEMPERATURES]


def test_names_and_own_tasks_stand_in_one_list(byte_lm):
    report = audit(byte_lm, [Parity(), "choices", TABLE, TASKS["code"]], limit=9, progress=False)
    assert report.tasks == ["code", "choices", "parity", "times"]
    assert report.task("times")["items"] == 9
    assert report.task("parity")["event"] == Parity.event


def test_a_report_of_own_tasks_is_read_shown_and_compared(byte_lm, tmp_path):
    report = audit(byte_lm, [TABLE, Parity()], progress=False, folder=tmp_path)
    again = Report.read(tmp_path)
    assert again.data == report.data
    assert again.task("times")["items"] == 21  # of 25 four are the answered examples
    for shown in (summary(again), to_html(again)):
        assert "Multiplication table" in shown
        assert "Even or odd" in shown
    assert set(compare(again, report)) == {"times", "parity"}


def test_a_task_by_hand_gives_the_numbers_of_its_predictions(byte_lm):
    report = audit(byte_lm, [Parity()], progress=False)
    logits = [logits_of_two_words(byte_lm, number) for number in range(16)]
    probs = torch.tensor(logits, dtype=torch.float64).softmax(1)
    confidence, correct = top_label(probs, torch.arange(16) % 2)
    found = report.metrics("parity")
    assert found["confidence"].estimate == pytest.approx(confidence.mean().item(), abs=1e-5)
    assert found["accuracy"].estimate == pytest.approx(correct.double().mean().item())


def test_an_interrupted_task_of_ones_own_is_gone_on_with(byte_lm, tmp_path):
    class Tired(Parity):
        read_batches = 0

        def read(self, lm, items, seed, temperature):
            if self.read_batches == 2:
                raise KeyboardInterrupt
            self.read_batches += 1
            return super().read(lm, items, seed, temperature)

    settings = {"batch_size": 1, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        audit(byte_lm, [Tired()], folder=tmp_path, **settings)
    resumed = audit(byte_lm, [Parity()], folder=tmp_path, resume=True, **settings)
    assert resumed.to_json() == audit(byte_lm, [Parity()], **settings).to_json()


def test_free_answers_of_ones_own_are_shown_where_they_are_surely_wrong(byte_lm):
    task = AnswerTask("table", "Table", QUESTIONS)
    report = audit(byte_lm, [task], limit=8, progress=False)
    assert report.task("table")["surest_wrong"][0]["right"].isdigit()


# --- what is refused


def without(*names: str) -> Task:
    members = {name: getattr(TABLE, name) for name in dir(TABLE) if not name.startswith("_")}
    return SimpleNamespace(**{n: value for n, value in members.items() if n not in names})


def with_(**changes) -> Task:
    return SimpleNamespace(**vars(without()) | changes)


@pytest.mark.parametrize(
    ("task", "error", "said"),
    [
        (3, TypeError, "a task must have name, title, event, .* found int without"),
        (Parity, TypeError, "a task must be an object, found the class Parity. Call it first"),
        (
            without("read"),
            TypeError,
            r"a task must have read \(see Task\), found SimpleN.* without",
        ),
        (without("event", "after"), TypeError, "a task must have event, after"),
        (with_(name=3), TypeError, "name of SimpleNamespace must be str, found 3"),
        (with_(two_readings="no"), TypeError, "two_readings of .* must be bool, found 'no'"),
        (with_(lightness=True), TypeError, "lightness of .* must be int, found True"),
        (with_(read=[]), TypeError, r"read of .* must be a method, found \[\]"),
        (with_(name="../x"), ValueError, 'must be letters, digits, "-" and "_", found \'../x\''),
        (with_(name=""), ValueError, "must be letters"),
        (with_(title="a\x1b[2J"), ValueError, "title of .* must be one line of text"),
        (with_(title=" "), ValueError, "title of .* must be one line of text"),
        (with_(name="prose"), ValueError, "names of tasks must differ, found 'prose' twice"),
        (with_(default_limit=3), ValueError, "limit must be at least 8, found 3"),
        (with_(lightness=0), ValueError, "lightness of .* must be at least 1, found 0"),
    ],
)
def test_what_is_no_task_is_refused_before_anything_is_asked(task, error, said):
    with pytest.raises(error, match=said):
        audit("no/such/model", ["code", task])


def test_two_tasks_of_one_name_are_refused_but_one_may_stand_twice(byte_lm):
    with pytest.raises(ValueError, match="names of tasks must differ, found 'times' twice"):
        audit(byte_lm, [TABLE, ChoiceTask("times", "Another", QUESTIONS)])
    assert audit(byte_lm, [TABLE, TABLE], limit=8, progress=False).tasks == ["times"]


def items(*names: str, entity=lambda name: name, labels=None) -> list[Item]:
    return [Item(name, entity(name), 0, labels or {}) for name in names]


LETTERS = "abcdefgh"


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (None, TypeError, "items of 'times' must be a list of Item, found None"),
        (["a"] * 8, TypeError, "items of 'times' must be a list of Item"),
        (items(*"abc"), ValueError, "at least 8 and at most the limit of 9, found 3"),
        (items(*"abcdefghijkl"), ValueError, "at most the limit of 9, found 12"),
        (items(*"aacdefgh"), ValueError, "must have different names, found one twice"),
        (items(*LETTERS, entity=lambda _: "x"), ValueError, "at least 4 entities, .* found 1"),
        (items(*LETTERS, entity=ord), TypeError, "name, entity and labels of .* must be strings"),
        (items(*LETTERS, labels={"n": 3}), TypeError, "name, entity and labels of"),
    ],
)
def test_items_that_would_not_do_are_refused(byte_lm, given, error, said):
    with pytest.raises(error, match=said):
        audit(byte_lm, [with_(items=lambda *_: given)], limit=9, progress=False)


@pytest.mark.parametrize(
    ("records", "error", "said"),
    [
        (lambda n: None, ValueError, "records of 'times' must be a list of one an item"),
        (lambda n: [{}] * (n - 1), ValueError, r"a list of one an item \(.*\), found"),
        (lambda n: [torch.ones(1)] * n, TypeError, "must be plain numbers and strings, found"),
        (lambda n: [{"scores": [float("nan")]}] * n, ValueError, "finite numbers, found NaN"),
        (lambda n: [3] * n, TypeError, "must be dictionaries, found 3"),
    ],
)
def test_records_that_would_not_do_are_refused(byte_lm, records, error, said):
    task = with_(read=lambda lm, batch, *_: records(len(batch)))
    with pytest.raises(error, match=said):
        audit(byte_lm, [task], limit=9, progress=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_sums_that_are_not_finite_are_refused(byte_lm, value):
    def before(item, record):
        return TABLE.before(item, record) | {"nll": value}

    with pytest.raises(ValueError, match=r"sums of 'times' must be finite, found .* product \d"):
        audit(byte_lm, [with_(before=before)], limit=9, progress=False)


@pytest.mark.parametrize(
    ("questions", "error", "said"),
    [
        ([], ValueError, "questions must hold at least one, found none"),
        (["What?"], TypeError, "questions must be a list of Question, found 'What"),
        ([Question("a", "b", "c", "d?", "e", ("e",), 0, "f", "g")], ValueError, "among 1 in 'd"),
        (
            [Question("a", "b", "c", "d?", "e", ("e", "x"), 2, "f", "g")],
            ValueError,
            "found 2 among",
        ),
        (QUESTIONS[:6], ValueError, "at least 8 and at most the limit of 200, found 2"),
    ],
)
def test_questions_that_would_not_do_are_refused(byte_lm, questions, error, said):
    with pytest.raises(error, match=said):
        audit(byte_lm, [ChoiceTask("own", "Own", questions)], progress=False)
