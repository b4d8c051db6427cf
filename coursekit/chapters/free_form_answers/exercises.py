"""13 Free-form answers."""

from __future__ import annotations

import math
from collections import Counter

import torch

from coursekit.data.questions import normalise
from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_a_prior_divides_out = ChoiceExercise(
    name="what_a_prior_divides_out",
    question="A model scores four written answers by their log-probability after the question. Why "
    "may it help to subtract the log-probability that each has without the question?",
    options={
        "a": "It makes the four probabilities sum to one.",
        "b": "It takes out how common the words are anyway, and leaves what the question adds.",
        "c": "It makes the model less confident, and so better calibrated.",
    },
    correct="b",
    explanations={
        "a": "That is the softmax's work, with or without a prior.",
        "b": "'London' is probable after nearly anything. Only what the question adds to it speaks "
        "for it as an answer.",
        "c": "It changes the order of the answers, and confidence in either direction. Whether "
        "calibration gains is a matter of measurement.",
    },
)

what_auroc_ignores = ChoiceExercise(
    name="what_auroc_ignores",
    question="Every confidence of a model is replaced by its square. What becomes of the AUROC, "
    "and of the ECE?",
    options={
        "a": "Both stay.",
        "b": "The AUROC stays, the ECE changes.",
        "c": "The AUROC changes, the ECE stays.",
    },
    correct="b",
    explanations={
        "a": "0.9 becomes 0.81, and accuracy does not follow: the ECE compares the two.",
        "b": "Squaring keeps the order, and the AUROC sees the order alone. The ECE compares the "
        "values themselves with how often they come true.",
        "c": "It is the other way round: the AUROC sees only the order, which squaring keeps.",
    },
)

what_calibration_data_are_for = ChoiceExercise(
    name="what_calibration_data_are_for",
    question="You try six calibrators and keep the one with the lowest Brier score on the test "
    "split. What is that score now?",
    options={
        "a": "An honest estimate, since no calibrator was fitted on the test split.",
        "b": "Too low on average: the luckiest of six was picked by the data that should judge it.",
        "c": "Too high on average: six methods share one split.",
    },
    correct="b",
    explanations={
        "a": "Choosing is fitting, too: what was picked for doing well there will do well there.",
        "b": "Pick on the calibration split, by cross-validation if need be, and let the test "
        "split judge once.",
        "c": "Sharing a split costs nothing. Picking the best on it makes the score look better "
        "than it is.",
    },
)

# What the notebook teaches.

_FORMS = ("{}", "{}.", " {}", "{}!", "the {}")


def _answer_and_samples(rng):
    """Return an answer, and ten samples that spell it in many ways, or say something else."""
    cities = ["Porto", "Bergen", "Sofia", "Lagos"]
    answer = cities[rng.integers(4)]
    samples = []
    for i in range(10):
        city = answer if i % 2 == 0 else cities[rng.integers(4)]
        text = _FORMS[rng.integers(len(_FORMS))].format(city)
        samples.append(text.upper() if i % 3 == 0 else text)
    samples[rng.integers(10)] = " "
    return answer, samples


def _share(answer, samples, key):
    return sum(key(text) == key(answer) for text in samples) / len(samples)


agreement_of_samples = FunctionExercise(
    name="agreement_of_samples",
    title="The share of the samples that give an answer",
    reference=lambda answer, samples: _share(answer, samples, normalise),
    inputs=_answer_and_samples,
    edges=[
        (
            "Porto",
            ["Lagos", "Bergen", "BERGEN.", "bergen", "Porto"],
        ),  # most samples say something else
        ("Porto", ["Prague", "Porto Alegre", "the Porto", "port"]),
        ("São Tomé", ["Sao Tome.", "são tomé!", "Tome"]),
        ("Sofia", ["Lagos"]),
    ],
    mistakes=[
        Mistake(
            name="raw strings",
            wrong=lambda answer, samples: _share(answer, samples, lambda text: text),
            message="You compared the strings as they are, so that 'PORTO.' does not agree with "
            "'Porto'. Normalise both before you compare.",
        ),
        Mistake(
            name="most common sample",
            wrong=lambda answer, samples: (
                Counter(map(normalise, samples)).most_common(1)[0][1] / len(samples)
            ),
            message="You took the share of the most common sample, whatever it says. Asked for is "
            "the share that gives this `answer`, and most samples may give another.",
        ),
        Mistake(
            name="among different answers",
            wrong=lambda answer, samples: (
                sum(normalise(s) == normalise(answer) for s in samples)
                / len({normalise(s) for s in samples})
            ),
            message="You divided by the number of different answers. Every sample is a vote: "
            "divide by the number of samples.",
        ),
        Mistake(
            name="silent samples dropped",
            wrong=lambda answer, samples: _share(
                answer, [s for s in samples if s.strip()], normalise
            ),
            message="You dropped the sample that said nothing. It is one of the model's answers, "
            "and it does not agree: it stays in the denominator.",
        ),
    ],
    hints=[
        "`data.normalise(text)` makes case, accents and punctuation equal.",
        "Count the samples whose normalised text equals the normalised answer; divide by how many "
        "samples there are, silent ones included.",
    ],
    stub="""
        def my_agreement(answer, samples):
            \"\"\"Return the share of the samples (a list of texts) that give this answer.\"\"\"
            ...
    """,
    solution="""
        from coursekit import data


        def my_agreement(answer, samples):
            same = [data.normalise(text) == data.normalise(answer) for text in samples]
            return sum(same) / len(samples)
    """,
    insight="It estimates the probability that the model gives this answer, in any spelling.",
)


def _token_log_probs(rng):
    n_tokens = int(rng.integers(2, 6))
    return torch.tensor(-rng.gamma(1.0, 0.8, size=n_tokens)), "Antananarivo"[: 3 + 2 * n_tokens]


length_normalised_confidence = FunctionExercise(
    name="length_normalised_confidence",
    title="The length-normalised likelihood of an answer, as a probability",
    reference=lambda log_probs, text: math.exp(float(log_probs.sum()) / len(log_probs)),
    inputs=_token_log_probs,
    edges=[(torch.tensor([-1.2]), "Rome"), (torch.tensor([0.0, 0.0, -9.0]), "New York")],
    mistakes=[
        Mistake(
            name="not normalised",
            wrong=lambda log_probs, text: math.exp(float(log_probs.sum())),
            message="That is the likelihood of the whole answer, which shrinks with every token. "
            "Divide the logarithm by the number of tokens before you take the exponential.",
        ),
        Mistake(
            name="by characters",
            wrong=lambda log_probs, text: math.exp(float(log_probs.sum()) / len(text)),
            message="You divided by the number of characters. The model decided token by token, "
            "and these log-probabilities are one a token.",
        ),
        Mistake(
            name="arithmetic mean",
            wrong=lambda log_probs, text: float(log_probs.exp().mean()),
            message="You averaged the probabilities. Average their logarithms and take the "
            "exponential: the geometric mean, which one impossible token brings to zero.",
        ),
    ],
    hints=[
        "The log-probability of the answer is the sum of log_probs.",
        "Divide by the number of tokens, `len(log_probs)`, then take the exponential.",
    ],
    stub="""
        def my_confidence_per_token(log_probs, text):
            \"\"\"Return the geometric mean probability of an answer's tokens, log_probs (T,).\"\"\"
            ...
    """,
    solution="""
        def my_confidence_per_token(log_probs, text):
            return log_probs.mean().exp().item()
    """,
    insight="It is the inverse of the answer's perplexity.",
)


def _clusters(rng):
    """Clusters of 8 samples: several, of unequal size."""
    return ([0, 1, 2, *rng.integers(3, size=5).tolist()],)


def _counts(clusters):
    return torch.tensor(clusters).bincount().double()


entropy_of_clusters = FunctionExercise(
    name="entropy_of_clusters",
    title="Discrete semantic entropy, in nats",
    reference=lambda clusters: float(
        torch.distributions.Categorical(probs=_counts(clusters)).entropy()
    ),
    inputs=_clusters,
    edges=[([0, 0, 0],), ([7, 7, 2, 2, 9],), ([4, 1, 4, 4, 0, 3, 2, 1, 4, 4],)],
    mistakes=[
        Mistake(
            name="over samples",
            wrong=lambda clusters: math.log(len(clusters)),
            message="You gave every sample a share of its own, so the result is ln S whatever the "
            "samples say. Add the shares of samples that mean the same first.",
        ),
        Mistake(
            name="every cluster alike",
            wrong=lambda clusters: math.log(len(set(clusters))),
            message="You counted the clusters, as if all were equally large. Nine samples against "
            "one is much less scatter than five against five.",
        ),
        Mistake(
            name="bits",
            wrong=lambda clusters: float(
                torch.distributions.Categorical(probs=_counts(clusters)).entropy() / math.log(2)
            ),
            message="That is the entropy in bits. This course counts in nats: take the natural "
            "logarithm.",
        ),
    ],
    hints=[
        "How many samples are in each cluster? `torch.tensor(clusters).bincount()`.",
        "Divide by the number of samples: shares p. Then the sum of -p ln p.",
    ],
    stub="""
        def my_semantic_entropy(clusters):
            \"\"\"Return the entropy over clusters; clusters[i] is the cluster of sample i.\"\"\"
            ...
    """,
    solution="""
        def my_semantic_entropy(clusters):
            counts = torch.tensor(clusters).bincount()
            p = counts[counts > 0] / len(clusters)
            return -(p * p.log()).sum().item()
    """,
)


def _stated_and_correct(rng):
    stated = [float(p) for p in rng.choice([0.1, 0.5, 0.9, 1.0], size=7)]
    stated[1], stated[4] = None, None
    return stated, torch.tensor([False, True, True, False, False, True, False])


def _brier(stated, correct, filling):
    pairs = [
        (filling if p is None else p, float(y))
        for p, y in zip(stated, correct.tolist(), strict=True)
    ]
    return sum((p - y) ** 2 for p, y in pairs) / len(pairs)


unparsed_confidence = FunctionExercise(
    name="unparsed_confidence",
    title="The Brier score of stated confidences, of which some could not be read",
    reference=lambda stated, correct: _brier(stated, correct, 0.5),
    inputs=_stated_and_correct,
    edges=[
        ([0.0, None, 1.0, None], torch.tensor([False, True, True, True])),  # 0 is a number, too
        ([0.9, 0.0], torch.tensor([True, True])),
    ],
    mistakes=[
        Mistake(
            name="dropped",
            wrong=lambda stated, correct: (
                sum(
                    (p - float(y)) ** 2
                    for p, y in zip(stated, correct.tolist(), strict=True)
                    if p is not None
                )
                / sum(p is not None for p in stated)
            ),
            message="You dropped the answers whose confidence could not be read. Then a model that "
            "names a number only where it is sure would look better than it is.",
        ),
        Mistake(
            name="counted as nought",
            wrong=lambda stated, correct: _brier(stated, correct, 0.0),
            message="You took 'cannot be read' for 'surely wrong'. That is a claim the model did "
            "not make; 0.5 says that nothing is known.",
        ),
        Mistake(
            name="summed but not counted",
            wrong=lambda stated, correct: (
                sum(
                    (p - float(y)) ** 2
                    for p, y in zip(stated, correct.tolist(), strict=True)
                    if p is not None
                )
                / len(stated)
            ),
            message="An answer whose confidence could not be read costs nothing in your score, as "
            "if it were perfect. Let it count as 0.5.",
        ),
    ],
    hints=[
        "Put 0.5 in the place of every None, and keep all answers.",
        "The Brier score is the mean of (p - y)^2, with y = 1 where the answer is correct.",
    ],
    stub="""
        def my_brier_score(stated, correct):
            \"\"\"Return the Brier score of stated, a list; a None in it counts as 0.5.\"\"\"
            ...
    """,
    solution="""
        def my_brier_score(stated, correct):
            p = torch.tensor([0.5 if value is None else value for value in stated])
            return ((p - correct.float()) ** 2).mean().item()
    """,
)
