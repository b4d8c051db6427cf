"""One check of a count for every room: whole numbers of NumPy pass everywhere, True nowhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit import calibration as cal, data, lm
from coursekit._checks import as_count, as_seed
from coursekit.audit.run import Plan

CONFIDENCE = np.linspace(0.05, 0.95, 10)
CORRECT = CONFIDENCE > 0.4
PROBS = np.full((6, 4), 0.25)
LABELS = np.arange(6) % 4
LOGITS = torch.tensor([0.0, 1.0, 2.0])
ONES = torch.ones(1, 3, dtype=torch.int64)


@pytest.mark.parametrize("number", [3, np.int64(3), np.uint8(3), torch.tensor(3), np.array(3)])
def test_what_counts_as_a_whole_number_passes_and_comes_out_plain(number):
    assert type(as_count(number, "n")) is int
    assert as_count(number, "n") == 3


@pytest.mark.parametrize(
    "number", [True, np.True_, torch.tensor(True), 3.0, np.float64(3), "3", None, [3], np.ones(2)]
)
def test_anything_else_is_refused_by_name(number):
    with pytest.raises(TypeError, match=r"^n must be a whole number, found "):
        as_count(number, "n")


def test_a_number_out_of_range_is_refused_by_name():
    with pytest.raises(ValueError, match=r"^n must be at least 2, found 1$"):
        as_count(1, "n", least=2)
    with pytest.raises(ValueError, match=r"^n must be at most 2, found 3$"):
        as_count(3, "n", most=2)


def test_a_seed_may_be_0_and_fits_into_64_bits():
    assert [as_seed(0), as_seed(2**64 - 1)] == [0, 2**64 - 1]
    with pytest.raises(ValueError, match=r"^seed must be at least 0, found -1$"):
        as_seed(-1)
    with pytest.raises(ValueError, match=r"^seed must be at most"):
        as_seed(2**64)


def coin(ids):
    return torch.zeros(*ids.shape, 4)


def shape(**changes):
    sizes = {"vocab_size": 4, "context": 8, "width": 12, "n_layers": 1, "n_heads": 3}
    return lm.GPTConfig(**sizes | changes)


def questions_of(make):
    """The questions that a maker of them gives, and no more: they are compared."""
    return lambda n: [question.question for question in make(n)]


#: For each argument that counts: a call with it, and a number that it takes.
CALLS = {
    # lm
    **{
        f"GPTConfig {name}": (lambda n, name=name: shape(**{name: n}), 12)
        for name in ("vocab_size", "context", "width", "n_layers", "n_heads")
    },
    **{
        f"TrainingConfig {name}": (lambda n, name=name: lm.TrainingConfig(**{name: n}), 3)
        for name in ("steps", "batch_size", "evaluate_every", "checkpoint_every", "warmup_steps")
    },
    "TrainingConfig seed": (lambda n: lm.TrainingConfig(seed=n), 3),
    "KeyValueCache": (lambda n: lm.KeyValueCache(n).capacity, 3),
    "new_cache": (lambda n: lm.GPT(shape()).new_cache(n)[0].capacity, 3),
    "CausalSelfAttention width": (lambda n: lm.CausalSelfAttention(n, 1, 4).n_heads, 4),
    "CausalSelfAttention n_heads": (lambda n: lm.CausalSelfAttention(4, n, 4).n_heads, 2),
    "CausalSelfAttention context": (lambda n: lm.CausalSelfAttention(4, 1, n).context, 3),
    "Batches": (lambda n: lm.Batches(torch.arange(9).view(3, 3), n, 4, 0)[0].tolist(), 3),
    "Batches seed": (lambda n: lm.Batches(torch.arange(9).view(3, 3), 2, 4, n)[0].tolist(), 3),
    "NGram vocab_size": (lambda n: lm.NGram(n, 1).vocab_size, 3),
    "NGram order": (lambda n: lm.NGram(3, n).order, 2),
    "ByteLevelBPE": (lambda n: lm.ByteLevelBPE.train("low lower", n).vocab_size, 257),
    "token_bytes": (lambda n: lm.ByteLevelBPE.from_merges([]).token_bytes(n), 3),
    "sinusoidal length": (lambda n: lm.sinusoidal(n, 4).tolist(), 3),
    "sinusoidal width": (lambda n: lm.sinusoidal(3, n).tolist(), 4),
    "rotary_angles": (lambda n: lm.rotary_angles(n, 4)[0].tolist(), 3),
    "rotary_angles width": (lambda n: lm.rotary_angles(3, n)[0].tolist(), 4),
    "alibi_slopes": (lambda n: lm.alibi_slopes(n).tolist(), 3),
    "alibi_bias length": (lambda n: lm.alibi_bias(n, 2).tolist(), 3),
    "alibi_bias start": (lambda n: lm.alibi_bias(4, 2, start=n).tolist(), 3),
    "forward_flops": (lambda n: lm.forward_flops(shape(), n), 3),
    "keep_top_k": (lambda n: lm.keep_top_k(LOGITS, n).tolist(), 2),
    "generate": (lambda n: lm.generate(coin, [[1]], n, seed=0), 3),
    "generate top_k": (lambda n: lm.generate(coin, [[1]], 2, seed=0, top_k=n), 3),
    "generate seed": (lambda n: lm.generate(coin, [[1]], 2, seed=n), 3),
    "generate n_beams": (lambda n: lm.generate(coin, [[1]], 2, method="beam", n_beams=n), 3),
    "beam_search": (lambda n: lm.beam_search(coin, [1], n, 2), 3),
    "beam_search n_beams": (lambda n: lm.beam_search(coin, [1], 2, n), 3),
    "sequence_logits": (lambda n: lm.sequence_logits(coin, ONES, n).tolist(), 2),
    "evaluate_loss": (lambda n: round(lm.evaluate_loss(lm.GPT(shape()), ONES, n)), 3),
    "secret_log_probs": (lambda n: lm.secret_log_probs(coin, ONES, torch.arange(4), n).tolist(), 2),
    "chance_exposure": (lm.chance_exposure, 3),
    # data
    "sample": (lambda n: data.weather_diary().sample(n, seed=0, length=3).tolist(), 3),
    "sample seed": (lambda n: data.weather_diary().sample(2, seed=n, length=3).tolist(), 3),
    "sample length": (lambda n: data.weather_diary().sample(2, seed=0, length=n).tolist(), 3),
    "ngram_entropy": (data.grammar(topics=(1.0,)).ngram_entropy, 1),
    "entropy_rate": (lambda n: data.weather_diary().entropy_rate(n_sequences=n, length=4), 3),
    "entropy_rate length": (
        lambda n: data.weather_diary().entropy_rate(n_sequences=3, length=n),
        4,
    ),
    "weather_diary": (lambda n: data.weather_diary(synonyms=n).n_states, 3),
    "fact_language": (lambda n: data.fact_language(n).truth, 3),
    "fact_language n_capitals": (lambda n: data.fact_language(3, n_capitals=n).truth, 3),
    "invented_countries": (data.invented_countries, 3),
    "control_questions": (questions_of(data.control_questions), 3),
    "arithmetic_questions": (questions_of(data.arithmetic_questions), 3),
    "arithmetic_questions digits": (questions_of(lambda n: data.arithmetic_questions(2, n)), 3),
    "comparison_questions": (questions_of(lambda n: data.comparison_questions("mass", n)), 3),
    "quiz": (questions_of(lambda n: data.quiz(n=n)), 5),
    "docstrings": (lambda n: len(data.docstrings(n)), 100),
    **{
        f"{make.__name__} n_options": (
            lambda n, make=make: [q.options for q in make(n_options=n)][:5],
            3,
        )
        for make in (
            data.capital_questions,
            data.currency_questions,
            data.element_questions,
        )
    },
    # calibration
    "expected_calibration_error": (
        lambda n: cal.expected_calibration_error(CONFIDENCE, CORRECT, n_bins=n),
        3,
    ),
    "adaptive_calibration_error": (
        lambda n: cal.adaptive_calibration_error(PROBS, LABELS, n_bins=n),
        3,
    ),
    "reliability_bins": (
        lambda n: cal.reliability_bins(CONFIDENCE, CORRECT, n_bins=n).count.tolist(),
        3,
    ),
    "top_k_calibration_error": (
        lambda n: float(cal.top_k_calibration_error(PROBS, LABELS, k=n)),
        3,
    ),
    "StreamingReliability": (lambda n: cal.StreamingReliability(n_bins=n).n_bins, 3),
    "VocabularyCalibration": (lambda n: cal.VocabularyCalibration(decades=n).decades, 3),
    # audit
    "audit limit": (lambda n: Plan.of(["prose"], n).limits, 8),
    "audit seed": (lambda n: Plan.of(["prose"], seed=n).seed, 3),
    "audit batch_size": (lambda n: Plan.of(["prose"], batch_size=n).batch_size, 3),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_count_of_numpy_is_as_good_as_any(name):
    call, number = CALLS[name]
    assert call(np.int64(number)) == call(number)


@pytest.mark.parametrize("name", CALLS)
def test_true_is_no_count_anywhere(name):
    call, _ = CALLS[name]
    with pytest.raises(TypeError, match="must be a whole number, found True"):
        call(True)


@pytest.mark.parametrize("name", CALLS)
def test_a_number_with_a_point_is_no_count_anywhere(name):
    call, number = CALLS[name]
    with pytest.raises(TypeError, match=rf"must be a whole number, found {number}\.0"):
        call(float(number))


def test_a_training_with_numbers_of_numpy_can_be_kept_and_resumed(tmp_path):
    config = lm.TrainingConfig(steps=np.int64(2), seed=np.int64(0))
    for _ in range(2):
        model = lm.GPT(shape(width=np.int64(12)), torch.Generator().manual_seed(0))
        history = lm.train(model, torch.arange(40) % 4, config, folder=tmp_path, progress=False)
    assert history.last_step == 2
