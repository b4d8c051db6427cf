"""00 Start here."""

from __future__ import annotations

import numpy as np

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake, ValueExercise

brier_score = FunctionExercise(
    name="brier_score",
    title="The Brier score of several answers",
    reference=lambda confidence, right: float(
        np.dot(confidence - right, confidence - right) / len(right)
    ),
    inputs=lambda rng: (
        rng.integers(50, 101, size=8) / 100,
        np.array([1, 0, 1, 1, 0, 1, 0, 1])[rng.permutation(8)],
    ),
    edges=[
        (np.array([0.0, 1.0, 1.0, 0.2]), np.array([0, 1, 0, 1])),  # quite sure, right and wrong
        (np.array([0.7, 0.9]), np.array([0, 0])),
        (np.array([0.3]), np.array([1])),
    ],
    mistakes=[
        Mistake(
            name="not squared",
            wrong=lambda confidence, right: np.abs(confidence - right).mean(),
            message="You took the distances, but did not square them. Squaring is what makes "
            "honesty the best policy: with plain distances it would pay to always say 100 %.",
        ),
        Mistake(
            name="sum",
            wrong=lambda confidence, right: ((confidence - right) ** 2).sum(),
            message="You added up, so whoever answers more questions gets a worse score. Divide "
            "by the number of answers.",
        ),
        Mistake(
            name="always right",
            wrong=lambda confidence, right: ((confidence - 1) ** 2).mean(),
            message="You compared every confidence with 1, as if every answer were right. Compare "
            "it with 0 where the answer was wrong.",
        ),
        Mistake(
            name="square of the averages",
            wrong=lambda confidence, right: (confidence.mean() - right.mean()) ** 2,
            message="You averaged first and squared then, so that errors up and down cancel. "
            "Square the difference of each answer, then take the mean.",
        ),
    ],
    hints=[
        "For one answer it is (confidence - right) squared, where right is 1 or 0.",
        "NumPy does it for all answers at once: `(confidence - right) ** 2`. Then `.mean()`.",
    ],
    stub='''
        def my_brier_score(confidence, right):
            """Return the mean of (confidence - right)², where right is 1 or 0."""
            ...
    ''',
    solution="""
        def my_brier_score(confidence, right):
            return ((confidence - right) ** 2).mean()
    """,
    insight="Lower is better: 0 is perfect, 0.25 is what always saying 50 % gets.",
)

honest_score = ValueExercise(
    name="honest_score",
    title="What honesty would gain",
    answer=lambda: 0.7 * (0.7 - 1) ** 2 + 0.3 * (0.7 - 0) ** 2,
    tolerance=0.0005,
    mistakes=[
        Mistake(
            name="kept saying 90 %",
            wrong=lambda: 0.7 * (0.9 - 1) ** 2 + 0.3 * (0.9 - 0) ** 2,
            message="That is the score for saying 90 %. Put 0.7 in its place; how often the "
            "answer is right stays the same.",
        ),
        Mistake(
            name="right answers only",
            wrong=0.3**2,
            message="That is the score of a right answer alone. Three times in ten the answer is "
            "wrong, and then the score is 0.7 squared.",
        ),
        Mistake(
            name="unweighted",
            wrong=(0.3**2 + 0.7**2) / 2,
            message="You counted right and wrong the same. Right happens seven times in ten, "
            "wrong three times: weigh them by that.",
        ),
        Mistake(
            name="plain distance",
            wrong=0.7 * 0.3 + 0.3 * 0.7,
            message="You forgot to square: a right answer costs 0.3 squared, a wrong one 0.7 "
            "squared.",
        ),
    ],
    hints=[
        "Seven times in ten the score is (0.7 - 1)², three times in ten it is (0.7 - 0)².",
        "0.7 times the first plus 0.3 times the second.",
    ],
    solution="my_honest_score = 0.7 * (0.7 - 1) ** 2 + 0.3 * (0.7 - 0) ** 2",
    insight="0.21 instead of 0.25: no new knowledge, only an honest number. No other number "
    "than 0.7 would score better.",
)

what_ten_answers_say = ChoiceExercise(
    name="what_ten_answers_say",
    question="Somebody was 80 % sure of each of ten answers, and 6 of the 10 were right. The 95 % "
    "interval for how often they are right in the long run is 31 % to 83 %. What follows?",
    options={
        "a": "They are overconfident: 60 % is less than 80 %.",
        "b": "They are calibrated: 80 % lies inside the interval.",
        "c": "Neither: both a calibrated and a badly overconfident person may get this result.",
    },
    correct="c",
    explanations={
        "a": "A calibrated person is right 8 times in ten only on average. 6 or fewer happen to "
        "them about once in eight times: too often to call it proof.",
        "b": "So do 40 %, 50 % and 60 %. That a value lies inside the interval means that it is "
        "not ruled out, not that it is true.",
        "c": "The interval holds everything from badly overconfident to calibrated. Ask more "
        "questions.",
    },
)

calibrated_or_accurate = ChoiceExercise(
    name="calibrated_or_accurate",
    question="A coin answers our two-choice questions. It says each time that it is 50 % sure. "
    "What is it?",
    options={
        "a": "Not calibrated, because it is wrong half of the time.",
        "b": "Calibrated, although it knows nothing.",
        "c": "Accurate, because what it says is true.",
    },
    correct="b",
    explanations={
        "a": "It said that it would be wrong half of the time. To be calibrated means to be right "
        "as often as you say, not to be right often.",
        "b": "It is right as often as it says. Calibration is honesty about what you know; it is "
        "not knowledge.",
        "c": "Accuracy is how often the answers are right, and that is one half: no better than "
        "guessing, since it is guessing.",
    },
)

whom_to_trust = ChoiceExercise(
    name="whom_to_trust",
    question="You must decide every morning whether to carry an umbrella. Whose forecasts do you "
    "subscribe to, Ana's or Ben's?",
    options={
        "a": "Ana's: hers are perfectly calibrated, and his are not.",
        "b": "Ben's: his Brier score is lower, because he can tell the days apart.",
        "c": "Ben's: his 90 % sounds more certain than her 30 %.",
    },
    correct="b",
    explanations={
        "a": "Her forecast is honest, but it is the same every day, so you would decide the same "
        "every day. Honesty is worth little where nothing is said.",
        "b": "A little overconfident, yet far more useful: the score weighs both. Calibration can "
        "be repaired afterwards, and you will learn how; knowledge cannot.",
        "c": "Sounding certain is worth nothing by itself: a forecaster who says 90 % every day "
        "has a Brier score of 0.57 here. It counts that his rainy days are mostly rainy.",
    },
)
