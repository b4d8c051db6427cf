from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from scipy.stats import binomtest

from coursekit.plots import answers_diagram, new_axes

#: Two groups: 65 % and 70 % with one right of two, 100 % with two right of three.
CONFIDENCE = [0.65, 0.7, 1.0, 1.0, 1.0]
CORRECT = [1, 0, 1, 1, 0]


def test_points_and_intervals_are_those_computed_by_hand():
    ax = answers_diagram(CONFIDENCE, CORRECT, "Quiz")
    [container] = ax.containers
    assert container.lines[0].get_xydata() == pytest.approx(np.array([[0.675, 0.5], [1, 2 / 3]]))
    ends = np.array(container.lines[2][0].get_segments())[:, :, 1]
    wilson = [binomtest(k, n).proportion_ci(method="wilson") for k, n in ((1, 2), (2, 3))]
    assert ends == pytest.approx(np.array([[w.low, w.high] for w in wilson]))


def test_every_ten_percent_are_a_point_of_their_own():
    steps = [0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0]
    points = answers_diagram(steps, [1] * 7, "Quiz").containers[0].lines[0].get_xdata()
    assert points == pytest.approx([0.5, 0.575, 0.7, 0.8, 0.9, 1.0])


def test_each_point_has_its_number_of_answers():
    ax = answers_diagram(CONFIDENCE, CORRECT, "Quiz")
    labels = {round(t.get_position()[0], 3): t.get_text() for t in ax.texts}
    assert labels == {0.675: "2", 1.0: "3"}


def test_title_says_how_sure_and_how_often_right():
    title = answers_diagram(CONFIDENCE, CORRECT, "Quiz").get_title("left")
    wilson = binomtest(3, 5).proportion_ci(method="wilson")
    assert title == f"Quiz\n87% sure, 60% right [{wilson.low:.0%}, {wilson.high:.0%}]"


def test_labels_and_legend():
    ax = answers_diagram(CONFIDENCE, CORRECT, "Quiz")
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "how sure (confidence)",
        "how often right (accuracy)",
    )
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["guessing", "calibrated", "gap", "accuracy, 95% interval"]


@pytest.mark.parametrize("chance", [0.5, 0.25])
def test_chance_is_marked_and_the_axis_begins_there(chance):
    ax = answers_diagram(CONFIDENCE, CORRECT, "Quiz", chance=chance)
    guessing = next(line for line in ax.lines if line.get_label() == "guessing")
    assert set(guessing.get_ydata()) == {chance}
    assert chance - 0.1 < ax.get_xlim()[0] < chance


def test_drawing_into_given_axes_leaves_out_the_legend():
    ax = new_axes()
    assert answers_diagram([0.8], [1], "One answer", ax=ax) is ax
    assert ax.get_legend() is None


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_text_fits_into_the_figure(n):
    confidence = np.random.default_rng(0).choice([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], size=n)
    ax = answers_diagram(confidence, confidence > 0.55, "A title")
    ax.figure.canvas.draw()
    for text in [ax._left_title, ax.yaxis.label, *ax.texts, *ax.get_legend().get_texts()]:
        box = text.get_window_extent()
        assert ax.figure.bbox.x0 <= box.x0
        assert box.x1 <= ax.figure.bbox.x1
        assert box.y1 <= ax.figure.bbox.y1
    assert ax._left_title.get_window_extent().y0 > ax.get_legend().get_window_extent().y1 - 1


def test_drawing_leaves_global_settings_alone():
    before = dict(mpl.rcParams)
    answers_diagram(CONFIDENCE, CORRECT, "Quiz")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([], []), {}, "confidence must not be empty"),
        (([0.5, 0.5], [1]), {}, "same length"),
        (([0.5], [1]), {"chance": 1}, "chance must be at least 0 and below 1, found 1"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        answers_diagram(*arguments, "Quiz", **options)
