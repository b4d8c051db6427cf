"""Calibration side by side with its peers: the same numbers, on the same machine, in one process.

One thread; every peer gets the data in the type and container it is fastest with. All take turns
(A B C A B C ...), after a warm-up; times are medians of CPU time, ratios are to ours. The values
must agree before anything is timed: data are continuous, so no confidence lies on a border.

    python benchmarks/calibration.py [--subjects error temperature interval] [--rounds 21]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from netcal.metrics import ECE
from relplot.metrics import binnedECE
from sklearn.calibration import _TemperatureScaling, calibration_curve
from torch import Tensor
from torchmetrics.functional.classification import binary_calibration_error

from coursekit.calibration import (
    TemperatureScaling,
    bootstrap_interval,
    expected_calibration_error,
)
from coursekit.calibration._validation import as_generator
from coursekit.calibration.intervals import percentile_interval

N_BINS = 15


def cpu_seconds(rounds: int, works: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Median CPU seconds of each, taking turns; two rounds of warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 2):
        for name, work in works.items():
            start = time.process_time_ns()
            work()
            if turn >= 2:
                seconds[name].append((time.process_time_ns() - start) / 1e9)
    return {name: median(of_rounds) for name, of_rounds in seconds.items()}


def print_table(title: str, seconds: dict[str, float], values: dict[str, float]) -> None:
    """One line each: value, milliseconds, and the ratio to the first, which is ours."""
    ours = next(iter(seconds.values()))
    print(title)
    for name, of_name in seconds.items():
        print(
            f"  {name:32}{values[name]:>12.8f}{of_name * 1e3:>10.2f} ms{of_name / ours:>8.1f}",
            flush=True,
        )


def expected_error(rounds: int) -> None:
    """The ECE of a million predictions, 15 bins of equal width."""
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(1_000_000, generator=generator)
    correct = torch.rand(1_000_000, generator=generator) < confidence**1.5
    single, double = confidence.numpy(), confidence.double().numpy()
    outcome, outcome_double = correct.long().numpy(), correct.double().numpy()
    confidence_double, outcome_tensor = confidence.double(), correct.long()

    def scikit_learn() -> float:
        # The curve has no counts, which the ECE needs; one histogram is the least to add.
        accuracy, mean = calibration_curve(outcome, double, n_bins=N_BINS)
        count = np.histogram(double, N_BINS, (0, 1))[0]
        return float(np.abs(accuracy - mean) @ count[count > 0] / len(double))

    works: dict[str, Callable[[], float]] = {
        "ours, float32": lambda: expected_calibration_error(confidence, correct, N_BINS),
        "ours, float64": lambda: expected_calibration_error(confidence_double, correct, N_BINS),
        "relplot, float64": lambda: binnedECE(double, outcome_double, N_BINS),
        "relplot, float32": lambda: binnedECE(single, outcome_double, N_BINS),
        "torchmetrics, float32": lambda: binary_calibration_error(
            confidence, outcome_tensor, n_bins=N_BINS
        ).item(),
        "torchmetrics, not validated": lambda: binary_calibration_error(
            confidence, outcome_tensor, n_bins=N_BINS, validate_args=False
        ).item(),
        "scikit-learn's curve": scikit_learn,
        "netcal": lambda: ECE(N_BINS).measure(double, outcome),
        "a bare read (sum)": lambda: confidence.sum().item(),
    }
    values = {name: work() for name, work in works.items()}
    for name, value in values.items():
        if name != "a bare read (sum)":
            np.testing.assert_allclose(value, values["ours, float64"], atol=1e-5, err_msg=name)
    seconds = cpu_seconds(rounds, works)
    print_table("ECE of 1,000,000 predictions: value, median CPU time, ratio", seconds, values)


def logits_and_labels(n_rows: int, n_classes: int) -> tuple[Tensor, Tensor]:
    """Random logits `(N, C)` in float32, and labels drawn from them at a temperature of 1.7."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n_rows, n_classes, generator=generator).mul_(3)
    labels = [
        torch.multinomial(torch.softmax(rows / 1.7, dim=1), 1, generator=generator).squeeze(1)
        for rows in logits.split(1000)
    ]
    return logits, torch.cat(labels)


def slope_and_curvature(logits: Tensor, labels: Tensor, temperature: float) -> tuple[float, float]:
    """Derivatives of the mean NLL in ln T, in float64: how far a temperature is from the best."""
    slope = curvature = 0.0
    for rows, truth in zip(logits.split(500), labels.split(500), strict=True):
        scaled = rows.double() / temperature
        probs = torch.softmax(scaled, dim=1)
        mean = (probs * scaled).sum(dim=1)
        slope += (scaled.gather(1, truth[:, None]).squeeze(1) - mean).sum().item()
        curvature += (probs * (scaled - mean[:, None]).square()).sum().item()
    return slope / len(logits), curvature / len(logits)


def temperature(rounds: int) -> None:
    """Temperature scaling, for many classes and for a whole vocabulary."""
    for n_rows, n_classes in [(50_000, 1000), (2000, 49_152)]:
        logits, labels = logits_and_labels(n_rows, n_classes)
        table, truth, half = logits.numpy(), labels.numpy(), logits.half()
        works: dict[str, Callable[[], float]] = {
            "ours, float32": lambda z=logits, y=labels: TemperatureScaling().fit(z, y).temperature_,
            "ours, float16": lambda z=half, y=labels: TemperatureScaling().fit(z, y).temperature_,
            "scikit-learn, float32": lambda z=table, y=truth: (
                1 / _TemperatureScaling().fit(z, y).beta_.item()
            ),
        }
        values = {name: work() for name, work in works.items()}
        title = f"Temperature of {n_rows:,} x {n_classes:,} logits: T, median CPU time, ratio"
        print_table(title, cpu_seconds(max(1, rounds // 7), works), values)
        for name in ("ours, float32", "scikit-learn, float32"):
            slope, curvature = slope_and_curvature(logits, labels, values[name])
            print(
                f"  {name}: T off by {values[name] * abs(slope) / curvature:.1e}, "
                f"NLL above its minimum by {slope**2 / curvature / 2:.1e} nats"
            )


def interval_row_by_row(confidence: Tensor, correct: Tensor, groups: Tensor) -> tuple[float, float]:
    """The cluster bootstrap that the course began with: the rows of one resample after another."""
    rows, size = groups.argsort(stable=True), groups.bincount()
    start = size.cumsum(0) - size
    generator = as_generator(0)
    values = torch.empty(1000, dtype=torch.float64)
    for i in range(len(values)):
        drawn = torch.randint(len(size), (len(size),), generator=generator)
        drawn_size = size[drawn]
        first = start[drawn] - (drawn_size.cumsum(0) - drawn_size)
        places = first.repeat_interleave(drawn_size) + torch.arange(int(drawn_size.sum()))
        values[i] = expected_calibration_error(confidence[rows[places]], correct[rows[places]])
    interval = percentile_interval(0, values)
    return interval.low, interval.high


def grouped_interval(rounds: int) -> None:
    """The interval of the ECE of tokens of documents: 200,000 predictions in 500 groups."""
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(200_000, generator=generator)
    correct = torch.rand(200_000, generator=generator) < confidence**1.5
    groups = torch.randint(500, (200_000,), generator=generator)

    def ours() -> tuple[float, float]:
        found = bootstrap_interval(expected_calibration_error, confidence, correct, groups=groups)
        return found.low, found.high

    ends = {
        "ours": ours,
        "row by row": lambda: interval_row_by_row(confidence, correct, groups),
    }
    found = {name: work() for name, work in ends.items()}
    np.testing.assert_allclose(found["ours"], found["row by row"], rtol=0, atol=1e-12)
    seconds = cpu_seconds(
        max(1, rounds // 7), {name: lambda w=work: w()[0] for name, work in ends.items()}
    )
    title = "ECE interval of 200,000 predictions, 500 groups: lower end, median CPU time, ratio"
    print_table(title, seconds, {name: low for name, (low, _) in found.items()})


SUBJECTS: dict[str, Callable[[int], None]] = {
    "error": expected_error,
    "temperature": temperature,
    "interval": grouped_interval,
}


def main() -> None:
    """Run the subjects asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for subject in options.subjects:
        SUBJECTS[subject](options.rounds)


if __name__ == "__main__":
    main()
