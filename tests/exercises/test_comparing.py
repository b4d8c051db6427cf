"""When two results agree, and the words for how they differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from coursekit.exercises._comparing import difference, is_data, same, show

T = torch.tensor


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (0.5, 0.50001),
        (0.5, T(0.5)),
        (T(0.5), np.float32(0.5)),
        (T(0.5), T(0.5, requires_grad=True)),
        (3, 3.0),
        (True, T(True)),
        (math.nan, T(math.nan)),
        (-math.inf, -math.inf),
        (1e6, 1e6 + 50),
        (T([1.0, 2.0]), np.array([1.0, 2.0])),
        (T([1.0, 2.0]), T([1.0, 2.00001], dtype=torch.float64)),
        (T([1, 0]), T([True, False])),
        (T([0.0, math.nan, -math.inf]), T([0.0, math.nan, -math.inf])),
        (T([1 + 1j]), T([1 + 1j])),
        (torch.zeros(0, 3), torch.zeros(0, 3)),
        ([1, "a", T([2.0])], (1, "a", T([2.0]))),
        ({"a": T([1.0]), "b": 2}, {"b": 2, "a": T([1.0])}),
        ({1, 2}, {2, 1}),
        ("same", "same"),
        (None, None),
        (np.array(["x", "y"]).tolist(), ["x", "y"]),
    ],
)
def test_agree(expected, got):
    assert difference(expected, got) is None


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        (0.5, 0.6, "expected 0.5, got 0.6"),
        (0.0, 2e-5, "expected 0, got 2e-05"),
        (20_000, 20_001, "expected 20000, got 20001"),
        (1, math.nan, "expected 1, got nan"),
        (math.inf, -math.inf, "expected inf, got -inf"),
        (0.5, T([0.5]), "expected a number, got a tensor of shape (1,)"),
        (T([0.5, 1]), 0.5, "expected a tensor of shape (2,), got a number"),
        (T([0.5, 1]), [0.5, 1], "expected a tensor of shape (2,), got a list"),
        (torch.zeros(2, 3), torch.zeros(3, 2), "expected the shape (2, 3), got (3, 2)"),
        (T([1.0, 2.0]), T([1.0, math.nan]), "expected [1, 2], got [1, nan]"),
        (T([20_000]), T([20_001]), "expected [20000], got [20001]"),
        ([1, 2], [1], "expected 2 items, got 1 item"),
        ([1, 2], [2, 1], "expected [1, 2], got [2, 1]"),
        ({"a": 1}, {"b": 1}, "expected the keys ['a'], got ['b']"),
        ("a", "b", "expected 'a', got 'b'"),
        ("1", 1, "expected a str, got a number"),
        ({1}, {2}, "expected {1}, got {2}"),
        (0.5, None, "expected a number, got a NoneType"),
    ],
)
def test_differ(expected, got, words):
    assert difference(expected, got) == words


@given(st.floats(-1e6, 1e6), st.floats(-2e-3, 2e-3))
def test_numbers_and_tensors_follow_the_rule_of_allclose(number, relative):
    other = number * (1 + relative)
    agree = bool(torch.allclose(T([other], dtype=torch.float64), T([number], dtype=torch.float64),
                                rtol=1e-4, atol=1e-5))  # fmt: skip
    assert same(number, other) is agree
    assert same(T([number], dtype=torch.float64), T([other], dtype=torch.float64)) is agree


def test_the_tolerance_of_a_whole_number_is_absolute():
    assert same(1024, 1026, rtol=0, atol=2)
    assert not same(1024, 1027, rtol=0, atol=2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333"),
        (T([1 / 3, 2.0]), "[0.3333, 2]"),
        (torch.zeros(20, 30), "a tensor of shape (20, 30)"),
        (torch.zeros(9, 9), "a tensor of shape (9, 9)"),
        ("x" * 100, "'" + "x" * 76 + "..."),
        ("two\nlines", r"'two\nlines'"),
        ((1, 0.123456789), "(1, 0.123457)"),
    ],
)
def test_show(value, text):
    assert show(value) == text


def test_a_model_is_not_data():
    assert not is_data(torch.nn.Linear(1, 1))
    assert not is_data(torch.Generator())
    assert is_data({"a": 1})
    assert is_data(T([1]))
