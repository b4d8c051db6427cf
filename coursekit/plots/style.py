"""One look for every figure: large enough to project, and safe for colour-blind readers.

A figure function draws inside `with style():`, which leaves matplotlib's own settings as they
were, and a notebook shows the result with `show(axes)`, which describes what is drawn, so that
whoever cannot see the picture hears or reads what it says.
"""

from __future__ import annotations

import base64
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

import matplotlib.pyplot as plt
from cycler import cycler
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coursekit.plots.describing import description

#: Eight colours that people with any kind of colour vision can tell apart.
#: Reference: M. Okabe, K. Ito, "Color universal design", 2008.
COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "black": "#000000",
}

#: For what should stay in the background: reference lines, histograms, notes.
GRAY = "#6E6E6E"

#: Colour, marker and line of the curves of one figure, which differ without colour, too.
LOOKS = (
    ("blue", "o", "-"),
    ("vermillion", "s", "--"),
    ("green", "D", "-."),
    ("purple", "^", ":"),
    ("orange", "v", "-"),
)

_SETTINGS: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 13,
    "axes.labelsize": 14,
    "axes.titlesize": 15,
    "axes.titlelocation": "left",
    "axes.prop_cycle": cycler(color=list(COLORS.values())),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 12,
    "lines.linewidth": 2.2,
    "lines.markersize": 8,
}


def style() -> AbstractContextManager[None]:
    """Return a context in which whatever is drawn has the course's look.

    Example:
        >>> with style():
        ...     float(plt.rcParams["font.size"])
        13.0
    """
    return plt.rc_context(_SETTINGS)


def new_axes(width: float = 7.5, height: float = 5.0, **subplots: Any) -> Any:
    """Return the axes of a new figure in the course's look.

    Args:
        width: Of the figure, in inches.
        height: Of the figure, in inches.
        **subplots: Passed on to `matplotlib.pyplot.subplots`, such as `ncols=2`; then an array
            of axes is returned, as there.

    Example:
        >>> left, right = new_axes(8, 4, ncols=2)
        >>> new_axes(5, 3).figure.get_size_inches().tolist()
        [5.0, 3.0]
    """
    with style():
        _, axes = plt.subplots(figsize=(width, height), **subplots)
    return axes


def title_above_legend(ax: Axes, title: str, columns: int = 2, rows: int = 1) -> None:
    """Put the legend between the title and the axes, where it hides nothing.

    Args:
        ax: Axes with labelled artists.
        title: The title.
        columns: Entries side by side.
        rows: Lines to leave for the legend; panels side by side should leave the same.
    """
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1),
        ncols=columns,
        columnspacing=1.2,
        borderpad=0.2,
    )
    ax.set_title(title, pad=12 + 20 * rows)


def show(figure: Figure | Axes, note: str = "") -> None:
    """Display a figure in the notebook with a text for those who cannot see it, and close it.

    The text is made from what is drawn (`coursekit.plots.describing`), so it cannot be wrong. The
    output has three forms: HTML with the text as `alt`, which is what JupyterLab shows and reads
    aloud; the image alone, with the text in its metadata, for pages that cannot trust HTML; and
    the plain text, for a program that draws no images.

    Args:
        figure: A figure, or any of its axes.
        note: One more sentence, where what to see in the figure is more than its data.

    Raises:
        TypeError: If the first argument is no figure or axes, or the note no string.

    Example:
        >>> ax = new_axes(3, 2)
        >>> show(ax)  # doctest: +SKIP
    """
    drawn = figure.get_figure(root=True) if isinstance(figure, Axes) else figure
    if not isinstance(drawn, Figure):
        raise TypeError(
            f"figure must be a matplotlib Figure or Axes, found {type(figure).__name__}"
        )
    if not isinstance(note, str):
        raise TypeError(f"note must be a string, found {type(note).__name__}")
    text = " ".join(filter(None, (description(drawn), note.strip())))
    image = BytesIO()
    drawn.savefig(image, format="png", bbox_inches="tight")
    plt.close(drawn)
    display(_DescribedImage(image.getvalue(), text))


@dataclass(frozen=True)
class _DescribedImage:
    """A picture as IPython displays it: described in HTML, as an image alone, or as its text."""

    png: bytes
    alt: str

    def __repr__(self) -> str:
        # The word tells a comparison of outputs that these numbers were measured here.
        return f"Figure: {self.alt}"

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return self.png, {"alt": self.alt}

    def _repr_html_(self) -> str:
        return image_html(self.png, self.alt)


def image_html(png: bytes, alt: str) -> str:
    """Return a picture as HTML that needs no file, never wider than its place."""
    return f'<img alt="{escape(alt)}" style="max-width: 100%" src="{data_address(png)}">'


def data_address(png: bytes) -> str:
    """Return the address of a picture that carries the picture itself, for pages without files."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
