"""Token-level confidence: against the plain computation, and in bounded memory."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from coursekit.llm import next_token
from coursekit.llm.next_token import next_token_logits, next_token_predictions, token_windows

TEXT = "The cat sat on the mat. " * 7


def plain_predictions(lm, ids, context):
    """One window after the other, with the library's own functions: {name: tensor (N,)}."""
    rows = []
    for start in range(0, len(ids) - 1, context):
        window = ids[start : start + context + 1]
        logits = lm.model(window[None, :-1]).logits[0]
        probs = logits.softmax(-1)
        for t, target in enumerate(window[1:]):
            distribution = torch.distributions.Categorical(logits=logits[t])
            order = probs[t].argsort(descending=True)
            rows.append(
                {
                    "confidence": probs[t].max(),
                    "correct": order[0] == target,
                    "log_prob": distribution.log_prob(target),
                    "entropy": distribution.entropy(),
                    "rank": (order == target).nonzero()[0, 0],
                    "token": target,
                    "guess": order[0],
                    "position": torch.tensor(t + 1),
                    "window": torch.tensor(start // context),
                }
            )
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("context", [1, 7, 16, 128])
def test_equals_the_plain_computation(tiny_lm, context):
    ids = tiny_lm.tokenizer(TEXT, return_tensors="pt").input_ids[0]
    found = next_token_predictions(tiny_lm, TEXT, context=context)
    expected = plain_predictions(tiny_lm, ids, context)
    assert len(found) == len(ids) - 1
    for name, column in expected.items():
        torch.testing.assert_close(
            getattr(found, name), column, atol=1e-4, rtol=1e-4, check_dtype=False, msg=name
        )


def test_every_token_but_the_first_is_predicted_once(tiny_lm):
    ids = tiny_lm.tokenizer(TEXT, return_tensors="pt").input_ids[0]
    found = next_token_predictions(tiny_lm, TEXT, context=10)
    assert found.token.tolist() == ids[1:].tolist()


def test_documents_are_never_read_across_their_border(tiny_lm):
    documents = torch.tensor([[5, 6, 7, 8, 9], [50, 60, 70, 80, 90], [1, 2, 3, 4, 5]])
    together = next_token_predictions(tiny_lm, documents, context=4)
    apart = [next_token_predictions(tiny_lm, row, context=4).log_prob for row in documents]
    torch.testing.assert_close(together.log_prob, torch.cat(apart), atol=1e-5, rtol=1e-5)
    assert together.window.tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_log_probability_is_the_library_loss(tiny_lm):
    ids = tiny_lm.tokenizer(TEXT, return_tensors="pt").input_ids
    loss = tiny_lm.model(ids, labels=ids).loss.item()
    found = next_token_predictions(tiny_lm, TEXT, context=128)
    assert -found.log_prob.mean().item() == pytest.approx(loss, abs=1e-5)


def test_temperature_divides_the_logits(tiny_lm):
    found = next_token_predictions(tiny_lm, TEXT, context=16, temperature=2.5)
    logits, targets = zip(*next_token_logits(tiny_lm, TEXT, context=16), strict=True)
    losses = [
        functional.cross_entropy(x.flatten(0, 1) / 2.5, y.flatten(), reduction="none")
        for x, y in zip(logits, targets, strict=True)
    ]
    torch.testing.assert_close(-found.log_prob, torch.cat(losses), atol=1e-4, rtol=1e-4)


def test_a_forbidden_token_makes_no_nan(tiny_lm):
    def forbid(module, args, output):
        output.logits[..., 7] = -torch.inf

    expected = next_token_predictions(tiny_lm, TEXT, context=16)
    hook = tiny_lm.model.register_forward_hook(forbid)
    try:
        found = next_token_predictions(tiny_lm, TEXT, context=16)
    finally:
        hook.remove()
    # One token of 49,152 less: almost the same entropy, where 0 log 0 would have been NaN.
    torch.testing.assert_close(found.entropy, expected.entropy, atol=0.5, rtol=0)


def test_no_block_grows_with_the_text(tiny_lm, monkeypatch):
    monkeypatch.setattr(next_token, "TOKENS_PER_BLOCK", 64)
    ids = torch.randint(1000, (3001,), generator=torch.Generator().manual_seed(0))
    sizes = [targets.numel() for _, targets in next_token_logits(tiny_lm, ids, context=16)]
    assert sum(sizes) == 3000
    assert max(sizes) <= 64


@pytest.mark.parametrize("text", ["", "a", torch.tensor([3]), torch.zeros(0, 5, dtype=torch.long)])
def test_a_text_shorter_than_two_tokens_is_refused(tiny_lm, text):
    with pytest.raises(ValueError, match="at least two tokens"):
        next_token_predictions(tiny_lm, text)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (3, TypeError, "found int"),
        (["one", "two"], TypeError, "found list"),
        (torch.tensor([0.5, 1.5]), TypeError, "torch.float32"),
        (torch.zeros(2, 3, 4, dtype=torch.long), ValueError, r"\(2, 3, 4\)"),
        (torch.tensor([1, 2, 10**6]), ValueError, "vocabulary"),
        (torch.tensor([1, 2, -1]), ValueError, "vocabulary"),
    ],
)
def test_what_is_not_a_text_is_refused(tiny_lm, text, error, message):
    with pytest.raises(error, match=message):
        next_token_predictions(tiny_lm, text)


@pytest.mark.parametrize(
    ("context", "error"), [(0, ValueError), (-1, ValueError), (129, ValueError), (1.5, TypeError)]
)
def test_a_context_out_of_range_is_refused(tiny_lm, context, error):
    with pytest.raises(error, match="context must be"):
        next_token_predictions(tiny_lm, TEXT, context=context)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(tiny_lm, temperature):
    with pytest.raises(ValueError, match="temperature must be"):
        next_token_predictions(tiny_lm, TEXT, temperature=temperature)


def test_windows_come_from_the_beginning_of_each_long_enough_text(tiny_lm):
    texts = ["Too short.", TEXT, TEXT.upper(), TEXT[:100]]
    ids = [tiny_lm.tokenizer(text).input_ids for text in texts]
    windows, text_index = token_windows(tiny_lm, texts, context=15, per_text=2)
    assert text_index.tolist() == [1, 1, 2, 2, 3]
    assert windows[0].tolist() == ids[1][:16]
    assert windows[1].tolist() == ids[1][16:32]
    assert windows[4].tolist() == ids[3][:16]


def test_a_text_of_exactly_one_window_gives_it(tiny_lm):
    n_tokens = len(tiny_lm.tokenizer(TEXT).input_ids)
    assert len(token_windows(tiny_lm, [TEXT], context=n_tokens - 1)[0]) == 1
    with pytest.raises(ValueError, match=f"at least the {n_tokens + 1} tokens"):
        token_windows(tiny_lm, [TEXT], context=n_tokens)


def test_no_windows_of_no_texts(tiny_lm):
    with pytest.raises(ValueError, match="found none among 0"):
        token_windows(tiny_lm, [], context=16)
    with pytest.raises(ValueError, match="per_text must be at least 1"):
        token_windows(tiny_lm, [TEXT], context=16, per_text=0)
