r"""Agreement of sampled answers: a model that knows says the same thing every time.

Sample S answers to one question and put those that mean the same into one cluster. The share of
samples in the cluster of an answer estimates the probability with which the model gives it,
whatever the spelling; the entropy of the shares p_c says how far the samples scatter:

$$\text{agreement} = p_{c(\text{answer})}, \qquad
  \text{semantic entropy} = -\sum_{\text{clusters } c} p_c \ln p_c \ \text{ nats} .$$

Where a similarity of meaning is known instead of clusters, a table K of ones on the diagonal, the
eigenvalues of K / S take the place of the shares: the kernel entropy. It is the semantic entropy
where K is 1 within a cluster and 0 outside, and no threshold has to be chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import torch
from torch import Tensor

from coursekit.data.questions import as_number, normalise


def canonical(text: str) -> Hashable:
    """Return what counts of an answer: its number if it is one, else its letters and digits.

    "Washington, D.C." and "washington dc" are one; so are "1,234" and "1234", but not "3.5" and
    "35", nor "-5" and "5". A text without letters and digits is no answer: it gives None.

    Raises:
        TypeError: `text` is no string.

    Example:
        >>> canonical("Washington, D.C.") == canonical("washington dc")
        True
        >>> canonical("-5") == canonical("5")
        False
    """
    if not isinstance(text, str):
        raise TypeError(f"an answer must be a string, found {type(text).__name__}: take its .text")
    if (number := as_number(text)) is not None:
        return "number", number
    words = normalise(text)
    if not words:
        return None
    # Signs and points that `normalise` puts aside would change a number.
    return ("text", text.strip().casefold() if any(c.isdigit() for c in words) else words)


def cluster_by_string(
    samples: Sequence[str], key: Callable[[str], Hashable] = canonical
) -> list[int]:
    """Put samples that are the same string, but for case and punctuation, into one cluster.

    Samples that say nothing form a cluster like any other: the model gave no answer, and that is
    a way of not agreeing.

    Args:
        samples: The texts of the samples of one question.
        key: What counts of a text; equal keys are one cluster.

    Returns:
        The cluster of each sample, numbered from 0 in the order of appearance.

    Raises:
        TypeError: `samples` is a single string, or holds something else than strings.
        ValueError: There are no samples.

    Example:
        >>> cluster_by_string(["Lima", "lima.", "Quito"])
        [0, 0, 1]
    """
    _check_samples(samples)
    number_of: dict[Hashable, int] = {}
    return [number_of.setdefault(key(text), len(number_of)) for text in samples]


def agreement(
    answer: str, samples: Sequence[str], key: Callable[[str], Hashable] = canonical
) -> float:
    """Share of the samples that give this answer: an unbiased estimate of its probability.

    Unbiased, as long as the answer was not itself chosen by looking at these samples: the share of
    the *most common* sample is too large on average, since the luckiest one is picked. An answer
    that says nothing is agreed to by nobody.

    Args:
        answer: The answer to judge, such as the greedy one.
        samples: The texts of the samples of the same question.
        key: What counts of a text.

    Raises:
        TypeError: A text is no string, or `samples` a single string.
        ValueError: There are no samples.

    Reference:
        X. Wang et al., Self-consistency improves chain of thought reasoning in language models,
        ICLR 2023.

    Example:
        >>> agreement("Lima", ["lima", "Lima.", "Quito", "Lima"])
        0.75
    """
    _check_samples(samples)
    wanted = key(answer)
    if wanted is None:
        return 0.0
    return sum(key(text) == wanted for text in samples) / len(samples)


def semantic_entropy(
    clusters: Sequence[Hashable] | Tensor | np.ndarray,
    log_probs: Sequence[float] | Tensor | None = None,
) -> float:
    """Entropy over the clusters of the sampled answers, in nats: 0 where all mean the same.

    With S samples it is at most ln S, and too small on average: what was never sampled is not
    counted.

    Args:
        clusters: The cluster of each sample `(S,)`.
        log_probs: Their log-probabilities `(S,)`, in nats. Then a cluster weighs as much as the
            probabilities of its answers together, so that each *distinct* answer must be given
            once. Without them a cluster weighs as much as it has samples.

    Raises:
        ValueError: No samples, another number of log-probabilities, or one that is none.

    Reference:
        L. Kuhn, Y. Gal, S. Farquhar, Semantic uncertainty, ICLR 2023 (with probabilities);
        S. Farquhar et al., Detecting hallucinations in large language models using semantic
        entropy, Nature 630, 2024 (counts: discrete semantic entropy).

    Example:
        >>> round(semantic_entropy([0, 0, 1, 1]), 4)  # ln 2
        0.6931
        >>> semantic_entropy(torch.tensor([0, 0]))
        0.0
    """
    # Two equal tensors are two different keys of a dictionary; their numbers are not.
    clusters = clusters.tolist() if isinstance(clusters, Tensor | np.ndarray) else list(clusters)
    clusters = [one.item() if isinstance(one, Tensor) else one for one in clusters]
    if not clusters:
        raise ValueError("clusters must have the cluster of at least one sample, found none.")
    if log_probs is None:
        log_probs = torch.zeros(len(clusters))
    weights = torch.as_tensor(log_probs, dtype=torch.double)
    if weights.shape != (len(clusters),):
        raise ValueError(
            f"log_probs must hold one number for each of the {len(clusters)} samples, found shape "
            f"{tuple(weights.shape)}."
        )
    if not (weights.isfinite() & (weights <= 0)).all():
        raise ValueError("log_probs must be finite and at most 0, found others, or NaN.")
    share = (weights - weights.logsumexp(dim=0)).exp().tolist()
    of_cluster: dict[Hashable, float] = {}
    for cluster, part in zip(clusters, share, strict=True):
        of_cluster[cluster] = of_cluster.get(cluster, 0.0) + part
    if len(of_cluster) == 1:  # whose share is 1, but for rounding
        return 0.0
    return -sum(p * math.log(p) for p in of_cluster.values() if p > 0)


def cluster_by_similarity(
    samples: Sequence[str], similarity: Tensor, threshold: float
) -> list[int]:
    """Put samples into one cluster where a table says that they mean the same.

    Samples of one normalised string are together from the start. Then each string joins the first
    cluster whose first member it is similar enough to, or begins a new one. Samples that say
    nothing stay by themselves, as one cluster.

    Args:
        samples: The texts of the samples of one question.
        similarity: How alike they are `(S, S)`, in any unit; larger is more alike. Of a string that
            comes more than once, the first counts.
        threshold: From which similarity on two samples count as the same; choose it on pairs of
            which you know the truth.

    Returns:
        The cluster of each sample, numbered from 0 in the order of appearance.

    Raises:
        TypeError: As `cluster_by_string`.
        ValueError: No samples, or a table of another shape, that is not symmetric or holds NaN.

    Reference:
        L. Kuhn, Y. Gal, S. Farquhar, Semantic uncertainty, ICLR 2023: the way in which clusters
        grow.

    Example:
        >>> alike = torch.tensor([[1.0, 0.8, 0.1], [0.8, 1.0, 0.2], [0.1, 0.2, 1.0]])
        >>> cluster_by_similarity(["Beijing", "Peking", "Rome"], alike, threshold=0.7)
        [0, 0, 1]
    """
    strings = cluster_by_string(samples)
    similarity = _as_table(similarity, "similarity", len(samples))
    if not isinstance(threshold, float | int) or math.isnan(threshold):
        raise ValueError(f"threshold must be a number, found {threshold!r}.")
    heads: list[int] = []  # the place of the first sample of each cluster
    cluster_of: dict[int, int] = {}
    for place, (string, text) in enumerate(zip(strings, samples, strict=True)):
        if string in cluster_of:
            continue
        speaks = canonical(text) is not None
        same = (
            cluster
            for cluster, head in enumerate(heads)
            if speaks
            and canonical(samples[head]) is not None
            and similarity[place, head] >= threshold
        )
        cluster_of[string] = next(same, len(heads))
        if cluster_of[string] == len(heads):
            heads.append(place)
    return [cluster_of[string] for string in strings]


def kernel_entropy(kernel: Tensor) -> float:
    """Von Neumann entropy of a kernel of similarities, in nats: how far the samples scatter.

    The eigenvalues of the kernel, divided by their sum, are taken for probabilities: 0 nats where
    all samples are the same, ln S where no two have anything in common.

    Args:
        kernel: Similarities `(S, S)`, symmetric and positive semi-definite, as the products of unit
            vectors are (`similarity_kernels`).

    Raises:
        ValueError: A table that is not square or symmetric, holds NaN, or has a negative eigenvalue
            beyond rounding, or nothing but zeros.

    Reference:
        A. Nikitin, J. Kossen, Y. Gal, P. Marttinen, Kernel language entropy, NeurIPS 2024.

    Example:
        >>> kernel_entropy(torch.ones(10, 10))
        0.0
        >>> round(kernel_entropy(torch.eye(10)), 4)  # ln 10
        2.3026
    """
    kernel = _as_table(kernel, "kernel", max(len(kernel), 1)).double()
    values = torch.linalg.eigvalsh(kernel)
    total = values.sum()
    if not total > 0 or values[0] < -1e-5 * total:
        raise ValueError(
            "kernel must have no negative eigenvalue, and a positive one, found eigenvalues from "
            f"{values[0]:.3g} to {values[-1]:.3g}. Products of vectors have none; a table of "
            "judgements may."
        )
    # What is smaller than the rounding of the table is 0.
    shares = (values / total).where(values > 1e-6 * total, torch.zeros(()).double())
    return -torch.special.xlogy(shares, shares).sum().item() + 0.0


def _as_table(table: Tensor, name: str, n: int) -> Tensor:
    """Check for a symmetric table of n rows."""
    table = torch.as_tensor(table)
    if table.shape != (n, n):
        raise ValueError(f"{name} must have shape ({n}, {n}), found {tuple(table.shape)}.")
    if table.isnan().any() or not torch.allclose(table, table.T, atol=1e-5):
        raise ValueError(f"{name} must be symmetric and without NaN, found another table.")
    return table


def _check_samples(samples: Sequence[str]) -> None:
    if isinstance(samples, str):
        raise TypeError("samples must be a list of strings, found one string: write [sample].")
    if len(samples) == 0:
        raise ValueError("samples must have at least one answer to the question, found none.")
