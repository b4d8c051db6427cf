r"""Memorization: what a model kept of single sentences of its training text.

A *canary* is a sentence with a random secret that we plant in the training text ourselves, so that
we know what there is to remember. Afterwards all R secrets that could have stood there are ranked
by the probability that the model gives to each; the canary's exposure, in bits, is

$$\text{exposure} = \log_2 R - \log_2 \text{rank}.$$

A secret that was never planted has a rank drawn evenly from 1 to R, whatever the model: its
exposure is $\log_2 R - \frac{1}{R} \log_2 R!$ on average, which is close to $1 / \ln 2 = 1.44$.

Reference:
    Carlini et al. 2019, The secret sharer: evaluating and testing unintended memorization in neural
    networks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit._checks import as_count
from coursekit.lm.prediction import Model, device_of, evaluating

MAX_SECRETS = 10_000_000  # log-probabilities in one result: 80 MB


@torch.no_grad()
def secret_log_probs(
    model: Model, prefixes: Tensor, alphabet: Tensor, length: int, batch_size: int = 2048
) -> Tensor:
    """Return the log-probability of every secret that could follow each prefix, exactly.

    The secrets are all strings of `length` tokens of the alphabet. Those that begin alike share
    what they begin with, so the model reads A^(length - 1) + ... + A + 1 contexts a prefix.

    Args:
        model: A `GPT`, or a callable from ids `(B, T)` to logits `(B, T, V)`.
        prefixes: Ids `(C, P)`, what stands before the secret.
        alphabet: Ids `(A,)`, distinct.
        length: Number of tokens of a secret, L.
        batch_size: Contexts to read at once.

    Returns:
        Nats `(C, A^L)`, float64, on the CPU; the last token changes fastest. With the digits 0 to 9
        for alphabet, the secret "4 8 1 7" stands at index 4817.

    Raises:
        TypeError: If `length` is no whole number.
        ValueError: If a shape is wrong, the alphabet repeats a token, or secrets are too many.

    Example:
        >>> def uniform(ids):
        ...     return torch.zeros(*ids.shape, 10)
        >>> secrets = secret_log_probs(uniform, torch.tensor([[3]]), torch.arange(10), length=2)
        >>> tuple(secrets.shape), round(secrets[0, 47].exp().item(), 4)
        ((1, 100), 0.01)
    """
    length = as_count(length, "length")
    batch_size = as_count(batch_size, "batch_size")
    for name, ids, ndim, shape in (
        ("prefixes", prefixes, 2, "(C, P)"),
        ("alphabet", alphabet, 1, "(A,)"),
    ):
        if ids.ndim != ndim or ids.numel() == 0 or ids.is_floating_point():
            raise ValueError(
                f"{name} must be token ids {shape}, not empty, found shape {tuple(ids.shape)}, "
                f"{ids.dtype}."
            )
    n_tokens = len(alphabet)
    if len(alphabet.unique()) < n_tokens:
        raise ValueError("alphabet must hold distinct tokens, found one of them twice.")
    if len(prefixes) * n_tokens**length > MAX_SECRETS:
        raise ValueError(
            f"secrets must be at most {MAX_SECRETS:,} in all, found {len(prefixes)} prefixes with "
            f"{n_tokens}^{length} each. Take fewer prefixes, or shorter secrets."
        )
    device = device_of(model)
    contexts, log_probs = prefixes, torch.zeros(len(prefixes), 1, dtype=torch.float64)
    with evaluating(model):
        for place in range(length):
            if place > 0:
                contexts = torch.cat(
                    [
                        contexts.repeat_interleave(n_tokens, dim=0),
                        alphabet.repeat(len(contexts))[:, None],
                    ],
                    dim=1,
                )
            laws = [
                model(batch.to(device))[:, -1].cpu().double().log_softmax(dim=-1)[:, alphabet]
                for batch in contexts.split(batch_size)
            ]
            log_probs = (log_probs.reshape(-1, 1) + torch.cat(laws)).reshape(len(prefixes), -1)
    return log_probs


def exposure(log_probs: Tensor, secrets: Tensor) -> Tensor:
    """Return the exposure of each secret by its exact rank, in bits.

    Rank 1 is the most probable. Secrets that are equally probable share their mean rank, so that a
    model that knows nothing exposes nothing much.

    Args:
        log_probs: Of all R candidates for each of C canaries, `(C, R)`.
        secrets: Which candidate was planted, `(C,)`, integers.

    Returns:
        Bits `(C,)`, float64: from 0 (the least probable) to log2 R (the most probable).

    Raises:
        ValueError: If shapes do not fit, an index is out of range, or a log-probability is NaN.

    Reference:
        Carlini et al. 2019, The secret sharer (the definition of exposure).

    Example:
        >>> log_probs = torch.tensor([[0.1, 0.6, 0.2, 0.1]]).log()
        >>> exposure(log_probs, torch.tensor([1]))  # the first of four: log2(4) bits
        tensor([2.], dtype=torch.float64)
    """
    if log_probs.ndim != 2 or log_probs.numel() == 0 or secrets.shape != log_probs.shape[:1]:
        raise ValueError(
            "log_probs must be (C, R) and secrets (C,), found "
            f"{tuple(log_probs.shape)} and {tuple(secrets.shape)}."
        )
    n = log_probs.shape[1]
    if int(secrets.min()) < 0 or int(secrets.max()) >= n:
        raise ValueError(f"secrets must lie in 0 .. {n - 1}, found {secrets.tolist()[:5]} ...")
    if log_probs.isnan().any():
        raise ValueError("log_probs must be numbers, found NaN. Did the training diverge?")
    own = log_probs.gather(1, secrets[:, None])
    above = (log_probs > own).sum(dim=1)
    equal = (log_probs == own).sum(dim=1)  # the secret itself among them
    rank = above + (equal + 1).double() / 2
    return math.log2(n) - rank.log2()


def chance_exposure(n_secrets: int) -> float:
    """Return the mean exposure of a secret that was never planted among R candidates, in bits.

    Its rank is even over 1 to R, so the mean is log2 R - (log2 R!) / R.

    Raises:
        TypeError, ValueError: If the number is no whole number of at least 1.

    Example:
        >>> round(chance_exposure(10_000), 2)
        1.44
    """
    n_secrets = as_count(n_secrets, "n_secrets")
    return math.log2(n_secrets) - math.lgamma(n_secrets + 1) / math.log(2) / n_secrets


def without_duplicates(documents: Tensor) -> Tensor:
    """Return documents `(N, T)` with each one kept once, where it first stood: `(n, T)`.

    Only exact copies are found: a document that differs in one token is another document.

    Raises:
        ValueError: If documents are not `(N, T)`.

    Reference:
        Lee et al. 2022, Deduplicating training data makes language models better.

    Example:
        >>> without_duplicates(torch.tensor([[1, 2], [3, 4], [1, 2]]))
        tensor([[1, 2],
                [3, 4]])
    """
    if documents.ndim != 2:
        raise ValueError(f"documents must be (N, T), found shape {tuple(documents.shape)}.")
    found = {tuple(document): i for i, document in reversed(list(enumerate(documents.tolist())))}
    return documents[sorted(found.values())]
