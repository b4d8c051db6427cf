"""Figures of positions: tables, turned pairs, biases, and what a model makes of distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from torch import Tensor

from coursekit.plots.checks import require_few
from coursekit.plots.describing import counted, describe, number, series
from coursekit.plots.heatmap import heatmap
from coursekit.plots.style import COLORS, GRAY, new_axes, style

#: Colour, line and marker of each scheme; the last two tell them apart in grey, too.
_SCHEMES = {
    "learned": ("blue", "-", "o"),
    "sinusoidal": ("purple", "--", "s"),
    "rotary": ("green", "-.", "^"),
    "alibi": ("orange", "-", "D"),
    "relative": ("vermillion", "--", "v"),
    "none": ("black", ":", "x"),
}


def position_heatmap(table: Tensor, title: str) -> Axes:
    """Draw a table of positions: a row for each position, a column for each coordinate.

    Args:
        table: What is added to the tokens `(T, width)`.
        title: Title of the figure.

    Raises:
        ValueError: If the table is not a matrix.
    """
    if table.ndim != 2:
        raise ValueError(f"table must have shape (positions, width), found {tuple(table.shape)}.")
    ax = heatmap(
        new_axes(8.0, 4.8), table, low=-1, high=1, colors="RdBu", label="value", rows=16, columns=8
    )
    with style():
        ax.set(xlabel="coordinate", ylabel="position (tokens)", title=title)
    turns = (table[1:].sign() != table[:-1].sign()).sum(dim=0).tolist()
    places = sorted({0, len(turns) // 4, len(turns) // 2, len(turns) - 1})
    signs = ", ".join(f"{counted(turns[i], 'time')} in column {i + 1}" for i in places)
    describe(
        ax,
        f"Heat map of {table.shape[0]} positions by {table.shape[1]} coordinates, values from "
        f"{number(table.min().item())} to {number(table.max().item())}. From top to bottom the "
        f"sign changes {signs}.",
    )
    return ax


def products_by_distance(products: Sequence[float], title: str) -> Axes:
    """Draw the dot product of two positions against their distance.

    Args:
        products: At distance 0, 1, 2 and so on.
        title: Title of the figure.
    """
    ax = new_axes(7.5, 4.4)
    with style():
        ax.plot(range(len(products)), products, color=COLORS["blue"])
        ax.set(xlabel="distance (tokens)", ylabel="dot product", title=title)
    return ax


def turned_pairs(
    query: Tensor, key: Tensor, places: Sequence[tuple[int, int]], frequency: float
) -> Axes:
    """Draw one pair of coordinates of a query and a key, turned by their positions.

    Args:
        query: The pair before turning `(2,)`.
        key: The pair before turning `(2,)`.
        places: For each panel, the positions of query and key.
        frequency: Angle per position, in radians.

    Returns:
        The first panel's axes.

    Raises:
        ValueError: If query or key is not a pair.
    """
    for name, pair in {"query": query, "key": key}.items():
        if pair.shape != (2,):
            raise ValueError(f"{name} must have shape (2,), one pair, found {tuple(pair.shape)}.")
    panels = new_axes(5.2 * len(places), 5.2, ncols=len(places), squeeze=False)[0]
    for ax, (query_at, key_at) in zip(panels, places, strict=True):
        _draw_pair(ax, query, key, query_at, key_at, frequency)
    return panels[0]


def _draw_pair(
    ax: Axes, query: Tensor, key: Tensor, query_at: int, key_at: int, frequency: float
) -> None:
    """Two arrows, turned, with pale ones where they were before, and their dot product."""
    arrows = {"query": (query, query_at, "blue", "-"), "key": (key, key_at, "vermillion", "--")}
    turned = {name: _turn(pair, at * frequency) for name, (pair, at, *_) in arrows.items()}
    score = sum(a * b for a, b in zip(turned["query"], turned["key"], strict=True))
    reach = 1.15 * max(float(query.norm()), float(key.norm()))
    with style():
        for name, (pair, at, color, line) in arrows.items():
            ax.plot([0, float(pair[0])], [0, float(pair[1])], line, color=GRAY, alpha=0.45)
            (x, y) = turned[name]
            ax.plot([0, x], [0, y], line, color=COLORS[color], label=f"{name} at {at}")
            ax.plot(x, y, "o", color=COLORS[color])
        ax.set(
            xlim=(-reach, reach),
            ylim=(-reach, reach),
            aspect="equal",
            xlabel="first coordinate of the pair",
            ylabel="second coordinate",
            title=f"distance {query_at - key_at}: score {score:.2f}",
        )
        ax.legend(loc="lower left")
    angles = {name: math.degrees(math.atan2(y, x)) % 360 for name, (x, y) in turned.items()}
    arrows_said = " and ".join(
        f"{name} at position {arrows[name][1]} points to {angle:.0f} degrees"
        for name, angle in angles.items()
    )
    apart = abs((angles["query"] - angles["key"] + 180) % 360 - 180)
    describe(ax, f"Two arrows: {arrows_said}, {apart:.0f} degrees apart, product {number(score)}.")


def _turn(pair: Tensor, angle: float) -> tuple[float, float]:
    x, y = pair.tolist()
    cos, sin = math.cos(angle), math.sin(angle)
    return x * cos - y * sin, x * sin + y * cos


def pair_and_score(
    query: Tensor, key: Tensor, frequency: float, scores: Sequence[float], distance: int
) -> Axes:
    """Draw one turned pair of a query and a key, and beside it the score of the whole vectors.

    Args:
        query: The pair before turning `(2,)`.
        key: The pair before turning `(2,)`.
        frequency: Angle per position of this pair, in radians.
        scores: Of the whole vectors, with the key 0, 1, ... tokens before the query; the query
            stands at the last of these positions.
        distance: Which of them to mark.

    Returns:
        The left panel's axes.

    Raises:
        ValueError: If the key would stand before the text begins.
    """
    position = len(scores) - 1
    if not 0 <= distance <= position:
        raise ValueError(
            f"distance must be 0 to the query's position {position}, found {distance}."
        )
    left, right = new_axes(11.5, 5.0, ncols=2)
    _draw_pair(left, query, key, position, position - distance, frequency)
    with style():
        left.set_title(f"this pair: {frequency:.3g} rad a token")
        right.plot(range(position + 1), scores, color=COLORS["green"])
        right.plot(distance, scores[distance], "o", color=COLORS["vermillion"])
        right.set(
            xlabel="distance between query and key (tokens)",
            ylabel="score of the whole vectors",
            title=f"distance {distance}: score {scores[distance]:.3f}",
        )
    return left


def bias_heatmaps(bias: Tensor, heads: Sequence[int]) -> Axes:
    """Draw what ALiBi adds to the scores of some heads; the future stays empty.

    Args:
        bias: `(n_heads, T, T)`.
        heads: Which to draw, counted from 0.

    Returns:
        The first panel's axes.

    Raises:
        ValueError: If the bias is not `(n_heads, T, T)`.
    """
    if bias.ndim != 3 or bias.shape[1] != bias.shape[2]:
        raise ValueError(f"bias must have shape (n_heads, T, T), found {tuple(bias.shape)}.")
    panels = new_axes(4.2 * len(heads), 4.4, ncols=len(heads), squeeze=False)[0]
    future = bias.new_ones(bias.shape[1:]).triu(1).bool()
    low = float(bias[list(heads)].min())
    with style():
        for ax, head in zip(panels, heads, strict=True):
            seen = bias[head].masked_fill(future, math.nan)
            heatmap(ax, seen, low=low, high=0, colors="viridis", rows=8, columns=8, square=True)
            ax.set(xlabel="key (position)", ylabel="query (position)", title=f"head {head + 1}")
            last = bias[head, -1].tolist()
            ends = series("", range(len(last)), last[::-1], detail=1)
            describe(ax, f"Added to the score, by distance back: {ends} The future is empty.")
        colors = panels[-1].collections[0]
        panels[0].figure.colorbar(colors, ax=list(panels), label="added to the score", shrink=0.8)
    return panels[0]


def accuracy_by_position(
    tasks: Mapping[str, Mapping[str, Tensor]], trained: int, chance: Mapping[str, float]
) -> Axes:
    """Draw how accurate each scheme is at each position, inside and beyond the trained length.

    Args:
        tasks: For each task, a panel: for each scheme the accuracy of each seed `(S, T)`, NaN
            where a position is not judged. Lines are means, bands reach from worst to best seed.
        trained: The length of the training sequences, in tokens.
        chance: For each task, the accuracy of guessing.

    Returns:
        The first panel's axes.
    """
    panels = new_axes(6.0 * len(tasks), 4.8, ncols=len(tasks), squeeze=False, sharey=True)[0]
    with style():
        for ax, (task, schemes) in zip(panels, tasks.items(), strict=True):
            for scheme, accuracy in schemes.items():
                color, line, marker = _SCHEMES[scheme]
                where = range(accuracy.shape[1])
                low, high = accuracy.amin(0).tolist(), accuracy.amax(0).tolist()
                mean, look = accuracy.mean(0).tolist(), {"marker": marker, "markevery": 8}
                ax.plot(where, mean, line, color=COLORS[color], label=scheme, **look)
                ax.fill_between(where, low, high, color=COLORS[color], alpha=0.15, linewidth=0)
            ax.axvline(trained - 0.5, color=GRAY, linewidth=1.2)
            ax.axhline(chance[task], color=GRAY, linestyle="--", linewidth=1.2)
            ax.text(trained + 0.5, 1.04, "never trained →", color=GRAY, fontsize=12)
            ax.set(xlabel="position (tokens)", title=task, ylim=(0, 1.12))
            inside, beyond = (
                ", ".join(
                    f"{scheme} {number(accuracy[:, part].nanmean().item())}"
                    for scheme, accuracy in schemes.items()
                )
                for part in (slice(None, trained), slice(trained, None))
            )
            describe(
                ax,
                f"Mean accuracy up to position {trained}: {inside}. Beyond, never trained: "
                f"{beyond}. Guessing: {number(chance[task])}.",
            )
        panels[0].set_ylabel("accuracy (dashed grey: guessing)")
        panels[-1].legend(
            loc="lower left",
            bbox_to_anchor=(1.0, 0.2),
            title="mean of the seeds;\nband: all of them",
        )
    return panels[0]


def loss_against_gap(
    gaps: Sequence[int],
    schemes: Mapping[str, Tensor],
    first: float | Tensor,
    context: int,
    title: str,
) -> Axes:
    """Draw the loss on a repeated passage against the gap of positions before it.

    Args:
        gaps: Positions skipped between the two copies `(K,)`, at least 1.
        schemes: For each way to turn, at most four, the loss of each passage in nats a token
            `(P, K)`. Lines are means over the passages, bands reach from lowest to highest.
        first: Mean loss at first reading, in nats a token.
        context: The longest distance the model was configured for, marked by a line.
        title: Title of the figure.

    Raises:
        ValueError: If there are no schemes or more than four, or one has another shape.
    """
    looks = (("black", "o-"), ("purple", "s--"), ("green", "^-."), ("orange", "D-"))
    require_few(schemes, len(looks), "schemes")
    for name, losses in schemes.items():
        if losses.ndim != 2 or losses.shape[1] != len(gaps):
            raise ValueError(
                f"schemes must have shape (passages, {len(gaps)}), a column for each gap, found "
                f"{tuple(losses.shape)} for {name!r}."
            )
    ax = new_axes(8.2, 4.8)
    with style():
        for (name, losses), (color, marker) in zip(schemes.items(), looks, strict=False):
            ax.plot(gaps, losses.mean(dim=0).tolist(), marker, color=COLORS[color], label=name)
            low, high = losses.amin(dim=0).tolist(), losses.amax(dim=0).tolist()
            ax.fill_between(gaps, low, high, color=COLORS[color], alpha=0.12, linewidth=0)
        ax.axhline(float(first), color=GRAY, linestyle="--", linewidth=1.2, label="first reading")
        ax.axvline(context, color=GRAY, linestyle=":", label=f"context, {context:,} tokens")
        ax.set(
            xlim=(0, None),
            xlabel="gap between the two copies (positions skipped)",
            ylabel="loss on the second copy\n(nats a token)",
            title=title,
        )
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
