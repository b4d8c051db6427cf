"""Silence of notebook 17: scores by arithmetic, practice on a GPT that is small."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.limits import silence
from coursekit.data import fact_language


@pytest.fixture(scope="module")
def reader():
    facts = fact_language(60, n_capitals=10, exponent=0.5)
    return silence.read_facts(facts, 0, sentences=60, steps=150, width=32)


@pytest.mark.parametrize("t", [0.0, 0.5, 0.75, 0.9])
def test_an_answer_pays_exactly_above_the_threshold(t):
    right = torch.tensor([True, False])
    none = torch.zeros(2, dtype=torch.bool)
    for p in torch.linspace(0, 1, 21).tolist():
        scores = [silence.mean_score(right[[i]], none[[i]], t) for i in (0, 1)]
        gain = p * scores[0] + (1 - p) * scores[1]
        assert (gain > 1e-9) == (p > t + 1e-9)
    assert silence.mean_score(right, ~none, t) == 0


def test_a_score_counts_silence_as_a_question():
    right, silent = torch.tensor([True, True, False]), torch.tensor([False, True, False])
    assert silence.mean_score(right, silent, 0.75) == pytest.approx((1 - 3) / 3)


@pytest.mark.parametrize("t", [-0.1, 1.0, float("nan")])
def test_a_level_that_is_none_is_refused(t):
    with pytest.raises(ValueError, match="t must be at least 0 and below 1"):
        silence.mean_score(torch.tensor([True]), torch.tensor([False]), t)


@pytest.mark.parametrize("exponent", [0.0, 0.6, 1.0, 1.4])
def test_what_is_read_once_announces_what_is_new(exponent):
    law, n = fact_language(400, exponent=exponent).fact_probs.double(), 600
    once = (n * law * (1 - law) ** (n - 1)).sum() / n  # expected share of the reading
    new = (law * (1 - law) ** n).sum()  # expected probability of what was not read
    assert 0 <= once - new <= 1 / n


def test_a_reader_is_watched_and_never_reads_the_word(reader):
    assert reader.counts.sum() == 60
    assert reader.model.config.vocab_size == reader.facts.vocab_size + 1
    assert reader.history.column("false")[-1] >= 0
    said, sure = silence.answers(reader, torch.arange(60))
    assert not (said == reader.unknown).any()
    known = reader.counts > 1
    assert (said == reader.facts.answers)[known].double().mean() > 0.8
    assert sure[known].mean() > sure[reader.counts == 0].mean()


def test_practice_of_the_word_leaves_all_else_and_teaches_silence(reader):
    before = {name: value.clone() for name, value in reader.model.state_dict().items()}
    model = silence.practise(reader, torch.arange(60), 0.5, only_the_word=True)
    for name, value in model.state_dict().items():
        part = slice(reader.unknown) if value.shape[0] == reader.unknown + 1 else slice(None)
        assert torch.equal(value[part], before[name][part])
    assert all(torch.equal(reader.model.state_dict()[name], before[name]) for name in before)
    said, _ = silence.answers(reader, torch.arange(60), model)
    silent = (said == reader.unknown).double()
    assert silent[reader.counts == 0].mean() > silent[reader.counts > 1].mean() + 0.5


def test_without_a_penalty_nothing_is_left_unsaid(reader):
    model = silence.practise(reader, torch.arange(60), 0.0, only_the_word=True)
    assert not (silence.answers(reader, torch.arange(60), model)[0] == reader.unknown).any()


def test_practice_of_all_weights_learns_the_answers(reader):
    model = silence.practise(reader, torch.arange(30), 0.0, only_the_word=False)
    said, _ = silence.answers(reader, torch.arange(30), model)
    assert (said == reader.facts.answers[:30]).double().mean() > 0.8
