"""How fast an audit reads on a GPU, and what half precision does to its numbers.

    python benchmarks/audit.py MODEL [--windows 256] [--limit 96]

MODEL is a folder or a name that `coursekit.llm.load` knows. First the tokens a second of
next-token scoring (forward pass and all sums of the audit), on the CPU in float32 and, where there
is a GPU, on it in float32, bfloat16 and float16: the best of three passes after one to warm up.
Then the same audit in each of them, and how far its numbers are from those of the CPU.
"""

from __future__ import annotations

import argparse
import gc
import time

import torch

from coursekit.audit import TASKS, Report, audit
from coursekit.llm import LanguageModel, load

CPU_WINDOWS = 2  # enough to time a processor
BATCH = {"cpu": 4, "cuda": 32}
SHOWN = ("accuracy", "confidence", "gap", "ece", "nll")
HALF = (torch.bfloat16, torch.float16)


def tokens_per_second(lm: LanguageModel, n_windows: int) -> float:
    """Tokens scored in a second, in batches as an audit reads them."""
    task = TASKS["prose"]
    items = task.items(lm, n_windows, seed=0)
    size = BATCH[lm.device.type]
    n_tokens = sum(len(item.content) - 1 for item in items)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        for place in range(0, len(items), size):
            task.read(lm, items[place : place + size], 0, 1.1)
        if lm.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return n_tokens / min(times[1:])


def precision_rows(reports: dict[str, Report], reference: str) -> list[str]:
    """One line a task and run: metrics, and how far the farthest is from the reference."""
    rows = []
    for task in reports[reference].tasks:
        base = reports[reference].metrics(task)
        for name, report in reports.items():
            found = report.metrics(task)
            values = "  ".join(f"{found[m].estimate:9.4f}" for m in SHOWN)
            off = max(abs(found[m].estimate - base[m].estimate) for m in SHOWN)
            temperature = report.temperature(task).estimate
            rows.append(f"{task:8} {name:14} {values}  {temperature:6.3f}  {off:.1e}")
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--windows", type=int, default=256, help="of 256 tokens, on the GPU")
    parser.add_argument("--limit", type=int, default=96, help="items of each task of the audit")
    parser.add_argument("--tasks", nargs="+", default=["prose", "code", "choices", "answers"])
    options = parser.parse_args()

    runs = [("cpu", torch.float32)]
    if torch.cuda.is_available():
        print(torch.cuda.get_device_name(), f"torch {torch.__version__}")
        runs += [("cuda", dtype) for dtype in (torch.float32, *HALF)]
    print(f"CPU threads: {torch.get_num_threads()}\n")

    speed: dict[str, float] = {}
    reports: dict[str, Report] = {}
    for device, dtype in runs:
        name = f"{device} {str(dtype).removeprefix('torch.')}"
        lm = load(options.model, device=device, dtype=dtype)
        windows = CPU_WINDOWS if device == "cpu" else options.windows
        speed[name] = tokens_per_second(lm, windows)
        ratio = speed[name] / speed["cpu float32"]
        line = f"{name:14} {speed[name]:10,.0f} tokens/s  {ratio:7.1f} times the CPU"
        start = time.perf_counter()
        reports[name] = audit(
            lm, options.tasks, options.limit, batch_size=BATCH[device], progress=False
        )
        line += f"  audit {time.perf_counter() - start:6.1f} s"
        if device == "cuda":
            line += f"  peak {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"
            torch.cuda.reset_peak_memory_stats()
        print(line, flush=True)
        del lm
        gc.collect()

    print(f"\n{'task':8} {'model':14} " + "  ".join(f"{m:>9}" for m in SHOWN) + "       T  largest")
    print("\n".join(precision_rows(reports, "cpu float32")))


if __name__ == "__main__":
    main()
