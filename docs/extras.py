"""What the site holds beside its pages: old addresses, a card for links, a text for models.

None of them is a page that Sphinx makes: they are written into the folder that it has built.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import nbformat

#: Notebooks that bear another number now. An old address leads to the new page.
MOVED = {
    "14_applications": "15_applications",
    "15_safety_and_limits": "16_safety",
    "16_audit_your_model": "20_audit_your_model",
}
#: The card that a chat or a feed shows beside a link to the site, as wide and high as they want it.
CARD, CARD_SIZE = "_static/card.png", (1200, 630)

REDIRECT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>This page has moved</title>
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="0; url={target}">
<p>This page has moved: <a href="{target}">{name}</a>.</p>
</html>
"""


def write_redirects(site: Path, folder: str) -> list[str]:
    """Write a page at each old address in a folder whose new page is there; return their names."""
    written = []
    for old, new in MOVED.items():
        if (site / folder / f"{new}.html").is_file():
            page = REDIRECT.format(target=f"{new}.html", name=escape(new))
            (site / folder / f"{old}.html").write_text(page, encoding="utf-8")
            written.append(old)
    return written


def opening(notebook: Path) -> tuple[str, list[str]]:
    """Return the title of a notebook, and what its reader will be able to do."""
    first = nbformat.read(notebook, as_version=4).cells[0].source
    aims = first.partition("**You will be able to**")[2].partition("\n\n")[0]
    items = [" ".join(item.split()).rstrip(";.") for item in re.split(r"^- ", aims, flags=re.M)[1:]]
    return first.partition("\n")[0].lstrip("# "), items


def llms(notebooks: list[Path], pages: list[Path]) -> str:
    """Return llms.txt: what the course is and where each part lies, for a model that reads it.

    Its form is that of https://llmstxt.org.
    """
    lines = [
        "# Large language model calibration: a course that runs",
        "",
        "> Jupyter notebooks and the tested PyTorch package `coursekit`, from a string of text to",
        "> a probability you can trust. A language model is built, calibration is defined, a real",
        "> model is measured, and any other can be audited. Every number was computed by the",
        "> notebook that shows it; claims.html says how firmly each conclusion holds.",
        "",
        "The package is installed from the repository; on PyPI the name `coursekit` is not ours.",
        "",
        "## Notebooks",
        "",
    ]
    for path in notebooks:
        title, aims = opening(path)
        lines.append(f"- [{title}](notebooks/{path.stem}.html): {'; '.join(aims)}.")
    lines += ["", "## Pages", ""]
    for page in pages:
        heading = re.search(r"^# (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
        lines.append(f"- [{heading[1] if heading else page.stem}]({page.stem}.html)")
    return "\n".join(lines) + "\n"


def draw_card(path: Path) -> None:
    """Draw the card: what the course is, and the diagram of a model that is surer than right."""
    import matplotlib.pyplot as plt
    import numpy as np

    blue, orange, ink = "#0072b2", "#d55e00", "#1a1a2e"
    figure = plt.figure(
        figsize=(CARD_SIZE[0] / 100, CARD_SIZE[1] / 100), dpi=100, facecolor="white"
    )
    for height, words in ((0.77, "Large language model"), (0.66, "calibration")):
        figure.text(0.05, height, words, fontsize=32, weight="bold", color=ink)
    figure.text(0.05, 0.55, "a course that runs", fontsize=24, color=blue)
    promise = "From a string of text\nto a probability you can trust,\nlive on your laptop."
    figure.text(0.05, 0.22, promise, fontsize=20, color=ink, linespacing=1.5)
    axes = figure.add_axes((0.62, 0.19, 0.34, 0.34 * CARD_SIZE[0] / CARD_SIZE[1]))
    confidence = np.arange(0.05, 1, 0.1)
    accuracy = confidence**1.7
    axes.plot([0, 1], [0, 1], color=ink, linestyle="--", linewidth=2)
    axes.vlines(confidence, accuracy, confidence, color=orange, linewidth=4, alpha=0.5)
    axes.plot(confidence, accuracy, "o", color=blue, markersize=12)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    axes.tick_params(labelsize=16)
    axes.set_xlabel("how sure it is", fontsize=18)
    axes.set_ylabel("how often it is right", fontsize=18)
    figure.savefig(path)
    plt.close(figure)
