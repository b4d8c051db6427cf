r"""GPT: a stack of identical blocks that turns the tokens so far into a law of the next one.

$$x^{(0)}_t = E_{w_t} + P_t, \qquad
x' = x^{(\ell)} + \mathrm{Attention}(\mathrm{LN}(x^{(\ell)})), \qquad
x^{(\ell+1)} = x' + \mathrm{MLP}(\mathrm{LN}(x')),$$
$$P(w_{t+1} \mid w_1 \dots w_t) = \mathrm{softmax}\big(E \, \mathrm{LN}(x^{(L)}_t)\big).$$

Attention lets tokens exchange information, the fully connected layers (MLP) work on each alone,
and both only ever *add* to the residual stream $x$. With learned positions this is exactly GPT-2
(Radford et al. 2019), and `from_transformers` / `to_transformers` carry its weights over and back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit._checks import as_count
from coursekit.lm.attention import CausalSelfAttention, KeyValueCache, check_context, check_heads
from coursekit.lm.positional import sinusoidal

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

Positions = Literal["learned", "sinusoidal", "rotary", "alibi", "none"]
INITIAL_STD = 0.02  # of GPT-2's weights


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a GPT.

    Args:
        vocab_size: Number of tokens it knows.
        context: The largest number of tokens it reads at once.
        width: Width of the residual stream, a multiple of n_heads.
        n_layers: Number of blocks.
        n_heads: Number of attention heads in each.
        dropout: Probability of dropping an activation in training.
        positions: "learned" (GPT-2), "sinusoidal", "rotary", "alibi" or "none".
        tie_weights: Use the embedding of the tokens to predict them, too.
        eps: Added to the variance in layer normalisation.

    Raises:
        TypeError: If a size is not a whole number.
        ValueError: If a value is out of its range.

    Example:
        >>> config = GPTConfig(vocab_size=256, context=64, width=32, n_layers=2, n_heads=4)
        >>> config.positions, config.tie_weights
        ('learned', True)
    """

    vocab_size: int
    context: int
    width: int
    n_layers: int
    n_heads: int
    dropout: float = 0.0
    positions: Positions = "learned"
    tie_weights: bool = True
    eps: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context", "width", "n_layers", "n_heads"):
            object.__setattr__(self, name, as_count(getattr(self, name), name))
        if self.positions not in get_args(Positions):
            raise ValueError(
                f"positions must be one of {get_args(Positions)}, found {self.positions!r}."
            )
        check_heads(self.width, self.n_heads, rotary=self.positions == "rotary")
        if self.positions == "sinusoidal" and self.width % 2:
            raise ValueError(f"width must be even for sinusoidal positions, found {self.width}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be a probability in [0, 1), found {self.dropout}.")
        if not 0 < self.eps < math.inf:
            raise ValueError(f"eps must be a small positive number, found {self.eps}.")


class Block(nn.Module):
    """Attention, then fully connected layers; each reads the normalised stream and adds to it.

    Args:
        config: The shape of the GPT that it is a part of.

    Example:
        >>> block = Block(GPTConfig(vocab_size=256, context=64, width=32, n_layers=2, n_heads=4))
        >>> tuple(block(torch.randn(1, 5, 32)).shape)
        (1, 5, 32)
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        width = config.width
        in_attention = config.positions if config.positions in ("rotary", "alibi") else "none"
        self.attention_norm = nn.LayerNorm(width, config.eps)
        self.attention = CausalSelfAttention(
            width, config.n_heads, config.context, config.dropout, in_attention
        )
        self.mlp_norm = nn.LayerNorm(width, config.eps)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(approximate="tanh"),
            nn.Linear(4 * width, width),
            nn.Dropout(config.dropout),
        )

    def forward(self, x: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Add to the residual stream `(B, T, width)` what this block has to say."""
        x = x + self.attention(self.attention_norm(x), cache)
        return x + self.mlp(self.mlp_norm(x))


class Shape(Protocol):
    """What whoever asks a model must know of its shape."""

    @property
    def context(self) -> int:
        """The largest number of tokens that it reads at once."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens that it knows."""


class Decoder(nn.Module):
    """What a `GPT` and a `Llama` have in common: blocks, and a cache by which they read once.

    `generate`, `beam_search`, `speculate` and `sequence_logits` know such a model by it.
    """

    config: Shape
    blocks: nn.ModuleList

    def new_cache(self, capacity: int | None = None) -> list[KeyValueCache]:
        """Return an empty cache for one batch: an entry a layer, room for `capacity` tokens."""
        tokens = self.config.context if capacity is None else capacity
        return [KeyValueCache(tokens) for _ in self.blocks]


class GPT(Decoder):
    """A decoder-only transformer, initialised as GPT-2.

    Args:
        config: Its shape.
        generator: Source of the initial weights; PyTorch's global one if None.

    Example:
        >>> config = GPTConfig(vocab_size=256, context=64, width=32, n_layers=2, n_heads=4)
        >>> model = GPT(config, torch.Generator().manual_seed(0))
        >>> logits = model(torch.tensor([[72, 105, 33]]))
        >>> tuple(logits.shape)
        (1, 3, 256)
    """

    config: GPTConfig
    position_table: Tensor

    def __init__(self, config: GPTConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        if config.positions == "learned":
            self.position_embedding = nn.Embedding(config.context, config.width)
        elif config.positions == "sinusoidal":
            table = sinusoidal(config.context, config.width)
            self.register_buffer("position_table", table, persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.final_norm = nn.LayerNorm(config.width, config.eps)
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)
        if config.tie_weights:
            self.head.weight = self.token_embedding.weight
        self._initialise(generator)

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator | None) -> None:
        for name, parameter in self.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(1.0 if name.endswith("norm.weight") else 0.0)
                continue
            std = INITIAL_STD
            if name.endswith(("attention.projection.weight", "mlp.2.weight")):
                # 2 n_layers such terms are added up in the residual stream: keep their sum small
                std /= math.sqrt(2 * self.config.n_layers)
            parameter.normal_(std=std, generator=generator)

    def forward(
        self, ids: Tensor, cache: list[KeyValueCache] | None = None, last_only: bool = False
    ) -> Tensor:
        """Return logits of the token that follows each position.

        Args:
            ids: Token ids `(B, T)`, int64 or int32. Their range is checked where that is free of
                synchronisation, on the CPU.
            cache: From `new_cache`: what was read before. The T tokens follow it, and join it.
            last_only: Only the last position's logits, which is all that generation needs.

        Returns:
            Logits `(B, T, vocab_size)`; `(B, 1, vocab_size)` with `last_only`.

        Raises:
            TypeError: If ids are not integers.
            ValueError: If ids are not `(B, T)`, empty, out of range, or more than the context.
        """
        check_cache(cache, len(self.blocks))
        start = cache[0].length if cache else 0
        check_ids(ids, self.config.vocab_size, self.config.context, start)
        x = self.token_embedding(ids)
        end = start + ids.shape[1]
        if self.config.positions == "learned":
            x = x + self.position_embedding.weight[start:end]
        elif self.config.positions == "sinusoidal":
            # as in Vaswani et al. 2017: scaled up, or the table would drown the young embeddings
            x = x * math.sqrt(self.config.width) + self.position_table[start:end]
        x = self.dropout(x)
        for layer, block in enumerate(self.blocks):
            x = block(x, cache[layer] if cache else None)
        if last_only:
            x = x[:, -1:]
        return self.head(self.final_norm(x))

    @classmethod
    def from_transformers(cls, model: GPT2LMHeadModel) -> GPT:
        """Return our GPT with the weights of a GPT-2 of transformers.

        The weights are copied; dtype and device stay.

        Raises:
            TypeError: If the model is not a GPT2LMHeadModel.
            ValueError: If its configuration is a variant that this GPT does not have.
        """
        config = _config_from_transformers(model)
        weight = model.transformer.wte.weight
        ours = cls(config).to(device=weight.device, dtype=weight.dtype)
        theirs = model.state_dict()
        ours.load_state_dict(
            {name: _exchange(name, theirs[_their_name(name)]) for name in ours.state_dict()}
        )
        return ours.train(model.training)

    def to_transformers(self) -> GPT2LMHeadModel:
        """Return a GPT2LMHeadModel with these weights (copied; same dtype and device).

        Special token ids are the tokenizer's business, and are left unset.

        Raises:
            ValueError: If positions are not learned: GPT-2 knows no others.
        """
        from transformers import GPT2Config, GPT2LMHeadModel

        config = self.config
        if config.positions != "learned":
            raise ValueError(
                f"positions must be 'learned' to hand the model over, found {config.positions!r}. "
                "GPT-2 knows no others."
            )
        settings = GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.context,
            n_embd=config.width,
            n_layer=config.n_layers,
            n_head=config.n_heads,
            resid_pdrop=config.dropout,
            embd_pdrop=config.dropout,
            attn_pdrop=config.dropout,
            layer_norm_epsilon=config.eps,
            tie_word_embeddings=config.tie_weights,
            bos_token_id=None,
            eos_token_id=None,
        )
        theirs = GPT2LMHeadModel(settings).to(  # type: ignore[call-arg]  # a decorator hides self
            device=self.head.weight.device, dtype=self.head.weight.dtype
        )
        theirs.load_state_dict(
            {_their_name(name): _exchange(name, ours) for name, ours in self.state_dict().items()}
        )
        return theirs.train(self.training)


def check_cache(cache: list[KeyValueCache] | None, n_layers: int) -> None:
    """Refuse a cache that was made for another model.

    Raises:
        ValueError: If it has another number of layers.

    Example:
        >>> check_cache([], n_layers=2)
        Traceback (most recent call last):
        ValueError: cache must have the 2 layers of the model, found 0. Make it with ...
    """
    if cache is not None and len(cache) != n_layers:
        raise ValueError(
            f"cache must have the {n_layers} layers of the model, found {len(cache)}. "
            "Make it with this model's new_cache()."
        )


def check_ids(ids: Tensor, vocab_size: int, context: int, start: int = 0) -> None:
    """Refuse what is not a batch of token ids that fits the model, after `start` read before.

    Raises:
        TypeError: If ids are not integers.
        ValueError: If they are not `(B, T)`, empty, out of range, or more than the context.

    Example:
        >>> check_ids(torch.tensor([[8]]), vocab_size=8, context=4)
        Traceback (most recent call last):
        ValueError: ids must lie in 0 .. vocab_size - 1 = 7, found 8 to 8. Is this the model's ...
    """
    if ids.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"ids must be token ids, int64 or int32, found {ids.dtype}.")
    if ids.ndim != 2 or ids.numel() == 0:
        raise ValueError(
            f"ids must have shape (batch, tokens), not empty, found {tuple(ids.shape)}. "
            "For one sequence, add the batch: ids[None]."
        )
    check_context(start, ids.shape[1], context)
    # Inside `torch.func.vmap` no number can be read; whoever calls it has checked them before.
    traced = torch.compiler.is_compiling() or torch._C._functorch.is_functorch_wrapped_tensor(ids)
    if ids.device.type == "cpu" and not traced:
        low, high = (int(bound) for bound in ids.aminmax())
        if low < 0 or high >= vocab_size:
            raise ValueError(
                f"ids must lie in 0 .. vocab_size - 1 = {vocab_size - 1}, found "
                f"{low} to {high}. Is this the model's own tokenizer?"
            )


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of the tokens that did follow, in nats.

    Args:
        logits: `(B, T, V)`, the model's answer to tokens 0 to T - 1.
        targets: Token ids `(B, T)`: tokens 1 to T. Those equal to -100 do not count.

    Returns:
        A scalar.

    Example:
        >>> uniform = torch.zeros(1, 3, 8)  # log 8 nats, whatever follows
        >>> next_token_loss(uniform, torch.tensor([[5, 0, -100]]))
        tensor(2.0794)
    """
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def parameter_count(config: GPTConfig) -> int:
    """Return how many numbers a GPT learns: V d + C d + L (12 d^2 + 13 d) + 2 d, for tied GPT-2.

    Each block has 4 d^2 in attention, 8 d^2 in the fully connected layers, and 13 d in biases and
    norms. The table of positions (C d) exists only where positions are learned, and an untied head
    is one more V d.

    Example:
        >>> parameter_count(GPTConfig(50257, context=1024, width=768, n_layers=12, n_heads=12))
        124439808
    """
    d, tokens = config.width, config.vocab_size * config.width
    positions = config.context * d if config.positions == "learned" else 0
    head = 0 if config.tie_weights else tokens
    return tokens + positions + config.n_layers * (12 * d**2 + 13 * d) + 2 * d + head


def forward_flops(config: GPTConfig, length: int) -> int:
    """Return the floating-point operations to read one sequence of `length` tokens.

    T (24 L d^2 + 2 d V) + 4 L T^2 d: a multiplication and an addition count as two, the causal half
    that a kernel may skip counts in full, and what is not a matrix product is left out. Training
    costs three times as much: the backward pass has two products for each one forward.

    Reference:
        Kaplan et al. 2020, Scaling laws for neural language models, section 2.1.

    Example:
        >>> gpt2 = GPTConfig(50257, context=1024, width=768, n_layers=12, n_heads=12)
        >>> f"{forward_flops(gpt2, length=1024):.2e}"
        '2.92e+11'
    """
    length = as_count(length, "length")
    d, layers = config.width, config.n_layers
    per_token = 24 * layers * d**2 + 2 * d * config.vocab_size
    return length * per_token + 4 * layers * length**2 * d


_THEIR_NAMES = {
    "token_embedding": "transformer.wte",
    "position_embedding": "transformer.wpe",
    "blocks": "transformer.h",
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.projection": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp.0": "mlp.c_fc",
    "mlp.2": "mlp.c_proj",
    "final_norm": "transformer.ln_f",
    "head": "lm_head",
}


def _their_name(name: str) -> str:
    for ours, theirs in _THEIR_NAMES.items():
        name = name.replace(ours, theirs)
    return name


def _exchange(name: str, weight: Tensor) -> Tensor:
    """GPT-2's layers (`Conv1D`) store (in, out) where `nn.Linear` stores (out, in)."""
    return weight.T if name.startswith("blocks") and weight.ndim == 2 else weight


def _config_from_transformers(model: GPT2LMHeadModel) -> GPTConfig:
    from transformers import GPT2LMHeadModel

    if not isinstance(model, GPT2LMHeadModel):
        raise TypeError(f"model must be a GPT2LMHeadModel, found a {type(model).__name__}.")
    theirs = model.config
    expected = {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),  # two names of one function
        "n_inner": (None, 4 * theirs.n_embd),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "reorder_and_upcast_attn": (False,),
        "add_cross_attention": (False,),
        "embd_pdrop": (theirs.resid_pdrop,),
        "attn_pdrop": (theirs.resid_pdrop,),
    }
    for name, allowed in expected.items():
        found = getattr(theirs, name)
        if found not in allowed:
            raise ValueError(
                f"{name} must be {' or '.join(map(repr, allowed))} in the model's configuration, "
                f"found {found!r}. This GPT has no other."
            )
    return GPTConfig(
        vocab_size=theirs.vocab_size,
        context=theirs.n_positions,
        width=theirs.n_embd,
        n_layers=theirs.n_layer,
        n_heads=theirs.n_head,
        dropout=theirs.resid_pdrop,
        tie_weights=theirs.tie_word_embeddings,
        eps=theirs.layer_norm_epsilon,
    )
