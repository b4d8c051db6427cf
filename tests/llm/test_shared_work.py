"""One tree of many texts, read by every kind of causal model: against each text read alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM as Auto,
    BloomConfig,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoConfig,
    Lfm2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MptConfig,
    OPTConfig,
    PreTrainedModel,
    RwkvConfig,
)

from coursekit.llm import (
    _shared_work as shared_work,
    greedy_answers,
    next_token_predictions,
    sample_answers,
    score_choices,
)
from coursekit.llm._shared_work import ROOT, TokenTree, WholeTexts, reader, supports_prefix_cache

V = 257  # bytes, and the end of a text
SIZE = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
TREES = {  # kinds that read a tree
    "llama": lambda: LlamaConfig(vocab_size=V, **SIZE),
    "gpt2": lambda: GPT2Config(vocab_size=V, n_embd=32, n_layer=2, n_head=4, n_positions=256),
    "opt": lambda: OPTConfig(vocab_size=V, ffn_dim=64, word_embed_proj_dim=32, **SIZE),
    "wide window": lambda: MistralConfig(
        vocab_size=V, sliding_window=256, num_key_value_heads=2, **SIZE
    ),
    "gemma3": lambda: Gemma3TextConfig(
        vocab_size=V, sliding_window=256, head_dim=8, layer_types=LAYERS, **SIZE
    ),
}
LAYERS = ["sliding_attention", "full_attention"]
OTHERS = {  # kinds whose texts are read whole: a window, a state, or positions of their own making
    "narrow window": lambda: MistralConfig(
        vocab_size=V, sliding_window=16, num_key_value_heads=2, **SIZE
    ),
    "gemma3 of a narrow window": lambda: Gemma3TextConfig(
        vocab_size=V, sliding_window=16, head_dim=8, layer_types=LAYERS, **SIZE
    ),
    "mamba": lambda: MambaConfig(vocab_size=V, hidden_size=32, num_hidden_layers=2, state_size=4),
    "lfm2": lambda: Lfm2Config(vocab_size=V, full_attn_idxs=[1], num_key_value_heads=2, **SIZE),
    "rwkv": lambda: RwkvConfig(vocab_size=V, hidden_size=32, num_hidden_layers=2),
    "bloom": lambda: BloomConfig(vocab_size=V, hidden_size=32, n_layer=2, n_head=4),
    "mpt": lambda: MptConfig(vocab_size=V, d_model=32, n_layers=2, n_heads=4, max_seq_len=256),
    "gpt-neo": lambda: GPTNeoConfig(
        vocab_size=V,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        window_size=16,
        attention_types=[[["global", "local"], 1]],
        max_position_embeddings=256,
    ),
}
HEAD = "Q: What is the capital of Italy?\nA: Rome\n\nQ: What is the capital of "
PROMPTS = [HEAD + name + "?\nA:" for name in ["France", "Burkina Faso", "Peru"]]
CHOICES = [[" Paris", " Lyon", " Paris."], [" Ouaga"], [" Lima", " La Paz"]]


def random_model(config: Callable) -> PreTrainedModel:
    torch.manual_seed(0)
    model = Auto.from_config(config()).eval().requires_grad_(False)
    for weight in model.parameters():
        if weight.ndim > 1:  # so large that every token of the context matters
            weight.normal_(std=0.3)
    return model


@pytest.fixture(scope="module", params=[*TREES, *OTHERS])
def kind(request, byte_lm):
    model = random_model((TREES | OTHERS)[request.param])
    return request.param, replace(byte_lm, name=request.param, model=model)


def alone(lm, text):
    """Logits of a text, by nothing but one call of the model."""
    with torch.no_grad():
        return lm.model(torch.tensor([lm.tokenizer(text).input_ids]), use_cache=False).logits[0]


def test_scores_of_every_kind_are_those_of_texts_read_alone(kind):
    _, lm = kind
    for prompt, options, scores in zip(
        PROMPTS, CHOICES, score_choices(lm, PROMPTS, CHOICES), strict=True
    ):
        for option, score in zip(options, scores.tolist(), strict=True):
            log_probs = alone(lm, prompt + option).log_softmax(-1)
            ids = lm.tokenizer(option).input_ids
            start = len(lm.tokenizer(prompt).input_ids)
            expected = sum(log_probs[start + k - 1, token].item() for k, token in enumerate(ids))
            assert score == pytest.approx(expected, abs=1e-4)


def test_answers_of_every_kind_are_those_of_texts_read_alone(kind):
    _, lm = kind
    [samples] = sample_answers(lm, PROMPTS[2:], 2, max_new_tokens=3, stop="\0", seed=1)
    for j, answer in enumerate(samples):
        darts, ids = np.random.default_rng([1, 0, j]).random(3), lm.tokenizer(PROMPTS[2]).input_ids
        log_prob = 0.0
        for dart in darts[: answer.n_tokens]:
            with torch.no_grad():
                logits = lm.model(torch.tensor([ids]), use_cache=False).logits[0, -1].double()
            ids.append(int((logits.softmax(-1).cumsum(-1) <= dart).sum()))
            log_prob += logits.log_softmax(-1)[ids[-1]].item()
        assert answer.log_prob == pytest.approx(log_prob, abs=1e-4)


def test_a_tree_is_read_where_the_model_can(kind):
    name, lm = kind
    longest = max(len(prompt) for prompt in PROMPTS) + 10
    assert isinstance(reader(lm, longest), TokenTree if name in TREES else WholeTexts)


def test_the_class_of_a_model_is_not_believed(byte_lm):
    class Deaf(GPT2LMHeadModel):
        """A model that takes a mask, and does not heed it."""

        def forward(
            self,
            input_ids,
            attention_mask=None,
            position_ids=None,
            past_key_values=None,
            logits_to_keep=0,
            **rest,
        ):
            return super().forward(
                input_ids,
                past_key_values=past_key_values,
                logits_to_keep=logits_to_keep,
                **rest,
            )

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=V, n_embd=16, n_layer=1, n_head=2, initializer_range=0.5)
    model = Deaf(config).eval()
    assert supports_prefix_cache(GPT2LMHeadModel(config).eval())
    assert not supports_prefix_cache(model)


def test_a_branch_leaves_what_it_came_from(byte_lm):
    for make in (TokenTree, WholeTexts):
        trunk = make(byte_lm)
        with torch.inference_mode():
            trunk.read([1, 2], [ROOT, 0], [])
            one = trunk.branch().read([3, 4], [1, 2], [3])
            trunk.branch().read([5, 6, 7], [1, 1, 3], [4])
            again = trunk.read([3, 4], [1, 2], [3])
        torch.testing.assert_close(again, one, atol=0, rtol=0)


def test_two_trees_beside_each_other_do_not_see_each_other(byte_lm):
    with torch.inference_mode():
        tree = TokenTree(byte_lm)
        both = tree.read([1, 7, 2, 8, 9], [ROOT, ROOT, 0, 1, 3], [2, 4])
        one, other = ([1, 2], [7, 8, 9])
        expected = [byte_lm.model(torch.tensor([ids])).logits[0, -1] for ids in (one, other)]
    torch.testing.assert_close(both, torch.stack(expected), atol=1e-5, rtol=0)


def test_passes_of_any_size_read_the_same(byte_lm, monkeypatch):
    lm = replace(byte_lm, model=random_model(TREES["llama"]))
    monkeypatch.setattr(shared_work, "supports_prefix_cache", lambda model: False)
    expected = torch.cat(score_choices(lm, PROMPTS, CHOICES))
    for size in (1, 200):
        monkeypatch.setattr(shared_work, "TOKENS_PER_PASS", size)
        found = torch.cat(score_choices(lm, PROMPTS, CHOICES))
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("spoilt", "found"), [(float("nan"), "NaN"), (float("inf"), "infinity")])
def test_logits_that_are_no_numbers_are_refused(byte_lm, spoilt, found):
    model = random_model(TREES["llama"])
    model.lm_head.weight.data[3] = spoilt
    lm = replace(byte_lm, name="spoilt", model=model)
    message = rf"logits of 'spoilt' must be finite, found ({found}|NaN).*dtype=torch\.bfloat16"
    for ask in (
        lambda: score_choices(lm, PROMPTS, CHOICES),
        lambda: greedy_answers(lm, PROMPTS),
        lambda: next_token_predictions(lm, PROMPTS[0]),
    ):
        with pytest.raises(ValueError, match=message):
            ask()


def test_an_impossible_token_is_no_fault(byte_lm):
    model = random_model(TREES["llama"])
    lm = replace(byte_lm, model=model)

    def forbid(module, args, output):
        output.logits[..., ord("L")] = -torch.inf

    model.register_forward_hook(forbid)
    [scores] = score_choices(lm, PROMPTS[2:], [[" Quito", " Lima"]])
    assert scores.isfinite().tolist() == [True, False]
    assert scores[1] == -torch.inf
