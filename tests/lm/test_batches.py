"""Batches: every sequence once an epoch, any step at any time, and no token left out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, strategies as st

from coursekit.lm.batches import PADDING, Batches, as_sequences, check_tokens, inputs_and_targets
from coursekit.lm.gpt import GPTConfig

CONFIG = GPTConfig(vocab_size=5, context=4, width=4, n_layers=1, n_heads=1)


@given(n=st.integers(1, 20), size=st.integers(1, 25), seed=st.integers(0, 9))
def test_each_epoch_has_every_sequence_once(n, size, seed):
    data = torch.arange(n)[:, None].repeat(1, 2)
    batches = Batches(data, size, context=4, seed=seed)
    line = torch.cat([batches[step][:, 0] for step in range(3 * n)])
    assert all(len(batches[step]) == size for step in range(3))
    for epoch in range(3):
        assert line[epoch * n : (epoch + 1) * n].sort().values.tolist() == list(range(n))


def test_epochs_and_seeds_differ():
    data = torch.arange(50)[:, None].repeat(1, 2)
    orders = [
        Batches(data, 50, 4, seed)[step][:, 0].tolist() for seed, step in [(0, 0), (0, 1), (1, 0)]
    ]
    assert orders[0] != orders[1] != orders[2] != orders[0]


@pytest.mark.parametrize("data", [torch.arange(30).view(10, 3), torch.arange(30)])
def test_a_batch_depends_on_the_step_alone(data):
    forward, backward = Batches(data, 4, 4, seed=1), Batches(data, 4, 4, seed=1)
    seen = [forward[step] for step in range(8)]
    for step in reversed(range(8)):
        assert torch.equal(backward[step], seen[step])


def test_windows_of_a_stream_are_pieces_of_it_and_start_everywhere():
    batches = Batches(torch.arange(10), size=8, context=4, seed=0)
    windows = torch.cat([batches[step] for step in range(30)])
    assert torch.equal(windows - windows[:, :1], torch.arange(5).expand_as(windows))
    assert set(windows[:, 0].tolist()) == set(range(6))


@given(length=st.integers(2, 40), context=st.integers(1, 12))
def test_the_sequences_of_a_stream_predict_each_token_but_the_first_once(length, context):
    inputs, targets = inputs_and_targets(as_sequences(torch.arange(length), context))
    counts = targets != PADDING
    assert targets[counts].tolist() == list(range(1, length))
    assert torch.equal(inputs[counts], targets[counts] - 1)


def test_padding_is_read_as_a_token_and_not_a_target():
    inputs, targets = inputs_and_targets(
        torch.tensor([[3, 4, PADDING, PADDING]], dtype=torch.int32)
    )
    assert inputs.tolist() == [[3, 4, 0]]
    assert targets.tolist() == [[4, PADDING, PADDING]]
    assert targets.dtype == torch.int64


@pytest.mark.parametrize(
    ("tokens", "error", "said"),
    [
        ([[1, 2]], TypeError, "data must be a tensor .*found list"),
        (torch.rand(2, 3), TypeError, "data must be a tensor of token ids.*found torch.float32"),
        (torch.ones(2, 3, dtype=torch.bool), TypeError, "torch.bool"),
        (torch.ones(1, 2, 3, dtype=torch.int64), ValueError, r"shape \(1, 2, 3\)"),
        (torch.empty(0, 3, dtype=torch.int64), ValueError, "not empty"),
        (torch.empty(0, dtype=torch.int64), ValueError, "not empty"),
        (
            torch.ones(4, dtype=torch.int64),
            ValueError,
            r"at least context \+ 1 = 5 .*found 4",
        ),
        (
            torch.ones(3, 1, dtype=torch.int64),
            ValueError,
            r"2 to context \+ 1 = 5 tokens.*found 1",
        ),
        (
            torch.ones(3, 6, dtype=torch.int64),
            ValueError,
            r"2 to context \+ 1 = 5 tokens.*found 6",
        ),
        (torch.tensor([[1, 5]]), ValueError, "data must lie in 0 .. vocab_size - 1 = 4, found 5"),
        (torch.tensor([[1, -1]]), ValueError, "found -1"),
        (torch.tensor([[1, 2, PADDING, 1]]), ValueError, "only at the end"),
        (torch.tensor([[1, PADDING, PADDING]]), ValueError, "at least two tokens"),
        (torch.tensor([1, 2, 3, 4, 1, PADDING]), ValueError, "only at the end"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(tokens, error, said):
    with pytest.raises(error, match=said):
        check_tokens("data", tokens, CONFIG)


@pytest.mark.parametrize("shape", [(5,), (1, 2), (3, 5)])
def test_the_smallest_and_longest_data_are_taken(shape):
    check_tokens("data", torch.full(shape, 4), CONFIG)
