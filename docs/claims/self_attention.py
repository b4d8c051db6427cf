"""Claims of notebook 03: attention by arithmetic, and what one real model does with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from scipy.stats import spearmanr
from torch import Tensor

from docs.claims.ledger import IN_NOTEBOOK, Ledger
from docs.claims.subjects import TEXTS, lm

LEDGER = Ledger("self_attention")

# Attention itself

LEDGER.proved(
    "Attention is a weighted sum of values; its weights are positive and sum to one.",
    stands="Attention is a weighted sum of values",
    proof="A softmax is a share of positive numbers: it cannot give zero to every key.",
    test="tests/lm/test_attention.py::test_weights_by_hand",
)
LEDGER.proved(
    "A softmax spends a weight of one, whatever the scores are.",
    stands='the softmax cannot say "nobody"',
    proof="Equal scores give equal weights, and these sum to one.",
    test="tests/lm/test_attention.py::test_weights_by_hand",
)
LEDGER.proved(
    "With the mask before the softmax, the past does not depend on the future; with the mask "
    "after it, it does, through the denominator.",
    stands=(
        "Mask before the softmax; test a mask",
        '"A mask may be applied anywhere."',
        "The causal mask makes the beautiful explanation impossible",
    ),
    proof="The denominator sums over what was not yet masked.",
    test="tests/lm/test_attention.py::test_the_future_changes_nothing",
)
LEDGER.proved(
    "Heads are slices of the same matrices and add no parameters.",
    stands=("Heads cost no parameters", '"More heads, more parameters."'),
    proof="The matrices have the shape (width, width) whatever the number of heads.",
    test="tests/lm/test_attention.py::test_layer_equals_multi_head_attention_of_torch",
)
LEDGER.proved(
    "Under a causal mask keys and values of the past never change, so they can be kept; "
    "a query is used once.",
    stands=(
        "so they never change again",
        "a past token's query has been answered and is never asked again",
        '"The cache stores the answers."',
        "Writing token $t$ costs",
    ),
    proof="Reading in pieces with a cache equals reading at once; the notebook counts.",
    test="tests/lm/test_attention.py::test_cached_chunks_equal_the_whole",
)


def _scores(d: int, seed: int, law: str) -> Tensor:
    """Return the scores of 2,000 queries and 64 keys of variance 1: (2000, 64)."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(2064, d, generator=generator)
    if law == "signs":
        vectors = vectors.sign()
    return vectors[:2000] @ vectors[2000:].T


@LEDGER.measured(
    "The spread of dot products of independent vectors grows with the root of d; divided by it, "
    "the softmax keeps its entropy at any width.",
    stands="Dot products grow with the square root of d",
    refuted_by="a spread more than a tenth off the root of d, a divided entropy below 3.4 of 4.16 "
    "nats, or an undivided one above 0.7",
    variations={
        "seed 0, d = 256": {"seed": 0, "d": 256},
        "seed 1": {"seed": 1, "d": 256},
        "seed 2": {"seed": 2, "d": 256},
        "d = 64": {"seed": 0, "d": 64},
        "d = 4096": {"seed": 0, "d": 4096},
        "vectors of signs": {"seed": 0, "d": 256, "law": "signs"},
    },
)
def dividing_keeps_entropy(seed: int, d: int, law: str = "normal") -> tuple[bool, str]:
    scores = _scores(d, seed, law)

    def entropy(scores: Tensor) -> float:
        return torch.distributions.Categorical(logits=scores).entropy().mean().item()

    spread = scores.std().item() / math.sqrt(d)
    divided, undivided = entropy(scores / math.sqrt(d)), entropy(scores)
    held = abs(spread - 1) < 0.1 and divided > 3.4 and undivided < 0.7
    return held, f"spread {spread:.2f} root d; entropy {divided:.2f} divided, {undivided:.2f} not"


@LEDGER.measured(
    "Undivided and wide, a typical query has decided before it learned: its weights hardly answer "
    "to its scores.",
    stands="A softmax that is certain cannot learn",
    refuted_by="a median sensitivity (1 minus the sum of squared weights) above 0.1 undivided, or "
    "below 0.8 divided",
    variations={f"seed {seed}": {"seed": seed, "d": 1024} for seed in range(4)}
    | {"d = 4096": {"seed": 0, "d": 4096}, "signs": {"seed": 0, "d": 1024, "law": "signs"}},
)
def certain_cannot_learn(seed: int, d: int, law: str = "normal") -> tuple[bool, str]:
    scores = _scores(d, seed, law)

    def sensitivity(scores: Tensor) -> float:
        return (1 - scores.softmax(dim=-1).square().sum(dim=-1)).median().item()

    divided, undivided = sensitivity(scores / math.sqrt(d)), sensitivity(scores)
    held = undivided < 0.1 and divided > 0.8
    return held, f"sensitivity {undivided:.1g} undivided, {divided:.2f} divided"


# SmolLM2


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Use the code that returns its weights."""
    model = lm().model
    fast = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(fast)


@torch.inference_mode()
def _read(text: str) -> tuple[Tensor, Tensor]:
    """Return attention weights (layers, heads, T, T) and lengths of values (layers, 3, T)."""
    ids = lm().tokenizer(text, return_tensors="pt").input_ids
    with _plain_attention():
        out = lm().model(ids, output_attentions=True, use_cache=True)
    lengths = [layer.values[0].norm(dim=-1) for layer in out.past_key_values.layers]
    return torch.cat(out.attentions), torch.stack(lengths)


_EACH_TEXT = {name: {"text": text} for name, text in TEXTS.items()}


@LEDGER.measured(
    "In SmolLM2 the first token gets far more weight than an even share, whatever it is.",
    stands="In SmolLM2 almost half of all weight was parked on the first token of our sentence",
    refuted_by="a mean weight on the first token, over all heads, below 0.3",
    variations=_EACH_TEXT
    | {
        "first token ' dog'": {"text": " dog" + TEXTS["the cat"][3:]},
        "twice as long": {"text": " ".join(2 * [TEXTS["the cat"]])},
        "a list of numbers": {"text": "7 31 4 98 12 55 6 20 77 3 41 86 9"},
    },
)
def sink(text: str) -> tuple[bool, str]:
    weights, _ = _read(text)
    share = weights[:, :, 4:, 0].mean().item()
    return share > 0.3, f"{share:.2f} of the weight on the first token"


@LEDGER.measured(
    "The first token's values are the shortest, though its weights are the largest.",
    stands=('"A large weight means an important word."',),
    refuted_by="values of the first token more than half as long as the mean of the others",
    variations=_EACH_TEXT,
)
def short_values(text: str) -> tuple[bool, str]:
    _, length = _read(text)
    ratio = (length[:, :, 0].mean() / length[:, :, 1:].mean()).item()
    return ratio < 0.5, f"{ratio:.2f} of the others' length"


@contextmanager
def _silenced(heads: Sequence[tuple[int, int]]) -> Iterator[None]:
    """Set the outputs of some heads to zero before they are mixed."""

    def hook(head: int):
        def silence(module, inputs):
            mixed = inputs[0].clone()
            mixed[..., 64 * head : 64 * (head + 1)] = 0
            return (mixed,)

        return silence

    layers = lm().model.model.layers
    hooks = [layers[i].self_attn.o_proj.register_forward_pre_hook(hook(h)) for i, h in heads]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()


@torch.inference_mode()
def _second_copy(ids: Tensor, heads: Sequence[tuple[int, int]]) -> float:
    """Return the mean loss on the second copy of each list (N, L), in nats a token."""
    twice, length = torch.cat([ids, ids], dim=1), ids.shape[1]
    with _silenced(heads):
        log_probs = lm().model(twice).logits[:, :-1].log_softmax(dim=-1)
    return -log_probs.gather(-1, twice[:, 1:, None])[:, length:].mean().item()


def _lists(seed: int, length: int = 25, low: int = 1000, high: int = 20000) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (4, length), generator=generator)


_LISTS = {f"seed {seed}": {"seed": seed} for seed in range(1, 5)} | {
    "lists of 12": {"seed": 0, "length": 12},
    "lists of 60": {"seed": 0, "length": 60},
    "common tokens": {"seed": 0, "low": 300, "high": 2000},
    "rare tokens": {"seed": 0, "low": 20000, "high": 49000},
}


@LEDGER.measured(
    "Head (16, 0) is needed to repeat a random list; its neighbours are not.",
    stands="one head that looks one place back is needed to repeat a list",
    refuted_by="a loss on the second copy that grows by less than 1 nat without it, or by more "
    "than 0.5 without any of three neighbours",
    variations=_LISTS,
    quick=IN_NOTEBOOK,
)
def needed_to_repeat(seed: int, **of_lists: int) -> tuple[bool, str]:
    ids = _lists(seed, **of_lists)
    whole, without = _second_copy(ids, []), _second_copy(ids, [(16, 0)])
    neighbours = max(_second_copy(ids, [(16, head)]) for head in (1, 4, 8))
    held = without - whole > 1 and neighbours - whole < 0.5
    return held, f"loss {whole:.1f}, without it {without:.1f}, without a neighbour {neighbours:.1f}"


@LEDGER.measured(
    "Without head (16, 0) the induction heads of layer 17 lose the place they copy from.",
    stands="without it the induction heads do not find the place",
    refuted_by="a mean weight on the follower that falls by less than half without it, or by "
    "more than a fifth without its neighbour (16, 1)",
    variations=_LISTS,
    quick=IN_NOTEBOOK,
)
def lose_the_place(seed: int, **of_lists: int) -> tuple[bool, str]:
    ids = _lists(seed, **of_lists)
    twice, back = torch.cat([ids, ids], dim=1), ids.shape[1] - 1

    @torch.inference_mode()
    def on_follower(heads: Sequence[tuple[int, int]]) -> float:
        with _silenced(heads), _plain_attention():
            weights = lm().model(twice, output_attentions=True).attentions[17]
        return weights[:, 3:6].diagonal(-back, -2, -1)[..., 1:].mean().item()

    whole, without, neighbour = on_follower([]), on_follower([(16, 0)]), on_follower([(16, 1)])
    held = without < whole / 2 and neighbour > 0.8 * whole
    return held, f"weight {whole:.2f}, without it {without:.2f}, without (16, 1) {neighbour:.2f}"


@LEDGER.measured(
    "A head's weight on a token tells only in part how much silencing the head changes the "
    "prediction.",
    stands='"The weights explain the answer."',
    refuted_by="over 40 heads, a rank correlation above 0.8 between the weight on the token that "
    "most heads look at (the first one set aside) and the change, or the same head at both tops",
    variations=_EACH_TEXT | {"the cat, other heads": {"text": TEXTS["the cat"], "seed": 1}},
    quick=IN_NOTEBOOK,
)
@torch.inference_mode()
def weight_is_not_effect(text: str, seed: int = 0, n_heads: int = 40) -> tuple[bool, str]:
    weights, _ = _read(text)
    ids = lm().tokenizer(text, return_tensors="pt").input_ids
    token = int(weights[:, :, -1, 1:].mean(dim=(0, 1)).argmax()) + 1
    generator = torch.Generator().manual_seed(seed)
    heads = [divmod(int(i), 9) for i in torch.randperm(270, generator=generator)[:n_heads]]

    def last_log_probs(silent: Sequence[tuple[int, int]]) -> Tensor:
        with _silenced(silent):
            return lm().model(ids, logits_to_keep=1).logits[0, -1].log_softmax(dim=-1)

    log_p = last_log_probs([])
    changes = [(log_p.exp() * (log_p - last_log_probs([head]))).sum().item() for head in heads]
    looks = [weights[layer, head, -1, token].item() for layer, head in heads]
    rank = spearmanr(looks, changes).statistic
    same = looks.index(max(looks)) == changes.index(max(changes))
    return rank < 0.8 and not same, f"rank correlation {rank:+.2f}, same head at the top: {same}"


LEDGER.cited(
    "Very different weights can give the same prediction, and whether attention explains "
    "depends on what one asks of an explanation.",
    stands="other heads may stand in for it",
    source="jain2019attention",
)
LEDGER.passing(
    "*The cat sat on the mat because it was tired.*",
    "Each still has its own weights.",
    "guessing among all 49,152 tokens evenly costs 10.8",
    why="an example, the library's way of working, and ln 49,152",
)
