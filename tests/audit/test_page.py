"""The report for people: sentences that claim no more than the interval, and one whole page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from coursekit.audit import Report, audit, page
from coursekit.audit.page import summary, to_html, verdict
from coursekit.plots.describing import number


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "source", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report(byte_lm) -> Report:
    return audit(byte_lm, ["code", "choices", "answers"], 40, progress=False)


@pytest.fixture(scope="module")
def html(report) -> str:
    return to_html(report)


def test_the_page_is_whole_and_loads_nothing(html):
    page = Page(html)
    assert page.open == []
    assert page.of("html") == [{"lang": "en"}]
    assert page.of("script") == page.of("link") == page.of("iframe") == []
    sources = [a["src"] for a in page.of("img")] + [a["srcset"] for a in page.of("source")]
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert all(a["href"].startswith("#") for a in page.of("a"))
    assert "url(" not in html
    assert "http" not in html


def test_it_can_be_used_without_seeing_or_in_the_dark(html, report):
    page = Page(html)
    images = page.of("img")
    assert len(images) == len(page.of("source")) == 1 + len(report.tasks)
    assert all(re.search(r"\d", image["alt"]) for image in images)
    gaps = (report.metrics(task)["gap"].estimate for task in report.tasks)
    assert all(number(gap) in images[0]["alt"] for gap in gaps)
    for image, task in zip(images[1:], report.tasks, strict=True):
        assert f"{int((report.bins(task).count > 0).sum())} point" in image["alt"]
    assert "prefers-color-scheme: dark" in html
    assert len(page.of("h1")) == 1
    assert len(page.of("main")) == 1
    assert len(page.of("caption")) == len(page.of("table"))
    assert all(heading.get("scope") in ("col", "row") for heading in page.of("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.of("a")} <= set(ids)


def test_every_number_of_the_tasks_is_there(html, report):
    for task in report.tasks:
        for name, found in report.metrics(task).items():
            assert format(found, "+.3f" if name == "gap" else ".3f") in html
        assert f"{report.temperature(task):.2f}" in html


def test_the_same_report_gives_the_same_page(html, report):
    assert to_html(report) == html


def test_what_a_model_says_cannot_become_markup(report, monkeypatch):
    monkeypatch.setattr(page, "_drawn", lambda _: page.Drawn("", "", ""))
    data = report.data | {"model": report.data["model"] | {"name": "<script>alert(1)</script>"}}
    found = to_html(Report(data))
    assert "<script>" not in found
    assert "&lt;script&gt;" in found


@pytest.mark.parametrize(
    ("gap", "ece", "said"),
    [
        (
            (0.1, 0.05, 0.2),
            (0.2, 0.1, 0.3),
            "surer than it is right (+0.100 [+0.050, +0.200]). ECE 0.200 [0.100, 0.300], more",
        ),
        ((-0.1, -0.2, -0.05), (0.1, 0.01, 0.2), "less sure than it is right (-0.100 [-0.200"),
        ((0.1, -0.05, 0.2), (0.1, 0.01, 0.2), "no gap between confidence and accuracy was detect"),
        ((0.1, -0.05, 0.2), (0.01, 0, 0.1), "ECE 0.010 [0.000, 0.100]: chance alone explains it."),
        ((0.1, 0.05, 0.2), (0.1, 0, 0.2), "Its ECE alone would not show it: 0.100 [0.000, 0.200]."),
    ],
)
def test_a_verdict_is_no_bolder_than_its_interval(report, gap, ece, said):
    found = report.task("code")
    parts = ("estimate", "low", "high")
    changed = {"gap": dict(zip(parts, gap, strict=True)), "ece": dict(zip(parts, ece, strict=True))}
    tasks = {"code": found | {"metrics": found["metrics"] | changed}}
    other = Report(report.data | {"tasks": tasks})
    assert said in verdict(other, "code")
    assert verdict(other, "code") in summary(other)
