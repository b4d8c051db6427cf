"""Figures of self-attention: who looks at whom, how sharply, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from coursekit.plots.checks import require_few, require_shape, require_values
from coursekit.plots.describing import describe, named, number
from coursekit.plots.heatmap import heatmap
from coursekit.plots.style import COLORS, GRAY, new_axes, style
from coursekit.plots.tokens import visible

_MARKERS = ("o", "s", "D", "^")


def attention_map(
    weights: Tensor,
    tokens: Sequence[str],
    title: str,
    marked: int | None = None,
    numbers: bool = False,
) -> Axes:
    """Draw attention weights: a row for each token that looks, a column for each looked at.

    Args:
        weights: Of one head `(T, T)`; rows sum to one.
        tokens: Texts of the T tokens; a space is shown as `␣`.
        title: Title of the figure.
        marked: Row to frame, counted from 0.
        numbers: Write each weight into its cell, for small maps.

    Raises:
        ValueError: If `weights` has another shape, or `marked` is no row.
    """
    n = len(tokens)
    require_shape(weights, (n, n), "weights", "of one layer and one head for these tokens")
    if marked is not None and not 0 <= marked < n:
        raise ValueError(f"marked must be a row from 0 to {n - 1}, found {marked}.")
    side = max(0.36 * n + 1.2, 3.6)
    ax = new_axes(side + 1.4, side)
    names = [visible(token.encode()) for token in tokens]
    heatmap(
        ax,
        weights,
        low=0,
        high=1,
        label="attention weight",
        texts=[[f"{w:.2f}" for w in row] for row in weights.tolist()] if numbers else None,
        rows=names,
        columns=names,
        square=True,
        cbar_kws={"label": "attention weight", "shrink": 0.8},
    )
    with style():
        ax.tick_params(axis="x", rotation=90 if n > 6 else 0)
        ax.set(xlabel="looked at (key)", ylabel="token that looks (query)", title=title)
        if marked is not None:
            frame = Rectangle((0, marked), n, 1, fill=False, lw=2.5, zorder=3)
            frame.set(edgecolor=COLORS["vermillion"], clip_on=False)
            ax.add_patch(frame)
    describe(ax, _looks(weights, names, marked))
    return ax


def _looks(weights: Tensor, names: Sequence[str], marked: int | None) -> str:
    """Say at which token each one looks most; of many tokens, at which most of them look."""
    best, n = weights.amax(dim=-1), len(names)

    def row(i: int) -> str:
        to = (weights[i] > best[i] - 5e-4).nonzero().flatten().tolist()
        which = " and ".join("itself" if j == i else f"{names[j]} ({j + 1})" for j in to)
        where = f"{len(to)} tokens alike" if len(to) > 2 else which
        return f"{names[i]} ({i + 1}) at {where}, {number(best[i].item())}"

    said = f"Attention weights of {n} tokens, a row for each that looks"
    if n > 1 and not weights.triu(1).any():
        said += "; none looks at a later one"
    if n <= 8:
        return f"{said}. Most weight: {'; '.join(map(row, range(n)))}."
    to = weights.argmax(dim=-1)
    places = to.new_tensor(range(n))
    counts = [int((to[1:] == where[1:]).sum()) for where in (places, places - 1, 0 * places)]
    said += (
        f". Of those after the first, {counts[0]} look most at themselves, {counts[1]} at the "
        f"token before them, {counts[2]} at the first."
    )
    strongest = [i + 1 for i in best[1:].topk(4).indices.tolist()]
    said += f" Most weight: {'; '.join(map(row, strongest))}."
    return said if marked is None else f"{said} The framed row: {row(marked)}."


def head_grid(values: Tensor, label: str, title: str) -> Axes:
    """Draw one number between 0 and 1 for every head of a model, layer by layer.

    Args:
        values: `(layers, heads)`.
        label: What the number is.
        title: Title of the figure.

    Raises:
        ValueError: If `values` is not a matrix.
    """
    require_shape(values, ("layers", "heads"), "values", "one number a head")
    ax = new_axes(9.5, 4.0)
    heatmap(ax, values.T, low=0, high=1, label=label, columns=2)
    with style():
        ax.set(xlabel="layer (from 0, nearest the input)", ylabel="head", title=title)
    top = values.flatten().topk(min(4, values.numel()))
    largest = "; ".join(
        f"{number(value)} in layer {at // values.shape[1]}, head {at % values.shape[1]}"
        for value, at in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    )
    layers = {f"layer {i}": row.double().mean().item() for i, row in enumerate(values)}
    describe(
        ax,
        f"Heat map of {label} in {values.shape[0]} layers of {values.shape[1]} heads: from "
        f"{number(values.min().item())} to {number(values.max().item())}, mean "
        f"{number(values.double().mean().item())}. Largest: {largest}. Mean of a layer: "
        f"{named(layers, 4)}.",
    )
    return ax


def entropy_curves(
    widths: Sequence[int], curves: Mapping[str, Sequence[float]], uniform: float, title: str
) -> Axes:
    """Draw the mean entropy of attention weights against the width d of queries and keys.

    Args:
        widths: Values of d; the axis is logarithmic.
        curves: Name of each rule for the scores, and its entropies in nats, one for each d.
        uniform: Entropy of equal weights, in nats: the most that is possible.
        title: Title of the figure.

    Raises:
        ValueError: If a curve has another length than `widths`.
    """
    ax = _curves(widths, curves, "width d of queries and keys", "entropy of the weights (nats)")
    with style():
        ax.axhline(uniform, color=GRAY, linestyle="--", label="equal weights")
        ax.set_ylim(0, uniform * 1.08)
        ax.set_title(title)
        ax.legend()
    return ax


def multiply_add_curves(
    lengths: Sequence[int], curves: Mapping[str, Sequence[float]], title: str
) -> Axes:
    """Draw multiply-adds against the number of tokens written, both axes logarithmic.

    Args:
        lengths: Numbers of tokens.
        curves: Name of each way to compute, and its multiply-adds, one for each length.
        title: Title of the figure.

    Raises:
        ValueError: If a curve has another length than `lengths`.
    """
    ax = _curves(lengths, curves, "tokens written one by one", "multiply-adds in all")
    with style():
        ax.set_yscale("log")
        ax.set_title(title)
        ax.legend()
    return ax


def phase_change(
    steps: Sequence[int], losses: Mapping[str, Tensor], scores: Mapping[str, Tensor], title: str
) -> Axes:
    """Draw the loss of models while they learn, and beside it what their heads look at.

    Args:
        steps: Of training `(K,)`.
        losses: For each kind of model, the loss of each seed in nats a token `(K, S)`.
        scores: For each kind of head, its mean weight on what it is to find `(K, S)`.
        title: Title of the left panel.

    Returns:
        The left panel's axes.

    Raises:
        ValueError: If there are more than four kinds, or one has no row for each step.
    """
    panels = new_axes(12.0, 4.6, ncols=2)
    both = ((losses, "loss on what repeats (nats a token)"), (scores, "mean weight there"))
    for ax, (kinds, label) in zip(panels, both, strict=True):
        require_few(kinds, len(_MARKERS), "kinds")
        said = []
        looks = zip(("blue", "orange", "green", "black"), _MARKERS, strict=True)
        for (name, values), (color, marker) in zip(kinds.items(), looks, strict=False):
            require_shape(values, (len(steps), "seeds"), "values", "a row for each step")
            with style():
                ax.plot(steps, values, color=COLORS[color], alpha=0.3, linewidth=1)
                look = {"marker": marker, "markevery": 8, "color": COLORS[color]}
                ax.plot(steps, values.mean(dim=1), label=name, **look)
            mean = values.double().mean(dim=1)
            places = range(0, len(steps), max(1, (len(steps) - 1) // 5))
            course = ", ".join(f"{number(mean[i].item())} at {steps[i]}" for i in places)
            said.append(f"{name}, mean of {values.shape[1]} seeds: {course}.")
        with style():
            ax.set(xlabel="training steps", ylabel=label, ylim=(0, None))
            ax.legend()
        describe(ax, " ".join(said))
    with style():
        panels[0].set_title(title)
        panels[1].set_title("Where the heads look")
    return panels[0]


def _curves(
    x: Sequence[int], curves: Mapping[str, Sequence[float]], xlabel: str, ylabel: str
) -> Axes:
    """Curves over a logarithmic axis of powers of two or four."""
    require_values(curves, len(x), "curves")
    ax = new_axes(7.5, 4.8)
    with style():
        for (name, values), marker in zip(curves.items(), _MARKERS, strict=False):
            ax.plot(x, values, marker=marker, label=name)
        ax.set_xscale("log", base=2)
        ax.set_xticks(x, [f"{value:,}" for value in x])
        ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax
