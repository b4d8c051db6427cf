"""Claims of notebook 04: what additions are for, which errors are silent, and what a lens shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import calibration as cal, llm
from coursekit.data import dataset_descriptions, reference_documents
from coursekit.data.corpora import source_documents
from coursekit.lm import (
    GPT,
    Block,
    CausalSelfAttention,
    GPTConfig,
    Llama,
    next_token_loss,
    rotary_angles,
)
from docs.claims.ledger import IN_NOTEBOOK, Ledger
from docs.claims.subjects import TEXTS, lm

LEDGER = Ledger("transformer")

# By construction and by counting

LEDGER.proved(
    "A block adds the answers of attention and of an MLP, each read from a normalised copy, to a "
    "stream that all share.",
    stands=(
        "A block is attention and an MLP; each reads a normalised copy",
        '*"Each layer turns one representation into the next."*',
        "Your few dozen lines are GPT-2: the same weights, the same logits.",
    ),
    proof="So does the library's GPT-2: the same weights give the same logits.",
    test="tests/lm/test_gpt.py::test_logits_of_transformers_both_ways_with_cache_and_without",
)
LEDGER.proved(
    "With four parts exchanged the same model is a Llama, and with SmolLM2's weights SmolLM2.",
    stands="With four parts exchanged they are a Llama",
    proof="The package's Llama, of the same parts, gives the logits of transformers.",
    test="tests/lm/test_llama.py::test_smollm2_in_our_llama_is_smollm2",
)
LEDGER.proved(
    "A gated MLP of 8/3 of the width has as many weights as one of four times the width.",
    stands='*"A gated MLP is larger."*',
    proof="3 d (8 d / 3) = 2 d (4 d) = 8 d^2; counted in the notebook for SmolLM2.",
    test="tests/lm/test_llama.py::test_smollm2_in_our_llama_is_smollm2",
)
LEDGER.proved(
    "Parameters follow from width, blocks, vocabulary and context; heads do not count.",
    stands=(
        "Parameters and operations follow from four numbers by formula",
        '*"More heads, more parameters."*',
        '*"A transformer is mostly attention."*',
    ),
    proof="A block has 4 d^2 weights in attention and 8 d^2 in its MLP: counted, and as published.",
    test="tests/lm/test_gpt.py::test_parameters_of_gpt2_as_published",
)
LEDGER.proved(
    "A matrix product takes two operations a weight and token; its gradient takes two more.",
    stands="Each parameter costs about two FLOPs a token on the way up",
    proof="Counted by PyTorch, in the package's tests and in the notebook.",
    test="tests/lm/test_gpt.py::test_forward_flops",
)
LEDGER.cited(
    "Training costs about 6 N D operations.",
    stands="So training a model of $N$ parameters on $D$ tokens costs about $6 N D$",
    source="kaplan2020scaling",
)
LEDGER.cited(
    "Attention alone loses the differences between tokens with depth.",
    stands="prove that attention alone loses all differences between tokens",
    source="dong2021attention",
)
LEDGER.cited(
    "Where tokens become alike, queries and keys lose their gradient before training.",
    stands="Noci et al. (2022) derive it for transformers before",
    source="noci2022signal",
)
LEDGER.cited(
    "A few coordinates of the first token are enormous in many models.",
    stands="call these *massive activations*",
    source="sun2024massive",
)
LEDGER.cited(
    "What stands in the middle of the stream is in another form than the head reads.",
    stands="which the head was never meant to read",
    source="belrose2023eliciting",
)


@LEDGER.measured(
    "In a GPT, tokens exchange information in attention and nowhere else.",
    stands="In a GPT, tokens exchange information in attention and nowhere else",
    refuted_by="an output that moves with another token when attention adds nothing; or, as a "
    "control, one that does not when it adds",
    variations={
        f"{positions}, seed {seed}": {"positions": positions, "seed": seed}
        for seed, positions in enumerate(("learned", "sinusoidal", "rotary", "alibi", "none"))
    },
)
@torch.no_grad()
def only_attention_mixes(positions: str, seed: int) -> tuple[bool, str]:
    config = GPTConfig(20, 8, 16, 3, 2, positions=positions)
    model = GPT(config, torch.Generator().manual_seed(seed))
    ids = torch.tensor([[3, 1, 4, 1, 5, 9], [3, 2, 4, 1, 5, 9]])

    def change() -> float:
        logits = model(ids)[:, 2:]
        return (logits[0] - logits[1]).abs().max().item()

    mixed = change()
    for block in model.blocks:
        block.attention.projection.weight.zero_()
        block.attention.projection.bias.zero_()
    return change() == 0 < mixed, f"moves by {mixed:.0e} with attention, {change():.0e} without"


@LEDGER.measured(
    "A square matrix loads the wrong way round without an error, and the logits are wrong.",
    stands="All shapes fit, so all of them load SmolLM2's weights",
    refuted_by="an error, or logits that differ by less than 0.01",
    variations={f"seed {seed}": {"seed": seed} for seed in range(3)}
    | {
        "width 32": {"seed": 0, "width": 32},
        "one block": {"seed": 0, "n_layers": 1},
    },
)
@torch.no_grad()
def transposed_loads(seed: int, width: int = 48, n_layers: int = 3) -> tuple[bool, str]:
    config = GPTConfig(300, 32, width, n_layers, 4)
    generator = torch.Generator().manual_seed(seed)
    right, wrong = GPT(config, generator), GPT(config)
    for parameter in right.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    state = right.state_dict()
    for i in range(n_layers):
        name = f"blocks.{i}.attention.projection.weight"
        state[name] = state[name].T
    wrong.load_state_dict(state)
    ids = torch.randint(300, (4, 32), generator=generator)
    apart = (right(ids) - wrong(ids)).abs().max().item()
    return apart > 0.01, f"loads; largest difference {apart:.2f}"


@LEDGER.measured(
    "The error of GELU's approximation, small in one place, shows in the logits.",
    stands="approximation is small, yet the logits show it",
    refuted_by="logits that differ by less than ten times the 0.00001 within which weights carried "
    "over exactly agree",
    was="Small, yet it adds up over layers. (In one of six networks twelve blocks differed by less "
    "than two: the last norm hides the rest.)",
    variations={f"seed {seed}": {"seed": seed} for seed in range(4)}
    | {"width 64": {"seed": 0, "width": 64}, "24 blocks": {"seed": 0, "n_layers": 24}},
)
@torch.no_grad()
def gelu_shows(seed: int, width: int = 48, n_layers: int = 12) -> tuple[bool, str]:
    def difference(blocks: int) -> float:
        generator = torch.Generator().manual_seed(seed)
        model = GPT(GPTConfig(300, 32, width, blocks, 4), generator)
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        ids = torch.randint(300, (4, 32), generator=generator)
        before = model(ids)
        for block in model.blocks:
            block.mlp[1] = nn.GELU()
        return (model(ids) - before).abs().max().item()

    few, many = difference(2), difference(n_layers)
    return min(few, many) > 1e-4, f"2 blocks {few:.4f}, {n_layers} blocks {many:.4f}"


# What the additions are for


class Wiring(NamedTuple):
    """Which of a block's additions are kept."""

    around_attention: bool
    around_mlp: bool


BOTH, ATTENTION, MLP, NONE = (
    Wiring(True, True),
    Wiring(True, False),
    Wiring(False, True),
    Wiring(False, False),
)


class _Rewired(Block):
    """A block of another wiring."""

    wiring = BOTH

    def forward(self, x: Tensor, cache=None) -> Tensor:
        around_attention, around_mlp = self.wiring
        x = around_attention * x + self.attention(self.attention_norm(x), cache)
        return around_mlp * x + self.mlp(self.mlp_norm(x))


def _network(
    wiring: Wiring,
    n_layers: int,
    seed: int,
    width: int = 64,
    n_heads: int = 4,
    initial: str = "GPT-2",
) -> GPT:
    """Return a small GPT of such blocks, with GPT-2's initial weights or PyTorch's usual ones."""
    torch.manual_seed(seed)
    gpt = GPT(GPTConfig(8, 16, width, n_layers, n_heads))
    blocks = nn.ModuleList(_Rewired(gpt.config) for _ in range(n_layers))
    if initial == "GPT-2":
        blocks.load_state_dict(gpt.blocks.state_dict())
    gpt.blocks = blocks
    for block in blocks:
        block.wiring = wiring
    return gpt


def _look_two_back(generator: torch.Generator, length: int = 8) -> tuple[Tensor, Tensor]:
    ids = torch.randint(8, (32, length), generator=generator)
    targets = ids.roll(2, dims=1)
    targets[:, :2] = -100
    return ids, targets


class Newborn(NamedTuple):
    """Norms of gradients before training, and the distance of two tokens at the end."""

    mlp: float
    first: float
    last: float
    apart: float


@cache
def _at_birth(
    wiring: Wiring, n_layers: int, seed: int, length: int = 8, **options: float | str
) -> Newborn:
    """Measure one network; `first` and `last` are the queries and keys of these blocks."""
    gpt, end = _network(wiring, n_layers, seed, **options), []
    ids, targets = _look_two_back(torch.Generator().manual_seed(seed + 1), length)
    gpt.final_norm.register_forward_pre_hook(lambda _, inputs: end.append(inputs[0].detach()))
    next_token_loss(gpt(ids), targets).backward()
    width = gpt.config.width
    mlp = gpt.blocks[0].mlp[0].weight.grad.norm().item()
    first, last = (
        gpt.blocks[i].attention.qkv.weight.grad[: 2 * width].norm().item() for i in (0, -1)
    )
    normed = F.layer_norm(end[0], (width,))
    apart = (normed[:, -1] - normed[:, -3]).norm(dim=-1).mean().item() / math.sqrt(width)
    return Newborn(mlp, first, last, apart)


def _times(more: float, less: float) -> float:
    """Return by which factor one gradient is larger; the smaller one may have vanished."""
    return more / max(less, 1e-30)


_BIRTHS = {f"seed {seed}": {"seed": seed, "n_layers": 16} for seed in range(5, 9)} | {
    "12 blocks": {"seed": 5, "n_layers": 12},
    "24 blocks": {"seed": 5, "n_layers": 24},
    "width 32": {"seed": 5, "n_layers": 16, "width": 32},
    "width 128": {"seed": 5, "n_layers": 16, "width": 128},
    "one head": {"seed": 5, "n_layers": 16, "n_heads": 1},
    "16 tokens": {"seed": 5, "n_layers": 16, "length": 16},
    "PyTorch's initial weights": {"seed": 5, "n_layers": 16, "initial": "PyTorch"},
}


@LEDGER.measured(
    "Without the additions the tokens of a deep network become alike.",
    stands="Without the additions the tokens of a deep network become alike",
    refuted_by="a distance of two tokens that is more than a quarter of that with both additions",
    variations=_BIRTHS,
)
def tokens_become_alike(**network: int | str) -> tuple[bool, str]:
    both, none = _at_birth(BOTH, **network).apart, _at_birth(NONE, **network).apart
    return none < both / 4, f"distance {both:.2g} with both, {none:.2g} with none"


@LEDGER.measured(
    "Without the additions queries and keys lose their gradient: it is ten times smaller at least, "
    "in the first block and in the last.",
    stands=(
        "and the weights that decide where to look lose their gradient",
        "that of queries did, and with it the difference between tokens",
        "all but lose their gradient, the more the",
    ),
    refuted_by="a gradient of queries and keys less than ten times smaller in first or last block",
    variations=_BIRTHS,
)
def queries_and_keys_die(**network: int | str) -> tuple[bool, str]:
    both, none = _at_birth(BOTH, **network), _at_birth(NONE, **network)
    first, last = _times(both.first, none.first), _times(both.last, none.last)
    return min(first, last) > 10, f"{first:.2g} times smaller in the first, {last:.2g} in the last"


@LEDGER.measured(
    "The MLP of the first block keeps its gradient without the additions, where there are norms.",
    stands=(
        "Those of the MLP keep theirs: look at more than one",
        "With norms the MLP's did not",
    ),
    refuted_by="a gradient of the first block's MLP ten times smaller or more",
    variations=_BIRTHS,
)
def the_mlp_lives(**network: int | str) -> tuple[bool, str]:
    ratio = _times(_at_birth(BOTH, **network).mlp, _at_birth(NONE, **network).mlp)
    return ratio < 10, f"{ratio:.2g} times smaller"


@LEDGER.measured(
    "The addition around the MLP alone keeps tokens apart far less than the one around attention, "
    "and that one less than both.",
    stands="the addition around the MLP alone helps far less than the one around",
    refuted_by="tokens at least half as far apart with the addition around the MLP as with the one "
    "around attention, or with that one as with both",
    was="The addition around the MLP alone helps no more than none. (By half or more in five of "
    "twelve networks, where the one around attention helps a hundredfold.)",
    variations=_BIRTHS | {"8 blocks": {"seed": 5, "n_layers": 8}},
)
def it_is_the_averaging(**network: int | str) -> tuple[bool, str]:
    both, attention, mlp, none = (
        _at_birth(wiring, **network).apart for wiring in (BOTH, ATTENTION, MLP, NONE)
    )
    held = mlp < attention / 2 < both / 4
    return held, f"both {both:.2g}, attention {attention:.2g}, MLP {mlp:.2g}, none {none:.2g}"


@LEDGER.measured(
    "Tokens ten times more alike give queries and keys a hundred times less gradient, and values "
    "the same.",
    stands="Ten times more alike, a hundred times less gradient",
    refuted_by="from a tenth of the differences to a hundredth: a factor outside 50 to 200 for "
    "queries and keys, or outside 0.9 to 1.1 for values",
    variations={f"seed {seed}": {"seed": seed} for seed in range(1, 5)}
    | {
        "width 16": {"seed": 0, "width": 16},
        "one head": {"seed": 0, "n_heads": 1},
        "32 tokens": {"seed": 0, "length": 32},
    },
)
def alike_no_gradient(
    seed: int, width: int = 64, n_heads: int = 4, length: int = 8
) -> tuple[bool, str]:
    torch.manual_seed(seed)
    attention = CausalSelfAttention(width, n_heads, context=length).double()
    common, own, wanted = (torch.randn(1, n, width).double() for n in (1, length, length))
    norms = []
    for share in (0.1, 0.01):
        attention.zero_grad()
        (attention(common + share * own) * wanted).sum().backward()
        gradient = attention.qkv.weight.grad
        norms.append((gradient[: 2 * width].norm().item(), gradient[2 * width :].norm().item()))
    queries_keys, values = (more / less for more, less in zip(*norms, strict=True))
    held = 50 < queries_keys < 200 and 0.9 < values < 1.1
    return held, f"queries and keys {queries_keys:.0f} times less, values {values:.2f}"


def _learn(
    wiring: Wiring, n_layers: int, seed: int, steps: int = 100, lr: float = 2e-3, **options: str
) -> float:
    """Return the mean loss of the last ten steps of training on *look two back*."""
    gpt, generator = _network(wiring, n_layers, seed, **options), torch.Generator()
    generator.manual_seed(seed + 1)
    optimizer = torch.optim.AdamW(gpt.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        ids, targets = _look_two_back(generator)
        loss = next_token_loss(gpt(ids), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-10:]) / 10


_LESSONS = {f"seed {seed}": {"seed": seed} for seed in range(3, 6)} | {
    "12 blocks": {"seed": 0, "n_layers": 12},
    "half the learning rate": {"seed": 0, "lr": 1e-3, "steps": 150},
    "width 32": {"seed": 0, "width": 32, "steps": 150},
    "PyTorch's initial weights": {"seed": 0, "initial": "PyTorch"},
}


@LEDGER.measured(
    "In 100 steps a deep network learns to look back with both additions; with none it stays at "
    "chance.",
    stands="With eight, only the network with both additions does",
    refuted_by="a loss above 0.5 with both, or below 1.9 of 2.08 nats with none",
    variations=_LESSONS,
    quick=IN_NOTEBOOK,
)
def only_both_learn(seed: int, n_layers: int = 8, **options: float | str) -> tuple[bool, str]:
    both, none = (_learn(wiring, n_layers, seed, **options) for wiring in (BOTH, NONE))
    return both < 0.5 and none > 1.9, f"loss {both:.2f} with both, {none:.2f} with none"


@LEDGER.measured(
    "In 100 steps one addition is not enough for eight blocks to learn.",
    stands="the others stay at chance",
    refuted_by="a loss below 1.9 of 2.08 nats",
    variations={
        f"{name}, seed {seed}": {"wiring": wiring, "seed": seed}
        for name, wiring in (("around attention", ATTENTION), ("around the MLP", MLP))
        for seed in (3, 4)
    },
    quick=IN_NOTEBOOK,
)
def one_is_not_enough(wiring: Wiring, seed: int) -> tuple[bool, str]:
    loss = _learn(wiring, 8, seed)
    return loss > 1.9, f"loss {loss:.2f}"


# A newborn's forecasts


class Exam(NamedTuple):
    """Confidence, guess and what came (N,), whether it was right, and the mean loss in nats."""

    sure: Tensor
    guess: Tensor
    right: Tensor
    loss: float


def _exam(logits: Tensor, ids: Tensor) -> Exam:
    log_probs = logits.log_softmax(dim=-1)
    confidence, guess = log_probs.exp().max(dim=-1)
    right = guess == ids[:, 1:]
    loss = next_token_loss(log_probs, ids[:, 1:]).item()
    return Exam(confidence.flatten(), guess.flatten(), right.flatten(), loss)


@cache
def _windows(kind: str, context: int = 64) -> Tensor:
    """Return one window of each text of a kind: token ids (W, context + 1)."""
    if kind == "prose":
        texts = [d.text for d in reference_documents(stable=True) + dataset_descriptions()]
    elif kind == "prose, later":
        documents = reference_documents(stable=True) + dataset_descriptions()
        texts = [d.text[1000:] for d in documents if len(d.text) > 1600]
    else:
        texts = [d.text[2000:] for d in source_documents()]
    return llm.token_windows(lm(), texts, context=context, per_text=1)[0]


@cache
@torch.inference_mode()
def _newborn_exam(
    kind: str, seed: int, width: int = 64, n_layers: int = 4, tied: bool = True
) -> Exam:
    V = len(lm().tokenizer)
    config = GPTConfig(V, 64, width, n_layers, 4, tie_weights=tied)
    ids = _windows("prose" if kind == "random" else kind)
    if kind == "random":
        ids = torch.randint(V, ids.shape, generator=torch.Generator().manual_seed(seed + 1))
    return _exam(GPT(config, torch.Generator().manual_seed(seed))(ids[:, :-1]), ids)


@cache
@torch.inference_mode()
def _trained_exam(kind: str) -> Exam:
    ids = _windows(kind)
    return _exam(lm().model(ids[:, :-1]).logits, ids)


@LEDGER.measured(
    "A newborn GPT gives every token about 1/V: its loss is about ln V, and its best guess claims "
    "about twice 1/V.",
    stands=(
        "A newborn GPT knows nothing",
        "The newborn claims twice that",
    ),
    refuted_by="a loss more than 0.1 nats from ln V, or a confidence outside 1.5 to 3 times 1/V",
    variations={
        f"seed {seed}, {kind}": {"seed": seed, "kind": kind}
        for seed, kind in enumerate(("random", "prose", "code", "random"), start=1)
    }
    | {
        "two blocks": {"seed": 1, "kind": "random", "n_layers": 2},
        "own head": {"seed": 1, "kind": "random", "tied": False},
    },
    quick=IN_NOTEBOOK,
)
def newborn_is_even(kind: str, seed: int, **options: int) -> tuple[bool, str]:
    exam, V = _newborn_exam(kind, seed, **options), len(lm().tokenizer)
    above, times = exam.loss - math.log(V), exam.sure.mean().item() * V
    return abs(above) < 0.1 and 1.5 < times < 3, f"loss ln V {above:+.3f}, {times:.1f} times 1/V"


@LEDGER.measured(
    "On the same text the newborn's ECE is no larger than SmolLM2's, whose loss is less than half.",
    stands="and on the same text its ECE was no larger than that of a trained",
    refuted_by="a larger ECE of the newborn, or a loss of SmolLM2 above half of the newborn's",
    variations={
        "seed 1": {"seed": 1},
        "later in the texts": {"kind": "prose, later"},
        "code": {"kind": "code"},
        "30 bins": {"n_bins": 30},
        "5 bins": {"n_bins": 5},
        "bins of equal mass": {"binning": "quantile"},
        "two blocks, seed 2": {"seed": 2, "n_layers": 2},
    },
    quick=IN_NOTEBOOK,
)
def calibrated_and_useless(
    kind: str = "prose", seed: int = 0, n_layers: int = 4, **bins: int | str
) -> tuple[bool, str]:
    newborn, trained = _newborn_exam(kind, seed, n_layers=n_layers), _trained_exam(kind)
    ece = [
        float(cal.expected_calibration_error(exam.sure, exam.right, **bins))
        for exam in (newborn, trained)
    ]
    held = ece[0] <= ece[1] and trained.loss < newborn.loss / 2
    return held, f"ECE newborn {ece[0]:.3f}, SmolLM2 {ece[1]:.3f}; loss {trained.loss:.1f}"


@LEDGER.measured(
    "What a newborn gets right on real text is an echo: the token it has just read comes again; "
    "with a head of its own it has no echo.",
    stands="No knowledge: an echo.",
    refuted_by="less than 90 % of right answers that repeat the last token; or, with a head of "
    "its own, more than ten times chance right",
    variations={f"seed {seed}": {"seed": seed} for seed in (1, 2)}
    | {
        "code": {"seed": 0, "kind": "code"},
        "later in the texts": {"seed": 0, "kind": "prose, later"},
        "head of its own": {"seed": 0, "tied": False},
        "head of its own, code": {"seed": 1, "kind": "code", "tied": False},
    },
    quick=IN_NOTEBOOK,
)
def an_echo(seed: int, kind: str = "prose", tied: bool = True) -> tuple[bool, str]:
    exam, ids = _newborn_exam(kind, seed, tied=tied), _windows(kind)
    share = exam.right.double().mean().item()
    if not tied:
        return share < 10 / len(lm().tokenizer), f"own head: {share:.4f} right"
    echoes = exam.guess == ids[:, :-1].flatten()
    of_right = ((exam.right & echoes).sum() / exam.right.sum()).item()
    return of_right >= 0.9, f"{share:.3f} right, {of_right:.2f} of them repetitions"


# Inside SmolLM2


@torch.inference_mode()
def _stream(ids: Tensor) -> Tensor:
    """Return the stream of texts (B, T) after the embedding and each block: (31, B, T, width)."""
    last: list[Tensor] = []
    model = lm().model
    hook = model.model.norm.register_forward_pre_hook(lambda _, inputs: last.append(inputs[0]))
    states = model(ids, output_hidden_states=True).hidden_states
    hook.remove()
    return torch.stack([*states[:-1], last[0]])


@torch.inference_mode()
def _lens(stream: Tensor) -> Tensor:
    return lm().model.lm_head(lm().model.model.norm(stream)).softmax(dim=-1)


@cache
def _ratios(text: str) -> Tensor:
    """Return the length of the first token's vector over the median of the others (31,)."""
    ids = lm().tokenizer(text, return_tensors="pt").input_ids
    length = _stream(ids)[:, 0].norm(dim=-1)
    return length[:, 0] / length[:, 1:].median(dim=1).values


_EACH_TEXT = {name: {"text": text} for name, text in TEXTS.items() if name != "the cat"} | {
    "first token ' dog'": {"text": " dog" + TEXTS["the cat"][3:]},
    "numbers": {"text": "7 31 4 98 12 55 6 20 77 3 41 86 9"},
    "twice as long": {"text": " ".join(2 * [TEXTS["the train"]])},
}


@LEDGER.measured(
    "The first token's vector is a giant after block 12, more than a hundred times as long as the "
    "others', and shrinks beside them towards the end.",
    stands=("Block 12 makes it a giant", "Another sentence gives the same picture"),
    refuted_by="less than a hundred times after block 12, or more than half of it after block 28, "
    "or more than twenty times after the last",
    variations=_EACH_TEXT,
    quick=IN_NOTEBOOK,
)
def a_giant(text: str) -> tuple[bool, str]:
    ratio = _ratios(text)
    held = ratio[12] > 100 and ratio[28] < ratio[12] / 2 and ratio[30] < 20
    return bool(
        held
    ), f"{ratio[12]:.0f} times after 12, {ratio[28]:.0f} after 28, {ratio[30]:.0f} last"


@LEDGER.measured(
    "After a short prompt for a fact, the final guess leads only in the last blocks.",
    was="The answer wins only in the last blocks. (After *Monday, Tuesday, Wednesday,* the guess "
    "*and* leads from block 20 on.)",
    stands="wins only after the very last block",
    refuted_by="a best guess of the model that leads before block 27",
    variations={
        f"of {country}": {"prompt": f"The capital of {country} is"}
        for country in ("France", "Italy", "Japan", "Russia", "Germany", "Egypt", "Spain")
    }
    | {
        "opposite": {"prompt": "The opposite of hot is"},
        "chat": {
            "prompt": "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
            "<|im_start|>assistant\nThe capital of France is"
        },
    },
    quick=IN_NOTEBOOK,
)
def answers_win_late(prompt: str) -> tuple[bool, str]:
    ids = lm().tokenizer(prompt, return_tensors="pt").input_ids
    best = _lens(_stream(ids)[:, 0, -1]).argmax(dim=-1)
    wins = 30
    while wins > 0 and best[wins - 1] == best[30]:
        wins -= 1
    return wins >= 27, f"{lm().tokenizer.decode([int(best[30])])!r} leads from block {wins} on"


@cache
def _by_depth(kind: str, context: int, chat: bool) -> dict[int, tuple[float, float, float]]:
    """Return mean confidence, accuracy and nats of the lens, by depth."""
    ids = _windows(kind, context)[:16]
    if chat:
        head = lm().tokenizer("<|im_start|>user\n", return_tensors="pt").input_ids
        ids = torch.cat((head.expand(len(ids), -1), ids), dim=1)
    stream, came = _stream(ids[:, :-1])[:, :, ::4], ids[:, 1::4]
    found = {}
    for depth in (12, 15, 18, 27, 30):
        probs = _lens(stream[depth])
        confidence, best = probs.max(dim=-1)
        nats = -probs.gather(-1, came[..., None]).clamp_min(1e-30).log().mean()
        right = (best == came).double().mean()
        found[depth] = (confidence.mean().item(), right.item(), nats.item())
    return found


@LEDGER.measured(
    "Read through the model's own head, the middle of SmolLM2 is surer than its end and hardly "
    "ever right; its loss there is worse than that of an even guess.",
    stands=(
        "the middle of a trained one is very sure and wrong",
        "Halfway the lens is surer than at the end, and hardly ever",
    ),
    refuted_by="halfway: a confidence not above that at the end, an accuracy above a quarter of "
    "that at the end, or a loss below ln 49,152",
    variations={
        "prose, 96 tokens": {},
        "later in the texts": {"kind": "prose, later"},
        "code": {"kind": "code"},
        "as a chat": {"chat": True},
        "24 tokens": {"context": 24},
        "block 12": {"depth": 12},
        "block 18": {"depth": 18},
    },
    quick=IN_NOTEBOOK,
)
def sure_and_wrong_halfway(
    kind: str = "prose", context: int = 96, chat: bool = False, depth: int = 15
) -> tuple[bool, str]:
    by_depth = _by_depth(kind, context, chat)
    (sure, right, nats), (end_sure, end_right, _) = by_depth[depth], by_depth[30]
    held = sure > end_sure and right < end_right / 4 and nats > math.log(49_152)
    found = f"halfway {sure:.2f} sure, {right:.2f} right; end {end_sure:.2f}, {end_right:.2f}"
    return held, f"{found}; {nats:.0f} nats halfway"


# Which errors are silent


class _WithMean(nn.RMSNorm):
    """The norm that takes the mean away, as GPT-2's does, with weights that expect it to stay."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(dim=-1, keepdim=True))


@torch.no_grad()
def _broken(part: str, block: int = 15) -> Llama:
    """Return SmolLM2 in our Llama with one part wrong."""
    model = Llama.from_transformers(lm().model)
    config = model.config
    head_width = config.width // config.n_heads
    if part == "base of 10,000":
        model.cos, model.sin = rotary_angles(config.context, head_width, 10_000.0)
    if part == "one matrix transposed":
        weight = model.blocks[block].attention.projection.weight
        weight.copy_(weight.T.clone())
    tiled = (
        torch.arange(config.n_heads).view(-1, config.n_kv_heads).T.flatten()
    )  # 0 3 6 1 4 7 2 5 8
    for layer in model.blocks:
        if part == "heads tiled":  # moves the queries instead of the keys, and their outputs back
            query, projection = layer.attention.query.weight, layer.attention.projection.weight
            query.copy_(query.view(-1, head_width, config.width)[tiled].flatten(0, 1))
            moved = projection.view(config.width, -1, head_width)[:, tiled]
            projection.copy_(moved.flatten(1))
        if part == "mean taken away":
            for norm in (layer.attention_norm, layer.mlp_norm):
                norm.__class__ = _WithMean
    return model


def _cost(part: str, kind: str, block: int = 15) -> tuple[float, float]:
    """Return by how many nats a token the loss rises, and the largest difference of a logit."""
    ids = _windows(kind, 48)[:12]
    with torch.inference_mode():
        right = lm().model(ids[:, :-1]).logits
        wrong = _broken(part, block)(ids[:, :-1])
    rise = next_token_loss(wrong, ids[:, 1:]) - next_token_loss(right, ids[:, 1:])
    return rise.item(), (wrong - right).abs().max().item()


@LEDGER.measured(
    "A base from another model, a norm that takes the mean away or one transposed matrix costs "
    "SmolLM2 less than half a nat a token, although logits are off by more than one.",
    stands=(
        "or the wrong norm raise the loss by about a tenth of a nat",
        '*"It loads, it runs, it writes English: so it is right."*',
        "A model with one wrong part may load, run and write English",
    ),
    refuted_by="a rise outside 0 to 0.5 nats, or a largest difference of a logit below one",
    variations={
        f"{part}, {kind}": {"part": part, "kind": kind}
        for part in ("base of 10,000", "mean taken away", "one matrix transposed")
        for kind in ("prose, later", "code")
    }
    | {
        f"block {block} transposed": {
            "part": "one matrix transposed",
            "kind": "prose",
            "block": block,
        }
        for block in (5, 25)
    },
    quick=IN_NOTEBOOK,
)
def silent_errors(part: str, kind: str, block: int = 15) -> tuple[bool, str]:
    rise, off = _cost(part, kind, block)
    return 0 < rise < 0.5 and off > 1, f"{rise:+.2f} nats, logits off by up to {off:.1f}"


@LEDGER.measured(
    "With heads of keys and values laid side by side the wrong way, SmolLM2 writes nonsense.",
    stands="Tiled heads write nonsense",
    refuted_by="a rise of less than 4 nats a token",
    variations={kind: {"kind": kind} for kind in ("prose", "prose, later", "code")},
    quick=IN_NOTEBOOK,
)
def tiled_heads(kind: str) -> tuple[bool, str]:
    rise, _ = _cost("heads tiled", kind)
    return rise > 4, f"{rise:+.2f} nats"


# Reading the middle with a translator


class Reading(NamedTuple):
    """Mean KL from the model's own answer (nats), mean confidence and share right, of a lens."""

    kl: float
    sure: float
    right: float


def _translator(x: Tensor, y: Tensor, ridge: float) -> Callable[[Tensor], Tensor]:
    """Return the affine map from x (N, d) to y (N, d) of the least squared error, with a ridge."""
    mean, spread = x.mean(dim=0), x.std(dim=0)
    X, Y = (x - mean) / spread, y - y.mean(dim=0)
    A = torch.linalg.solve(X.T @ X + ridge * len(X) * torch.eye(X.shape[1]), X.T @ Y)
    return lambda states: (states - mean) / spread @ A + y.mean(dim=0)


@cache
@torch.inference_mode()
def _states(kind: str, parity: int, per_text: int = 3) -> tuple[Tensor, Tensor]:
    """Return the stream (31, W, 96, width) of every second text of a kind, and its ids (W, 97)."""
    if kind == "prose":
        texts = [d.text for d in reference_documents(stable=True) + dataset_descriptions()]
    else:
        texts = [d.text[2000:] for d in source_documents()]
    ids = llm.token_windows(lm(), texts[parity::2], context=96, per_text=per_text)[0]
    return _stream(ids[:, :-1]), ids


@cache
@torch.inference_mode()
def _lenses(
    depth: int,
    learn: str = "prose",
    measure: str = "prose",
    parity: int = 0,
    per_text: int = 3,
    ridge: float = 0.1,
    shuffled: bool = False,
) -> tuple[Reading, Reading, Reading]:
    """Return what logit lens and translator read at a depth, and the model itself at its end."""
    head, norm = lm().model.lm_head, lm().model.model.norm
    notes = _states(learn, parity, per_text)[0][:, :, 1:].flatten(1, 2)
    end = norm(notes[-1])
    if shuffled:
        end = end[torch.randperm(len(end), generator=torch.Generator().manual_seed(0))]
    translate = _translator(notes[depth], end, ridge)
    stream, ids = _states(measure, 1 - parity, 2)
    states, came = stream[:, :, 5::12].flatten(1, 2), ids[:, 6::12].flatten()
    final = head(norm(states[-1])).log_softmax(dim=-1)

    def read(log_probs: Tensor) -> Reading:
        confidence, best = log_probs.exp().max(dim=-1)
        kl = (final.exp() * (final - log_probs)).sum(dim=-1).mean().item()
        return Reading(kl, confidence.mean().item(), (best == came).double().mean().item())

    logit = head(norm(states[depth])).log_softmax(dim=-1)
    tuned = head(translate(states[depth])).log_softmax(dim=-1)
    return read(logit), read(tuned), read(final)


_READINGS = {
    "halves of the texts exchanged": {"depth": 15, "parity": 1},
    "block 10": {"depth": 10},
    "block 20": {"depth": 20},
    "block 24": {"depth": 24},
    "a third of the ridge": {"depth": 15, "ridge": 0.03},
    "a third of the windows": {"depth": 15, "per_text": 1},
    "measured on code": {"depth": 15, "measure": "code"},
    "all on code": {"depth": 15, "learn": "code", "measure": "code"},
}


@LEDGER.measured(
    "An affine translator, fitted by least squares on other texts, loses less than a third of what "
    "the logit lens loses in the middle; one of shuffled tokens loses more than it.",
    stands=("a sixth or less of what the logit lens loses",),
    refuted_by="a KL above a third of the logit lens's; or, as a control, one of shuffled tokens "
    "that is not above that of the translator",
    variations=_READINGS,
    quick=IN_NOTEBOOK,
)
def a_translator_reads_more(depth: int, **options: str | float) -> tuple[bool, str]:
    logit, tuned, _ = _lenses(depth, **options)
    control = _lenses(depth, shuffled=True, **options)[1]
    held = tuned.kl < logit.kl / 3 and control.kl > tuned.kl
    return (
        held,
        f"KL logit lens {logit.kl:.2f}, translator {tuned.kl:.2f}, shuffled {control.kl:.2f}",
    )


@LEDGER.measured(
    "Read by a translator the middle is less sure than the end, where the logit lens reads a "
    "middle that is surer.",
    stands=(
        "grows surer with depth, and righter",
        '*"The model is sure of itself halfway up."*',
    ),
    refuted_by="a translator that is at least as sure or as often right as the end, or a logit "
    "lens that is less sure than the end",
    variations=_READINGS,
    quick=IN_NOTEBOOK,
)
def surer_with_depth(depth: int, **options: str | float) -> tuple[bool, str]:
    logit, tuned, end = _lenses(depth, **options)
    held = tuned.sure < end.sure < logit.sure and tuned.right < end.right
    found = f"sure: translator {tuned.sure:.2f}, end {end.sure:.2f}, logit lens {logit.sure:.2f}"
    return held, f"{found}; right {tuned.right:.2f}, {end.right:.2f}"


LEDGER.withdrawn(
    "Read by a translator, the answer leads earlier than through the logit lens.",
    found="So it does after *The capital of France is*, from block 26 on, and for Japan, Germany "
    "and Egypt. For Italy, Russia and Spain it leads only after the last block, for both.",
)
