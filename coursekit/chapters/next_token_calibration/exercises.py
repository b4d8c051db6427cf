"""11 Next-token calibration."""

from __future__ import annotations

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_ece_averages = ChoiceExercise(
    name="what_ece_averages",
    question="The expected calibration error sorts predictions into bins by confidence. What does "
    "it average over the bins?",
    options={
        "a": "The distance of mean confidence from accuracy, every bin counting the same.",
        "b": "The distance of mean confidence from accuracy, each bin weighted by its share of the "
        "predictions.",
        "c": "The share of wrong predictions in each bin.",
    },
    correct="b",
    explanations={
        "a": "Then a bin with three predictions would weigh as much as one with three thousand. "
        "The weights make the ECE an average over predictions.",
        "b": "Each prediction counts once, so a bin counts as much as it holds.",
        "c": "That average is one minus the accuracy: it does not know how sure the model was.",
    },
)

what_temperature_keeps = ChoiceExercise(
    name="what_temperature_keeps",
    question="Dividing all logits by a temperature T = 2 changes the probabilities. What does it "
    "never change?",
    options={
        "a": "The negative log-likelihood.",
        "b": "The mean confidence.",
        "c": "Which token is the most likely, and so the accuracy.",
    },
    correct="c",
    explanations={
        "a": "The likelihood is made of the probabilities, and those move. That is how the best T "
        "is found: by the lowest negative log-likelihood.",
        "b": "T > 1 flattens the distribution, so the largest probability shrinks.",
        "c": "Dividing by a positive number keeps the order of the logits.",
    },
)

what_is_proper = ChoiceExercise(
    name="what_is_proper",
    question="A scoring rule is proper when nobody can gain by stating a probability they do not "
    "believe. Which of these is proper?",
    options={
        "a": "The ECE.",
        "b": "The accuracy.",
        "c": "The negative log-likelihood.",
    },
    correct="c",
    explanations={
        "a": "Stating the overall accuracy for every prediction gives an ECE of about 0 and tells "
        "nobody anything, whatever you believe about the single case.",
        "b": "Accuracy sees only which token is on top: 0.51 and 0.99 count the same.",
        "c": "Its expectation is smallest exactly when the stated distribution is the true one.",
    },
)

# What the notebook teaches.


def _logits_and_targets(rng):
    """Logits of 6 positions over 5 tokens, with targets that are often the top token."""
    logits = torch.tensor(rng.normal(scale=2.0, size=(6, 5)))
    targets = logits.argmax(dim=-1)
    targets[::2] = torch.tensor(rng.integers(5, size=3))
    return logits, targets


def _confidence_and_correct(logits, targets):
    confidence, top = torch.distributions.Categorical(logits=logits).probs.max(dim=-1)
    return confidence, top == targets


confidence_and_correct = FunctionExercise(
    name="confidence_and_correct",
    title="Confidence and correctness at every position, from the logits",
    reference=_confidence_and_correct,
    inputs=_logits_and_targets,
    edges=[
        (torch.tensor([[0.0, 1.0, -2.0, 0.5, -1.0, 0.3, 4.0]]), torch.tensor([6])),
        (torch.tensor([[-3.0, -1.0], [0.5, 0.2]]), torch.tensor([0, 1])),
    ],
    mistakes=[
        Mistake(
            name="softmax over positions",
            wrong=lambda logits, targets: (
                logits.softmax(dim=0).max(dim=-1).values,
                logits.argmax(dim=-1) == targets,
            ),
            message="You took the softmax over the positions (dim=0). At each position the "
            "probabilities of all tokens must sum to one: dim=-1.",
        ),
        Mistake(
            name="probability of the truth",
            wrong=lambda logits, targets: (
                logits.softmax(dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1),
                logits.argmax(dim=-1) == targets,
            ),
            message="That is the probability of the token that came, which the model could not "
            "know. Confidence is what it gave to its own best guess.",
        ),
        Mistake(
            name="logits as confidence",
            wrong=lambda logits, targets: (
                logits.max(dim=-1).values,
                logits.argmax(dim=-1) == targets,
            ),
            message="Those are logits, not probabilities: they may be negative or above one. Take "
            "the softmax first.",
        ),
    ],
    hints=[
        "A softmax over the last dimension, then its maximum: `.max(dim=-1)` gives values and "
        "indices at once.",
        "The index of the maximum is the model's guess; compare it with targets.",
    ],
    stub="""
        def my_confidence_and_correct(logits, targets):
            \"\"\"Return confidence (N,) and correct (N,) of logits (N, V) and targets (N,).\"\"\"
            ...
    """,
    solution="""
        def my_confidence_and_correct(logits, targets):
            confidence, guess = logits.softmax(dim=-1).max(dim=-1)
            return confidence, guess == targets
    """,
)

perplexity = FunctionExercise(
    name="perplexity",
    title="Perplexity from the log-probabilities of the tokens that came",
    reference=lambda log_prob: 2.0 ** (-(log_prob / 0.6931471805599453).mean()),
    inputs=lambda rng: (torch.tensor(-rng.gamma(2.0, 1.5, size=20)),),
    edges=[(torch.tensor([0.0, 0.0]),), (torch.tensor([0.0, -1.5, 0.0]),), (torch.tensor([-2.0]),)],
    mistakes=[
        Mistake(
            name="mean of the inverses",
            wrong=lambda log_prob: (-log_prob).exp().mean(),
            message="You averaged 1/p. One very surprising token would rule such a mean; "
            "perplexity is the exponential of the mean, not the mean of the exponentials.",
        ),
        Mistake(
            name="base two",
            wrong=lambda log_prob: 2 ** (-log_prob.mean()),
            message="The log-probabilities are in nats, so the base is e, not 2.",
        ),
        Mistake(
            name="sign",
            wrong=lambda log_prob: log_prob.mean().exp(),
            message="That is the geometric mean of the probabilities; perplexity is its inverse, "
            "and never below one. Mind the sign.",
        ),
        Mistake(
            name="sum",
            wrong=lambda log_prob: (-log_prob.sum()).exp(),
            message="You summed over the tokens, so a longer text would be more perplexing just "
            "for being longer. Take the mean.",
        ),
    ],
    hints=["The negative log-likelihood is a mean over tokens, in nats.", "Then one `exp`."],
    stub="""
        def my_perplexity(log_prob):
            \"\"\"Return the perplexity of log-probabilities (N,), in nats.\"\"\"
            ...
    """,
    solution="""
        def my_perplexity(log_prob):
            return (-log_prob.mean()).exp()
    """,
    insight="A perplexity of 16 means: as unsure as if it had to choose among 16 equal tokens.",
)


def _pairs_in_bin(logits, targets, low, high):
    probs = logits.softmax(dim=-1)
    came = torch.nn.functional.one_hot(targets, probs.shape[-1])
    inside = (probs > low) & (probs <= high)
    return float((came * inside).sum() / inside.sum())


frequency_in_bin = FunctionExercise(
    name="frequency_in_bin",
    title="How often tokens of a given predicted probability came, over the whole vocabulary",
    reference=_pairs_in_bin,
    inputs=lambda rng: (
        torch.tensor(rng.normal(scale=1.5, size=(30, 8))),
        torch.tensor(rng.integers(8, size=30)),
        0.05,
        0.3,
    ),
    edges=[  # probabilities of exactly 1/4 and 1/2, at the borders of the bin
        (
            torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, -torch.inf, -torch.inf]]),
            torch.tensor([0, 1]),
            0.25,
            0.5,
        ),
        (torch.tensor([[0.0, 3.0], [1.0, -1.0], [0.2, 0.0]]), torch.tensor([1, 1, 0]), 0.5, 1.0),
    ],
    mistakes=[
        Mistake(
            name="top token only",
            wrong=lambda logits, targets, low, high: float(
                (logits.argmax(-1) == targets)[
                    (logits.softmax(-1).max(-1).values > low)
                    & (logits.softmax(-1).max(-1).values <= high)
                ]
                .double()
                .mean()
            ),
            message="You looked at the top token alone. Here every token of the vocabulary is a "
            "prediction at every position: N times V pairs.",
        ),
        Mistake(
            name="share of positions",
            wrong=lambda logits, targets, low, high: (
                _pairs_in_bin(logits, targets, low, high)
                * float(
                    ((logits.softmax(-1) > low) & (logits.softmax(-1) <= high)).sum() / len(targets)
                )
            ),
            message="You divided by the number of positions. Divide by the number of pairs whose "
            "predicted probability lies in the bin.",
        ),
    ],
    hints=[
        "`inside = (probs > low) & (probs <= high)` has shape (N, V), and so must what came.",
        "`torch.nn.functional.one_hot(targets, V)` is 1 exactly where a token came.",
    ],
    stub="""
        def my_frequency_in_bin(logits, targets, low, high):
            \"\"\"Return how often a pair came, among pairs with low < probability <= high.\"\"\"
            ...
    """,
    solution="""
        def my_frequency_in_bin(logits, targets, low, high):
            probs = logits.softmax(dim=-1)
            came = torch.nn.functional.one_hot(targets, probs.shape[-1])
            inside = (probs > low) & (probs <= high)
            return (came[inside].sum() / inside.sum()).item()
    """,
)

which_grouping = ChoiceExercise(
    name="which_grouping",
    question="You want to know whether the model is calibrated on rare words. By what may you "
    "group the tokens?",
    options={
        "a": "By how rare the token is that really came.",
        "b": "By how rare the token is that the model predicted.",
        "c": "By whether the prediction was correct.",
    },
    correct="b",
    explanations={
        "a": "That grouping knows the outcome. Even a perfect model looks overconfident where rare "
        "tokens came: it could not know that this time the rare one would come.",
        "b": "The prediction is known before the outcome, so a calibrated model stays calibrated "
        "in every such group.",
        "c": "Then accuracy is 1 in one group and 0 in the other, whatever the model says.",
    },
)

which_control = ChoiceExercise(
    name="which_control",
    question="Why must a model be calibrated on text that it sampled itself, at temperature 1?",
    options={
        "a": "Because it has seen such text in training.",
        "b": "Because each token was drawn with exactly the probability that the model stated.",
        "c": "Because sampled text is simpler than real text.",
    },
    correct="b",
    explanations={
        "a": "It holds for a model with random weights too: no training is needed.",
        "b": "The stated probability is the true one, by construction. What ECE is left is the "
        "estimator's own bias.",
        "c": "Its negative log-likelihood is even higher here than on our real texts.",
    },
)
