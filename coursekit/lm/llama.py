r"""Llama: the GPT with four of its parts exchanged, as in Llama 3 and SmolLM2.

* Norm: $g \cdot x / \sqrt{\mathrm{mean}(x^2) + \epsilon}$ (RMSNorm): no mean taken away, no bias.
* MLP: $W_d \, (\mathrm{SiLU}(W_g x) \odot W_u x)$ (SwiGLU): one matrix gates what another reads.
* Heads: several heads of queries share one head of keys and values (grouped queries).
* Positions: queries and keys are turned by their position (rotary); nothing joins the embedding.

No layer has a bias. The rest is the same residual stream, and `from_transformers` /
`to_transformers` carry the weights of a `LlamaForCausalLM` over and back.

Sources:
    H. Touvron et al., "LLaMA: open and efficient foundation language models", arXiv:2302.13971,
    2023 (norm, MLP, positions); J. Ainslie et al., "GQA: training generalized multi-query
    transformer models from multi-head checkpoints", EMNLP 2023 (grouped queries).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit._checks import as_count
from coursekit.lm.attention import KeyValueCache, check_heads, fast_causal_attention
from coursekit.lm.gpt import INITIAL_STD, Decoder, check_cache, check_ids
from coursekit.lm.positional import apply_rotary, rotary_angles

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


@dataclass(frozen=True)
class LlamaConfig:
    """The shape of a Llama.

    Args:
        vocab_size: Number of tokens it knows.
        context: The largest number of tokens it reads at once.
        width: Width of the residual stream, a multiple of n_heads; a head's share is even.
        n_layers: Number of blocks.
        n_heads: Number of heads of queries in each.
        n_kv_heads: Number of heads of keys and values, a divisor of n_heads.
        mlp_width: Width inside the gated MLP.
        rope_base: The slowest pair of coordinates turns by about 1 / rope_base a position.
        tie_weights: Use the embedding of the tokens to predict them, too.
        eps: Added to the mean square in normalisation.

    Raises:
        TypeError: If a size is not a whole number.
        ValueError: If a value is out of its range.

    Example:
        >>> config = LlamaConfig(256, 64, 32, n_layers=2, n_heads=4, n_kv_heads=2, mlp_width=96)
        >>> config.rope_base, config.tie_weights
        (10000.0, False)
    """

    vocab_size: int
    context: int
    width: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    mlp_width: int
    rope_base: float = 10000.0
    tie_weights: bool = False
    eps: float = 1e-5

    def __post_init__(self) -> None:
        sizes = ("vocab_size", "context", "width", "n_layers", "n_heads", "n_kv_heads", "mlp_width")
        for name in sizes:
            object.__setattr__(self, name, as_count(getattr(self, name), name))
        check_heads(self.width, self.n_heads, rotary=True)
        if self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"n_kv_heads must divide n_heads = {self.n_heads}, found {self.n_kv_heads}. "
                "Each key and value serves equally many queries."
            )
        for name in ("rope_base", "eps"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(
                    f"{name} must be a positive, finite number, found {getattr(self, name)}."
                )


class GroupedQueryAttention(nn.Module):
    """Causal attention in which several heads of queries share a head of keys and values.

    Args:
        config: The shape of the Llama that it is a part of.

    Example:
        >>> config = LlamaConfig(256, 64, 32, n_layers=2, n_heads=4, n_kv_heads=2, mlp_width=96)
        >>> attention = GroupedQueryAttention(config)
        >>> cos, sin = rotary_angles(5, width=8)
        >>> tuple(attention(torch.randn(1, 5, 32), cos, sin).shape)
        (1, 5, 32)
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = config.n_heads, config.n_kv_heads
        self.head_width = config.width // config.n_heads
        shared = self.n_kv_heads * self.head_width
        self.query = nn.Linear(config.width, config.width, bias=False)
        self.key = nn.Linear(config.width, shared, bias=False)
        self.value = nn.Linear(config.width, shared, bias=False)
        self.projection = nn.Linear(config.width, config.width, bias=False)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: KeyValueCache | None = None
    ) -> Tensor:
        """Mix each token `(B, T, width)` with those before it.

        `cos` and `sin` `(T, head width / 2)` are the angles of the positions of these T tokens.
        """
        batch, length, width = x.shape
        query, key, value = (
            layer(x).view(batch, length, -1, self.head_width).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )  # (B, heads, T, d), and (B, kv heads, T, d) twice
        query, key = apply_rotary(query, cos, sin), apply_rotary(key, cos, sin)
        if cache is not None:  # which is n_heads / n_kv_heads times smaller than without sharing
            key, value = cache.append(key, value)
        group = self.n_heads // self.n_kv_heads
        if length == 1:  # the last token sees all: its queries of a group are rows of one product
            grouped = query.view(batch, self.n_kv_heads, group, self.head_width)
            mixed = F.scaled_dot_product_attention(grouped, key, value)
            return self.projection(mixed.reshape(batch, length, width))
        key, value = (heads.repeat_interleave(group, dim=1) for heads in (key, value))
        mixed = fast_causal_attention(query, key, value)
        return self.projection(mixed.transpose(1, 2).reshape(batch, length, width))


class GatedMLP(nn.Module):
    """SwiGLU: two matrices read, one's answer gates the other's, and a third writes.

    Args:
        config: The shape of the Llama that it is a part of.

    Reference:
        Shazeer 2020, GLU variants improve transformer, section 2.

    Example:
        >>> config = LlamaConfig(256, 64, 32, n_layers=2, n_heads=4, n_kv_heads=2, mlp_width=96)
        >>> tuple(GatedMLP(config)(torch.randn(1, 5, 32)).shape)
        (1, 5, 32)
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.width, config.mlp_width, bias=False)
        self.up = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Work on each token `(B, T, width)` alone."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


class LlamaBlock(nn.Module):
    """Attention, then the gated MLP; each reads the normalised stream and adds to it.

    Args:
        config: The shape of the Llama that it is a part of.

    Example:
        >>> config = LlamaConfig(256, 64, 32, n_layers=2, n_heads=4, n_kv_heads=2, mlp_width=96)
        >>> block = LlamaBlock(config)
        >>> tuple(block(torch.randn(1, 5, 32), *rotary_angles(5, width=8)).shape)
        (1, 5, 32)
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, config.eps)
        self.attention = GroupedQueryAttention(config)
        self.mlp_norm = nn.RMSNorm(config.width, config.eps)
        self.mlp = GatedMLP(config)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: KeyValueCache | None = None
    ) -> Tensor:
        """Add to the residual stream `(B, T, width)` what this block has to say."""
        x = x + self.attention(self.attention_norm(x), cos, sin, cache)
        return x + self.mlp(self.mlp_norm(x))


class Llama(Decoder):
    """A decoder-only transformer of the Llama family; `generate` and `beam_search` take it.

    Args:
        config: Its shape.
        generator: Source of the initial weights; PyTorch's global one if None.

    Example:
        >>> config = LlamaConfig(256, 64, 32, n_layers=2, n_heads=4, n_kv_heads=2, mlp_width=96)
        >>> model = Llama(config, torch.Generator().manual_seed(0))
        >>> tuple(model(torch.tensor([[72, 105, 33]])).shape)
        (1, 3, 256)
    """

    config: LlamaConfig
    cos: Tensor
    sin: Tensor

    def __init__(self, config: LlamaConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(LlamaBlock(config) for _ in range(config.n_layers))
        self.final_norm = nn.RMSNorm(config.width, config.eps)
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)
        if config.tie_weights:
            self.head.weight = self.token_embedding.weight
        cos, sin = rotary_angles(config.context, config.width // config.n_heads, config.rope_base)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.ndim == 2:  # norms keep their gain of 1
                    parameter.normal_(std=INITIAL_STD, generator=generator)

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
        end = start + ids.shape[1]
        x = self.token_embedding(ids)
        for layer, block in enumerate(self.blocks):
            x = block(x, self.cos[start:end], self.sin[start:end], cache[layer] if cache else None)
        if last_only:
            x = x[:, -1:]
        return self.head(self.final_norm(x))

    @classmethod
    def from_transformers(cls, model: LlamaForCausalLM) -> Llama:
        """Return our Llama with the weights of a LlamaForCausalLM of transformers.

        The weights are copied; dtype and device stay.

        Raises:
            TypeError: If the model is not a LlamaForCausalLM.
            ValueError: If its configuration is a variant that this Llama does not have.
        """
        config = _config_from_transformers(model)
        weight = model.lm_head.weight
        with torch.device("meta"):  # no random numbers that would be overwritten at once
            ours = cls(config)
        theirs = model.state_dict()
        ours.load_state_dict(
            {name: theirs[_their_name(name)].clone() for name in ours.state_dict()}, assign=True
        )
        if config.tie_weights:
            ours.head.weight = ours.token_embedding.weight
        cos, sin = rotary_angles(config.context, config.width // config.n_heads, config.rope_base)
        ours.cos, ours.sin = cos.to(weight), sin.to(weight)
        return ours.requires_grad_(True).train(model.training)

    def to_transformers(self) -> LlamaForCausalLM:
        """Return a LlamaForCausalLM with these weights (copied; same dtype and device).

        Special token ids are the tokenizer's business, and are left unset.
        """
        from transformers import LlamaConfig as TheirConfig, LlamaForCausalLM

        config = self.config
        settings = TheirConfig(
            vocab_size=config.vocab_size,
            max_position_embeddings=config.context,
            hidden_size=config.width,
            intermediate_size=config.mlp_width,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            num_key_value_heads=config.n_kv_heads,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_base},
            rms_norm_eps=config.eps,
            tie_word_embeddings=config.tie_weights,
            bos_token_id=None,
            eos_token_id=None,
        )
        theirs = LlamaForCausalLM(settings).to(  # type: ignore[call-arg]  # a decorator hides self
            device=self.head.weight.device, dtype=self.head.weight.dtype
        )
        theirs.load_state_dict({_their_name(name): w for name, w in self.state_dict().items()})
        return theirs.train(self.training)


_THEIR_NAMES = {
    "token_embedding": "model.embed_tokens",
    "blocks": "model.layers",
    "attention_norm": "input_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.projection": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "mlp.gate": "mlp.gate_proj",
    "mlp.up": "mlp.up_proj",
    "mlp.down": "mlp.down_proj",
    "final_norm": "model.norm",
    "head": "lm_head",
}


def _their_name(name: str) -> str:
    """Return the name in transformers of one of our weights; nothing is transposed."""
    for ours, theirs in _THEIR_NAMES.items():
        name = name.replace(ours, theirs)
    return name


def _config_from_transformers(model: LlamaForCausalLM) -> LlamaConfig:
    from transformers import LlamaForCausalLM

    if not isinstance(model, LlamaForCausalLM):
        raise TypeError(f"model must be a LlamaForCausalLM, found a {type(model).__name__}.")
    theirs = model.config
    rope: dict[str, Any] = dict(theirs.rope_parameters or {})
    head_width = theirs.hidden_size // theirs.num_attention_heads
    settings = {
        "hidden_act": (theirs.hidden_act, "silu"),
        "attention_bias": (theirs.attention_bias, False),
        "mlp_bias": (theirs.mlp_bias, False),
        "head_dim": (theirs.head_dim, head_width),
        "rope_type": (rope.get("rope_type"), "default"),
        "attention_dropout": (theirs.attention_dropout, 0.0),
    }
    for name, (found, allowed) in settings.items():
        if found != allowed:
            raise ValueError(
                f"{name} must be {allowed!r} in the model's configuration, found {found!r}. "
                "This Llama has no other."
            )
    return LlamaConfig(
        vocab_size=theirs.vocab_size,
        context=theirs.max_position_embeddings,
        width=theirs.hidden_size,
        n_layers=theirs.num_hidden_layers,
        n_heads=theirs.num_attention_heads,
        n_kv_heads=theirs.num_key_value_heads or theirs.num_attention_heads,
        mlp_width=theirs.intermediate_size,
        rope_base=rope["rope_theta"],
        tie_weights=theirs.tie_word_embeddings,
        eps=theirs.rms_norm_eps,
    )
