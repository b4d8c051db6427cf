from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from coursekit.audit import audit
from coursekit.chapters.audit_your_model import widget as module
from coursekit.chapters.audit_your_model.widget import diagrams_of, report_explorer


@pytest.fixture(scope="module")
def reports(byte_lm):
    full = audit(byte_lm, ["code", "choices"], 12, progress=False)
    return {"full": full, "part": audit(byte_lm, ["code"], 12, progress=False)}


def test_the_figure_has_a_panel_for_each_report(reports):
    figure = diagrams_of(reports, "code").get_figure(root=True)
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        f"{name}, N = {report.bins('code').count.sum():,}" for name, report in reports.items()
    ]
    assert figure.get_suptitle() == "Next token, code"
    plt.close(figure)


def test_few_answers_stand_in_few_bins(reports):
    figure = diagrams_of({"full": reports["full"]}, "choices").get_figure(root=True)
    assert reports["full"].bins("choices").count.sum() < module.FEW
    offsets = [len(line.get_xdata()) for line in figure.axes[0].lines]
    assert max(offsets) <= 6
    plt.close(figure)


def test_only_shared_tasks_can_be_chosen(reports, monkeypatch):
    asked = {}
    monkeypatch.setattr(module, "explore", lambda draw, **knobs: asked.update(knobs))
    report_explorer(reports)
    assert asked["task"].options == ("code",)


def test_nothing_to_choose(reports, byte_lm):
    with pytest.raises(ValueError, match="reports must hold at least one"):
        report_explorer({})
    other = audit(byte_lm, ["answers"], 8, progress=False)
    with pytest.raises(ValueError, match="a task in common, found none"):
        report_explorer({"one": reports["part"], "other": other})
