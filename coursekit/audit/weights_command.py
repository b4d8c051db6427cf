"""`python -m coursekit audit MODEL`: the calibration report of any causal language model.

It runs in many processes when it is started by `accelerate launch --multi_gpu --num_processes 2 -m
coursekit audit ...`, each with its own copy of the model; without GPUs, with the environment
variable ACCELERATE_USE_CPU=1. The processes share the work and write one report.
"""

from __future__ import annotations

import os
import sys
from argparse import Action, ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from coursekit._console import exit_code, say
from coursekit.audit import gate
from coursekit.audit.questions import require_names, tasks_of

if TYPE_CHECKING:
    from accelerate import PartialState

    from coursekit.audit import Report

DTYPES = ("float32", "bfloat16", "float16")


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add what weights alone take; returns it."""
    return [
        parser.add_argument(
            "--device",
            help="cpu, cuda, mps; auto spreads a large model over all (the best one)",
        ),
        parser.add_argument(
            "--dtype",
            choices=DTYPES,
            default="float32",
            help="precision of the weights (%(default)s)",
        ),
        parser.add_argument(
            "--batch-size", type=int, help="windows of text read at once (4 on a CPU, else 16)"
        ),
        parser.add_argument(
            "--save-calibrator",
            metavar="FILE",
            help="keep the temperature of the one task as JSON, if the held-out half gains by it",
        ),
        parser.add_argument(
            "--force", action="store_true", help="keep the calibrator even if nothing is gained"
        ),
    ]


def run(options: Namespace) -> int:
    """Audit a model as the command line says; returns the exit code."""
    require_names(options.tasks)
    from coursekit.audit import Repair
    from coursekit.audit.running import processes

    state = processes()

    def work() -> int:
        report, text = _audit(options, state)
        if not state.is_main_process:
            return 0
        say(text)
        code = gate.judge(options, {report.model: report})
        if options.save_calibrator is not None:  # whether there is a repair to keep or not
            calibrator = Repair.of(report, report.tasks[0])
            calibrator.save(options.save_calibrator, force=options.force)
            say(f"Written: {options.save_calibrator}, {calibrator}.")
        return code

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


def _audit(options: Namespace, state: PartialState) -> tuple[Report, str]:
    import torch

    from coursekit.audit import audit, page
    from coursekit.audit.run import Plan, require_free, require_writable, resumable
    from coursekit.llm.pretrained import load

    folder = Path(options.output)
    tasks = tasks_of(options)
    plan = Plan.of(tasks, options.limit, options.seed, options.batch_size)
    _require_one_repair(options, [task.name for task in plan.tasks])
    require_free(folder, options.resume)
    require_writable(folder, state.process_index)
    device = options.device
    if state.num_processes > 1:
        if device is not None:
            raise ValueError(
                "several processes choose their devices themselves, one model for each: leave out "
                "--device. (To spread one large model, start one process with --device auto.)"
            )
        device = state.device
    lm = load(options.subject, device=device, dtype=getattr(torch, options.dtype))
    with resumable():
        report = audit(
            lm,
            tasks=tasks,
            limit=options.limit,
            seed=options.seed,
            batch_size=options.batch_size,
            folder=folder,
            resume=options.resume,
        )
    text = f"{page.summary(report)}\n\nWritten: report.json and report.html in {folder}."
    if state.is_main_process:
        page.write_html(report, folder)
    return report, text


def _require_one_repair(options: Namespace, tasks: list[str]) -> None:
    """Find out before a model is loaded whether its repair can be kept."""
    if options.save_calibrator is None:
        if options.force:
            raise ValueError("--force is for --save-calibrator FILE: add it, or leave out --force")
        return
    if len(tasks) != 1:
        raise ValueError(
            f"--save-calibrator keeps the repair of one task, found {', '.join(tasks)}. Name one "
            "with --tasks; in Python, Repair.of(report, task).save(file) does it for each"
        )
    if not Path(options.save_calibrator).absolute().parent.is_dir():
        raise ValueError(
            f"--save-calibrator must name a file in a folder that exists, found "
            f"{options.save_calibrator}"
        )
