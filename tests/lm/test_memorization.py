"""Canaries: exact ranks, chance for the control, and exposure that rises with repetition."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st

from coursekit.lm.gpt import GPT, GPTConfig
from coursekit.lm.memorization import (
    chance_exposure,
    exposure,
    secret_log_probs,
    without_duplicates,
)
from coursekit.lm.prediction import sequence_logits
from coursekit.lm.training import TrainingConfig, train


def tiny(vocab_size=12, seed=0):
    config = GPTConfig(vocab_size, context=10, width=16, n_layers=1, n_heads=2)
    return GPT(config, torch.Generator().manual_seed(seed))


def test_every_secret_has_the_probability_of_its_own_sentence():
    model = tiny()
    prefixes = torch.tensor([[0, 1], [2, 3], [3, 0]])
    alphabet = torch.tensor([7, 4, 9])
    log_probs = secret_log_probs(model, prefixes, alphabet, length=3, batch_size=5)
    assert log_probs.shape == (3, 27)
    places = torch.cartesian_prod(*[torch.arange(3)] * 3)  # the last changes fastest
    for c, prefix in enumerate(prefixes):
        sentences = torch.cat([prefix.expand(27, -1), alphabet[places]], dim=1)
        laws = sequence_logits(model, sentences).double().log_softmax(dim=-1)
        by_hand = laws[:, 1:].gather(-1, sentences[:, 2:, None]).sum(dim=(1, 2))
        torch.testing.assert_close(log_probs[c], by_hand, atol=1e-5, rtol=0)


def test_digits_count_like_numbers_and_all_tokens_share_the_probability():
    alphabet = torch.arange(10)
    log_probs = secret_log_probs(tiny(10), torch.tensor([[3, 5]]), alphabet, length=2)
    assert log_probs.exp().sum().item() == pytest.approx(
        1, abs=1e-9
    )  # the alphabet is all there is

    def counts(ids):  # after the token v, v + 1 is certain
        return 50.0 * F.one_hot((ids + 1) % 10, 10)

    log_probs = secret_log_probs(counts, torch.tensor([[3, 6]]), alphabet, length=2)
    assert log_probs[0].argmax() == 78


def test_dropout_is_off():
    model = GPT(GPTConfig(5, 6, 8, 1, 1, dropout=0.5), torch.Generator().manual_seed(0)).train()
    first, again = (
        secret_log_probs(model, torch.tensor([[0]]), torch.arange(5), length=2) for _ in range(2)
    )
    assert torch.equal(first, again)
    assert model.training


def test_exposure_of_hand_made_ranks():
    log_probs = torch.tensor([[-1.0, -2.0, -3.0, -4.0]] * 4).log_softmax(dim=-1)
    bits = exposure(log_probs, torch.arange(4))
    assert bits.tolist() == pytest.approx([2, 1, 2 - math.log2(3), 0])


def test_equal_candidates_share_their_mean_rank():
    bits = exposure(torch.zeros(2, 7), torch.tensor([0, 6]))
    assert bits.tolist() == pytest.approx([math.log2(7) - math.log2(4)] * 2)


@given(n=st.integers(min_value=1, max_value=300), seed=st.integers(min_value=0, max_value=99))
def test_chance_is_the_mean_over_all_secrets_of_any_model(n, seed):
    log_probs = torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    bits = exposure(log_probs.expand(n, n), torch.arange(n))
    assert bits.mean().item() == pytest.approx(chance_exposure(n), abs=1e-9)


def test_chance_tends_to_one_over_ln_2():
    assert chance_exposure(10**6) == pytest.approx(1 / math.log(2), abs=1e-4)
    assert chance_exposure(1) == 0


def test_duplicates_are_kept_once_where_they_first_stood():
    documents = torch.tensor([[3, 1], [2, 2], [3, 1], [3, 0], [2, 2], [3, 1]])
    assert without_duplicates(documents).tolist() == [[3, 1], [2, 2], [3, 0]]
    assert without_duplicates(documents[:1]).tolist() == [[3, 1]]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"prefixes": torch.zeros(3, dtype=torch.long)},
            ValueError,
            r"prefixes must be .*\(C, P\)",
        ),
        ({"prefixes": torch.zeros(1, 2)}, ValueError, "prefixes must be token ids"),
        ({"alphabet": torch.tensor([1, 2, 1])}, ValueError, "distinct"),
        ({"alphabet": torch.tensor([[1]])}, ValueError, "alphabet must be"),
        ({"length": 0}, ValueError, "length must .*found 0"),
        ({"length": 2.0}, TypeError, "length must .*found 2.0"),
        ({"length": 40}, ValueError, "shorter secrets"),
    ],
)
def test_questions_that_cannot_be_ranked_are_refused(change, error, message):
    fine = {"prefixes": torch.tensor([[0]]), "alphabet": torch.arange(3), "length": 2}
    with pytest.raises(error, match=message):
        secret_log_probs(tiny(), **(fine | change))


@pytest.mark.parametrize(
    ("log_probs", "secrets", "message"),
    [
        (torch.zeros(2, 3), torch.tensor([0]), r"\(C, R\)"),
        (torch.zeros(3), torch.tensor([0]), r"\(C, R\)"),
        (torch.zeros(1, 3), torch.tensor([3]), r"secrets must lie in 0 \.\. 2"),
        (torch.zeros(1, 3), torch.tensor([-1]), "secrets must lie"),
        (torch.tensor([[0.0, float("nan")]]), torch.tensor([0]), "NaN"),
    ],
)
def test_ranks_that_mean_nothing_are_refused(log_probs, secrets, message):
    with pytest.raises(ValueError, match=message):
        exposure(log_probs, secrets)
    with pytest.raises(ValueError, match=r"\(N, T\)"):
        without_duplicates(torch.arange(3))


# Shown over seeds: one small model for each, of 3-digit secrets among 1,000.


@pytest.fixture(scope="module")
def exposures():
    """Exposure `(4 seeds, 50)`: 20 controls, then 10 canaries each planted 1, 4 and 16 times."""
    times = torch.tensor([0, 1, 4, 16]).repeat_interleave(torch.tensor([20, 10, 10, 10]))
    found = []
    for seed in range(4):
        source = torch.Generator().manual_seed(seed)
        secrets = torch.randint(1_000, (50,), generator=source)
        digits = torch.stack([secrets // 100, secrets // 10 % 10, secrets % 10], dim=1)
        names = 10 + torch.arange(50)[:, None]
        canaries = torch.cat([names, digits], dim=1)
        others = torch.randint(60, (200, 4), generator=source)  # noise that shares all tokens
        model = GPT(GPTConfig(60, 3, 32, 1, 2), torch.Generator().manual_seed(seed))
        text = torch.cat([others, canaries.repeat_interleave(times, dim=0)])
        train(model, text, TrainingConfig(250, 32, seed=seed), progress=False)
        log_probs = secret_log_probs(model, names, torch.arange(10), length=3)
        found.append(exposure(log_probs, secrets))
    return times, torch.stack(found)


def test_exposure_rises_with_repetition_in_every_seed(exposures):
    times, bits = exposures
    means = torch.stack([bits[:, times == n].mean(dim=1) for n in (0, 1, 4, 16)], dim=1)
    assert (means[:, 1] < means[:, 2]).all() and (means[:, 2] <= means[:, 3] + 0.1).all(), means
    assert (means[:, 3] > 8).all(), means  # of log2(1000) = 9.97
    assert means[:, 1].mean() > means[:, 0].mean() + 0.5, means


def test_the_control_is_at_chance(exposures):
    times, bits = exposures
    control = bits[:, times == 0].flatten()
    # The exposure of an even rank has standard deviation 1 / ln 2, nearly: four of them for safety.
    assert abs(control.mean() - chance_exposure(1_000)) < 4 * 1.44 / math.sqrt(len(control))
