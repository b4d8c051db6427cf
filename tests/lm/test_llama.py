"""Llama: the logits of LlamaForCausalLM both ways, cached as uncached, and SmolLM2's own."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, strategies as st
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig as TheirConfig, LlamaForCausalLM

from coursekit.lm.generation import beam_search, generate
from coursekit.lm.llama import Llama, LlamaConfig
from coursekit.lm.prediction import sequence_logits

SMALL = LlamaConfig(50, 24, 16, n_layers=2, n_heads=4, n_kv_heads=2, mlp_width=24)


def random_llama(config: LlamaConfig, seed: int = 0) -> Llama:
    """A model in which every parameter matters: gains are not 1, and laws far from even."""
    model = Llama(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def random_ids(config: LlamaConfig, batch: int, length: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(config.vocab_size, (batch, length), generator=generator)


@st.composite
def configs(draw):
    n_kv_heads, group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return LlamaConfig(
        vocab_size=draw(st.integers(2, 60)),
        context=draw(st.integers(1, 16)),
        width=n_kv_heads * group * 2 * draw(st.integers(1, 4)),
        n_layers=draw(st.integers(1, 3)),
        n_heads=n_kv_heads * group,
        n_kv_heads=n_kv_heads,
        mlp_width=draw(st.integers(1, 40)),
        rope_base=draw(st.sampled_from([10.0, 10_000.0, 100_000.0, 500_000.0])),
        tie_weights=draw(st.booleans()),
        eps=draw(st.sampled_from([1e-6, 1e-5, 1e-2])),
    )


@given(configs(), st.integers(1, 3), st.data())
@torch.no_grad()
def test_logits_of_transformers_both_ways_with_cache_and_without(config, batch, data):
    ids = random_ids(config, batch, config.context)
    split = data.draw(st.integers(0, config.context - 1))
    ours = random_llama(config)
    theirs = ours.to_transformers()
    back = Llama.from_transformers(theirs)
    assert back.config == config

    expected = theirs(ids).logits
    torch.testing.assert_close(ours(ids), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(back(ids), expected, rtol=1e-5, atol=1e-5)

    cache, their_cache = back.new_cache(), None
    for chunk in ids.tensor_split([split], dim=1):
        if chunk.shape[1]:
            answer = theirs(chunk, past_key_values=their_cache, use_cache=True)
            their_cache = answer.past_key_values
            torch.testing.assert_close(back(chunk, cache), answer.logits, rtol=1e-5, atol=1e-5)


@given(configs(), st.integers(1, 3), st.data())
@torch.no_grad()
def test_cached_chunks_equal_the_whole(config, batch, data):
    model = random_llama(config)
    chunks = data.draw(
        st.lists(st.integers(1, 5), min_size=1).filter(lambda c: sum(c) <= config.context)
        if config.context > 1
        else st.just([1])
    )
    ids = random_ids(config, batch, sum(chunks))
    cache = model.new_cache(capacity=sum(chunks))
    whole = model(ids)
    parts = [model(chunk, cache) for chunk in ids.split(chunks, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model(ids, last_only=True), whole[:, -1:], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_the_cache_holds_each_shared_head_once():
    model = random_llama(SMALL)
    cache = model.new_cache(8)
    model(random_ids(SMALL, 1, 5), cache)
    assert tuple(cache[0].keys.shape) == (1, 2, 8, 4)  # two heads of keys, not four


def test_the_gradient_is_that_of_transformers():
    ours = random_llama(SMALL)
    theirs = ours.to_transformers()
    ids = random_ids(SMALL, 2, 12)
    for logits in (ours(ids), theirs(ids).logits):
        logits.logsumexp(-1).sum().backward()
    for mine, other in (
        (ours.blocks[0].attention.key.weight, theirs.model.layers[0].self_attn.k_proj.weight),
        (ours.blocks[1].mlp.gate.weight, theirs.model.layers[1].mlp.gate_proj.weight),
        (ours.token_embedding.weight, theirs.model.embed_tokens.weight),
    ):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_future_changes_nothing():
    model = random_llama(SMALL)
    ids = random_ids(SMALL, 1, 12)
    changed = ids.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % 50
    torch.testing.assert_close(model(ids)[:, :7], model(changed)[:, :7], rtol=0, atol=1e-5)


def test_generation_is_that_of_transformers_and_of_no_cache():
    ours = random_llama(SMALL)
    prompt = [3, 1, 4, 1, 5]
    expected = (
        ours.to_transformers()
        .generate(torch.tensor([prompt]), max_new_tokens=12, do_sample=False, pad_token_id=0)[0, 5:]
        .tolist()
    )
    for use_cache in (True, False):
        assert generate(ours, [prompt], 12, method="greedy", use_cache=use_cache) == [expected]
    cached, whole = (
        beam_search(ours, prompt, 8, 3, use_cache=use_cache) for use_cache in (True, False)
    )
    assert [beam.ids for beam in cached] == [beam.ids for beam in whole]
    with pytest.raises(ValueError, match="context of 24"):
        generate(ours, [prompt], 20, method="greedy")
    with pytest.raises(ValueError, match="vocab_size"):
        sequence_logits(ours, torch.tensor([[1, 50]]))


@torch.no_grad()
def test_exchange_copies_ties_and_keeps_type_and_mode():
    config = LlamaConfig(50, 24, 16, 2, 4, 2, 24, tie_weights=True)
    ours = Llama(config).bfloat16()
    theirs = ours.to_transformers()
    assert theirs.dtype == torch.bfloat16
    assert theirs.training
    theirs.requires_grad_(False)
    theirs.model.embed_tokens.weight.zero_()
    assert ours.token_embedding.weight.abs().sum() > 0
    back = Llama.from_transformers(ours.to_transformers())
    assert back.head.weight is back.token_embedding.weight
    assert back.head.weight.dtype == torch.bfloat16
    assert not any(tensor.is_meta for tensor in (*back.parameters(), *back.buffers()))
    assert all(parameter.requires_grad for parameter in back.parameters())


def test_newborns_are_even_and_repeat_with_their_seed():
    one, two = (Llama(SMALL, torch.Generator().manual_seed(1)) for _ in range(2))
    ids = random_ids(SMALL, 4, 24)
    with torch.no_grad():
        torch.testing.assert_close(one(ids), two(ids), rtol=0, atol=0)
        loss = torch.nn.functional.cross_entropy(one(ids).flatten(0, 1), ids.flatten())
    assert abs(loss - math.log(50)) < 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_kv_heads": 3}, "n_kv_heads must divide n_heads = 4, found 3"),
        ({"width": 18}, "width must be a multiple"),
        ({"width": 12}, "must be even for rotary"),
        ({"rope_base": 0.0}, "rope_base must be a positive"),
        ({"eps": math.nan}, "eps must be a positive"),
        ({"mlp_width": 0}, "mlp_width must be at least 1"),
    ],
)
def test_shapes_that_cannot_be(change, message):
    fields = {name: getattr(SMALL, name) for name in SMALL.__dataclass_fields__}
    with pytest.raises(ValueError, match=message):
        LlamaConfig(**(fields | change))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"attention_bias": True}, "attention_bias must be False"),
        ({"mlp_bias": True}, "mlp_bias must be False"),
        ({"hidden_act": "gelu"}, "hidden_act must be 'silu'"),
        ({"head_dim": 8}, "head_dim must be 4"),
        (
            {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}},
            "rope_type must be 'default'",
        ),
    ],
)
def test_variants_it_does_not_have_are_refused(setting, message):
    theirs = LlamaForCausalLM(
        TheirConfig(
            vocab_size=20,
            hidden_size=16,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=16,
            **setting,
        )
    )
    with pytest.raises(ValueError, match=message):
        Llama.from_transformers(theirs)


def test_another_model_and_another_cache_are_refused():
    theirs = GPT2LMHeadModel(GPT2Config(vocab_size=9, n_positions=4, n_embd=8, n_layer=1, n_head=2))
    with pytest.raises(TypeError, match="must be a LlamaForCausalLM, found a GPT2LMHeadModel"):
        Llama.from_transformers(theirs)
    with pytest.raises(ValueError, match="cache must have the 2 layers"):
        Llama(SMALL)(torch.tensor([[1]]), [])
    with pytest.raises(TypeError, match="token ids"):
        Llama(SMALL)(torch.tensor([[1.0]]))


@torch.inference_mode()
def test_smollm2_in_our_llama_is_smollm2():
    from coursekit import llm

    lm = llm.load()
    ours = Llama.from_transformers(lm.model.cpu())
    ids = lm.tokenizer(
        ["The capital of France is Paris, and the capital of Japan is", "def f(x):\n    return x"],
        return_tensors="pt",
        padding=True,
        padding_side="right",
    ).input_ids
    torch.testing.assert_close(ours(ids), lm.model(ids).logits, rtol=0, atol=1e-4)
    assert ours.config.n_heads // ours.config.n_kv_heads == 3
    prompt = lm.tokenizer("The capital of France is").input_ids
    assert lm.tokenizer.decode(generate(ours, [prompt], 1, method="greedy")[0]) == " Paris"
