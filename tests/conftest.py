"""What several tests share: the embedded model, tiny random ones with its tokenizer, a browser.

PyTorch is imported only inside the fixtures: the process that hands the tests out to the workers
reads this file, too, and they wait for it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:  # pytest reads this file also where there is no Playwright
    from playwright.sync_api import Browser

    from coursekit.llm import LanguageModel

# One profile for every property, with no verdict by the clock: a busy machine takes its time.
# In CI hypothesis draws the same examples every time; at night it looks further.
settings.register_profile(
    "course",
    max_examples=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "nightly", settings.get_profile("course"), max_examples=200, derandomize=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "course"))

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


os.environ["MPLBACKEND"] = "Agg"  # figures without a screen, in child processes too


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """No figure stays open after a test."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What `explore` would have shown in the notebook."""
    from coursekit.plots import interactive

    shown: list[object] = []
    monkeypatch.setattr(interactive, "display", shown.append)
    return shown


@pytest.fixture(scope="session")
def smollm2() -> LanguageModel:
    """The embedded model, loaded once a session, on the CPU."""
    from coursekit.llm import load

    return load(device="cpu")


@pytest.fixture(scope="session", params=["llama", "gpt2"])
def tiny_lm(request: pytest.FixtureRequest, smollm2: LanguageModel) -> LanguageModel:
    """A random model of two layers that reads SmolLM2's tokens: as exact as a big one, and fast."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    vocab_size = smollm2.model.config.vocab_size
    if request.param == "llama":
        config = LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            initializer_range=0.3,
        )
        model = LlamaForCausalLM(config)
    else:
        config = GPT2Config(
            vocab_size=vocab_size,
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=128,
            initializer_range=0.3,
        )
        model = GPT2LMHeadModel(config)
    model = model.eval().requires_grad_(False)
    return replace(smollm2, name=f"tiny-{request.param}", model=model)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; where there is none, the tests are skipped."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install -r docs/requirements.txt"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(BROWSER_FLAGS))
        yield browser
        browser.close()
