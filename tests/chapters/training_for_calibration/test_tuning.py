"""Fine-tuning of notebook 18, on a small Llama with random weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from coursekit.chapters.training_for_calibration import tuning
from coursekit.data import benchmarks, capital_questions
from coursekit.llm import LanguageModel


@pytest.fixture(scope="module")
def questions():
    rows = capital_questions(n_options=4)[:24]
    return [q for q in rows if len({o.split()[0] for o in q.options}) == 4]


@pytest.fixture(scope="module")
def lm(questions):
    texts = [tuning.PROMPT.format(q.question) + " " + " ".join(q.options) for q in questions]
    splitter = pre_tokenizers.Whitespace()
    words = {word for text in texts for word, _ in splitter.pre_tokenize_str(text)}
    vocabulary = {word: i for i, word in enumerate(["?", *sorted(words - {"?"})])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = splitter
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
        initializer_range=0.3,
    )
    model = LlamaForCausalLM(config).eval()
    return LanguageModel.from_model(model, PreTrainedTokenizerFast(tokenizer_object=tokenizer), "x")


@pytest.fixture(scope="module")
def asked(lm, questions):
    return tuning.ask(lm, questions, batch=7)


@torch.no_grad()
def by_the_whole_model(lm, question):
    ids = lm.tokenizer(tuning.PROMPT.format(question.question), return_tensors="pt").input_ids
    options = [lm.tokenizer(f" {option}").input_ids[0] for option in question.options]
    return lm.model(ids).logits[0, -1, options].double()


@pytest.mark.parametrize("rank", [0, 4])
def test_the_last_layers_say_what_the_whole_model_says(lm, questions, asked, rank):
    scores = tuning.LastLayers(lm, rank=rank).scores(asked, torch.arange(len(asked)))
    expected = torch.stack([by_the_whole_model(lm, question) for question in questions])
    assert torch.allclose(scores, expected, atol=1e-4)
    assert asked.labels.tolist() == [question.correct for question in questions]


def test_one_layer_less_below_is_one_more_above(lm, questions):
    three = tuning.ask(lm, questions, layers=3)
    scores = tuning.LastLayers(lm, layers=3).scores(three, torch.arange(4))
    assert torch.allclose(
        scores, torch.stack([by_the_whole_model(lm, q) for q in questions[:4]]), atol=1e-4
    )


def test_training_moves_the_adapters_and_nothing_else(lm, asked):
    before = {name: value.clone() for name, value in lm.model.state_dict().items()}
    model, rows = tuning.LastLayers(lm), torch.arange(len(asked))
    frozen = {n: p.clone() for n, p in model.named_parameters() if not p.requires_grad}
    first = F.cross_entropy(model.scores(asked, rows), asked.labels)
    tuning.fine_tune(model, asked, rows, F.cross_entropy, epochs=15, learning_rate=5e-3, batch=8)
    assert F.cross_entropy(model.scores(asked, rows), asked.labels) < first - 0.3
    assert all(torch.equal(value, before[name]) for name, value in lm.model.state_dict().items())
    assert all(torch.equal(p, frozen[n]) for n, p in model.named_parameters() if n in frozen)
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert trained and all("lora_" in name for name in trained)


def test_the_same_seed_gives_the_same_model(lm, asked):
    rows = torch.arange(8)
    runs = [
        tuning.fine_tune(
            tuning.LastLayers(lm, seed=seed), asked, rows, F.cross_entropy, seed=seed, epochs=1
        ).scores(asked, rows)
        for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_only_short_questions_that_begin_differently_are_asked(lm, questions, monkeypatch):
    long = replace(questions[0], question="What ? " * 30)
    alike = replace(questions[1], options=("one a", "one b", "two", "three"))
    monkeypatch.setattr(benchmarks, "load", lambda name: [long, alike, *questions])
    found = tuning.short_questions(lm, 3)
    assert found == questions[:3]
    with pytest.raises(ValueError, match="n must be at most"):
        tuning.short_questions(lm, 1_000)
