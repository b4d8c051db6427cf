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
    edges=[  # logits too modest, and temperatures in no order
        (1.5 * torch.eye(4), torch.arange(4), torch.tensor([2.0, 0.5, 1.0, 3.0])),
    ],
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


def _mean_in_bins(index, values, n_bins):
    total = torch.zeros(n_bins, dtype=torch.float64).index_add(0, index, values.double())
    return total / index.bincount(minlength=n_bins).clamp(min=1)


def _bin_from_the_left(confidence, n_bins):
    return (confidence * n_bins).long().clamp(max=n_bins - 1)


def _equal_mass(confidence, correct, new, n_bins):
    inner = torch.quantile(confidence, torch.arange(1, n_bins, dtype=torch.float64) / n_bins)
    index = torch.bucketize(confidence, inner)
    return _mean_in_bins(index, correct, n_bins)[torch.bucketize(new, inner)]


def _confidences(rng):
    """Four bins, few confidences in the low ones, many in the top one; 0, 1 and borders, too."""
    fill = torch.tensor([5, 9, 16, 50])
    inside = torch.arange(4).repeat_interleave(fill)
    confidence = (torch.tensor(rng.random(80)) + inside) / 4
    confidence[[0, 5, 14, 79]] = torch.tensor([0.0, 0.5, 0.75, 1.0], dtype=torch.float64)
    correct = torch.tensor(rng.random(80)) < confidence.square()
    correct[[1, 2, 6, 7]] = torch.tensor([True, False, True, False])  # no bin is all alike
    new = torch.cat((torch.tensor(rng.random(17)), torch.tensor([0.0, 0.5, 1.0]).double()))
    return confidence, correct, new, 4


histogram_binning = FunctionExercise(
    name="histogram_binning",
    title="Histogram binning",
    reference=lambda confidence, correct, new, n_bins: _mean_in_bins(
        _bin_of(confidence, n_bins), correct, n_bins
    )[_bin_of(new, n_bins)],
    inputs=_confidences,
    edges=[  # two bins that hold unequally many
        (
            torch.tensor([0.1, 0.3, 0.6, 0.7, 0.8, 0.9, 1.0, 0.95, 0.55]),
            torch.tensor([False, True, False, True, True, False, True, True, True]),
            torch.tensor([0.05, 0.45, 0.51, 1.0, 0.98]),
            2,
        ),
    ],
    mistakes=[
        Mistake(
            name="mean confidence",
            wrong=lambda confidence, correct, new, n_bins: _mean_in_bins(
                _bin_of(confidence, n_bins), confidence, n_bins
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
                _bin_of(confidence, n_bins), correct, n_bins
            ),
            message="That is the table that was learned, one number a bin. Now look up the bin of "
            "every new confidence.",
        ),
        Mistake(
            name="equal mass",
            wrong=_equal_mass,
            message="Your bins hold equally many predictions. Asked for are bins of equal width: "
            "with four of them, the borders are 0.25, 0.5 and 0.75.",
        ),
        Mistake(
            name="borders to the right",
            wrong=lambda confidence, correct, new, n_bins: _mean_in_bins(
                _bin_from_the_left(confidence, n_bins), correct, n_bins
            )[_bin_from_the_left(new, n_bins)],
            message="A confidence on a border belongs to the bin below it here, as in the package: "
            "round up, not down, and let 0 join the first bin.",
        ),
    ],
    hints=[
        "The bin of a confidence is `(confidence * n_bins).ceil().long().clamp(min=1) - 1`; the "
        "clamp takes 0 into the first bin.",
        "`correct[inside].double().mean()` for each bin, then index that table by the bins of new.",
    ],
    stub="""
        def my_histogram_binning(confidence, correct, new, n_bins):
            \"\"\"Learn from confidence (N,) and correct (N,) how often each bin was right; answer
            for new (M,). Bins have equal width and hold their upper border.\"\"\"
            ...
    """,
    solution="""
        def my_histogram_binning(confidence, correct, new, n_bins):
            bin_of = lambda values: (values * n_bins).ceil().long().clamp(min=1) - 1
            table = torch.stack(
                [correct[bin_of(confidence) == b].double().mean() for b in range(n_bins)]
            )
            return table[bin_of(new)]
    """,
    insight="An empty bin has no frequency; our class answers with its middle there.",
)


def _staircase(came):
    """Isotonic regression by pooling: blocks (mean, size) that fall are merged."""
    blocks = []
    for value in came:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] >= mean:
            before, n = blocks.pop()
            mean, size = (before * n + mean * size) / (n + size), n + size
        blocks.append((mean, size))
    return [mean for mean, size in blocks for _ in range(size)]


def _pooled_unweighted(came):
    blocks = []
    for value in came:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] >= mean:
            before, n = blocks.pop()
            mean, size = (before + mean) / 2, n + size
        blocks.append((mean, size))
    return [mean for mean, size in blocks for _ in range(size)]


def _pooled_once(came):
    values = [float(value) for value in came]
    for i in range(len(values) - 1):
        if values[i] > values[i + 1]:
            values[i] = values[i + 1] = (values[i] + values[i + 1]) / 2
    return values


def _outcomes(rng):
    """Outcomes that become likelier, with a first and a last run that no staircase may cut."""
    chance = torch.linspace(0.1, 0.9, 24, dtype=torch.float64)
    came = (torch.tensor(rng.random(24)) < chance).double()
    came[:3], came[-4:] = torch.tensor([1.0, 0, 0]), torch.tensor([1.0, 1, 0, 1])
    return (came,)


staircase = FunctionExercise(
    name="staircase",
    title="Isotonic calibration of one event",
    reference=lambda came: torch.tensor(_staircase(came), dtype=torch.float64),
    inputs=_outcomes,
    edges=[
        (torch.tensor([1.0]),),
        (torch.tensor([1.0, 1.0, 1.0, 0.0]),),  # one block, all over
        (torch.tensor([0.0, 0.0, 1.0, 1.0]),),  # nothing falls
        (torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0]),),
    ],
    mistakes=[
        Mistake(
            name="sorted",
            wrong=lambda came: came.sort().values,
            message="You sorted the outcomes. They keep their places; neighbours that fall are "
            "replaced by their mean.",
        ),
        Mistake(
            name="running maximum",
            wrong=lambda came: came.cummax(dim=0).values,
            message="That is the running maximum: it rises, but it is far from the outcomes. "
            "Where a block lies above the next one, pool the two: both get their common mean.",
        ),
        Mistake(
            name="one pass over pairs",
            wrong=lambda came: torch.tensor(_pooled_once(came), dtype=torch.float64),
            message="You pooled pairs, once. A pooled block can fall below the block before it: "
            "then pool again, backwards, until nothing falls.",
        ),
        Mistake(
            name="blocks not weighted",
            wrong=lambda came: torch.tensor(_pooled_unweighted(came), dtype=torch.float64),
            message="You averaged the means of two blocks as if both were of one size. Weigh each "
            "by how many outcomes it holds.",
        ),
    ],
    hints=[
        "Keep a list of blocks (mean, size). A new outcome is a block of size 1.",
        "While the last block of the list is not below the new one, take it out and merge the two: "
        "the mean of all their outcomes, and the sum of their sizes.",
    ],
    stub="""
        def my_staircase(came):
            \"\"\"Return the rising numbers (N,) closest, in squares, to the outcomes came (N,):
            0 or 1, in the order of rising confidence.\"\"\"
            ...
    """,
    solution="""
        def my_staircase(came):
            blocks = []
            for outcome in came.tolist():
                mean, size = outcome, 1
                while blocks and blocks[-1][0] >= mean:
                    before, n = blocks.pop()
                    mean, size = (before * n + mean * size) / (n + size), n + size
                blocks.append((mean, size))
            return torch.tensor([mean for mean, size in blocks for _ in range(size)])
    """,
    insight="Each step of the staircase is a frequency of the calibration split: 0 at the lower "
    "end if nothing came true there. That is where an infinite loss comes from.",
)

smoothed = FunctionExercise(
    name="smoothed",
    title="What label smoothing makes of the truth",
    reference=lambda probs, epsilon: (1 - epsilon) * probs + epsilon / probs.shape[-1],
    inputs=lambda rng: (torch.tensor(rng.dirichlet([0.5] * 5, size=6)), 0.2),
    edges=[
        (torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), 0.1),
        (torch.tensor([[0.3, 0.7]]), 0.0),
    ],
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
            \"\"\"Return the distribution of smoothed labels; the truth is probs (N, V).\"\"\"
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
    question="After temperature scaling the ECE fell to a few hundredths, yet half of the "
    "divergence from the truth is still there. Of what is left at the top word, what is the "
    "larger part?",
    options={
        "a": "The temperature was badly fitted; a better optimiser would bring the divergence to "
        "zero.",
        "b": "Miscalibration: the ECE was computed with too few bins to see it.",
        "c": "Information is missing: contexts whose truths differ get the same confidence.",
        "d": "The test set is too small to see the improvement.",
    },
    correct="c",
    explanations={
        "a": "The optimum is unique, and we checked it. The best temperature is still only a "
        "temperature.",
        "b": "The split needs no bins. What any rising map of the confidence could mend is nearly "
        "gone.",
        "c": "At the top word hardly any miscalibration is left, and most of the missing "
        "information: so it is with the unigram, which is calibrated from the start. Only more or "
        "better learning adds information.",
        "d": "Twenty-five thousand words give intervals far smaller than what is left.",
    },
)

why_smoothing_misleads = ChoiceExercise(
    name="why_smoothing_misleads",
    question="Somebody trains the same overfit model with label smoothing, sees the ECE fall, and "
    "reports a cure. Which check would have warned them, with held-out words alone?",
    options={
        "a": "The accuracy after temperature scaling.",
        "b": "The NLL after temperature scaling, against that of the model without smoothing.",
        "c": "A reliability diagram with more bins.",
    },
    correct="b",
    explanations={
        "a": "A temperature changes no top word, so this is the accuracy before it: blind to how "
        "probabilities are spread over the other words.",
        "b": "A temperature takes away what is easily mended in both; what is left shows which of "
        "them has learned more. That is also how early stopping should be judged.",
        "c": "However fine, a diagram looks at calibration, and smoothing did improve that.",
    },
)
