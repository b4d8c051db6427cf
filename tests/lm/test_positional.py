"""Positions: equal to independent implementations, and blind to where a pair of tokens starts."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, strategies as st
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb
from transformers.models.t5.modeling_t5 import T5Attention

from coursekit.lm.positional import (
    alibi_bias,
    alibi_slopes,
    apply_rotary,
    extended_rotary,
    relative_buckets,
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


@given(even_widths, st.integers(1, 200), st.integers(0, 500))
def test_a_step_of_the_waves_is_one_matrix(width, k, t):
    """Blocks of cosine and sine of k times the frequency take place t to t + k."""
    angle = k * 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    cos, sin = angle.cos(), angle.sin()
    blocks = torch.stack((cos, sin, -sin, cos), dim=-1).view(-1, 2, 2)
    table = sinusoidal(t + k + 1, width).double()
    step = torch.block_diag(*blocks)
    torch.testing.assert_close(step @ table[t], table[t + k], rtol=0, atol=1e-5)


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


@given(st.sampled_from([(32, 128), (32, 20), (8, 16), (64, 500)]), st.booleans())
def test_buckets_are_those_of_t5(sizes, both_ways):
    n_buckets, farthest = sizes
    distance = torch.arange(-1000, 1001).view(3, 667)
    theirs = T5Attention._relative_position_bucket(-distance, both_ways, n_buckets, farthest)
    assert torch.equal(relative_buckets(distance, n_buckets, farthest, both_ways=both_ways), theirs)


@pytest.mark.parametrize(("scheme", "theirs"), [("interpolation", "linear"), ("yarn", "yarn")])
@given(
    st.sampled_from([8, 16, 64, 128]),
    st.sampled_from([1e3, 1e4, 1e5, 5e5]),
    st.sampled_from([1, 1.5, 4, 32]),
    st.sampled_from([16, 512, 2048, 8192]),
)
def test_extended_rotary_is_that_of_transformers(scheme, theirs, width, base, factor, trained):
    angles, sharper = extended_rotary(scheme, factor, width, base, trained=trained)
    expected, their_sharper = rope_in_transformers(theirs, factor, width, base, trained)
    torch.testing.assert_close(angles, expected, rtol=1e-5, atol=0)
    assert sharper == pytest.approx(their_sharper)


@given(st.sampled_from([8, 64]), st.sampled_from([1e4, 1e5]), st.sampled_from([2, 4, 16]))
def test_ntk_is_the_dynamic_one_of_transformers_at_its_length(width, base, factor):
    """Theirs, with a factor of 1, takes as its own the text's length over the trained one."""
    angles, sharper = extended_rotary("ntk", factor, width, base, trained=512)
    length = 512 * factor
    expected, _ = rope_in_transformers("dynamic", 1.0, width, base, 512, seq_len=length)
    torch.testing.assert_close(angles, expected, rtol=1e-5, atol=0)
    assert sharper == 1.0


def rope_in_transformers(rope_type, factor, width, base, trained, **length):
    config = LlamaConfig(
        hidden_size=width,
        num_attention_heads=1,
        max_position_embeddings=trained,
        rope_parameters={
            "rope_type": rope_type,
            "rope_theta": base,
            "factor": factor,
            "original_max_position_embeddings": trained,
        },
    )
    return ROPE_INIT_FUNCTIONS[rope_type](config, torch.device("cpu"), **length)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: relative_buckets(torch.arange(3), 1), "n_buckets must be .* found 1"),
        (lambda: relative_buckets(torch.arange(3), 8, 4), "farthest must be .* found 4"),
        (lambda: extended_rotary("ropes", 2, 8, trained=8), "scheme must be .* found 'ropes'"),
        (lambda: extended_rotary("ntk", 0.5, 8, trained=8), "factor must be .* found 0.5"),
        (lambda: extended_rotary("ntk", math.inf, 8, trained=8), "factor must be .* found inf"),
        (lambda: extended_rotary("ntk", 2, 7, trained=8), "width must be even, found 7"),
        (lambda: extended_rotary("yarn", 2, 8, trained=0), "trained must be .* found 0"),
    ],
)
def test_bad_extensions_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
