"""The exact law, against sums over all hidden paths, counted words and closed forms."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, strategies as st
from scipy.stats import chisquare

from coursekit.data.languages import (
    HiddenMarkovLanguage,
    fact_language,
    grammar,
    weather_diary,
)
from coursekit.data.languages.laws import Sampler

LANGUAGES = {
    "weather": weather_diary(),
    "grammar": grammar(),
    "one topic": grammar(topics=(1.0,)),
    "facts": fact_language(20, n_capitals=6),
    "noise": weather_diary().with_noise(0.05),
}


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices this small gain nothing from threads, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=LANGUAGES)
def language(request):
    return LANGUAGES[request.param]


def random_language(n_states, n_words, seed):
    """Random laws in which about a third of all moves and words are impossible."""
    generator = torch.Generator().manual_seed(seed)

    def laws(*shape):
        weights = torch.rand(shape, generator=generator, dtype=torch.float64)
        weights[torch.rand(shape, generator=generator) < 0.35] = 0
        weights[..., seed % shape[-1]] += 0.1
        return weights / weights.sum(-1, keepdim=True)

    words = [f"w{i}" for i in range(n_words)]
    return HiddenMarkovLanguage(
        words, laws(n_states), laws(n_states, n_states), laws(n_states, n_words)
    )


def probability(language, words):
    """P(words), as the definition says: the sum over all paths of hidden states."""
    total = 0.0
    for path in product(range(language.n_states), repeat=len(words)):
        p = float(language.start[path[0]])
        for before, after in pairwise(path):
            p *= float(language.transition[before, after])
        for state, word in zip(path, words, strict=True):
            p *= float(language.emission[state, word])
        total += p
    return total


def forward(language, words):
    """P(words) by the naive recursion: one sequence, nothing normalised."""
    alpha = language.start
    for word in words:
        spoken = alpha * language.emission[:, word]
        alpha = spoken @ language.transition
    return float(spoken.sum())


@given(st.integers(1, 3), st.integers(2, 3), st.integers(0, 10_000))
def test_is_the_sum_over_all_hidden_paths(n_states, n_words, seed):
    language = random_language(n_states, n_words, seed)
    words = range(n_words)
    expected = torch.tensor([probability(language, [w]) for w in words], dtype=torch.float64)
    torch.testing.assert_close(language.first_token_probs, expected)
    for sequence in product(words, repeat=3):
        p = [probability(language, sequence[: t + 1]) for t in range(3)]
        tokens = torch.tensor(sequence)
        assert language.is_grammatical(tokens).tolist() == [x > 0 for x in p]
        if p[-1] > 0:
            following = [probability(language, (*sequence, w)) / p[-1] for w in words]
            probs = language.next_token_probs(tokens)
            torch.testing.assert_close(probs[-1], torch.tensor(following, dtype=torch.float64))
            torch.testing.assert_close(float(probs[0, sequence[1]]), p[1] / p[0])


def test_rounding_leaves_no_probability_above_one():
    language = weather_diary()  # whose forced words came out as 1 + 2e-16
    probs = language.next_token_probs(language.sample(200, seed=1))
    assert probs.max() == 1


def test_filtering_is_the_naive_recursion(language):
    tokens = language.sample(2, seed=3, length=30)
    probs = language.next_token_probs(tokens)
    for row in range(2):
        words = tokens[row].tolist()
        for t in (0, 7, 28):
            p = forward(language, words[: t + 2]) / forward(language, words[: t + 1])
            assert float(probs[row, t, words[t + 1]]) == pytest.approx(p, rel=1e-9)


def test_probabilities_are_a_law_and_the_same_one_by_one(language):
    tokens = language.sample(20, seed=1, length=50)
    probs = language.next_token_probs(tokens)
    assert probs.shape == (20, 50, language.vocab_size)
    assert probs.dtype == torch.float64
    assert probs.min() >= 0
    torch.testing.assert_close(probs.sum(-1), torch.ones(20, 50, dtype=torch.float64))
    torch.testing.assert_close(language.next_token_probs(tokens[3].int()), probs[3])
    torch.testing.assert_close(language.next_token_probs(tokens[:, :9]), probs[:, :9])


def test_sampled_beginnings_have_their_probabilities(language):
    """Chi-square test on the first four words together; rare beginnings count as one."""
    tokens = language.sample(20_000, seed=11, length=4)
    seen, counts = tokens.unique(dim=0, return_counts=True)
    after = language.next_token_probs(seen)[:, :-1].gather(2, seen[:, 1:, None])
    p = language.first_token_probs[seen[:, 0]] * after.prod(dim=1)[:, 0]
    common = p * len(tokens) >= 10
    observed, expected = counts[common].tolist(), (p[common] * len(tokens)).tolist()
    rest = len(tokens) - sum(expected)
    if rest >= 10:
        observed, expected = [*observed, len(tokens) - sum(observed)], [*expected, rest]
    assert len(expected) >= 10
    scale = sum(observed) / sum(expected)
    assert scale == pytest.approx(1, abs=1e-3)
    assert chisquare(observed, [scale * e for e in expected]).pvalue > 1e-3


def test_the_truth_is_calibrated_at_every_level_of_probability(language):
    """Given the past, word - P(word) has mean 0: the sums must stay within four deviations."""
    tokens = language.sample(300, seed=12)
    p = language.next_token_probs(tokens)[:, :-1].flatten(0, 1)
    came = torch.nn.functional.one_hot(tokens[:, 1:].flatten(), language.vocab_size)
    for low, high in [(0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1)]:
        inside = (p > low) & (p < high)
        surprise = (came - p)[inside].sum()
        deviation = (p * (1 - p))[inside].sum().sqrt()
        assert abs(surprise) <= 4 * deviation + 1e-9
    assert (came[p == 0] == 0).all()
    assert (came[p > 1 - 1e-12] == 1).all()


def test_is_grammatical_where_the_probability_is_above_zero(language):
    """Words of a true text, one of them replaced by a random one."""
    generator = torch.Generator().manual_seed(5)
    tokens = language.sample(40, seed=4, length=12)
    assert language.is_grammatical(tokens).all()
    place = torch.randint(1, 12, (40,), generator=generator)
    tokens[torch.arange(40), place] = torch.randint(language.vocab_size, (40,), generator=generator)
    found = language.is_grammatical(tokens)
    assert found.dtype == torch.bool
    for row in range(40):
        words = tokens[row].tolist()
        assert found[row].tolist() == [forward(language, words[: t + 1]) > 0 for t in range(12)]
        assert language.is_grammatical(tokens[row]).tolist() == found[row].tolist()


def test_entropy_rate_of_a_markov_chain_is_the_textbook_one():
    a, b = 0.3, 0.1  # Cover and Thomas 2006, example 4.2.1: H(a) b/(a+b) + H(b) a/(a+b)
    chain = HiddenMarkovLanguage(
        ["x", "y"],
        torch.tensor([1.0, 0.0]),
        torch.tensor([[1 - a, a], [b, 1 - b]], dtype=torch.float64),
        torch.eye(2),
    )

    def h(p):
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    rate = chain.entropy_rate()
    assert rate.exact
    assert rate.value == pytest.approx(h(a) * b / (a + b) + h(b) * a / (a + b), rel=1e-12)
    assert chain.ngram_entropy(1) == pytest.approx(rate.value, rel=1e-12)
    assert chain.ngram_entropy(0) == pytest.approx(h(a / (a + b)), rel=1e-12)


def test_entropy_rate_of_independent_words_is_their_entropy_though_a_state_is_hidden():
    law = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    moves = torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64)
    words = HiddenMarkovLanguage(["x", "y", "z"], moves[0], moves, law.repeat(2, 1))
    assert not words.is_unifilar
    assert words.entropy_rate().value == pytest.approx(1.5 * math.log(2), rel=1e-9)


def binary_channel():
    """A sticky bit heard through a noisy channel: no closed form is known."""
    moves = torch.tensor([[0.8, 0.2], [0.2, 0.8]], dtype=torch.float64)
    heard = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    return HiddenMarkovLanguage(["0", "1"], torch.tensor([0.5, 0.5]), moves, heard)


def test_entropy_rate_interval_holds_the_limit_of_the_ngrams():
    channel = binary_channel()
    assert not channel.is_unifilar
    limit = channel.ngram_entropy(14)
    assert channel.ngram_entropy(13) - limit < 1e-5  # it has converged
    rates = [channel.entropy_rate(seed=seed) for seed in range(20)]
    assert all(rate.low < rate.value < rate.high and not rate.exact for rate in rates)
    # With a confidence of 95 %, 16 or more of 20 hold it, but for one case in 400.
    assert sum(rate.low <= limit <= rate.high for rate in rates) >= 16
    assert max(rate.high - rate.low for rate in rates) < 0.01


def test_ngram_entropy_is_the_definition():
    language = random_language(3, 3, seed=2)
    stationary = HiddenMarkovLanguage(
        language.tokenizer.words, language.stationary, language.transition, language.emission
    )
    torch.testing.assert_close(language.stationary @ language.transition, language.stationary)
    for order in range(4):
        expected = 0.0
        for words in product(range(3), repeat=order + 1):
            p = probability(stationary, words)
            if p > 0:
                context = probability(stationary, words[:-1]) if order else 1.0
                expected -= p * math.log(p / context)
        assert language.ngram_entropy(order) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["weather", "grammar", "one topic"])
def test_entropy_rate_is_what_the_truth_loses_on_other_text(name):
    language = LANGUAGES[name]
    rate = language.entropy_rate(seed=0)
    assert rate.exact == (name == "one topic")
    # In the long run: the first half of each text only tells what its beginning left open.
    tokens = language.sample(100, seed=77, length=512)
    p = language.next_token_probs(tokens)[:, 255:-1].gather(2, tokens[:, 256:, None])
    loss = -p.log().mean(dim=(1, 2))
    error = float(loss.std()) / len(loss) ** 0.5
    assert error < 0.01
    spread = math.hypot(error, (rate.high - rate.low) / 3.92)
    assert abs(float(loss.mean()) - rate.value) < 4 * spread


@pytest.mark.parametrize("name", ["weather", "grammar"])
def test_entropy_rate_is_narrow_and_below_every_ngram(name):
    rate = LANGUAGES[name].entropy_rate()
    assert rate.high - rate.low < 0.005
    orders = [LANGUAGES[name].ngram_entropy(k) for k in range(5)]
    assert all(more <= less + 1e-12 for less, more in pairwise(orders))
    assert rate.high < orders[-1]


def test_counting_words_agrees_with_the_ngram_entropy():
    """A bigram's and a trigram's loss, estimated from 640,000 counted words."""
    language = LANGUAGES["grammar"]
    text = language.sample(5_000, seed=9, length=160)[:, 32:]

    def counted(n):
        """Entropy of n words in a row."""
        windows = text.unfold(1, n, 1).flatten(0, 1)
        number = windows @ language.vocab_size ** torch.arange(n)
        counts = torch.bincount(number).double()
        return float(torch.special.entr(counts / counts.sum()).sum())

    for order in (1, 2):
        estimate = counted(order + 1) - counted(order)
        assert estimate == pytest.approx(language.ngram_entropy(order), abs=0.01)


def test_the_seed_decides_and_more_sequences_only_add(language):
    tokens = language.sample(50, seed=7, length=20)
    assert tokens.dtype == torch.int64
    assert tokens.shape == (50, 20)
    assert torch.equal(tokens, language.sample(50, seed=7, length=20))
    assert torch.equal(tokens[:17], language.sample(17, seed=7, length=20))
    assert not torch.equal(tokens, language.sample(50, seed=8, length=20))
    state = torch.get_rng_state()
    language.sample(1, seed=7)
    assert torch.equal(state, torch.get_rng_state())  # nobody else's chance is touched


def test_noise_replaces_that_share_of_the_words_by_any():
    clean = LANGUAGES["weather"]
    noisy = clean.with_noise(0.2)
    expected = 0.8 * clean.first_token_probs + 0.2 / clean.vocab_size
    torch.testing.assert_close(noisy.first_token_probs, expected)
    nonsense = torch.randint(clean.vocab_size, (5, 20), generator=torch.Generator().manual_seed(1))
    assert noisy.is_grammatical(nonsense).all()
    assert not clean.is_grammatical(nonsense)[:, -1].any()
    tokens = clean.sample(5, seed=1)
    torch.testing.assert_close(
        clean.with_noise(0).next_token_probs(tokens), clean.next_token_probs(tokens)
    )
    uniform = torch.full((clean.vocab_size,), 1 / clean.vocab_size, dtype=torch.float64)
    torch.testing.assert_close(clean.with_noise(1).next_token_probs(nonsense)[2, 7], uniform)


def test_laws_in_float32_are_accepted_and_made_exact():
    law = torch.tensor([0.5, 0.3, 0.2])  # in float64 it sums to 1.00000001
    language = HiddenMarkovLanguage(["x", "y", "z"], law, law.repeat(3, 1), torch.eye(3))
    assert float(language.start.sum()) == pytest.approx(1, abs=1e-15)


def test_sampler_never_draws_the_impossible_or_the_next_row():
    laws = torch.tensor([[0.0, 0.3, 0.7, 0.0], [1.0, 0.0, 0.0, 0.0]]).repeat(500, 1).double()
    draw, rows = Sampler(laws), torch.arange(1000)
    largest = 1 - 2.0**-24
    assert draw(rows, torch.zeros(1000)).tolist() == [1, 0] * 500
    assert draw(rows, torch.full((1000,), largest)).tolist() == [2, 0] * 500
    assert draw(rows[:2], torch.tensor([0.2999, 0.5])).tolist() == [1, 0]
    assert draw(rows[:2], torch.tensor([0.3001, 0.5])).tolist() == [2, 0]


@pytest.mark.parametrize("name", ["weather", "grammar"])
def test_500_sequences_are_filtered_at_once(name):
    language = LANGUAGES[name]
    language.next_token_probs(language.sample(1, seed=0))  # what is computed once

    def n_calls(n_sequences):
        events = Counter()
        tokens = language.sample(n_sequences, seed=1)
        sys.setprofile(lambda frame, event, argument: events.update([event]))
        try:
            language.next_token_probs(tokens)
        finally:
            sys.setprofile(None)
        return events["call"] + events["c_call"]

    assert n_calls(500) == n_calls(2)


X, EYE = ["x", "y"], torch.eye(2)
HALF = torch.tensor([0.5, 0.5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, torch.tensor([0.5, 0.6]), EYE, EYE), "start must hold laws"),
        ((X, HALF, EYE, torch.tensor([[1.0, 0.0], [-0.5, 1.5]])), "emission must hold laws"),
        ((X, HALF, torch.eye(3), EYE), r"transition must have shape \(2, 2\)"),
        ((["x", "y", "z"], HALF, EYE, EYE), r"emission must have shape \(2, 3\)"),
        ((X, HALF, EYE * float("nan"), EYE), "transition must hold laws"),
        ((["x", "x"], HALF, EYE, EYE), "words must be distinct"),
    ],
)
def test_what_is_no_language_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        HiddenMarkovLanguage(*arguments)


@pytest.mark.parametrize("method", ["next_token_probs", "is_grammatical"])
@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        (torch.tensor([0, 49]), ValueError, r"0 \.\. 48, found 49"),
        (torch.tensor([[-1, 3]]), ValueError, r"0 \.\. 48, found -1"),
        (torch.zeros(1, 2, 3).long(), ValueError, r"\(T,\) or \(n, T\).*\(1, 2, 3\)"),
        (torch.tensor(3), ValueError, r"\(T,\) or \(n, T\)"),
        (torch.zeros(0).long(), ValueError, "not empty"),
        (torch.zeros(4, 0).long(), ValueError, "not empty"),
        (torch.zeros(3), TypeError, "token ids.*float32"),
        (torch.zeros(3).bool(), TypeError, "token ids.*bool"),
        ([1, 2], TypeError, "token ids.*list"),
    ],
)
def test_what_are_no_tokens_is_refused(method, tokens, error, message):
    with pytest.raises(error, match=message):
        getattr(LANGUAGES["weather"], method)(tokens)


def test_no_law_follows_the_impossible():
    language = LANGUAGES["weather"]
    right = language.tokenizer.encode("today it was sunny .")
    wrong = language.tokenizer.encode("today it it was sunny")
    with pytest.raises(ValueError, match=r"tokens must .* found 'it' .* position 2 of sequence 1"):
        language.next_token_probs(torch.tensor([right, wrong]))
    assert language.is_grammatical(torch.tensor(wrong)).tolist() == [True, True] + [False] * 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0, "seed": 1}, ValueError, "n must be at least 1, found 0"),
        ({"n": 2, "seed": 1, "length": 0}, ValueError, "length must be at least 1"),
        ({"n": 2, "seed": -1}, ValueError, "seed must be at least 0, found -1"),
        ({"n": 2, "seed": 2**64}, ValueError, "seed must be at most"),
        ({"n": 2.5, "seed": 1}, TypeError, "n must be a whole number, found 2.5"),
        ({"n": 2, "seed": None}, TypeError, "seed must be a whole number"),
    ],
)
def test_samples_that_cannot_be_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        LANGUAGES["weather"].sample(**arguments)


def test_other_bad_arguments_are_refused():
    language = LANGUAGES["noise"]
    with pytest.raises(ValueError, match="order must be at least 0"):
        language.ngram_entropy(-1)
    with pytest.raises(ValueError, match=r"order must be lower, found 4: .* too many to list"):
        language.ngram_entropy(4)
    with pytest.raises(ValueError, match="n_sequences must be at least 2"):
        language.entropy_rate(n_sequences=1)
    for rate in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="rate must lie in"):
            language.with_noise(rate)


def test_importing_the_data_loads_no_torch_until_a_language_is_asked_for():
    code = (
        "import sys, coursekit.data as data; before = 'torch' in sys.modules; data.grammar; "
        "print(before, 'torch' in sys.modules, hasattr(data, 'no_such_name'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
