"""A model is looked at on whatever device it stands."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from coursekit.llm import _admission


class AsOnAnAppleGPU(torch.Tensor):
    """A tensor that has no float64 until it is brought to the CPU."""

    def double(self):
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype")

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def test_the_logits_of_an_apple_gpu_are_read_too():
    logits = torch.randn(1, 5, 7).as_subclass(AsOnAnAppleGPU)

    def model(input_ids):
        return SimpleNamespace(logits=logits)

    with pytest.raises(TypeError, match="MPS"):
        logits.double()
    read = _admission._logits(model, torch.tensor([[0]]), "a model")
    assert read.dtype == torch.float64
    assert type(read) is torch.Tensor
