"""Two reports: differences are paired, and what cannot be paired is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from coursekit.audit import Report, audit, compare
from coursekit.calibration import bootstrap_interval

SETTINGS = {"tasks": ["code", "samples", "choices"], "limit": 24, "progress": False}


@pytest.fixture(scope="module")
def first(byte_lm) -> Report:
    return audit(byte_lm, **SETTINGS)


@pytest.fixture(scope="module")
def second(byte_lm) -> Report:
    torch.manual_seed(1)
    model = type(byte_lm.model)(byte_lm.model.config).eval().requires_grad_(False)
    return audit(replace(byte_lm, model=model), **SETTINGS)


def test_a_report_does_not_differ_from_itself(first):
    for found in compare(first, first).values():
        for name, difference in found.difference.items():
            assert (difference.estimate, difference.low, difference.high) == (0, 0, 0), name


def test_differences_are_second_minus_first_and_paired(first, second):
    compared = compare(first, second)
    assert list(compared) == ["code", "choices"]  # own samples are other texts
    for task, found in compared.items():
        for name, difference in found.difference.items():
            expected = second.metrics(task)[name].estimate - first.metrics(task)[name].estimate
            assert difference.estimate == pytest.approx(expected, abs=1e-12)
    rows = [
        torch.tensor(report.task("choices")["by_item"]["sums"], dtype=torch.float64)
        for report in (first, second)
    ]
    expected = bootstrap_interval(
        lambda a, b: (b[:, -1].mean() - a[:, -1].mean()).item(),
        *rows,
        groups=first.task("choices")["by_item"]["entity"],
        method="t",  # of few entities
    )
    found = compared["choices"].difference["brier"]
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], abs=1e-12)
    back = compare(second, first)["code"].difference["nll"]
    assert back.estimate == pytest.approx(-compared["code"].difference["nll"].estimate)


def test_pairing_pays(byte_lm, first):
    nearly = replace(byte_lm, model=_nudged(byte_lm.model))
    difference = compare(first, audit(nearly, **SETTINGS))["code"].difference["nll"]
    alone = first.metrics("code")["nll"]
    assert difference.high - difference.low < (alone.high - alone.low) / 2


def _nudged(model):
    copy = type(model)(model.config)
    copy.load_state_dict(model.state_dict())
    with torch.no_grad():
        copy.transformer.ln_f.weight.mul_(1.05)
    return copy.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, r"\(24 and 24 of them\).* The seed was 0 and 1\."),
        ({"limit": 25}, r"\(24 and 25 of them\).* The limit was 24 and 25\."),
    ],
)
def test_other_items_are_refused(byte_lm, first, change, said):
    other = audit(byte_lm, **SETTINGS | {"tasks": ["choices"]} | change)
    with pytest.raises(ValueError, match=f"task 'choices' must have the same items .*{said}"):
        compare(first, other)


def test_other_tokens_are_other_items_but_questions_stay(first):
    data = first.data | {
        "settings": first.data["settings"]
        | {"items": first.data["settings"]["items"] | {"code": "otherwise"}}
    }
    with pytest.raises(ValueError, match="may cut text into other tokens"):
        compare(first, Report(data))
    assert list(compare(first, Report(data), ["choices"])) == ["choices"]


def test_nothing_in_common(byte_lm, first):
    other = audit(byte_lm, ["prose"], 8, progress=False)
    with pytest.raises(ValueError, match="must have a task in common that can be compared"):
        compare(first, other)
    with pytest.raises(ValueError, match=r"both reports have \(none\), found 'prose'"):
        compare(first, other, ["prose"])
