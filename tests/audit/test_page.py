"""The report for people: sentences that claim no more than the interval, and one whole page."""

from __future__ import annotations

import re
from copy import deepcopy
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
    assert ". Seed 0;" in html  # sentences that stand together have a space between them
    assert "http" not in html


def test_it_can_be_used_without_seeing_or_in_the_dark(html, report):
    page = Page(html)
    images = page.of("img")
    # Of questions there are two figures each, with bins and without.
    assert len(images) == len(page.of("source")) == 1 + len(report.tasks) + 2
    assert all(re.search(r"\d", image["alt"]) for image in images)
    gaps = (report.metrics(task)["gap"].estimate for task in report.tasks)
    assert all(number(gap) in images[0]["alt"] for gap in gaps)
    with_bins = [image for image in images[1:] if not image["alt"].startswith("Without bins")]
    for image, task in zip(with_bins, report.tasks, strict=True):
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


def test_every_group_and_the_half_before_have_the_raw_ece(html, report):
    for task in report.tasks:
        found = report.task(task)
        assert f"{found['temperature']['raw_ece_before']:.3f}" in html
        for groups in found["groups"].values():
            assert all(
                f'class="number">{group["raw_ece"]:.3f}<' in html for group in groups.values()
            )
    kinds = report.task("choices")["groups"]["kind"].values()
    whole = report.bins("choices")
    # Bins of all together may cancel what the groups' own bins hold.
    weighted = sum(kind["items"] * kind["raw_ece"] for kind in kinds) / whole.count.sum()
    assert weighted >= (whole.weight * whole.gap.abs()).sum() - 1e-9


def test_an_excerpt_is_the_page_s_own_text_and_changes_nothing_around_it(html, report):
    found = page.excerpt(html, "summary", "choices")
    assert Page(found).open == []
    assert {tag for tag, _ in Page(found).tags} <= {
        *("p", "strong", "ul", "li", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"),
        *("details", "summary", "pre"),
    }
    assert verdict(report, "choices") in found
    assert format(report.metrics("choices")["gap"], "+.3f") in found
    assert format(report.metrics("code")["brier"], ".3f") in found  # in the table of all tasks
    assert "Without bins" in html and "Without bins" not in found
    assert "Code" not in page.excerpt(html, "choices")
    with pytest.raises(ValueError, match=r"some of summary, code, choices, .* found 'prose'"):
        page.excerpt(html, "prose")


def test_the_same_report_gives_the_same_page(html, report):
    assert to_html(report) == html


def test_nothing_that_was_asked_or_said_can_become_markup(report, monkeypatch):
    monkeypatch.setattr(page, "_drawn", lambda _: page.Drawn("", "", ""))
    text, data = '"><script>alert({})</script>', deepcopy(report.data)
    data["model"] |= {"name": text.format("model"), "weights": text.format("weights")}
    data["software"] = {text.format("package"): text.format("version")}
    task = data["tasks"]["answers"]
    for entry in ("title", "event", "entity", "prompt"):
        task[entry] = text.format(entry)
    task["surest_wrong"] = [
        {name: text.format(name) for name in ("question", "said", "right")} | {"agreeing": 9}
    ]
    kinds = task["groups"]["kind"]
    task["groups"] = {text.format("label"): {text.format("group"): next(iter(kinds.values()))}}
    found = to_html(Report(data))
    assert Page(found).of("script") == []
    names = ("model", "weights", "package", "version", "title", "event", "entity", "prompt")
    for name in (*names, "question", "said", "right", "label", "group"):
        assert f"&lt;script&gt;alert({name})&lt;/script&gt;" in found
        assert f"<script>alert({name})" not in found


def test_a_name_with_dollar_signs_is_no_formula(report):
    data = deepcopy(report.data)
    data["tasks"] = {"code": data["tasks"]["code"] | {"title": r"$\frac{1}$ <b>"}}
    drawn = page._figures(Report(data), "code")
    assert "<b>, N = " in drawn[0].alt


def test_the_diagram_has_one_title_with_the_valid_interval(report):
    axes = page._diagram(report, "code")
    assert axes.get_title("center") == ""
    assert axes.get_title("left").endswith(f"ECE without chance {report.metrics('code')['ece']}")


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
        (
            (0.1, -0.05, 0.2),
            (0.01, 0, 0.1),
            "ECE 0.010 [0.000, 0.100]: chance alone may explain it.",
        ),
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
