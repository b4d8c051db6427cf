"""The learner's own calibration: all that they predicted so far, against what came true."""

from __future__ import annotations

from coursekit._language import tr
from coursekit.calibration import binary_brier_score
from coursekit.lesson import prediction_record
from coursekit.plots.answers import answers_diagram
from coursekit.plots.style import show


def my_predictions() -> None:
    """Show the reliability diagram and the Brier score of the learner's own predictions.

    A probability below one half says that the statement is false, with the rest as confidence: 0.2
    is being 80 % sure of "false". Without any prediction it says how to make one.

    Example:
        >>> my_predictions()  # doctest: +SKIP
        You have not predicted anything yet: replace `my_probability = ...` by a number.
    """
    probabilities, outcomes = prediction_record()
    if not probabilities:
        print(
            tr("You have not predicted anything yet: replace `my_probability = ...` by a number.")
        )
        return
    confidence = [max(p, 1 - p) for p in probabilities]
    correct = [(p >= 0.5) == outcome for p, outcome in zip(probabilities, outcomes, strict=True)]
    score = binary_brier_score(confidence, correct)
    show(answers_diagram(confidence, correct, f"You, {len(correct)} predictions"))
    said = f"{score:.2f}"
    print(
        tr("Your Brier score: {score}. Always saying 50 % gets 0.25; lower is better.", score=said)
    )
