from __future__ import annotations

import math

import pytest
import torch

from coursekit._chance import throw_darts


def test_an_outcome_is_hit_as_often_as_it_is_probable():
    law = torch.tensor([0.125, 0.5, 0.0, 0.375], dtype=torch.float64)
    darts = (torch.arange(1000) + 0.5) / 1000  # evenly over [0, 1)
    assert throw_darts(law, darts).bincount(minlength=4).tolist() == [125, 500, 0, 375]


def test_each_law_has_darts_of_its_own():
    laws = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    darts = torch.tensor([[0.4, 0.6, 0.5], [0.0, 0.6, 0.999]])
    assert throw_darts(laws, darts).tolist() == [[0, 1, 1], [0, 0, 0]]


def test_the_last_dart_hits_an_outcome_that_can_be():
    law = torch.full((10,), 0.1, dtype=torch.float64)  # its sum is a hair below 1
    law = torch.cat([law, torch.zeros(3, dtype=torch.float64)])
    dart = torch.tensor([math.nextafter(1, 0)], dtype=torch.float64)
    assert throw_darts(law, dart).tolist() == [9]


def test_the_first_dart_hits_an_outcome_that_can_be():
    assert throw_darts(torch.tensor([0.0, 1.0]), torch.tensor([0.0])).tolist() == [1]


@pytest.mark.parametrize("number", [math.nan, math.inf, 0.0])
def test_what_is_no_law_is_refused(number):
    laws = torch.tensor([[0.5, 0.5], [number, 0.0]])
    with pytest.raises(ValueError, match="laws must be finite with a positive sum"):
        throw_darts(laws, torch.tensor([[0.5], [0.5]]))
