"""10 Calibration methods."""

from __future__ import annotations

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_an_ece_of_zero_says = ChoiceExercise(
    name="what_an_ece_of_zero_says",
    question="A model's ECE, measured on a million held-out words, is as good as zero. What do you "
    "know?",
    options={
        "a": "Its whole next-word distribution is the true one.",
        "b": "Among predictions of the same confidence, the top word is right that often, on "
        "average.",
        "c": "Its negative log-likelihood is as low as it can be.",
    },
    correct="b",
    explanations={
        "a": "The ECE looks at one number of the distribution, the largest, and only at averages.",
        "b": "An average over everything that shares a confidence, and only about the top word.",
        "c": "The unigram model of notebook 07 has hardly any calibration error and a miserable "
        "likelihood.",
    },
)

what_an_average_cuts = ChoiceExercise(
    name="what_an_average_cuts",
    question="You average the probabilities of several models, trained with different seeds on the "
    "same data. What does the average reduce?",
    options={
        "a": "The bias.",
        "b": "The variance.",
        "c": "The entropy of the truth.",
    },
    correct="b",
    explanations={
        "a": "What all members get wrong in the same way, their average gets wrong as well.",
        "b": "Where members disagree, each is wrong in its own way, and the average is wrong less.",
        "c": "No model changes the truth.",
    },
)

which_score_finds_a_temperature = ChoiceExercise(
    name="which_score_finds_a_temperature",
    question="A temperature is one number. By which score should it be chosen, on data that were "
    "held out?",
    options={
        "a": "The accuracy.",
        "b": "The ECE.",
        "c": "The negative log-likelihood.",
    },
    correct="c",
    explanations={
        "a": "A temperature never changes which word is the most probable: every T has the same "
        "accuracy.",
        "b": "The ECE is no proper score, jumps as predictions change their bins, and has several "
        "minima.",
        "c": "It is proper, smooth in T, and has a single minimum.",
    },
)

# What the notebook teaches.


def _losses(logits, labels, temperatures):
    return torch.stack(
        [torch.nn.functional.cross_entropy(logits / t, labels) for t in temperatures]
    )


def _logits_labels_temperatures(rng):
    """Overconfident logits: the labels are drawn at 2.5 times the temperature."""
    logits = torch.tensor(rng.normal(scale=5.0, size=(300, 4)))
    labels = (
        (logits / 2.5)
        .softmax(dim=-1)
        .multinomial(1, generator=torch.Generator().manual_seed(int(rng.integers(2**31))))[:, 0]
    )
    return logits, labels, torch.tensor([0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0])


best_temperature = FunctionExercise(
    name="best_temperature",
    title="The best of some temperatures",
    reference=lambda logits, labels, temperatures: float(
        temperatures[_losses(logits, labels, temperatures).argmin()]
    ),
    inputs=_logits_labels_temperatures,
    mistakes=[
        Mistake(
            name="multiplied",
            wrong=lambda logits, labels, temperatures: float(
                temperatures[_losses(logits, labels, 1 / temperatures).argmin()]
            ),
            message="You multiplied by T. The logits are divided by it: T > 1 makes a model less "
            "sure.",
        ),
        Mistake(
            name="worst",
            wrong=lambda logits, labels, temperatures: float(
                temperatures[_losses(logits, labels, temperatures).argmax()]
            ),
            message="That is the temperature with the highest negative log-likelihood, and lower "
            "is better.",
        ),
        Mistake(
            name="the loss itself",
            wrong=lambda logits, labels, temperatures: float(
                _losses(logits, labels, temperatures).min()
            ),
            message="That is the lowest loss. Asked for is the temperature that reaches it.",
        ),
        Mistake(
            name="the place",
            wrong=lambda logits, labels, temperatures: int(
                _losses(logits, labels, temperatures).argmin()
            ),
            message="That is the place of the best temperature in the list. Take the entry there.",
        ),
    ],
    hints=[
        "`torch.nn.functional.cross_entropy(logits / t, labels)` is the mean negative "
        "log-likelihood at temperature t.",
        "A list of losses, then `.argmin()`, then the entry of temperatures at that place.",
    ],
    stub="""
        def my_best_temperature(logits, labels, temperatures):
            \"\"\"Return the entry of temperatures (K,) with the lowest NLL, as a float.\"\"\"
            ...
    """,
    solution="""
        def my_best_temperature(logits, labels, temperatures):
            losses = [
                torch.nn.functional.cross_entropy(logits / t, labels) for t in temperatures
            ]
            return temperatures[torch.stack(losses).argmin()].item()
    """,
    insight="TemperatureScaling finds the same minimum without a list, by Newton's method.",
)


def _bin_of(confidence, n_bins):
    return (confidence * n_bins).ceil().long().clamp(min=1) - 1


def _mean_in_bins(confidence, values, n_bins):
    index = _bin_of(confidence, n_bins)
    total = torch.zeros(n_bins, dtype=torch.float64).index_add(0, index, values.double())
    return total / index.bincount(minlength=n_bins).clamp(min=1)


def _confidences(rng):
    """Every bin of four is filled, in both splits; the truth is less sure than it looks."""
    confidence = (torch.tensor(rng.random(80)) + torch.arange(80) % 4) / 4
    correct = torch.tensor(rng.random(80)) < confidence.square()
    new = torch.tensor(rng.random(20))
    return confidence, correct, new, 4


histogram_binning = FunctionExercise(
    name="histogram_binning",
    title="Histogram binning",
    reference=lambda confidence, correct, new, n_bins: _mean_in_bins(confidence, correct, n_bins)[
        _bin_of(new, n_bins)
    ],
    inputs=_confidences,
    mistakes=[
        Mistake(
            name="mean confidence",
            wrong=lambda confidence, correct, new, n_bins: _mean_in_bins(
                confidence, confidence, n_bins
            )[_bin_of(new, n_bins)],
            message="You answered with the mean confidence of the bin, which is what the model "
            "already says. Answer with how often it was right there.",
        ),
        Mistake(
            name="share of the predictions",
            wrong=lambda confidence, correct, new, n_bins: (
                _bin_of(confidence, n_bins).bincount(minlength=n_bins) / len(confidence)
            )[_bin_of(new, n_bins)],
            message="That is the share of predictions that fall into the bin. Of those in the bin, "
            "count which share was correct.",
        ),
        Mistake(
            name="table of the bins",
            wrong=lambda confidence, correct, new, n_bins: _mean_in_bins(
                confidence, correct, n_bins
            ),
            message="That is the table that was learned, one number a bin. Now look up the bin of "
            "every new confidence.",
        ),
    ],
    hints=[
        "The bin of a confidence is `(confidence * n_bins).ceil().long() - 1`.",
        "`correct[inside].double().mean()` for each bin, then index that table by the bins of new.",
    ],
    stub="""
        def my_histogram_binning(confidence, correct, new, n_bins):
            \"\"\"Learn from confidence (N,) and correct (N,); answer for new (M,).\"\"\"
            ...
    """,
    solution="""
        def my_histogram_binning(confidence, correct, new, n_bins):
            bin_of = lambda values: (values * n_bins).ceil().long() - 1
            table = torch.stack(
                [correct[bin_of(confidence) == b].double().mean() for b in range(n_bins)]
            )
            return table[bin_of(new)]
    """,
    insight="An empty bin has no frequency; our class answers with its middle there.",
)

smoothed = FunctionExercise(
    name="smoothed",
    title="What label smoothing makes of the truth",
    reference=lambda probs, epsilon: (1 - epsilon) * probs + epsilon / probs.shape[-1],
    inputs=lambda rng: (torch.tensor(rng.dirichlet([0.5] * 5, size=6)), 0.2),
    mistakes=[
        Mistake(
            name="added without making room",
            wrong=lambda probs, epsilon: probs + epsilon / probs.shape[-1],
            message="You added to every class and took from none, so a row sums to more than one. "
            "Keep only the share 1 - epsilon of the truth.",
        ),
        Mistake(
            name="epsilon to every class",
            wrong=lambda probs, epsilon: (1 - epsilon) * probs + epsilon,
            message="You gave epsilon to each class. They share it: epsilon / V each.",
        ),
        Mistake(
            name="the others only",
            wrong=lambda probs, epsilon: (
                (1 - epsilon) * probs + epsilon * (1 - probs) / (probs.shape[-1] - 1)
            ),
            message="You spread epsilon over the other classes. Here, as in PyTorch, it is spread "
            "over all V classes, the right one included.",
        ),
    ],
    hints=["With the share 1 - epsilon the label stays; else it is any of the V words."],
    stub="""
        def my_smoothed(probs, epsilon):
            \"\"\"Return the law of the smoothed labels, for true laws probs (N, V).\"\"\"
            ...
    """,
    solution="""
        def my_smoothed(probs, epsilon):
            return (1 - epsilon) * probs + epsilon / probs.shape[-1]
    """,
)

where_to_fit = ChoiceExercise(
    name="where_to_fit",
    question="You have one set of labelled data that the model was not trained on. How do you "
    "calibrate, and report how well it worked?",
    options={
        "a": "Fit and report on all of it: more data, better fit.",
        "b": "Fit on the training data, report on this set.",
        "c": "Split it by document: fit on one part, report on the other.",
    },
    correct="c",
    explanations={
        "a": "The report then flatters the calibrator, most of all the flexible ones, which fit "
        "the noise of the very data they are judged on.",
        "b": "On its training data an overfit model is right to be sure. What is learned there is "
        "the wrong correction, as you saw.",
        "c": "The test part knows nothing of the fit; and whole documents on one side, since words "
        "of one document know each other.",
    },
)

what_healed = ChoiceExercise(
    name="what_healed",
    question="After temperature scaling the ECE fell to a few hundredths, but the divergence from "
    "the truth is still half a nat. What has happened?",
    options={
        "a": "The temperature was badly fitted; a better optimiser would bring the divergence to "
        "zero.",
        "b": "One number cannot put right what is wrong differently in every context. Too sure "
        "here and too modest there average out in the diagram.",
        "c": "The test set is too small to see the improvement.",
    },
    correct="b",
    explanations={
        "a": "The optimum is unique, and we checked it. The best temperature is still only a "
        "temperature.",
        "b": "The diagram averages over all contexts of the same confidence. The truth does not.",
        "c": "Twenty thousand words give intervals far smaller than half a nat.",
    },
)
