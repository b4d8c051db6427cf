"""`python -m coursekit audit`: the calibration report of any causal language model.

It runs in many processes when it is started by `accelerate launch --multi_gpu --num_processes 2 -m
coursekit audit ...`, each with its own copy of the model; without GPUs, with the environment
variable ACCELERATE_USE_CPU=1. The processes share the work and write one report.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

import torch
from accelerate import PartialState

from coursekit._console import exit_code, say
from coursekit.audit import Report, audit, compare
from coursekit.audit.page import comparison_summary, summary, write_html
from coursekit.audit.run import Plan, require_free
from coursekit.audit.running import processes
from coursekit.llm.pretrained import load

DTYPES = {name: getattr(torch, name) for name in ("float32", "bfloat16", "float16")}


def run(options: Namespace) -> int:
    """Audit or compare as the command line says; returns the exit code."""
    state = processes()

    def work() -> int:
        text = (_compare if options.compare else _audit)(options, state)
        if state.is_main_process:
            say(text)
        return 0

    code = exit_code(
        "audit", work, debug=getattr(options, "debug", False), speaks=state.is_main_process
    )
    if code and state.num_processes > 1:
        # The others wait for this one: leave at once, so that the launcher stops them.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    state.destroy_process_group()
    return code


def _audit(options: Namespace, state: PartialState) -> str:
    if options.model is None:
        raise ValueError("no model was named: give one, or --compare with two reports")
    folder = Path(options.output)
    Plan.of(options.tasks, options.limit, options.seed, options.batch_size)
    require_free(folder, options.resume)
    _require_writable(folder, state)
    device = options.device
    if state.num_processes > 1:
        if device is not None:
            raise ValueError(
                "several processes choose their devices themselves, one model for each: leave out "
                "--device. (To spread one large model, start one process with --device auto.)"
            )
        device = state.device
    lm = load(options.model, device=device, dtype=DTYPES[options.dtype])
    try:
        report = audit(
            lm,
            tasks=options.tasks,
            limit=options.limit,
            seed=options.seed,
            batch_size=options.batch_size,
            folder=folder,
            resume=options.resume,
        )
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(
            "Interrupted. Add --resume to the same command to go on."
        ) from interrupt
    if state.is_main_process:
        write_html(report, folder)
    return f"{summary(report)}\n\nWritten: report.json and report.html in {folder}."


def _compare(options: Namespace, state: PartialState) -> str:
    if options.model is not None:
        raise ValueError("--compare takes two reports and no model: audit the model first")
    first, second = (Report.read(path) for path in options.compare)
    return comparison_summary(
        f"{first.model} ({options.compare[0]})",
        f"{second.model} ({options.compare[1]})",
        compare(first, second, options.tasks),
    )


def _require_writable(folder: Path, state: PartialState) -> None:
    """Find out before a model is loaded whether there will be a place for its report."""
    probe = folder / f".writable.{state.process_index}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"cannot write into {folder}: {error.strerror or error}. Choose another --output"
        ) from error
