r"""From scores of candidate answers to a confidence: what to divide out, and what to average.

A model gives each of C answers a log-probability s_c. Asked to choose, it says the softmax,

    p_c = exp(s_c) / sum_k exp(s_k),

and every correction here subtracts something from s first: what the answer costs by being long,
what it would have got from any question (its prior), what a place in the list gets whatever stands
there. Nothing here asks a model, and nothing here looks at a label.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from coursekit.calibration._validation import ArrayLike, as_logits

#: Scores of N questions with C options each: a table (N, C), or the list of `score_choices`.
Scores = ArrayLike | list[Tensor] | tuple[Tensor, ...]


def choice_probs(scores: Scores) -> Tensor:
    """Probabilities `(N, C)` of the options, given that one of them is the answer.

    What the model gives to all other texts is divided out, so these sum to one however little it
    thinks of any of them.

    Args:
        scores: log-probabilities in nats, or corrected ones `(N, C)`.

    Raises:
        ValueError: If the questions have different numbers of options, or a score is not finite.
        TypeError: If the scores hold no numbers.

    Example:
        >>> choice_probs([[-2.0, -2.0], [-1.0, -1e9]])
        tensor([[0.5000, 0.5000],
                [1.0000, 0.0000]], dtype=torch.float64)
    """
    return _table(scores, "scores").softmax(dim=-1)


def length_normalised(scores: Scores, lengths: ArrayLike) -> Tensor:
    """Scores `(N, C)` for each unit of length, so that long answers are no longer punished.

    The product of an answer's n probabilities becomes their geometric mean. That is a ranking, not
    a probability: the softmax of it is as sure as the unit of length makes it.

    Args:
        scores: log-probabilities `(N, C)`, in nats.
        lengths: Tokens or bytes of each answer `(N, C)`, positive; see `answer_lengths`.

    Raises:
        ValueError: If the shapes differ, or a length is not positive.

    Reference:
        Y. Wu et al., Google's neural machine translation system, arXiv:1609.08144, 2016.

    Example:
        >>> length_normalised([[-3.0, -4.0]], [[1, 2]])
        tensor([[-3., -2.]], dtype=torch.float64)
    """
    scores, lengths = _table(scores, "scores"), _table(lengths, "lengths")
    _require_same_shape(scores, lengths, "lengths")
    if not (lengths > 0).all():
        raise ValueError(
            f"lengths must be positive, found {lengths.min().item():g}. An answer has at least one "
            "token, and one byte."
        )
    return scores / lengths.to(scores.dtype)


def pmi_scores(scores: Scores, prior_scores: Scores) -> Tensor:
    """Scores `(N, C)` divided by the answers' prior: how much the question raises each answer.

    log P(answer | question) - log P(answer | neutral prompt) is the pointwise mutual information of
    question and answer: a common answer no longer wins for being common.

    Args:
        scores: log-probabilities after the question `(N, C)`, in nats.
        prior_scores: log-probabilities of the same answers after a prompt in the same form that
            asks about nothing in particular `(N, C)`.

    Raises:
        ValueError: If the shapes differ, or a score is not finite.

    Reference:
        A. Holtzman et al., Surface form competition, EMNLP 2021 (domain conditional PMI).

    Example:
        >>> pmi_scores([[-3.0, -2.0]], [[-5.0, -1.0]])
        tensor([[ 2., -1.]], dtype=torch.float64)
    """
    scores, prior_scores = _table(scores, "scores"), _table(prior_scores, "prior_scores")
    _require_same_shape(scores, prior_scores, "prior_scores")
    return scores - prior_scores


def contextual_calibration(scores: Scores, content_free: Scores) -> Tensor:
    """Scores `(N, C)` divided by what each option gets when the question says nothing.

    For options that every question shares, such as the letters A to D. The prior of an option is
    its mean probability over M questions without content ("N/A").

    Args:
        scores: Scores of the letters after real questions `(N, C)`.
        content_free: Their scores after questions without content `(M, C)`.

    Raises:
        ValueError: If the numbers of options differ, or a score is not finite.

    Reference:
        Z. Zhao et al., Calibrate before use, ICML 2021. As in their code, the quotients are only
        made to sum to one; the second softmax in their equation is left out.

    Example:
        >>> letters = torch.tensor([[0.75, 0.25], [0.9, 0.1]]).log()
        >>> empty = torch.tensor([[0.75, 0.25]]).log()  # after "N/A" the first is likelier
        >>> choice_probs(contextual_calibration(letters, empty))
        tensor([[0.5000, 0.5000],
                [0.7500, 0.2500]])
    """
    return _divided_by_mean(scores, content_free, "content_free")


def batch_calibration(scores: Scores, batch: Scores) -> Tensor:
    """Scores `(N, C)` divided by what each option gets on average over a batch of questions.

    As `contextual_calibration`, with real questions in place of empty ones. It takes for granted
    that in the batch every option is right equally often. No label is used; still, a batch that
    contains the questions to be judged has been looked at, so take another.

    Args:
        scores: Scores of the letters `(N, C)`.
        batch: Their scores after M other questions `(M, C)`.

    Raises:
        ValueError: If the numbers of options differ, or a score is not finite.

    Reference:
        H. Zhou et al., Batch calibration: rethinking calibration for in-context learning and prompt
        engineering, ICLR 2024.

    Example:
        >>> letters = torch.tensor([[0.75, 0.25], [0.75, 0.25]]).log()
        >>> choice_probs(batch_calibration(letters[:1], letters))
        tensor([[0.5000, 0.5000]])
    """
    return _divided_by_mean(scores, batch, "batch")


def cyclic_orders(n_options: int) -> Tensor:
    """Return the orders `(C, C)` in which every option stands at every place exactly once.

    `orders[k, place]` is the option at that place: each order turns the one before by a place.

    Raises:
        ValueError: If there are fewer than two options.

    Example:
        >>> cyclic_orders(3)
        tensor([[0, 1, 2],
                [1, 2, 0],
                [2, 0, 1]])
    """
    if n_options < 2:
        raise ValueError(f"n_options must be at least 2 to have an order, found {n_options}.")
    places = torch.arange(n_options)
    return (places + places.unsqueeze(-1)) % n_options


def average_over_orders(scores: Sequence[Scores] | Tensor, orders: ArrayLike) -> Tensor:
    """Mean log-probability `(N, C)` of each option, over the orders in which all were listed.

    A bias that adds the same to a place's log-probability whatever stands there cancels exactly, if
    every option stood at every place equally often.

    Args:
        scores: For each of K orders, the scores by *place* `(K, N, C)`.
        orders: Which option stood at each place `(K, C)`, as in `cyclic_orders`.

    Returns:
        Log-probabilities by *option*, averaged; not normalised.

    Raises:
        ValueError: If the shapes differ, or an order does not name every option once.

    Reference:
        C. Zheng et al., Large language models are not robust multiple choice selectors, ICLR 2024.

    Example:
        >>> first_place = torch.tensor([[0.75, 0.25]]).log()  # whatever stands there
        >>> average_over_orders([first_place, first_place], cyclic_orders(2)).softmax(dim=-1)
        tensor([[0.5000, 0.5000]])
    """
    tables = torch.stack([_table(part, f"scores[{k}]") for k, part in enumerate(scores)])
    orders = torch.as_tensor(orders)
    n_orders, _, n_options = tables.shape
    if orders.shape != (n_orders, n_options):
        raise ValueError(
            f"orders must have shape ({n_orders}, {n_options}), an option for each place of each "
            f"order, found {tuple(orders.shape)}."
        )
    if not (orders.sort(dim=-1).values == torch.arange(n_options)).all():
        raise ValueError(
            f"orders must name each of the options 0 .. {n_options - 1} once, found "
            f"{orders.tolist()}."
        )
    # Where an option stood: argsort inverts a permutation.
    place_of_option = orders.argsort(dim=-1).unsqueeze(1).expand_as(tables)
    return tables.log_softmax(dim=-1).gather(-1, place_of_option).mean(dim=0)


def _divided_by_mean(scores: Scores, others: Scores, name: str) -> Tensor:
    scores, others = _table(scores, "scores"), _table(others, name)
    if scores.shape[1] != others.shape[1]:
        raise ValueError(
            f"{name} must have the {scores.shape[1]} options of scores, found {others.shape[1]}. "
            "Give both the scores of the same letters."
        )
    return scores - others.softmax(dim=-1).mean(dim=0).log()


def _table(scores: Scores, name: str) -> Tensor:
    """Return the scores as one finite table `(N, C)`."""
    if isinstance(scores, list | tuple) and all(isinstance(row, Tensor) for row in scores):
        sizes = sorted({row.numel() for row in scores})
        if len(sizes) > 1:
            raise ValueError(
                f"{name} must have as many options for every question, found {sizes[0]} to "
                f"{sizes[-1]}. Correct those with the same number together."
            )
        scores = torch.stack(list(scores)) if scores else torch.empty(0, 0)
    return as_logits(scores, name)


def _require_same_shape(scores: Tensor, others: Tensor, name: str) -> None:
    if scores.shape != others.shape:
        raise ValueError(
            f"{name} must have the shape of scores, {tuple(scores.shape)}, found "
            f"{tuple(others.shape)}."
        )
