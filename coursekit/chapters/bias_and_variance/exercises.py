"""09 Bias and variance."""

from __future__ import annotations

import numpy as np
import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_a_good_ece_is = ChoiceExercise(
    name="what_a_good_ece_is",
    question="A model is perfectly calibrated, and you estimate its ECE on 1,000 predictions with "
    "15 bins. What do you expect?",
    options={
        "a": "Exactly 0: there is nothing to find.",
        "b": "Something above 0, which shrinks as predictions are added.",
        "c": "Something around 0, as often below as above.",
    },
    correct="b",
    explanations={
        "a": "In every bin the accuracy misses its target by chance, and distances do not cancel.",
        "b": "The estimate adds up distances, so chance alone lifts it. Only more data lowers it.",
        "c": "The ECE is a mean of distances: it cannot be negative.",
    },
)

what_calibrated_leaves_open = ChoiceExercise(
    name="what_calibrated_leaves_open",
    question="A forecaster says every day that it rains with probability 0.3, and it rains on 30 % "
    "of the days. What is true?",
    options={
        "a": "The forecasts are calibrated, and tell nothing about any one day.",
        "b": "The forecasts are not calibrated: on a single day it rains or it does not.",
        "c": "No forecaster can have a better Brier score.",
    },
    correct="a",
    explanations={
        "a": "Reliability is perfect, resolution is nil.",
        "b": "Calibration speaks of all days with the same forecast: of those, 30 % were wet.",
        "c": "Whoever tells wet days from dry ones gains resolution, and a better score.",
    },
)

what_loss_is_made_of = ChoiceExercise(
    name="what_loss_is_made_of",
    question="On a language whose law is known, a model's mean negative log-likelihood is 1.60 "
    "nats, and the entropy rate is 1.38. What are the 0.22 nats?",
    options={
        "a": "Noise that no model can avoid.",
        "b": "The KL divergence from the true law to the model's.",
        "c": "The model's overconfidence.",
    },
    correct="b",
    explanations={
        "a": "That is the 1.38: what even the truth cannot know.",
        "b": "Cross-entropy is entropy plus KL. Here we will split this KL once more.",
        "c": "Overconfidence is one way to be far from the truth; a model that is too modest, or "
        "sure of the wrong word, is far from it, too.",
    },
)

# What the notebook teaches.


def _answers_and_truth(rng):
    """Answers of seven models that are off, and off in the first one by more than on average."""
    truth = rng.uniform(0.3, 0.7)
    answers = torch.tensor(truth + 0.15 + 0.1 * rng.normal(size=7))
    answers[0] += 0.2
    return answers, truth


def _bias_and_variance(answers, truth):
    bias = answers.mean() - truth
    return bias**2, (answers**2).mean() - answers.mean() ** 2


bias_and_variance = FunctionExercise(
    name="bias_and_variance",
    title="Bias squared and variance of the answers of many models",
    reference=_bias_and_variance,
    inputs=_answers_and_truth,
    edges=[(torch.tensor([0.2, 0.6]), 0.7), (torch.tensor([0.4, 0.4, 0.4]), 0.1)],
    mistakes=[
        Mistake(
            name="variance around the truth",
            wrong=lambda answers, truth: (
                (answers.mean() - truth) ** 2,
                ((answers - truth) ** 2).mean(),
            ),
            message="Your variance is taken around the truth: that is the whole error, and the "
            "bias is in it already. Variance is how far the models are from *their own mean*; it "
            "does not know the truth.",
        ),
        Mistake(
            name="bias not squared",
            wrong=lambda answers, truth: (
                answers.mean() - truth,
                answers.var(correction=0),
            ),
            message="Your first number is the bias, not its square. The error is squared, so the "
            "bias enters squared: only then do the two add up to it.",
        ),
        Mistake(
            name="bias of one model",
            wrong=lambda answers, truth: (
                (answers[0] - truth) ** 2,
                answers.var(correction=0),
            ),
            message="You took the bias from one model. One model's error is bias and chance "
            "together, and nobody can tell them apart: average over the models first, then compare "
            "with the truth.",
        ),
        Mistake(
            name="error instead of bias",
            wrong=lambda answers, truth: (
                ((answers - truth) ** 2).mean(),
                answers.var(correction=0),
            ),
            message="Your first number is the mean squared error: it holds the variance, too. "
            "First the mean of the answers, then subtract the truth, then square.",
        ),
        Mistake(
            name="divides by M - 1",
            wrong=lambda answers, truth: ((answers.mean() - truth) ** 2, answers.var()),
            message="Your variance divides by M - 1, torch's default. Then the two parts add up to "
            "more than the error of these models. Divide by M here: `correction=0`.",
        ),
    ],
    hints=[
        "`answers.mean()` is where the models agree on average. Bias compares it with the truth.",
        "`answers.var(correction=0)` is the mean squared distance from their own mean.",
    ],
    stub="""
        def my_bias_and_variance(answers, truth):
            \"\"\"Return bias squared and variance of answers (M,) around a truth (a number).\"\"\"
            ...
    """,
    solution="""
        def my_bias_and_variance(answers, truth):
            bias = answers.mean() - truth
            return bias**2, answers.var(correction=0)
    """,
    insight="Add the two: you get the mean squared error of the models, to the last digit.",
)

what_more_data_does = ChoiceExercise(
    name="what_more_data_does",
    question="A bigram (order 1) is trained on five times as much text. Its squared error falls "
    "from 0.065 to 0.060. Five times as much again: what will happen?",
    options={
        "a": "It falls to about 0.012: five times the data, a fifth of the error.",
        "b": "It stays near 0.059: what is left is bias, and data do not lower that.",
        "c": "It rises: more data overfit.",
    },
    correct="b",
    explanations={
        "a": "Only the variance is divided by five, and it is nearly gone.",
        "b": "One word of context cannot tell what two could. For less bias it needs another kind "
        "of model, not more text.",
        "c": "More data lower the variance; too many contexts for the data raise it.",
    },
)


def _laws(rng):
    """Laws of four models over five words, far from each other."""
    return (torch.tensor(rng.dirichlet([0.6] * 5, size=4)).clamp(min=1e-4),)


def _central_law(laws):
    product = laws.prod(dim=0) ** (1 / len(laws))
    return product / product.sum()


central_law = FunctionExercise(
    name="central_law",
    title="The central law of many models, for the KL divergence",
    reference=_central_law,
    inputs=_laws,
    edges=[
        (torch.tensor([[0.7, 0.299, 0.001], [0.2, 0.2, 0.6]]),),
        (torch.tensor([[0.9, 0.1]] * 4 + [[0.2, 0.8], [0.5, 0.5]]),),
    ],
    mistakes=[
        Mistake(
            name="average of probabilities",
            wrong=lambda laws: laws.mean(dim=0),
            message="That is the arithmetic mean, the centre for the *squared* error. For KL the "
            "centre is the geometric mean: average the logarithms.",
        ),
        Mistake(
            name="not normalised",
            wrong=lambda laws: laws.log().mean(dim=0).exp(),
            message="The geometric means sum to less than 1: divide by their sum. Keep that sum "
            "in mind: minus its logarithm is the variance.",
        ),
        Mistake(
            name="softmax of averaged probabilities",
            wrong=lambda laws: laws.mean(dim=0).softmax(dim=-1),
            message="You gave probabilities to the softmax, which expects logits, so the result is "
            "nearly uniform. Logarithms of probabilities are logits: average those.",
        ),
        Mistake(
            name="over the words",
            wrong=lambda laws: laws.log().mean(dim=-1).softmax(dim=-1),
            message="You averaged over the words. The models are the first axis: dim=0.",
        ),
    ],
    hints=[
        "The geometric mean is the exponential of the mean of the logarithms, over the models.",
        "A softmax does both at once, the exponential and the division by the sum.",
    ],
    stub="""
        def my_central_law(laws):
            \"\"\"Return the normalised geometric mean (V,) of the laws (M, V) of M models.\"\"\"
            ...
    """,
    solution="""
        def my_central_law(laws):
            return laws.log().mean(dim=0).softmax(dim=-1)
    """,
    insight="The same as averaging the models' logits: a softmax does not care about a constant.",
)


def _laws_and_truth(rng):
    """Laws of eight predictions over four words: five sharp ones, and three that are too modest."""
    sharp, modest = rng.dirichlet([0.4] * 4, size=5), rng.dirichlet([3.0] * 4, size=3)
    surer = modest**3 / (modest**3).sum(axis=1, keepdims=True)
    truth = [*rng.dirichlet([1.0] * 4, size=5), *surer]
    return torch.tensor(np.array([*sharp, *modest])), torch.tensor(np.array(truth))


def _overconfidence(probs, truth):
    top = torch.nn.functional.one_hot(probs.argmax(dim=-1), probs.shape[-1])
    return ((probs - truth) * top).sum(dim=-1).mean()


def _at_top(probs, truth):
    return truth.gather(-1, probs.argmax(dim=-1, keepdim=True)).squeeze(-1)


overconfidence = FunctionExercise(
    name="overconfidence",
    title="Overconfidence, measured against the true law",
    reference=_overconfidence,
    inputs=_laws_and_truth,
    edges=[
        (torch.tensor([[0.2, 0.7, 0.1]]), torch.tensor([[0.9, 0.1, 0.0]])),
        (
            torch.tensor([[0.6, 0.4], [0.0, 1.0], [0.7, 0.3]]),
            torch.tensor([[0.8, 0.2], [0.1, 0.9], [0.7, 0.3]]),
        ),
    ],
    mistakes=[
        Mistake(
            name="top of the truth",
            wrong=lambda probs, truth: (probs.max(dim=-1).values - truth.max(dim=-1).values).mean(),
            message="You compared with the truth's own most likely word. The model bets on *its* "
            "word: take the true probability of that one, with `gather`.",
        ),
        Mistake(
            name="distance instead of difference",
            wrong=lambda probs, truth: (
                (probs.max(dim=-1).values - _at_top(probs, truth)).abs().mean()
            ),
            message="You averaged distances, so too sure here and too modest there add up. "
            "Overconfidence has a sign: no absolute value.",
        ),
        Mistake(
            name="sign",
            wrong=lambda probs, truth: (_at_top(probs, truth) - probs.max(dim=-1).values).mean(),
            message="The sign is turned round: overconfidence is positive where the model is surer "
            "than right, so confidence minus true probability.",
        ),
    ],
    hints=[
        "`probs.max(dim=-1, keepdim=True)` gives the confidence and the index of the word.",
        "`truth.gather(-1, index)` is the true probability of exactly that word.",
    ],
    stub="""
        def my_overconfidence(probs, truth):
            \"\"\"Return mean confidence minus the true probability of the words that the laws
            probs (N, V) are most sure of; truth (N, V) holds the true laws.\"\"\"
            ...
    """,
    solution="""
        def my_overconfidence(probs, truth):
            confidence, index = probs.max(dim=-1, keepdim=True)
            return (confidence - truth.gather(-1, index)).mean()
    """,
    insight="With the true law no word needs to be drawn: this has no noise from the test words.",
)

ensemble_error = FunctionExercise(
    name="ensemble_error",
    title="The squared error of an average of independent models",
    reference=lambda bias_squared, variance, members: (members * bias_squared + variance) / members,
    inputs=lambda rng: (
        float(rng.uniform(0.02, 0.1)),
        float(rng.uniform(0.1, 0.3)),
        int(rng.integers(3, 9)),
    ),
    edges=[(0.05, 0.2, 1), (0.0, 0.3, 2), (0.04, 0.4, 20)],
    mistakes=[
        Mistake(
            name="bias averaged away",
            wrong=lambda bias_squared, variance, members: (bias_squared + variance) / members,
            message="You divided the bias, too. All models share it, so their average has it in "
            "full: an ensemble lowers the variance only.",
        ),
        Mistake(
            name="root of the number",
            wrong=lambda bias_squared, variance, members: bias_squared + variance / members**0.5,
            message="A standard deviation falls with the root of the number. Its square, the "
            "variance, falls with the number itself.",
        ),
        Mistake(
            name="nothing gained",
            wrong=lambda bias_squared, variance, members: bias_squared + variance,
            message="That is the mean error of the single models. The average of the models is a "
            "better model: their errors partly cancel.",
        ),
    ],
    hints=[
        "What all models get wrong alike stays. What they get wrong each in its own way cancels.",
        "The mean of M independent numbers has one M-th of their variance.",
    ],
    stub="""
        def my_ensemble_error(bias_squared, variance, members):
            \"\"\"Return the expected squared error of the average of `members` models.\"\"\"
            ...
    """,
    solution="""
        def my_ensemble_error(bias_squared, variance, members):
            return bias_squared + variance / members
    """,
    insight="One over the number of models: the first few gain nearly all there is to gain.",
)

what_to_do = ChoiceExercise(
    name="what_to_do",
    question="You train a model ten times, on ten different texts. The ten give nearly the same "
    "probabilities, and all are far from the truth. What helps?",
    options={
        "a": "Averaging the ten.",
        "b": "More smoothing.",
        "c": "A more flexible model, or one that sees more context.",
    },
    correct="c",
    explanations={
        "a": "They agree already: their average is what each of them says.",
        "b": "Smoothing lowers variance, of which there is hardly any, and adds bias.",
        "c": "They agree and are wrong: that is bias, and it belongs to the kind of model.",
    },
)
