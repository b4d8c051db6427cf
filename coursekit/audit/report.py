"""The report of an audit: numbers that a program can read again, and that say what they are.

A report is JSON of a stated version, sealed with a digest of its content, and checked against both
the seal and `schema.SCHEMA` whenever it is read. It holds no times, dates or paths: the same model,
data and seed give the same report to the last byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from coursekit._files import write_atomically
from coursekit.audit.schema import FORMAT, INTERVALS, VERSION, validate
from coursekit.audit.sealing import read_sealed, sealed
from coursekit.calibration import Interval, ReliabilityBins, wilson_interval
from coursekit.calibration.intervals import LEVEL
from coursekit.calibration.resampling import Resamples
from coursekit.calibration.sums import EDGES, N_BINS

FILE = "report.json"


@dataclass(frozen=True)
class Report:
    """What an audit found out about a model.

    Attributes:
        data: All of it, as in `report.json` but for the seal; `schema.SCHEMA` says what each entry
            is.

    Example:
        >>> gap = {"estimate": 0.1, "low": 0.02, "high": 0.2}
        >>> task = {"title": "Choices", "metrics": {"gap": gap}, "groups": {}}
        >>> report = Report({"model": {"name": "tiny"}, "tasks": {"choices": task}})
        >>> print(report.model, report.tasks, report.metrics("choices")["gap"])
        tiny ['choices'] 0.100 [0.020, 0.200]
    """

    data: dict[str, Any] = field(repr=False)

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.data["model"]["name"]

    @property
    def tasks(self) -> list[str]:
        """The tasks that were done, in order."""
        return list(self.data["tasks"])

    @property
    def notes(self) -> list[str]:
        """What a reader must be told, such as which rows of a file could not be read."""
        return list(self.data.get("notes", ()))

    def task(self, task: str) -> dict[str, Any]:
        """All that is said about one task.

        Raises:
            ValueError: If it was not done.
        """
        if task not in self.data["tasks"]:
            raise ValueError(f"task must be one of {', '.join(self.tasks)}, found {task!r}")
        return self.data["tasks"][task]

    def metrics(
        self, task: str, label: str | None = None, group: str | None = None
    ) -> dict[str, Interval]:
        """Return the metrics of a task by name, each an `Interval`; or those of one of its groups.

        Raises:
            ValueError: If there is no such task, label or group.
        """
        found = self.task(task)
        if label is not None:
            groups = found["groups"].get(label, {})
            if group not in groups:
                raise ValueError(
                    f"group must be one of {task} ({found_groups(found)}), found {group!r} of "
                    f"{label!r}"
                )
            found = groups[group]
        return as_intervals(found["metrics"])

    def groups(self, task: str, label: str) -> dict[str, dict[str, Interval]]:
        """Return the metrics of every group of a label, such as "kind"; empty if there are none."""
        groups = self.task(task)["groups"].get(label, {})
        return {name: as_intervals(group["metrics"]) for name, group in groups.items()}

    def temperature(self, task: str) -> Interval:
        """Return the temperature that suits the calibration half best."""
        return as_intervals(self._repair(task))["value"]

    def held_out(self, task: str, when: str) -> dict[str, Interval]:
        """Metrics of the held-out half: "before" or "after" the temperature, or their "change"."""
        if when not in ("before", "after", "change"):
            raise ValueError(f"when must be 'before', 'after' or 'change', found {when!r}")
        return as_intervals(self._repair(task)[when])

    def _repair(self, task: str) -> dict[str, Any]:
        """Return what was found of a temperature, which a file without all probabilities lacks."""
        found = self.task(task)
        if "temperature" not in found:
            raise ValueError(
                f"task {task!r} must have a temperature, found none: it needs the probabilities of "
                "all options"
            )
        return found["temperature"]

    def bins(self, task: str, after: bool = False) -> ReliabilityBins:
        """Return the bins of the reliability diagram; `after` those of the mended held-out half."""
        found = self.task(task)
        found = self._repair(task)["bins_after"] if after else found["bins"]
        return ReliabilityBins(
            edges=EDGES,
            count=torch.tensor(found["count"]),
            confidence_sum=torch.tensor(found["confidence_sum"], dtype=torch.float64),
            correct_count=torch.tensor(found["correct_count"]),
        )

    def points(self, task: str, merged: int = 1) -> tuple[ReliabilityBins, Tensor, Tensor]:
        """Return the bins of a task, and the ends of the 95 % intervals of their accuracies `(B,)`.

        Wilson's interval for as many independent outcomes as the resampled entities are worth.

        Args:
            task: Which one.
            merged: How many neighbouring bins become one, where the predictions are few: 1, 3, 5.

        Raises:
            ValueError: If it was not done, or the bins cannot be merged so.
        """
        if merged not in (1, 3, 5):
            raise ValueError(f"merged must be 1, 3 or 5, found {merged!r}")
        found, bins = self.task(task), _merged(self.bins(task), merged)
        table = torch.tensor(found["by_item"]["sums"], dtype=torch.float64)
        resamples = Resamples(found["by_item"]["entity"], seed=self.data["settings"]["seed"])
        _, totals = resamples.totals(table[:, : 2 * N_BINS])
        count, correct = totals.unflatten(1, (2, N_BINS // merged, merged)).sum(dim=-1).unbind(1)
        variance = torch.where(count > 0, correct / count, torch.nan)
        variance = (variance - bins.accuracy).square().nanmean(dim=0)
        alone = bins.accuracy * (1 - bins.accuracy)
        # Where all outcomes agree, resampling cannot tell, and each counts for itself.
        worth = torch.where(variance > 0, alone / variance, torch.inf)
        return bins, *wilson_interval(bins.accuracy, worth.minimum(bins.count.double()), LEVEL)

    def to_json(self) -> str:
        """Return the report as text, sealed; one line an entry, to be compared by eye."""
        return sealed(self.data)

    def save(self, folder: str | Path) -> Path:
        """Write `report.json`, whole or not at all; returns its path.

        Raises:
            OSError: If it cannot be written.
        """
        path = Path(folder) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, self.to_json())
        return path

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """Read a report: its file, or the folder that holds it.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If the file is damaged, no report, or of another version.
        """
        path = Path(path)
        path = path / FILE if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: found no such report; `python -m coursekit audit MODEL --output FOLDER` "
                "writes one"
            )
        return cls(
            read_sealed(
                path,
                form=FORMAT,
                version=VERSION,
                what="report of an audit",
                validate=validate,
                again="Audit the model again",
            )
        )


def _merged(bins: ReliabilityBins, size: int) -> ReliabilityBins:
    columns = (bins.count, bins.confidence_sum, bins.correct_count)
    count, confidence, correct = (column.unflatten(0, (-1, size)).sum(dim=1) for column in columns)
    return ReliabilityBins(bins.edges[::size], count, confidence, correct)


def as_intervals(numbers: dict[str, Any]) -> dict[str, Interval]:
    """Intervals from their form in JSON; what a later version added is left out.

    Example:
        >>> print(as_intervals({"ece": {"estimate": 0.1, "low": 0, "high": 0.2}, "new": 3})["ece"])
        0.100 [0.000, 0.200]
    """
    return {
        name: Interval(numbers[name]["estimate"], numbers[name]["low"], numbers[name]["high"])
        for name in INTERVALS
        if name in numbers
    }


def found_groups(task: dict[str, Any]) -> str:
    """Return the groups of a task, for a message."""
    return "; ".join(f"{label}: {', '.join(of)}" for label, of in task["groups"].items()) or "none"
