"""15 Applications."""

from __future__ import annotations

from collections import Counter

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake, ValueExercise

# Three questions about what came before.

what_agreement_counts = ChoiceExercise(
    name="what_agreement_counts",
    question="You let the model answer one question ten times, and seven samples say the same. "
    "What does this agreement of 0.7 estimate?",
    options={
        "a": "The probability that the answer is true.",
        "b": "The probability that the model gives to this answer, in all its spellings.",
        "c": "The accuracy of the model on such questions.",
    },
    correct="b",
    explanations={
        "a": "Only if the model is calibrated on such questions. Agreement looks at the model, and "
        "never at the world.",
        "b": "Ten draws estimate a probability of the model. Whether the world agrees is what "
        "calibration asks.",
        "c": "Accuracy needs labels, and ten samples of one question have none.",
    },
)

what_a_prior_prompt_is = ChoiceExercise(
    name="what_a_prior_prompt_is",
    question="To divide an answer's score by its prior, the same answer is scored after another "
    "prompt. Which one?",
    options={
        "a": "A prompt in the same form that asks about nothing in particular.",
        "b": "The empty text.",
        "c": "The same question in other words.",
    },
    correct="a",
    explanations={
        "a": "So everything but the question stays: the form, the examples, the place where an "
        "answer is due.",
        "b": "After nothing at all the model expects the beginning of a document, not an answer.",
        "c": "Then you would divide out what the question tells, which is what you want to keep.",
    },
)

what_a_temperature_cannot_do = ChoiceExercise(
    name="what_a_temperature_cannot_do",
    question="On a list of questions a model answers at chance level, whatever its confidence. You "
    "fit a temperature on labelled questions of that kind. What do you get?",
    options={
        "a": "A temperature near 1, since nothing can be learned.",
        "b": "A very high temperature: all options nearly equal, the answers as wrong as before.",
        "c": "A low temperature, which makes the model answer better.",
    },
    correct="b",
    explanations={
        "a": "That would leave the model as sure as it was, and the likelihood of the labels low.",
        "b": "The honest confidence of who does not know is 1 in the number of options. A "
        "temperature changes no answer.",
        "c": "A temperature never changes which answer is on top, and a low one makes it surer.",
    },
)

# What the notebook teaches.

what_the_control_says = ChoiceExercise(
    name="what_the_control_says",
    question="With the names exchanged no answer is right. Accuracy came out at chance, and mean "
    "confidence hardly lower than on the real questions. What follows?",
    options={
        "a": "The measurement is broken: confidence should have been 0.25.",
        "b": "The evaluation does not leak answers, and most of this confidence is no evidence of "
        "knowing the translation.",
        "c": "The model is calibrated on the exchanged names.",
    },
    correct="b",
    explanations={
        "a": "The measurement did its part: accuracy is at chance. It is the model that does not "
        "notice.",
        "b": "Accuracy had to be at chance, and is. Confidence did not have to fall, and did not: "
        "so it must come from something else than the name that was asked for.",
        "c": "Calibrated would be a confidence of about 0.25 at an accuracy of about 0.25.",
    },
)

items_for_a_group = ValueExercise(
    name="items_for_a_group",
    title="How many items a group needs, for a 95 % interval of its accuracy of 0.05 either way",
    answer=246,
    tolerance=4,
    mistakes=[
        Mistake(
            name="one standard error",
            wrong=64,
            message="That makes 0.05 one standard error. A 95 % interval reaches 1.96 of them to "
            "either side.",
        ),
        Mistake(
            name="two standard errors",
            wrong=256,
            message="You took 2 standard errors either way: near enough in the head. Here take the "
            "1.96 of a 95 % interval.",
        ),
        Mistake(
            name="whole width",
            wrong=984,
            message="That makes the whole interval 0.05 wide. Here each side may be 0.05.",
        ),
        Mistake(
            name="no variance",
            wrong=1537,
            message="You forgot the variance of one outcome, p (1 - p). It is at most a quarter.",
        ),
        Mistake(
            name="standard deviation for variance",
            wrong=39,
            message="You squared p (1 - p). The standard error is sqrt(p (1 - p) / n).",
        ),
    ],
    hints=[
        "The standard error of an accuracy p over n independent items is sqrt(p (1 - p) / n).",
        "Solve 1.96 sqrt(0.8 x 0.2 / n) = 0.05 for n.",
    ],
    stub="my_items_for_a_group = ...",
    solution="my_items_for_a_group = 0.8 * 0.2 * (1.96 / 0.05) ** 2",
    insight="Four times as many as for 0.1 either way. With 59 test items a language, gaps of less "
    "than ten points stay invisible here.",
)


def _three_tasks(rng):
    """Confidence, correctness and task of 40 predictions: tasks of unlike size, not in order."""
    task = torch.tensor(rng.choice(3, size=40, p=[0.6, 0.3, 0.1]))
    task[:3] = torch.arange(3)
    confidence = torch.tensor(rng.uniform(0.3, 1.0, size=40))
    correct = torch.tensor(rng.random(40) < 0.55 + 0.1 * task.numpy())
    return confidence, correct, task


gap_by_task = FunctionExercise(
    name="gap_by_task",
    title="Mean confidence minus accuracy, for each task",
    reference=lambda confidence, correct, task: [
        sum(
            c - float(y)
            for c, y, t in zip(confidence.tolist(), correct, task, strict=True)
            if t == k
        )
        / int((task == k).sum())
        for k in range(3)
    ],
    inputs=_three_tasks,
    edges=[
        (
            torch.tensor([0.0, 1.0, 0.9, 1.0, 0.7], dtype=torch.float64),
            torch.tensor([False, True, False, False, True]),
            torch.tensor([2, 0, 2, 1, 2]),
        ),
    ],
    mistakes=[
        Mistake(
            name="divided by all",
            wrong=lambda confidence, correct, task: [
                float((confidence - correct.double())[task == k].sum() / len(task))
                for k in range(3)
            ],
            message="You divided by the number of all predictions. These are the parts that add up "
            "to the pooled gap; the gap of a task is a mean over that task.",
        ),
        Mistake(
            name="absolute values",
            wrong=lambda confidence, correct, task: [
                float((confidence - correct.double()).abs()[task == k].mean()) for k in range(3)
            ],
            message="You took the absolute value item by item. A single answer is right or wrong, "
            "so that is large for an honest model, too. Average first.",
        ),
        Mistake(
            name="sign",
            wrong=lambda confidence, correct, task: [
                float((correct.double() - confidence)[task == k].mean()) for k in range(3)
            ],
            message="The sign is turned: surer than right should be positive.",
        ),
        Mistake(
            name="only the right ones",
            wrong=lambda confidence, correct, task: [
                float(confidence[(task == k) & correct].mean() - correct[task == k].double().mean())
                if ((task == k) & correct).any()
                else float("nan")
                for k in range(3)
            ],
            message="You averaged the confidence over the right answers only. That selection looks "
            "at the outcome; take all items of the task.",
        ),
    ],
    hints=[
        "`inside = task == k` chooses the items of task k.",
        "Then the mean of `confidence[inside]` less the mean of `correct[inside]` as numbers.",
    ],
    stub="""
        def my_gap_by_task(confidence, correct, task):
            \"\"\"Return a list of three gaps, for the tasks 0, 1 and 2 in task (N,).\"\"\"
            ...
    """,
    solution="""
        def my_gap_by_task(confidence, correct, task):
            gap = confidence - correct.double()
            return [gap[task == k].mean().item() for k in range(3)]
    """,
    insight="Weighted by their share of the items, the gaps add up to the pooled one. That is how "
    "a +0.2 and a -0.2 become a zero.",
)


def _scores_of_tasks(rng):
    """Scores of 30 items in two tasks, their labels, and a temperature for each task."""
    task = torch.tensor(rng.choice(2, size=30, p=[0.75, 0.25]))
    task[:2] = torch.arange(2)
    scores = torch.tensor(rng.normal(scale=2.0, size=(30, 4)))
    labels = torch.tensor(rng.integers(4, size=30))
    return scores, labels, task, torch.tensor(rng.uniform(1.3, 4.0, size=2))


def _mean_nll(scores, labels):
    return float(torch.nn.functional.cross_entropy(scores, labels))


nll_with_own_temperature = FunctionExercise(
    name="nll_with_own_temperature",
    title="Mean NLL of all items when every task has its own temperature",
    reference=lambda scores, labels, task, temperatures: (
        sum(
            -float(torch.log_softmax(row / temperatures[k], dim=0)[label])
            for row, label, k in zip(scores, labels, task, strict=True)
        )
        / len(labels)
    ),
    inputs=_scores_of_tasks,
    edges=[
        (
            torch.tensor([[2.0, -1.0], [0.5, 3.0], [1.0, 0.0], [-2.0, 4.0]]),
            torch.tensor([0, 1, 1, 0]),
            torch.tensor([2, 0, 1, 2]),
            torch.tensor([0.5, 2.0, 3.0]),
        ),
    ],
    mistakes=[
        Mistake(
            name="every task counts the same",
            wrong=lambda scores, labels, task, temperatures: (
                sum(
                    _mean_nll(scores[task == k] / temperatures[k], labels[task == k])
                    for k in range(2)
                )
                / 2
            ),
            message="You averaged over tasks, so that a small task weighs as much as a large one. "
            "Here every item counts the same.",
        ),
        Mistake(
            name="multiplied",
            wrong=lambda scores, labels, task, temperatures: _mean_nll(
                scores * temperatures[task].unsqueeze(-1), labels
            ),
            message="You multiplied by the temperature. Scores are divided by it: T > 1 flattens.",
        ),
        Mistake(
            name="one temperature",
            wrong=lambda scores, labels, task, temperatures: _mean_nll(
                scores / temperatures.mean(), labels
            ),
            message="You used the mean of the temperatures for everyone. Each item takes that of "
            "its own task: `temperatures[task]`.",
        ),
        Mistake(
            name="probabilities divided",
            wrong=lambda scores, labels, task, temperatures: float(
                -(
                    (scores.softmax(dim=-1) / temperatures[task].unsqueeze(-1))
                    .gather(-1, labels.unsqueeze(-1))
                    .log()
                    .mean()
                )
            ),
            message="You divided the probabilities, which then no longer sum to one. Divide the "
            "scores, before the softmax.",
        ),
    ],
    hints=[
        "`temperatures[task]` has one temperature for each item, `(N,)`.",
        "With `.unsqueeze(-1)` it divides the rows of scores `(N, C)`; then a cross-entropy.",
    ],
    stub="""
        def my_nll_with_own_temperature(scores, labels, task, temperatures):
            \"\"\"Return the mean NLL in nats; task (N,) points into temperatures (K,).\"\"\"
            ...
    """,
    solution="""
        def my_nll_with_own_temperature(scores, labels, task, temperatures):
            own = temperatures[task].unsqueeze(-1)
            return torch.nn.functional.cross_entropy(scores / own, labels).item()
    """,
)

is_pooled_enough = ChoiceExercise(
    name="is_pooled_enough",
    question="A translation service uses one temperature, fitted on all its languages together. "
    "Its pooled reliability diagram is on the diagonal. A customer asks for Chinese only. "
    "What may the service promise about the confidences?",
    options={
        "a": "That they are calibrated: the diagram shows it.",
        "b": "That they are calibrated, since a temperature does not depend on the language.",
        "c": "Nothing yet: the customer's data are one group, whose own gap has to be measured.",
    },
    correct="c",
    explanations={
        "a": "The diagram shows that errors of all languages cancel. They need not cancel in one.",
        "b": "The temperature does not, the error does: each language needs another one.",
        "c": "Calibration belongs to the model, the event, the prompt and the data together.",
    },
)


def _word_overlap(written, true):
    """F1 of the words of two texts, each as often as it occurs."""
    shared, mine, theirs = 0, written.split(), true.split()
    left = list(theirs)
    for word in mine:
        if word in left:
            left.remove(word)
            shared += 1
    return 2 * shared / (len(mine) + len(theirs))


def _two_lines(rng):
    """Return a written and a true line of a small vocabulary: words are shared, and repeat."""
    words = ("return", "the", "list", "of", "values", "sorted", "a", "in")
    written = list(rng.choice(words, size=6))
    true = list(rng.choice(words, size=9))
    # One word repeats on both sides, another on one side only.
    written[:3] = ["the", "the", "list"]
    true[:4] = ["the", "the", "list", "list"]
    return " ".join(written), " ".join(true)


overlap = FunctionExercise(
    name="overlap",
    title="How much two lines overlap: F1 of their words",
    reference=_word_overlap,
    inputs=_two_lines,
    edges=[
        ("the the the", "the list"),
        ("sort a list", "return values"),  # nothing in common
        ("values of the list", "the list"),
        ("list the values", "values the list"),
        ("The a list", "an ant in the list"),
    ],
    mistakes=[
        Mistake(
            name="precision",
            wrong=lambda written, true: (
                sum((Counter(written.split()) & Counter(true.split())).values())
                / len(written.split())
            ),
            message="That is the precision: the share of the written words that are in the true "
            'line. "The" alone would score 1. Combine it with the recall.',
        ),
        Mistake(
            name="recall",
            wrong=lambda written, true: (
                sum((Counter(written.split()) & Counter(true.split())).values()) / len(true.split())
            ),
            message="That is the recall: the share of the true words that were written. Whoever "
            "writes a dictionary gets 1. Combine it with the precision.",
        ),
        Mistake(
            name="counted without a limit",
            wrong=lambda written, true: (
                2
                * sum(word in true.split() for word in written.split())
                / len(written.split() + true.split())
            ),
            message='You counted every written word that is in the true line: "the the the" then '
            "finds one and the same word three times. Each true word can be met only once.",
        ),
        Mistake(
            name="words as a set",
            wrong=lambda written, true: (
                2
                * len(set(written.split()) & set(true.split()))
                / (len(set(written.split())) + len(set(true.split())))
            ),
            message="You compared sets, which forget how often a word occurs. `Counter` keeps it, "
            "and `&` of two counters takes the smaller count.",
        ),
        Mistake(
            name="arithmetic mean",
            wrong=lambda written, true: (
                sum((Counter(written.split()) & Counter(true.split())).values())
                * (1 / len(written.split()) + 1 / len(true.split()))
                / 2
            ),
            message="You took the arithmetic mean of precision and recall. F1 is their harmonic "
            "mean, 2PR / (P + R), which is small when either is.",
        ),
    ],
    hints=[
        "`Counter(written.split()) & Counter(true.split())` from `collections` counts what both "
        "have.",
        "With n words in common, precision is n / words written and recall n / words true; F1 is "
        "then 2n / (words written + words true).",
    ],
    stub="""
        def my_overlap(written, true):
            \"\"\"Return the F1 of the words of two lines, split at spaces: from 0 to 1.\"\"\"
            ...
    """,
    solution="""
        from collections import Counter

        def my_overlap(written, true):
            written, true = Counter(written.split()), Counter(true.split())
            shared = (written & true).total()
            return 2 * shared / (written.total() + true.total())
    """,
    insight="This is ROUGE-1 (Lin 2004). The notebook uses chrF, which compares pieces of words.",
)
