"""A report can be read again, and a damaged one is refused with the place and the reason."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from coursekit.audit import SCHEMA, Report, audit
from coursekit.audit.schema import validate


@pytest.fixture(scope="module")
def report(byte_lm) -> Report:
    return audit(byte_lm, ["code", "choices", "answers"], 40, progress=False)


def test_it_is_read_as_it_was_saved(report, tmp_path):
    path = report.save(tmp_path)
    for where in (path, tmp_path, str(path)):
        assert Report.read(where).data == report.data
    assert json.loads(path.read_text(encoding="utf-8"))["format"] == "coursekit-audit"


def test_the_schema_is_a_valid_one_and_describes_what_there_is(report):
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)
    written = json.loads(report.to_json())
    Draft202012Validator(SCHEMA).validate(written)
    validate(written)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: d["tasks"]["code"]["metrics"].pop("ece"), "tasks/code/metrics must have 'ece'"),
        (
            lambda d: d["tasks"]["code"]["bins"]["count"].pop(),
            "count must have 15 entries, fo",
        ),
        (lambda d: d["tasks"]["code"]["by_item"]["name"].pop(), "of at most a row for each of 40"),
        (lambda d: d["model"].pop("parameters"), "model must have 'parameters'"),
        (lambda d: d["model"].update(parameters="many"), "must be of type integer, found 'many'"),
        (lambda d: d["model"].update(parameters=True), "model/parameters must be .* found True"),
        (lambda d: d["model"].update(parameters=-1), "model/parameters must be at least 0, found"),
        (lambda d: d.update(tasks={}), "tasks must have an entry"),
        (lambda d: d.update(version=1), "has version 1, and this version of the course reads 3"),
        (lambda d: d.update(format="x"), "is no report of an audit"),
    ],
)
def test_damage_is_named(report, tmp_path, damage, said):
    data = deepcopy(report.data)
    damage(data)
    path = Report(data).save(tmp_path)
    with pytest.raises(ValueError, match=said):
        Report.read(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"'])
def test_what_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="report"):
        Report.read(tmp_path)


def test_a_missing_one_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m coursekit audit MODEL --output FOLDER"):
        Report.read(tmp_path / "report.json")


def test_what_is_unknown_is_named(report):
    with pytest.raises(ValueError, match="must be one of code, choices, answers, found 'prose'"):
        report.task("prose")
    with pytest.raises(ValueError, match=r"one of choices \(.*\), found 'river' of 'kind'"):
        report.metrics("choices", "kind", "river")
    with pytest.raises(ValueError, match=r"when must be 'before', .*, found 'then'"):
        report.held_out("code", "then")
    assert report.groups("code", "river") == {}


def test_few_predictions_get_fewer_bins_of_the_same_sums(report):
    bins, low, high = report.points("choices", 3)
    whole, _, _ = report.points("choices")
    assert len(bins.count) == 5
    assert len(bins.edges) == 6
    assert bins.count.tolist() == whole.count.view(5, 3).sum(dim=1).tolist()
    assert bins.confidence_sum.sum().item() == pytest.approx(whole.confidence_sum.sum().item())
    some = bins.count > 0
    assert (low[some] <= bins.accuracy[some]).all() and (bins.accuracy[some] <= high[some]).all()
    with pytest.raises(ValueError, match="merged must be 1, 3 or 5, found 2"):
        report.points("choices", 2)


def test_a_task_without_a_temperature_says_so(report):
    data = deepcopy(report.data)
    data["tasks"]["code"].pop("temperature")
    bare = Report(data)
    calls = (bare.temperature, lambda task: bare.held_out(task, "after"))
    for call in (*calls, lambda task: bare.bins(task, after=True)):
        with pytest.raises(ValueError, match="task 'code' must have a temperature, found none"):
            call("code")


def test_groups_hold_their_own_items(report):
    groups = report.groups("choices", "kind")
    assert set(groups) == {"capital", "currency", "symbol", "addition"}
    sizes = {
        name: group["items"] for name, group in report.task("choices")["groups"]["kind"].items()
    }
    assert sum(sizes.values()) == 40
    mean = sum(groups[name]["accuracy"].estimate * sizes[name] for name in groups) / 40
    assert mean == pytest.approx(report.metrics("choices")["accuracy"].estimate)
    assert report.metrics("choices", "kind", "symbol") == groups["symbol"]


def test_the_surest_wrong_answers_are_wrong(report):
    wrong = report.task("answers")["surest_wrong"]
    assert wrong
    agreeing = [answer["agreeing"] for answer in wrong]
    assert agreeing == sorted(agreeing, reverse=True)
    assert all(answer["said"] != answer["right"] for answer in wrong)
    assert "surest_wrong" not in report.task("code")
