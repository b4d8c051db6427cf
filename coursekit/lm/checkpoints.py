"""Checkpoints: all that training needs to go on as if it had never stopped, in one file.

The file holds the weights, the two moments that AdamW keeps for each weight, and, as JSON in its
header, the rest: configurations, step, history, what the data were. It is a safetensors file, which
can hold numbers but no code, so that reading one from a stranger is safe. It is written under
another name and then renamed: whatever is killed, the folder holds a whole checkpoint or the one
before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from torch import Tensor

from coursekit._files import write_atomically
from coursekit.lm.gpt import GPT, GPTConfig

FILE = "checkpoint.safetensors"
FORMAT = 1  # raise it when older files can no longer be read

PathLike = str | os.PathLike[str]


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other trainings out of it.

    The lock is the operating system's: a killed process lets go of it. Nothing is written before
    it is held.

    Raises:
        ValueError: If another training is in it.
        OSError: If it cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name, own_folder(Path(name) / "run"):
        ...     with own_folder(Path(name) / "run"):
        ...         pass
        Traceback (most recent call last):
        ValueError: folder must be free, found another training that writes into ...
    """
    lock = FileLock(folder / "training.lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ValueError(
            f"folder must be free, found another training that writes into {folder}. Wait for it, "
            "or choose another."
        ) from error
    except (OSError, NotImplementedError) as error:
        raise OSError(
            f"folder must be one that you may write into, found {folder} ({error})."
        ) from error
    try:
        yield
    finally:
        lock.release()


def save_checkpoint(
    folder: PathLike, model: GPT, optimizer: torch.optim.AdamW, progress: dict[str, Any]
) -> None:
    """Write a checkpoint in place of the one before.

    Args:
        folder: Made anew if somebody deleted it meanwhile.
        model: Its weights are saved, and its config.
        optimizer: An AdamW of this model's parameters.
        progress: Anything that JSON can hold.

    Raises:
        OSError: If the file cannot be written. The one before is then untouched.

    Example:
        >>> import tempfile
        >>> from coursekit.lm.optimization import TrainingConfig, adamw
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=4, n_layers=1, n_heads=1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_checkpoint(folder, model, adamw(model, TrainingConfig()), {"step": 3})
        ...     tensors, header = load_checkpoint(folder)
        ...     same = load_gpt(folder)
        >>> header["progress"], same.config == model.config
        ({'step': 3}, True)
    """
    tensors = {}
    for name, parameter in model.named_parameters():
        tensors[f"model.{name}"] = parameter.detach()
        moments = optimizer.state.get(parameter) or _no_moments(parameter)
        for moment, value in moments.items():
            tensors[f"optimizer.{name}.{moment}"] = value
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    header = json.dumps({"format": FORMAT, "model": vars(model.config), "progress": progress})
    seal = _digest(header, tensors)
    content = safetensors.torch.save(tensors, {"coursekit": header, "sha256": seal})
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_atomically(Path(folder) / FILE, content)
    except OSError as error:
        raise OSError(
            f"folder must take a checkpoint of {len(content) / 1e6:.1f} MB, found {error}. The "
            "one before it is untouched. Make room, or give back the right to write there; the "
            "same call then goes on from that one."
        ) from error


def load_checkpoint(folder: PathLike) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint: its tensors by name, on the CPU, and its header.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If the file is damaged, or not one of ours.

    Example:
        >>> load_checkpoint("no such folder")
        Traceback (most recent call last):
        FileNotFoundError: folder must hold a checkpoint.safetensors, found none in no such ...
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"folder must hold a {FILE}, found none in {folder}. train(..., folder=...) writes "
            "one: is the name right?"
        )
    try:
        with safe_open(path, framework="pt") as file:
            labels = file.metadata() or {}
            # Copies: what is mapped to the file keeps it open, and Windows then refuses to let the
            # next checkpoint take its name.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        whole = labels["sha256"] == _digest(labels["coursekit"], tensors)
        header = json.loads(labels["coursekit"])
        made_by = header["format"]
    except SafetensorError as error:
        raise ValueError(
            f"folder must hold a whole checkpoint, found {path} damaged, or no safetensors file "
            f"({error}). Delete it to train from the start."
        ) from error
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f"folder must hold what train(..., folder=...) wrote, found another {path}. Choose "
            "another folder."
        ) from error
    if made_by != FORMAT:
        raise ValueError(
            f"folder must hold a checkpoint of format {FORMAT}, found {path} of format {made_by}, "
            "which this version of the course cannot read. Train again in another folder."
        )
    if not whole:
        raise ValueError(
            f"folder must hold a whole checkpoint, found {path} damaged: its numbers have changed "
            "since they were written. Delete it to train from the start."
        )
    return tensors, header


def load_gpt(folder: PathLike) -> GPT:
    """Return a GPT as it was at its last checkpoint, on the CPU, in evaluation mode.

    Raises:
        FileNotFoundError: If the folder holds no checkpoint.
        ValueError: If the checkpoint is damaged, or not one of ours.

    Example:
        >>> import tempfile
        >>> from coursekit.lm import TrainingConfig, train
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=4, n_layers=1, n_heads=1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     text = torch.arange(40) % 8
        ...     history = train(model, text, TrainingConfig(steps=2), folder=folder, progress=False)
        ...     same = load_gpt(folder)
        >>> torch.equal(same.head.weight, model.head.weight)
        True
    """
    tensors, header = load_checkpoint(folder)
    try:
        config = GPTConfig(**header["model"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"folder must hold the checkpoint of a GPT, found another in {folder} ({error})."
        ) from error
    with torch.random.fork_rng([]):  # the weights it starts with are of no interest
        model = GPT(config)
    restore_model(model, tensors)
    return model.eval()


def restore_model(model: GPT, tensors: dict[str, Tensor]) -> None:
    """Give a model the weights of a checkpoint.

    Raises:
        ValueError: If one is missing or has another shape or dtype; the model is then unchanged.

    Example:
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=4, n_layers=1, n_heads=1))
        >>> restore_model(model, {})
        Traceback (most recent call last):
        ValueError: checkpoint must hold model.token_embedding.weight, found no such tensor. ...
    """
    weights = {
        name: _take(tensors, f"model.{name}", parameter)
        for name, parameter in model.named_parameters()
    }
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])


def restore_optimizer(optimizer: torch.optim.AdamW, model: GPT, tensors: dict[str, Tensor]) -> None:
    """Give an optimizer of this model's parameters the moments of a checkpoint.

    Raises:
        ValueError: If one is missing or has another shape or dtype.

    Example:
        >>> from coursekit.lm.optimization import TrainingConfig, adamw
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=4, n_layers=1, n_heads=1))
        >>> restore_optimizer(adamw(model, TrainingConfig()), model, {})
        Traceback (most recent call last):
        ValueError: checkpoint must hold optimizer.token_embedding.weight.step, found no such ...
    """
    for name, parameter in model.named_parameters():
        optimizer.state[parameter] = {
            moment: _take(tensors, f"optimizer.{name}.{moment}", like).to(parameter.device)
            for moment, like in _no_moments(parameter).items()
        }


def _no_moments(parameter: Tensor) -> dict[str, Tensor]:
    """Return what AdamW holds before its first step."""
    zeros = torch.zeros_like(parameter)
    return {"step": torch.tensor(0.0), "exp_avg": zeros, "exp_avg_sq": zeros.clone()}


def _take(tensors: dict[str, Tensor], name: str, like: Tensor) -> Tensor:
    if name not in tensors:
        raise ValueError(
            f"checkpoint must hold {name}, found no such tensor. Was it made by another model?"
        )
    tensor = tensors[name]
    if tensor.shape != like.shape or tensor.dtype != like.dtype:
        raise ValueError(
            f"{name} of the checkpoint must be {like.dtype} {tuple(like.shape)} for this model, "
            f"found {tensor.dtype} {tuple(tensor.shape)}."
        )
    return tensor


def _digest(header: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
