"""08 Calibration metrics."""

from __future__ import annotations

import numpy as np
import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_the_liar_knows = ChoiceExercise(
    name="what_the_liar_knows",
    question="A forecaster knows the true chance of rain p and always states 1 - p. What is wrong "
    "with these statements?",
    options={
        "a": "Their resolution: they tell nothing about the rain.",
        "b": "Their reliability: they tell as much as the truth does, in the wrong numbers.",
        "c": "Their uncertainty: the weather is harder to predict for a liar.",
    },
    correct="b",
    explanations={
        "a": "Whoever knows of the lie turns the numbers round and has the truth. Nothing is lost.",
        "b": "A table from last year repairs that. What cannot be repaired is a lack of "
        "resolution.",
        "c": "The uncertainty is the weather's own, the same for every forecaster.",
    },
)

who_is_calibrated = ChoiceExercise(
    name="who_is_calibrated",
    question="Which of these is calibrated?",
    options={
        "a": "A model that states the truth, squared and divided by the sum: it has the same best "
        "words.",
        "b": "A model that is right on 99 % of all words.",
        "c": "A model that states the overall frequency of each word at every position.",
    },
    correct="c",
    explanations={
        "a": "The same best words, so the same accuracy, at confidences that are too high.",
        "b": "Right how often is not the question. If it states 100 % every time it is too sure.",
        "c": "Calibrated and useless: it has no reliability to pay and no resolution.",
    },
)

what_the_loss_floor_is = ChoiceExercise(
    name="what_the_loss_floor_is",
    question="A model states the exact probabilities of a known language. What is its negative "
    "log-likelihood on a long text, in nats a word?",
    options={
        "a": "Zero, since it makes no mistake.",
        "b": "About the entropy rate of the language.",
        "c": "The logarithm of the size of the vocabulary.",
    },
    correct="b",
    explanations={
        "a": "It states the right chances; what comes by chance still surprises it.",
        "b": "The loss is entropy plus divergence, and its divergence is zero.",
        "c": "That is the loss of a model that knows nothing.",
    },
)

# What the notebook teaches.


def _probs_and_labels(rng):
    probs = torch.tensor(rng.dirichlet([0.8] * 4, size=6))
    labels = torch.tensor([2, *rng.integers(4, size=5)])
    labels[1] = (probs[1].argmax() + 1) % 4  # at least one word that was not the best guess
    return probs, labels


def _of_truth(probs, labels):
    return probs.gather(1, labels[:, None])[:, 0]


nll = FunctionExercise(
    name="nll",
    title="The negative log-likelihood",
    reference=lambda probs, labels: torch.nn.functional.nll_loss(probs.log(), labels),
    inputs=_probs_and_labels,
    edges=[
        (torch.tensor([[0.3, 0.7]]), torch.tensor([0])),
        (
            torch.tensor([[0.05, 0.1, 0.1, 0.05, 0.2, 0.5], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]),
            torch.tensor([4, 5]),
        ),
    ],
    mistakes=[
        Mistake(
            name="top word",
            wrong=lambda probs, labels: -probs.amax(dim=1).log().mean(),
            message="That is the surprise of the most likely word. The score is about the word "
            "that came: pick probs[i, labels[i]]. Yours gets better as a model gets surer, right "
            "or wrong.",
        ),
        Mistake(
            name="log of the mean",
            wrong=lambda probs, labels: -_of_truth(probs, labels).mean().log(),
            message="You took the mean first and then the logarithm. The likelihood of a text is "
            "a product, so it is the logarithms that are averaged.",
        ),
        Mistake(
            name="sum",
            wrong=lambda probs, labels: -_of_truth(probs, labels).log().sum(),
            message="That is the sum over all words, which grows with the text. Divide by their "
            "number.",
        ),
        Mistake(
            name="bits",
            wrong=lambda probs, labels: -_of_truth(probs, labels).log2().mean(),
            message="That is in bits. In nats the logarithm is the natural one.",
        ),
        Mistake(
            name="sign",
            wrong=lambda probs, labels: _of_truth(probs, labels).log().mean(),
            message="The sign is missing: logarithms of probabilities are negative, and the score "
            "is their negative mean.",
        ),
        Mistake(
            name="logits",
            wrong=lambda probs, labels: torch.nn.functional.cross_entropy(probs, labels),
            message="`cross_entropy` expects logits and applies a softmax to them. These are "
            "probabilities already: take their logarithm.",
        ),
    ],
    hints=[
        "`probs[torch.arange(len(labels)), labels]` picks, in each row, the word that came.",
        "Then the logarithm, then the mean, then the sign.",
    ],
    stub="""
        def my_nll(probs, labels):
            \"\"\"Return the mean NLL, in nats, of probs (N, V) and labels (N,).\"\"\"
            ...
    """,
    solution="""
        def my_nll(probs, labels):
            return -probs[torch.arange(len(labels)), labels].log().mean()
    """,
    insight="Its exponential is the perplexity.",
)


def _predicted_and_happened(rng):
    """Twelve predictions with 3 hits, 2 false alarms, and 4 misses, in random order."""
    predicted = np.array([True] * 5 + [False] * 7)
    happened = np.array([True] * 3 + [False] * 2 + [True] * 4 + [False] * 3)
    order = rng.permutation(12)
    keep = order[: 12 - int(rng.integers(2))]
    return torch.tensor(predicted[keep]), torch.tensor(happened[keep])


def _precision(predicted, happened):
    return (predicted & happened).sum() / predicted.sum()


def _f1(predicted, happened):
    return 2 * (predicted & happened).sum() / (predicted.sum() + happened.sum())


f1 = FunctionExercise(
    name="f1",
    title="F1 of one class",
    reference=_f1,
    inputs=_predicted_and_happened,
    edges=[
        (torch.tensor([True, False, True]), torch.tensor([False, True, False])),  # no hit
        (torch.tensor([True, True]), torch.tensor([True, True])),
        (
            torch.tensor([True, True, True, False, True]),
            torch.tensor([True, False, False, False, False]),
        ),
    ],
    mistakes=[
        Mistake(
            name="arithmetic mean",
            wrong=lambda predicted, happened: (
                (_precision(predicted, happened) + _precision(happened, predicted)) / 2
            ),
            message="You averaged precision and recall. F1 is their harmonic mean, 2PR / (P + R): "
            "it lies nearer to the smaller one, so that neither can be bought with the other.",
        ),
        Mistake(
            name="precision",
            wrong=_precision,
            message="That is the precision, of what was predicted. F1 also needs the recall, of "
            "what happened.",
        ),
        Mistake(
            name="recall",
            wrong=lambda predicted, happened: _precision(happened, predicted),
            message="That is the recall, of what happened. F1 also needs the precision, of what "
            "was predicted.",
        ),
        Mistake(
            name="accuracy",
            wrong=lambda predicted, happened: (predicted == happened).double().mean(),
            message="That is the accuracy. It counts the true negatives too; F1 does not know "
            "them.",
        ),
        Mistake(
            name="other class",
            wrong=lambda predicted, happened: _f1(~predicted, ~happened),
            message="That is the F1 of the class False. F1 depends on which class is called "
            "positive, and here it is True.",
        ),
    ],
    hints=[
        "Hits are `(predicted & happened).sum()`.",
        "F1 is twice the hits, divided by how many were predicted plus how many happened.",
    ],
    stub="""
        def my_f1(predicted, happened):
            \"\"\"Return the F1 of the class True; predicted (N,) and happened (N,) are bool.\"\"\"
            ...
    """,
    solution="""
        def my_f1(predicted, happened):
            hits = (predicted & happened).sum()
            return 2 * hits / (predicted.sum() + happened.sum())
    """,
)


def _confidences(rng):
    """Fifty predictions in four of eight bins, some exactly 0, 1 or on a border; gaps both ways."""
    bin_of = np.repeat([0, 3, 5, 7], [4, 8, 10, 18])
    inside = (bin_of + 0.05 + 0.9 * rng.random(40)) / 8
    chance = np.repeat([0, 0.8, 0.2, 1.0], [4, 8, 10, 18])
    right = rng.random(40) < chance
    confidence = np.concatenate([inside, [0.0] * 3, [0.5] * 4, [1.0] * 3])
    right = np.concatenate([right, [1, 1, 0], [1, 0, 0, 0], [1, 0, 0]]).astype(bool)
    order = rng.permutation(50)
    return torch.tensor(confidence[order]), torch.tensor(right[order]), 8


def _index(confidence, n_bins):
    """Return the bin `(a, b]` of each, with 0 in the first."""
    return ((confidence * n_bins).ceil().long() - 1).clamp(min=0)


def _sums(index, confidence, correct, n_slots):
    return index.bincount(weights=correct.double() - confidence, minlength=n_slots)


def _bins(confidence, correct, n_bins):
    """Share of the predictions and accuracy minus confidence, in each bin that is used."""
    index = _index(confidence, n_bins)
    count = index.bincount(minlength=n_bins).double()
    used = count > 0
    residual = _sums(index, confidence, correct, n_bins)
    return count[used] / len(confidence), residual[used] / count[used]


def _with_middles(confidence, correct, n_bins):
    middle = (_index(confidence, n_bins) + 0.5) / n_bins
    share, gap = _bins(middle, correct, n_bins)
    return (share * gap.abs()).sum()


def _left_closed(slots):
    """Return an ECE of bins `[a, b)`; `slots` says what becomes of 1, in one bin too many."""

    def wrong(confidence, correct, n_bins):
        index = slots((confidence * n_bins).floor().long(), n_bins)
        return _sums(index, confidence, correct, n_bins + 1).abs().sum() / len(confidence)

    return wrong


def _dropping_one(confidence, correct, n_bins):
    index = (confidence * n_bins).floor().long()
    return _sums(index, confidence, correct, n_bins + 1)[:n_bins].abs().sum() / len(confidence)


def _zero_apart(first):
    """Return an ECE where 0 has a bin of its own, summed from that one on or after it."""

    def wrong(confidence, correct, n_bins):
        index = (confidence * n_bins).ceil().long()
        return _sums(index, confidence, correct, n_bins + 1)[first:].abs().sum() / len(confidence)

    return wrong


def _without_weights(confidence, correct, n_bins):
    return _bins(confidence, correct, n_bins)[1].abs().mean()


def _weighted(function):
    def wrong(confidence, correct, n_bins):
        share, gap = _bins(confidence, correct, n_bins)
        return function(share, gap)

    return wrong


ece = FunctionExercise(
    name="ece",
    title="The expected calibration error",
    reference=_weighted(lambda share, gap: (share * gap.abs()).sum()),
    inputs=_confidences,
    edges=[  # another number of bins, and too modest on the whole
        (
            torch.tensor([0.2, 0.4, 0.45, 0.9, 0.6], dtype=torch.float64),
            torch.tensor([False, True, True, True, False]),
            3,
        ),
    ],
    mistakes=[
        Mistake(
            name="without weights",
            wrong=_without_weights,
            message="You averaged the gaps over the bins, each counted the same. A bin with one "
            "prediction then weighs as much as one with a thousand: weight by n_b / N.",
        ),
        Mistake(
            name="over all bins",
            wrong=lambda confidence, correct, n_bins: (
                _bins(confidence, correct, n_bins)[1].abs().sum() / n_bins
            ),
            message="You divided the sum of the gaps by the number of bins, empty ones included. "
            "Weight each gap by its share of the predictions, n_b / N.",
        ),
        Mistake(
            name="signed",
            wrong=_weighted(lambda share, gap: (share * gap).sum()),
            message="You added the gaps with their signs, so too sure in one bin and too modest in "
            "another cancel. What is left is accuracy minus confidence overall: take the absolute "
            "value in every bin.",
        ),
        Mistake(
            name="overall",
            wrong=lambda confidence, correct, n_bins: (
                correct.double().mean() - confidence.mean()
            ).abs(),
            message="That is the overall gap, the ECE with one bin. Take the gap in each bin, "
            "then average.",
        ),
        Mistake(
            name="largest",
            wrong=_weighted(lambda share, gap: gap.abs().max()),
            message="That is the largest gap, the maximum calibration error (MCE). The ECE is the "
            "mean gap.",
        ),
        Mistake(
            name="squared",
            wrong=_weighted(lambda share, gap: (share * gap.square()).sum()),
            message="You squared the gaps. That is the reliability of the Brier score; the ECE "
            "takes absolute values.",
        ),
        Mistake(
            name="middle of the bin",
            wrong=_with_middles,
            message="You compared with the middle of the bin. Compare with the mean confidence "
            "of the predictions that are in it, which may lie anywhere in the bin.",
        ),
        Mistake(
            name="1 is dropped",
            wrong=_dropping_one,
            message="The confidences that are exactly 1 are in none of your bins: `floor` and "
            "`np.digitize` give them the number n_bins, one too many. A model that is always sure "
            "and always wrong would have an ECE of 0.",
        ),
        Mistake(
            name="1 has a bin of its own",
            wrong=_left_closed(lambda index, n_bins: index),
            message="The confidences that are exactly 1 have a bin of their own: `floor` and "
            "`np.digitize` give them the number n_bins, one too many. They belong to the last "
            "bin, (a, b] with b = 1.",
        ),
        Mistake(
            name="left-closed",
            wrong=_left_closed(lambda index, n_bins: index.clamp(max=n_bins - 1)),
            message="What lies exactly on a border is in the bin to the right of it. Some "
            "libraries do that; here the bins are (a, b], and a border belongs to the left one.",
        ),
        Mistake(
            name="0 is dropped",
            wrong=_zero_apart(first=1),
            message="The confidences that are exactly 0 are in none of your bins: `ceil` gives "
            "them the number -1. They belong to the first bin.",
        ),
        Mistake(
            name="0 has a bin of its own",
            wrong=_zero_apart(first=0),
            message="The confidences that are exactly 0 have a bin of their own: `ceil` gives "
            "them the number -1. They belong to the first bin.",
        ),
    ],
    hints=[
        "The bin of a confidence is `(confidence * n_bins).ceil().long() - 1`, but for 0, which "
        "belongs to the first: `.clamp(min=0)`.",
        "For each bin that is used: its share of all predictions times the absolute difference "
        "of `correct[inside].double().mean()` and `confidence[inside].mean()`.",
    ],
    stub="""
        def my_ece(confidence, correct, n_bins):
            \"\"\"Return the ECE of confidence (N,), correct (N,), with n_bins bins (a, b].\"\"\"
            ...
    """,
    solution="""
        def my_ece(confidence, correct, n_bins):
            bin_of = ((confidence * n_bins).ceil().long() - 1).clamp(min=0)
            total = 0.0
            for b in bin_of.unique():
                inside = bin_of == b
                gap = correct[inside].double().mean() - confidence[inside].mean()
                total += inside.double().mean() * gap.abs()
            return total
    """,
    insight="An empty bin adds nothing, a border belongs to the bin on its left, and 0 to the "
    "first bin: every prediction counts once.",
)

reading_a_p_value = ChoiceExercise(
    name="reading_a_p_value",
    question="A model answered 80 questions. Its ECE is 0.13, with a bootstrap interval from 0.10 "
    "to 0.24. The calibration test gives p = 0.41. What do you report?",
    options={
        "a": "It is miscalibrated: the interval excludes 0.",
        "b": "It is calibrated: the test does not reject.",
        "c": "With 80 questions this ECE is what a calibrated model would show, and a "
        "miscalibration of several points would probably not be noticed.",
    },
    correct="c",
    explanations={
        "a": "The bootstrap repeats the upward bias of the ECE: its interval excludes 0 for "
        "perfect models, too, as you saw a hundred times in a hundred.",
        "b": "Not rejected is not proven. Remember how seldom the slightly sharpened model was "
        "caught with 100 words.",
        "c": "Chance explains the number, and the sample is too small to say more. Ask more "
        "questions.",
    },
)

which_metric = ChoiceExercise(
    name="which_metric",
    question="A model shall answer the easiest 60 % of all questions and hand the rest to a "
    "person. You want to know whether its confidence is any good for that choice. What do you "
    "look at?",
    options={
        "a": "AUROC or the risk-coverage curve.",
        "b": "The ECE.",
        "c": "F1.",
    },
    correct="a",
    explanations={
        "a": "The choice needs the order of the confidences, nothing else.",
        "b": "A model that states its accuracy on every question has an ECE of 0 and cannot tell "
        "one question from another.",
        "c": "F1 judges decisions between classes and never looks at a confidence.",
    },
)
