"""Turn a figure function into something that moves: a control for each argument."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets
from IPython.display import display
from matplotlib.axes import Axes

from coursekit.plots import show


def explore(draw: Callable[..., Axes], alt: str, **controls: ipywidgets.Widget) -> None:
    """Show controls, and under them a figure that is drawn anew whenever one of them moves.

    Args:
        draw: Takes the controls' values by name and returns the axes it drew.
        alt: What the figure shows, for those who cannot see it.
        **controls: One widget for each argument of `draw`.
    """
    for control in controls.values():
        # Redraw when the slider is let go, not at every pixel: a laptop keeps up.
        if hasattr(control, "continuous_update"):
            control.continuous_update = False
    figure = ipywidgets.interactive_output(lambda **values: show(draw(**values), alt), controls)
    display(ipywidgets.VBox([*controls.values(), figure]))
