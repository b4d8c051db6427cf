"""Figures of how a text is chosen: the law that a rule samples from, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from coursekit.calibration import Interval
from coursekit.plots.checks import require_shape, require_values
from coursekit.plots.describing import describe, estimates, named
from coursekit.plots.heatmap import heatmap
from coursekit.plots.style import COLORS, GRAY, new_axes, style


def law_bars(
    words: Sequence[str],
    truth: Tensor,
    bent: Tensor,
    title: str,
    *,
    n_words: int = 10,
    order: Tensor | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the law that a rule samples from as bars, and the truth as marks beside them.

    Args:
        words: The vocabulary, V words.
        truth: True probabilities of the next word `(V,)`.
        bent: The probabilities it is drawn with `(V,)`.
        title: The rule.
        n_words: How many words to show, those first that the truth makes most probable.
        order: The ids of the words to show instead, from top to bottom.
        ax: Where to draw; a new figure without it.

    Raises:
        ValueError: A law does not have one probability for each word.
    """
    for name, law in (("truth", truth), ("bent", bent)):
        require_shape(law, (len(words),), name, "a probability for each word")
    order = _order(truth, bent, n_words) if order is None else order
    rows = range(len(order))
    ax = new_axes(7.5, 0.45 * len(order) + 1.8) if ax is None else ax
    with style():
        ax.barh(rows, bent[order].tolist(), color=COLORS["sky"], label="what is sampled")
        ax.plot(truth[order].tolist(), rows, "D", color=COLORS["vermillion"], label="the truth")
        ax.set_yticks(rows, [words[i] for i in order])
        ax.invert_yaxis()
        ax.set(xlim=(0, 1), xlabel="probability", ylabel="next word")
        ax.grid(visible=False, axis="y")
        ax.set_title(title)
        ax.legend(loc="lower right")
    shown = [(words[i], bent[i].item()) for i in order[:5].tolist()]
    true = [(words[i], truth[i].item()) for i in order[:5].tolist()]
    zero = int((bent[order] == 0).sum())
    describe(
        ax,
        f"Probability of the next word. Sampled: {named(shown)}. True: {named(true)}. "
        f"{zero} of the {len(order)} words shown are never sampled.",
    )
    return ax


def law_grid(words: Sequence[str], truth: Tensor, bent: Mapping[str, Tensor], title: str) -> Figure:
    """Draw `law_bars` for several rules side by side, on the same axes.

    Args:
        words: The vocabulary, V words.
        truth: True probabilities of the next word `(V,)`.
        bent: For each rule the probabilities that it samples with `(V,)`.
        title: What is being continued.
    """
    panels = new_axes(3.3 * len(bent) + 0.8, 5.2, ncols=len(bent), sharex=True, squeeze=False)[0]
    largest = max(law.max().item() for law in (truth, *bent.values()))
    order = _order(truth, torch.stack(list(bent.values())).mean(dim=0), 10)
    true = [(words[i], truth[i].item()) for i in order[:4].tolist()]
    told = f"Probabilities of the next word, of {len(order)} shown. True: {named(true)}. "
    for ax, (rule, law) in zip(panels, bent.items(), strict=True):
        law_bars(words, truth, law, rule, order=order, ax=ax)
        ax.set_xlim(0, 1.1 * largest)
        top = [(words[i], law[i].item()) for i in order[:4].tolist()]
        describe(ax, f"{told}Sampled: {named(top)}; {int((law[order] == 0).sum())} never.")
        told = ""
        if ax is not panels[0]:
            ax.set_ylabel("")
            ax.get_legend().remove()
    figure = panels[0].figure
    with style():
        figure.suptitle(title, x=0.01, horizontalalignment="left")
    return figure


def trade_off(curves: Mapping[str, Mapping[str, tuple[float, float]]], title: str) -> Axes:
    """Draw for several rules, each at several settings, its slips against its distance.

    Args:
        curves: For each rule, by the name of a setting, its distance from the truth and its slips,
            the forbidden words in 1,000; at most four rules.
        title: Title of the figure.

    Raises:
        ValueError: There are no rules, or more than four.
    """
    if not 0 < len(curves) <= 4:
        raise ValueError(f"curves must have one to four rules, found {len(curves)}.")
    ax = new_axes(9.5, 5.6)
    looks = zip(("blue", "orange", "green", "vermillion"), ("o-", "s--", "^-", "D--"), strict=True)
    told = []
    with style():
        for (rule, points), (color, mark) in zip(curves.items(), looks, strict=False):
            distance, slips = zip(*points.values(), strict=True)
            ax.plot(distance, slips, mark, color=COLORS[color], label=rule)
            for (setting, xy), up in zip(points.items(), (True, False) * len(points), strict=False):
                shift = (0, 8 if up else -18)
                ax.annotate(setting, xy, shift, textcoords="offset points", ha="center", size=10)
            each = ", ".join(f"{name} {x:.2f} and {y:.2g}" for name, (x, y) in points.items())
            told.append(f"{rule}: {each}.")
        ax.set_yscale("symlog", linthresh=0.1)
        ax.set(xlabel="distance from the truth (total variation)", ylabel="slips in 1,000 words")
        ax.set_xlim(left=0)
        ax.set_ylim(bottom=-0.02)
        ax.margins(y=0.1)
        ax.legend(loc="upper right")
        ax.set_title(title)
    describe(ax, f"Distance from the truth and slips in 1,000 words. {' '.join(told)}")
    return ax


def surprise_histogram(surprise: Tensor, marks: Mapping[str, float], title: str) -> Axes:
    """Draw how surprising whole texts are, and where single texts fall.

    Args:
        surprise: Of each text of a sample, in nats a word `(N,)`.
        marks: Name and surprise of single texts, at most four.
        title: Title of the figure.
    """
    ax = new_axes(8.5, 4.8)
    colors = [COLORS[name] for name in ("vermillion", "green", "purple", "black")]
    with style():
        ax.hist(
            surprise.tolist(), bins=25, color=COLORS["sky"], edgecolor="white", label="true texts"
        )
        for (name, value), color in zip(marks.items(), colors, strict=False):
            ax.axvline(value, color=color, linewidth=3, label=name)
        ax.set(xlabel="surprise of a text under the truth (nats a word)", ylabel="texts")
        ax.set_xlim(left=0)
        ax.legend(loc="upper left")
        ax.set_title(title)
    return ax


def decoding_panels(
    measures: Mapping[str, Mapping[str, Interval]], marked: str, title: str
) -> Figure:
    """Draw several measures of several rules: a panel a measure, a row a rule.

    Args:
        measures: For each measure, with its unit, the interval of each rule; the same rules in all.
        marked: The rule whose values a line marks in every panel.
        title: Title of the figure.

    Raises:
        ValueError: The measures do not have the same rules, or none is called `marked`.
    """
    rules = list(next(iter(measures.values())))
    for name, values in measures.items():
        if list(values) != rules or marked not in values:
            raise ValueError(
                f"measures[{name!r}] must have the rules {rules}, {marked!r} among them, found "
                f"{list(values)}."
            )
    panels = new_axes(
        3.4 * len(measures) + 1.6,
        0.5 * len(rules) + 2.0,
        ncols=len(measures),
        sharey=True,
        squeeze=False,
    )[0]
    with style():
        for ax, (name, values) in zip(panels, measures.items(), strict=True):
            ax.axvline(values[marked].estimate, color=GRAY, linestyle="--")
            for row, interval in enumerate(values.values()):
                ax.plot([interval.low, interval.high], [row, row], color=COLORS["blue"])
                ax.plot(interval.estimate, row, "o", color=COLORS["blue"])
            ax.set_xlabel(name)
            ax.grid(visible=False, axis="y")
            ax.margins(x=0.1)
            ax.xaxis.set_major_locator(MaxNLocator(4))
            describe(ax, f"{name}: {estimates(values)}")
        panels[0].set_yticks(range(len(rules)), rules)
        panels[0].set_ylabel("rule")
        panels[0].invert_yaxis()
        panels[0].figure.suptitle(title, x=0.01, horizontalalignment="left")
    return panels[0].figure


def report_matrix(ece: Mapping[str, Mapping[str, float]], title: str) -> Axes:
    """Draw the calibration error of several reports (columns) on several texts (rows).

    Args:
        ece: For each text, the error of each report; the same reports in all.
        title: Title of the figure.

    Raises:
        ValueError: The texts do not have the same reports.
    """
    reports = list(next(iter(ece.values())))
    if any(list(row) != reports for row in ece.values()):
        raise ValueError(
            f"ece must have the same reports of every text, {reports}, found {dict(ece)}."
        )
    values = torch.tensor([list(row.values()) for row in ece.values()])
    ax = new_axes(2.0 * len(reports) + 3.2, 0.9 * len(ece) + 2.2)
    heatmap(
        ax,
        values,
        low=0,
        high=0.2,
        colors="Oranges",
        texts=[[f"{value:.2f}" for value in line] for line in values.tolist()],
        rows=list(ece),
        columns=reports,
        annot_kws={"fontsize": 16},
    )
    with style():
        ax.set(xlabel="whose probabilities are reported", ylabel="whose text is predicted")
        ax.set_title(title)
    return ax


def panels_against_temperature(
    temperatures: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    fitted: float,
    title: str,
) -> Figure:
    """Draw several quantities against the temperature, one above the other.

    Args:
        temperatures: The ones tried, K of them.
        curves: For each quantity, with its unit, its K values.
        fitted: The temperature that calibration finds, marked in every panel.
        title: Title of the figure.

    Raises:
        ValueError: A quantity does not have one value for each temperature.
    """
    require_values(curves, len(temperatures), "curves", each="temperature")
    panels = new_axes(7.5, 2.4 * len(curves) + 0.8, nrows=len(curves), sharex=True, squeeze=False)
    panels = panels[:, 0]
    with style():
        for ax, (name, values) in zip(panels, curves.items(), strict=True):
            ax.plot(temperatures, values, "o-", color=COLORS["blue"])
            label = f"fitted on held-out text: T = {fitted:.2f}"
            ax.axvline(fitted, color=COLORS["vermillion"], linestyle="--", label=label)
            ax.set_ylabel(name)
        panels[0].legend(loc="upper right")
        panels[-1].set_xlabel("temperature T (the logits are divided by it)")
        panels[0].set_title(title)
    return panels[0].figure


def _order(truth: Tensor, law: Tensor, n_words: int) -> Tensor:
    """Ids of the most probable words; those that the truth forbids come last, sorted by `law`."""
    return (truth.double() + 1e-9 * law.double()).argsort(descending=True)[:n_words]
