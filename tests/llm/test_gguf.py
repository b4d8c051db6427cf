from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from tokenizers import pre_tokenizers

from coursekit.llm import load

LAYERS, WIDTH, HIDDEN = 2, 8, 16
TOKENS = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "ab"]


def shapes(head: bool = True) -> dict[str, tuple[int, ...]]:
    """The tensors of a tiny Llama in GGUF's names."""
    found = {"token_embd": (len(TOKENS), WIDTH), "output_norm": (WIDTH,)}
    if head:
        found["output"] = (len(TOKENS), WIDTH)
    for i in range(LAYERS):
        found |= {f"blk.{i}.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        found |= {f"blk.{i}.{name}_norm": (WIDTH,) for name in ("attn", "ffn")}
        found |= {f"blk.{i}.ffn_{name}": (HIDDEN, WIDTH) for name in ("gate", "up")}
        found[f"blk.{i}.ffn_down"] = (WIDTH, HIDDEN)
    return {f"{name}.weight": shape for name, shape in found.items()}


def write(path: Path, tensors: dict[str, tuple[int, ...]] | None = None, **changes: Any) -> Path:
    """Write a tiny Llama whose tokens are bytes."""
    numbers = {
        "block_count": LAYERS,
        "context_length": 32,
        "embedding_length": WIDTH,
        "feed_forward_length": HIDDEN,
        "attention.head_count": 2,
        "attention.head_count_kv": 2,
        "vocab_size": len(TOKENS),
    }
    writer = GGUFWriter(path, "llama")
    for name, value in (numbers | changes).items():
        if name in numbers:
            writer.add_uint32(f"llama.{name}", value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_float32("llama.rope.freq_base", 1e4)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(changes.get("pre", "smollm"))
    if changes.get("tokens", True):
        writer.add_token_list(TOKENS)
        writer.add_token_merges(["a b"])
    if stretch := changes.get("stretch"):
        writer.add_string("llama.rope.scaling.type", stretch)
    if parts := changes.get("parts"):
        writer.add_uint16("split.count", parts)
    random = np.random.default_rng(0)
    for name, shape in (shapes() if tensors is None else tensors).items():
        writer.add_tensor(name, random.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("name", ["model.gguf", "MODEL.GGUF"])
def test_a_gguf_file_is_read_with_its_tokenizer(tmp_path, name):
    lm = load(str(write(tmp_path / name)), device="cpu")
    assert lm.context_limit == 32
    assert lm.tokenizer("ab1").input_ids == [TOKENS.index("ab"), TOKENS.index("1")]
    first = torch.tensor(np.random.default_rng(0).normal(size=(len(TOKENS), WIDTH))).float()
    assert torch.equal(lm.model.get_input_embeddings().weight, first)
    assert type(lm.model.lm_head) is torch.nn.Linear


def test_tensors_that_are_missing_are_named_not_made_up(tmp_path):
    tensors = {name: shape for name, shape in shapes().items() if "blk.1.ffn_down" not in name}
    with pytest.raises(ValueError, match=r"no weights for model.layers.1.mlp.down_proj.weight"):
        load(str(write(tmp_path / "model.gguf", tensors)), device="cpu")


def test_tensors_of_another_shape_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"has the shape \(8, 16\).* asks for \(8, 15\)"):
        load(str(write(tmp_path / "model.gguf", feed_forward_length=15)), device="cpu")


@pytest.mark.parametrize("key", ["blk.0.attn_q.bias", "rope_freqs.weight"])
def test_tensors_that_would_be_passed_over_are_refused(tmp_path, key):
    with pytest.raises(ValueError, match="holds 8 numbers that transformers does not read"):
        load(str(write(tmp_path / "model.gguf", shapes() | {key: (WIDTH,)})), device="cpu")


def test_a_head_that_is_the_embedding_is_counted_once(tmp_path):
    lm = load(str(write(tmp_path / "model.gguf", shapes(head=False))), device="cpu")
    assert lm.model.lm_head.weight is lm.model.get_input_embeddings().weight


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"block_count": 10**6}, "says llama.block_count = 1,000,000; no model has more"),
        ({"embedding_length": 2**20}, "describes a model of .* numbers, its weights hold at most"),
        ({"attention.head_count": 0}, "cannot be read as a causal language model"),
        ({"parts": 2}, "is one of 2 parts of a GGUF file: put them together"),
        ({"stretch": "yarn"}, "stretches its context by the rule 'yarn'"),
        ({"pre": "unheard-of"}, "cuts text by the rule 'unheard-of'"),
        ({"tokens": False}, "has no tokenizer: take a GGUF file that brings one"),
    ],
    ids=str,
)
def test_a_header_out_of_bounds_is_refused(tmp_path, changes, said):
    with pytest.raises(ValueError, match=said):
        load(str(write(tmp_path / "model.gguf", **changes)), device="cpu")


def header(n_tensors: int, n_values: int, *rest: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_values) + b"".join(rest)


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


PAD = bytes(64)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"GGML" + PAD,
        header(0, 2**60, PAD),
        header(2**60, 0, PAD),
        header(0, 1, struct.pack("<Q", 2**62), PAD),
        header(0, 1, text(b"\xff"), PAD),
        header(0, 1, text(b"a"), struct.pack("<I", 99), PAD),
        # Strings without end, which took a reader of the library all memory.
        header(0, 1, text(b"a"), struct.pack("<IIQ", 9, 8, 2**40), PAD),
        header(0, 1, text(b"a"), struct.pack("<IIQ", 9, 4, 2**40), PAD),
        # An array in an array in an array ...
        header(0, 1, text(b"a"), struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 1000, PAD),
        header(1, 0, text(b"a"), struct.pack("<I", 2**31), PAD),
        header(1, 0, text(b"a"), struct.pack("<IQIQ", 1, 4, 99, 0), PAD),
        header(1, 0, text(b"a"), struct.pack("<IQIQ", 1, 2**50, 0, 0), PAD),
        header(2, 0, 2 * (text(b"a") + struct.pack("<IQIQ", 1, 1, 0, 0)), PAD),
    ],
    ids=range(15),
)
def test_a_damaged_header_is_refused_at_once(tmp_path, content):
    (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(ValueError, match="is no GGUF file, or a damaged one"):
        load(str(tmp_path / "model.gguf"), device="cpu")


def test_every_cut_of_a_file_is_refused(tmp_path):
    whole = write(tmp_path / "whole.gguf").read_bytes()
    cut = tmp_path / "cut.gguf"
    for size in range(0, len(whole) - 32, len(whole) // 50):
        cut.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="is no GGUF file, or a damaged one"):
            load(str(cut), device="cpu")


def test_a_tensor_of_half_a_block_is_refused(tmp_path):
    path = write(tmp_path / "model.gguf")
    data = path.read_bytes()
    kind = data.index(b"output_norm.weight") + len(b"output_norm.weight") + 4 + 8
    wrong = struct.pack("<I", GGMLQuantizationType.Q4_1)  # in blocks of 32; the tensor has 8
    path.write_bytes(data[:kind] + wrong + data[kind + 4 :])
    with pytest.raises(ValueError, match="8 numbers are no whole blocks of 32"):
        load(str(path), device="cpu")
