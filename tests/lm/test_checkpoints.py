"""Checkpoints: whole or refused, with the reason."""

from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch

from coursekit.lm.checkpoints import FILE, load_checkpoint, load_gpt, restore_model, save_checkpoint
from coursekit.lm.gpt import GPT, GPTConfig
from coursekit.lm.optimization import TrainingConfig, adamw

CONFIG = GPTConfig(vocab_size=7, context=4, width=4, n_layers=1, n_heads=1, dropout=0.1)


def a_model(seed: int = 0, **changes) -> GPT:
    return GPT(GPTConfig(**vars(CONFIG) | changes), torch.Generator().manual_seed(seed))


@pytest.fixture
def folder(tmp_path):
    model = a_model()
    save_checkpoint(tmp_path, model, adamw(model, TrainingConfig()), {"step": 3, "x": [0.1, None]})
    return tmp_path


def rewrite(folder, change_tensors=None, change_labels=None):
    """Change a checkpoint as another program would."""
    path = folder / FILE
    with safetensors.safe_open(path, framework="pt") as file:
        labels = file.metadata()
    tensors = safetensors.torch.load(path.read_bytes())
    if change_tensors:
        change_tensors(tensors)
    if change_labels:
        change_labels(labels)
    path.write_bytes(safetensors.torch.save(tensors, labels))


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "alibi", "none"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_gpt_comes_back_as_it_was(tmp_path, positions, tied):
    model = a_model(positions=positions, tie_weights=tied)
    save_checkpoint(tmp_path, model, adamw(model, TrainingConfig()), {})
    state = torch.get_rng_state()
    loaded = load_gpt(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert loaded.config == model.config
    assert not loaded.training
    ids = torch.tensor([[1, 2, 3, 4]])
    assert torch.equal(loaded(ids), model.eval()(ids))
    assert (loaded.head.weight is loaded.token_embedding.weight) == tied


def test_a_checkpoint_holds_what_it_was_given(folder):
    tensors, header = load_checkpoint(folder)
    assert header["progress"] == {"step": 3, "x": [0.1, None]}
    assert header["model"] == vars(CONFIG)
    moments = {name for name in tensors if name.startswith("optimizer.")}
    assert len(moments) == 3 * len(list(a_model().parameters()))
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must hold a checkpoint\.safetensors, found none"):
        load_gpt(tmp_path)


def test_what_was_read_is_not_tied_to_the_file(folder):
    tensors, _ = load_checkpoint(folder)
    read = {name: tensor.clone() for name, tensor in tensors.items()}
    path = folder / FILE
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert all(torch.equal(tensors[name], read[name]) for name in read)


def test_what_another_program_wrote_is_foreign(tmp_path):
    (tmp_path / FILE).write_bytes(safetensors.torch.save({"weight": torch.ones(2)}))
    with pytest.raises(ValueError, match=r"what train\(.*\) wrote, found another"):
        load_gpt(tmp_path)


def test_a_changed_header_is_noticed(folder):
    def change(labels):
        labels["coursekit"] = labels["coursekit"].replace('"step": 3', '"step": 4')

    rewrite(folder, change_labels=change)
    with pytest.raises(ValueError, match="damaged: its numbers have changed"):
        load_gpt(folder)


def test_another_format_is_named(folder, monkeypatch):
    monkeypatch.setattr("coursekit.lm.checkpoints.FORMAT", 2)
    with pytest.raises(ValueError, match=r"format 2, found .* of format 1, which"):
        load_gpt(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda tensors: tensors.pop("model.final_norm.bias"),
            "must hold model.final_norm.bias, found no such tensor",
        ),
        (
            lambda tensors: tensors.update({"model.token_embedding.weight": torch.ones(8, 4)}),
            r"token_embedding.weight .* \(7, 4\) .* found torch.float32 \(8, 4\)",
        ),
        (
            lambda tensors: tensors.update({"model.final_norm.bias": torch.ones(4).half()}),
            r"final_norm.bias .*found torch.float16",
        ),
    ],
)
def test_a_missing_or_wrong_weight_is_named_and_nothing_is_changed(folder, change, said):
    tensors, _ = load_checkpoint(folder)
    change(tensors)
    other = a_model(seed=1)
    before = [parameter.clone() for parameter in other.parameters()]
    with pytest.raises(ValueError, match=said):
        restore_model(other, tensors)
    assert all(torch.equal(a, b) for a, b in zip(before, other.parameters(), strict=True))


def test_the_header_is_json_that_anyone_can_read(folder):
    content = (folder / FILE).read_bytes()
    length = int.from_bytes(content[:8], "little")
    labels = json.loads(content[8 : 8 + length])["__metadata__"]
    assert json.loads(labels["coursekit"])["model"]["vocab_size"] == 7
