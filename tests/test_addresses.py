"""Every address that the course prints is well formed: what can be told without a network."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[1]
PATTERNS = ("*.md", "NOTICE", "CITATION.cff", "docs/*.md", "docs/references.bib", "Dockerfile")
PATTERNS += (
    "notebooks/source/*.py",
    ".github/**/*.yml",
    "coursekit/**/*.py",
    "coursekit/**/*.jinja",
)
FILES = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern))
#: Up to whatever ends an address in prose, Markdown, YAML, BibTeX or Python.
ADDRESS = re.compile(r"https?://[^\s<>\"'`{}\\|]+")
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
#: Old pages whose own machine is known to us by no other address.
WITHOUT_TLS = {"http://www.dcs.gla.ac.uk/Keith/Preface.html"}
#: What is only an example: one's own machine, reserved names, letters that stand for a name.
EXAMPLE = re.compile(
    r"localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|.*\.?example(\.\w+)?|[A-Z]+|[a-z-]+"
)


def addresses(text: str) -> list[str]:
    """The addresses of a text, without the sentence's own marks after them."""
    found = []
    for address in ADDRESS.findall(text):
        address = address.rstrip(".,;:!?*_…")
        while address.endswith((")", "]")) and address.count(address[-1]) > address.count(
            {")": "(", "]": "["}[address[-1]]
        ):
            address = address[:-1].rstrip(".,;:!?*")
        cut = address.find("](")  # a Markdown link whose text is an address
        found.append(address if cut < 0 else address[:cut])
    return found


def malformed(address: str) -> bool:
    """Whether no browser could open it, or a reader's network would see what he reads."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return True
    if EXAMPLE.fullmatch(host) or address in WITHOUT_TLS:
        return False
    return (
        parts.scheme != "https"
        or HOST.fullmatch(host) is None
        or "//" in parts.path
        or not address.isascii()
        or any(name in address.lower() for name in ("todo", "xxx"))
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_addresses_are_well_formed(path):
    found = addresses(path.read_text(encoding="utf-8"))
    assert [address for address in found if malformed(address)] == []


def test_dois_are_dois():
    text = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
    dois = re.findall(r"\bdoi = \{(.*?)\}", text)
    assert len(dois) > 30
    assert [doi for doi in dois if not re.fullmatch(r"10\.\d{4,9}/\S+", doi)] == []


def test_what_is_malformed_is_found():
    text = "See [it](https://a.org/b(c)), <http://a.org>, https://b..org/x and https://a.org//x."
    assert addresses(text) == [
        *("https://a.org/b(c)", "http://a.org", "https://b..org/x", "https://a.org//x")
    ]
    assert [malformed(address) for address in addresses(text)] == [False, True, True, True]
    assert not malformed("http://127.0.0.1:8080/v1")
    assert malformed("https://a.org:port/")
