"""A matrix as colours: seaborn's heat map in the course's look, with its numbers where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import seaborn
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.plots.style import style


def heatmap(
    ax: Axes,
    values: Tensor,
    *,
    low: float,
    high: float,
    colors: str = "Blues",
    label: str | None = None,
    texts: Sequence[Sequence[str]] | None = None,
    rows: Sequence[str] | int | None = None,
    columns: Sequence[str] | int | None = None,
    **settings: Any,
) -> Axes:
    """Draw a matrix: the first row on top, cell (i, j) centred on (j + 1/2, i + 1/2).

    Args:
        ax: Where to draw.
        values: `(R, C)`; NaN is left white.
        low: The value of the lightest colour (of the first, where there are two hues).
        high: The value of the other end.
        colors: A colour map.
        label: What the colours mean, beside a colour bar; without it there is none.
        texts: What is written into each cell, dark or light as its colour needs.
        rows: A name for each row; or their numbers, each second one for 2, some by default.
        columns: The same of the columns.
        **settings: Passed on to `seaborn.heatmap`.

    Example:
        >>> import torch
        >>> from coursekit.plots import new_axes
        >>> ax = heatmap(new_axes(3, 3), torch.eye(2), low=0, high=1, rows=["a", "b"])
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['a', 'b']
    """
    with style():
        seaborn.heatmap(
            values.numpy(force=True),
            ax=ax,
            vmin=low,
            vmax=high,
            cmap=colors,
            cbar=label is not None,
            annot=None if texts is None else [list(row) for row in texts],
            fmt="",
            xticklabels="auto" if columns is None else columns,
            yticklabels="auto" if rows is None else rows,
            **{"cbar_kws": {"label": label}} | settings if label else settings,
        )
        ax.grid(visible=False)
        ax.tick_params(axis="y", rotation=0)
    return ax
