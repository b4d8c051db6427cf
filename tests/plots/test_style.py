from __future__ import annotations

import html

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbclient
import nbformat
import numpy as np
import pytest

from coursekit.plots import COLORS, GRAY, new_axes, show, style

NOTE = 'It rises, as "x" does.'
ALT = f"0 at 0, 1 at 1. {NOTE}"


def contrast(first, second):
    """Contrast ratio of two colours, WCAG 2.1, from 1 to 21."""

    def luminance(color):
        rgb = np.array(mpl.colors.to_rgb(color))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_style_ends_with_its_context():
    before = dict(mpl.rcParams)
    with style():
        assert mpl.rcParams["axes.labelsize"] >= 14
        assert not mpl.rcParams["axes.spines.top"]
    new_axes()
    assert dict(mpl.rcParams) == before


def test_new_axes_have_size_and_look():
    ax = new_axes(6, 4)
    assert ax.figure.get_size_inches().tolist() == [6, 4]
    assert ax.figure.dpi == 110
    assert not ax.spines["right"].get_visible()
    assert ax.get_xgridlines()[0].get_visible()


def test_new_axes_pass_on_the_arrangement():
    assert new_axes(nrows=2, ncols=3).shape == (2, 3)


def test_text_and_main_colours_stand_out_from_the_page():
    assert contrast(GRAY, "white") >= 4.5  # small text, WCAG 2.1 AA
    assert contrast(COLORS["blue"], "white") >= 3  # graphical objects


@pytest.mark.parametrize("as_axes", [True, False])
def test_show_closes_the_figure_and_says_what_it_is(as_axes, capsys):
    ax = new_axes()
    ax.plot([0, 1], [0, 1], "o-")
    number = ax.figure.number
    show(ax if as_axes else ax.figure, NOTE)
    assert not plt.fignum_exists(number)
    assert capsys.readouterr().out.strip() == f"Figure: {ALT}"


@pytest.mark.parametrize(
    ("figure", "note", "message"),
    [
        ("axes", None, "note must be a string, found NoneType"),
        ("text", NOTE, "figure must be a matplotlib Figure or Axes"),
    ],
)
def test_show_refuses(figure, note, message):
    with pytest.raises(TypeError, match=message):
        show(new_axes() if figure == "axes" else figure, note)


@pytest.fixture(scope="module")
def executed():
    """A notebook with one figure, executed by a real kernel."""
    code = (
        "from coursekit.plots import new_axes, show\n"
        "ax = new_axes(3, 2)\n"
        "ax.plot([0, 1], [0, 1], 'o-')\n"
        f"show(ax, note={NOTE!r})"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    return notebook


def test_alt_text_lands_in_the_notebook(executed):
    figures = [o for o in executed.cells[0].outputs if "image/png" in o.get("data", {})]
    assert len(figures) == 1  # and not once more when the cell ends
    assert figures[0].metadata["image/png"]["alt"] == ALT
    assert figures[0].data["text/plain"] == f"Figure: {ALT}"
    assert figures[0].data["text/html"].startswith(f'<img alt="{html.escape(ALT)}"')
