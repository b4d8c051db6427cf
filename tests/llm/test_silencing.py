"""Every head silenced at once is the same as one after the other, by hooks on the whole model."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from coursekit.llm import losses_without_each_head


@torch.inference_mode()
def one_by_one(lm, ids, start, layer, head):
    width = lm.model.config.hidden_size // lm.model.config.num_attention_heads

    def silence(module, inputs):
        mixed = inputs[0].clone()
        mixed[..., width * head : width * (head + 1)] = 0
        return (mixed,)

    hook = lm.model.model.layers[layer].self_attn.o_proj.register_forward_pre_hook(silence)
    logits = lm.model(ids).logits[:, start - 1 : -1]
    hook.remove()
    return F.cross_entropy(logits.mT, ids[:, start:], reduction="none").mean(dim=1)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_all_at_once_equals_one_by_one(tiny_lm, attention):
    if tiny_lm.model.config.model_type != "llama":
        with pytest.raises(ValueError, match="lm must be a model of the Llama family, found"):
            losses_without_each_head(tiny_lm, torch.zeros(1, 3, dtype=torch.long), start=1)
        return
    before = tiny_lm.model.config._attn_implementation
    tiny_lm.model.set_attn_implementation(attention)
    ids = torch.randint(10, 99, (3, 9), generator=torch.Generator().manual_seed(0))
    losses = losses_without_each_head(tiny_lm, ids, start=4)
    config = tiny_lm.model.config
    assert losses.shape == (config.num_hidden_layers, config.num_attention_heads, 3)
    for layer in range(losses.shape[0]):
        for head in range(losses.shape[1]):
            expected = one_by_one(tiny_lm, ids, 4, layer, head)
            torch.testing.assert_close(losses[layer, head], expected, rtol=0, atol=1e-4)
    assert losses.std(dim=1).min() > 1e-6  # the heads do differ
    tiny_lm.model.set_attn_implementation(before)


def test_bad_input_is_named(smollm2):
    ids = torch.zeros(2, 5, dtype=torch.long)
    with pytest.raises(ValueError, match=r"ids must have .* found \(2, 5\) and 5"):
        losses_without_each_head(smollm2, ids, start=5)
    with pytest.raises(ValueError, match=r"ids must have .* found \(5,\) and 1"):
        losses_without_each_head(smollm2, ids[0], start=1)
