"""What is audited: a model of any origin, its name, and a digest of everything that it is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import align_module_device
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from coursekit.llm import embedded
from coursekit.llm.pretrained import LanguageModel, load

HASHING_THREADS = 8
WHOLE = ("F32", "F16", "BF16")  #: kinds of GGUF that are not quantised

Model = LanguageModel | PreTrainedModel | str | os.PathLike[str]


def as_language_model(model: Model, tokenizer: PreTrainedTokenizerBase | None) -> LanguageModel:
    """Return a model with its tokenizer and device, loaded if it was only named.

    Raises:
        TypeError: If a model in memory comes without its tokenizer, another one with a tokenizer
            too many, or something is no model at all.
        ValueError, ModelUnavailableError: As `load` and `LanguageModel.from_model`.
    """
    if isinstance(model, LanguageModel | str | os.PathLike):
        if tokenizer is not None:
            raise TypeError(
                "tokenizer must be left out where the model brings its own, found "
                f"{type(tokenizer).__name__}. Write audit(model)"
            )
        if isinstance(model, str) and model.lower().startswith(("http://", "https://")):
            raise ValueError(
                "model must be weights that can be read, found the address of a served model. "
                "Write audit_served(address)"
            )
        return model if isinstance(model, LanguageModel) else load(os.fspath(model))
    if tokenizer is None and isinstance(model, PreTrainedModel):
        raise TypeError(
            "tokenizer must be given with a model in memory, found None. Write audit(model, "
            "tokenizer)"
        )
    if tokenizer is None:
        raise TypeError(
            "model must be a name, a folder, a LanguageModel, or a model of transformers with its "
            f"tokenizer, found {type(model).__name__}"
        )
    return LanguageModel.from_model(model, tokenizer)


def check_tokenizer(lm: LanguageModel) -> None:
    """Check that a tokenizer can write what the audit asks.

    Raises:
        ValueError: If words, digits or new lines are lost.
    """
    probe = "Question: What is the capital of Peru?\nAnswer: Lima, 12"
    ids = lm.tokenizer(probe, add_special_tokens=False).input_ids
    back = lm.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    lost = [word for word in ("Question", "capital", "Peru", "12", "\n") if word not in back]
    if lost:
        raise ValueError(
            f"the tokenizer of {lm.name!r} cannot write the texts of the audit: {probe!r} comes "
            f"back as {back!r}, without {', '.join(map(repr, lost))}. Audit a model whose "
            "vocabulary covers English text."
        )
    if max(ids) >= lm.model.config.get_text_config().vocab_size:
        raise ValueError(
            f"the tokenizer of {lm.name!r} gives token {max(ids)}, but the model knows only "
            f"{lm.model.config.get_text_config().vocab_size}: they do not belong together."
        )


def describe(lm: LanguageModel) -> dict[str, Any]:
    """Return what a report says about a model."""
    return {
        "kind": "weights",
        "name": name_of(lm),
        "fingerprint": fingerprint(lm),
        "parameters": sum(weight.numel() for weight in lm.model.parameters()),
        "vocabulary": lm.model.config.get_text_config().vocab_size,
        "dtype": _dtype(lm),
        "weights": weights_of(lm),
    }


def name_of(lm: LanguageModel) -> str:
    """Return the name of a model, and of a path its last part: however it was typed, the same.

    Example:
        >>> from types import SimpleNamespace
        >>> [name_of(SimpleNamespace(name=name)) for name in ("org/model", "/home/me/models/mine")]
        ['org/model', 'mine']
    """
    path = Path(lm.name).expanduser()
    if lm.name == embedded.NAME or not (os.path.exists(path) or path.is_absolute()):
        return lm.name
    return path.resolve().name or lm.name


def weights_of(lm: LanguageModel) -> str:
    """Return the precision of the weights, and that from which they were expanded, if any was."""
    dtype, path = _dtype(lm), Path(lm.name).expanduser()
    if lm.name == embedded.NAME:
        return f"{Path(embedded.GGUF).suffixes[-2][1:]}, dequantised to {dtype}"
    if path.suffix == ".gguf" and os.path.isfile(path):
        kind = _kind_of_gguf(path)
        return f"{kind}, {'read as' if kind in WHOLE else 'dequantised to'} {dtype}"
    return dtype


def _kind_of_gguf(path: Path) -> str:
    from gguf import GGUFReader, LlamaFileType

    field = GGUFReader(path).get_field("general.file_type")
    if field is None:
        return "GGUF"
    try:
        name = LlamaFileType(int(field.contents())).name
    except ValueError:  # of a later version
        return "GGUF"
    return name.removeprefix("MOSTLY_").removeprefix("ALL_")


def _dtype(lm: LanguageModel) -> str:
    return str(lm.model.dtype).removeprefix("torch.")


def fingerprint(model: LanguageModel | PreTrainedModel) -> str:
    """Return a digest of a model's configuration and of every byte of its weights.

    Two models have the same one only if they are the same, wherever they lie. Hashing costs about
    a second for each GB and thread.
    """
    weights = model.model if isinstance(model, LanguageModel) else model
    config = weights.config.to_dict()
    for name in ("_name_or_path", "transformers_version", "dtype", "torch_dtype"):
        config.pop(name, None)
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    for entry in sorted(_digests(weights)):
        digest.update(json.dumps(entry).encode())
    return digest.hexdigest()


def _digests(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield name and digest of each parameter and kept buffer; of those that are tied, once."""
    kept, seen = model.state_dict().keys(), set[int]()
    found: list[tuple[str, Future[str]]] = []
    with ThreadPoolExecutor(min(HASHING_THREADS, os.cpu_count() or 1)) as pool:
        for prefix, part in model.named_modules():
            own = {
                name: tensor
                for name, tensor in _own_tensors(part, prefix)
                if name in kept and id(tensor) not in seen
            }
            seen |= set(map(id, own.values()))
            if any(tensor.is_meta for tensor in own.values()):
                # accelerate keeps them on the disk, or in the memory of the CPU, until asked for.
                with align_module_device(part, torch.device("cpu")):
                    here = dict(_own_tensors(part, prefix))
                    yield from ((name, _digest(here[name])) for name in own)
            else:
                found += [(name, pool.submit(_digest, tensor)) for name, tensor in own.items()]
        yield from ((name, future.result()) for name, future in found)


def _own_tensors(part: nn.Module, prefix: str) -> Iterator[tuple[str, Tensor]]:
    yield from part.named_parameters(prefix, recurse=False)
    yield from part.named_buffers(prefix, recurse=False)


def _digest(tensor: Tensor) -> str:
    data = tensor.detach().cpu().contiguous().flatten()
    raw: Any = data.view(torch.uint8).numpy()
    digest = hashlib.sha256(f"{data.dtype} {list(tensor.shape)} ".encode())
    digest.update(raw)  # without Python's own lock, so that threads help
    return digest.hexdigest()
