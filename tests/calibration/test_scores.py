from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.special import rel_entr
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from coursekit.calibration import (
    _blocks as blocks,
    accuracy,
    binary_brier_score,
    brier_score,
    entropy,
    kl_divergence,
    negative_log_likelihood,
    perplexity,
    top_label,
)

PROBS = [[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [0.1, 0.1, 0.8], [0.6, 0.4, 0.0]]
LABELS = [0, 2, 2, 1]


def random_predictions(n, n_classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    probs = torch.softmax(2 * logits, dim=1)
    return probs, torch.multinomial(probs, 1, generator=generator).squeeze(1)


def test_hand_computed():
    confidence, correct = top_label(PROBS, LABELS)
    assert confidence.tolist() == [0.7, 0.5, 0.8, 0.6]
    assert correct.dtype == torch.bool
    assert correct.tolist() == [True, False, True, False]
    assert accuracy(PROBS, LABELS) == 0.5
    nll = -(math.log(0.7) + math.log(0.25) + math.log(0.8) + math.log(0.4)) / 4
    assert negative_log_likelihood(PROBS, LABELS) == pytest.approx(nll, rel=1e-14)
    # Squared distances by row: .09+.04+.01, .0625+.25+.5625, .01+.01+.04, .36+.36.
    assert brier_score(PROBS, LABELS) == pytest.approx((0.14 + 0.875 + 0.06 + 0.72) / 4, rel=1e-14)
    assert binary_brier_score([0.9, 0.4], [1, 1]) == pytest.approx((0.01 + 0.36) / 2, rel=1e-14)


@pytest.mark.parametrize("container", [torch.tensor, np.array, list])
def test_tensors_arrays_and_lists_give_the_same(container):
    probs, labels = container(PROBS), container(LABELS)
    assert brier_score(probs, labels) == pytest.approx(brier_score(PROBS, LABELS), abs=1e-7)
    assert accuracy(probs, labels) == 0.5


def test_read_only_and_reversed_arrays_are_read():
    frozen = np.array(PROBS)
    frozen.setflags(write=False)
    assert accuracy(frozen[::-1], np.array(LABELS)[::-1]) == 0.5


def test_among_equally_probable_classes_the_first_is_predicted():
    assert top_label([[0.4, 0.4, 0.2]], [0])[1].item()
    assert not top_label([[0.4, 0.4, 0.2]], [1])[1].item()


def test_accuracy_takes_classes_and_probabilities_alike():
    probs, labels = random_predictions(50, 4)
    assert accuracy(probs.argmax(1), labels) == accuracy(probs, labels)
    assert accuracy(probs.argmax(1), labels) == (probs.argmax(1) == labels).double().mean().item()
    assert accuracy([7, 8, 9], [7, 8, 0]) == pytest.approx(2 / 3)


def test_impossible_truth_costs_infinitely_much():
    assert negative_log_likelihood([[1.0, 0.0], [0.5, 0.5]], [1, 0]) == math.inf


def test_perfect_prediction_scores_zero():
    assert str(negative_log_likelihood([[1.0, 0.0]], [0])) == "0.0"  # and not -0.0
    assert brier_score([[1.0, 0.0]], [0]) == 0


def test_parity_with_scikit_learn():
    probs, labels = random_predictions(5000, 7)
    truth, all_labels = labels.numpy(), list(range(7))
    assert negative_log_likelihood(probs, labels) == pytest.approx(
        log_loss(truth, probs.numpy(), labels=all_labels), rel=1e-12
    )
    assert brier_score(probs, labels) == pytest.approx(
        brier_score_loss(truth, probs.numpy(), labels=all_labels, scale_by_half=False), rel=1e-12
    )
    assert accuracy(probs, labels) == accuracy_score(truth, probs.argmax(1).numpy())
    binary, happened = probs[:, 0], labels == 0
    assert binary_brier_score(binary, happened) == pytest.approx(
        brier_score_loss(happened.numpy(), binary.numpy()), rel=1e-12
    )


def test_two_class_brier_score_is_twice_the_binary_one():
    probs, labels = random_predictions(100, 2)
    assert brier_score(probs, labels) == pytest.approx(
        2 * binary_brier_score(probs[:, 1], labels == 1), rel=1e-12
    )


def test_brier_score_does_not_depend_on_the_size_of_blocks(monkeypatch):
    probs, labels = random_predictions(50, 7)
    before = probs.clone()
    whole = brier_score(probs, labels)
    monkeypatch.setattr(blocks, "BLOCK_SIZE", 21)
    assert brier_score(probs, labels) == pytest.approx(whole, rel=1e-14)
    assert torch.equal(probs, before)


@given(truth=st.floats(0, 1), stated=st.floats(0, 1))
def test_brier_score_is_proper(truth, stated):
    """Expected over an event of probability `truth`, no statement beats the truth itself."""

    def expected(p):
        return truth * binary_brier_score([p], [1]) + (1 - truth) * binary_brier_score([p], [0])

    excess = expected(stated) - expected(truth)
    assert excess == pytest.approx((stated - truth) ** 2, abs=1e-12)


@given(truth=st.floats(0.01, 0.99), stated=st.floats(0.01, 0.99))
def test_log_score_is_proper(truth, stated):
    def expected(p):
        probs = [[p, 1 - p]]
        return truth * negative_log_likelihood(probs, [0]) + (1 - truth) * negative_log_likelihood(
            probs, [1]
        )

    divergence = truth * math.log(truth / stated) + (1 - truth) * math.log(
        (1 - truth) / (1 - stated)
    )
    assert expected(stated) - expected(truth) == pytest.approx(divergence, abs=1e-12)


def test_perplexity_counts_equal_choices():
    assert perplexity([[0.25] * 4] * 3, [0, 1, 3]) == pytest.approx(4, rel=1e-12)
    assert perplexity([[1.0, 0.0]], [0]) == 1
    assert perplexity([[1.0, 0.0]], [1]) == math.inf
    assert perplexity(PROBS, LABELS) == pytest.approx(
        (0.7 * 0.25 * 0.8 * 0.4) ** (-1 / 4), rel=1e-12
    )


def test_perplexity_beyond_the_largest_number_is_infinite():
    assert perplexity(np.array([[5e-324, 1.0]]), [0]) == math.inf


def test_entropy_and_divergence_equal_scipy():
    probs, truth = random_predictions(40, 5)[0], random_predictions(40, 5, seed=1)[0]
    assert entropy(probs) == pytest.approx(scipy_entropy(probs, axis=1).mean(), rel=1e-12)
    expected = rel_entr(truth.numpy(), probs.numpy()).sum(axis=1).mean()
    assert kl_divergence(truth, probs) == pytest.approx(expected, rel=1e-12)


def test_entropy_and_divergence_do_not_depend_on_the_size_of_blocks(monkeypatch):
    probs, truth = random_predictions(50, 7)[0], random_predictions(50, 7, seed=1)[0]
    whole = entropy(probs), kl_divergence(truth, probs)
    before = probs.clone(), truth.clone()
    monkeypatch.setattr(blocks, "BLOCK_SIZE", 21)
    assert (entropy(probs), kl_divergence(truth, probs)) == pytest.approx(whole, rel=1e-13)
    assert torch.equal(probs, before[0])
    assert torch.equal(truth, before[1])


def test_entropy_of_certainty_and_of_ignorance():
    assert entropy([[1.0, 0.0, 0.0]]) == 0
    assert entropy([[0.25] * 4]) == pytest.approx(math.log(4))


def test_divergence_of_the_possible_from_the_impossible():
    assert kl_divergence([[0.5, 0.5]], [[1.0, 0.0]]) == math.inf
    assert kl_divergence([[1.0, 0.0]], [[0.5, 0.5]]) == pytest.approx(math.log(2))


@given(st.integers(0, 1000))
def test_the_truth_minimises_every_proper_score(seed):
    """Expected over all labels, exactly: entropy plus divergence, and a squared distance."""
    rng = np.random.default_rng(seed)
    truth, stated = rng.dirichlet(np.ones(4), 2)
    labels = np.arange(4)

    def expected(score, probs):
        return sum(truth[c] * score([probs], [c]) for c in labels)

    excess = expected(negative_log_likelihood, stated) - expected(negative_log_likelihood, truth)
    assert excess == pytest.approx(kl_divergence([truth], [stated]), abs=1e-12)
    assert expected(negative_log_likelihood, truth) == pytest.approx(entropy([truth]), abs=1e-12)
    excess = expected(brier_score, stated) - expected(brier_score, truth)
    assert excess == pytest.approx(((stated - truth) ** 2).sum(), abs=1e-12)
    assert kl_divergence([truth], [stated]) >= 0
    assert kl_divergence([truth], [truth]) == 0


def test_true_probabilities_must_fit():
    with pytest.raises(ValueError, match=r"same shape, found \(1, 2\) and \(1, 3\)"):
        kl_divergence([[0.5, 0.25, 0.25]], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="each row of true_probs must sum to 1"):
        kl_divergence([[0.5, 0.4]], [[0.5, 0.5]])
