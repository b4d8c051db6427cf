"""Twenty deliberate faults, one in a copy of the package at a time: some test notices each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Module, what it says, and what it says instead; the tests of the same name should notice.
FAULTS = [
    ("calibration/errors", "/ (bins.count - 1)", "/ (bins.count - 0)"),
    ("calibration/intervals", "z**2 / 4).sqrt()", "z**2 / 2).sqrt()"),
    ("calibration/smooth", "/ (n * (n - 1))", "/ (n * n)"),
    ("calibration/selective", "confidence >= sel", "confidence > sel"),
    ("calibration/conformal", "(len(of_truth) + 1) * s", "len(of_truth) * s"),
    ("calibration/bins", "(self.confidence_sum -", "(-self.confidence_sum +"),
    ("calibration/comparisons", "(1 + as_large) / (1 +", "as_large / (0 +"),
    ("calibration/calibrators/temperature", "(logits / self", "(logits * self"),
    ("lm/attention", "position <= position[", "position < position["),
    ("lm/positional", "(-8.0 * torch", "(-7.0 * torch"),
    ("lm/generation", ".cumsum(dim=-1) <= 1 - p", ".cumsum(dim=-1) <= p"),
    ("lm/optimization", "(step + 1) / config", "step / config"),
    ("lm/tokenization", "i + 1 < len(ids)", "i + 2 < len(ids)"),
    ("llm/choice_scores", "return scores - prior", "return scores + prior"),
    ("llm/clusters", "-sum(p * math.log(p)", "-sum(p * math.log2(p)"),
    ("llm/next_token", "torch.arange(1, length + 1)", "torch.arange(length)"),
    ("data/questions", 'if words[:1] == ["the"]', 'if words[:1] == ["a"]'),
    ("exercises/_comparing", "<= reach", "<= 2 * reach"),
    ("lesson", "abs(value - bound) <=", "0 + (value - bound) <="),
    ("progress", '0 <= entry["prob', '-1 <= entry["prob'),
]


def mirror_of(module: str) -> Path:
    """Where the tests of a module stand."""
    folder, _, name = module.rpartition("/")
    return ROOT / "tests" / folder / f"test_{name.strip('_')}.py"


@pytest.mark.slow
@pytest.mark.parametrize(("module", "right", "wrong"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_deliberate_fault_is_noticed(module, right, wrong, tmp_path):
    package = tmp_path / "coursekit"
    shutil.copytree(ROOT / "coursekit", package, ignore=shutil.ignore_patterns("__pycache__"))
    source = package / f"{module}.py"
    source.write_text(source.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
    # -P: the package is taken from the copy, not from the folder where we are.
    command = [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, str(mirror_of(module))],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "\nFAILED " in done.stdout, done.stdout  # and not: ERROR, at import


@pytest.mark.parametrize(("module", "right", "wrong"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_deliberate_fault_has_its_place(module, right, wrong):
    text = (ROOT / "coursekit" / f"{module}.py").read_text(encoding="utf-8")
    assert text.count(right) == 1
    assert wrong not in text
    assert mirror_of(module).exists()
