"""Load a causal language model: the one that comes with the course, or any of the hub.

A causal language model gives P(w_i | w_1 .. w_{i-1}) for every word piece w_i of its vocabulary.
`load()` returns such a model ready to be asked: in evaluation mode, without gradients, in float32,
and offline after the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from coursekit.llm import embedded
from coursekit.llm.embedded import ModelUnavailableError, quiet

Pair = tuple[PreTrainedModel, PreTrainedTokenizerBase]
HUB_PATIENCE = 5  # seconds; the hub's own retries take almost half a minute to give up


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A pretrained causal language model, its tokenizer, and the device that it is on.

    `load` makes one of a name; `LanguageModel.from_model` makes one of a model in memory.
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
        lm = cls(name, model, tokenizer, _device_of(model))
        _admit(lm)
        return lm

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
        ValueError: `name` is empty, `device` cannot be used, or the model is not a causal language
            model with safetensors weights and without code of its own.
        ModelUnavailableError: The model is not on this machine and cannot be fetched, or does not
            fit into the device's memory.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string such as {embedded.NAME!r}, got {name!r}")
    if not name.strip():
        raise ValueError(f"name is empty: give {embedded.NAME!r}, a folder or a name on the hub")
    dtype = torch.float32 if dtype is None else dtype
    if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(f"dtype must be a floating-point type like torch.float32, got {dtype!r}")
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
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ModelUnavailableError(
            f"{name!r} does not fit into the memory of {device} in {dtype}. Load it in half "
            "precision (dtype=torch.bfloat16, on the command line --dtype bfloat16), or over all "
            'devices (device="auto", --device auto).'
        ) from error
    lm = LanguageModel(name, model, tokenizer, device)
    if name != embedded.NAME:
        _admit(lm)
    return lm


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device, or the machine, has no memory left."""
    # torch has a class for it on GPUs only; on the CPU and on MPS the text must do.
    text = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(s in text for s in signs)


def _device_of(model: PreTrainedModel) -> torch.device:
    """Return where the first weights are that are anywhere; accelerate may have moved some off."""
    return next((w.device for w in model.parameters() if not w.is_meta), model.device)


def _admit(lm: LanguageModel) -> None:
    """Refuse a model whose probabilities would be wrong: the one check of all that comes in."""
    _require_finite(lm)
    _require_fitting_tokenizer(lm)
    _require_causal(lm)


def _require_finite(lm: LanguageModel) -> None:
    for name, weight in lm.model.named_parameters():
        if weight.is_meta or not weight.is_floating_point():
            continue
        # A sum is quick, and not finite where a term is not; it may overflow by itself, too.
        wide = torch.promote_types(weight.dtype, torch.float32)
        if not weight.sum(dtype=wide).isfinite() and not (finite := weight.isfinite()).all():
            raise ValueError(
                f"{lm.name!r} has weights that are not finite: {name} holds "
                f"{(~finite).sum():,} times NaN or infinity, of {weight.numel():,} numbers. They "
                f"were spoilt when they were trained or saved, or do not fit into {weight.dtype}: "
                "take another copy, or load it in torch.float32 or torch.bfloat16."
            )


def _require_fitting_tokenizer(lm: LanguageModel) -> None:
    """Refuse a tokenizer that belongs to another model, and gives ids beyond the embedding's."""
    tokenizer = lm.tokenizer
    # Tokens that were added and are never asked for may go beyond: Gemma 3's image token does.
    own = {tokenizer.vocab_size - 1, tokenizer.bos_token_id, tokenizer.eos_token_id}
    largest = max(id for id in own if id is not None)
    rows = _n_tokens(lm)
    if largest >= rows:
        raise ValueError(
            f"{lm.name!r} has a tokenizer that does not fit: it gives ids up to {largest:,}, the "
            f"model knows {rows:,} tokens (0 to {rows - 1:,}). Take the tokenizer that the model "
            "was trained with."
        )


def _n_tokens(lm: LanguageModel) -> int:
    """Return how many tokens the model has an embedding of, whatever its configuration says."""
    return len(next(lm.model.get_input_embeddings().parameters()))


@torch.inference_mode()
def _require_causal(lm: LanguageModel) -> None:
    """Refuse a model whose prediction depends on what it is to predict, such as BERT."""
    rows = _n_tokens(lm)
    one = torch.tensor([[0, 1, 2, 0, 1]], device=lm.device) % rows
    other = torch.tensor([[0, 1, 2, 1, 2]], device=lm.device) % rows
    with evaluating(lm.model):
        # Two calls of one shape: whatever is computed in the same way comes out the same, bit by
        # bit. Only a mixture of experts, which batches by what it reads, may tremble a little.
        first, second = _logits(lm, one), _logits(lm, other)
    if first.isnan().any() or first.isposinf().any():
        raise ValueError(
            f"{lm.name!r} gives logits of NaN or infinity in {lm.model.dtype}: load it in "
            "torch.float32 or torch.bfloat16 (--dtype float32 or bfloat16), whose range is wider; "
            "if that is no cure, its weights are spoilt"
        )
    change = (first - second).abs().amax(dim=(0, 2))
    tremble = 1e-4 if torch.finfo(lm.model.dtype).eps < 1e-6 else 1e-2
    # Only predictions after the first changed token may change.
    if change[:3].max() > tremble * change[3:].max():
        raise ValueError(
            f"{lm.name!r} is not a causal language model: it reads the tokens that it should "
            "predict (a masked model, such as BERT, does). Load a model of the GPT kind."
        )


def _logits(lm: LanguageModel, ids: torch.Tensor) -> torch.Tensor:
    try:
        return lm.model(input_ids=ids).logits.double()
    except Exception as error:  # whatever a model of any of the 300 kinds meets inside
        if is_out_of_memory(error):
            raise
        raise ValueError(
            f"{lm.name!r} cannot read a text of {ids.shape[1]} tokens: "
            f"{type(error).__name__}: {error}"
        ) from error


@contextmanager
def evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Hold a model in evaluation mode, without dropout, then leave every part as it was."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


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
    # AutoTokenizer would import every tokenizer that it knows: a second more than naming the class.
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    folder = embedded.prepare()
    with quiet():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        return LlamaForCausalLM.from_pretrained(folder, dtype=dtype, **options), tokenizer


def _read_other(name: str, dtype: torch.dtype, **options: Any) -> Pair:
    path = Path(name).expanduser()
    if path.is_dir():
        return _read_folder(path, dtype, **options)
    if path.suffix == ".gguf" or path.is_file():
        return _read_file(path, dtype, **options)
    _require_hub_name(name)
    try:
        # What was fetched before is read without asking the hub: the same model every time.
        return _read(name, dtype, local_files_only=True, **options)
    except OSError:
        _require_hub(name)
    try:
        return _read(name, dtype, **options)
    except OSError as error:
        raise ModelUnavailableError(
            f"{name!r} is not a folder here, and the hub does not give it: {error}\n"
            "Weights must be in the safetensors format (pickled ones can run any code when they "
            f"are opened). load({embedded.NAME!r}) comes with the course."
        ) from error


def _read_file(path: Path, dtype: torch.dtype, **options: Any) -> Pair:
    """Return a single file: GGUF, since no other kind brings its tokenizer and its shape along."""
    if not path.is_file():
        raise ValueError(f"{str(path)!r}: there is no such file; give the path of a GGUF file")
    if path.suffix != ".gguf":
        raise ValueError(
            f"{str(path)!r} is a file, but not a GGUF file (*.gguf): give the folder that holds "
            "weights, configuration and tokenizer"
        )
    if options:
        raise ValueError(
            "a GGUF file is expanded on one device: instead of device='auto', save the model with "
            "save_pretrained(folder) and load the folder"
        )
    try:
        model, tokenizer = embedded.read_gguf(path)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as a language model: {error}") from error
    return model.to(dtype), tokenizer


def _read_folder(folder: Path, dtype: torch.dtype, **options: Any) -> Pair:
    saved = {path.suffix: path.name for path in folder.iterdir()}
    if ".safetensors" not in saved and (pickled := saved.keys() & {".bin", ".pt", ".pth"}):
        raise ValueError(
            f"{str(folder)!r} has its weights only as {saved[pickled.pop()]}, a pickle, which can "
            "run any code when it is opened: save them with model.save_pretrained(folder), which "
            "writes safetensors"
        )
    try:
        return _read(str(folder), dtype, **options)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{str(folder)!r} does not hold a whole saved model: {error}") from error


def _read(source: str, dtype: torch.dtype, **options: Any) -> Pair:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options["trust_remote_code"] = False
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(source, **options)
            model, found = AutoModelForCausalLM.from_pretrained(
                source, dtype=dtype, use_safetensors=True, output_loading_info=True, **options
            )
    except ValueError as error:
        reason = str(error).splitlines()[0]
        if "trust_remote_code" in str(error):
            reason = "it brings code of its own, which this course never runs"
        raise ValueError(
            f"{source!r} cannot be read as a causal language model: {reason}"
        ) from error
    # transformers would fill what is missing with random numbers, and only warn.
    if found["missing_keys"]:
        raise ValueError(
            f"{source!r} is not a whole causal language model: it has no weights for "
            f"{', '.join(sorted(found['missing_keys'])[:3])}"
        )
    return model, tokenizer


def _require_hub_name(name: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

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
