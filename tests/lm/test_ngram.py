"""N-gram models against counting by hand, sequence by sequence."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, strategies as st

from coursekit.lm.ngram import NGram

V = 4


def brute_force(training, sequence, order, smoothing, backoff):
    """The law after the words of one sequence, by counting in plain Python."""
    if order < 0:
        return [1 / V] * V
    prior = brute_force(training, sequence, order - 1 if backoff else -1, smoothing, backoff)

    def context_before(words, t):
        return tuple(words[max(0, t - order) : t]), min(t, order)

    followed = Counter(
        words[t]
        for words in training
        for t in range(len(words))
        if context_before(words, t) == context_before(sequence, len(sequence))
    )
    total = sum(followed.values()) + smoothing
    return [(followed[w] + smoothing * prior[w]) / total for w in range(V)]


def tokens(n, length, seed=0):
    return torch.randint(V, (n, length), generator=torch.Generator().manual_seed(seed))


@given(
    order=st.integers(0, 4),
    backoff=st.booleans(),
    smoothing=st.floats(0.01, 10),
    n=st.integers(1, 4),
    length=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_equals_counting_by_hand(order, backoff, smoothing, n, length, seed):
    training, test = tokens(n, length, seed), tokens(2, 6, seed + 1)
    model = NGram(V, order, smoothing, backoff=backoff).fit(training)
    expected = [
        [
            brute_force(training.tolist(), words[: t + 1], order, smoothing, backoff)
            for t in range(6)
        ]
        for words in test.tolist()
    ]
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(model.next_token_probs(test), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("backoff", [False, True])
def test_laws_sum_to_one_and_are_never_zero(backoff):
    probs = NGram(V, 3, 1e-3, backoff=backoff).fit(tokens(5, 7)).next_token_probs(tokens(3, 9))
    assert probs.shape == (3, 9, V)
    assert probs.dtype == torch.float64
    assert probs.min() > 0
    torch.testing.assert_close(probs.sum(-1), torch.ones(3, 9, dtype=torch.float64))


def test_one_sequence_is_a_batch_of_one():
    model = NGram(V, 2).fit(tokens(1, 20)[0])
    test = tokens(1, 8, seed=1)
    torch.testing.assert_close(model.next_token_probs(test[0]), model.next_token_probs(test)[0])
    again = NGram(V, 2).fit(tokens(1, 20))
    assert torch.equal(again.next_token_probs(test), model.next_token_probs(test))


def test_entry_t_sees_nothing_after_t():
    model = NGram(V, 2).fit(tokens(4, 30))
    words = tokens(1, 9, seed=2)[0]
    changed = words.clone()
    changed[5:] = (changed[5:] + 1) % V
    before, after = model.next_token_probs(words), model.next_token_probs(changed)
    assert torch.equal(before[:5], after[:5])
    assert not torch.equal(before[5:], after[5:])


def test_an_unread_context_gets_the_prior():
    training, unread = torch.tensor([0, 1, 0, 1, 1]), torch.tensor([3])
    uniform = torch.full((V,), 1 / V, dtype=torch.float64)
    additive = NGram(V, 1).fit(training).next_token_probs(unread)[0]
    torch.testing.assert_close(additive, uniform)
    backed_off = NGram(V, 1, backoff=True).fit(training).next_token_probs(unread)[0]
    unigram = NGram(V, 0).fit(training).next_token_probs(unread)[0]
    torch.testing.assert_close(backed_off, unigram)
    assert unigram[1] == pytest.approx((3 + 1 / V) / 6)


def test_much_data_gives_the_true_law_and_much_smoothing_the_prior():
    training = torch.tensor([0, 1, 2] * 10_000)
    model = NGram(V, 1).fit(training)
    assert model.next_token_probs(torch.tensor([0]))[0, 1] == pytest.approx(1, abs=1e-3)
    stiff = NGram(V, 1, 1e9).fit(training).next_token_probs(torch.tensor([0]))
    assert stiff[0].tolist() == pytest.approx([1 / V] * V, abs=1e-4)


def test_fitting_again_forgets():
    model = NGram(V, 1).fit(tokens(3, 9)).fit(tokens(3, 9, seed=1))
    fresh = NGram(V, 1).fit(tokens(3, 9, seed=1))
    test = tokens(2, 5, seed=2)
    assert torch.equal(model.next_token_probs(test), fresh.next_token_probs(test))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocab_size": 0}, "vocab_size must be at least 1, found 0"),
        ({"order": -1}, "order must be at least 0, found -1"),
        ({"smoothing": 0.0}, "smoothing must be a finite number above 0, found 0.0"),
        ({"smoothing": float("nan")}, "smoothing must .*found nan"),
        ({"smoothing": float("inf")}, "smoothing must .*found inf"),
        ({"order": 40}, "order must be lower, found 40: 4 words have more contexts"),
    ],
)
def test_refuses_what_it_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        NGram(**{"vocab_size": V, "order": 1} | arguments)


def test_refuses_an_order_that_is_no_whole_number():
    with pytest.raises(TypeError, match=r"order must be a whole number, found 1\.5"):
        NGram(V, 1.5)


@pytest.mark.parametrize("what", ["fit", "next_token_probs"])
def test_refuses_bad_tokens(what):
    model = NGram(V, 1).fit(tokens(1, 3))
    with pytest.raises(TypeError, match="int64 or int32, found list"):
        getattr(model, what)([0, 1])
    with pytest.raises(TypeError, match=r"found torch\.float32"):
        getattr(model, what)(torch.zeros(3))
    with pytest.raises(ValueError, match=r"not empty, found \(2, 0\)"):
        getattr(model, what)(torch.zeros(2, 0, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"tokens must lie in 0 .. 3, found 4"):
        getattr(model, what)(torch.tensor([0, 4]))
    with pytest.raises(ValueError, match="found -1"):
        getattr(model, what)(torch.tensor([0, -1]))


def test_says_that_it_was_not_fitted():
    with pytest.raises(RuntimeError, match=r"call fit\(tokens\) first"):
        NGram(V, 1).next_token_probs(tokens(1, 3))
