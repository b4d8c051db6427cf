"""What Sphinx has to know of two languages: the switch between them, and a search for Chinese.

A section has the same address in both: the English pages, which are made first, note the anchors of
their sections, and the Chinese ones take them over in order.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from wording import CHINESE, ENGLISH, Words, switch

CHINESE_RUN = re.compile(r"[\u3400-\u9fff]+")


class SearchPairs(SearchEnglish):
    """Chinese by pairs of signs, which needs no dictionary; the rest as in English.

    A query is cut in the same way, so a page is found that holds all pairs of a word.
    """

    lang = CHINESE.code
    language_name = "English"  # so Sphinx calls the stemmer
    js_splitter_code = """
function splitQuery(query) {
  const runs = query.match(/[\\u3400-\\u9fff]+|(?:(?![\\u3400-\\u9fff])[\\p{L}\\p{N}_])+/gu) || [];
  return runs.flatMap((run) => {
    const signs = [...run];
    if (signs.length < 2 || !/[\\u3400-\\u9fff]/.test(run)) return [run];
    return signs.slice(1).map((sign, i) => signs[i] + sign);
  });
}
"""

    def split(self, input: str) -> list[str]:
        """The words of a text, and of Chinese each sign and each pair of neighbours."""
        runs = CHINESE_RUN.findall(input)
        pairs = [run[i : i + 2] for run in runs for i in range(len(run) - 1)]
        return [*super().split(CHINESE_RUN.sub(" ", input)), *"".join(runs), *pairs]


def setup(app: Sphinx, words: Words) -> None:
    """Connect all this to the builder of the site of one language."""
    app.add_config_value("in_both", [], "env", list)
    app.add_search_language(SearchPairs)
    noted = Path(app.srcdir).parent / "sections.json"
    anchors: dict[str, list[str]] = {}

    def note(app: Sphinx, doctree: nodes.document) -> None:
        sections = list(doctree.findall(nodes.section))
        anchors[app.env.docname] = [section["ids"][0] for section in sections]

    def take_over(app: Sphinx, doctree: nodes.document) -> None:
        english = anchors.get(app.env.docname, [])
        sections = list(doctree.findall(nodes.section))
        if len(english) == len(sections):
            for section, anchor in zip(sections, english, strict=True):
                section["ids"] = [anchor]

    def save(app: Sphinx, exception: Exception | None) -> None:
        noted.write_text(json.dumps(anchors), encoding="utf-8")

    # Before the collectors of contents and titles.
    if words is ENGLISH:
        app.connect("doctree-read", note, priority=400)
        app.connect("build-finished", save)
    else:
        anchors |= json.loads(noted.read_text(encoding="utf-8"))
        app.connect("doctree-read", take_over, priority=400)

    def offer(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
        if page in app.config.in_both:
            here, there = page.count("/"), "" if words is CHINESE else "zh/"
            up = "../" * (here + (words is CHINESE))
            context["language_switch"] = switch(words, f"{up}{there}{page}.html")

    app.connect("html-page-context", offer)
