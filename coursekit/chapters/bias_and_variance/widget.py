"""Widget about bias and variance: slide order, data and smoothing, see what errors are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets
from matplotlib.axes import Axes

from coursekit.chapters.bias_and_variance.figures import error_parts
from coursekit.plots import explore

#: From order, number of training sequences, smoothing and backoff to bias squared and variance.
Parts = Callable[[int, int, float, bool], tuple[float, float]]

ORDERS = range(6)


def order_view(
    parts: Parts, order: int, sequences: int, smoothing: float, backoff: bool, words: int = 64
) -> Axes:
    """Draw the two parts of the squared error of n-gram models of order 0 to 5, one framed.

    Args:
        parts: Gives bias squared and variance of a kind of model.
        order: The one to frame.
        sequences: On how many the models are trained.
        smoothing: How many words of evidence the prior is worth.
        backoff: Whether the prior is the next lower order, not the uniform law.
        words: In a sequence.

    Raises:
        ValueError: If the order is not drawn.
    """
    if order not in ORDERS:
        raise ValueError(f"order must be {ORDERS[0]} to {ORDERS[-1]}, found {order}.")
    bias, variance = zip(*(parts(k, sequences, smoothing, backoff) for k in ORDERS), strict=True)
    return error_parts(
        [str(k) for k in ORDERS],
        bias,
        variance,
        "order: words that the model looks at",
        "squared error of the law",
        f"{sequences * words:,} words, order {order}: {bias[order]:.3f} + {variance[order]:.3f} "
        f"= {bias[order] + variance[order]:.3f}",
        marked=order,
    )


def order_explorer(parts: Parts, sequences: Sequence[int] = (5, 20, 100, 500)) -> None:
    """Slide order, training sequences and smoothing, and choose the prior.

    Args:
        parts: As in `order_view`.
        sequences: Numbers of training sequences to choose from.
    """
    explore(
        lambda **choice: order_view(parts, **choice),
        order=ipywidgets.IntSlider(value=1, min=ORDERS[0], max=ORDERS[-1], description="order"),
        sequences=ipywidgets.SelectionSlider(
            options={f"{n}": n for n in sequences}, value=sequences[0], description="sequences"
        ),
        smoothing=ipywidgets.SelectionSlider(
            options=[0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0], value=1.0, description="smoothing"
        ),
        backoff=ipywidgets.Dropdown(
            options={"lower order": True, "uniform law": False}, value=True, description="prior"
        ),
    )
