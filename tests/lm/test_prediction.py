"""Predictions on text that is there: one sequence at a time, by hand, says the same."""

from __future__ import annotations

import pytest
import torch

from coursekit.lm.batches import PADDING
from coursekit.lm.gpt import GPT, GPTConfig
from coursekit.lm.prediction import evaluate_loss, sequence_logits

CONFIG = GPTConfig(vocab_size=11, context=6, width=8, n_layers=1, n_heads=2, dropout=0.5)


@pytest.fixture
def model():
    model = GPT(CONFIG, torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.token_embedding.weight.mul_(50)  # laws that differ from token to token
    return model


def by_hand(model, sequence) -> list[float]:
    """-log P of each token but the first, each from a reading of its own."""
    losses = []
    for t in range(1, len(sequence)):
        log_probs = model(sequence[None, :t])[0, -1].log_softmax(dim=0)
        losses.append(-float(log_probs[sequence[t]]))
    return losses


def tokens(*shape) -> torch.Tensor:
    return torch.randint(11, shape, generator=torch.Generator().manual_seed(1))


def test_logits_speak_of_the_next_token_without_dropout_and_leave_the_mode(model):
    ids = tokens(5, 7)
    model.train()
    logits = sequence_logits(model, ids, batch_size=2)
    assert model.training
    assert all(module.training for module in model.modules())
    assert logits.shape == (5, 6, 11)
    assert not logits.requires_grad
    with torch.no_grad():
        expected = model.eval()(ids[:, :-1])
    torch.testing.assert_close(logits, expected)
    sequence_logits(model, ids)
    assert not model.training


def test_any_callable_is_a_model():
    ids = tokens(3, 20)
    logits = sequence_logits(lambda ids: torch.nn.functional.one_hot(ids, 11).double(), ids, 2)
    assert logits.dtype == torch.float32
    assert torch.equal(logits.argmax(dim=-1), ids[:, :-1])


def test_the_loss_of_sequences_is_the_mean_over_their_tokens(model):
    model.eval()
    ids = tokens(5, 7)
    ids[1, 4:] = PADDING
    ids[3, 2:] = PADDING
    with torch.no_grad():
        losses = [loss for row in ids for loss in by_hand(model, row[row != PADDING])]
    assert len(losses) == 30 - 3 - 5
    for batch_size in (1, 2, 64):
        assert evaluate_loss(model, ids, batch_size) == pytest.approx(sum(losses) / 22, rel=1e-5)


def test_the_loss_of_a_stream_is_that_of_its_windows(model):
    model.eval()
    stream = tokens(16)
    with torch.no_grad():
        windows = (stream[0:7], stream[6:13], stream[12:16])
        losses = [loss for window in windows for loss in by_hand(model, window)]
    assert evaluate_loss(model, stream) == pytest.approx(sum(losses) / 15, rel=1e-5)


@pytest.mark.parametrize(
    ("ids", "error", "said"),
    [
        (tokens(7), ValueError, r"tokens\[None\]"),
        (tokens(2, 1), ValueError, "must be sequences of 2 to context"),
        (tokens(2, 8), ValueError, "context .* 7 tokens.*found 8"),
        (tokens(2, 3) + 9, ValueError, "vocab_size - 1 = 10"),
        (torch.rand(2, 3), TypeError, "float32"),
    ],
)
def test_what_the_model_cannot_read_is_refused(model, ids, error, said):
    with pytest.raises(error, match=said):
        sequence_logits(model, ids)


def test_a_callable_gets_sequences_too():
    with pytest.raises(ValueError, match=r"tokens must have shape \(N, T\).*found \(7,\)"):
        sequence_logits(lambda ids: ids, tokens(7))


@pytest.mark.parametrize("read", [sequence_logits, evaluate_loss])
def test_the_batch_size_is_checked(model, read):
    with pytest.raises(ValueError, match=r"batch_size must .*found 0"):
        read(model, tokens(2, 3), batch_size=0)
