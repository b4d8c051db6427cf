"""What widget tests share: a stand-in for the notebook's display, and no figure left open."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from coursekit.widgets import _explore


@pytest.fixture
def displayed(monkeypatch):
    """What `explore` would have shown in the notebook."""
    shown = []
    monkeypatch.setattr(_explore, "display", shown.append)
    return shown


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")
