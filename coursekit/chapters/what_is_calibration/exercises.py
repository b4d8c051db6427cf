"""07 What is calibration."""

from __future__ import annotations

import math

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_softmax_promises = ChoiceExercise(
    name="what_softmax_promises",
    question="A GPT ends in a softmax. What does the softmax promise about the numbers that come "
    "out?",
    options={
        "a": "They are positive and sum to one.",
        "b": "They say how often each token will really come.",
        "c": "The largest of them belongs to the right token.",
    },
    correct="a",
    explanations={
        "a": "That makes them a distribution, honest or not. Whether they are honest is the "
        "question of this notebook.",
        "b": "A network with random weights has a softmax too. Something that sums to one need "
        "not agree with what happens.",
        "c": "Then no language model would ever be wrong. The largest is its best guess, no more.",
    },
)

where_the_loss_stops = ChoiceExercise(
    name="where_the_loss_stops",
    question="We know the true law of the weather diary. How low can the loss of the best model of "
    "it get, on new text?",
    options={
        "a": "To zero: a perfect model knows what comes.",
        "b": "To the entropy rate: cross-entropy is entropy plus a divergence, and only the "
        "divergence can vanish.",
        "c": "To the logarithm of the number of words.",
    },
    correct="b",
    explanations={
        "a": "Even who knows the true law does not know which synonym the writer will choose. "
        "That chance is in the language, not in the model.",
        "b": "What is left is the chance that is in the language itself.",
        "c": "That is the loss of a model that calls all words equally likely: where training "
        "starts, not where it ends.",
    },
)

what_keeps_probabilities = ChoiceExercise(
    name="what_keeps_probabilities",
    question="A model writes text, and a word should come as often as the model says. How must it "
    "choose?",
    options={
        "a": "Always take the most likely word.",
        "b": "Draw from the most likely words that together have 0.9.",
        "c": "Draw from all words at temperature 1.",
    },
    correct="c",
    explanations={
        "a": "Then a word of probability 0.6 comes every time, and one of 0.4 never.",
        "b": "The words of the tail never come, and all others come too often: a distribution "
        "that has been bent, if only a little.",
        "c": "Every other rule bends the distribution, and what is written is no longer what the "
        "model believes.",
    },
)

# What the notebook teaches.

accurate_or_calibrated = ChoiceExercise(
    name="accurate_or_calibrated",
    question="On 90 % of the days, what a forecaster thinks more likely (rain or no rain) is what "
    "happens. Is she calibrated?",
    options={
        "a": "Yes: she is right nearly always.",
        "b": "No: a calibrated forecaster would be right on all days.",
        "c": "That cannot be said without knowing which probabilities she stated.",
    },
    correct="c",
    explanations={
        "a": "If she said 99 % every time, she claimed to be wrong on one day in a hundred, and "
        "was wrong on one in ten. Accuracy does not see what was stated.",
        "b": "Calibrated means right as often as stated. Who states 60 % must be wrong on four "
        "days of ten.",
        "c": "Accuracy sees only which side of one half a statement lies on. Calibration is "
        "about the number.",
    },
)


def _with_outcomes(rng):
    """Twelve forecasts of three values, some stated far more often, and what happened."""
    stated = torch.tensor(rng.choice([0.1, 0.4, 0.8], p=[0.55, 0.3, 0.15], size=12))
    happened = torch.tensor(rng.random(12)) < 0.7 * stated + 0.2
    happened[:2] = torch.tensor([True, False])
    return stated, happened


def _frequencies(stated, happened):
    """How often it happened on the days of the same statement, for each day `(N,)`."""
    same = (stated[:, None] == stated[None]).double()
    return same @ happened.double() / same.sum(dim=1)


def _parts(stated, happened):
    frequency, base = _frequencies(stated, happened), happened.double().mean()
    reliability = (stated - frequency).square().mean()
    return reliability, frequency.var(correction=0), base * (1 - base)


def _unweighted(stated, happened):
    value, base = stated.unique(), happened.double().mean()
    frequency = torch.stack([happened[stated == v].double().mean() for v in value])
    return (value - frequency).square().mean(), (frequency - base).square().mean(), base - base**2


murphy_parts = FunctionExercise(
    name="murphy_parts",
    title="Reliability, resolution and uncertainty",
    reference=_parts,
    inputs=_with_outcomes,
    edges=[
        (  # quite sure, and sometimes wrong; two statements that round to the same
            torch.tensor([0.41, 0.44, 0.41, 1.0, 0.44, 0.0, 1.0, 1.0], dtype=torch.float64),
            torch.tensor([True, False, False, True, False, True, False, True]),
        ),
        (torch.tensor([0.3, 0.3, 0.3]), torch.tensor([True, False, False])),
    ],
    mistakes=[
        Mistake(
            name="unweighted",
            wrong=_unweighted,
            message="Every stated value counts the same in your averages, whether it was stated "
            "once or a thousand times. Weigh each by its share of the days.",
        ),
        Mistake(
            name="not squared",
            wrong=lambda stated, happened: (
                (stated - _frequencies(stated, happened)).abs().mean(),
                (_frequencies(stated, happened) - happened.double().mean()).abs().mean(),
                happened.double().mean() * (1 - happened.double().mean()),
            ),
            message="You took plain distances: your first number is the ECE. The Brier score is a "
            "square, and so are its parts; only then do they add up to it.",
        ),
        Mistake(
            name="statement against base rate",
            wrong=lambda stated, happened: (
                _parts(stated, happened)[0],
                (stated - happened.double().mean()).square().mean(),
                _parts(stated, happened)[2],
            ),
            message="Your resolution is the distance of what was *stated* from the base rate, so "
            "a forecaster could raise it by shouting. Take what *happened* after each statement.",
        ),
        Mistake(
            name="outcome against statement",
            wrong=lambda stated, happened: (
                (stated - happened.double()).square().mean(),
                *_parts(stated, happened)[1:],
            ),
            message="Your reliability is the whole Brier score: you compared with single outcomes. "
            "Compare each stated value with how often it happened after that value.",
        ),
    ],
    hints=[
        "First, for each value v that occurs: its share of the days, and how often it happened "
        "on them. `stated.unique()` lists the values.",
        "Reliability is the weighted mean of (v - frequency)², resolution that of "
        "(frequency - base rate)².",
    ],
    stub='''
        def my_murphy_parts(stated, happened):
            """Return reliability, resolution and uncertainty of stated (N,) and happened (N,)."""
            base_rate = happened.double().mean()
            reliability, resolution = 0, 0
            for value in stated.unique():
                of_these = stated == value
                weight = of_these.double().mean()
                frequency = ...
                reliability += weight * (value - frequency) ** 2
                resolution += ...
            return reliability, resolution, base_rate * (1 - base_rate)
    ''',
    solution='''
        def my_murphy_parts(stated, happened):
            """Return reliability, resolution and uncertainty of stated (N,) and happened (N,)."""
            base_rate = happened.double().mean()
            reliability, resolution = 0, 0
            for value in stated.unique():
                of_these = stated == value
                weight = of_these.double().mean()
                frequency = happened[of_these].double().mean()
                reliability += weight * (value - frequency) ** 2
                resolution += weight * (frequency - base_rate) ** 2
            return reliability, resolution, base_rate * (1 - base_rate)
    ''',
    insight="Reliability minus resolution plus uncertainty is the Brier score, to the last digit.",
)

expected_log_score = FunctionExercise(
    name="expected_log_score",
    title="The log score to expect, when one probability is stated and another is true",
    reference=lambda stated, truth: truth * -math.log(stated) + (1 - truth) * -math.log(1 - stated),
    inputs=lambda rng: (float(rng.uniform(0.55, 0.95)), float(rng.uniform(0.1, 0.45))),
    edges=[(0.2, 0.9), (0.02, 0.98), (0.3, 0.3)],
    mistakes=[
        Mistake(
            name="expected by the forecaster",
            wrong=lambda stated, truth: (
                stated * -math.log(stated) + (1 - stated) * -math.log(1 - stated)
            ),
            message="That is the score the forecaster expects, who believes what is stated. But "
            "it is the *truth* that decides how often it rains: weigh with the truth.",
        ),
        Mistake(
            name="roles swapped",
            wrong=lambda stated, truth: (
                stated * -math.log(truth) + (1 - stated) * -math.log(1 - truth)
            ),
            message="You exchanged the two. The score looks at what was stated: that stands in "
            "the logarithm. How often each score occurs is the truth.",
        ),
        Mistake(
            name="bits",
            wrong=lambda stated, truth: (
                truth * -math.log2(stated) + (1 - truth) * -math.log2(1 - stated)
            ),
            message="That is right in bits. This course counts in nats: the natural logarithm, "
            "`math.log`. One nat is 1.44 bits.",
        ),
        Mistake(
            name="rain only",
            wrong=lambda stated, truth: truth * -math.log(stated),
            message="You counted the rainy days only. On the others the score is -ln(1 - stated).",
        ),
        Mistake(
            name="sign",
            wrong=lambda stated, truth: (
                truth * math.log(stated) + (1 - truth) * math.log1p(-stated)
            ),
            message="The log score is a loss: minus the logarithm. Yours is negative.",
        ),
    ],
    hints=[
        "With probability `truth` it rains, and the score is -ln(stated). Otherwise?",
        "The mean of the two scores, weighted with `truth` and `1 - truth`.",
    ],
    stub='''
        def my_expected_log_score(stated, truth):
            """Return the mean log score, in nats, of stating a number when the truth is another."""
            ...
    ''',
    solution="""
        import math


        def my_expected_log_score(stated, truth):
            return -truth * math.log(stated) - (1 - truth) * math.log(1 - stated)
    """,
    insight="At stated = truth this is the entropy; anywhere else the KL divergence comes on top.",
)

what_zero_ece_means = ChoiceExercise(
    name="what_zero_ece_means",
    question="Somebody sells you a rain forecaster and proves that its ECE is zero. What do you "
    "know?",
    options={
        "a": "Its forecasts cannot be improved.",
        "b": "It says the base rate every day, so it knows nothing about the weather.",
        "c": "Each number it states comes true as often as it says; what the numbers tell apart "
        "is not known.",
    },
    correct="c",
    explanations={
        "a": "Who says the base rate every day has an ECE of zero too, and can be improved a lot. "
        "Ask for a proper score.",
        "b": "Perhaps, but it may also be the oracle, whose ECE is zero as well. The ECE cannot "
        "tell the two apart: that is the trouble.",
        "c": "The ECE sees reliability only. Resolution, which makes a forecast useful, is in the "
        "Brier score and in the log score.",
    },
)

which_calibration = ChoiceExercise(
    name="which_calibration",
    question="Every day a forecaster says: sun 0.5, rain 0.3, snow 0.2. In truth sun comes with "
    "0.5, rain with 0.2, snow with 0.3. In which sense is the forecaster calibrated?",
    options={
        "a": "For the top label, but neither class by class nor as a whole distribution.",
        "b": "For the top label and class by class, but not as a whole distribution.",
        "c": "In none: two of the three numbers are wrong.",
    },
    correct="a",
    explanations={
        "a": "It says sun at 0.5, and sun comes half of the time. The other two numbers could be "
        "anything that sums to 0.5: the top label never looks at them.",
        "b": "Class by class means that rain, too, comes as often as stated. It is stated at 0.3 "
        "and comes at 0.2.",
        "c": "Two numbers are wrong, but the top label's is right: sun at 0.5. Whether that is "
        "enough depends on which event you care for.",
    },
)

gaps_by_group = FunctionExercise(
    name="gaps_by_group",
    title="How much too high the statements are, in each group",
    reference=lambda stated, happened, group: torch.stack(
        [
            stated[group == g].double().mean() - happened[group == g].double().mean()
            for g in group.unique()
        ]
    ),
    inputs=lambda rng: (
        torch.tensor(rng.choice([0.2, 0.7, 0.9], size=14)),
        torch.tensor(rng.random(14) < 0.4),
        torch.tensor([0, 1, 2, 2, *rng.integers(3, size=10)]),
    ),
    edges=[
        (
            torch.tensor([0.0, 1.0, 0.4, 0.8, 1.0, 0.6], dtype=torch.float64),
            torch.tensor([False, False, True, True, True, False]),
            torch.tensor([10, 2, 2, 9, 5, 10]),
        ),
        (torch.tensor([0.7, 0.2]), torch.tensor([True, False]), torch.tensor([4, 4])),
    ],
    mistakes=[
        Mistake(
            name="sign",
            wrong=lambda stated, happened, group: torch.stack(
                [
                    happened[group == g].double().mean() - stated[group == g].mean()
                    for g in group.unique()
                ]
            ),
            message="You took frequency minus statement. Here a gap is positive where too much is "
            "stated. Both signs are in use, so always say which.",
        ),
        Mistake(
            name="distances",
            wrong=lambda stated, happened, group: torch.stack(
                [(stated - happened.double())[group == g].abs().mean() for g in group.unique()]
            ),
            message="You averaged distances from single outcomes, and those are never small: it "
            "rains or it does not. Take both means first, then their difference.",
        ),
        Mistake(
            name="divided by everybody",
            wrong=lambda stated, happened, group: (
                torch.stack(
                    [(stated - happened.double())[group == g].sum() for g in group.unique()]
                )
                / len(stated)
            ),
            message="You divided by the number of all days. The mean of a group is over the days "
            "of that group.",
        ),
        Mistake(
            name="all together",
            wrong=lambda stated, happened, group: (
                (stated.mean() - happened.double().mean()) * torch.ones(len(group.unique()))
            ),
            message="That is the gap over all days, the same for each group. It can be zero while "
            "the groups are off in opposite directions.",
        ),
    ],
    hints=[
        "For one group: `inside = group == 0`, then two means.",
        "`[... for g in group.unique()]` goes through the groups; `torch.stack` or "
        "`torch.tensor` makes one tensor.",
    ],
    stub='''
        def my_gaps_by_group(stated, happened, group):
            """Return mean statement minus frequency, one for each of the sorted groups (G,)."""
            ...
    ''',
    solution="""
        def my_gaps_by_group(stated, happened, group):
            gaps = []
            for g in group.unique():
                inside = group == g
                gaps.append(stated[inside].mean() - happened[inside].double().mean())
            return torch.stack(gaps)
    """,
    insight="The mean of these gaps, weighted by size, is the gap over all days: they can cancel.",
)
