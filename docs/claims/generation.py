"""Claims of notebook 06: rules of decoding, on models whose truth is known and on a real one."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from coursekit import calibration as cal, data, llm
from coursekit.chapters.generation import study
from coursekit.data import grammar
from coursekit.lm import (
    GPT,
    GPTConfig,
    TrainingConfig,
    adjust_logits,
    beam_search,
    generate,
    penalise_repetition,
    tokens_seen,
    train,
)
from docs.claims.ledger import IN_NOTEBOOK, Ledger
from docs.claims.subjects import ids_of, lm

LEDGER = Ledger("generation")
LANGUAGE = grammar()

# By definition, and by tests

LEDGER.proved(
    "The rules are the library's.",
    stands="Greedy, temperature, top-k, top-p, min-p, the penalty and beam search are a few lines",
    proof="Laws and texts are compared with transformers', for any logits.",
    test="tests/lm/test_generation.py::test_together_they_equal_transformers",
)
LEDGER.proved(
    "Sampling at T = 1 draws each word with the probability that the model states.",
    stands="Sampling at T = 1 keeps the model's probabilities (the chi-square test agrees)",
    proof="A chi-square test of drawn words, which a slightly wrong temperature fails.",
    test="tests/lm/test_generation.py::test_frequencies_of_one_token_agree_with_the_law",
)
LEDGER.proved(
    "A draft that is checked by the right rule changes no probability, whatever the draft.",
    stands=(
        "A draft that is checked by the right rule changes no probability, however poor it is;",
        '*"A faster model must be a worse one."* Draft and check draws from the very same law.',
        "A worse draft makes it slower,",
    ),
    proof="The law of the first token is summed over a grid of all random numbers; texts pass a "
    "chi-square test.",
    test="tests/lm/test_speculative.py::test_the_first_token_has_the_targets_law",
)
LEDGER.proved(
    "The share of drafted words that is kept is the overlap of the two laws.",
    stands="it yields more words a pass the more its law and the model's overlap.",
    proof="Kept with probability min(1, p / q), drawn from q: the sum of min(p, q).",
    test="tests/lm/test_speculative.py::test_the_share_that_is_kept_is_the_overlap",
)
LEDGER.passing("always the most probable word", why="the definition of greedy decoding, a heading")


# What a library does unasked


def _ids(text: str | llm.Chat) -> Tensor:
    """Return the ids of a text or a conversation, (1, T)."""
    return torch.tensor([ids_of(text)])


_ASKED = {
    "raw text": {"prompt": "The quick brown fox jumps"},
    "other raw text": {"prompt": "In the year 1900 the"},
    "a chat": {"prompt": llm.Chat("Tell me about foxes.")},
    "code": {"prompt": "def add(first, second):\n"},
}


@LEDGER.measured(
    "The library decodes greedily unless told otherwise and refuses five equal answers; told to "
    "draw, it keeps fifty tokens; max_length counts the prompt; its scores are what it drew from.",
    stands=(
        "`generate` is greedy unless told otherwise",
        "They are what is left after",
        "So it cannot be the weights:",
    ),
    refuted_by="five sequences without do_sample, other than 50 tokens left by do_sample alone, a "
    "text longer than max_length, or scores that are not the logits divided by the temperature",
    variations=_ASKED | {"an untrained model": {"prompt": "of", "trained": False}},
)
def unasked(prompt: str | llm.Chat, trained: bool = True) -> tuple[bool, str]:
    if trained:
        model, ids = lm().model, _ids(prompt)
    else:
        shape = GPTConfig(100, context=32, width=16, n_layers=1, n_heads=1)
        model, ids = GPT(shape).to_transformers(), torch.tensor([[1, 2, 3, 4, 5]])
    given = {"attention_mask": torch.ones_like(ids), "return_dict_in_generate": True}
    try:
        model.generate(ids, max_new_tokens=1, num_return_sequences=5, **given)
        refused = False
    except ValueError:
        refused = True
    given |= {"do_sample": True, "output_scores": True, "output_logits": True}
    drawn = model.generate(ids, max_length=ids.shape[1] + 1, **given)
    kept = int(drawn.scores[0].isfinite().sum())
    cold = model.generate(ids, max_new_tokens=1, temperature=0.7, top_k=0, **given)
    apart = (cold.scores[0] - cold.logits[0] / 0.7).abs().max().item()
    held = refused and kept == 50 and drawn.sequences.shape[1] == ids.shape[1] + 1 and apart < 1e-4
    return held, f"refused: {refused}; tokens kept {kept}; scores differ by {apart:.1g}"


_BATCHES = {
    "the notebook's": (
        "The capital of France is",
        "My favourite animal is",
        "The sun rises in the east and sets in the",
    ),
    "other prompts": ("Water boils at", "Once", "The three primary colours are red, blue and"),
    "code": ("def add(", "import", "for each in range(10):\n    print("),
    "much shorter": ("The", "A cat is an animal that", " ".join(12 * ["one two three"])),
    "chats": tuple(
        llm.Chat(text) for text in ("Hi!", "What is a cat?", "Name three rivers of Europe, please.")
    ),
}


@LEDGER.measured(
    "In a batch only padding on the left, with the mask, leaves all texts as they are alone; "
    "otherwise some of the padded prompts get another text, and nothing crashes.",
    stands="In a batch: pad on the left, pass the mask",
    refuted_by="a text that changes on the left with the mask, or one of the other three ways "
    "that changes none",
    variations={name: {"batch": name} for name in _BATCHES},
    quick=IN_NOTEBOOK,
    was="Nothing crashes otherwise, and everything is wrong.",
)
def padding(batch: str) -> tuple[bool, str]:
    rows = [_ids(prompt)[0] for prompt in _BATCHES[batch]]
    longest, end = max(map(len, rows)), lm().tokenizer.eos_token_id

    def continued(ids: Tensor, mask: Tensor) -> list[list[int]]:
        output = lm().model.generate(ids, attention_mask=mask, max_new_tokens=6, do_sample=False)
        added = output[:, ids.shape[1] :].tolist()
        return [row[: row.index(end)] if end in row else row for row in added]

    def padded(row: Tensor, side: str, fill: int) -> Tensor:
        filler = torch.full((longest - len(row),), fill)
        return torch.cat((filler, row) if side == "left" else (row, filler))

    alone = [continued(row[None], torch.ones_like(row[None]))[0] for row in rows]
    same = {}
    for side in ("left", "right"):
        ids = torch.stack([padded(row, side, end) for row in rows])
        mask = torch.stack([padded(torch.ones_like(row), side, 0) for row in rows])
        for how, given in (("with", mask), ("without", torch.ones_like(mask))):
            found = continued(ids, given)
            same[side, how] = sum(a == b for a, b in zip(found, alone, strict=True))
    right = same.pop(("left", "with"))
    return right == 3 and max(same.values()) < 3, (
        f"unchanged of 3: {right} on the left with the mask; otherwise {sorted(same.values())}"
    )


# Models whose truth is known


@cache
def _model(seed: int, steps: int = 700) -> GPT:
    """Train a small GPT on texts of its own."""
    model = GPT(
        GPTConfig(LANGUAGE.vocab_size, context=64, width=64, n_layers=2, n_heads=4),
        torch.Generator().manual_seed(seed),
    )
    texts = LANGUAGE.sample(steps * 32, seed=1 + 100 * seed)
    train(model, texts, TrainingConfig(steps=steps), progress=False)
    return model.eval()


def _truth(ids: Tensor) -> Tensor:
    """Return the true law of every next word, as logits."""
    return LANGUAGE.next_token_probs(ids).log()


def _subject(name: str):
    """Return the exact truth, or the model "seed" or "seed/steps"."""
    return _truth if name == "truth" else _model(*map(int, name.split("/")))


def _logits(model, texts: Tensor) -> Tensor:
    with torch.no_grad():
        return model(texts)[:, :-1].double()


@cache
def _held_out() -> Tensor:
    return LANGUAGE.sample(150, seed=2)


RULES = {
    "T = 1": {},
    "T = 0.7": {"temperature": 0.7},
    "T = 1.3": {"temperature": 1.3},
    "top-k 5": {"top_k": 5},
    "top-p 0.8": {"top_p": 0.8},
    "greedy": {"top_k": 1},
}


@cache
def _laws(model: str, rule: str) -> dict[str, float]:
    """Return what a rule does to the words of true texts: distance, entropy, forbidden."""
    texts = _held_out()
    truth = LANGUAGE.next_token_probs(texts)[:, :-1]
    law = adjust_logits(_logits(_subject(model), texts), **RULES[rule]).softmax(dim=-1)
    return {
        "distance": ((law - truth).abs().sum(dim=-1) / 2).mean().item(),
        "entropy": torch.special.entr(law).sum(dim=-1).mean().item(),
        "forbidden": 1000 * (law * (truth == 0)).sum(dim=-1).mean().item(),
    }


_MODELS = {"seed 0": "0", "seed 1": "1", "half the training": "2/350"}


@LEDGER.measured(
    "A rule that cools, flattens or cuts hard takes a well-trained model farther from the truth; "
    "those that cool or cut make fewer slips and leave less variety.",
    stands=(
        "Those that cool or cut hard buy fewer slips with less variety",
        '"Low temperature is more accurate."* Fewer slips',
    ),
    refuted_by="a distance from the truth less than 1.5 times that at T = 1, or, for a rule that "
    "cools or cuts, more forbidden words or more entropy",
    variations={
        f"{rule}, {name}": {"model": model, "rule": rule}
        for name, model in (_MODELS | {"the exact truth": "truth"}).items()
        for rule in ("T = 0.7", "T = 1.3", "top-p 0.8")
    }
    | {f"{rule}, seed 0": {"model": "0", "rule": rule} for rule in ("top-k 5", "greedy")},
    quick="T = 0.7, the exact truth",
    was="Every other rule bends them, and takes a well-trained model farther from the truth.",
)
def bends(model: str, rule: str) -> tuple[bool, str]:
    plain, bent = _laws(model, "T = 1"), _laws(model, rule)
    held = bent["distance"] > 1.5 * plain["distance"]
    if rule != "T = 1.3":
        held &= bent["forbidden"] <= plain["forbidden"] and bent["entropy"] < plain["entropy"]
    return held, "; ".join(f"{name} {plain[name]:.2f} to {bent[name]:.2f}" for name in plain)


def _slips_and_distance(model: str, **rule: float) -> tuple[float, float]:
    """Return forbidden words in 1,000 and the distance from the truth, on true texts."""
    truth = LANGUAGE.next_token_probs(_held_out())[:, :-1]
    law = adjust_logits(_logits(_subject(model), _held_out()), **rule).softmax(dim=-1)
    slips = 1000 * (law * (truth == 0)).sum(dim=-1).mean().item()
    return slips, ((law - truth).abs().sum(dim=-1) / 2).mean().item()


@LEDGER.measured(
    "A gentle cut takes off most slips of a well-trained model, a third or more of one with half "
    "the training, and goes no farther from the truth.",
    stands=(
        "A gentle cut, a hundredth, does not",
        "it cuts off a",
    ),
    refuted_by="more than half of the slips left (two thirds, with half the training), or a "
    "distance more than 0.003 above that of T = 1",
    variations={
        f"{name}, {kind}": {"model": model, "rule": rule, "left": 2 / 3 if "/" in model else 1 / 2}
        for name, model in _MODELS.items()
        for kind, rule in (("top-p 0.99", {"top_p": 0.99}), ("min-p 0.02", {"min_p": 0.02}))
    },
    quick=IN_NOTEBOOK,
)
def gentle_cut(model: str, rule: dict[str, float], left: float = 0.5) -> tuple[bool, str]:
    (slips, distance), (fewer, cut) = (_slips_and_distance(model, **r) for r in ({}, rule))
    held = fewer < slips * left and cut < distance + 0.003
    return held, f"slips {slips:.2f} to {fewer:.2f}; distance {distance:.3f} to {cut:.3f}"


@LEDGER.measured(
    "At T = 2 min-p 0.3 is closer to the truth than every top-p, and has fewer slips than the "
    "closest of them; at T = 1 the two are one curve, and a gentle cut there is closer than all.",
    stands=(
        "Min-p is better than top-p where the law was flattened first",
        "At T = 2 min-p *is* better",
        "Every one is",
    ),
    refuted_by="at T = 2 a top-p closer than min-p 0.3, or the closest with fewer slips; at T = 1 "
    "a distance of min-p 0.02 more than 0.005 from that of top-p 0.99, or above any at T = 2",
    variations={name: {"model": model} for name, model in _MODELS.items()}
    | {
        "seed 0, T = 1.7": {"model": "0", "hot": 1.7},
        "seed 1, T = 2.5": {"model": "1", "hot": 2.5},
    },
    quick=IN_NOTEBOOK,
)
def hot_and_cut(model: str, hot: float = 2.0) -> tuple[bool, str]:
    min_p = _slips_and_distance(model, temperature=hot, min_p=0.3)
    settings = (0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
    top_p = [_slips_and_distance(model, temperature=hot, top_p=p) for p in settings]
    gentle = [_slips_and_distance(model, **r)[1] for r in ({"min_p": 0.02}, {"top_p": 0.99})]
    slips, distance = min(top_p, key=lambda pair: pair[1])
    better = min_p[0] < slips and min_p[1] < distance
    held = better and abs(gentle[0] - gentle[1]) < 0.005 and gentle[0] < min_p[1]
    return held, (
        f"hot: min-p {min_p[0]:.2f} slips at {min_p[1]:.3f}, top-p {slips:.2f} at {distance:.3f}; "
        f"gentle at T = 1: {gentle[0]:.3f}, {gentle[1]:.3f}"
    )


@LEDGER.measured(
    "A repetition penalty takes a model of the grammar farther from the truth and adds slips; on "
    "the same law as log-probabilities it moves less than half as far.",
    stands=(
        "In a language that must repeat some words it makes things worse",
        "1.2 means nothing until one knows where the model's zero is",
        "It depends on where a model's logits",
        "penalised differently",
    ),
    refuted_by="a distance less than 1.5 times that of T = 1, fewer slips, or as log-probabilities "
    "more than half of the way moved",
    variations={
        f"{name}, penalty {penalty}": {"model": model, "penalty": penalty}
        for name, model in _MODELS.items()
        for penalty in (1.1, 1.2, 1.5)
    },
    quick=IN_NOTEBOOK,
)
def penalised(model: str, penalty: float) -> tuple[bool, str]:
    texts = _held_out()
    truth = LANGUAGE.next_token_probs(texts)[:, :-1]
    seen = tokens_seen(texts, LANGUAGE.vocab_size)[:, :-1]
    logits = _logits(_subject(model), texts)
    law = logits.softmax(dim=-1)
    one, other = (
        penalise_repetition(each, seen, penalty).softmax(dim=-1)
        for each in (logits, logits.log_softmax(dim=-1))
    )

    def apart(a: Tensor, b: Tensor) -> float:
        return ((a - b).abs().sum(dim=-1) / 2).mean().item()

    slips = [1000 * (each * (truth == 0)).sum(dim=-1).mean().item() for each in (law, one)]
    held = apart(one, truth) > 1.5 * apart(law, truth) and slips[1] > slips[0]
    held &= apart(other, law) < apart(one, law) / 2
    return held, (
        f"distance {apart(law, truth):.2f} to {apart(one, truth):.2f}, slips {slips[0]:.1f} to "
        f"{slips[1]:.1f}; moved {apart(one, law):.2f}, as log-probabilities {apart(other, law):.2f}"
    )


@cache
def _useful(model: str, n_drawn: int, n: int, first: int) -> tuple[float, float, float]:
    """Return how well a draw, beam search and minimum Bayes risk agree with fresh true texts."""

    def agreement(texts: Tensor, others: Tensor) -> Tensor:
        return (texts[:, None] == others[None]).double().mean(dim=-1)

    found = []
    texts = LANGUAGE.sample(24, seed=first)
    for i, text in enumerate(t[: 3 + j % 12].tolist() for j, t in enumerate(texts)):
        judges = torch.tensor(generate(_truth, [text] * 100, n, seed=100 + i))
        drawn = torch.tensor(generate(_subject(model), [text] * n_drawn, n, seed=i))
        beam = torch.tensor(beam_search(_subject(model), text, n, 8)[0].ids)
        pick = drawn[agreement(drawn, drawn).mean(dim=1).argmax()]
        found.append(agreement(torch.stack([drawn[0], beam, pick]), judges).mean(dim=1))
    drawn_one, beamed, picked = torch.stack(found).mean(dim=0).tolist()
    return drawn_one, beamed, picked


@LEDGER.measured(
    "A pick of minimum Bayes risk agrees better with fresh true texts than a single draw; about as "
    "well as beam search: over 8 words not worse, over 16 not better.",
    stands=(
        "Both agree far better with what others would say than a single draw does",
        "Is it better than beam search? Not here, or hardly",
    ),
    refuted_by="a gain over a single draw below 0.03; a difference from beam search above 0.03, "
    "below -0.01 over 8 words or above 0.01 over 16",
    variations={
        "seed 0, 8 words": {"model": "0"},
        "seed 1, 8 words": {"model": "1"},
        "half the training, 8 words": {"model": "2/350"},
        "other beginnings": {"model": "0", "first": 15},
        "seed 0, 16 words": {"model": "0", "n": 16},
        "seed 1, 16 words": {"model": "1", "n": 16},
    },
    quick=IN_NOTEBOOK,
)
def useful(model: str, n: int = 8, first: int = 14) -> tuple[bool, str]:
    drawn, beam, picked = _useful(model, 100, n, first)
    more = picked - beam
    held = picked - drawn > 0.03 and abs(more) < 0.03 and (more > -0.01 if n < 16 else more < 0.01)
    return held, f"agreement drawn {drawn:.3f}, beam search {beam:.3f}, picked {picked:.3f}"


@LEDGER.measured(
    "A decoder's probabilities are true of the texts that it writes, and not of the language.",
    stands=(
        "A decoder's probabilities are true of its own texts, not of the world",
        "and probabilities that no longer mean what",
    ),
    refuted_by="an ECE above 0.03 on its own texts, or one below 0.05 on true texts",
    variations={
        f"{rule}, {name}": {"model": model, "rule": rule}
        for name, model in (_MODELS | {"the exact truth": "truth"}).items()
        for rule in ("T = 0.7", "top-p 0.8")
    },
    quick=IN_NOTEBOOK,
)
def true_of_its_own(model: str, rule: str) -> tuple[bool, str]:
    subject, starts = _subject(model), LANGUAGE.sample(150, seed=3)[:, :1]
    own = torch.tensor(generate(subject, starts, 40, seed=6, **RULES[rule]))
    own = torch.cat([starts, own], dim=1)

    def ece(texts: Tensor) -> float:
        law = adjust_logits(_logits(subject, texts), **RULES[rule]).softmax(dim=-1)
        found = cal.top_label(law.flatten(0, 1), texts[:, 1:].flatten())
        return cal.expected_calibration_error(*found)

    of_own, of_true = ece(own), ece(_held_out())
    return of_own < 0.03 and of_true > 0.05, f"ECE {of_own:.3f} on its own, {of_true:.3f} on true"


@LEDGER.measured(
    "More beams find a more probable text, and one less typical than any of many true texts.",
    stands=(
        "The most probable text is not a typical one, even for the exact truth",
        '"More beams, better text."* More probable text',
        "Each single true text is far less probable than the beam's",
    ),
    refuted_by="a text of the beams no more probable, for who searched, than the greedy one, or, "
    "for the truth, no more probable than each of 150 true texts",
    variations={
        "the exact truth": {"model": "truth"},
        "the exact truth, after 'of'": {"model": "truth", "start": "of"},
        "the exact truth, 16 beams": {"model": "truth", "n_beams": 16},
        "seed 0": {"model": "0"},
        "seed 1": {"model": "1"},
        "seed 0, after 'some ships'": {"model": "0", "start": "some ships"},
        "seed 0, 30 words": {"model": "0", "n": 30},
        "half the training": {"model": "2/350"},
    },
    quick=IN_NOTEBOOK,
)
def most_probable(
    model: str, start: str = "the", n_beams: int = 8, n: int = 62
) -> tuple[bool, str]:
    subject, prompt = _subject(model), LANGUAGE.tokenizer.encode(start)
    n = min(n, 64 - len(prompt))
    one, many = (beam_search(subject, prompt, n, n_beams=k)[0] for k in (1, n_beams))
    texts = _held_out()[:, : len(prompt) + n]

    def surprise(ids: Tensor) -> Tensor:
        law = LANGUAGE.next_token_probs(ids)[:, :-1]
        return -law.gather(-1, ids[:, 1:, None])[..., 0].log().mean(dim=1)

    found = surprise(torch.tensor([prompt + many.ids])).item()
    least = surprise(texts).min().item()
    more = many.log_prob - one.log_prob
    return more > 0 and found < least, (
        f"{more:+.1f} nats by beams; surprise {found:.2f}, least of true texts {least:.2f}"
    )


@cache
def _picked(picker: str, n_words: int, n_beams: int) -> tuple[list[list[int]], ...]:
    """Return prompts and what a picker's search adds to each."""
    prompts = [t[: 1 + i % 16].tolist() for i, t in enumerate(LANGUAGE.sample(16, seed=4))]
    subject = _subject(picker)
    return prompts, [beam_search(subject, p, n_words, n_beams=n_beams)[0].ids for p in prompts]


@LEDGER.measured(
    "The model overrates the texts that its search picks. In well-trained models a third or more "
    "of that is there when the exact truth picks, and most when another model does; in one with "
    "half the training, nothing.",
    stands=(
        "of the texts that a",
        "there it was all in the picking",
        "What the *truth* picks is overrated, too",
        'So "because it picked them" was, for most of it, the wrong reason',
    ),
    refuted_by="its own picks overrated by less than 0.02 nats a word, the truth's by less than a "
    "third of that, or another model's by less than half; with half the training, by more than 0",
    variations={
        "seed 0, twin 1": {"model": "0", "twin": "1"},
        "seed 1, twin 0": {"model": "1", "twin": "0"},
        "seed 0, twin with half the training": {"model": "0", "twin": "2/350"},
        "half the training, twin 0": {"model": "2/350", "twin": "0", "shared": False},
        "four beams": {"model": "0", "twin": "1", "n_beams": 4},
    },
    quick=IN_NOTEBOOK,
    was="Little of that comes from the picking itself: half of it is there when the exact truth "
    "picks, most of it when another model does.",
)
def curse(
    model: str, twin: str, n_words: int = 30, n_beams: int = 8, shared: bool = True
) -> tuple[bool, str]:
    def overrated(picker: str) -> float:
        rows = []
        for prompt, added in zip(*_picked(picker, n_words, n_beams), strict=True):
            ids = torch.tensor([prompt + added])
            by_model = _logits(_subject(model), ids).log_softmax(dim=-1)
            more = by_model - LANGUAGE.next_token_probs(ids)[:, :-1].log()
            rows.append(more.gather(-1, ids[:, 1:, None])[0, -len(added) :].mean())
        return torch.stack(rows).mean().item()

    own, truth, other = overrated(model), overrated("truth"), overrated(twin)
    by_others = truth > own / 3 and other > own / 2 if shared else max(truth, other) < 0
    held = own > 0.02 and by_others
    return held, f"own picks {own:.3f}, the truth's {truth:.3f}, the other's {other:.3f} nats"


@LEDGER.measured(
    "A fitted temperature undoes a sharpening or a flattening, and sampling is then closest to the "
    "truth; the slips alone would have it colder.",
    stands=(
        "The calibration temperature is measured, the sampling temperature is chosen",
        '"Calibrated means T = 1."* It means that the *fitted* temperature is 1',
        "The temperature of **calibration** is measured",
    ),
    refuted_by="a fitted temperature more than a tenth off the factor, a smaller distance at 0.7 "
    "or 1.4 times it, or more slips at 0.7 times it",
    variations={
        "seed 0, twice as sharp": {"model": "0"},
        "seed 1, twice as sharp": {"model": "1"},
        "half the training": {"model": "2/350"},
        "seed 0, three times": {"model": "0", "factor": 3.0},
        "seed 0, half": {"model": "0", "factor": 0.5},
        "seed 0, as it is": {"model": "0", "factor": 1.0},
    },
    quick=IN_NOTEBOOK,
)
def two_temperatures(model: str, factor: float = 2.0) -> tuple[bool, str]:
    sharp = copy.deepcopy(_model(*map(int, model.split("/"))))
    with torch.no_grad():
        sharp.final_norm.weight.mul_(factor)
        sharp.final_norm.bias.mul_(factor)
    texts = LANGUAGE.sample(150, seed=8)
    labels = texts[:, 1:].flatten()
    fitted = cal.TemperatureScaling().fit(_logits(sharp, texts).flatten(0, 1), labels).temperature_
    truth, logits = LANGUAGE.next_token_probs(_held_out())[:, :-1], _logits(sharp, _held_out())
    laws = [(logits / (fitted * times)).softmax(dim=-1) for times in (0.7, 1, 1.4)]
    distance = [((law - truth).abs().sum(dim=-1) / 2).mean().item() for law in laws]
    slips = [(law * (truth == 0)).sum(dim=-1).mean().item() for law in laws]
    held = abs(fitted / factor - 1) < 0.1 and distance[1] == min(distance) and slips[0] < slips[1]
    return held, f"fitted {fitted:.2f} for {factor:g}; distances " + ", ".join(
        f"{each:.2f}" for each in distance
    )


# Saying it again


def _repeated(rows: Sequence[Sequence[int]], n: int = 4) -> float:
    """Return the share of sequences of n tokens that occurred before in their row."""
    grams = [[tuple(row[i : i + n]) for i in range(len(row) - n + 1)] for row in rows]
    return 1 - sum(len(set(each)) for each in grams) / sum(map(len, grams))


@LEDGER.measured(
    "Decoded greedily, the exact truth of the grammar goes round in a circle.",
    stands='"A model that repeats itself is a bad model."* Not necessarily',
    refuted_by="less than half of the four-word sequences of 60 words repeated, or, as a control, "
    "more than half where words are drawn",
    variations={
        f"after '{start}'": {"start": start}
        for start in ("the", "of", "some ships", "the dogs that the king loves", "a")
        if set(start.split()) <= set(LANGUAGE.tokenizer.words)
    }
    | {"while drawn it does not": {"start": "the", "drawn": True}},
)
def truth_repeats(start: str, drawn: bool = False) -> tuple[bool, str]:
    prompt = LANGUAGE.tokenizer.encode(start)
    if drawn:
        rows = generate(_truth, [prompt] * 10, 50, seed=0)
        return _repeated(rows) < 0.5, f"drawn, {_repeated(rows):.2f} repeated"
    share = _repeated(generate(_truth, [prompt], 60 - len(prompt), method="greedy"))
    return share > 0.5, f"{share:.2f} repeated"


@cache
def _english(kind: str) -> list[str]:
    """Return plain sentences of a kind of text, none twice."""
    plain = re.compile(r"(?<=[.] )[A-Z][A-Za-z ,']{30,120}[.](?= )")
    texts = {
        "reference": [page.text for page in data.reference_documents(stable=True)],
        "data sets": [page.text for page in data.dataset_descriptions()],
        "docstrings": [each.body for each in data.docstrings()],
    }[kind]
    found = [each for text in texts for each in plain.findall(" ".join(text.split()))[:2]]
    return list(dict.fromkeys(found))


@LEDGER.measured(
    "SmolLM2 finds a sentence the more probable the more often it has just been said; the "
    "grammar's truth and a model of it hardly do.",
    stands=(
        "In English, repeating is rare",
        "there the circle costs nothing, here it deepens",
        "so saying one again costs nothing",
        "**each copy makes the next more probable**",
    ),
    refuted_by="SmolLM2's fifth copy less than 0.3 nats a token above the second, or, in the "
    "grammar, more than 0.1",
    variations={
        "sentences of the reference": {"what": "reference"},
        "of descriptions of data": {"what": "data sets"},
        "of docstrings": {"what": "docstrings"},
        "as a reply in a chat": {"what": "reference", "chat": True},
        "the grammar's truth": {"what": "truth"},
        "seed 0": {"what": "0"},
        "seed 1": {"what": "1"},
    },
    quick="the grammar's truth",
)
def copies(what: str, chat: bool = False, n: int = 8) -> tuple[bool, str]:
    real = what in ("reference", "data sets", "docstrings")
    if real:
        before = _ids(llm.Chat("Write a page of a manual."))[0].tolist() if chat else []
        sentences = [_ids(" " + text)[0].tolist() for text in _english(what)[:n]]
    else:
        before, stop = [], LANGUAGE.tokenizer.encode(".")[0]
        texts = [text.tolist() for text in _held_out() if stop in text]
        sentences = [text[: text.index(stop) + 1] for text in texts]
        sentences = [text for text in sentences if len(text) <= 10][: 2 * n]
    gains = []
    for sentence in sentences:
        ids = torch.tensor([before + 5 * sentence])
        with torch.inference_mode():
            logits = lm().model(ids).logits if real else _subject(what)(ids)
        came = ids[:, 1:, None]
        log_prob = logits[:, :-1].double().log_softmax(dim=-1).gather(-1, came)[0, :, 0]
        second, fifth = (
            log_prob[len(before) + k * len(sentence) :][: len(sentence) - 1] for k in (1, 4)
        )
        gains.append((fifth - second).mean())
    gain = torch.stack(gains).mean().item()
    return (gain >= 0.3 if real else gain <= 0.1), f"{gain:+.2f} nats a token"


@LEDGER.measured(
    "Greedily SmolLM2 repeats itself more than when it is drawn from, and more than people do.",
    stands="Greedily SmolLM2 repeats itself far more than drawn at T = 1",
    refuted_by="greedily, less than twice the share of repeated four-token sequences of T = 1, or "
    "of people's own texts; or a share above 0.05 at T = 1",
    variations={
        "openings of the reference": {"kind": "reference"},
        "of descriptions of data": {"kind": "data sets"},
        "of docstrings": {"kind": "docstrings"},
        "as replies in chats": {"kind": "reference", "chat": True},
    },
    quick=IN_NOTEBOOK,
    was="And in the chat format it was trained for, greedily, 0.08: less than on raw text.",
)
def repeats(kind: str, chat: bool = False, n: int = 6) -> tuple[bool, str]:
    openings = [" ".join(sentence.split()[:5]) for sentence in _english(kind)[:n]]
    prompts = [
        llm.Chat("Write a page of a manual.", reply=text) if chat else text for text in openings
    ]
    written = {}
    for name, options in {"greedy": {}, "T = 1": {"do_sample": True, "top_k": 0}}.items():
        torch.manual_seed(0)
        batch = _padded(prompts)
        output = lm().model.generate(**batch, max_new_tokens=48, **options)
        end = lm().tokenizer.eos_token_id
        rows = output[:, batch["input_ids"].shape[1] :].tolist()
        written[name] = _repeated([r[: r.index(end)] if end in r else r for r in rows])
    people = _repeated([_ids(text[:4000])[0, 20:68].tolist() for text in _people(kind)])
    held = written["greedy"] >= 2 * max(written["T = 1"], people) and written["T = 1"] <= 0.05
    return held and written["greedy"] > 0, (
        f"greedily {written['greedy']:.2f}, at T = 1 {written['T = 1']:.2f}, people {people:.2f}"
    )


@LEDGER.measured(
    "In raw text and in a chat, a penalty of 1.2 leaves more different tokens than T = 1 has, and "
    "min-p 0.1 writes what the model finds more probable than what top-p 0.9 writes.",
    stands=(
        "The penalty stops that, and overshoots",
        "Min-p 0.1 writes what the model finds far more probable",
    ),
    refuted_by="no more different tokens, more than a tenth of the repetitions of greedy decoding "
    "left, or a gain in log-probability below 0.3 nats a token",
    variations={form: {"form": form} for form in study.FORMATS}
    | {
        "drawn anew, raw text": {"form": "raw text", "seed": 1},
        "drawn anew, chat": {"form": "chat", "seed": 1},
    },
    quick="raw text",
)
def rules_of_a_real_model(form: str, seed: int | None = None) -> tuple[bool, str]:
    rules = ("greedy", "greedy, penalty 1.2", "T = 1", "top-p 0.9", "min-p 0.1")
    if seed is None:
        texts = [text for text in study.written() if text.format == form]
    else:
        some = study.openings()[::6]
        texts = [
            each
            for rule in rules
            for each in study.write(lm(), some, rule, form, seed=seed, n_tokens=32)
        ]
    of = {rule: [text for text in texts if text.rule == rule] for rule in rules}
    varied = {
        rule: sum(len(set(t.ids)) / len(t.ids) for t in each) / len(each)
        for rule, each in of.items()
    }
    again = {rule: _repeated([t.ids for t in each if len(t.ids) > 3]) for rule, each in of.items()}
    sure = {rule: sum(t.log_prob for t in each) / len(each) for rule, each in of.items()}
    gain = sure["min-p 0.1"] - sure["top-p 0.9"]
    held = varied["greedy, penalty 1.2"] > varied["T = 1"] and gain > 0.3
    held &= again["greedy, penalty 1.2"] <= again["greedy"] / 10
    return held, (
        f"different tokens {varied['greedy, penalty 1.2']:.2f}, at T = 1 {varied['T = 1']:.2f}; "
        f"repeated {again['greedy']:.2f}, then {again['greedy, penalty 1.2']:.3f}; min-p over "
        f"top-p {gain:+.2f} nats"
    )


def _people(kind: str) -> list[str]:
    """Return texts by people, long enough for as many tokens."""
    texts = {
        "reference": [page.text for page in data.reference_documents(stable=True)],
        "data sets": [page.text for page in data.dataset_descriptions()],
        "docstrings": [each.body for each in data.docstrings()],
    }[kind]
    return [text for text in texts if len(text) > 800][:12]


def _padded(prompts: Sequence[str | llm.Chat]) -> dict[str, Tensor]:
    """Return prompts as a batch, padded on the left, with its mask."""
    ids = {"input_ids": [ids_of(prompt) for prompt in prompts]}
    return dict(lm().tokenizer.pad(ids, padding_side="left", return_tensors="pt"))
