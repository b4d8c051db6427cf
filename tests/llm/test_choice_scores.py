"""Corrections of scores: against closed forms, and against the same thing said in probabilities."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, strategies as st
from scipy.stats import gmean

from coursekit.llm.choice_scores import (
    average_over_orders,
    batch_calibration,
    choice_probs,
    contextual_calibration,
    cyclic_orders,
    length_normalised,
    pmi_scores,
)


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 4, generator=generator, dtype=torch.double) * 3 - 5


def test_probabilities_ignore_what_lies_outside_the_options(scores):
    probs = choice_probs(scores)
    torch.testing.assert_close(probs, scores.exp() / scores.exp().sum(-1, keepdim=True))
    torch.testing.assert_close(choice_probs(scores - 40), probs)


def test_takes_what_score_choices_gives(scores):
    torch.testing.assert_close(choice_probs(list(scores)), choice_probs(scores))


def test_length_normalised_is_the_logarithm_of_the_geometric_mean():
    tokens = [[[0.5, 0.1, 0.2], [0.3]], [[0.9, 0.8], [0.01, 0.5, 0.7, 0.6]]]
    scores = torch.tensor([[sum(map(torch.log, torch.tensor(p))) for p in row] for row in tokens])
    lengths = torch.tensor([[len(p) for p in row] for row in tokens])
    expected = torch.tensor([[gmean(p) for p in row] for row in tokens]).float()
    torch.testing.assert_close(length_normalised(scores, lengths).exp(), expected)


def test_pmi_of_what_the_question_does_not_change_is_zero(scores):
    torch.testing.assert_close(pmi_scores(scores, scores), torch.zeros_like(scores))
    # Bayes: P(answer | question) / P(answer) = P(question | answer) / P(question).
    joint = torch.tensor([[0.1, 0.3], [0.2, 0.4]])  # questions x answers
    pmi = pmi_scores(
        (joint / joint.sum(1, keepdim=True)).log(), joint.sum(0).log().expand_as(joint)
    )
    lift = joint / joint.sum(0) / joint.sum(1, keepdim=True)
    torch.testing.assert_close(pmi.exp(), lift)


@pytest.mark.parametrize("correct", [contextual_calibration, batch_calibration])
def test_probabilities_are_divided_by_the_mean_of_the_others(scores, correct):
    others = scores.flip(0)[:3] * 2
    prior = choice_probs(others).mean(dim=0)
    quotients = choice_probs(scores) / prior
    expected = quotients / quotients.sum(dim=-1, keepdim=True)
    torch.testing.assert_close(choice_probs(correct(scores, others)), expected)


def test_a_bias_for_a_letter_is_removed_by_contextual_calibration(scores):
    bias = torch.tensor([0.0, 3.0, -1.0, 0.5])
    corrected = contextual_calibration(scores + bias, torch.zeros(2, 4) + bias)
    torch.testing.assert_close(choice_probs(corrected), choice_probs(scores))


def test_every_option_stands_at_every_place_once():
    orders = cyclic_orders(5)
    assert orders[0].tolist() == [0, 1, 2, 3, 4]
    for table in (orders, orders.T):
        assert (table.sort(dim=-1).values == torch.arange(5)).all()


def listed(scores, orders, bias):
    """What a model would answer that knows `scores` and adds `bias` to the places."""
    return torch.stack([scores[:, order] + bias for order in orders])


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=4))
def test_a_bias_for_a_place_cancels_over_cyclic_orders(bias):
    scores = torch.arange(12.0, dtype=torch.double).reshape(3, 4).cos() * 3
    orders = cyclic_orders(4)
    averaged = average_over_orders(listed(scores, orders, torch.tensor(bias)), orders)
    torch.testing.assert_close(choice_probs(averaged), choice_probs(scores))


def test_options_are_mapped_back_in_orders_of_any_kind(scores):
    orders = torch.tensor([[2, 0, 3, 1], [1, 2, 3, 0]])  # neither is its own inverse
    averaged = average_over_orders(listed(scores, orders, torch.zeros(4)), orders)
    torch.testing.assert_close(averaged, scores.log_softmax(-1))


def test_one_sure_order_weighs_as_much_as_the_others():
    # Log-probabilities are averaged, not scores: a constant added to one order changes nothing.
    orders = cyclic_orders(2)
    scores = torch.tensor([[[0.0, -1.0]], [[0.5, 0.0]]])
    shifted = scores + torch.tensor([0.0, 100.0]).reshape(2, 1, 1)
    expected = average_over_orders(scores, orders)
    torch.testing.assert_close(average_over_orders(shifted, orders), expected, atol=1e-4, rtol=0)


FOUR = torch.zeros(3, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: choice_probs([]), ValueError, "scores must not be empty"),
        (lambda: choice_probs(torch.zeros(4)), ValueError, r"shape \(N, C\)"),
        (lambda: choice_probs(torch.zeros(4, 1)), ValueError, "at least 2"),
        (lambda: choice_probs([torch.zeros(2), torch.zeros(4)]), ValueError, "found 2 to 4"),
        (lambda: choice_probs(torch.full((2, 2), float("nan"))), ValueError, "finite"),
        (lambda: choice_probs("ab"), TypeError, "scores must be a tensor"),
        (lambda: length_normalised(FOUR, torch.ones(4, 3)), ValueError, "lengths must have the"),
        (lambda: length_normalised(FOUR, FOUR), ValueError, "lengths must be positive, found 0"),
        (lambda: pmi_scores(FOUR, FOUR[:1]), ValueError, "prior_scores must have the shape"),
        (lambda: pmi_scores(FOUR, FOUR - float("inf")), ValueError, "prior_scores must be finite"),
        (
            lambda: contextual_calibration(FOUR, FOUR[:, :3]),
            ValueError,
            "must have the 4 options of scores, found 3",
        ),
        (
            lambda: batch_calibration(FOUR, torch.zeros(9, 5)),
            ValueError,
            "batch must have the 4 options",
        ),
        (lambda: cyclic_orders(1), ValueError, "at least 2"),
        (lambda: average_over_orders([FOUR] * 4, cyclic_orders(3)), ValueError, r"shape \(4, 4\)"),
        (lambda: average_over_orders([FOUR], [[0, 1, 2, 2]]), ValueError, "each of the options"),
        (lambda: average_over_orders([FOUR], [[1, 2, 3, 4]]), ValueError, "0 .. 3 once"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
