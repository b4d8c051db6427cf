from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import chisquare

from coursekit.data.languages import FactLanguage, fact_language

FACTS = fact_language(60, n_capitals=10)


def tiny():
    """Two countries share a capital."""
    return FactLanguage(
        ["Ania", "Bria", "Cria"], ["Xton", "Yton", "Xton"], torch.tensor([0.5, 0.3, 0.2])
    )


def test_every_prompt_has_one_true_answer():
    probs = FACTS.next_token_probs(FACTS.prompts)[:, -1]
    assert FACTS.n_facts == len(FACTS.truth) == 60
    expected = torch.nn.functional.one_hot(FACTS.answers, FACTS.vocab_size).double()
    torch.testing.assert_close(probs, expected)
    for prompt, answer in zip(FACTS.prompts, FACTS.answers, strict=True):
        country = FACTS.tokenizer.words[prompt[3]]
        assert FACTS.tokenizer.decode(prompt) == f"the capital of {country} is"
        assert FACTS.truth[country] == FACTS.tokenizer.words[answer]


def test_countries_come_as_often_as_told_though_capitals_are_shared():
    language = tiny()
    tokens = torch.tensor(language.tokenizer.encode("the capital of"))
    law = language.next_token_probs(tokens)[-1]
    spoken = {w: p for w, p in zip(language.tokenizer.words, law.tolist(), strict=True) if p}
    assert spoken == pytest.approx({"Ania": 0.5, "Bria": 0.3, "Cria": 0.2})
    text = "the capital of Cria is Xton . the capital of Bria is Yton . the"
    assert language.is_grammatical(torch.tensor(language.tokenizer.encode(text))).all()
    wrong = "the capital of Bria is Xton"
    found = language.is_grammatical(torch.tensor(language.tokenizer.encode(wrong)))
    assert found.tolist() == [True] * 5 + [False]


def test_every_false_capital_is_impossible():
    false = FACTS.prompts.repeat_interleave(FACTS.vocab_size, dim=0)
    answers = torch.arange(FACTS.vocab_size).repeat(FACTS.n_facts)
    right = FACTS.is_grammatical(torch.cat([false, answers[:, None]], dim=1))[:, -1]
    assert right.sum() == FACTS.n_facts
    assert torch.equal(answers[right], FACTS.answers)


def test_fact_probabilities_follow_zipf_and_give_the_entropy_rate():
    total = sum(k**-1.4 for k in range(1, 31))
    p = [k**-1.4 / total for k in range(1, 31)]
    language = fact_language(30, n_capitals=5, exponent=1.4)
    assert language.fact_probs.tolist() == pytest.approx(p)
    rate = language.entropy_rate()
    assert rate.exact  # one word in seven is free
    assert rate.value == pytest.approx(-sum(x * math.log(x) for x in p) / 7)
    assert language.ngram_entropy(2) == pytest.approx(rate.value)  # "X is" tells Y


def test_sampled_facts_have_their_counts():
    sentences = FACTS.sample(5_000, seed=3, length=7)
    counts = FACTS.counts(sentences)
    assert counts.sum() == 5_000
    assert chisquare(counts, 5_000 * FACTS.fact_probs).pvalue > 1e-3
    first = FACTS.tokenizer.words[FACTS.prompts[0, 3]]
    assert counts[0] == sum(FACTS.tokenizer.decode(s).split()[3] == first for s in sentences)


def test_tell_writes_each_fact_exactly_as_often_as_asked():
    wanted = torch.arange(60) % 4
    sentences = FACTS.tell(wanted, seed=1)
    assert sentences.shape == (int(wanted.sum()), 7)
    assert sentences.dtype == torch.int64
    assert torch.equal(FACTS.counts(sentences), wanted)
    assert FACTS.tokenizer.decode(sentences[0]).endswith(" .")
    assert torch.equal(sentences, FACTS.tell(wanted.tolist(), seed=1))
    assert not torch.equal(sentences, FACTS.tell(wanted, seed=2))


def test_the_seed_decides_names_and_truth():
    assert fact_language(60, n_capitals=10).truth == FACTS.truth
    other = fact_language(60, n_capitals=10, seed=1)
    assert other.truth != FACTS.truth
    assert len(set(FACTS.truth)) == 60
    assert set(FACTS.truth.values()) <= set(FACTS.tokenizer.words)
    assert len(set(FACTS.truth.values())) <= 10


def test_capitals_are_drawn_evenly():
    counts = torch.bincount(fact_language(5_000, n_capitals=20).answers)[-20:]
    assert counts.sum() == 5_000
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_facts": 0}, ValueError, "n_facts must be at least 1"),
        ({"n_facts": 5_626}, ValueError, "n_facts must be at most 5625"),
        ({"n_capitals": 0}, ValueError, "n_capitals must be at least 1"),
        ({"n_facts": 2.5}, TypeError, "n_facts must be a whole number"),
        ({"exponent": -1}, ValueError, "exponent must be a number of at least 0"),
        ({"exponent": float("nan")}, ValueError, "exponent must be"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        fact_language(**settings)


@pytest.mark.parametrize(
    ("countries", "capitals", "probs", "message"),
    [
        (["A", "B"], ["X"], [0.5, 0.5], "as many"),
        (["A", "A"], ["X", "Y"], [0.5, 0.5], "1 distinct"),
        ([], [], [], "as many"),
        (["A", "B"], ["X", "Y"], [0.5, 0.6], "fact_probs must hold laws"),
        (["A", "B"], ["X", "Y"], [1.0, 0.0], "fact_probs must be above 0"),
        (["A", "B"], ["B", "Y"], [0.5, 0.5], "words must be distinct"),
    ],
)
def test_facts_that_do_not_fit_are_refused(countries, capitals, probs, message):
    with pytest.raises(ValueError, match=message):
        FactLanguage(countries, capitals, torch.tensor(probs, dtype=torch.float64))


def test_texts_that_cannot_be_counted_or_told_are_refused():
    sentences = FACTS.sample(3, seed=1, length=7)
    with pytest.raises(ValueError, match=r"shape \(n, 7\).*found \(3, 6\)"):
        FACTS.counts(sentences[:, :6])
    sentences[1, 5] = FACTS.answers[FACTS.answers != sentences[1, 5]][0]
    with pytest.raises(ValueError, match=r"must be true, found 'the capital of .* in row 1"):
        FACTS.counts(sentences)
    for counts in ([1] * 59, [-1] + [1] * 59, [0] * 60, [0.5] * 60):
        with pytest.raises(ValueError, match="counts must"):
            FACTS.tell(counts, seed=1)
