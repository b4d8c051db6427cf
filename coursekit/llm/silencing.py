"""Silence each attention head in turn, and read what the model loses.

A head's output is set to zero before the heads are mixed. Its layer and all later ones must be
computed again, the earlier ones need not: that halves the work, and a layer's heads go together.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.llm.pretrained import LanguageModel


@torch.inference_mode()
def losses_without_each_head(lm: LanguageModel, ids: Tensor, start: int) -> Tensor:
    r"""Return the loss at the end of each text with one head silenced, for every head.

    Args:
        lm: A model of the Llama family, as SmolLM2 is.
        ids: Texts of equal length `(N, T)`.
        start: The first token whose loss counts, from 1 to T - 1.

    Returns:
        The mean of $-\\ln p$ of the tokens from `start` on, in nats, `(layers, heads, N)`.

    Raises:
        ValueError: If the model is of another family, or ids or start are out of shape or range.

    Example:
        >>> ids = torch.randint(10, 99, (2, 8))
        >>> losses_without_each_head(load(), ids, start=4).shape  # doctest: +SKIP
        torch.Size([30, 9, 2])
    """
    if lm.model.config.model_type != "llama":
        raise ValueError(
            f"lm must be a model of the Llama family, found {lm.model.config.model_type!r}."
        )
    if ids.ndim != 2 or not 1 <= start < ids.shape[1]:
        raise ValueError(
            "ids must have shape (texts, tokens) and start lie from 1 to tokens - 1, found "
            f"{tuple(ids.shape)} and {start}."
        )
    ids, inner = ids.to(lm.device), lm.model.model
    n_texts, length = ids.shape
    n_heads = lm.model.config.num_attention_heads
    states = lm.model(ids, output_hidden_states=True).hidden_states  # what each layer reads
    mask = states[0].new_full((length, length), -math.inf).triu(1)[None, None]
    turn = inner.rotary_emb(states[0], torch.arange(length, device=lm.device)[None])
    each = torch.arange(n_heads)

    def silence(module: torch.nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        """Rows h n_texts to (h + 1) n_texts lose head h."""
        mixed = inputs[0].clone().view(n_heads, n_texts, length, n_heads, -1)
        mixed[each, :, :, each] = 0
        return (mixed.view_as(inputs[0]),)

    losses = []
    for i, layer in enumerate(inner.layers):
        x = states[i].repeat(n_heads, 1, 1)
        hook = layer.self_attn.o_proj.register_forward_pre_hook(silence)
        try:
            x = layer(x, attention_mask=mask, position_embeddings=turn)
        finally:
            hook.remove()
        for later in inner.layers[i + 1 :]:
            x = later(x, attention_mask=mask, position_embeddings=turn)
        logits = lm.model.lm_head(inner.norm(x[:, start - 1 : -1]))
        wanted = ids[:, start:].repeat(n_heads, 1)
        loss = F.cross_entropy(logits.mT.float(), wanted, reduction="none").mean(dim=1)
        losses.append(loss.view(n_heads, n_texts))
    return torch.stack(losses).cpu()
