"""Site and slides in a real browser: accessible, usable by keyboard, nothing cut off, offline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECKS = [
    f"{slides}/{path.stem}"
    for slides, notebooks in (("slides", "notebooks"), ("zh/slides", "notebooks/zh"))
    for path in sorted((ROOT / notebooks).glob("[0-9][0-9]_*.ipynb"))
]
PAGES = [
    "index.html",
    "glossary.html",
    "bibliography.html",
    "search.html",
    "reference/calibration.html",
    "notebooks/08_calibration_metrics.html",
    "slides/index.html",
    "zh/index.html",
    "zh/teaching.html",
    "zh/slides/index.html",
]
WIDTH, HEIGHT = 1280, 720
SMALLEST_TEXT = 0.6  # of the size it was designed for: 17 pixels for prose
#: What sticks out of its slide, in pixels of the slide, and how far text was shrunk.
MEASURE = """() => [...document.querySelectorAll(".slides section section")].map((slide) => {
  const frame = slide.getBoundingClientRect();
  const scale = frame.width / 1280;
  const inside = [...slide.querySelectorAll(".fit, .fit *")].map((e) => e.getBoundingClientRect());
  const out = inside.filter((box) => box.width > 0).map((box) => Math.max(
    (box.bottom - frame.top) / scale - 720, (box.right - frame.left) / scale - 1280));
  const fit = slide.querySelector(".fit");
  return {
    text: fit.innerText.slice(0, 60),
    over: Math.max(0, ...out, slide.scrollHeight - 720, slide.scrollWidth - 1280),
    size: parseFloat(fit.dataset.size),
  };
})"""


@pytest.fixture
def page(chromium):
    """A page at the size of a projected slide, which notes errors and calls to other machines."""
    page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.troubles = []

    def complain(message):
        if message.type == "error":
            page.troubles.append(message.text)

    def leave(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            page.troubles.append(request.url)

    page.on("console", complain)
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("request", leave)
    yield page
    page.close()


def open_deck(page, built, name):
    page.goto((built / f"{name}.html").as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")


@pytest.mark.parametrize("name", DECKS)
def test_no_slide_is_cut_off(page, built, name):
    open_deck(page, built, name)
    slides = page.evaluate(MEASURE)
    assert len(slides) >= 20
    assert [slide for slide in slides if slide["over"] > 1] == []
    assert [slide for slide in slides if slide["size"] < SMALLEST_TEXT] == []
    assert page.troubles == []
    assert page.locator("mjx-merror").count() == 0


def test_a_slide_that_is_too_high_is_noticed_and_shrunk(page, built):
    open_deck(page, built, DECKS[0])
    page.evaluate(
        """() => {
          const fit = document.querySelectorAll(".fit")[1];
          fit.innerHTML = "<p>line</p>".repeat(20);
        }"""
    )
    assert page.evaluate(MEASURE)[1]["over"] > 1
    page.evaluate("() => shrink(document.querySelectorAll('.fit')[1])")
    slide = page.evaluate(MEASURE)[1]
    assert slide["over"] <= 1
    assert slide["size"] < 1


def test_slides_turn_by_keyboard(page, built):
    open_deck(page, built, DECKS[0])
    assert page.locator("section.title h1").is_visible()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.hash.startsWith('#/1')")
    page.keyboard.press("Space")
    page.wait_for_function("location.hash.startsWith('#/1/1') || location.hash.startsWith('#/2')")


def test_arrows_do_not_cover_what_a_slide_says(page, built):
    open_deck(page, built, DECKS[0])
    arrows = page.locator(".reveal .controls button.enabled").all()
    below = page.evaluate(
        "parseFloat(getComputedStyle(document.querySelector('.fit')).paddingBottom)"
    )
    assert len(arrows) >= 2
    assert all(arrow.bounding_box()["y"] >= HEIGHT - below for arrow in arrows)


def test_slides_keep_their_margins_on_paper(page, built):
    page.goto((built / f"{DECKS[0]}.html").as_uri() + "?print-pdf")
    page.wait_for_selector(".pdf-page h1")
    page.emulate_media(media="print")
    assert page.locator(".pdf-page h1").first.bounding_box()["x"] >= 40


def test_the_speaker_finds_notes(page, built):
    open_deck(page, built, "slides/20_audit_your_model")
    notes = page.locator("aside.notes").all_text_contents()
    assert len(notes) == page.locator(".slides section section").count()
    assert all(re.search(r"Minute \d+ of \d+\.", note) for note in notes)
    assert sum("Ask:" in note for note in notes) >= 5
    assert sum("To see:" in note for note in notes) >= 3


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious(page, built, path, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.add_init_script(f"localStorage.mode = localStorage.theme = '{theme}'")
    page.goto((built / path).as_uri())
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)  # formulas, and the colours of the theme
    assert page.troubles == []  # before axe, which fetches the style sheets
    violations = axe.run(page).response["violations"]
    found = [
        (violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
        for violation in violations
        if violation["impact"] in ("serious", "critical")
    ]
    assert found == []


def test_axe_finds_nothing_serious_on_a_slide(page, built):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    open_deck(page, built, "slides/08_calibration_metrics")
    violations = axe.run(page).response["violations"]
    found = [v["id"] for v in violations if v["impact"] in ("serious", "critical")]
    assert found == []


def test_the_site_works_by_keyboard(page, built):
    page.goto((built / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open] input[type=search]")
    page.keyboard.type("isotonic")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    assert "q=isotonic" in page.url


def test_dark_mode_is_a_menu_away_and_stays(page, built):
    page.goto((built / "index.html").as_uri())
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "light"
    page.get_by_role("button", name="Color mode").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Dark", exact=True).first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(theme) == "dark"
    page.reload()
    assert page.evaluate(theme) == "dark"


@pytest.mark.parametrize("words", ["置信度", "熵", "预测的区间", "Brier"])
def test_the_search_finds_chinese(page, built, words):
    page.goto((built / "zh" / "search.html").as_uri() + f"?q={words}")
    page.wait_for_selector("#search-results li a")


def test_the_search_finds_nothing_where_pairs_of_signs_are_missing(page, built):
    page.goto((built / "zh" / "search.html").as_uri() + "?q=置信度饕餮")
    page.wait_for_selector("#search-results .search-summary:has-text('搜索')")
    page.wait_for_timeout(500)
    assert page.locator("#search-results li a").count() == 0


def test_the_switch_of_language_leads_to_the_same_section_and_back(page, built):
    english, chinese = (
        f"{(built / folder / 'teaching.html').as_uri()}#grade-with-nbgrader"
        for folder in ("", "zh")
    )
    page.goto(english)
    for name, there in (("简体中文", chinese), ("English", english)):
        # A click by the mouse would first scroll to where the bar stands that sticks to the top.
        page.get_by_role("link", name=name, exact=True).evaluate("link => link.click()")
        page.wait_for_url(there)


@pytest.mark.parametrize("width", [390, WIDTH])
def test_the_switch_of_language_is_on_the_screen(page, built, width):
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.goto((built / "zh" / "index.html").as_uri())
    box = page.locator("a.language-switch").bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= width
    assert box["y"] >= 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
