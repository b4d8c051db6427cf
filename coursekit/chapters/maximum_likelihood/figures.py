"""Figures of learning: what the likelihood prefers, and how a model comes to know a language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.plots.checks import require_few, require_shape
from coursekit.plots.describing import counted, describe, named, number
from coursekit.plots.style import COLORS, GRAY, new_axes, style

_LINES = [("blue", "-"), ("vermillion", "--"), ("green", "-."), ("purple", ":")]
_STACK = ("sky", "green", "orange", "vermillion", "purple", "blue")


def likelihood_curve(count: int, total: int, marks: Mapping[str, float], title: str) -> Axes:
    """Draw the loss of saying p about an event, for every p, against how often it happened.

    Args:
        count: How often the event happened; at least once.
        total: How often it could have happened; at least once it did not.
        marks: For each name a probability to mark on the curve, at most four.
        title: Title of the figure.

    Raises:
        ValueError: If the event never happened, or always, or a mark lies outside (0, 1).
    """
    if not 0 < count < total:
        raise ValueError(f"count must be at least 1 and below the total, {total}, found {count}.")
    wrong = {name: p for name, p in marks.items() if not 0 < p < 1}
    if wrong or len(marks) > len(_LINES):
        raise ValueError(f"marks must be at most {len(_LINES)} inside (0, 1), found {marks}.")
    frequency = count / total

    def loss(p: Tensor) -> Tensor:
        return -(frequency * p.log() + (1 - frequency) * (1 - p).log())

    p = torch.linspace(0.01, 0.99, 393, dtype=torch.float64)
    ax = new_axes(7.5, 4.8)
    with style():
        ax.plot(p.tolist(), loss(p).tolist(), color=COLORS["blue"])
        ax.axhline(
            loss(torch.tensor(frequency)).item(),
            color=GRAY,
            linestyle="--",
            label="entropy of the frequency: no p gets below it",
        )
        looks = zip("oDs^", ("vermillion", "green", "orange", "purple"), strict=True)
        for (name, where), (marker, color) in zip(marks.items(), looks, strict=False):
            height = loss(torch.tensor(where, dtype=torch.float64)).item()
            label = f"{name}: p = {where:.2f}"
            ax.plot(where, height, marker, color=COLORS[color], markersize=11, label=label)
        ax.set(
            xlim=(0, 1),
            ylim=(0, 3),
            xlabel="p, the stated probability of the event",
            ylabel="loss (nats an outcome)",
            title=title,
        )
        ax.legend(loc="upper center")
    return ax


def belief_bars(words: Sequence[str], belief: Tensor, names: Sequence[str], title: str) -> Axes:
    """Draw what is believed about something hidden, after each word, as stacked bars.

    Args:
        words: What was read, T words.
        belief: Probabilities of the S hidden possibilities after each word `(T, S)`.
        names: Of the S possibilities, at most six.
        title: Title of the figure.

    Raises:
        ValueError: If the shapes do not fit, or there are more possibilities than colours.
    """
    require_few(names, len(_STACK), "names")
    why = "a row for each word and a column for each name"
    require_shape(belief, (len(words), len(names)), "belief", why)
    ax = new_axes(0.5 * len(words) + 2.4, 4.6)
    with style():
        bottom = torch.zeros(len(words), dtype=belief.dtype)
        for column, name, color in zip(belief.T, names, _STACK, strict=False):
            ax.bar(
                range(len(words)),
                column.tolist(),
                bottom=bottom.tolist(),
                color=COLORS[color],
                edgecolor="white",
                label=name,
            )
            bottom = bottom + column
        ax.set_xticks(range(len(words)), words, rotation=60, ha="right", rotation_mode="anchor")
        ax.set(ylim=(0, 1), xlabel="word read, day by day", ylabel="belief (probability)")
        ax.grid(visible=False, axis="x")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderpad=0.2)
        ax.set_title(title, pad=32)
    surest = [names[int(row.argmax())] for row in belief]
    changes = [0] + [i for i in range(1, len(words)) if surest[i] != surest[i - 1]]
    path = (f"{surest[i]} from word {i + 1}, {words[i]}" for i in changes)
    describe(
        ax,
        f"Belief after each of {counted(len(words), 'word')}. First: "
        f"{named(list(zip(names, belief[0].tolist(), strict=True)))}. Last: "
        f"{named(list(zip(names, belief[-1].tolist(), strict=True)))}. Most believed: "
        f"{'; '.join(path)}.",
    )
    return ax


def stated_against_true(
    stages: Mapping[str, tuple[Tensor, Tensor]], title: str, *, most: int = 2000
) -> Axes:
    """Draw the true probability of a model's best guess against the one it states, for each stage.

    Only a language whose truth is known has such a figure: it needs no outcomes and no bins.

    Args:
        stages: For each name the stated and the true probabilities, both `(N,)`.
        title: Title of the figure.
        most: How many points to draw at most: every so manyth of the N.

    Returns:
        The axes of the first stage.

    Raises:
        ValueError: If there is no stage, or two shapes differ.
    """
    if not stages:
        raise ValueError("stages must hold at least one, a name and two tensors, found none.")
    for name, (stated, true) in stages.items():
        if stated.ndim != 1 or stated.shape != true.shape:
            raise ValueError(
                f"stages[{name!r}] must have shapes (N,) and (N,), found {tuple(stated.shape)} and "
                f"{tuple(true.shape)}."
            )
    axes = new_axes(3.9 * len(stages) + 0.8, 4.6, ncols=len(stages), squeeze=False)[0]
    with style():
        for ax, (name, (stated, true)) in zip(axes, stages.items(), strict=True):
            every = max(1, -(-len(stated) // most))
            ax.plot([0, 1], [0, 1], "--", color=GRAY)
            ax.plot(
                stated[::every].tolist(),
                true[::every].tolist(),
                ".",
                color=COLORS["blue"],
                markersize=4,
                alpha=0.3,
            )
            ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal", title=name)
            ax.set_xlabel("stated probability")
            apart = (stated - true).double()
            near = (apart.abs() <= 0.05).double().mean().item()
            describe(
                ax,
                f"True against stated probability of {counted(len(stated), 'word')}: "
                f"{near:.0%} within 0.05 of each other, mean "
                f"distance {number(apart.abs().mean().item())}, mean of stated minus true "
                f"{number(apart.mean().item())}.",
            )
        axes[0].set_ylabel("true probability\nof the same word")
        axes[0].figure.suptitle(title, x=0.01, ha="left", fontsize=15)
    return axes[0]
