"""Models in GGUF files, as llama.cpp reads them: expanded to float32, with their tokenizer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tqdm.auto import tqdm

from coursekit.llm._border import (
    DIGITS_APART,
    check_gguf,
    check_gguf_used,
    check_loaded,
    check_size,
    numbers_of,
    told,
)
from coursekit.llm._quiet import quiet

#: No format packs more: the smallest takes one and a half bits a number.
NUMBERS_PER_BYTE = 8


def read_gguf(path: Path) -> tuple[Any, Any]:
    """Read a GGUF file: the model in float32, and its tokenizer.

    Raises:
        ValueError: If the file is no whole GGUF file, or of a kind that `transformers` cannot read.
    """
    import torch
    from tokenizers import pre_tokenizers
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        GgufConfig,
        PreTrainedTokenizerFast,
    )

    name = str(path)
    header, total = check_gguf(path, name)
    source: dict[str, Any] = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    with quiet(), told(name):
        config = AutoConfig.from_pretrained(**source)
        numbers = numbers_of(config)
    check_size(numbers, NUMBERS_PER_BYTE * path.stat().st_size, name)
    # The bar that transformers draws while it expands the weights ignores its own settings.
    silent = partial(tqdm, disable=True)
    with quiet(), patch("transformers.modeling_gguf_pytorch_utils.tqdm", silent), told(name):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(**source)
        read: Any = AutoModelForCausalLM.from_pretrained(
            **source,
            config=config,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
            ignore_mismatched_sizes=True,  # check_loaded names them
            output_loading_info=True,
        )
    quantised, found = read
    check_loaded(quantised, found, name)
    check_gguf_used(quantised, header, total, name)
    if header.get("tokenizer.ggml.pre") in DIGITS_APART:
        # SmolLM2 splits numbers into digits before anything else, which GGUF records only by name
        # and transformers does not restore. Without it, white space before a digit is cut
        # differently: "a\n\n1" would give tokens that the model never saw.
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
    return _without_quantiser(quantised), tokenizer


def _without_quantiser(quantised: Any) -> Any:
    """Copy the model, free to be saved and moved, which transformers refuses to one from GGUF."""
    import torch

    with torch.device("meta"):
        model = type(quantised)(quantised.config)
    model.load_state_dict(quantised.state_dict(), assign=True)
    model.tie_weights()
    for name, buffer in quantised.named_buffers():  # those that no state dict holds
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, buffer)
    return model
