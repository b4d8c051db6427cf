"""The control chart against the loop that defines it, and run lengths against theory."""

from __future__ import annotations

import math

import pytest
import torch

from coursekit.calibration import cusum, run_lengths


def by_loop(values, slack):
    height, path = 0.0, []
    for x in values:
        height = max(0.0, height + x - slack)
        path.append(height)
    return path


@pytest.mark.parametrize("slack", [0.0, 0.075, 0.3])
def test_agrees_with_its_definition_for_one_stream_and_for_many(slack):
    streams = torch.randn(5, 200, generator=torch.Generator().manual_seed(0)).double()
    found = cusum(streams, slack)
    for values, path in zip(streams, found, strict=True):
        assert path.tolist() == pytest.approx(by_loop(values.tolist(), slack), abs=1e-9)
        assert torch.equal(cusum(values, slack), path)


def test_an_alarm_is_the_first_value_above_the_limit():
    streams = torch.tensor([[0.5, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.6]])
    assert run_lengths(streams, 0.0, 0.5).tolist() == [5, 2, 4]
    assert run_lengths(streams[1], 0.0, 0.5).item() == 2


def test_run_lengths_of_signs_are_those_of_a_walk():
    """Steps of +1 and -1: the chart is a walk reflected at 0, which exceeds h - 1 after h^2 + h."""
    h, generator = 4, torch.Generator().manual_seed(1)
    steps = torch.randint(0, 2, (4_000, 400), generator=generator).double() * 2 - 1
    found = run_lengths(steps, 0.0, h - 0.5).double()
    assert abs(found.mean() - (h**2 + h)) < 4 * found.std() / math.sqrt(4_000)


@pytest.mark.parametrize(
    ("excess", "slack", "message"),
    [
        (torch.zeros(0), 0.1, r"excess must have shape \(T,\) or \(R, T\)"),
        (torch.zeros(2, 2, 2), 0.1, r"found \(2, 2, 2\)"),
        ([0.1, math.nan], 0.1, "excess must be finite"),
        ([0.1, 0.2], -0.1, "slack must be a finite number of at least 0"),
    ],
)
def test_bad_input_is_refused(excess, slack, message):
    with pytest.raises(ValueError, match=message):
        cusum(excess, slack)
    with pytest.raises(ValueError, match="limit must be a finite number of at least 0"):
        run_lengths([0.1], 0.1, -1.0)
