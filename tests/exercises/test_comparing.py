"""When two results agree, and the words for how they differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from coursekit.exercises._comparing import difference, has_blank, is_data, same, show

T = torch.tensor


@pytest.mark.parametrize(
    ("expected", "found"),
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
        ([1, 0.5], T([1.0, 0.5])),
        ((0.25, True), np.array([0.25, 1.0])),
        ([[0, 1], [2, 3]], T([[0, 1], [2, 3]])),
        ({"a": T([1.0]), "b": 2}, {"b": 2, "a": T([1.0])}),
        ({1, 2}, {2, 1}),
        ("same", "same"),
        (None, None),
        (np.array(["x", "y"]).tolist(), ["x", "y"]),
    ],
)
def test_agree(expected, found):
    assert difference(expected, found) is None


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        (0.5, 0.6, "expected 0.5, found 0.6"),
        (0.0, 2e-5, "expected 0, found 2e-05"),
        (20_000, 20_001, "expected 20000, found 20001"),
        (1, math.nan, "expected 1, found nan"),
        (math.inf, -math.inf, "expected inf, found -inf"),
        (0.5, T([0.5]), "expected a number, found a tensor of shape (1,)"),
        (T([0.5, 1]), 0.5, "expected a tensor of shape (2,), found a number"),
        (T([0.5, 1]), [0.5, 1], "expected a tensor of shape (2,), found a list"),
        (torch.zeros(2, 3), torch.zeros(3, 2), "expected the shape (2, 3), found (3, 2)"),
        (T([1.0, 2.0]), T([1.0, math.nan]), "at [1]: expected 2, found nan"),
        (T([20_000]), T([20_001]), "at [0]: expected 20000, found 20001"),
        ([1, 2], [1], "expected 2 items, found 1 item"),
        ([1, 2], T([1]), "expected 2 items, found 1 item"),
        ([1, 2], T([1, 3]), "at [1]: expected 2, found 3"),
        ([1], T(1), "expected a list, found a number"),
        ([[1, 2]], T([1, 2]), "expected 1 item, found 2 items"),
        ([1, 2], [2, 1], "at [0]: expected 1, found 2 (and 1 more)"),
        ({"a": 1}, {"b": 1}, "expected the keys ['a'], found ['b']"),
        ("a", "b", "expected 'a', found 'b'"),
        ("1", 1, "expected a str, found a number"),
        ({1}, {2}, "expected {1}, found {2}"),
        (0.5, None, "expected a number, found None"),
    ],
)
def test_differ(expected, found, words):
    assert difference(expected, found) == words


def changed(tensor, **places):
    tensor = tensor.clone()
    for place, value in places.items():
        tensor[tuple(map(int, place[1:].split("_")))] = value
    return tensor


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        (
            torch.full((4, 2), 0.25),
            changed(torch.full((4, 2), 0.25), _2_1=0.5, _3_0=1, _3_1=2),
            "at [2, 1]: expected 0.25, found 0.5 (and 2 more)",
        ),
        (
            torch.zeros(50, 40),
            changed(torch.zeros(50, 40), _49_39=math.nan),
            "at [49, 39]: expected 0, found nan",
        ),
        (torch.zeros(40, 50), torch.ones(40, 50).numpy(), "(and 1999 more)"),
        (T([[True], [False]]), T([[True], [True]]), "at [1, 0]: expected False, found True"),
        (T([1 + 1j]), T([1 - 1j]), "at [0]: expected (1+1j), found (1-1j)"),
        ([0.5, [1, [2, 3]]], [0.5, [1, [2, 4]]], "at [1, 1, 1]: expected 3, found 4"),
        ([1, "b"], [1, 2], "at [1]: expected a str, found a number"),
        ([[1], [2, 3]], [[1], [2]], "at [1]: expected 2 items, found 1 item"),
        (
            {"a": 1, "b": [T([1.0, 2.0])]},
            {"a": 1, "b": [T([1.0, 3.0])]},
            "at ['b', 0, 1]: expected 2, found 3",
        ),
        (
            ([1, 2], torch.zeros(3, 3)),
            ([1, 3], torch.ones(3, 3)),
            "at [0, 1]: expected 2, found 3 (and 9 more)",
        ),
    ],
)
def test_the_first_place_that_differs_is_shown_with_both_values(expected, found, words):
    assert words in difference(expected, found)


def prints_alike():
    class Same:
        def __repr__(self):
            return "Same()"

    return Same(), Same()


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (1_000_000.0, 1_000_100.1),
        (T([1_000_000.0]), T([1_000_101.0])),
        (T([10_000_000]), T([10_000_001])),
        ("a" * 100 + "b", "a" * 100 + "c"),
        ({"x" * 200}, {"x" * 200 + "y"}),
        (list(range(100)), [*range(99), 0]),
        (torch.zeros(4, 200), torch.zeros(4, 200) + torch.eye(4, 200)),
    ],
)
def test_never_are_two_equal_texts_said_to_differ(expected, found):
    one, _, other = difference(expected, found).partition(", found ")
    assert one.partition("expected ")[2] != other.partition(" (and ")[0]
    assert len(one + other) < 200


def test_values_that_print_the_same_are_said_to():
    words = "found Same(), which prints like what was expected but is not equal"
    assert difference(*prints_alike()) == words


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


def test_a_list_that_holds_itself_or_one_list_often_is_read_once():
    own: list = [1]
    own.append(own)
    often = [1]
    for _ in range(60):
        often = [often, often]
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    for value in (own, often, deep):
        assert not has_blank(value)
        assert has_blank([value, ...])
        assert len(show(value)) <= 80
    assert show(own).startswith("[1, [1, [1, ")
