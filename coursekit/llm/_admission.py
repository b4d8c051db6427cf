"""The gate after the libraries: only a model whose probabilities can be believed goes through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from coursekit.llm._border import is_out_of_memory
from coursekit.llm._quiet import quiet


def admit(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, device: torch.device, name: str
) -> None:
    """Refuse a model whose probabilities would be wrong."""
    _require_finite(model, name)
    _require_fitting_tokenizer(model, tokenizer, name)
    _require_causal(model, device, name)


def _require_finite(model: PreTrainedModel, name: str) -> None:
    for key, weight in model.named_parameters():
        if weight.is_meta or not weight.is_floating_point():
            continue
        # A sum is quick, and not finite where a term is not; it may overflow by itself, too.
        wide = torch.promote_types(weight.dtype, torch.float32)
        if not weight.sum(dtype=wide).isfinite() and not (finite := weight.isfinite()).all():
            raise ValueError(
                f"{name!r} has weights that are not finite: {key} holds "
                f"{(~finite).sum():,} times NaN or infinity, of {weight.numel():,} numbers. They "
                f"were spoilt when they were trained or saved, or do not fit into {weight.dtype}: "
                "take another copy, or load it in torch.float32 or torch.bfloat16."
            )


def _require_fitting_tokenizer(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str
) -> None:
    """Refuse a tokenizer that belongs to another model, and gives ids beyond the embedding's."""
    # Tokens that were added and are never asked for may go beyond: Gemma 3's image token does.
    own = {tokenizer.vocab_size - 1, tokenizer.bos_token_id, tokenizer.eos_token_id}
    largest = max(id for id in own if id is not None)
    rows = _n_tokens(model)
    if largest >= rows:
        raise ValueError(
            f"{name!r} has a tokenizer that does not fit: it gives ids up to {largest:,}, the "
            f"model knows {rows:,} tokens (0 to {rows - 1:,}). Take the tokenizer that the model "
            "was trained with."
        )


def _n_tokens(model: PreTrainedModel) -> int:
    """Return how many tokens the model has an embedding of, whatever its configuration says."""
    return len(next(model.get_input_embeddings().parameters()))


@torch.inference_mode()
def _require_causal(model: PreTrainedModel, device: torch.device, name: str) -> None:
    """Refuse a model whose prediction depends on what it is to predict, such as BERT."""
    rows = _n_tokens(model)
    one = torch.tensor([[0, 1, 2, 0, 1]], device=device) % rows
    other = torch.tensor([[0, 1, 2, 1, 2]], device=device) % rows
    with quiet(), evaluating(model):
        # Two calls of one shape: whatever is computed in the same way comes out the same, bit by
        # bit. Only a mixture of experts, which batches by what it reads, may tremble a little.
        first, second = _logits(model, one, name), _logits(model, other, name)
    if first.isnan().any() or first.isposinf().any():
        raise ValueError(
            f"{name!r} gives logits of NaN or infinity in {model.dtype}: load it in "
            "torch.float32 or torch.bfloat16 (--dtype float32 or bfloat16), whose range is wider; "
            "if that is no cure, its weights are spoilt"
        )
    change = (first - second).abs().amax(dim=(0, 2))
    tremble = 1e-4 if torch.finfo(model.dtype).eps < 1e-6 else 1e-2
    # Only predictions after the first changed token may change.
    if change[:3].max() > tremble * change[3:].max():
        raise ValueError(
            f"{name!r} is not a causal language model: it reads the tokens that it should "
            "predict (a masked model, such as BERT, does). Load a model of the GPT kind."
        )


def _logits(model: PreTrainedModel, ids: torch.Tensor, name: str) -> torch.Tensor:
    try:
        return model(input_ids=ids).logits.cpu().double()  # an Apple GPU has no float64
    except Exception as error:  # whatever a model of any of the 300 kinds meets inside
        if is_out_of_memory(error):
            raise
        raise ValueError(
            f"{name!r} cannot read a text of {ids.shape[1]} tokens: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Hold a model in evaluation mode, without dropout, then leave every part as it was."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
