"""The description of what matplotlib drew, kind by kind."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from coursekit.calibration import Interval
from coursekit.plots.describing import (
    LONGEST,
    NUMBER,
    against_diagonal,
    cells,
    cloud,
    describe,
    description,
    named,
    number,
    rows_of_intervals,
    series,
)
from coursekit.plots.heatmap import heatmap


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def said(ax):
    return description(ax.figure)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1e-17, "0"),
        (1 / 3, "0.333"),
        (-0.05, "minus 0.05"),
        (0.9999, "1"),
        (12345, "12,345"),
        (12345.6, "12,300"),
        (999_999_999, "1 billion"),
        (2_500_000, "2.5 million"),
        (3e13, "3e13"),
        (4e-7, "4e-7"),
        (torch.tensor(0.25), "0.25"),
        (math.nan, "undefined"),
        (-math.inf, "minus infinite"),
    ],
)
def test_number(value, text):
    assert number(value) == text
    if text[-1].isdigit():
        assert NUMBER.sub("#", f"It is {text}.") == "It is #."


def test_few_values_are_all_said_and_many_are_summed_up():
    assert series("a", [1, 2], [3, 4]) == "a: 3 at 1, 4 at 2."
    many = series("a", range(9), [5, 4, 3, 2, 1, 3, 6, 9, 7])
    assert many == "a: from 5 at 0 to 7 at 8, lowest 1 at 4, highest 9 at 7."
    brief = series("a", range(9), [5, 4, 3, 2, 1, 3, 6, 9, 7], detail=0)
    assert brief == "a: from 5 at 0 to 7 at 8."
    assert series("", range(9), [2] * 9) == "2 from 0 to 8."


def test_what_is_undefined_is_counted():
    assert series("a", [1, 2, 3], [math.nan, 1, math.inf]) == "a: 1 at 2; 2 values undefined."
    assert series("a", [1], [math.nan]) == "a: no defined value."
    assert cloud("", [math.nan], [1]) == "no defined point."
    assert "column y" in cells(np.array([[np.nan] * 20, [1.0] * 20]), ["a", "b"], ["y"] * 20)
    assert cells(np.full((2, 2), np.nan), ["a", "b"], ["c", "d"]).endswith("no defined value.")


def test_names_that_end_in_a_digit_cannot_run_into_their_value():
    assert named({"GPT-2": 0.5, "BERT": 1}) == "'GPT-2' 0.5, BERT 1"
    assert named({"small, old": 0.5, "large": 1}) == "small, old 0.5; large 1"


def test_equal_values_are_said_once():
    assert named({"a": 1, "b": 1, "c": 1}) == "1 for each of 3"


def test_intervals_that_miss_the_reference_are_counted():
    rows = {"a": Interval(0.2, 0.1, 0.3), "b": Interval(0.1, -0.1, 0.3)}
    assert "1 of 2 intervals excludes none, 0." in rows_of_intervals(rows, (0.0, "none"))
    many = {f"row {i}.": Interval(i, i - 1, i + 1) for i in range(20)}
    assert rows_of_intervals(many).startswith("20 values, the largest 'row 19.' 19, 'row 18.' 18")


def test_diagonal_and_its_intervals():
    x = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9]
    text = against_diagonal(x, [0, 0.3, 0.9, 0.6, 0.8, 1], [0, 0, 0.8, 0, 0, 0], [1] * 6)
    assert "largest gap at 0.5 and 0.9" in text
    assert "2 below the diagonal, 2 above; 1 of 6 intervals misses it." in text
    assert against_diagonal([], []) == "No point."


def test_lines_with_labels_axes_and_a_reference(ax):
    ax.plot([1, 2, 3], [0.5, 0.25, 0.125], label="loss")
    ax.axhline(0.1, label="floor of 0 words")
    ax.axvline(2000, label="stop: 2,000")
    ax.axhline(7)
    ax.set(title="A\nB", xlabel="step", ylabel="nats", yscale="log")
    assert said(ax) == (
        "A; B. nats, logarithmic against step. loss: 0.5 at 1, 0.25 at 2, 0.125 at 3. "
        "A line marks floor of 0 words, 0.1. A line marks stop: 2,000."
    )


def test_legends_are_not_needed_and_runs_of_one_colour_belong_together(ax):
    for run in ([3, 2, 1], [5, 4, 2]):
        ax.plot([0, 1, 2], run, color="blue", label="loss" if run[0] == 3 else None)
    ax.plot([0, 1], [0, 1], "--")
    assert said(ax) == "loss: 2 lines, 3 to 5 at 0, 2 to 4 at 1, 1 to 2 at 2."


def test_a_learners_plain_plot(ax):
    ax.plot([1, 4, 9])
    assert said(ax) == "1 at 0, 4 at 1, 9 at 2."


def test_points(ax):
    ax.scatter([1, 2, 3], [4, 5, 9], label="texts")
    assert said(ax) == "texts: 3 points, from 1 to 3 across and from 4 to 9 upward, mean 6."


def test_error_bars_are_one_series_without_their_caps(ax):
    ax.errorbar([1, 2], [0.5, 0.75], yerr=0.1, capsize=3, fmt="o", label="seen")
    assert said(ax) == "seen: 0.5 at 1, 0.75 at 2."


@pytest.mark.parametrize("way", ["bar", "barh"])
def test_bars_with_names(ax, way):
    getattr(ax, way)(["a", "b"], [1, 3], label="n")
    assert said(ax) == "n: a 1, b 3."


def test_of_many_bars_the_largest(ax):
    ax.bar([f"w{i}." for i in range(26)], range(26))
    assert said(ax).startswith("Bars: 26 values, the largest 'w25.' 25, 'w24.' 24")


def test_histogram(ax):
    ax.hist([1, 1, 1, 2, 5], bins=8, label="texts")
    assert said(ax) == "Histogram of texts: 5 in all, from 1 to 5, most, 3, between 1 and 1.5."


def test_bands_with_a_name(ax):
    ax.fill_between([0, 1], [0.1, 0.2], [0.3, 0.4], label="95 %")
    assert said(ax) == "95 %: a band from 0.1 to 0.4."


def test_heat_maps_by_seaborn_and_by_matplotlib(ax):
    heatmap(ax, torch.eye(2), low=0, high=1, label="weight", rows=["a", "b"], columns=["c", "d"])
    assert said(ax) == "Heat map of weight: 2 rows by 2 columns. a: c 1, d 0; b: c 0, d 1."
    figure, other = plt.subplots()
    other.imshow(np.arange(30).reshape(5, 6))
    text = description(figure)
    plt.close(figure)
    assert "5 rows by 6 columns, largest 29 at row 5, column 6, smallest 0 at row 1" in text


def test_nothing_drawn(ax):
    assert said(ax) == "Nothing is drawn."
    assert description(plt.figure()) == "An empty figure."
    plt.close()
    ax.set_visible(False)
    assert said(ax) == "An empty figure."


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ((1, 2), ["Left:", "Right:"]),
        ((1, 3), ["Left:", "Middle:", "Right:"]),
        ((2, 1), ["Top:", "Bottom:"]),
        ((2, 2), ["1 of 4:", "4 of 4:"]),
    ],
)
def test_panels_are_named(shape, names):
    figure, axes = plt.subplots(*shape, squeeze=False)
    for i, ax in enumerate(axes.flat):
        ax.plot([0, 1, 2], [i, i, i + 1])
    figure.suptitle("All")
    text = description(figure)
    plt.close(figure)
    assert text.startswith("All. ")
    assert [name for name in names if name in text] == names


def test_a_panel_with_its_own_words(ax):
    ax.plot([0, 1, 2], [1, 2, 3])
    ax.set_title("Mine")
    describe(ax, "What I say.")
    assert said(ax) == "Mine. What I say."
    describe(ax, "")
    assert said(ax) == "An empty figure."


def test_details_go_before_a_text_grows_long():
    figure, axes = plt.subplots(1, 3)
    for ax in axes:
        for i in range(6):
            ax.plot(range(9), np.sin(np.arange(9) + i), label=f"line {i} of a figure")
        ax.set(xlabel="a label of the x-axis", ylabel="a label of the y-axis")
    crowded = description(figure)
    axes[1].remove()
    axes[2].remove()
    alone = description(figure)
    plt.close(figure)
    assert "lowest" not in crowded
    assert "lowest" in alone
    assert len(alone) <= LONGEST


def test_digits_do_not_choose_the_words(ax):
    """A measured 0.9 on one machine is 0.899 on another: the same words stand about it."""
    texts = []
    for value in (0.9, 0.899):
        ax.clear()
        for i in range(14):
            ax.plot(range(8), [value + 0.01 * j * (-1) ** j for j in range(8)], label=f"line {i}")
        texts.append(NUMBER.sub("#", said(ax)))
    assert texts[0] == texts[1]
