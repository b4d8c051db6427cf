"""The study of the rules on SmolLM2: what is kept, and that it is what the model writes."""

from __future__ import annotations

import pytest

from coursekit import llm
from coursekit.chapters.generation import study


def test_every_rule_went_on_from_every_opening_in_every_format():
    texts = study.written()
    keys = {(text.rule, text.format, text.opening) for text in texts}
    openings = {text.opening for text in texts}
    assert len(openings) == study.N_PROMPTS >= 50
    assert len(texts) == len(keys) == len(study.RULES) * len(study.FORMATS) * len(openings)
    assert all(0 < len(text.ids) <= study.N_TOKENS and text.log_prob < 0 for text in texts)


def test_greedy_texts_are_those_that_the_model_writes_alone():
    lm = llm.load(device="cpu")
    kept = {(t.rule, t.format, t.opening): t for t in study.written()}
    opening = study.written()[0].opening
    for form in ("raw text", "chat"):
        request = study.FORMATS[form]
        prompt = opening if request is None else llm.Chat(request, reply=opening)
        answer = llm.greedy_answers(lm, [prompt], stop="\x00", max_new_tokens=12)[0]
        found = lm.tokenizer.decode(kept["greedy", form, opening].ids[:12]).strip()
        assert answer.text == found


def test_sentences_are_plain_and_none_comes_twice():
    found = study.sentences(["One. This is a plain sentence, and it is long enough. So. " * 2])
    assert found == ["This is a plain sentence, and it is long enough."]


def test_padding_changes_no_text():
    lm = llm.load(device="cpu")
    openings = ["The", "The capital of France is"]
    together = study.write(lm, openings, "greedy, penalty 1.2", "raw text", n_tokens=5)
    for text, opening in zip(together, openings, strict=True):
        [alone] = study.write(lm, [opening], "greedy, penalty 1.2", "raw text", n_tokens=5)
        assert alone.ids == text.ids
        assert alone.log_prob == pytest.approx(text.log_prob, abs=1e-3)
