"""Configuration of the site. `docs/build.py` copies this file beside the pages it makes."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parent))
import extras
import in_languages
import pages
from wording import CHINESE, ENGLISH

#: `sphinx -t zh` makes the site of that language.
words = CHINESE if tags.has(CHINESE.code) else ENGLISH  # noqa: F821  Sphinx defines it
project = words.title
author = words.authors
copyright = f"{words.authors}{words.licence}"
language = words.sphinx

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["requirements.txt"]
templates_path = ["_templates"]
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "alpha"

# The pages show what the committed notebooks hold.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
# Notebooks may go from a title to an exercise two levels below it.
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = [("Reference", "notes_style"), ("References", "notes_style")]
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("language.js", {"defer": "defer"})]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_persistent": [],
    "show_toc_level": 2,
    "article_header_end": ["language.html", "article-header-buttons.html"],
    "use_download_button": False,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
#: What a chat or a feed shows of a link to the site.
myst_html_meta = {
    "description": words.summary,
    "property=og:site_name": project,
    "property=og:type": "website",
    "twitter:card": "summary_large_image",
}
if pages.REPOSITORY:
    owner, _, repository = pages.REPOSITORY.partition("/")
    card = f"https://{owner.lower()}.github.io/{repository}/{extras.CARD}"
    myst_html_meta["property=og:image"] = card
    html_theme_options |= {
        "repository_url": f"https://github.com/{pages.REPOSITORY}",
        "use_repository_button": True,
    }

# MathJax comes out of a Python package, so that formulas need no network either. The one file that
# draws with SVG needs no fonts beside it.
mathjax = Path(importlib.import_module("sphinx-mathjax-offline").__file__).parent
html_static_path.append(str(mathjax / "static" / "mathjax" / "tex-svg.js"))
mathjax_path = "tex-svg.js"


def setup(app: Sphinx) -> None:
    """Read docstrings as this project writes them, and name many authors as people do."""
    in_languages.setup(app, words)

    def reformat(app, what, name, thing, options, lines):
        lines[:] = pages.restructured(lines)

    # Before napoleon, which looks for sections.
    app.connect("autodoc-process-docstring", reformat, priority=400)

    def abbreviate(app, doctree, docname):
        for text in list(doctree.findall(nodes.Text)) if docname == "bibliography" else []:
            if " and others" in text:
                text.parent.replace(text, nodes.Text(text.replace(" and others", " et al")))

    app.connect("doctree-resolved", abbreviate)
