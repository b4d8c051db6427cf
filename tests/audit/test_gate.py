"""`--fail-if`: what a limit says, and that the interval alone decides."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from pathlib import Path

import numpy as np
import pytest

from coursekit import __main__, calibration as cal
from coursekit.audit import audit_results, gate, held_against, page
from coursekit.audit.gate import Finding, Limit
from coursekit.calibration import Interval
from coursekit.calibration.planning import answers_to_decide


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ece > 0.05", ("ece", True, 0.05, None, None, None)),
        ("ECE>=.05", ("ece", True, 0.05, None, None, None)),
        ("auroc<0.7", ("auroc", False, 0.7, None, None, None)),
        ("gap < -1e-2", ("gap", False, -0.01, None, None, None)),
        ("|gap| > 0.1", ("|gap|", True, 0.1, None, None, None)),
        ("arc_easy.accuracy < 0.5", ("accuracy", False, 0.5, "arc_easy", None, None)),
        ("arc-norm: nll > 1", ("nll", True, 1.0, "arc-norm", None, None)),
        ("gap[continent=South America] > 0", ("gap", True, 0, None, "continent", "South America")),
        ("gap[kind=a = [b]] > 0", ("gap", True, 0, None, "kind", "a = [b]")),
    ],
)
def test_limits_as_people_write_them(text, expected):
    limit = Limit.parse(text)
    found = (limit.metric, limit.above, limit.value, limit.task, limit.label, limit.group)
    assert found == expected


def test_a_report_is_held_against_limits_in_python(tmp_path):
    rows = [f"0.9,{i % 2},{'ab'[i % 4 // 2]}" for i in range(200)]
    table = tmp_path / "quiz.csv"
    table.write_text("\n".join(["confidence,correct,part", *rows]), encoding="utf-8")
    report = audit_results(table, group=["part"])
    found = held_against(report, "gap[part=a] > 0.1", "accuracy < 0.4")
    assert [finding.verdict for finding in found] == ["exceeded", "kept"]
    with pytest.raises(ValueError, match=r"must be about a group of at least 10 items, found"):
        held_against(report, "gap[part=c] > 0.1")


@pytest.mark.parametrize("text", ["", "ece", "ece = 0.1", "ece > 5%", "ece > nan", "0.1 > ece"])
def test_what_is_no_limit_is_told_what_is(text):
    with pytest.raises(ArgumentTypeError, match='must be "METRIC > NUMBER"'):
        Limit.parse(text)


@pytest.mark.parametrize(
    "text", ["ece > 5", "ece > 1", "accuracy < 70", "accuracy < -1", "gap > 2", "nll > 1e999"]
)
def test_a_limit_that_nothing_can_cross_is_refused(text):
    """Such as percentages: a build would pass, whatever the model does."""
    with pytest.raises(ArgumentTypeError, match="Shares are meant, not percentages"):
        Limit.parse(text)


@pytest.mark.parametrize("text", ["accuracy < 1", "ece > 0", "nll > 12", "accuracy < -0.02"])
def test_limits_at_the_border_are_none_the_less_limits(text):
    assert Limit.parse(text).text == text


def test_an_unknown_metric_is_told_the_known_ones():
    with pytest.raises(ArgumentTypeError, match=r"accuracy, confidence, gap, .* found 'acc'"):
        Limit.parse("acc > 0.1")


@pytest.mark.parametrize(
    ("text", "ends", "verdict"),
    [
        ("ece > 0.1", (0.11, 0.2), "exceeded"),
        ("ece > 0.1", (0.1, 0.2), "undecided"),
        ("ece > 0.1", (0.0, 0.1), "kept"),
        ("accuracy < 0.5", (0.3, 0.49), "exceeded"),
        ("accuracy < 0.5", (0.3, 0.5), "undecided"),
        ("accuracy < 0.5", (0.5, 0.7), "kept"),
    ],
)
def test_the_interval_decides(text, ends, verdict):
    found = Finding(Limit.parse(text), "quiz", Interval(sum(ends) / 2, *ends), 50)
    assert found.verdict == verdict
    assert ("would decide" in found.sentence()) == (verdict == "undecided")


def test_the_size_of_a_gap():
    def of(low: float, high: float) -> Interval:
        limit = Limit.parse("|gap| > 0.1")
        return gate._value(limit, "quiz", {"gap": Interval((low + high) / 2, low, high)})

    assert (of(-0.4, -0.2).low, of(-0.4, -0.2).high) == (0.2, 0.4)
    assert (of(-0.4, 0.2).low, of(-0.4, 0.2).high) == (0.0, 0.4)
    assert of(-0.4, -0.2).estimate == pytest.approx(0.3)


def test_so_many_items_do_decide():
    """Of samples of the number that is told, four of five have an interval without the limit."""
    rng = np.random.default_rng(0)
    n, accuracy, limit = 200, 0.7, 0.66

    def interval(n: int) -> Interval:
        share = rng.binomial(n, accuracy) / n
        half = 1.96 * (share * (1 - share) / n) ** 0.5
        return Interval(share, share - half, share + half)

    half = 1.96 * (accuracy * (1 - accuracy) / n) ** 0.5
    needed = answers_to_decide(Interval(accuracy, accuracy - half, accuracy + half), limit, n)
    decided = np.mean([limit not in interval(needed) for _ in range(2000)])
    assert 0.76 < decided < 0.84
    assert answers_to_decide(Interval(0.5, 0.4, 0.6), 0.5, n) is None
    # The same formula as for a gap, where confidence and accuracy scatter alike.
    assert cal.answers_needed(0.04, 0.7) == pytest.approx(needed, rel=0.05)


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Results of an old model, and of a new one that is worse in one of two kinds."""
    folder = tmp_path_factory.mktemp("gate")
    rng = np.random.default_rng(0)
    luck, made = rng.random(600), {}
    for name, chance in (("old", (0.8, 0.8)), ("new", (0.8, 0.6)), ("same", (0.8, 0.8))):
        luck = rng.random(600) if name == "same" else luck
        rows = [f"q{i},0.8,{luck[i] < chance[i % 2]},{'ab'[i % 2]}" for i in range(600)]
        made[name] = folder / f"{name}.csv"
        made[name].write_text("\n".join(["id,confidence,correct,kind", *rows]), encoding="utf-8")
        made[f"{name} report"] = audit_results(made[name]).save(folder / name)
    return made


@pytest.fixture(autouse=True)
def no_page(monkeypatch):
    monkeypatch.setattr(page, "write_html", lambda report, folder: None)


def audit(*arguments: object) -> int:
    return __main__.main(["audit", *map(str, arguments)])


@pytest.mark.parametrize(
    ("model", "options", "code", "said"),
    [
        ("new", ["gap > 0.2"], 0, "gap > 0.2: kept"),
        ("new", ["gap > 0.02"], 3, "gap > 0.02: exceeded"),
        ("new", ["gap > 0.2", "accuracy < 0.95"], 3, "accuracy < 0.95: exceeded"),
        ("new", ["gap[kind=b] > 0.1"], 3, "gap[kind=b] > 0.1: exceeded"),
        ("new", ["gap[kind=a] > 0.1"], 0, "gap[kind=a] > 0.1: kept"),
        ("new", ["gap > 0.1"], 3, "items like these 600 would decide"),
        ("new", ["gap > 0.1", "--undecided=pass"], 0, "gap > 0.1: undecided"),
        ("new", ["gap > 0.02", "--undecided=pass"], 3, "exceeded"),
    ],
)
def test_exit_codes(files, tmp_path, capsys, model, options, code, said):
    limits = [o if o.startswith("--") else f"--fail-if={o}" for o in options]
    assert audit(files[model], "--group=kind", "--output", tmp_path / "out", *limits) == code
    assert said in capsys.readouterr().out
    assert (tmp_path / "out" / "report.json").exists()


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("nll > 1", "of results are known accuracy, confidence, gap, ece, brier, auroc"),
        ("quiz.ece > 0.5", "must name one of the tasks results, found 'quiz'"),
        ("ece[kind=c] > 0.5", "must be about a group of at least 10 items, found kind: a, b"),
        ("accuracy < -0.02", "no accuracy of one model is below 0. (Changes can be: --compare"),
        ("|gap| < 0", "no |gap| of one model is below 0"),
        ("worse", "two models on the same items (--compare OLD NEW), found none"),
    ],
)
def test_a_limit_about_nothing_is_an_error_and_no_pass(files, tmp_path, capsys, limit, said):
    options = ["--group=kind", "--output", tmp_path, "--fail-if", limit]
    assert audit(files["new"], *options) == 1
    assert said in capsys.readouterr().err


def test_compare_fails_where_a_model_became_worse_for_sure(files, capsys):
    old, new, same = (files[f"{name} report"] for name in ("old", "new", "same"))
    assert audit("--compare", old, new) == 0
    assert audit("--compare", old, new, "--fail-if", "worse") == 3
    assert "results, change: accuracy < 0: exceeded" in capsys.readouterr().out
    assert audit("--compare", new, old, "--fail-if", "worse") == 0
    assert audit("--compare", old, same, "--fail-if", "worse") == 0  # nothing is sure
    assert audit("--compare", old, new, "--fail-if", "accuracy < -0.3") == 0
    assert audit("--compare", old, new, "--fail-if", "gap[kind=b] > 0") == 1


def test_no_limit_is_no_gate(capsys):
    assert gate.judge(Namespace(fail_if=[], undecided="fail"), {}) == 0
    assert capsys.readouterr().out == ""
