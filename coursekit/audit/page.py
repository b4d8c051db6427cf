"""A report of an audit for people: sentences and a table for the terminal, and one HTML file.

The file holds its figures, for light screens and for dark ones, each with a text for those who
cannot see it; nothing is loaded from anywhere, so it opens offline and can be sent by mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from coursekit._console import printable
from coursekit._files import write_atomically
from coursekit.audit import Report, TaskComparison
from coursekit.audit.assembling import predictions_of
from coursekit.audit.report import as_intervals
from coursekit.calibration import Interval, ReliabilityBins
from coursekit.calibration.sums import METRICS
from coursekit.plots import binned_diagrams, corp_diagram, interval_rows
from coursekit.plots.describing import description
from coursekit.plots.style import GRAY, data_address

FILE = "report.html"
MOST_CURVE = 5000  #: predictions; of more, a diagram without bins takes minutes
COLUMNS = ("accuracy", "confidence", "gap", "ece", "raw ece", "nll", "brier", "auroc")
#: What stands in a table of the page, beside `METRICS`.
WORDS = {
    "raw ece": "the ECE as other tools compute it: never zero, even for a calibrated model",
    "auroc": "how well confidence tells right answers from wrong ones",
}
#: Colours of text and lines for a dark page; those of the data stay.
_DARK: dict[Any, str] = {
    "text.color": "#ececec",
    "axes.labelcolor": "#ececec",
    "axes.edgecolor": "#b9bec6",
    "axes.titlecolor": "#ececec",
    "xtick.color": "#d5d8dd",
    "ytick.color": "#d5d8dd",
    "legend.labelcolor": "#ececec",
}


# --- sentences ------------------------------------------------------------------------------------


def verdict(report: Report, task: str) -> str:
    """One sentence about the calibration of a task, no bolder than its interval.

    Example:
        >>> gap = {"estimate": 0.1, "low": 0.02, "high": 0.2}
        >>> ece = {"estimate": 0.08, "low": 0.0, "high": 0.2}
        >>> task = {"title": "Sums", "metrics": {"gap": gap, "ece": ece}}
        >>> print(verdict(Report({"tasks": {"sums": task}}), "sums"))
        Sums: surer than it is right (+0.100 [+0.020, +0.200]). Its ECE alone would not show it:
        0.080 [0.000, 0.200].
    """
    metrics, title = report.metrics(task), printable(report.task(task)["title"])
    gap, ece = metrics["gap"], metrics["ece"]
    if 0 in gap:
        said = f"no gap between confidence and accuracy was detected ({gap:+.3f})"
    elif gap.estimate > 0:
        said = f"surer than it is right ({gap:+.3f})"
    else:
        said = f"less sure than it is right ({gap:+.3f})"
    if 0 not in ece:
        return f"{title}: {said}. ECE {ece}, more than chance explains."
    if 0 in gap:
        return f"{title}: {said}. ECE {ece}: chance alone may explain it."
    # The gap of all predictions together shows what its parts, bin by bin, are too few for.
    return f"{title}: {said}. Its ECE alone would not show it: {ece}."


def temperature_sentence(report: Report, task: str) -> str:
    """Return what the fitted temperature is, and what it did to the half that it did not see."""
    found = report.task(task)["temperature"]
    value, change = report.temperature(task), report.held_out(task, "change")["nll"]
    did = (
        "it changes the likelihood of the other half by no more than chance"
        if 0 in change
        else f"it makes the other half {'more' if change.estimate < 0 else 'less'} likely"
    )
    ends = " It lies at the end of the range that was searched." if found["at_end_of_range"] else ""
    return (
        f"Fitted on {found['calibration_items']} items, the temperature is {value:.2f}; {did} "
        f"({change:+.3f} nats).{ends}"
    )


def summary(report: Report) -> str:
    """Return the report as text for a terminal."""
    rows = [["", "items", "accuracy", "confidence", "gap", "ECE", "T"]]
    for task in report.tasks:
        found, metrics = report.task(task), report.metrics(task)
        rows.append(
            [
                printable(found["title"]),
                f"{found['items']:,}",
                f"{metrics['accuracy'].estimate:.3f}",
                f"{metrics['confidence'].estimate:.3f}",
                f"{metrics['gap']:+.3f}",
                f"{metrics['ece']}",
                f"{report.temperature(task):.2f}" if "temperature" in found else "",
            ]
        )
    sentences = [verdict(report, task) for task in report.tasks]
    sentences += [f"Note: {printable(note)}" for note in report.notes]
    heading = f"Calibration of {printable(report.model)}"
    return "\n".join([heading, "", *_aligned(rows), "", *sentences])


def comparison_summary(first: str, second: str, compared: Mapping[str, TaskComparison]) -> str:
    """Two reports as text for a terminal: what the second has more or less of than the first."""
    first, second = printable(first), printable(second)
    lines = [f"Second minus first, paired. First: {first}. Second: {second}.", ""]
    rows = [["", "", "first", "second", "difference", ""]]
    for found in compared.values():
        for place, (name, difference) in enumerate(found.difference.items()):
            rows.append(
                [
                    "" if place else printable(found.title),
                    name,
                    f"{found.first[name].estimate:.3f}",
                    f"{found.second[name].estimate:.3f}",
                    f"{difference:+.3f}",
                    "" if 0 in difference else "*",
                ]
            )
    note = "* the 95 % interval of the difference does not hold zero."
    return "\n".join([*lines, *_aligned(rows), "", note])


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


# --- HTML -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawn:
    """A figure as data addresses, for a light page and for a dark one."""

    light: str
    dark: str
    alt: str


def write_html(report: Report, folder: str | Path) -> Path:
    """Write `report.html`, whole or not at all; returns its path.

    Raises:
        OSError: If it cannot be written.
    """
    path = Path(folder) / FILE
    write_atomically(path, to_html(report))
    return path


def to_html(report: Report) -> str:
    """Return the report as one page that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("coursekit.audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tasks = report.tasks
    mended = [task for task in tasks if "temperature" in report.task(task)]
    return environment.get_template("audit.html.jinja").render(
        report=report,
        columns=COLUMNS,
        words=METRICS | WORDS,
        verdicts={task: verdict(report, task) for task in tasks},
        temperatures={task: temperature_sentence(report, task) for task in mended},
        overview=_drawn(lambda: overview(report)),
        figures={task: _figures(report, task) for task in tasks},
        all_tasks={report.task(task)["title"]: _cells(report, task) for task in tasks},
        held_out={task: _held_out(report, task) for task in mended},
        by_group={task: _by_group(report, task) for task in tasks},
        beside={task: _beside(report, task) for task in tasks if "beside" in report.task(task)},
    )


def excerpt(html: str, *sections: str) -> str:
    """Return sections of a page for a place within another one, such as a cell of a notebook.

    Text and tables are those of the page. Its figures are left out, which a notebook draws for
    itself, and so are its headings, links and styles, which would change the page around it.

    Args:
        html: What `to_html` gave.
        sections: Names of tasks, or "summary"; the summary alone by default.

    Raises:
        ValueError: If the page has no such section.

    Example:
        >>> page = '<h2 id="summary">In short</h2><p>Fine.</p><figure><img></figure></main>'
        >>> excerpt(page)
        '<p><strong>In short</strong></p><p>Fine.</p>'
    """
    _, *parts = re.split(r'<h2 id="([^"]*)">', html.partition("</main>")[0])
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    for section in sections:
        if section not in found:
            raise ValueError(f"sections must be some of {', '.join(found)}, found {section!r}")
    kept = "".join(f"<h2>{found[section]}" for section in sections or ("summary",))
    kept = re.sub(r'(?s)<figure.*?</figure>|<div class="side">.*?</div>', "", kept)
    kept = re.sub(r'(?s)<p class="of-figures">.*?</p>', "", kept)
    return re.sub(r"(?s)<h[23]>(.*?)</h[23]>", r"<p><strong>\1</strong></p>", kept).strip()


def overview(report: Report) -> Axes:
    """Return the gap of every task with its interval."""
    gaps = {report.task(task)["title"]: report.metrics(task)["gap"] for task in report.tasks}
    return interval_rows(
        gaps,
        "mean confidence minus accuracy (right of 0: surer than right)",
        "Where it is surer than it is right",
        reference=(0.0, "calibrated on average"),
    )


def _figures(report: Report, task: str) -> list[Drawn]:
    """Return the reliability diagram and, where each prediction was kept, the one without bins."""
    found = [_drawn(partial(_diagram, report, task))]
    table = torch.tensor(report.task(task)["by_item"]["sums"], dtype=torch.float64)
    if len(table) <= MOST_CURVE and report.task(task)["predictions"] == len(table):
        predictions = predictions_of(table)
        found.append(_drawn(lambda: corp_diagram(*predictions, "Without bins")))
    return found


def _diagram(report: Report, task: str) -> Axes:
    axes = binned_diagrams({report.task(task)["title"]: report.points(task)})
    ece = report.metrics(task)["ece"]
    axes.set_title(f"{axes.get_title('left')}\nECE without chance {ece}", loc="left")
    return axes


def _drawn(draw: Callable[[], Axes]) -> Drawn:
    axes = draw()
    alt = description(_figure_of(axes))
    _take_literally(_figure_of(axes))
    light = _transparent_image(axes)
    with plt.rc_context(_DARK):
        axes = draw()
    _take_literally(_figure_of(axes))
    _brighten(_figure_of(axes))
    return Drawn(light, _transparent_image(axes), alt)


def _take_literally(figure: Figure) -> None:
    """Let a name with dollar signs stand as it is: it is no formula."""
    for artist in figure.findobj(Text):
        artist.set_parse_math(False)


def _brighten(figure: Figure) -> None:
    """Let lines and notes in the background keep their place on a dark page."""
    artists: list[Any] = figure.findobj(lambda artist: isinstance(artist, Text | Line2D))
    for artist in artists:
        if str(artist.get_color()) == GRAY:
            artist.set_color("#b9bec6")
    for axes in figure.axes:
        for line in (*axes.get_xgridlines(), *axes.get_ygridlines()):
            line.set_color("#3d434b")


def _figure_of(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def _transparent_image(axes: Axes) -> str:
    figure = _figure_of(axes)
    image = BytesIO()
    # A transparent page shows through; no date or version, so that equal reports give equal files.
    figure.savefig(image, format="png", bbox_inches="tight", transparent=True, metadata={})
    plt.close(figure)
    return data_address(image.getvalue())


def _row(metrics: Mapping[str, Interval], raw: float | None = None) -> list[str]:
    signed = {"gap": "+.3f"}
    cells = []
    for column in COLUMNS:
        if column == "raw ece":
            cells.append("" if raw is None else f"{raw:.3f}")
        else:
            found = metrics.get(column)
            cells.append("" if found is None else format(found, signed.get(column, ".3f")))
    return cells


def _cells(report: Report, task: str) -> list[str]:
    return _row(report.metrics(task), _raw_ece(report.bins(task)))


def _raw_ece(bins: ReliabilityBins) -> float:
    return float((bins.weight * bins.gap.abs()).sum())


def _held_out(report: Report, task: str) -> dict[str, list[str]]:
    before = report.task(task)["temperature"].get("raw_ece_before")
    return {
        "before": _row(report.held_out(task, "before"), before),
        "after": _row(report.held_out(task, "after"), _raw_ece(report.bins(task, after=True))),
        "change": _row(report.held_out(task, "change")),
    }


def _beside(report: Report, task: str) -> dict[str, list[str]]:
    found = report.task(task)["beside"]
    sides = {
        words: _row(as_intervals(found[side]["metrics"]), found[side]["raw_ece"])
        for side, words in (("stated", "stated"), ("token", "probability of the tokens"))
    }
    return sides | {"tokens minus stated": _row(as_intervals(found["difference"]))}


def _by_group(report: Report, task: str) -> dict[str, dict[str, list[str]]]:
    return {
        label: {
            f"{group} ({groups[group]['items']})": _row(metrics, groups[group].get("raw_ece"))
            for group, metrics in report.groups(task, label).items()
        }
        for label, groups in report.task(task)["groups"].items()
    }
