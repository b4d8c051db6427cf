"""GPT: the logits of GPT2LMHeadModel both ways, cached as uncached, counted as in closed form."""

from __future__ import annotations

import math
import shutil
import sys

import pytest
import torch
from hypothesis import given, strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model

from coursekit.lm.gpt import GPT, GPTConfig, forward_flops, next_token_loss, parameter_count

POSITIONS = ["learned", "sinusoidal", "rotary", "alibi", "none"]
SMALL = {"vocab_size": 50, "context": 12, "width": 16, "n_layers": 2, "n_heads": 4}
DEVICES = ["cpu"]
if torch.cuda.is_available():
    DEVICES.append("cuda")
if torch.backends.mps.is_available():
    DEVICES.append("mps")


def random_gpt(config: GPTConfig, seed: int = 0) -> GPT:
    """A model in which every parameter matters: biases and norms are not 0 and 1 as at birth."""
    model = GPT(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def random_ids(config: GPTConfig, batch: int, length: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(config.vocab_size, (batch, length), generator=generator)


@st.composite
def configs(draw, positions=tuple(POSITIONS)):
    n_heads = draw(st.integers(1, 4))
    return GPTConfig(
        vocab_size=draw(st.integers(2, 60)),
        context=draw(st.integers(1, 16)),
        width=n_heads * 2 * draw(st.integers(1, 5)),
        n_layers=draw(st.integers(1, 3)),
        n_heads=n_heads,
        positions=draw(st.sampled_from(positions)),
        tie_weights=draw(st.booleans()),
        eps=draw(st.sampled_from([1e-6, 1e-5, 1e-2])),
    )


@given(configs(positions=("learned",)), st.integers(1, 3), st.data())
@torch.no_grad()
def test_logits_of_transformers_both_ways_with_cache_and_without(config, batch, data):
    ids = random_ids(config, batch, config.context)
    split = data.draw(st.integers(0, config.context - 1))
    ours = random_gpt(config)
    theirs = ours.to_transformers()
    back = GPT.from_transformers(theirs)
    assert back.config == config

    expected = theirs(ids).logits
    torch.testing.assert_close(ours(ids), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(back(ids), expected, rtol=0, atol=1e-5)

    cache, their_cache = back.new_cache(), None
    for chunk in ids.tensor_split([split], dim=1):
        if chunk.shape[1]:
            answer = theirs(chunk, past_key_values=their_cache, use_cache=True)
            their_cache = answer.past_key_values
            torch.testing.assert_close(back(chunk, cache), answer.logits, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_model_born_in_transformers():
    torch.manual_seed(0)
    theirs = GPT2LMHeadModel(
        GPT2Config(vocab_size=60, n_positions=16, n_embd=24, n_layer=2, n_head=3)
    )
    for name, parameter in theirs.named_parameters():
        if name.endswith("bias"):
            parameter.normal_()
    ours = GPT.from_transformers(theirs.eval())
    ids = random_ids(ours.config, 2, 16)
    torch.testing.assert_close(ours(ids), theirs(ids).logits, rtol=0, atol=1e-5)
    assert ours.config.dropout == 0.1
    assert not ours.training


@torch.no_grad()
def test_exchange_copies_and_keeps_type_and_mode():
    ours = GPT(GPTConfig(**SMALL)).bfloat16()
    theirs = ours.to_transformers()
    assert theirs.dtype == torch.bfloat16
    assert theirs.training
    theirs.transformer.wte.weight.zero_()
    assert ours.token_embedding.weight.abs().sum() > 0
    back = GPT.from_transformers(theirs)
    assert back.head.weight is back.token_embedding.weight
    assert back.head.weight.dtype == torch.bfloat16


@given(configs(), st.integers(1, 3), st.data())
@torch.no_grad()
def test_cached_chunks_equal_the_whole(config, batch, data):
    model = random_gpt(config)
    chunks = data.draw(
        st.lists(st.integers(1, 5), min_size=1).filter(lambda c: sum(c) <= config.context)
        if config.context > 1
        else st.just([1])
    )
    ids = random_ids(config, batch, sum(chunks))
    cache = model.new_cache(capacity=sum(chunks))
    whole = model(ids)
    parts = [model(chunk, cache) for chunk in ids.split(chunks, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(model(ids, last_only=True), whole[:, -1:], rtol=0, atol=1e-5)


@pytest.mark.parametrize("positions", POSITIONS)
@torch.no_grad()
def test_the_future_changes_nothing(positions):
    model = random_gpt(GPTConfig(**SMALL, positions=positions))
    ids = random_ids(model.config, 1, 12)
    changed = ids.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % 50
    torch.testing.assert_close(model(ids)[:, :7], model(changed)[:, :7], rtol=0, atol=1e-6)


@pytest.mark.parametrize("positions", POSITIONS)
@torch.no_grad()
def test_only_a_model_without_positions_is_blind_to_order(positions):
    config = GPTConfig(**{**SMALL, "n_layers": 1}, positions=positions)
    model = random_gpt(config)
    ids = random_ids(config, 1, 8)
    moved = model(ids)[:, -1] - model(ids[:, [3, 1, 4, 0, 2, 6, 5, 7]])[:, -1]
    assert (moved.abs().max() < 1e-5) == (positions == "none")


@given(configs())
def test_parameter_count(config):
    assert parameter_count(config) == sum(p.numel() for p in GPT(config).parameters())


@pytest.mark.parametrize(
    ("width", "n_layers", "n_heads", "published"),
    [
        (768, 12, 12, 124_439_808),
        (1024, 24, 16, 354_823_168),
        (1280, 36, 20, 774_030_080),
        (1600, 48, 25, 1_557_611_200),
    ],
)
def test_parameters_of_gpt2_as_published(width, n_layers, n_heads, published):
    """The safetensors totals of openai-community/gpt2, -medium, -large and -xl, without buffers."""
    assert parameter_count(GPTConfig(50257, 1024, width, n_layers, n_heads)) == published


@given(configs(), st.integers(1, 3))
@torch.no_grad()
def test_forward_flops(config, batch):
    model = GPT(config)
    ids = random_ids(config, batch, config.context)
    # the counter of torch 2.13 does not know the CPU's fused attention kernel, but its products
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(ids)
    assert counter.get_total_flops() == batch * forward_flops(config, config.context)


def test_initialised_as_gpt2():
    config = GPTConfig(vocab_size=2000, context=100, width=128, n_layers=8, n_heads=4)
    parameters = dict(GPT(config, torch.Generator().manual_seed(0)).named_parameters())
    scaled = 0.02 / math.sqrt(16)
    for name, parameter in parameters.items():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif "norm" in name:
            assert (parameter == 1).all(), name
        else:
            residual = name.endswith(("attention.projection.weight", "mlp.2.weight"))
            expected = scaled if residual else 0.02
            assert parameter.std().item() == pytest.approx(expected, rel=0.03), name


def test_the_generator_decides_the_weights():
    first, again, other = (
        GPT(GPTConfig(**SMALL), torch.Generator().manual_seed(seed)).state_dict()
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_untrained_loss_is_about_uniform():
    config = GPTConfig(**SMALL)
    ids = random_ids(config, 8, 12)
    loss = next_token_loss(GPT(config)(ids), ids.roll(-1, dims=1))
    assert loss.item() == pytest.approx(math.log(50), abs=0.1)


def test_loss_and_gradients_of_transformers():
    ours = random_gpt(GPTConfig(**SMALL))
    theirs = ours.to_transformers()
    ids = random_ids(ours.config, 3, 12)
    loss = next_token_loss(ours(ids[:, :-1]), ids[:, 1:])
    their_loss = theirs(ids, labels=ids).loss
    torch.testing.assert_close(loss, their_loss)
    loss.backward()
    their_loss.backward()
    block, their_block = ours.blocks[0], theirs.transformer.h[0]
    for our_grad, their_grad in (
        (ours.token_embedding.weight.grad, theirs.transformer.wte.weight.grad),
        (ours.position_embedding.weight.grad, theirs.transformer.wpe.weight.grad),
        (block.attention.qkv.weight.grad, their_block.attn.c_attn.weight.grad.T),
        (block.mlp[2].bias.grad, their_block.mlp.c_proj.bias.grad),
    ):
        torch.testing.assert_close(our_grad, their_grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "none"])
def test_it_learns_to_look_two_tokens_back(positions):
    """Only with positions; and not with ALiBi, which can prefer the near but not point at one."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(8, 8, 32, 1, 4, positions=positions))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        ids = torch.randint(8, (32, 8))
        loss = next_token_loss(model(ids)[:, 2:], ids[:, :-2])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if positions == "none":
        assert loss.item() > 1
    else:
        assert loss.item() < 0.1


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("positions", POSITIONS)
def test_every_device(device, positions):
    model = random_gpt(GPTConfig(**SMALL, positions=positions))
    ids = random_ids(model.config, 2, 12)
    expected = model(ids).detach()
    model.to(device)
    there = ids.to(device)
    logits = model(there)
    torch.testing.assert_close(logits.cpu(), expected, rtol=0, atol=1e-4)
    next_token_loss(logits, there).backward()
    with torch.no_grad():
        cache = model.new_cache()
        parts = [model(chunk, cache) for chunk in there.split([5, 1, 6], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1).cpu(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("positions", POSITIONS)
def test_autocast(device, positions):
    model = random_gpt(GPTConfig(**SMALL, positions=positions)).to(device)
    ids = random_ids(model.config, 2, 12).to(device)
    exact = model(ids)
    with torch.autocast(device, dtype=torch.bfloat16):
        logits = model(ids)
        loss = next_token_loss(logits, ids)
        with torch.no_grad():
            cache = model.new_cache()
            parts = [model(chunk, cache) for chunk in ids.split([5, 1, 6], dim=1)]
    loss.backward()
    assert logits.dtype == torch.bfloat16
    assert model.token_embedding.weight.grad.dtype == torch.float32
    # bfloat16 keeps eight bits
    for approximate in (logits, torch.cat(parts, dim=1)):
        error = (approximate.float() - exact).square().mean().sqrt() / exact.std()
        assert 0 < error.item() < 0.03


def cannot_compile() -> str:
    """Why inductor cannot build C++ here, or nothing."""
    if sys.platform == "win32":
        return "inductor on Windows needs a configured MSVC"
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        return "inductor needs a C++ compiler"
    return ""


@pytest.mark.parametrize(
    "backend",
    [
        "eager",
        pytest.param(
            "inductor", marks=pytest.mark.skipif(bool(cannot_compile()), reason=cannot_compile())
        ),
    ],
)
def test_compiles_to_one_graph(backend):
    torch.compiler.reset()
    model = random_gpt(GPTConfig(**{**SMALL, "n_layers": 1}))
    ids = random_ids(model.config, 2, 12)
    compiled = torch.compile(model, backend=backend, fullgraph=True)
    torch.testing.assert_close(compiled(ids), model(ids), rtol=0, atol=1e-5)
    next_token_loss(compiled(ids), ids).backward()
    compiled_grad = model.token_embedding.weight.grad.clone()
    model.zero_grad()
    next_token_loss(model(ids), ids).backward()
    torch.testing.assert_close(
        compiled_grad, model.token_embedding.weight.grad, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("positions", POSITIONS)
def test_compiles_with_every_kind_of_position_and_a_cache(positions):
    torch.compiler.reset()
    model = random_gpt(GPTConfig(**SMALL, positions=positions))
    ids = random_ids(model.config, 2, 12)
    compiled = torch.compile(model, backend="eager")
    cache = model.new_cache()
    with torch.no_grad():
        parts = [compiled(chunk, cache) for chunk in ids.split([5, 1, 6], dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(ids), rtol=0, atol=1e-5)


def test_state_dict_round_trip_and_deepcopy_keep_the_tie():
    model = random_gpt(GPTConfig(**SMALL, positions="rotary"))
    other = GPT(model.config).eval()
    other.load_state_dict(model.state_dict())
    ids = random_ids(model.config, 2, 12)
    assert torch.equal(other(ids), model(ids))
    assert other.head.weight is other.token_embedding.weight
    assert not any("cos" in name or "sin" in name for name in model.state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 0}, "vocab_size must .*found 0"),
        ({"context": -1}, "context must .*found -1"),
        ({"n_layers": 0}, "n_layers must .*found 0"),
        ({"width": 18}, "width must be a multiple of n_heads = 4, found 18"),
        ({"width": 12, "positions": "rotary"}, "width / n_heads must .*found 3"),
        ({"width": 9, "n_heads": 3, "positions": "sinusoidal"}, "width must .*found 9"),
        ({"positions": "rope"}, "positions must .*found 'rope'"),
        ({"dropout": 1.0}, "dropout must .*found 1.0"),
        ({"dropout": -0.1}, "dropout must .*found -0.1"),
        ({"eps": 0.0}, "eps must .*found 0.0"),
    ],
)
def test_bad_configurations_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**{**SMALL, **change})


@pytest.mark.parametrize("size", [2.0, "2", True])
def test_sizes_are_integers(size):
    with pytest.raises(TypeError, match="n_layers must be a whole number"):
        GPTConfig(**{**SMALL, "n_layers": size})


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.zeros(1, 13).long(), "tokens must be at most the context of 12, found 13"),
        (torch.zeros(1, 0).long(), r"not empty, found \(1, 0\)"),
        (torch.zeros(0, 4).long(), r"not empty, found \(0, 4\)"),
        (torch.zeros(4).long(), r"found \(4,\).*ids\[None\]"),
        (torch.zeros(1, 2, 3).long(), r"not empty, found \(1, 2, 3\)"),
        (torch.tensor([[3, 50]]), "ids must lie in 0 .. vocab_size - 1 = 49, found 3 to 50"),
        (torch.tensor([[-1, 4]]), "found -1 to 4"),
    ],
)
def test_bad_ids_are_named(ids, message):
    with pytest.raises(ValueError, match=message):
        GPT(GPTConfig(**SMALL))(ids)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.uint8])
def test_ids_are_integers(dtype):
    with pytest.raises(TypeError, match=f"int64 or int32, found {dtype}"):
        GPT(GPTConfig(**SMALL))(torch.ones(1, 3, dtype=dtype))


def test_int32_ids_are_welcome():
    model = GPT(GPTConfig(**SMALL))
    ids = random_ids(model.config, 1, 5)
    assert torch.equal(model(ids.int()), model(ids))


@torch.no_grad()
def test_the_cache_counts_towards_the_context():
    model = GPT(GPTConfig(**SMALL))
    cache = model.new_cache()
    model(random_ids(model.config, 1, 10), cache)
    with pytest.raises(
        ValueError, match="at most the context of 12, found 3 after 10 in the cache"
    ):
        model(random_ids(model.config, 1, 3), cache)
    assert model(random_ids(model.config, 1, 2), cache).shape == (1, 2, 50)


@torch.no_grad()
def test_a_cache_of_another_model_is_refused():
    model = GPT(GPTConfig(**SMALL))
    other = GPT(GPTConfig(**{**SMALL, "n_layers": 3}))
    with pytest.raises(ValueError, match="cache must have the 2 layers of the model, found 3"):
        model(random_ids(model.config, 1, 2), other.new_cache())


@pytest.mark.parametrize(
    "variant",
    [
        {"activation_function": "gelu"},
        {"n_inner": 50},
        {"scale_attn_weights": False},
        {"scale_attn_by_inverse_layer_idx": True},
        {"reorder_and_upcast_attn": True},
        {"add_cross_attention": True},
        {"attn_pdrop": 0.3},
    ],
)
def test_variants_of_gpt2_are_refused(variant):
    ((name, found),) = variant.items()
    config = GPT2Config(vocab_size=50, n_positions=8, n_embd=16, n_layer=1, n_head=2, **variant)
    with pytest.raises(ValueError, match=f"{name} must be .* found {found!r}"):
        GPT.from_transformers(GPT2LMHeadModel(config))


def test_other_models_are_refused():
    config = GPT2Config(vocab_size=50, n_positions=8, n_embd=16, n_layer=1, n_head=2)
    with pytest.raises(TypeError, match="GPT2Model"):
        GPT.from_transformers(GPT2Model(config))
    with pytest.raises(ValueError, match=r"positions must .*found 'rotary'"):
        GPT(GPTConfig(**SMALL, positions="rotary")).to_transformers()
