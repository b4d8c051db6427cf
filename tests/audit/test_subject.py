"""What is audited: any model, held in evaluation mode, named without its path, hashed whole."""

from __future__ import annotations

import copy
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from gguf import GGUFWriter, LlamaFileType
from torch import nn

from coursekit.audit import TASKS, audit
from coursekit.audit.subject import as_language_model, fingerprint, name_of, weights_of
from coursekit.llm import LanguageModel, embedded

SOME = {"tasks": ["code"], "limit": 8, "progress": False}


@pytest.fixture
def own(byte_lm):
    """A copy whose weights and mode a test may change."""
    return copy.deepcopy(byte_lm.model)


# --- the front door


def test_every_way_in_leads_to_the_same_numbers(byte_lm, byte_model):
    model, tokenizer = byte_lm.model, byte_lm.tokenizer
    expected = audit(byte_lm, **SOME).data["tasks"]
    for report in (
        audit(str(byte_model), **SOME),
        audit(byte_model, **SOME),
        audit(model, tokenizer, **SOME),
        audit(model, tokenizer=tokenizer, **SOME),
        audit(model, tokenizer, ["code"], 8, progress=False),
        audit(byte_lm, ["code"], 8, progress=False),
        audit(byte_lm, ["code"], limit=8, progress=False),
    ):
        assert report.data["tasks"] == expected


def test_a_limit_may_stand_alone(byte_lm, monkeypatch):
    monkeypatch.setitem(TASKS, "code", TASKS["code"])
    for name in set(TASKS) - {"code"}:
        monkeypatch.delitem(TASKS, name)
    assert audit(byte_lm, None, 8, progress=False).task("code")["items"] == 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (lambda lm: (lm.model,), r"tokenizer must be given .* found None. Write audit\(model, tok"),
        (lambda lm: (lm.model, ["code"]), "tokenizer must be given with a model in memory"),
        (lambda lm: (lm.model, "gpt2", ["code"], 8), "must be a tokenizer of transformers, found"),
        (lambda lm: (lm.model, "gpt2"), "tasks must be a list, found 'gpt2'"),
        (lambda lm: (lm, lm.tokenizer), "tokenizer must be left out where the model brings its"),
        (lambda lm: ("gpt2", lm.tokenizer), "tokenizer must be left out where the model brings"),
        (lambda lm: (3,), "model must be a name, .* found int"),
        (lambda lm: (nn.Linear(2, 2), lm.tokenizer), "model must be a model of transformers, foun"),
        (lambda lm: (lm.model, object()), "tokenizer must be a tokenizer of transformers, found o"),
    ],
)
def test_what_is_missing_is_named(byte_lm, arguments, said):
    with pytest.raises(TypeError, match=said):
        audit(*arguments(byte_lm))


# --- evaluation mode


def with_dropout(model: nn.Module) -> nn.Module:
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.5
    return model


def test_a_model_in_training_is_audited_without_dropout_and_given_back(byte_lm, own):
    with_dropout(own).train()
    own.transformer.h[0].eval()
    modes = [part.training for part in own.modules()]
    expected = audit(byte_lm, **SOME).data["tasks"]
    assert audit(own, byte_lm.tokenizer, **SOME).data["tasks"] == expected
    assert audit(replace(byte_lm, model=own), **SOME).data["tasks"] == expected
    assert [part.training for part in own.modules()] == modes
    assert True in modes
    assert False in modes


def test_the_mode_comes_back_after_an_error_too(byte_lm, own, monkeypatch):
    def broken(*_):
        assert not own.training
        raise RuntimeError("in the middle")

    monkeypatch.setattr(type(TASKS["code"]), "read", broken)
    with pytest.raises(RuntimeError, match="in the middle"):
        audit(own.train(), byte_lm.tokenizer, **SOME)
    assert all(part.training for part in own.modules())


# --- names


def test_spellings_of_a_path_give_one_report(byte_model, tmp_path, monkeypatch):
    shutil.copytree(byte_model, tmp_path / "mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    spellings = ["mine", "./mine/", str(tmp_path / "mine"), str(tmp_path / "link")]
    reports = {audit(spelling, **SOME).to_json() for spelling in spellings}
    assert len(reports) == 1
    assert str(tmp_path) not in reports.pop()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("org/model", "org/model"),
        (embedded.NAME, embedded.NAME),
        ("/gone/since/then", "then"),
        ("GPT2LMHeadModel", "GPT2LMHeadModel"),
        ("x" * 5000, "x" * 5000),
        ("/", "/"),
    ],
)
def test_a_name_is_no_path(byte_lm, name, said):
    assert name_of(replace(byte_lm, name=name)) == said


# --- what it is, to the last byte


def changed_parameter(model):
    model.transformer.h[0].mlp.c_fc.weight.data[3, 5] += 1e-6


def changed_bit(model):
    weight = model.transformer.wte.weight.data
    weight.view(torch.int32)[100, 7] ^= 1


def changed_buffer(model):
    model.transformer.h[0].register_buffer("scale", torch.ones(2))


def changed_config(model):
    model.config.layer_norm_epsilon = 1e-4


@pytest.mark.parametrize("change", [changed_parameter, changed_bit, changed_buffer, changed_config])
def test_any_change_of_a_model_changes_its_fingerprint(byte_lm, own, change):
    assert fingerprint(replace(byte_lm, model=own)) == fingerprint(byte_lm)
    change(own)
    assert fingerprint(replace(byte_lm, model=own)) != fingerprint(byte_lm)


def test_weights_that_are_tied_are_the_same_as_two_equal_ones(byte_lm, own):
    own.lm_head.weight = nn.Parameter(own.lm_head.weight.detach().clone())
    assert fingerprint(replace(byte_lm, model=own)) == fingerprint(byte_lm)
    own.lm_head.weight.data[0, 0] += 1
    assert fingerprint(replace(byte_lm, model=own)) != fingerprint(byte_lm)


def test_exchanged_weights_of_one_shape_are_another_model(byte_lm, own):
    block = own.transformer.h[0]
    block.ln_1.weight, block.ln_2.weight = block.ln_2.weight, block.ln_1.weight
    own.transformer.ln_f.bias.data[0] = 1
    block.ln_1.bias.data[0] = 1
    one = fingerprint(replace(byte_lm, model=own))
    block.ln_1.bias.data[0], block.ln_2.bias.data[0] = 0, 1
    assert fingerprint(replace(byte_lm, model=own)) != one


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_another_model(byte_lm, own, dtype):
    assert fingerprint(replace(byte_lm, model=own.to(dtype))) != fingerprint(byte_lm)


def test_weights_that_accelerate_keeps_elsewhere_are_hashed_as_well(byte_lm, own):
    expected = fingerprint(replace(byte_lm, model=own))
    away = cpu_offload(own, execution_device=torch.device("cpu"))
    assert away.transformer.ln_f.weight.is_meta
    assert fingerprint(replace(byte_lm, model=away)) == expected
    assert away.transformer.ln_f.weight.is_meta


def test_a_fine_tuned_copy_is_not_gone_on_with(byte_lm, own, tmp_path):
    """The ends of its tensors, which a short digest would look at, have not changed."""
    audit(byte_lm, **SOME, folder=tmp_path)
    changed_parameter(own)
    with pytest.raises(ValueError, match="holds the audit of something else: fingerprint was"):
        audit(own, byte_lm.tokenizer, **SOME, folder=tmp_path, resume=True)


# --- precision


def test_the_precision_of_the_weights_is_said(byte_lm, smollm2):
    assert weights_of(byte_lm) == "float32"
    assert weights_of(smollm2) == "Q4_1, dequantised to float32"
    half = replace(byte_lm, model=copy.deepcopy(byte_lm.model).bfloat16())
    assert weights_of(half) == "bfloat16"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (LlamaFileType.MOSTLY_Q4_K_M, "Q4_K_M, dequantised to float32"),
        (LlamaFileType.ALL_F32, "F32, read as float32"),
        (LlamaFileType.MOSTLY_BF16, "BF16, read as float32"),
        (9999, "GGUF, dequantised to float32"),
        (None, "GGUF, dequantised to float32"),
    ],
)
def test_a_gguf_file_says_how_it_was_quantised(byte_lm, tmp_path, kind, said):
    writer = GGUFWriter(tmp_path / "model.gguf", "llama")
    if kind is not None:
        writer.add_file_type(int(kind))
    writer.add_tensor("x", np.zeros(32, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert weights_of(replace(byte_lm, name=str(tmp_path / "model.gguf"))) == said


def test_a_language_model_is_taken_as_it_is(byte_lm):
    assert as_language_model(byte_lm, None) is byte_lm
    assert isinstance(as_language_model(byte_lm.model, byte_lm.tokenizer), LanguageModel)
    assert Path(os.fspath(byte_lm.name)).is_dir()
