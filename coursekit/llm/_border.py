"""The gate before the libraries: what a folder, a configuration or a GGUF file may hold.

Whatever comes from outside is looked at once, here, before a library reads it: what is missing,
what is of another kind, and what would make the library run for hours or take all memory. What is
refused is refused with one sentence.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel

#: No configuration is larger; a hundred layers described one by one take a hundredth of it.
CONFIG_BYTES = 2**24
#: No model has more layers, nor more experts in one.
MANY_LAYERS = 10_000

_PICKLES = (".bin", ".pt", ".pth")
_TOKENIZER = re.compile(r"tokenizer|vocab|spiece|sentencepiece|merges|.*\.(model|tiktoken)$")
_SAVE = "Save it with model.save_pretrained(folder) and tokenizer.save_pretrained(folder)."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device, or the machine, has no memory left."""
    # torch has a class for it on GPUs only; on the CPU and on MPS the text must do.
    text = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(s in text for s in signs)


@contextmanager
def told(name: str) -> Iterator[None]:
    """Turn whatever a library raises while it reads a model into one sentence."""
    try:
        yield
    except BaseException as error:
        # A panic of the tokenizers, which are written in Rust, is no Exception.
        panic = type(error).__name__ == "PanicException"
        if is_out_of_memory(error) or not (panic or isinstance(error, Exception)):
            raise
        raise ValueError(
            f"{name!r} cannot be read as a causal language model: {_reason(error)}"
        ) from error


def _reason(error: BaseException) -> str:
    text = str(error).strip()
    if "trust_remote_code" in text:
        return "it brings code of its own, which this course never runs"
    if "backend tokenizer" in text:
        return "its tokenizer is missing or incomplete. Save it with tokenizer.save_pretrained"
    first = text.splitlines()[0] if text else "no reason is given"
    return first if type(error) in (ValueError, OSError) else f"{type(error).__name__}: {first}"


# --- Folders


def check_folder(folder: Path, name: str) -> None:
    """Refuse a folder that is not that of a whole saved model, and say which one to give."""
    files = {path.name for path in folder.iterdir()}
    if not files:
        raise ValueError(f"{name!r} is an empty folder. {_SAVE}")
    if any(file.startswith("adapter_") for file in files):
        raise ValueError(
            f"{name!r} holds an adapter (adapter_config.json or its weights), which this course "
            "does not apply: merge it into its base with peft's model.merge_and_unload(), then "
            "save that model"
        )
    if "config.json" not in files:
        raise ValueError(f"{name!r} is no saved model, it has no config.json. {_instead(folder)}")
    if not any(file.endswith(".safetensors") for file in files):
        raise ValueError(f"{name!r} has no weights in the safetensors format. {_instead(folder)}")
    if not any(map(_TOKENIZER.match, files)):
        raise ValueError(
            f"{name!r} has no tokenizer: save it there with tokenizer.save_pretrained(folder)"
        )


def _instead(folder: Path) -> str:
    """Return what somebody who gave this folder will have meant."""
    paths = sorted(folder.iterdir())
    if found := [path.name for path in paths if path.suffix.lower() == ".gguf"]:
        return f"Give the path of a GGUF file in it: {', '.join(found[:3])}."
    if any(path.name == "checkpoint.safetensors" for path in paths):
        return (
            "It is a checkpoint of `coursekit train`: hand it over with "
            "load_gpt(folder).to_transformers().save_pretrained(new_folder), and copy its "
            "tokenizer files there."
        )
    if found := [path.name for path in paths if (path / "config.json").is_file()]:
        return f"Give one of the folders in it: {', '.join(found[:3])}."
    if found := [path.name for path in paths if path.suffix in _PICKLES]:
        return (
            f"{found[0]} is a pickle, which can run any code when it is opened: save the model "
            "with model.save_pretrained(folder), which writes safetensors."
        )
    return _SAVE


def check_config(path: Path, name: str) -> None:
    """Refuse a configuration that is no JSON object, of a quantised model, or out of bounds."""
    size = path.stat().st_size
    if size > CONFIG_BYTES:
        raise ValueError(f"{name!r} has a config.json of {size:,} bytes, which no model needs")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name!r} has a config.json that is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{name!r} has a config.json that is no JSON object")
    for section in _sections(config):
        check_counts(section, name)
        for key in ("quantization_config", "compression_config"):
            if method := section.get(key):
                kind = method.get("quant_method", "?") if isinstance(method, dict) else method
                raise ValueError(
                    f"{name!r} is quantised ({kind}), which needs a library of its own: give the "
                    "model in full precision, or as a GGUF file"
                )


def _sections(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a configuration and those inside it, such as that of its text model."""
    todo = [config]
    while todo:
        section = todo.pop()
        yield section
        todo += [value for value in section.values() if isinstance(value, dict)]


def check_counts(section: dict[str, Any], name: str) -> None:
    """Refuse more layers or experts than any model has: building them would take hours."""
    for key, value in section.items():
        counts = re.search(r"layer|expert|block_count|depth", key)
        if counts and isinstance(value, int) and value > MANY_LAYERS:
            raise ValueError(
                f"{name!r} says {key} = {value:,}; no model has more than {MANY_LAYERS:,}"
            )


def numbers_of(config: PreTrainedConfig) -> int:
    """Return how many numbers a model of this configuration has, without taking memory for them."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):  # shapes without numbers: takes milliseconds
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return sum(weight.numel() for weight in model.parameters())


def check_size(numbers: int, most: int, name: str) -> None:
    """Refuse a configuration of more numbers than its weights can hold."""
    if numbers > most:
        raise ValueError(
            f"{name!r} describes a model of {numbers:,} numbers, its weights hold at most {most:,}"
        )


def check_loaded(model: PreTrainedModel, found: dict[str, Collection[Any]], name: str) -> None:
    """Refuse weights that do not cover the model, do not fit it, or would be left unused.

    `transformers` would fill what is missing with random numbers, and only warn.
    """
    if mismatched := sorted(found["mismatched_keys"]):
        weight, saved, described = mismatched[0]
        raise ValueError(
            f"{name!r} has weights that do not fit its configuration: {weight} has the shape "
            f"{tuple(saved)}, the configuration asks for {tuple(described)}"
        )
    if missing := sorted(found["missing_keys"]):
        raise ValueError(
            f"{name!r} is not a whole causal language model: it has no weights for "
            f"{', '.join(missing[:3])}"
        )
    if unused := sorted(key for key in found["unexpected_keys"] if _belongs(model, key)):
        raise ValueError(
            f"{name!r} has weights that its configuration has no use for: {', '.join(unused[:3])}. "
            "They belong to the same layers, so the model would not be what was trained."
        )


def _belongs(model: PreTrainedModel, key: str) -> bool:
    """Whether a weight without a place is a part of a layer, or a layer, that the model has.

    A bias of a matrix, a scale of quantised numbers, a further layer; but not a second head.
    """
    parts = key.split(".")
    for n in range(len(parts) - 1, 0, -1):
        try:
            owner = model.get_submodule(".".join(parts[:n]))
        except AttributeError:
            continue
        return isinstance(owner, torch.nn.ModuleList) or bool([*owner.parameters(recurse=False)])
    return False


# --- GGUF files


_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_WHOLE = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}
_STRING, _ARRAY = 8, 9
#: The pre-tokenizers that `transformers` rebuilds; another would cut text into wrong tokens.
DIGITS_APART = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}
_LIKE_GPT2 = {"gpt-2", "gpt2", "default", "phi-2", "mpt", "olmo", "jais"}


class _Header:
    """Reads the header of a GGUF file from front to end, never beyond the file."""

    def __init__(self, path: Path, name: str):
        self.name = name
        self.left = path.stat().st_size
        self.file = path.open("rb")

    def damaged(self, why: str) -> ValueError:
        return ValueError(f"{self.name!r} is no GGUF file, or a damaged one: {why}")

    def take(self, size: int) -> bytes:
        self.need(size)
        self.left -= size
        return self.file.read(size)

    def need(self, size: int) -> None:
        if size > self.left:
            raise self.damaged(f"it promises {size:,} bytes and has {self.left:,} left")

    def whole(self, kind: str = "Q") -> int:
        return struct.unpack("<" + kind, self.take(struct.calcsize(kind)))[0]

    def text(self) -> str:
        try:
            return self.take(self.whole()).decode()
        except UnicodeDecodeError as error:
            raise self.damaged("a name in it is no UTF-8 text") from error

    def value(self, kind: int) -> Any:
        """Return a whole number or a text; of what is longer or not needed, nothing."""
        if kind in _WHOLE:
            return self.whole(_WHOLE[kind])
        if kind in _WIDTHS:
            self.take(_WIDTHS[kind])
        elif kind == _STRING:
            return self.text()
        elif kind == _ARRAY:
            inner, count = self.whole("I"), self.whole()
            if inner in _WIDTHS:
                self.take(count * _WIDTHS[inner])
            elif inner == _STRING:
                self.need(8 * count)  # the length of each
                for _ in range(count):
                    self.take(self.whole())
            else:
                raise self.damaged(f"it has an array of the unknown kind {inner}")
        else:
            raise self.damaged(f"it has a value of the unknown kind {kind}")
        return None


def check_gguf(path: Path, name: str) -> tuple[dict[str, Any], int]:
    """Refuse a GGUF file that is damaged, one part of several, or whose tokens would be wrong.

    A library that reads it would believe any number in it, and grow or loop without end. Returns
    the whole numbers and texts of its header by their keys, and how many weights the file holds.
    """
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    header = _Header(path, name)
    with header.file:
        if header.take(4) != b"GGUF":
            raise header.damaged("it does not begin with GGUF")
        if (version := header.whole("I")) not in (2, 3):
            raise header.damaged(f"its version is {version}, not 2 or 3")
        n_tensors, n_values = header.whole(), header.whole()
        header.need(24 * n_tensors + 13 * n_values)
        values = {header.text(): header.value(header.whole("I")) for _ in range(n_values)}
        ends, names, total = [0], set(), 0
        for _ in range(n_tensors):
            names.add(header.text())
            if (n_dims := header.whole("I")) > 4:
                raise header.damaged(f"a tensor has {n_dims} dimensions")
            numbers = prod(header.whole() for _ in range(n_dims))
            if (kind := header.whole("I")) not in GGML_QUANT_SIZES:
                raise header.damaged(f"a tensor is of the unknown kind {kind}")
            block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
            if numbers % block:
                raise header.damaged(f"{numbers:,} numbers are no whole blocks of {block}")
            total += numbers
            ends.append(header.whole() + numbers // block * size)
        if len(names) != n_tensors:
            raise header.damaged("two tensors have one name")
        header.need(max(ends))
    check_counts(values, name)
    if (parts := values.get("split.count")) and parts > 1:
        raise ValueError(
            f"{name!r} is one of {parts} parts of a GGUF file: put them together with "
            "`llama-gguf-split --merge` first"
        )
    _check_gguf_tokenizer(values, name)
    return values, total


def _check_gguf_tokenizer(values: dict[str, Any], name: str) -> None:
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

    if "tokenizer.ggml.tokens" not in values:
        raise ValueError(f"{name!r} has no tokenizer: take a GGUF file that brings one")
    rule = values.get("tokenizer.ggml.pre")
    known = DIGITS_APART | _LIKE_GPT2 | GGUF_PRE_TOKENIZER_SPLITS.keys()
    if values.get("tokenizer.ggml.model") == "gpt2" and rule is not None and rule not in known:
        raise ValueError(
            f"{name!r} cuts text by the rule {rule!r}, which transformers does not rebuild from a "
            "GGUF file, so its tokens would not be those that the model was trained on: take the "
            "model as safetensors"
        )


def check_gguf_used(model: PreTrainedModel, header: dict[str, Any], total: int, name: str) -> None:
    """Refuse a GGUF file of which `transformers` passed over a part that changes the numbers."""
    used = {weight.data_ptr(): weight.numel() for weight in model.state_dict().values()}
    if (unused := total - sum(used.values())) > 0:
        raise ValueError(
            f"{name!r} holds {unused:,} numbers that transformers does not read (biases, or "
            "factors of positions), so the model would not be what was trained: take it as "
            "safetensors"
        )
    stretch = header.get(f"{header.get('general.architecture')}.rope.scaling.type", "none")
    rope = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    if stretch != "none" and rope.get("rope_type", "default") == "default":
        raise ValueError(
            f"{name!r} stretches its context by the rule {stretch!r}, which transformers does not "
            "take over from a GGUF file: take the model as safetensors"
        )
