"""Generation: the tokens of transformers, the frequencies of the law, and a batch as one by one."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, strategies as st
from scipy.stats import chisquare
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from coursekit.lm.generation import (
    adjust_logits,
    apply_temperature,
    beam_search,
    generate,
    greedy,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    penalise_repetition,
    sample,
    tokens_seen,
)
from coursekit.lm.gpt import GPT, GPTConfig

CONTEXT, VOCAB = 24, 11
PROMPTS = [[3, 1, 4], [1], [5, 9, 2, 6, 5, 3], [3, 1, 4], [8, 9, 7, 9]]
POSITIONS = ["learned", "sinusoidal", "rotary", "alibi", "none"]


def gpt2(seed: int, vocab: int = VOCAB, width: int = 12, heads: int = 3) -> GPT2LMHeadModel:
    """A random GPT-2 with weights so large that its laws differ from token to token."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocab,
        n_positions=CONTEXT,
        n_embd=width,
        n_layer=2,
        n_head=heads,
        initializer_range=0.5,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    return GPT2LMHeadModel(config).eval()


def random_gpt(positions: str = "learned", seed: int = 0) -> GPT:
    config = GPTConfig(VOCAB, CONTEXT, width=8, n_layers=2, n_heads=2, positions=positions)
    model = GPT(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) / 2)
    return model


def theirs(model: GPT2LMHeadModel, prompt: list[int], n: int, **options) -> list[list[int]]:
    """What transformers adds to the prompt, cut after the first stop token."""
    stop = options.pop("stop", ())
    ids = torch.tensor([prompt])
    rows = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=n,
        do_sample=False,
        eos_token_id=list(stop) or None,
        **options,
    )[:, len(prompt) :].tolist()
    first = [min((i for i, token in enumerate(row) if token in stop), default=n) for row in rows]
    return [row[: i + 1] for row, i in zip(rows, first, strict=True)]


class Chain:
    """A callable with a known law: the next token depends on the last one alone."""

    def __init__(self, probs: list[list[float]]) -> None:
        self.log_probs = torch.tensor(probs).log()

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        return self.log_probs[ids]


# --- the same tokens as transformers ---


@pytest.mark.parametrize("stop", [(), (2,), (2, 7, 10)])
@pytest.mark.parametrize("seed", range(4))
def test_greedy_equals_transformers(seed, stop):
    model = gpt2(seed, width=4 * (seed + 1), heads=seed + 1)
    ours = generate(GPT.from_transformers(model), PROMPTS, 12, method="greedy", stop=stop)
    assert ours == [theirs(model, prompt, 12, stop=stop)[0] for prompt in PROMPTS]


@pytest.mark.parametrize("n_beams", [2, 3, 5])
@pytest.mark.parametrize("stop", [(), (2,), (2, 7, 10)])
@pytest.mark.parametrize("seed", range(4))
def test_beam_search_equals_transformers(seed, stop, n_beams):
    model = gpt2(seed, width=4 * (seed + 1), heads=seed + 1)
    ours = GPT.from_transformers(model)
    best = generate(ours, PROMPTS, 12, method="beam", n_beams=n_beams, stop=stop)
    assert best == [
        theirs(model, prompt, 12, stop=stop, num_beams=n_beams)[0] for prompt in PROMPTS
    ]


@pytest.mark.parametrize("length_penalty", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_all_beams_and_scores_equal_transformers(seed, length_penalty):
    model = gpt2(seed, vocab=30)
    prompt, stop, n = PROMPTS[seed], (2, 7, 10), 4
    options = {"length_penalty": length_penalty, "stop": stop}
    ours = beam_search(GPT.from_transformers(model), prompt, 10, n, **options)
    expected = theirs(model, prompt, 10, num_beams=n, num_return_sequences=n, **options)
    assert [beam.ids for beam in ours] == expected
    for beam in ours:
        ids = torch.tensor([prompt + beam.ids])
        with torch.no_grad():
            law = model(ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        log_prob = law.gather(1, torch.tensor(beam.ids)[:, None]).sum().item()
        assert beam.log_prob == pytest.approx(log_prob, abs=1e-4)
        assert beam.score == pytest.approx(log_prob / len(beam.ids) ** length_penalty, abs=1e-4)


def test_one_beam_is_greedy():
    model = random_gpt()
    beams = generate(model, PROMPTS, 9, method="beam", n_beams=1)
    assert beams == generate(model, PROMPTS, 9, method="greedy")


def test_a_model_of_transformers_is_a_callable():
    model = gpt2(0)
    ours = generate(lambda ids: model(ids).logits, PROMPTS, 8, method="greedy")
    assert ours == generate(GPT.from_transformers(model), PROMPTS, 8, method="greedy")


# --- beam search against enumeration ---


def test_enough_beams_find_the_best_of_all_texts():
    """27 texts of three tokens, all kept: ranked as by brute force. Greedy misses the best one."""
    probs = [[0.5, 0.4, 0.1], [0.05, 0.05, 0.9], [0.35, 0.3, 0.35]]
    ranked = sorted(
        (
            (probs[0][a] * probs[a][b] * probs[b][c], [a, b, c])
            for a, b, c in itertools.product(range(3), repeat=3)
        ),
        reverse=True,
    )
    beams = beam_search(Chain(probs), [0], 3, n_beams=27)
    assert [math.exp(beam.log_prob) for beam in beams] == pytest.approx([p for p, _ in ranked])
    assert beams[0].ids == [0, 1, 2]  # 0.5 * 0.4 * 0.9 = 0.18
    assert generate(Chain(probs), [[0]], 3, method="greedy") == [[0, 0, 0]]  # 0.125


def test_length_penalty_decides_between_short_and_long():
    """Stopping at once has probability 0.4; the only long text 0.6 * 0.5: 0.55 a token."""
    chain = Chain([[0.0, 0.6, 0.4], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]])
    best = {
        penalty: beam_search(chain, [0], 2, 3, stop=[2], length_penalty=penalty)[0].ids
        for penalty in (0.0, 1.0)
    }
    assert best[0.0] == [2]
    assert best[1.0] in ([1, 0], [1, 2])


def test_beams_never_hold_an_impossible_text():
    chain = Chain([[0.0, 1.0], [0.5, 0.5]])
    beams = beam_search(chain, [0], 2, n_beams=9)
    assert sorted(beam.ids for beam in beams) == [[1, 0], [1, 1]]


# --- laws ---

some_logits = st.lists(
    # integers make ties; the others make none
    st.one_of(st.integers(-3, 3).map(float), st.floats(-20, 20, width=32)),
    min_size=1,
    max_size=12,
)


@given(some_logits, st.integers(1, 15))
def test_top_k_equals_transformers(logits, k):
    logits = torch.tensor([logits, logits[::-1]])
    assert torch.equal(keep_top_k(logits, k), TopKLogitsWarper(k)(None, logits))


@given(some_logits, st.one_of(st.floats(0.001, 1.0), st.sampled_from([0.25, 0.5, 0.75, 1.0])))
def test_top_p_equals_transformers(logits, p):
    logits = torch.tensor([logits, logits[::-1]])
    expected = TopPLogitsWarper(p)(None, logits)
    assert torch.equal(keep_top_p(logits, p).isinf(), expected.isinf())
    assert torch.equal(keep_top_p(logits, p), expected)


@given(some_logits, st.floats(0.001, 1.0))
def test_min_p_equals_transformers(logits, p):
    logits = torch.tensor([logits, logits[::-1]])
    assert torch.equal(keep_min_p(logits, p), MinPLogitsWarper(p)(None, logits))


@given(some_logits, st.lists(st.integers(0, 11), min_size=1, max_size=6), st.floats(0.5, 3.0))
def test_the_penalty_equals_transformers(logits, ids, penalty):
    ids = torch.tensor([[i % len(logits) for i in ids]])
    logits = torch.tensor([logits])
    seen = tokens_seen(ids, logits.shape[-1])[:, -1]
    expected = RepetitionPenaltyLogitsProcessor(penalty)(ids, logits.clone())
    torch.testing.assert_close(penalise_repetition(logits, seen, penalty), expected)


def test_a_penalty_never_makes_a_seen_token_more_probable():
    logits = torch.tensor([2.0, -1.0, 0.0, 0.5])
    seen = torch.tensor([True, True, True, False])
    weaker = penalise_repetition(logits, seen, 1.5)
    assert (weaker <= logits).all() and weaker[3] == 0.5
    # The same law with another constant: other probabilities come out.
    law = weaker.softmax(-1)
    other = penalise_repetition(logits - 5, seen, 1.5).softmax(-1)
    assert (law - other).abs().sum() > 0.1


@pytest.mark.parametrize("seed", range(3))
def test_greedy_with_a_penalty_equals_transformers(seed):
    model = gpt2(seed)
    expected = [theirs(model, prompt, 12, repetition_penalty=1.7)[0] for prompt in PROMPTS]
    ours = GPT.from_transformers(model)
    assert generate(ours, PROMPTS, 12, method="greedy", repetition_penalty=1.7) == expected
    assert generate(ours, PROMPTS, 12, method="greedy") != expected


@given(some_logits, st.floats(0.1, 5), st.integers(1, 15), st.floats(0.05, 1.0), st.floats(0.01, 1))
def test_together_they_equal_transformers(logits, temperature, k, p, min_p):
    logits = torch.tensor([logits])
    expected = logits
    warpers = (TemperatureLogitsWarper(temperature), TopKLogitsWarper(k), TopPLogitsWarper(p))
    for warper in (*warpers, MinPLogitsWarper(min_p)):
        expected = warper(None, expected)
    ours = adjust_logits(logits, temperature, k, p, min_p).softmax(-1)
    torch.testing.assert_close(ours, expected.softmax(-1), rtol=0, atol=0)


def test_laws_by_hand():
    logits = torch.tensor([0.5, 0.125, 0.25, 0.125]).log()
    torch.testing.assert_close(keep_top_k(logits, 1).softmax(-1), torch.tensor([1.0, 0, 0, 0]))
    two_thirds = torch.tensor([2 / 3, 0, 1 / 3, 0])
    torch.testing.assert_close(keep_top_k(logits, 2).softmax(-1), two_thirds)
    assert torch.equal(keep_top_k(logits, 3), logits)  # the third and the fourth are equal
    assert torch.equal(keep_top_k(logits, 9), logits)
    torch.testing.assert_close(keep_top_p(logits, 0.7).softmax(-1), two_thirds)
    torch.testing.assert_close(keep_top_p(logits, 0.01).softmax(-1), torch.tensor([1.0, 0, 0, 0]))
    assert torch.equal(keep_top_p(logits, 1e-9), keep_top_k(logits, 1))  # never nothing
    assert torch.equal(keep_top_p(logits, 1.0), logits)
    squared = torch.tensor([16.0, 1, 4, 1]) / 22
    torch.testing.assert_close(apply_temperature(logits, 0.5).softmax(-1), squared)
    assert greedy(logits).item() == 0


def test_a_nucleus_has_no_more_tokens_than_it_needs():
    logits = torch.randn(200, 30, generator=torch.Generator().manual_seed(0)) * 2
    probs, kept = logits.double().softmax(-1), keep_top_p(logits, 0.9).isfinite()
    mass = torch.where(kept, probs, 0).sum(-1)
    least = torch.where(kept, probs, 1).amin(-1)
    assert (mass >= 0.9).all()
    assert (mass - least < 0.9).all()
    assert (torch.where(kept, 0, probs).amax(-1) <= least).all()


# --- sampling ---


def p_value(tokens: torch.Tensor, probs: torch.Tensor) -> float:
    """Of the chi-square test that tokens were drawn from probs; none may be impossible."""
    counts = tokens.bincount(minlength=len(probs)).double()
    assert counts[probs == 0].sum() == 0
    possible, probs = probs > 0, probs.double()
    return chisquare(counts[possible], (probs / probs.sum() * counts.sum())[possible]).pvalue


OPTIONS = [{}, {"temperature": 0.7}, {"temperature": 1.6}, {"top_k": 4}, {"top_p": 0.8}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_frequencies_of_one_token_agree_with_the_law(options):
    model = random_gpt(seed=2)
    prompt = [3, 1, 4]
    with torch.no_grad():
        law = adjust_logits(model(torch.tensor([prompt]))[0, -1], **options).softmax(-1)
    tokens = torch.tensor(generate(model, [prompt] * 20_000, 1, seed=0, **options)).flatten()
    assert p_value(tokens, law) > 1e-3
    other = torch.roll(law, 1) + 0.01  # the test has power: a wrong law is found
    assert p_value(tokens, other) < 1e-9


def test_frequencies_of_texts_agree_with_the_chain_rule():
    """Tokens must be independent given the past: three at a time, 27 texts."""
    probs = [[0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.25, 0.25, 0.5]]
    texts = torch.tensor(generate(Chain(probs), [[1]] * 30_000, 3, seed=1))
    number = texts @ torch.tensor([9, 3, 1])
    law = torch.tensor(
        [
            probs[1][a] * probs[a][b] * probs[b][c]
            for a, b, c in itertools.product(range(3), repeat=3)
        ]
    )
    assert p_value(number, law) > 1e-3


def test_a_dart_lands_in_the_interval_of_its_token():
    logits = torch.tensor([0.25, 0.0, 0.5, 0.25, 0.0]).log()
    darts = torch.tensor([0.0, 0.2499, 0.2501, 0.7499, 0.7501, 1 - 2**-53], dtype=torch.float64)
    assert sample(logits.expand(6, -1), darts).tolist() == [0, 0, 2, 2, 3, 3]
    assert sample(logits, torch.tensor(0.5)).item() == 2
    assert sample(torch.tensor([-math.inf, 0.0]), torch.tensor(0.0)).item() == 1


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=50), st.integers(0, 50))
def test_no_dart_lands_outside(logits, n_impossible):
    logits = torch.tensor([logits + [-math.inf] * n_impossible])
    last = torch.tensor([1 - 2**-53], dtype=torch.float64)
    assert logits[0, sample(logits, last)].isfinite()


def test_same_seed_same_text():
    model = random_gpt()
    text = generate(model, PROMPTS, 15, seed=5)
    assert text == generate(model, PROMPTS, 15, seed=5)
    assert text == generate(model, PROMPTS, 15, seed=torch.Generator().manual_seed(5))
    assert text != generate(model, PROMPTS, 15, seed=6)
    assert text[0] != text[3]  # one prompt twice: two texts
    torch.manual_seed(1)
    once, twice = generate(model, PROMPTS, 15), generate(model, PROMPTS, 15)
    torch.manual_seed(1)
    assert once == generate(model, PROMPTS, 15) != twice


def test_a_seed_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    generate(MODEL, PROMPTS, 3, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


# --- batches, cache, stop tokens ---


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("method", ["sample", "greedy", "beam"])
def test_cached_equals_uncached_and_a_callable(positions, method):
    model = random_gpt(positions)
    options = {"sample": {"seed": 3}, "greedy": {}, "beam": {"n_beams": 3}}[method]
    options = {"method": method, "stop": [2], **options}
    cached = generate(model, PROMPTS, 15, **options)
    assert cached == generate(model, PROMPTS, 15, use_cache=False, **options)
    assert cached == generate(lambda ids: model(ids), PROMPTS, 15, **options)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("options", [{"method": "greedy"}, {"top_p": 0.9}], ids=str)
@pytest.mark.parametrize("stop", [(), (2, 5)])
def test_a_batch_equals_one_by_one(positions, options, stop):
    model = random_gpt(positions, seed=1)

    def seeded(generator):  # one stream for all, as each text takes its own numbers from it
        return {} if "method" in options else {"seed": generator}

    batch, single = (torch.Generator().manual_seed(7) for _ in range(2))
    together = generate(model, PROMPTS, 12, stop=stop, **options, **seeded(batch))
    alone = [
        generate(model, [prompt], 12, stop=stop, **options, **seeded(single))[0]
        for prompt in PROMPTS
    ]
    assert together == alone
    assert stop or all(len(text) == 12 for text in together)


def test_each_token_is_read_once():
    model, lengths = random_gpt(), []
    model.register_forward_pre_hook(lambda _, args: lengths.append(args[0].shape[1]))
    generate(model, [[1, 2, 3, 4], [5, 6]], 5, method="greedy")
    assert lengths == [2, 1, 1, 1, 1, 1, 1]  # to position 7; the last token needs no reading
    lengths.clear()
    generate(model, [[1, 2, 3, 4]], 5, method="beam", n_beams=3)
    assert lengths == [4, 1, 1, 1, 1]


def test_stop_tokens_end_each_text_and_nothing_else():
    """0 -> 1 -> 2 -> 3 -> 0: each text ends at the first stop token that it adds itself."""
    cycle = Chain(torch.eye(4).roll(1, dims=1).tolist())
    prompts = [[0], [2], [1, 2, 3], [3, 0, 1, 2]]
    for options in ({"method": "greedy"}, {"seed": 0}, {"method": "beam", "n_beams": 2}):
        assert generate(cycle, prompts, 3, stop=[3], **options) == [[1, 2, 3], [3], [0, 1, 2], [3]]
        assert generate(cycle, prompts, 2, **options) == [[1, 2], [3, 0], [0, 1], [3, 0]]
    assert generate(cycle, prompts, 9, stop={1, 3}, seed=0) == [[1], [3], [0, 1], [3]]


def test_generation_ends_with_the_last_text():
    calls = []
    cycle = Chain(torch.eye(4).roll(1, dims=1).tolist())
    generate(lambda ids: calls.append(1) or cycle(ids), [[0], [1, 2]], 100, stop=[3], seed=0)
    assert len(calls) == 3


def test_a_prompt_may_fill_the_context():
    model = random_gpt()
    assert len(generate(model, [[1] * (CONTEXT - 1), [1]], 1, seed=0)[0]) == 1
    assert len(generate(model, [[1]], CONTEXT - 1, seed=0)[0]) == CONTEXT - 1


def test_tensors_are_prompts_too():
    model = random_gpt()
    ids = torch.tensor([[1, 2], [3, 4]])
    expected = generate(model, [[1, 2], [3, 4]], 5, seed=0)
    assert generate(model, ids, 5, seed=0) == expected
    assert generate(model, list(ids.int()), 5, seed=0) == expected
    assert generate(model, ids.numpy(), 5, seed=0) == expected


def test_dropout_is_off_and_the_mode_is_kept():
    config = GPTConfig(VOCAB, CONTEXT, width=8, n_layers=1, n_heads=2, dropout=0.5)
    model = GPT(config)
    texts = [generate(model, [[1]], 15, seed=0) for _ in range(3)]
    assert texts[0] == texts[1] == texts[2]
    assert model.training
    with pytest.raises(ValueError, match=r"top_k must .*found 0"):
        generate(model, [[1]], 3, top_k=0)
    assert model.training
    generate(model.eval(), [[1]], 3, seed=0)
    assert not model.training


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator here")
def test_the_same_texts_on_an_accelerator():
    model = random_gpt()
    options = [{"seed": 0, "top_p": 0.9}, {"method": "greedy"}, {"method": "beam", "n_beams": 3}]
    expected = [generate(model, PROMPTS, 12, stop=[2], **option) for option in options]
    model.to(torch.accelerator.current_accelerator())
    assert [generate(model, PROMPTS, 12, stop=[2], **option) for option in options] == expected


# --- bad input ---

MODEL = random_gpt()
LAW = torch.zeros(3, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: apply_temperature(LAW, 0), ValueError, "temperature must .*found 0.*greedy"),
        (lambda: apply_temperature(LAW, -1.0), ValueError, "temperature must .*found -1.0"),
        (lambda: apply_temperature(LAW, math.nan), ValueError, "temperature must .*found nan"),
        (lambda: apply_temperature(LAW, math.inf), ValueError, "temperature must .*found inf"),
        (lambda: keep_top_k(LAW, 0), ValueError, "top_k must be at least 1, found 0"),
        (lambda: keep_top_k(LAW, 2.0), TypeError, "top_k must be a whole number, found 2.0"),
        (lambda: keep_top_p(LAW, 0.0), ValueError, r"top_p must be .* \(0, 1\], found 0.0"),
        (lambda: keep_top_p(LAW, 1.5), ValueError, "top_p must .*found 1.5"),
        (lambda: keep_top_p(LAW, math.nan), ValueError, "top_p must .*found nan"),
        (lambda: keep_min_p(LAW, 0.0), ValueError, r"min_p must be .* \(0, 1\], found 0.0"),
        (lambda: keep_min_p(LAW, math.nan), ValueError, "min_p must .*found nan"),
        (lambda: penalise_repetition(LAW, LAW > 0, 0), ValueError, "penalty must .*found 0"),
        (
            lambda: penalise_repetition(LAW, torch.ones(4) > 0, 2),
            ValueError,
            r"seen must have the shape .*\(3, 4\), found \(4,\)",
        ),
        (
            lambda: generate(MODEL, [[1]], 3, method="beam", n_beams=2, repetition_penalty=1.2),
            ValueError,
            "method must be 'sample' or 'greedy' where repetition_penalty",
        ),
        (lambda: sample(LAW, torch.zeros(4)), ValueError, r"uniform must have .* found \(4,\)"),
        (lambda: sample(LAW, torch.ones(3)), ValueError, r"uniform must lie in \[0, 1\)"),
        (lambda: generate(MODEL, [], 3), ValueError, "prompts must .*found none"),
        (lambda: generate(MODEL, [[1], []], 3), ValueError, r"prompts\[1\] must .*found none"),
        (lambda: generate(MODEL, [1, 2], 3), TypeError, r"prompts\[0\] must be a list .*found 1"),
        (lambda: generate(MODEL, ["ab"], 3), TypeError, r"prompts\[0\] must .*found 'ab'"),
        (lambda: generate(MODEL, [[1.0]], 3), TypeError, r"prompts\[0\] must .*found \[1.0\]"),
        (lambda: generate(MODEL, [[True]], 3), TypeError, r"prompts\[0\] must .*found \[True\]"),
        (lambda: generate(MODEL, torch.ones(1, 2), 3), TypeError, r"must be .*found \[1.0, 1.0\]"),
        (
            lambda: generate(MODEL, [[VOCAB]], 3),
            ValueError,
            "must lie in 0 .. vocab_size - 1 = 10, found 11 to 11",
        ),
        (lambda: generate(MODEL, [[-1]], 3), ValueError, "found -1 to -1"),
        (
            lambda: generate(MODEL, [[1], [1] * 22], 3),
            ValueError,
            r"prompts\[1\] must .* context of 24, found 22 tokens",
        ),
        (lambda: generate(MODEL, [[1]], 0), ValueError, "max_new_tokens must .*found 0"),
        (lambda: generate(MODEL, [[1]], 2.0), TypeError, "max_new_tokens must .*found 2.0"),
        (
            lambda: generate(MODEL, [[1]], 3, temperature=0),
            ValueError,
            "temperature must .*found 0",
        ),
        (lambda: generate(MODEL, [[1]], 3, top_k=0), ValueError, "top_k must .*found 0"),
        (lambda: generate(MODEL, [[1]], 3, top_p=0), ValueError, "top_p must .*found 0"),
        (lambda: generate(MODEL, [[1]], 3, seed=1.5), TypeError, "seed must .*found 1.5"),
        (lambda: generate(MODEL, [[1]], 3, stop=7), TypeError, "stop must be a collection"),
        (lambda: generate(MODEL, [[1]], 3, stop="."), TypeError, "stop must .*found '.'"),
        (lambda: generate(MODEL, [[1]], 3, stop=["."]), TypeError, "stop must be a list"),
        (
            lambda: generate(MODEL, [[1]], 3, method="nucleus"),
            ValueError,
            "method must .*found 'nucleus'",
        ),
        (lambda: generate(MODEL, [[1]], 3, method="beam"), ValueError, "n_beams must .*found None"),
        (
            lambda: generate(MODEL, [[1]], 3, n_beams=2),
            ValueError,
            "method must be 'beam' where n_beams",
        ),
        (lambda: beam_search(MODEL, [1], 3, 0), ValueError, "n_beams must .*found 0"),
        (lambda: beam_search(MODEL, [], 3, 2), ValueError, "prompt must hold at least one id"),
        (
            lambda: beam_search(MODEL, [1] * 22, 3, 2),
            ValueError,
            "prompt must .*24, found 22 tokens",
        ),
        (
            lambda: generate(lambda ids: ids[..., None] * math.nan, [[1]], 3),
            ValueError,
            "logits .* found NaN",
        ),
        (lambda: generate(lambda ids: ids[..., None] - math.inf, [[1]], 3), ValueError, "-inf"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "option",
    [{"temperature": 0.7}, {"top_k": 5}, {"top_p": 0.9}, {"min_p": 0.1}, {"seed": 0}],
    ids=str,
)
@pytest.mark.parametrize(
    "method", [{"method": "greedy"}, {"method": "beam", "n_beams": 2}], ids=str
)
def test_options_of_sampling_belong_to_sampling(option, method):
    (name,) = option
    with pytest.raises(ValueError, match=f"method must be 'sample' where {name} is given"):
        generate(MODEL, [[1]], 3, **method, **option)
