"""Load a causal language model: the one that comes with the course, or any of the hub.

A causal language model gives P(w_i | w_1 .. w_{i-1}) for every word piece w_i of its vocabulary.
`load()` returns such a model ready to be asked: in evaluation mode, without gradients, in float32,
and offline after the first time.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from coursekit.llm import embedded
from coursekit.llm._admission import admit
from coursekit.llm._border import (
    check_config,
    check_folder,
    check_loaded,
    check_size,
    is_out_of_memory,
    numbers_of,
    told,
)
from coursekit.llm._gguf import read_gguf
from coursekit.llm.embedded import ModelUnavailableError, quiet

Pair = tuple[PreTrainedModel, PreTrainedTokenizerBase]
HUB_PATIENCE = 5  # seconds; the hub's own retries take almost half a minute to give up


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A pretrained causal language model, its tokenizer, and the device that it is on.

    `load` makes one of a name; `LanguageModel.from_model` makes one of a model in memory.

    Example:
        >>> lm.device, lm.context_limit  # lm is a tiny model of bytes
        (device(type='cpu'), 512)
    """

    name: str
    model: PreTrainedModel = field(repr=False)
    tokenizer: PreTrainedTokenizerBase = field(repr=False)
    device: torch.device

    @classmethod
    def from_model(
        cls,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str | None = None,
    ) -> LanguageModel:
        """Return a model that is in memory already, checked as `load` checks what it reads.

        The model stays as it is: where it is, in its precision, and in training mode if it was.

        Args:
            model: A causal language model of `transformers`, such as a `GPT2LMHeadModel`.
            tokenizer: The tokenizer whose ids it reads.
            name: What to call it; by default the name that it was loaded by, or its class.

        Raises:
            TypeError: If one of the two is not an object of `transformers`.
            ValueError: If a weight is not finite, the tokenizer gives ids that the model does not
                have, or the model is not causal.

        Example:
            >>> from tokenizers import Tokenizer, models
            >>> from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
            >>> words = Tokenizer(models.WordLevel({"sun": 0, "rain": 1}, unk_token="sun"))
            >>> tokenizer = PreTrainedTokenizerFast(tokenizer_object=words)
            >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=2, n_embd=8, n_layer=1, n_head=2))
            >>> LanguageModel.from_model(model, tokenizer, name="weather")
            LanguageModel(name='weather', device=device(type='cpu'))
        """
        if not isinstance(model, PreTrainedModel):
            raise TypeError(
                f"model must be a model of transformers, found {type(model).__name__}. Unwrap a "
                "compiled or parallel one, merge an adapter into its base "
                "(model.merge_and_unload()), or hand over the course's GPT (gpt.to_transformers())"
            )
        if not isinstance(tokenizer, PreTrainedTokenizerBase):
            raise TypeError(
                f"tokenizer must be a tokenizer of transformers, found {type(tokenizer).__name__}"
            )
        name = name or model.name_or_path or type(model).__name__
        device = _device_of(model)
        admit(model, tokenizer, device, name)
        return cls(name, model, tokenizer, device)

    @property
    def context_limit(self) -> int | None:
        """The largest number of tokens it reads at once; None where its configuration is silent."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)


def default_device() -> torch.device:
    """Return the first of CUDA, MPS (Apple) and CPU that this machine has."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def load(
    name: str = embedded.NAME,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> LanguageModel:
    """Load a causal language model, ready to be asked for probabilities.

    The model of the course is SmolLM2-135M-Instruct, whose weights others quantised to four bits
    (Q4_1) and this package expands to float32: its probabilities are those of the quantised model,
    not quite those of the original.

    Args:
        name: `"smollm2-135m-instruct"` (comes with the course), a folder that `save_pretrained`
            wrote, a GGUF file (expanded to full precision), or the name of a model on the Hugging
            Face hub, such as `"gpt2"`.
        device: Where to put it; by default CUDA, MPS or CPU, in that order. `"auto"` spreads a
            model over all devices of the machine, where one is too small for it.
        dtype: Precision of the weights; by default float32, in which probabilities are exact to
            about 1e-6 and which most CPUs compute fastest.

    Raises:
        TypeError: `name` is not a string, or `dtype` not a floating-point `torch.dtype`.
        ValueError: `name` is empty, `device` cannot be used, or what is there is not a whole causal
            language model that can be believed: safetensors weights, finite, all there and of the
            shapes that the configuration asks for, not quantised, no adapter; a tokenizer that
            fits; no code of its own. The sentence says what was found, and what to do.
        ModelUnavailableError: The model is not on this machine and cannot be fetched, or does not
            fit into the device's memory.

    Example:
        >>> load("no such folder")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: 'no such folder' is not a folder on this machine, and it cannot be a name on ...
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string such as {embedded.NAME!r}, found {name!r}")
    if not name.strip():
        raise ValueError(
            f"name must be {embedded.NAME!r}, a folder or a name on the hub, found {name!r}"
        )
    dtype = torch.float32 if dtype is None else dtype
    if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(f"dtype must be a floating-point type like torch.float32, found {dtype!r}")
    spread = device == "auto"
    device = _usable(default_device() if device is None or spread else device)
    read = _read_embedded if name == embedded.NAME else _read_other
    try:
        model, tokenizer = read(name, dtype, **({"device_map": "auto"} if spread else {}))
        model = model.eval().requires_grad_(False)
        if spread:
            device = _device_of(model)
        else:
            model = model.to(device)
        if name != embedded.NAME:
            admit(model, tokenizer, device, name)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ModelUnavailableError(
            f"{name!r} does not fit into the memory of {device} in {dtype}. Load it in half "
            "precision (dtype=torch.bfloat16, on the command line --dtype bfloat16), or over all "
            'devices (device="auto", --device auto).'
        ) from error
    return LanguageModel(name, model, tokenizer, device)


def _device_of(model: PreTrainedModel) -> torch.device:
    """Return where the first weights are that are anywhere; accelerate may have moved some off."""
    return next((w.device for w in model.parameters() if not w.is_meta), model.device)


def _usable(device: str | torch.device) -> torch.device:
    """Return the device, found out before a model is fetched for it."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={str(device)!r} cannot be used here ({error}): leave it out to get the best "
            "device of this machine"
        ) from error


def _read_embedded(name: str, dtype: torch.dtype, **options: Any) -> Pair:
    # Naming the class saves a second: the Auto classes import every kind that they know.
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    folder = embedded.prepare()
    with quiet():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        return LlamaForCausalLM.from_pretrained(folder, dtype=dtype, **options), tokenizer


def _read_other(name: str, dtype: torch.dtype, **options: Any) -> Pair:
    path = Path(name).expanduser()
    if path.is_dir():
        return _read_folder(path, name, dtype, **options)
    if path.suffix.lower() == ".gguf" or path.is_file():
        return _read_file(path, dtype, **options)
    return _read_folder(_from_hub(name), name, dtype, **options)


def _read_file(path: Path, dtype: torch.dtype, **options: Any) -> Pair:
    """Return a single file: GGUF, since no other kind brings its tokenizer and its shape along."""
    name = str(path)
    if not path.is_file():
        raise ValueError(f"{name!r}: there is no such file; give the path of a GGUF file")
    if path.suffix.lower() != ".gguf":
        raise ValueError(
            f"{name!r} is a file, but not a GGUF file (*.gguf): give the folder that holds "
            "weights, configuration and tokenizer"
        )
    if options:
        raise ValueError(
            "a GGUF file is expanded on one device: instead of device='auto', save the model with "
            "save_pretrained(folder) and load the folder"
        )
    model, tokenizer = read_gguf(path)
    return model.to(dtype), tokenizer


def _read_folder(folder: Path, name: str, dtype: torch.dtype, **options: Any) -> Pair:
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoTokenizer,
        PreTrainedTokenizerFast,
    )

    check_folder(folder, name)
    check_config(folder / "config.json", name)
    # tokenizer.json is the tokenizer. AutoTokenizer builds one of the class that another file
    # names, and takes over only some of its rules.
    whole = (folder / "tokenizer.json").exists()
    reader: Any = PreTrainedTokenizerFast if whole else AutoTokenizer
    options |= {"trust_remote_code": False, "local_files_only": True}
    with quiet(), told(name):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        # Here config.json may name code on the hub; without a name it is transformers' own.
        config._attn_implementation = config._experts_implementation = None
        numbers = numbers_of(config)
    check_size(numbers, _bytes_of_weights(folder), name)
    with quiet(), told(name):
        tokenizer = reader.from_pretrained(folder, **options)
        read: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # check_loaded names them
            output_loading_info=True,
            **options,
        )
    model, found = read
    check_loaded(model, found, name)
    return model, tokenizer


def _bytes_of_weights(folder: Path) -> int:
    """Return how many bytes there are of weights: no number takes less than one."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


# --- The hub


def _from_hub(name: str) -> Path:
    """Return the folder of a model of the hub, fetched first if it was not yet."""
    _require_hub_name(name)
    # What was fetched before is read without asking the hub: the same model every time.
    with suppress(OSError):
        folder = _snapshot(name, local_files_only=True)
        if _is_whole(folder):
            return folder
    _require_hub(name)
    try:
        return _snapshot(name)
    except Exception as error:  # whatever the hub, the network or the disk says
        raise ModelUnavailableError(
            f"{name!r} is not a folder here, and the hub does not give it: {error}\n"
            f"load({embedded.NAME!r}) comes with the course."
        ) from error


def _snapshot(name: str, **options: Any) -> Path:
    """Fetch what a causal language model needs, and nothing that could run."""
    from huggingface_hub import snapshot_download

    kinds = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken"]
    others = ["*/*", "consolidated*"]  # other formats of the same weights
    return Path(snapshot_download(name, allow_patterns=kinds, ignore_patterns=others, **options))


def _is_whole(folder: Path) -> bool:
    """Whether every file is there that the configuration and the index of the weights promise."""
    index = folder / "model.safetensors.index.json"
    parts = {"model.safetensors"}
    if index.exists():
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return all((folder / part).exists() for part in {"config.json", *parts})


def _require_hub_name(name: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ValueError(
            f"{name!r} is not a folder on this machine, and it cannot be a name on the hub "
            f"either: {error}"
        ) from error


def _require_hub(name: str) -> None:
    """Ask the hub for a sign of life, so that being offline takes seconds to find out."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_PATIENCE)
    except Exception as error:  # whatever the network or a proxy does, the answer is the same
        raise ModelUnavailableError(
            f"{name!r} is neither a folder here nor fetched before, and the Hugging Face hub "
            f"cannot be reached ({error}). Without network use load({embedded.NAME!r}), which "
            f"comes with the course; or run load({name!r}) once where there is network."
        ) from error
