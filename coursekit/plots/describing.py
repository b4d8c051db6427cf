"""What a figure says to those who cannot see it: sentences made from the data that it draws.

`description` reads the lines, bars and cells of any figure. A figure function that knows more of
its data, such as which points miss their interval, hands its own sentences to `describe`. So no
text can say what the figure does not show, and it changes with the data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.axes import Axes
from matplotlib.category import StrCategoryLocator
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter

from coursekit.calibration import Interval

#: A listener wants the gist: above this many characters, details are left out.
LONGEST = 600
#: A number in a description; another machine may differ in its last digit.
NUMBER = re.compile(r"(?:\bminus )?\d+(?:[.,]\d+)*(?:e-?\d+)?")

_SAID: WeakKeyDictionary[Axes, tuple[str, str]] = WeakKeyDictionary()


def describe(ax: Axes, text: str, brief: str | None = None) -> None:
    """Let a panel be described by these sentences, which a figure function made from its data.

    Args:
        ax: The panel.
        text: What it shows, without its title; empty if another panel's text says it all.
        brief: The same in fewer words, for a figure of many panels.

    Example:
        >>> from coursekit.plots import new_axes
        >>> ax = new_axes(3, 2)
        >>> describe(ax, "A clock that shows 3.")
        >>> description(ax.figure)
        'A clock that shows 3.'
    """
    full, short = (" ".join(said.split()) for said in (text, text if brief is None else brief))
    _SAID[ax] = (full, short)


def description(figure: Figure) -> str:
    """Return what a figure shows: title, axes, and the values of what is drawn, rounded.

    Args:
        figure: Drawn by a function of the course or by matplotlib alone.

    Example:
        >>> from coursekit.plots import new_axes
        >>> ax = new_axes(3, 2)
        >>> _ = ax.plot([1, 2, 3], [0.5, 0.25, 0.125], label="loss")
        >>> _ = ax.set(title="A training", xlabel="step", ylabel="nats")
        >>> print(description(ax.figure))
        A training. nats against step. loss: 0.5 at 1, 0.25 at 2, 0.125 at 3.
    """
    text = ""
    # Each time with fewer details, until it is short enough.
    for detail in (3, 2, 1, 0):
        text = _text(figure, detail)
        if _length(text) <= LONGEST:
            break
    return text


def number(value: float) -> str:
    """Write a number as it is read aloud: three digits, an integer below a million whole.

    Example:
        >>> [number(value) for value in (0.12345, -2, 8192, 12345.6, 0.0000123)]
        ['0.123', 'minus 2', '8,192', '12,300', '1.23e-5']
        >>> number(36_964_352)
        '37 million'
    """
    value = float(value)
    if not math.isfinite(value):
        return {math.inf: "infinite", -math.inf: "minus infinite"}.get(value, "undefined")
    size, sign = abs(value), "minus " if value < 0 else ""
    if size < 1e-13:
        return "0"
    if size < 1e6 and value.is_integer():
        return f"{sign}{size:,.0f}"
    rounded = float(f"{size:.3g}")
    for word, unit in (("billion", 1e9), ("million", 1e6)):
        if unit <= rounded < 1000 * unit:
            return f"{sign}{rounded / unit:.3g} {word}"
    if rounded < 1e-4 or rounded >= 1e12:
        digits, exponent = f"{rounded:.2e}".split("e")
        return f"{sign}{float(digits):g}e{int(exponent)}"
    return sign + f"{rounded:,.8f}".rstrip("0").rstrip(".")


def counted(n: int, what: str) -> str:
    """Return a number of things, such as "1 point" or "2 points".

    Example:
        >>> counted(1, "point"), counted(1200, "point")
        ('1 point', '1,200 points')
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def named(values: Mapping[str, float] | Sequence[tuple[str, float]], most: int = 8) -> str:
    """List names with their values; of many, the largest few and the smallest.

    Args:
        values: A value for each name; pairs, where two may have the same name.
        most: Up to so many are all listed.

    Example:
        >>> named({"Lima": 0.7, "Paris": 0.1})
        'Lima 0.7, Paris 0.1'
        >>> named({"a": 1, "b": 3, "c": 2}, most=2)
        '3 values, the largest b 3, the smallest a 1'
    """
    pairs = list(values.items() if isinstance(values, Mapping) else values)
    if len(pairs) > 2 and len({number(value) for _, value in pairs}) == 1:
        return f"{number(pairs[0][1])} for each of {len(pairs)}"
    if len(pairs) <= most:
        comma = "; " if any("," in name for name, _ in pairs) else ", "
        return comma.join(f"{_quoted(name)} {number(value)}" for name, value in pairs)
    ordered = sorted(pairs, key=lambda pair: -pair[1])
    top = named(ordered[: max(most // 2, 1)], most)
    last = named(ordered[-1:], most)
    return f"{len(pairs)} values, the largest {top}, the smallest {last}"


def estimates(rows: Mapping[str, Interval], most: int = 8) -> str:
    """List estimates, without their intervals.

    Example:
        >>> estimates({"easy": Interval(0.9, 0.8, 1.0), "hard": Interval(0.5, 0.4, 0.6)})
        'easy 0.9, hard 0.5.'
    """
    return f"{named({name: interval.estimate for name, interval in rows.items()}, most)}."


def with_ends(interval: Interval) -> str:
    """Write an estimate with the ends of its interval.

    Example:
        >>> with_ends(Interval(0.05, -0.01, 0.11))
        '0.05 (minus 0.01 to 0.11)'
    """
    ends = f"{number(interval.low)} to {number(interval.high)}"
    return f"{number(interval.estimate)} ({ends})"


def rows_of_intervals(
    rows: Mapping[str, Interval], reference: tuple[float, str] | None = None, most: int = 8
) -> str:
    """List estimates with the ends of their intervals, and how many of these miss a reference.

    Example:
        >>> rows = {"gap": Interval(0.05, 0.01, 0.09)}
        >>> rows_of_intervals(rows, (0.0, "calibrated"))
        'gap 0.05 (0.01 to 0.09). 1 of 1 intervals excludes calibrated, 0.'
    """
    if len(rows) <= most:
        comma = "; " if any("," in name for name in rows) else ", "
        said = comma.join(f"{_quoted(name)} {with_ends(value)}" for name, value in rows.items())
    else:
        said = estimates(rows, most)[:-1]
    if reference is None:
        return f"{said}."
    missed = sum(reference[0] not in interval for interval in rows.values())
    verb = "excludes" if missed == 1 else "exclude"
    return f"{said}. {missed} of {len(rows)} intervals {verb} {_name_and_value(*reference)}."


def series(
    name: str,
    x: Iterable[float],
    y: Iterable[float],
    names: Mapping[float, str] | None = None,
    detail: int = 3,
) -> str:
    """Say how values change: all of them where they are few, else ends, lowest and highest.

    Args:
        name: Of the line; may be empty.
        x: Where the values lie.
        y: The values; NaN and infinite ones are counted, not drawn.
        names: What stands at places of x instead of a number.
        detail: 3 for all, 2 for less of a line with one steep step, 1 for lowest and highest
            without their places, 0 for the ends alone.

    Example:
        >>> series("loss", [1, 2, 3, 4, 5, 6], [9, 7, 5, 3, 2, 2.5])
        'loss: from 9 at 1 to 2.5 at 6, lowest 2 at 5.'
        >>> series("loss", [1, 2, 3, 4, 5, 6], [9, 9, 9, 2, 2, 2])
        'loss: from 9 at 1 to 2 at 6, steepest from 9 at 3 to 2 at 4.'
    """
    xs, ys = np.asarray(list(x), dtype=float), np.asarray(list(y), dtype=float)
    shown = np.isfinite(xs) & np.isfinite(ys)
    hidden = f"; {counted(int((~shown).sum()), 'value')} undefined" if not shown.all() else ""
    xs, ys = xs[shown], ys[shown]

    def at(i: int) -> str:
        return f"{number(ys[i])} at {_place(xs[i], names)}"

    head = f"{_one_line(name)}: " if name else ""
    if not len(xs):
        return f"{head}no defined value."
    few = (2, 3, 5, 5)[detail]
    if len(xs) <= few:
        said = ", ".join(map(at, range(len(xs))))
    elif len(set(map(number, ys))) == 1:
        said = f"{number(ys[0])} from {_place(xs[0], names)} to {_place(xs[-1], names)}"
    else:
        said = f"from {at(0)} to {at(-1)}"
        step = int(np.abs(np.diff(ys)).argmax())
        steep = detail > 1 and abs(ys[step + 1] - ys[step]) > 0.5 * np.ptp(ys)
        ends = {number(ys[0]), number(ys[-1])}
        for word, i in (("lowest", int(ys.argmin())), ("highest", int(ys.argmax()))):
            if detail > 2 * steep and number(ys[i]) not in ends:
                said += f", {word} {at(i) if detail > 1 else number(ys[i])}"
        if steep:
            said += f", steepest from {at(step)} to {at(step + 1)}"
    return f"{head}{said}{hidden}."


def cloud(name: str, x: Iterable[float], y: Iterable[float]) -> str:
    """Say where many points lie.

    Example:
        >>> cloud("texts", [0, 1, 2], [3, 4, 8])
        'texts: 3 points, from 0 to 2 across and from 3 to 8 upward, mean 5.'
    """
    xs, ys = np.asarray(list(x), dtype=float), np.asarray(list(y), dtype=float)
    shown = np.isfinite(xs) & np.isfinite(ys)
    head = f"{_one_line(name)}: " if name else ""
    if not shown.any():
        return f"{head}no defined point."
    xs, ys = xs[shown], ys[shown]
    return (
        f"{head}{counted(len(xs), 'point')}, from {number(xs.min())} to {number(xs.max())} across "
        f"and from {number(ys.min())} to {number(ys.max())} upward, mean {number(ys.mean())}."
    )


def against_diagonal(
    stated: Sequence[float],
    found: Sequence[float],
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    *,
    names: str = "confidence and accuracy",
    most: int = 5,
) -> str:
    """Say how the points of a reliability diagram lie about its diagonal.

    Args:
        stated: Confidence of each point `(B,)`.
        found: Its accuracy `(B,)`.
        low: Lower ends of the intervals of the accuracies `(B,)`, if there are any.
        high: Upper ends `(B,)`.
        names: What is across and upward.
        most: Up to so many points are all listed.

    Example:
        >>> against_diagonal([0.9], [0.6])
        '1 point, confidence and accuracy: 0.9 and 0.6. 1 below the diagonal, 0 above.'
    """
    x, y = np.asarray(stated, dtype=float), np.asarray(found, dtype=float)
    below, above = int((y < x - 1e-9).sum()), int((y > x + 1e-9).sum())
    said = counted(len(x), "point")
    if not len(x):
        return "No point."
    if len(x) <= most:
        pairs = ", ".join(f"{number(a)} and {number(b)}" for a, b in zip(x, y, strict=True))
        said += f", {names}: {pairs}. "
    else:
        far = int(np.abs(y - x).argmax())
        ends = (f"{number(x[i])} and {number(y[i])}" for i in (0, -1))
        said += f", {names} from {' to '.join(ends)}"
        if most and far not in (0, len(x) - 1):
            said += f", largest gap at {number(x[far])} and {number(y[far])}"
        said += ". "
    said += f"{below} below the diagonal, {above} above"
    if low is not None and high is not None:
        missed = int(((np.asarray(low) > x) | (np.asarray(high) < x)).sum())
        said += f"; {missed} of {len(x)} intervals miss{'es' * (missed == 1)} it"
    return f"{said}."


def cells(values: np.ndarray, rows: Sequence[str], columns: Sequence[str], detail: int = 3) -> str:
    """Say what a matrix holds: its size, and each cell, or the extremes where there are many.

    Example:
        >>> cells(np.array([[1.0, 2.0], [3.0, np.nan]]), ["a", "b"], ["x", "y"])
        '2 rows by 2 columns. a: x 1, y 2; b: x 3, y undefined.'
    """
    said = f"{counted(values.shape[0], 'row')} by {counted(values.shape[1], 'column')}"
    if not np.isfinite(values).any():
        return f"{said}, no defined value."
    if values.size <= (12, 12, 16, 16)[detail]:
        lines = (
            f"{_one_line(row)}: {named(dict(zip(columns, line, strict=True)), 16)}"
            for row, line in zip(rows, values, strict=True)
        )
        return f"{said}. {'; '.join(lines)}."
    ends = []
    for word, flat in (("largest", np.nanargmax(values)), ("smallest", np.nanargmin(values))):
        i, j = divmod(int(flat), values.shape[1])
        where = f"row {_one_line(rows[i])}, column {_one_line(columns[j])}"
        ends.append(f"{word} {number(values[i, j])} at {where}")
    return f"{said}, {', '.join(ends)}."


# --- what matplotlib drew -------------------------------------------------------------------------


def _text(figure: Figure, detail: int) -> str:
    panels = [ax for ax in figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    told: dict[Axes, str] = {}
    for ax in panels:
        if ax in _SAID:
            text = _SAID[ax][0 if detail >= 2 else 1]
        else:
            text = _panel(ax, detail, axes_named=detail > 0 or not told)
        if text:
            told[ax] = text
    above = getattr(figure, "_suptitle", None)
    said = [_sentence(above.get_text())] if above is not None else []
    for name, (ax, text) in zip(_places(list(told)), told.items(), strict=True):
        title = _sentence(_title(ax))
        said.append(" ".join(part for part in (f"{name}:" if name else "", title, text) if part))
    return " ".join(filter(None, said)) or "An empty figure."


def _length(text: str) -> int:
    # A number counts the same however many digits it has: no machine may choose other words.
    return len(NUMBER.sub("0.000", text))


def _title(ax: Axes) -> str:
    return next(filter(None, (ax.get_title(loc=loc) for loc in ("left", "center", "right"))), "")


def _one_line(text: str) -> str:
    return " ".join(text.replace("$", "").replace("\\", "").split())


def _quoted(name: str) -> str:
    """Return a name that a number may follow."""
    name = _one_line(name)
    plain = name[-1:].isalpha() or (name.endswith(")") and "(" in name)
    return name if plain else f"'{name}'"


def _sentence(text: str) -> str:
    lines = "; ".join(filter(None, (_one_line(line).rstrip(",") for line in text.split("\n"))))
    lines = lines.replace(":; ", ": ")
    return lines + "." * bool(lines and lines[-1] not in ".?!…")


def _places(panels: Sequence[Axes]) -> list[str]:
    """Return what each panel is called, none where there is one."""
    boxes = [ax.get_subplotspec() for ax in panels]
    if len(panels) < 2:
        return [""] * len(panels)
    columns = [box.colspan.start if box is not None else -1 for box in boxes]
    rows = [box.rowspan.start if box is not None else -1 for box in boxes]
    if len(set(rows)) == 1 and columns == sorted(set(columns)) and len(panels) <= 3:
        return ["Left", "Middle", "Right"] if len(panels) == 3 else ["Left", "Right"]
    if len(set(columns)) == 1 and rows == sorted(set(rows)) and len(panels) <= 3:
        return ["Top", "Middle", "Bottom"] if len(panels) == 3 else ["Top", "Bottom"]
    return [f"{i} of {len(panels)}" for i in range(1, len(panels) + 1)]


def _tick_names(axis: Any) -> dict[float, str]:
    """Return the names that stand at places of an axis; none where its ticks are numbers."""
    locator, formatter = axis.get_major_locator(), axis.get_major_formatter()
    chosen = isinstance(locator, FixedLocator) and isinstance(
        formatter, FixedFormatter | FuncFormatter
    )
    if not chosen and not isinstance(locator, StrCategoryLocator):
        return {}
    places = [float(where) for where in np.asarray(locator())]
    ticks = zip(places, formatter.format_ticks(places), strict=True)
    return {where: _one_line(name) for where, name in ticks if name}


def _place(x: float, names: Mapping[float, str] | None) -> str:
    near = [name for where, name in (names or {}).items() if math.isclose(where, x, abs_tol=1e-9)]
    return near[0] if near else number(x)


def _label(artist: Any) -> str:
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") else label


def _panel(ax: Axes, detail: int, axes_named: bool = True) -> str:
    x_names, y_names = _tick_names(ax.xaxis), _tick_names(ax.yaxis)
    meshes = [c for c in ax.collections if isinstance(c, QuadMesh)]
    said = []
    for matrix in [*(_of_mesh(mesh) for mesh in meshes), *(_of_image(i) for i in ax.images)]:
        said.append(_matrix(ax, matrix, x_names, y_names, detail, centre=0.5 if meshes else 0.0))
    said += _bars(ax, x_names, y_names, detail)
    said += _lines(ax, x_names, y_names, detail)
    for c in ax.collections:
        if isinstance(c, PathCollection):
            where = np.asarray(np.ma.filled(c.get_offsets(), np.nan), dtype=float)
            said.append(cloud(_label(c), where[:, 0], where[:, 1]))
        elif isinstance(c, LineCollection) and _label(c):
            said.append(f"{_one_line(_label(c))}: {counted(len(c.get_segments()), 'stroke')}.")
        elif isinstance(c, PolyCollection) and _label(c) and not isinstance(c, QuadMesh):
            ends = np.concatenate([path.vertices for path in c.get_paths()])[:, 1]
            ends = ends[np.isfinite(ends)]
            if len(ends):
                span = f"from {number(ends.min())} to {number(ends.max())}"
                said.append(f"{_one_line(_label(c))}: a band {span}.")
    said += _reference_lines(ax)
    notes = [_one_line(text.get_text()) for text in ax.texts if re.search("[a-z]", text.get_text())]
    if detail and not meshes and 0 < len(notes) <= 3:
        said.append(f"Noted: {'; '.join(notes)}.")
    head = [_axes_named(ax)] if axes_named else []
    return " ".join(filter(None, [*head, *(said or ["Nothing is drawn."])]))


def _axes_named(ax: Axes) -> str:
    names = []
    for axis, label in ((ax.yaxis, ax.get_ylabel()), (ax.xaxis, ax.get_xlabel())):
        log = ", logarithmic" if axis.get_scale() == "log" and "log" not in label else ""
        names.append(_one_line(label) + log if label else "")
    upward, across = names
    if upward and across:
        return f"{upward} against {across}."
    return _sentence(upward or across)


def _of_mesh(mesh: QuadMesh) -> np.ndarray:
    values = np.ma.filled(np.ma.asarray(mesh.get_array()).astype(float), np.nan)
    corners = np.asarray(mesh.get_coordinates())
    return np.asarray(values).reshape(corners.shape[0] - 1, corners.shape[1] - 1)


def _of_image(image: Any) -> np.ndarray:
    values = np.asarray(np.ma.filled(np.ma.asarray(image.get_array()).astype(float), np.nan))
    return values if values.ndim == 2 else values.mean(axis=2)  # a photograph: its brightness


def _matrix(
    ax: Axes,
    values: np.ndarray,
    x_names: Mapping[float, str],
    y_names: Mapping[float, str],
    detail: int,
    centre: float,
) -> str:
    rows = [_place(i + centre, y_names) if y_names else str(i + 1) for i in range(len(values))]
    columns = [
        _place(j + centre, x_names) if x_names else str(j + 1) for j in range(values.shape[1])
    ]
    meaning = next((bar.get_ylabel() for bar in _colour_bars(ax)), "")
    of = f" of {_one_line(meaning)}" if meaning else ""
    return f"Heat map{of}: {cells(values, rows, columns, detail)}"


def _colour_bars(ax: Axes) -> list[Axes]:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return [bar for bar in figure.axes if bar.get_label() == "<colorbar>"]


def _bars(
    ax: Axes, x_names: Mapping[float, str], y_names: Mapping[float, str], detail: int
) -> list[str]:
    said = []
    for container in ax.containers:
        if not isinstance(container, BarContainer) or not container.patches:
            continue
        bars = container.patches
        flat = container.orientation == "horizontal"
        starts = np.array([bar.get_y() if flat else bar.get_x() for bar in bars])
        widths = np.array([bar.get_height() if flat else bar.get_width() for bar in bars])
        values = np.array([bar.get_width() if flat else bar.get_height() for bar in bars])
        names = y_names if flat else x_names
        name = _one_line(_label(container) or _label(bars[0]))
        touch = np.allclose(starts[1:], (starts + widths)[:-1])
        if len(bars) > 4 and touch and not names:
            said.append(_histogram(name, starts, widths, values))
            continue
        middles = starts + widths / 2
        if names:
            pairs = [(_place(m, names), v) for m, v in zip(middles, values, strict=True)]
            said.append(f"{name or 'Bars'}: {named(pairs, (5, 8, 12, 12)[detail])}.")
        else:
            said.append(series(name or "Bars", middles, values, detail=detail))
    return said


def _histogram(name: str, starts: np.ndarray, widths: np.ndarray, heights: np.ndarray) -> str:
    used = np.flatnonzero(heights > 0)
    what = f"Histogram of {name}" if name else "Histogram"
    if not len(used):
        return f"{what}: no values."
    top = int(heights.argmax())
    first, last = starts[used[0]], starts[used[-1]] + widths[used[-1]]
    return (
        f"{what}: {number(heights.sum())} in all, from {number(first)} to {number(last)}, most, "
        f"{number(heights[top])}, between {number(starts[top])} and "
        f"{number(starts[top] + widths[top])}."
    )


def _lines(
    ax: Axes, x_names: Mapping[float, str], y_names: Mapping[float, str], detail: int
) -> list[str]:
    caps = {id(line) for c in ax.containers if isinstance(c, ErrorbarContainer) for line in c[1]}
    labels = {
        id(c[0]): _label(c) for c in ax.containers if isinstance(c, ErrorbarContainer) and c[0]
    }
    groups: dict[tuple[str, str], list[Line2D]] = {}
    last: dict[str, str] = {}
    for line in ax.get_lines():
        if id(line) in caps or _reference(ax, line) or not len(np.atleast_1d(line.get_xdata())):
            continue
        color = to_hex(line.get_color())
        name = labels.get(id(line)) or _label(line)
        if not name and _is_stroke(line):
            continue
        name = name or last.get(color, "")
        last[color] = name
        groups.setdefault((color, name), []).append(line)
    named_all = any(name for _, name in groups)
    said = []
    for (_, name), lines in groups.items():
        if named_all and not name and len(groups) > 4:
            continue
        said.append(_runs(name, lines, x_names, y_names, detail))
    return said


def _is_stroke(line: Line2D) -> bool:
    """Whether a line is an interval through a point, or the diagonal, and no data of its own."""
    x, y = np.asarray(line.get_xdata(orig=False)), np.asarray(line.get_ydata(orig=False))
    if len(x) != 2 or line.get_marker() not in ("None", None, "", " "):
        return False
    return bool(x[0] == x[1] or y[0] == y[1] or (x == y).all())


def _runs(
    name: str,
    lines: Sequence[Line2D],
    x_names: Mapping[float, str],
    y_names: Mapping[float, str],
    detail: int,
) -> str:
    xs = [np.asarray(line.get_xdata(orig=False), dtype=float) for line in lines]
    ys = [np.asarray(line.get_ydata(orig=False), dtype=float) for line in lines]
    x, y = np.concatenate(xs), np.concatenate(ys)
    head = f"{_one_line(name)}: " if name else ""
    if y_names and all(line.get_linestyle() == "None" for line in lines):
        where = [_place(value, y_names) for value in y]
        if len(set(where)) == len(where):
            return f"{head}{named(list(zip(where, x, strict=True)), (5, 8, 12, 12)[detail])}."
    if len(x) == 1:
        return f"{head}{number(y[0])} at {_place(x[0], x_names)}."
    if len(lines) > 1 and len({len(part) for part in xs}) == 1 and len(xs[0]) > 1:
        shown = sorted({0, len(xs[0]) // 2, len(xs[0]) - 1})
        spans = ", ".join(
            f"{number(min(part[i] for part in ys))} to {number(max(part[i] for part in ys))} at "
            f"{_place(xs[0][i], x_names)}"
            for i in shown
        )
        return f"{head}{len(lines)} lines, {spans}."
    if all(line.get_linestyle() == "None" for line in lines) and len(x) > 5:
        ordered = len(set(x)) == len(x) <= 40 and bool((np.diff(x) > 0).all())
        return series(name, x, y, x_names, detail) if ordered else cloud(name, x, y)
    return series(name, x, y, x_names, detail)


def _reference(ax: Axes, line: Line2D) -> str:
    """Return which axis a line crosses everywhere at one value, or nothing."""
    of_x, of_y = line.get_transform().contains_branch_seperately(ax.transData)
    if of_x == of_y:
        return ""
    return "x" if of_x else "y"


def _reference_lines(ax: Axes) -> list[str]:
    said = []
    for line in ax.get_lines():
        axis = _reference(ax, line)
        if axis and _label(line):
            data = line.get_xdata() if axis == "x" else line.get_ydata()
            where = _name_and_value(float(np.atleast_1d(data)[0]), _label(line))
            said.append(f"A line marks {where}.")
    return said


def _name_and_value(value: float, name: str) -> str:
    """Return a name with its value, once: many labels hold it already."""
    forms = (".0f", ",.0f") if value.is_integer() else ()
    known = any(f"{value:{form}}" in name for form in (".1f", ".2f", ".3f", *forms))
    return _one_line(name) if known else f"{_one_line(name)}, {number(value)}"
