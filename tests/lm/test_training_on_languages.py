"""A GPT trained by maximum likelihood on a known language ends at the truth.

Two blocks learn the grammar, whose agreement and brackets defeat n-grams; notebook 05 does the same
with one block and the weather diary.
"""

from __future__ import annotations

import pytest
import torch

from coursekit.calibration import probability_error, true_calibration_error
from coursekit.data.languages import grammar
from coursekit.lm.gpt import GPT, GPTConfig
from coursekit.lm.prediction import sequence_logits
from coursekit.lm.training import TrainingConfig, train

STEPS, RECORDS = 800, 4


@pytest.fixture(scope="module")
def trained():
    """The exam, the truth about it, and the history of a training that met it four times."""
    language = grammar()
    test = language.sample(200, seed=1)
    truth = language.next_token_probs(test)[:, :-1].clamp(max=1)  # rounding may leave more

    def against_truth(model):
        log_q = sequence_logits(model, test).double().log_softmax(dim=-1)
        confidence, guess = log_q.exp().max(dim=-1)
        true_prob = truth.gather(-1, guess[..., None])[..., 0]
        pair = confidence.flatten(), true_prob.flatten()
        return {
            "loss": -log_q.gather(-1, test[:, 1:, None]).mean(),
            "kl": (torch.special.xlogy(truth, truth) - truth * log_q).sum(-1).mean(),
            "calibration": true_calibration_error(*pair),
            "distance": probability_error(*pair),
        }

    shape = GPTConfig(language.vocab_size, 64, width=64, n_layers=2, n_heads=4, positions="rotary")
    config = TrainingConfig(steps=STEPS, evaluate_every=STEPS // RECORDS)
    data = language.sample(config.steps * config.batch_size, seed=100)
    model = GPT(shape, torch.Generator().manual_seed(0))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the fastest for so small a model
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_USE_CPU", "true")
        history = train(model, data, config, evaluate=against_truth, progress=False)
    torch.set_num_threads(threads)
    return language, test, truth, history


def test_the_loss_is_that_of_the_truth(trained):
    _, test, truth, history = trained
    loss_of_truth = -truth.gather(-1, test[:, 1:, None]).log().mean().item()
    assert history.column("loss")[-1] == pytest.approx(loss_of_truth, abs=0.01)


def test_the_divergence_goes_below_a_hundredth_of_a_nat(trained):
    language, _, _, history = trained
    best_bigram = language.ngram_entropy(1) - language.entropy_rate().value
    kl = history.column("kl")
    assert kl == sorted(kl, reverse=True)
    assert 0 < kl[-1] < 0.01 < best_bigram


@pytest.mark.parametrize("name", ["calibration", "distance"])
def test_the_true_calibration_error_falls_with_it(trained, name):
    *_, history = trained
    errors = history.column(name)
    assert errors[-1] < 0.02
    assert errors[-1] < errors[0] / 2
