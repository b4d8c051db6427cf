"""Settings of the whole test session, notebooks included: what runs where, and what first.

`pytest` shares the files among workers, one a core and each of one thread: together they do more
than one process of several threads. A file stays in one worker, so a notebook has one kernel. Files
named one by one run in this process, as everything does with `-n 0`, `-s` or `--pdb`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from coursekit.llm import LanguageModel

# A test must never write into the learner's own progress. Notebook kernels inherit this.
os.environ["COURSEKIT_PROGRESS"] = os.path.join(tempfile.mkdtemp(), "progress.json")
# What is printed is compared in English, wherever the tests run.
os.environ["COURSEKIT_LANGUAGE"] = "en"

#: The files that take longest, the longest first: they start first, so that at the end no worker
#: is left alone with one of them. The other test files together are `-m quick`.
LONGEST_FIRST = (
    "notebooks/15_applications.ipynb",
    "notebooks/12_multiple_choice.ipynb",
    "notebooks/13_free_form_answers.ipynb",
    "notebooks/17_limits.ipynb",
    "notebooks/18_training_for_calibration.ipynb",
    "notebooks/19_judges_and_decisions.ipynb",
    "notebooks/09_bias_and_variance.ipynb",
    "notebooks/20_audit_your_model.ipynb",
    "notebooks/11_next_token_calibration.ipynb",
    "notebooks/14_knowing_when_to_be_silent.ipynb",
    "notebooks/05_maximum_likelihood.ipynb",
    "notebooks/10_calibration_methods.ipynb",
    "notebooks/06_generation.ipynb",
    "tests/browser/test_jupyterlab.py",
    "tests/teaching/test_grading.py",
    "tests/site/test_in_browser.py",
    "tests/site/test_slides.py",
    "tests/exercises/test_all_exercises.py",
    "tests/exercises/test_adversaries.py",
    "tests/llm/test_embedded.py",
    "tests/audit/test_command.py",
    "tests/notebooks/test_rules.py",
    "tests/lm/test_gpt.py",
    "tests/lm/test_training_on_languages.py",
    "tests/audit/test_run.py",
    "tests/faults/test_audits.py",
    "tests/lm/test_training.py",
    "tests/faults/test_checkpoints.py",
    "tests/calibration/test_streaming.py",
    "tests/exercises/test_running.py",
    "tests/llm/test_choices.py",
    "tests/lm/test_generation.py",
    "tests/test_train_command.py",
    "tests/lm/test_tokenization.py",
    "tests/data/test_languages_base.py",
    "tests/calibration/calibrators/test_interface.py",
    "tests/calibration/test_resampling.py",
    "tests/llm/test_answers.py",
    "tests/llm/test_next_token.py",
    "tests/data/test_ordering.py",
    "tests/audit/test_tasks.py",
    "tests/audit/test_page.py",
    "tests/audit/test_comparison.py",
    "tests/plots/test_style.py",
    "tests/site/test_site.py",
    "tests/claims/test_ledger.py",
    "tests/audit/served/test_misbehaving.py",
    "tests/served/test_llama_cpp.py",
    "tests/audit/served/test_measuring.py",
    "tests/calibration/test_ece_intervals.py",
    "tests/exercises/test_engine.py",
    "tests/plots/test_describing_figures.py",
    "tests/data/tasks/test_summarization.py",
    "tests/data/test_facts_controls.py",
    "tests/chapters/multiple_choice/test_widget.py",
    "tests/llm/test_chats.py",
    "tests/audit/test_results.py",
    "tests/audit/test_questions.py",
    "tests/data/test_benchmarks.py",
    "tests/lm/test_memorization.py",
    "tests/test_distribution.py",
    "tests/lm/test_speculative.py",
)

#: Where PyTorch, NumPy and the tokenizer read how many threads they may start.
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
)
#: PyTorch and the model, both in the worker and in the kernel of its notebook.
WORKER_BYTES = 2.5e9
MOST_WORKERS = 8
#: How long nbval waits for what a cell that has ended printed.
PATIENCE_S = 600

#: The number that `expect` measured here: its tolerance decides whether it agrees, not its digits.
MEASURED = r"(?m)^(✓ .*:) \S+ \(course:"

#: The description of a figure: measured numbers, and words that they choose, such as the largest
#: of two that are nearly equal. Its truth is tested where it is made.
DESCRIPTION = r"(?m)^Figure: .*"

# Only coursekit has examples in docstrings; a notebook's source would run when it is searched.
# The notebooks of other languages have the same code, which need not run twice.
collect_ignore_glob = ["notebooks/*.py", "notebooks/source/*", "notebooks/zh/*"]


def limit_of_container(name: str) -> float:
    """Return what a Linux container may use, from a file as "max" or "200000 100000"."""
    file = Path("/sys/fs/cgroup", name)
    words = file.read_text(encoding="utf-8").split() if file.exists() else ["max"]
    return float("inf") if words[0] == "max" else int(words[0]) / int((*words, 1)[1])


def n_cores() -> int:
    """Return how many processors are really here for this process."""
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, int(min(seen or 1, limit_of_container("cpu.max"))))


def n_workers() -> int:
    """Return how many workers the processors and the free memory allow."""
    free = min(psutil.virtual_memory().available, limit_of_container("memory.max"))
    return max(1, min(n_cores(), int(free / WORKER_BYTES), MOST_WORKERS))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Ask pytest-xdist for workers where the command does not say how many."""
    options = config.option
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput"):
        return
    alone = options.usepdb or options.capture == "no" or options.tx
    folders = any(Path(argument).is_dir() for argument in config.args)
    if options.numprocesses is None and folders and not alone:
        options.numprocesses = n_workers()
    if options.numprocesses in ("auto", "logical"):
        options.numprocesses = 0 if alone else n_workers()
    if options.numprocesses == 1:
        options.numprocesses = 0  # one worker is this process and a second one that waits
    if options.numprocesses:
        if options.dist == "no":
            options.dist, options.loadscopereorder = "loadfile", False
        for name in THREADS:
            os.environ.setdefault(name, str(max(1, n_cores() // options.numprocesses)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is quick, let the longest files start first, and settle what nbval compares."""
    longest = [config.rootpath / name for name in LONGEST_FIRST]
    for item in items:
        slow = item.path in longest or item.get_closest_marker("slow")
        if item.path.suffix == ".py" and not slow:
            item.add_marker("quick")
    if hasattr(config, "workerinput"):
        place = {path: at for at, path in enumerate(longest)}
        items.sort(key=lambda item: place.get(item.path, len(place)))
    for notebook in {item.parent for item in items if item.path.suffix == ".ipynb"}:
        # The HTML of figures holds pixels.
        notebook.skip_compare += ("text/html",)
        notebook.sanitize_patterns[MEASURED] = r"\1 ... (course:"
        notebook.sanitize_patterns[DESCRIPTION] = "Figure: ..."
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = PATIENCE_S


@pytest.fixture(scope="session")
def byte_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a random model whose tokens are bytes: it can be audited in a second."""
    import torch  # only where it is asked for: most tests need no model
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    from coursekit.llm.embedded import quiet

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: place for place, letter in enumerate([*alphabet, "<|endoftext|>"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(vocabulary),
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=512,
        initializer_range=0.5,
    )
    folder = tmp_path_factory.mktemp("byte-model")
    with quiet():
        GPT2LMHeadModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def byte_lm(byte_model: Path) -> LanguageModel:
    """Load the same model on the CPU."""
    from coursekit.llm import load

    return load(str(byte_model), device="cpu")


@pytest.fixture(autouse=True)
def _lm_of_the_examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    """Give the examples of docstrings `lm`, the random model of bytes, where they ask for one."""
    examples = getattr(getattr(request.node, "dtest", None), "examples", ())
    if any("lm" in example.source for example in examples):
        doctest_namespace["lm"] = request.getfixturevalue("byte_lm")
