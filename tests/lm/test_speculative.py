"""Speculative decoding: the law that comes out is the target's, exactly, whatever the draft."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, strategies as st
from scipy.stats import chisquare

from coursekit.lm import GPT, GPTConfig, Llama, LlamaConfig, generate, keep_drafted, speculate

V = 5


def laws(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(*shape, generator=generator)).softmax(dim=-1).double()


def model(seed):
    config = GPTConfig(vocab_size=V, context=16, width=16, n_layers=2, n_heads=2)
    gpt = GPT(config, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        gpt.head.weight.mul_(20)  # initial laws are flat: nothing would ever be rejected
    return gpt.eval()


def law_that_comes_out(p, q, n=400):
    """The law (V,) of the first token, by a grid of all uniform numbers instead of chance."""
    grid = (torch.arange(n).double() + 0.5) / n
    uniform = torch.cartesian_prod(grid, grid)
    out = torch.zeros(V).double()
    for token in range(V):
        drafted = torch.full((len(uniform), 1), token)
        target = p.expand(len(uniform), 2, V)
        kept = keep_drafted(target, q.expand(len(uniform), 1, V), drafted, uniform)
        out += q[token] * kept.tokens[:, 0].bincount(minlength=V) / len(uniform)
    return out


@pytest.mark.parametrize("seed", range(4))
def test_the_first_token_has_the_targets_law(seed):
    p, q = laws(seed, V), laws(seed + 100, V)
    torch.testing.assert_close(law_that_comes_out(p, q), p, atol=0.01, rtol=0)


def test_the_share_that_is_kept_is_the_overlap():
    p, q = laws(1, V), laws(2, V)
    uniform = torch.rand(20_000, 2, generator=torch.Generator().manual_seed(0)).double()
    drafted = q.multinomial(20_000, True, generator=torch.Generator().manual_seed(1))[:, None]
    n = len(uniform)
    kept = keep_drafted(p.expand(n, 2, V), q.expand(n, 1, V), drafted, uniform)
    overlap = torch.minimum(p, q).sum().item()
    assert kept.n_kept.double().mean().item() == pytest.approx(overlap, abs=0.015)


@given(st.integers(0, 10_000), st.integers(0, 4))
def test_all_is_kept_of_equal_laws_and_nothing_after_a_rejection(seed, n_drafted):
    p, q = laws(seed, 3, n_drafted + 1, V), laws(seed + 1, 3, n_drafted, V)
    generator = torch.Generator().manual_seed(seed)
    drafted = torch.randint(V, (3, n_drafted), generator=generator)
    uniform = torch.rand(3, n_drafted + 1, generator=generator).double()
    assert keep_drafted(p, p[:, :n_drafted], drafted, uniform).n_kept.tolist() == [n_drafted] * 3
    kept = keep_drafted(p, q, drafted, uniform)
    for row, n in enumerate(kept.n_kept.tolist()):
        assert kept.tokens[row, :n].tolist() == drafted[row, :n].tolist()
        assert kept.tokens[row, n] >= 0
        assert (kept.tokens[row, n + 1 :] == -1).all()
        if n < n_drafted:  # what was rejected had less probability than the draft gave it
            assert p[row, n, drafted[row, n]] < q[row, n, drafted[row, n]]
            assert p[row, n, kept.tokens[row, n]] > q[row, n, kept.tokens[row, n]]


@pytest.mark.parametrize(("drafter", "n_drafted"), [(1, 1), (2, 3), (0, 4)])
def test_texts_have_the_law_of_plain_sampling(drafter, n_drafted):
    target, draft, prompt, n = model(0), model(drafter), [1, 2], 1500
    exact = torch.zeros(V, V).double()
    with torch.no_grad():
        first = target(torch.tensor([prompt]))[0, -1].double().softmax(-1)
        for token in range(V):
            after = target(torch.tensor([[*prompt, token]]))[0, -1].double().softmax(-1)
            exact[token] = first[token] * after
    generator = torch.Generator().manual_seed(5)
    counts = torch.zeros(V, V)
    for _ in range(n):
        found = speculate(target, draft, prompt, 2, n_drafted=n_drafted, seed=generator)
        counts[found.ids[0], found.ids[1]] += 1
    often = exact.flatten() * n >= 5
    observed, expected = (  # rare pairs together
        torch.cat([table.flatten()[often], table.flatten()[~often].sum()[None]]).double()
        for table in (counts, exact * n)
    )
    keep = expected > 0
    assert (
        chisquare(observed[keep], expected[keep] * observed[keep].sum() / expected[keep].sum())[1]
        > 1e-3
    )


def small_llama():
    config = LlamaConfig(V, 16, 16, n_layers=2, n_heads=4, n_kv_heads=2, mlp_width=24)
    llama = Llama(config, torch.Generator().manual_seed(0))
    with torch.no_grad():
        llama.head.weight.mul_(20)
    return llama.eval()


@pytest.mark.parametrize("target", [model(0), small_llama()], ids=["GPT", "Llama"])
def test_the_cache_changes_nothing(target):
    draft = model(1)
    for seed in range(5):
        cached = speculate(target, draft, [1, 2, 3], 12, n_drafted=3, seed=seed)
        plain = speculate(
            lambda ids: target(ids), lambda ids: draft(ids), [1, 2, 3], 12, n_drafted=3, seed=seed
        )
        assert cached == plain
        assert 1 <= cached.n_calls <= 12
        assert cached.n_kept <= cached.n_drafted


def test_a_sure_model_writes_what_greedy_decoding_writes():
    def sure(ids):
        return 1e3 * torch.nn.functional.one_hot((2 * ids + 1) % V, V).double()

    found = speculate(sure, model(3), [1], 9, seed=0)
    assert found.ids == generate(sure, [[1]], 9, method="greedy")[0]
    assert speculate(sure, sure, [1], 10, n_drafted=4, seed=0).tokens_per_call == 5


def test_a_text_ends_at_a_stop_token_also_in_the_middle_of_a_draft():
    def count(ids):
        return torch.nn.functional.one_hot((ids + 1) % 10, 10).double().log()

    found = speculate(count, count, [1, 2], 8, n_drafted=5, seed=0, stop=[5])
    assert found.ids == [3, 4, 5]
    assert speculate(count, count, [4], 8, seed=0, stop=[4]).ids[:2] == [5, 6]  # not the prompt


def test_bad_input_is_named():
    p, q = laws(0, 1, 2, V), laws(1, 1, 1, V)
    drafted, uniform = torch.tensor([[0]]), torch.tensor([[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"target must be \(B, K \+ 1, V\)"):
        keep_drafted(p[:, :1], q, drafted, uniform)
    with pytest.raises(ValueError, match="probability 0 there"):
        keep_drafted(p, torch.tensor([[[0.0, 1, 0, 0, 0]]]), drafted, uniform)
    with pytest.raises(ValueError, match="n_drafted must be"):
        speculate(model(0), model(1), [1], 3, n_drafted=0)
    with pytest.raises(ValueError, match="prompt must hold at least one id"):
        speculate(model(0), model(1), [], 3)
    with pytest.raises(ValueError, match="fit into the model's context"):
        speculate(model(0), model(1), [1] * 10, 7)
    other = GPT(GPTConfig(vocab_size=V - 1, context=16, width=16, n_layers=1, n_heads=2))
    with pytest.raises(ValueError, match="draft must have the vocabulary of target, 5 tokens"):
        speculate(model(0), other, [1], 3, seed=0)
