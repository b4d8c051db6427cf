"""18 Training for calibration."""

from __future__ import annotations

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_a_proper_score_wants = ChoiceExercise(
    name="what_a_proper_score_wants",
    question="You believe that an answer is right with probability 0.7, and must state a "
    "confidence. The score is minus the squared difference from 1 or 0. What do you state?",
    options={
        "a": "0.7: no other number has a better expected score.",
        "b": "1: it is more probably right than wrong.",
        "c": "0.5: the loss is then never above 0.25.",
    },
    correct="a",
    explanations={
        "a": "That is what makes a score proper: the best you can say is what you believe.",
        "b": "In three of ten cases it would cost a whole point: 0.3 on average, more than the "
        "0.21 of 0.7.",
        "c": "0.5 always costs 0.25; 0.7 costs 0.21 on average.",
    },
)

what_a_temperature_keeps = ChoiceExercise(
    name="what_a_temperature_keeps",
    question="A model's logits are divided by a temperature of 2. What stays as it was?",
    options={
        "a": "Its confidence in each answer.",
        "b": "Which answer it gives, and so its accuracy.",
        "c": "Its loss.",
    },
    correct="b",
    explanations={
        "a": "The confidence falls: that is what a temperature above 1 is for.",
        "b": "Dividing by a positive number keeps the order, so the top answer stays.",
        "c": "The loss changes; the temperature is fitted so that it falls.",
    },
)

what_binary_grading_teaches = ChoiceExercise(
    name="what_binary_grading_teaches",
    question="A right answer brings 1, a wrong one and silence bring 0. When does silence pay?",
    options={
        "a": "Where the model is less than half sure.",
        "b": "Where the answer is more probably wrong than right.",
        "c": "Not at all.",
    },
    correct="c",
    explanations={
        "a": "Any chance above 0 of being right brings more than the 0 of silence.",
        "b": "An answer that is right one time in ten still brings 0.1 on average, silence 0.",
        "c": "A guess costs nothing, so guessing is best. Today a model is trained by this rule.",
    },
)

# What the notebook teaches.


def _law(rng, n=5):
    return torch.tensor(rng.dirichlet([1.5] * n))


def _policy_and_rewards(rng):
    return _law(rng), torch.tensor(rng.uniform(-1, 1, size=5))


policy_gradient = FunctionExercise(
    name="policy_gradient",
    title="The gradient of the expected reward with respect to the logits",
    reference=lambda probs, rewards: probs * (rewards - (probs * rewards).sum()),
    inputs=_policy_and_rewards,
    edges=[
        (
            torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64),
            torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64),
        ),
        (
            torch.tensor([0.9, 0.1], dtype=torch.float64),
            torch.tensor([-1.0, -1.0], dtype=torch.float64),
        ),
    ],
    mistakes=[
        Mistake(
            name="reward alone",
            wrong=lambda probs, rewards: probs * rewards,
            message="You forgot that probabilities sum to 1: raising one logit lowers all other "
            "probabilities. Compare each reward with the mean reward.",
        ),
        Mistake(
            name="plain mean",
            wrong=lambda probs, rewards: probs * (rewards - rewards.mean()),
            message="You subtracted the mean over answers as if all were alike. It is the expected "
            "reward, in which each answer counts with its probability.",
        ),
        Mistake(
            name="probability missing",
            wrong=lambda probs, rewards: rewards - (probs * rewards).sum(),
            message="That is the advantage of each answer. The logit of an answer that is hardly "
            "ever given moves hardly anything: multiply by the probability.",
        ),
        Mistake(
            name="downhill",
            wrong=lambda probs, rewards: probs * ((probs * rewards).sum() - rewards),
            message="You point downhill: an answer better than the average must get a positive "
            "component.",
        ),
    ],
    hints=[
        "With z the logits, d pi_k / d z_j = pi_k (1 if k = j else 0) - pi_k pi_j.",
        "`probs * (rewards - expected)`, where expected is `(probs * rewards).sum()`.",
    ],
    stub="""
        def my_policy_gradient(probs, rewards):
            \"\"\"Return d/dlogits (K,) of the expected reward; probs (K,), rewards (K,).\"\"\"
            ...
    """,
    solution="""
        def my_policy_gradient(probs, rewards):
            return probs * (rewards - (probs * rewards).sum())
    """,
    insight="An answer rises if it is better than the average, and the faster the more often it is "
    "given: the rich get richer.",
)


def _levels_and_scores(rng):
    """Return a chance p, ten levels, and what each brings by a proper score."""
    levels = torch.arange(5, 100, 10, dtype=torch.float64) / 100
    scale = float(rng.uniform(0.5, 2))
    if_right, if_wrong = 1 - scale * (levels - 1) ** 2, -scale * levels**2
    p = float(rng.choice([0.11, 0.22, 0.37, 0.63, 0.78, 0.88]))
    return p, levels, if_right, if_wrong


best_confidence = FunctionExercise(
    name="best_confidence",
    title="The confidence that a reward teaches to state",
    reference=lambda p, levels, if_right, if_wrong: float(
        levels[(p * if_right + (1 - p) * if_wrong).argmax()]
    ),
    inputs=_levels_and_scores,
    edges=[
        (  # the logarithmic score, on uneven levels
            0.3,
            torch.tensor([0.1, 0.2, 0.33, 0.6, 0.9]),
            torch.tensor([0.1, 0.2, 0.33, 0.6, 0.9]).log(),
            torch.tensor([0.9, 0.8, 0.67, 0.4, 0.1]).log(),
        ),
        (  # what is no proper score: minus the distance
            0.6,
            torch.tensor([0.05, 0.35, 0.65, 0.95]),
            torch.tensor([-0.95, -0.65, -0.35, -0.05]),
            torch.tensor([-0.05, -0.35, -0.65, -0.95]),
        ),
        (
            0.4,
            torch.tensor([0.05, 0.35, 0.65, 0.95]),
            torch.tensor([-0.95, -0.65, -0.35, -0.05]),
            torch.tensor([-0.05, -0.35, -0.65, -0.95]),
        ),
    ],
    mistakes=[
        Mistake(
            name="nearest level",
            wrong=lambda p, levels, if_right, if_wrong: float(levels[(levels - p).abs().argmin()]),
            message="You took the level nearest to p. That is best under a proper score only; ask "
            "the reward: what does each level bring on average?",
        ),
        Mistake(
            name="as if right",
            wrong=lambda p, levels, if_right, if_wrong: float(levels[if_right.argmax()]),
            message="You looked at right answers alone. With probability 1 - p it is wrong.",
        ),
        Mistake(
            name="not weighted",
            wrong=lambda p, levels, if_right, if_wrong: float(
                levels[(if_right + if_wrong).argmax()]
            ),
            message="Right and wrong are not equally probable: weight what they bring by p and "
            "1 - p.",
        ),
        Mistake(
            name="the reward itself",
            wrong=lambda p, levels, if_right, if_wrong: float(
                (p * if_right + (1 - p) * if_wrong).max()
            ),
            message="That is what the best level brings. Return the level itself.",
        ),
    ],
    hints=[
        "What does a level bring on average? p times what it brings if right, plus ...",
        "`levels[(p * if_right + (1 - p) * if_wrong).argmax()]`.",
    ],
    stub="""
        def my_best_confidence(p, levels, if_right, if_wrong):
            \"\"\"Return the level that brings most on average; all three are tensors (K,).\"\"\"
            ...
    """,
    solution="""
        def my_best_confidence(p, levels, if_right, if_wrong):
            return levels[(p * if_right + (1 - p) * if_wrong).argmax()].item()
    """,
    insight="By minus the absolute distance from 1 or 0 it is best to be quite sure or not sure at "
    "all: such a reward teaches to exaggerate.",
)


def _tilted(reference, rewards, beta):
    weights = [a * torch.exp(r / beta) for a, r in zip(reference, rewards, strict=True)]
    return torch.stack(weights) / sum(weights)


def _reference_and_rewards(rng):
    return _law(rng), torch.tensor(rng.uniform(-1, 1, size=5)), float(rng.choice([0.2, 0.5, 2.0]))


leashed_policy = FunctionExercise(
    name="leashed_policy",
    title="The best policy on a leash",
    reference=_tilted,
    inputs=_reference_and_rewards,
    edges=[
        (
            torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64),
            torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64),
            1.0,
        ),
        (
            torch.tensor([0.4, 0.6], dtype=torch.float64),
            torch.tensor([0.5, 0.5], dtype=torch.float64),
            0.1,
        ),
    ],
    mistakes=[
        Mistake(
            name="reference forgotten",
            wrong=lambda reference, rewards, beta: (rewards / beta).softmax(0),
            message="You forgot where training began: each probability is the old one times "
            "exp(reward / beta).",
        ),
        Mistake(
            name="times beta",
            wrong=lambda reference, rewards, beta: (reference.log() + rewards * beta).softmax(0),
            message="A short leash (a large beta) must change little: divide the reward by beta.",
        ),
        Mistake(
            name="not normalised",
            wrong=lambda reference, rewards, beta: reference * (rewards / beta).exp(),
            message="These do not sum to 1: divide by their sum.",
        ),
        Mistake(
            name="softmax of probabilities",
            wrong=lambda reference, rewards, beta: (reference + rewards / beta).softmax(0),
            message="In the exponent stands the logarithm of the old probability, not the "
            "probability.",
        ),
    ],
    hints=[
        "Old probability times exp(reward / beta), then divided by the sum.",
        "`(reference.log() + rewards / beta).softmax(0)`.",
    ],
    stub="""
        def my_leashed_policy(reference, rewards, beta):
            \"\"\"Return the best probabilities (K,) from reference (K,) and rewards (K,).\"\"\"
            ...
    """,
    solution="""
        def my_leashed_policy(reference, rewards, beta):
            return (reference.log() + rewards / beta).softmax(0)
    """,
    insight="If the reward is the logarithm of the truth, and training began at the truth p, this "
    "is p^(1 + 1/beta): the truth, sharpened by a temperature.",
)
