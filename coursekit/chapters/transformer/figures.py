"""Figures of a whole transformer: what happens from layer to layer, and where the numbers go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from torch import Tensor

from coursekit.plots.checks import require_few, require_values
from coursekit.plots.describing import describe, number, series
from coursekit.plots.heatmap import heatmap
from coursekit.plots.style import COLORS, GRAY, LOOKS, new_axes, style
from coursekit.plots.tokens import visible

_LOOKS = LOOKS[:4]


def lines_against_depth(
    depth: Sequence[int],
    lines: Mapping[str, Sequence[float]],
    ylabel: str,
    title: str,
    *,
    xlabel: str = "after block",
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw one or more quantities against the depth of a network.

    Args:
        depth: The depths `(K,)`.
        lines: For each name of a line its values `(K,)`; at most four lines.
        ylabel: What is drawn, with its unit.
        title: Title of the figure.
        xlabel: What depth means here.
        log: Draw the values on a logarithmic axis.
        ax: Where to draw; by default on a new figure.

    Raises:
        ValueError: If there are no lines or more than four, or one has another length.
    """
    require_few(lines, len(_LOOKS), "lines")
    require_values(lines, len(depth), "lines", each="depth")
    ax = new_axes(7.5, 4.8) if ax is None else ax
    with style():
        for (name, values), (color, marker, dash) in zip(lines.items(), _LOOKS, strict=False):
            ax.plot(depth, values, dash, color=COLORS[color], marker=marker, label=name)
        if log:
            ax.set_yscale("log")
        ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
        ax.legend()
    return ax


def seeds_against_depth(
    depth: Sequence[int], lines: Mapping[str, Tensor], ylabel: str, title: str
) -> Axes:
    """Draw what several networks of each depth were measured to be, on a logarithmic axis.

    Args:
        depth: The numbers of blocks `(K,)`.
        lines: For each name the values `(S, K)` of S networks with other random weights, positive;
            at most four names. Lines are medians, bands reach from the least to the most.
        ylabel: What is drawn, with its unit.
        title: Title of the figure.

    Raises:
        ValueError: If there are no lines or more than four, or one has another shape.
    """
    for name, values in lines.items():
        if values.ndim != 2:
            raise ValueError(
                f"{name!r} must have shape (networks, depths), found {tuple(values.shape)}."
            )
    medians = {name: values.median(dim=0).values.tolist() for name, values in lines.items()}
    ax = lines_against_depth(depth, medians, ylabel, title, xlabel="number of blocks", log=True)
    with style():
        for values, line in zip(lines.values(), ax.lines, strict=True):
            low, high = values.amin(dim=0).tolist(), values.amax(dim=0).tolist()
            ax.fill_between(depth, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    said = (
        f"{series(name, depth, medians[name], detail=1)} At {depth[-1]} from "
        f"{number(values[:, -1].min().item())} to {number(values[:, -1].max().item())}."
        for name, values in lines.items()
    )
    describe(ax, f"{ylabel}, logarithmic, against the number of blocks, medians. {' '.join(said)}")
    return ax


def activation_curves(x: Tensor, curves: Mapping[str, Tensor], title: str) -> Axes:
    """Draw functions that are applied to each number alone.

    Args:
        x: Where they are evaluated `(K,)`.
        curves: For each name its values `(K,)`.
        title: Title of the figure.
    """
    ax = new_axes(7.0, 4.4)
    with style():
        ax.axhline(0, color=GRAY, linewidth=1)
        for (name, y), (color, _, dash) in zip(curves.items(), _LOOKS, strict=False):
            ax.plot(x.tolist(), y.tolist(), dash, color=COLORS[color], label=name)
        ax.set(xlabel="input", ylabel="output", title=title)
        ax.legend()
    return ax


def guess_table(
    tokens: Sequence[str],
    depth: Sequence[int],
    guesses: Sequence[Sequence[str]],
    probs: Tensor,
    title: str,
) -> Axes:
    """Draw the most likely next token at every depth and position, darker where it is surer.

    Args:
        tokens: Texts of the T tokens that were read.
        depth: The K depths, from the first to the last.
        guesses: For each depth the text of the best token at each position, K times T.
        probs: Their probabilities `(K, T)`.
        title: Title of the figure.

    Raises:
        ValueError: If the shapes do not fit.
    """
    shape = (len(depth), len(tokens))
    if tuple(probs.shape) != shape or [len(row) for row in guesses] != [shape[1]] * shape[0]:
        raise ValueError(
            f"probs and guesses must have shape {shape}, a row for each depth and a column for "
            f"each token, found {tuple(probs.shape)} and {len(guesses)} rows."
        )
    ax = new_axes(1.35 * shape[1] + 2.4, 0.46 * shape[0] + 1.7)
    heatmap(
        ax,
        probs,
        low=0,
        high=1,
        label="probability of the best token",
        texts=[[visible(text.encode()) for text in texts] for texts in guesses],
        rows=[str(block) for block in depth],
        columns=[visible(token.encode()) for token in tokens],
        annot_kws={"fontsize": 12},
    )
    with style():
        ax.invert_yaxis()  # the last depth on top: the stream flows upwards
        ax.set(xlabel="token read", ylabel="after block", title=title)
    last = [
        (depth[i], visible(row[-1].encode()), probs[i, -1].item()) for i, row in enumerate(guesses)
    ]
    changes = [i for i in range(len(last)) if i == 0 or last[i][1] != last[i - 1][1]]
    shown = sorted({*changes[:1], *changes[-4:], len(last) - 1})
    path = ", ".join(
        f"{text} after block {at} ({number(p)})" for at, text, p in map(last.__getitem__, shown)
    )
    guessed = ", ".join(
        f"{visible(text.encode())} after {visible(token.encode())}"
        for token, text in zip(tokens, guesses[-1], strict=True)
    )
    describe(
        ax,
        f"The best guess for the next token by block, with its probability. At the last token, "
        f"{visible(tokens[-1].encode())}: {path}. After the last block: {guessed}.",
    )
    return ax
