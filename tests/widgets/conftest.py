"""What widget tests share: a stand-in for the notebook's display, and no figure left open."""

import importlib

import matplotlib.pyplot as plt
import pytest


@pytest.fixture
def displayed(monkeypatch):
    """What `explore` would have shown in the notebook."""
    shown = []
    # The package has a function of the same name, so the module is asked for by its full name.
    module = importlib.import_module("coursekit.widgets.explore")
    monkeypatch.setattr(module, "display", shown.append)
    return shown


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")
