"""Attention: equal to PyTorch's own, causal, and the same with a cache as without."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st

from coursekit.lm.attention import (
    CausalSelfAttention,
    KeyValueCache,
    causal_mask,
    scaled_dot_product_attention,
)
from coursekit.lm.positional import alibi_bias

POSITIONS = ["none", "rotary", "alibi", "relative"]
sizes = st.integers(1, 9)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(sizes, sizes, sizes, sizes, sizes, st.booleans(), st.integers(0, 99))
def test_equals_torch(batch, n_queries, n_keys, width, value_width, with_bias, seed):
    query, key = normal(batch, 2, n_queries, width, seed=seed), normal(batch, 2, n_keys, width)
    value = normal(batch, 2, n_keys, value_width, seed=seed + 1)
    bias = normal(2, n_queries, n_keys, seed=seed + 2) if with_bias else None
    output, weights = scaled_dot_product_attention(query, key, value, bias=bias)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(batch, 2, n_queries))


@given(sizes, sizes, sizes, st.integers(0, 99))
def test_causal_equals_torch(batch, length, width, seed):
    query, key, value = normal(3, batch, length, width, seed=seed)
    output, weights = scaled_dot_product_attention(query, key, value, causal=True)
    expected = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)
    assert torch.equal(weights.triu(1), torch.zeros(batch, length, length))


def test_causal_queries_are_the_last_tokens():
    query, key, value = normal(3, 1, 6, 4)
    whole, _ = scaled_dot_product_attention(query, key, value, causal=True)
    last, _ = scaled_dot_product_attention(query[:, 4:], key, value, causal=True)
    torch.testing.assert_close(last, whole[:, 4:])


def test_weights_by_hand():
    """Scores 0 and ln 3 (times the square root of d) give weights 1/4 and 3/4."""
    query = torch.tensor([[2.0, 0, 0, 0]])
    key = torch.tensor([[0.0, 1, 0, 0], [torch.tensor(3.0).log(), 0, 0, 0]])
    output, weights = scaled_dot_product_attention(query, key, torch.tensor([[0.0], [4.0]]))
    torch.testing.assert_close(weights, torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(output, torch.tensor([[3.0]]))


def test_mask_by_hand():
    mask = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool()
    assert torch.equal(causal_mask(3), mask)
    assert torch.equal(causal_mask(3, start=1), mask[1:])


@given(st.integers(1, 3), st.integers(1, 12), st.integers(1, 4), st.sampled_from(POSITIONS))
def test_layer_is_the_same_with_weights_and_without(batch, length, n_heads, positions):
    torch.manual_seed(length)
    layer = CausalSelfAttention(4 * n_heads, n_heads, context=12, positions=positions)
    x = normal(batch, length, 4 * n_heads)
    output, weights = layer(x, return_weights=True)
    torch.testing.assert_close(output, layer(x), rtol=0, atol=1e-5)
    assert weights.shape == (batch, n_heads, length, length)


def test_layer_equals_multi_head_attention_of_torch():
    torch.manual_seed(0)
    ours = CausalSelfAttention(12, 3, context=10)
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.qkv.weight)
        theirs.in_proj_bias.copy_(ours.qkv.bias)
        theirs.out_proj.load_state_dict(ours.projection.state_dict())
    x = normal(2, 7, 12)
    output, weights = ours(x, return_weights=True)
    expected, their_weights = theirs(x, x, x, attn_mask=~causal_mask(7), average_attn_weights=False)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(weights, their_weights, rtol=0, atol=1e-6)


@pytest.mark.parametrize("positions", POSITIONS)
def test_the_future_changes_nothing(positions):
    layer = CausalSelfAttention(8, 2, context=6, positions=positions)
    x = normal(1, 6, 8)
    changed = x.clone()
    changed[:, 4:] += 1
    assert torch.equal(layer(x)[:, :4], layer(changed)[:, :4])
    assert not torch.equal(layer(x)[:, 4:], layer(changed)[:, 4:])


def test_without_positions_attention_is_blind_to_order():
    """Permute the earlier tokens: the last one's output stays, and with positions it moves."""
    order = torch.tensor([3, 1, 4, 0, 2, 5])
    x = normal(1, 6, 8)
    moved = {}
    for positions in POSITIONS:
        torch.manual_seed(0)
        layer = CausalSelfAttention(8, 2, context=6, positions=positions)
        moved[positions] = (layer(x)[:, -1] - layer(x[:, order])[:, -1]).abs().max().item()
    assert moved["none"] < 1e-6
    assert moved["relative"] < 1e-6  # not yet: its biases begin at zero
    assert moved["rotary"] > 1e-3
    assert moved["alibi"] > 1e-3


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(1, 3),
    st.sampled_from(POSITIONS),
    st.booleans(),
)
def test_cached_chunks_equal_the_whole(chunks, batch, positions, return_weights):
    torch.manual_seed(sum(chunks))
    layer = CausalSelfAttention(8, 2, context=20, positions=positions)
    x = normal(batch, sum(chunks), 8)
    cache = KeyValueCache(20)
    with torch.no_grad():
        parts = [layer(chunk, cache, return_weights) for chunk in x.split(chunks, dim=1)]
        if return_weights:
            parts = [output for output, _ in parts]
        torch.testing.assert_close(torch.cat(parts, dim=1), layer(x), rtol=0, atol=1e-5)
    assert cache.length == sum(chunks)


def test_appending_writes_in_place():
    cache = KeyValueCache(5)
    cache.append(normal(1, 2, 2, 4), normal(1, 2, 2, 4))
    where = cache.keys.data_ptr()
    token = normal(1, 2, 1, 4, seed=1)
    keys, values = cache.append(token, 2 * token)
    assert cache.keys.data_ptr() == keys.data_ptr() == where
    assert torch.equal(keys[:, :, 2:], token)
    assert torch.equal(values[:, :, 2:], 2 * token)
    assert keys.shape == (1, 2, 3, 4)


@pytest.mark.parametrize("positions", POSITIONS)
@torch.no_grad()
def test_selected_rows_go_on_as_if_read_alone(positions):
    layer = CausalSelfAttention(8, 2, context=6, positions=positions)
    read, new = normal(2, 4, 8), normal(3, 2, 8, seed=1)
    cache = KeyValueCache(6)
    cache.select(torch.tensor([0]))  # nothing was read yet: nothing to select
    layer(read, cache)
    rows = torch.tensor([1, 0, 1])
    cache.select(rows)
    whole = layer(torch.cat([read[rows], new], dim=1))
    torch.testing.assert_close(layer(new, cache), whole[:, 4:], rtol=0, atol=1e-5)


def test_dropout_acts_in_training_alone():
    layer = CausalSelfAttention(8, 2, context=6, dropout=0.5)
    x = normal(1, 6, 8)
    torch.manual_seed(0)
    assert not torch.equal(layer(x), layer(x))
    _, weights = layer(x, return_weights=True)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2, 6))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


def test_from_scratch_dropout_keeps_the_mean():
    torch.manual_seed(0)
    query, key, value = torch.zeros(3, 20_000, 4, 2)
    output, _ = scaled_dot_product_attention(query, key, value + 1, dropout=0.5)
    assert output.mean().item() == pytest.approx(1.0, abs=0.01)  # four standard errors: 0.01
    assert set(output.unique().tolist()) == {0.0, 0.5, 1.0, 1.5, 2.0}


def test_bfloat16_with_a_bias():
    layer = CausalSelfAttention(8, 2, context=6, positions="alibi").bfloat16()
    assert layer(normal(1, 6, 8).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: CausalSelfAttention(10, 4, 8),
            "multiple of n_heads = 4, found 10",
        ),
        (lambda: CausalSelfAttention(8, 0, 8), "n_heads must .*found 0"),
        (
            lambda: CausalSelfAttention(6, 2, 8, positions="rotary"),
            "n_heads must be even .*found 3",
        ),
        (lambda: CausalSelfAttention(8, 2, 8, positions="rope"), "positions must .*found 'rope'"),
        (
            lambda: CausalSelfAttention(8, 2, 8)(torch.ones(1, 9, 8)),
            "context of 8, found 9",
        ),
        (
            lambda: CausalSelfAttention(8, 2, 8)(torch.ones(9, 8)),
            r"x must .*found \(9, 8\)",
        ),
        (
            lambda: CausalSelfAttention(8, 2, 8)(torch.ones(1, 3, 7)),
            r"x must .*found \(1, 3, 7\)",
        ),
        (lambda: KeyValueCache(0), "capacity must .*found 0"),
        (
            lambda: scaled_dot_product_attention(*normal(3, 4)),
            "query, key and value must have",
        ),
        (
            lambda: scaled_dot_product_attention(normal(2, 3), normal(2, 4), normal(2, 4)),
            "query, key and value must have",
        ),
        (
            lambda: scaled_dot_product_attention(normal(2, 3), normal(2, 3), normal(3, 3)),
            "query, key and value must have",
        ),
        (
            lambda: scaled_dot_product_attention(normal(3, 2), normal(2, 2), normal(2, 2), True),
            "query must have at most as many rows as the 2 keys, found 3",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_cache_says_what_is_wrong():
    cache = KeyValueCache(3)
    cache.append(*normal(2, 1, 2, 2, 4))
    with pytest.raises(ValueError, match=r"capacity must be at least 4 .*2 more, found 3"):
        cache.append(*normal(2, 1, 2, 2, 4))
    with pytest.raises(ValueError, match="Start each batch with a fresh cache"):
        cache.append(*normal(2, 3, 2, 1, 4))
    with pytest.raises(RuntimeError, match=r"torch.no_grad"):
        CausalSelfAttention(8, 2, 8)(torch.ones(1, 3, 8), KeyValueCache(8))
    assert cache.length == 2


def test_relative_biases_can_say_what_alibi_says():
    """While each distance has a bucket of its own, as up to 15 of 32."""
    torch.manual_seed(0)
    relative, alibi = (
        CausalSelfAttention(8, 2, context=16, positions=name) for name in ("relative", "alibi")
    )
    relative.load_state_dict(alibi.state_dict(), strict=False)
    with torch.no_grad():
        relative.relative_bias[:, :16] = alibi_bias(16, 2)[:, -1].flip(-1)
    x = normal(2, 16, 8)
    torch.testing.assert_close(relative(x), alibi(x), rtol=0, atol=1e-6)
    relative(x).sum().backward()
    assert (relative.relative_bias.grad[:, :16] != 0).all()
    assert (relative.relative_bias.grad[:, 16:] == 0).all()  # no text reached those buckets


def test_alibi_prefers_the_near():
    zeros = torch.zeros(1, 1, 5, 4)
    _, weights = scaled_dot_product_attention(
        zeros, zeros, zeros, causal=True, bias=alibi_bias(5, 1)
    )
    assert (weights[0, 0, -1].diff() > 0).all()
