"""Positions: equal to independent implementations, and blind to where a pair of tokens starts."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, strategies as st
from transformers import LlamaConfig
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from coursekit.lm.positional import (
    alibi_bias,
    alibi_slopes,
    apply_rotary,
    rotary_angles,
    sinusoidal,
)

even_widths = st.integers(1, 32).map(lambda half: 2 * half)


def unit_vectors(n: int, width: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(n, width, generator=generator), dim=-1)


def test_sinusoidal_is_the_formula_of_the_paper():
    table = sinusoidal(50, 6)
    for position in (0, 1, 49):
        for pair in range(3):
            angle = position / 10000 ** (2 * pair / 6)
            assert table[position, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-7)
            assert table[position, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-7)


@given(even_widths, st.integers(0, 900), st.integers(0, 900), st.integers(0, 100))
def test_sinusoidal_dot_products_depend_on_distance_alone(width, t, shift, distance):
    table = sinusoidal(t + shift + distance + 1, width)
    here = table[t] @ table[t + distance]
    there = table[t + shift] @ table[t + shift + distance]
    torch.testing.assert_close(here, there, rtol=0, atol=1e-5)


@given(st.integers(1, 80), even_widths, st.sampled_from([100.0, 10000.0, 500000.0]))
def test_rotary_equals_transformers(length, width, base):
    x, y = torch.randn(2, 1, 3, length, width, generator=torch.Generator().manual_seed(length))
    config = LlamaConfig(
        hidden_size=width,
        num_attention_heads=1,
        rope_parameters={"rope_type": "default", "rope_theta": base},
    )
    their_cos, their_sin = LlamaRotaryEmbedding(config)(x, torch.arange(length)[None])
    their_x, their_y = apply_rotary_pos_emb(x, y, their_cos, their_sin)
    cos, sin = rotary_angles(length, width, base)
    torch.testing.assert_close(apply_rotary(x, cos, sin), their_x, rtol=0, atol=1e-6)
    torch.testing.assert_close(apply_rotary(y, cos, sin), their_y, rtol=0, atol=1e-6)


@given(even_widths, st.integers(0, 50), st.integers(0, 50), st.integers(0, 30), st.integers(0, 99))
def test_rotary_scores_depend_on_distance_alone(width, t, shift, distance, seed):
    query, key = unit_vectors(2, width, seed)[:, None]
    cos, sin = rotary_angles(t + shift + distance + 1, width)

    def score(t: int, s: int) -> torch.Tensor:
        at_t = apply_rotary(query, cos[t : t + 1], sin[t : t + 1])
        return (at_t * apply_rotary(key, cos[s : s + 1], sin[s : s + 1])).sum()

    here, there = score(t, t + distance), score(t + shift, t + shift + distance)
    torch.testing.assert_close(here, there, rtol=0, atol=1e-5)


@given(even_widths, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 99))
def test_rotary_far_away_in_float64(width, distance, shift, seed):
    query, key = unit_vectors(2, width, seed).double()[:, None]

    def score(t: int, s: int) -> torch.Tensor:
        positions = torch.tensor([t, s], dtype=torch.float64)
        cos, sin = rotary_angles(positions, width)
        turned = apply_rotary(torch.cat((query, key)), cos, sin)
        return turned[0] @ turned[1]

    torch.testing.assert_close(
        score(0, distance), score(shift, shift + distance), rtol=0, atol=1e-5
    )


@given(st.integers(1, 40), even_widths, st.integers(0, 99))
def test_rotary_keeps_lengths(length, width, seed):
    x = unit_vectors(length, width, seed)
    turned = apply_rotary(x, *rotary_angles(length, width))
    torch.testing.assert_close(turned.norm(dim=-1), torch.ones(length), rtol=0, atol=1e-6)


@given(st.integers(1, 40), even_widths, st.integers(0, 99))
def test_the_interleaved_rotary_of_the_paper_is_ours_reordered(length, width, seed):
    """Neighbours as complex numbers, each multiplied by e^(i theta): the paper's equation 13."""
    x = unit_vectors(length, width, seed)
    theta = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(0, width, 2) / width)
    as_complex = torch.view_as_complex(x.view(length, width // 2, 2))
    paper = torch.view_as_real(as_complex * torch.polar(torch.ones_like(theta), theta)).flatten(1)
    reorder = torch.cat((torch.arange(0, width, 2), torch.arange(1, width, 2)))
    ours = apply_rotary(x[:, reorder], *rotary_angles(length, width))
    torch.testing.assert_close(ours, paper[:, reorder], rtol=0, atol=1e-5)


def test_rotary_keeps_the_type_of_its_input():
    x = torch.ones(1, 4, 8, dtype=torch.bfloat16)
    assert apply_rotary(x, *rotary_angles(4, 8)).dtype == torch.bfloat16


@pytest.mark.parametrize("n_heads", [1, 2, 3, 5, 8, 12, 16, 20])
def test_alibi_equals_bloom_up_to_a_constant_of_each_query(n_heads):
    """Bloom adds slope times key position: the softmax cannot tell it from minus the distance."""
    length = 17
    theirs = build_alibi_tensor(torch.ones(1, length), n_heads, torch.float32)
    visible = torch.ones(length, length).tril().bool()
    weights = [
        bias.masked_fill(~visible, -math.inf).softmax(-1)
        for bias in (alibi_bias(length, n_heads), theirs.expand(-1, length, -1))
    ]
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=1e-6)


def test_alibi_slopes_of_the_paper():
    expected = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256])
    assert torch.equal(alibi_slopes(8), expected)


def test_alibi_bias_by_hand():
    slopes = torch.tensor([2.0**-4, 2.0**-8])[:, None, None]
    distance = torch.tensor([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])
    assert torch.equal(alibi_bias(3, 2), -slopes * distance)
    assert torch.equal(alibi_bias(3, 2, start=2), -slopes * distance[2:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sinusoidal(4, 7), "width must .*found 7"),
        (lambda: sinusoidal(4, 0), "width must .*found 0"),
        (lambda: sinusoidal(0, 8), "length must .*found 0"),
        (lambda: rotary_angles(4, 7), "width must .*found 7"),
        (lambda: rotary_angles(0, 8), "length must .*found 0"),
        (
            lambda: apply_rotary(torch.ones(3, 8), *rotary_angles(4, 8)),
            r"x must have shape .* found \(3, 8\)",
        ),
        (
            lambda: apply_rotary(torch.ones(4, 6), *rotary_angles(4, 8)),
            r"x must have shape .* found \(4, 6\)",
        ),
        (lambda: alibi_slopes(0), "n_heads must .*found 0"),
        (lambda: alibi_bias(0, 2), "length must .*found 0"),
        (lambda: alibi_bias(4, 2, start=4), "start must .*found 4"),
        (lambda: alibi_bias(4, 2, start=-1), "start must .*found -1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
