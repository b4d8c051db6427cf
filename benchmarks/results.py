"""A million rows of results: our audit against pandas and scikit-learn, which give no intervals.

Run it as `python benchmarks/results.py [--rows 1000000]`. Each side is a process of its own, so
that its seconds of processor time and its peak memory are its own. Needs nothing but the course.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIDES = {
    "import only": """
import torch, pandas
from coursekit.audit.results import run
""",
    "ours": """
from coursekit.audit import audit_results
report = audit_results(PATH, group=["kind"], cluster=CLUSTER)
found = {name: of.estimate for name, of in report.metrics("results").items()}
bins = report.bins("results")  # theirs is the plain ECE, with what chance adds
found["ece"] = float((bins.confidence_sum - bins.correct_count).abs().sum() / bins.count.sum())
""",
    "pandas and scikit-learn": """
import numpy as np, pandas as pd
from sklearn.metrics import brier_score_loss, roc_auc_score
table = pd.read_csv(PATH)
table["correct"] = table["correct"].astype(str).str.lower() == "true"
def sums(part):
    place = np.minimum((part["confidence"] * 15).astype(int), 14)
    gap = (part["confidence"] - part["correct"]).groupby(place).sum()
    return {
        "accuracy": part["correct"].mean(),
        "confidence": part["confidence"].mean(),
        "ece": gap.abs().sum() / len(part),
        "brier": brier_score_loss(part["correct"], part["confidence"]),
        "auroc": roc_auc_score(part["correct"], part["confidence"]),
    }
found = sums(table)
groups = {kind: sums(part) for kind, part in table.groupby("kind")}
""",
}
END = """
import json, resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "seconds": used.ru_utime + used.ru_stime,
    "megabytes": used.ru_maxrss / 1024,
    "found": globals().get("found", {}),
}))
"""


def write(path: Path, rows: int) -> None:
    """Write a table of answers that are right a little less often than they are sure."""
    rng = np.random.default_rng(0)
    confidence = rng.beta(4, 2, rows).round(6)
    correct = rng.random(rows) < confidence - 0.05
    with path.open("w", encoding="utf-8") as file:
        file.write("id,document,kind,confidence,correct\n")
        kinds = ("sums", "places", "people", "plants")
        file.writelines(
            f"q{i},d{i // 5},{kinds[i % 4]},{c},{right}\n"
            for i, (c, right) in enumerate(zip(confidence.tolist(), correct.tolist(), strict=True))
        )


def main() -> None:
    """Print a row for each side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.csv"
        write(path, rows)
        print(f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB, four groups")
        measured = {}
        for name, code in SIDES.items():
            code = f"PATH, CLUSTER = {str(path)!r}, 'document'\n{code}{END}"
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            )
            measured[name] = json.loads(done.stdout)
            seconds, size = measured[name]["seconds"], measured[name]["megabytes"]
            print(f"{name:26} {seconds:6.1f} s of processor time, {size:6.0f} MB at most")
    ours, theirs = measured["ours"], measured["pandas and scikit-learn"]
    for part in ("seconds", "megabytes"):
        print(f"{part}: {ours[part] / theirs[part]:.2f} times theirs")
    for metric, value in theirs["found"].items():
        print(f"{metric}: differs by {abs(ours['found'][metric] - value):.1e}")


if __name__ == "__main__":
    main()
