"""One JupyterLab and one browser for all browser tests, both on this machine alone.

The notebooks are copies in a temporary folder, because JupyterLab saves what it opens. Settings,
workspaces and the learner's progress are temporary too.
"""

from __future__ import annotations

import ast
import json
import os
import re
import secrets
import socket
import subprocess
import symtable
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jupytext
import nbformat
import pytest

if TYPE_CHECKING:  # pytest reads this file also where there is no Playwright
    from playwright.sync_api import Browser, Locator, Page

SOURCES = Path(__file__).parents[2] / "notebooks" / "source"
#: Of anything that happens in the page, and of all the cells of a notebook: a slow machine may
#: take its time. Nothing waits longer than it must.
ACTION_S, CELLS_S = 600, 3600


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: where it answers whom, its folder, the learner's progress file."""

    url: str
    token: str
    folder: Path
    progress: Path

    def stop_kernels(self) -> None:
        """End all kernels, so that one notebook after the other fits into the memory."""
        for kernel in self.ask("kernels"):
            self.ask(f"kernels/{kernel['id']}", method="DELETE")

    def ask(self, path: str, method: str = "GET") -> Any:
        """What the server's own interface answers."""
        asked = urllib.request.Request(f"{self.url}/api/{path}", method=method)
        asked.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(asked, timeout=ACTION_S) as answer:
            return json.loads(answer.read() or "null")


@dataclass
class Notebook:
    """A notebook that is open in the browser."""

    lab: Lab
    page: Page
    #: What the page asked of other machines.
    asked_outside: list[str] = field(default_factory=list)

    def open(
        self, number: str, needed_for: str | None = None, quicker: tuple[str, str] = ("", "")
    ) -> None:
        """Open a notebook without outputs: all of it, or what one of its cells needs.

        Args:
            number: the two digits of the notebook.
            needed_for: a piece of that cell's source.
            quicker: what to write in it instead of what, to save time.
        """
        source = next(iter(SOURCES.glob(f"{number}_*.py")), None)
        if source is None:
            pytest.skip(f"notebook {number} is not written yet")
        notebook = jupytext.read(source)
        if needed_for is not None:
            notebook.cells = cells_needed_for(needed_for, notebook.cells)
            notebook.cells[0].source = notebook.cells[0].source.replace(*quicker)
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, self.lab.folder / f"{source.stem}.ipynb")
        self.page.add_locator_handler(self.page.locator(".jp-Dialog"), self.agree)
        self.page.goto(
            f"{self.lab.url}/lab/workspaces/{number}/tree/{source.stem}.ipynb?token={self.lab.token}"
        )
        # Before its kernel is there, a notebook takes no orders.
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()

    def agree(self, dialog: Locator) -> None:
        """Press the button that a dialog proposes, such as the choice of a kernel."""
        print("JupyterLab asks:", dialog.inner_text())
        dialog.locator(".jp-mod-accept").click()

    def run_all(self) -> None:
        """Choose *Run > Run All Cells*, and wait until every cell has run."""
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt")
        for _ in range(3):
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            self.page.wait_for_timeout(1000)
            self.until(lambda: "[*]:" not in prompts.all_inner_texts(), CELLS_S)
            error = self.page.locator('[data-mime-type="application/vnd.jupyter.error"]')
            assert error.all_inner_texts() == []
            # JupyterLab now and then drops what it is told just after it opened a notebook.
            if "[ ]:" not in prompts.all_inner_texts():
                return
        pytest.fail("JupyterLab did not run the cells.")

    def cell(self, source: str) -> Locator:
        """The code cell whose source contains a text."""
        editor = self.page.locator(".jp-Cell-inputArea", has_text=source)
        return self.page.locator(".jp-CodeCell", has=editor)

    def rerun(self, source: str, replacement: str | None = None) -> Locator:
        """Run a cell again with Shift + Enter, rewritten if a replacement is given."""
        cell = self.cell(source)
        before = cell.locator(".jp-InputPrompt").text_content()
        cell.locator(".cm-content").click()
        if replacement is not None:
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(replacement)
            cell = self.cell(replacement.splitlines()[-1])
        self.page.keyboard.press("Shift+Enter")
        prompt = cell.locator(".jp-InputPrompt")
        self.until(lambda: re.search(r"\d", text := prompt.text_content()) and text != before)
        return cell

    def until(self, condition: Callable[[], Any], seconds: float = ACTION_S) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            self.page.wait_for_timeout(50)


def cells_needed_for(text: str, cells: list) -> list:
    """The cell with this text, and before it one cell with every statement that it builds on."""
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    last = next(i for i, source in enumerate(code) if text in source)
    missing = set()
    for statement in reversed(ast.parse(code[last]).body):
        reads, binds = reads_and_binds(statement)
        missing = (missing - binds) | reads
    kept = []
    for source in reversed(code[:last]):
        for statement in reversed(ast.parse(source).body):
            reads, binds = reads_and_binds(statement)
            if binds & missing:
                missing = (missing - binds) | reads
                kept.append(ast.get_source_segment(source, statement))
    return [nbformat.v4.new_code_cell(source) for source in ("\n".join(kept[::-1]), code[last])]


def reads_and_binds(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that a statement needs from those above it, and those that it binds."""
    table = symtable.symtable(ast.unparse(statement), "a cell", "exec")
    binds = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    reads = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    if isinstance(statement, ast.For):  # its own variables come from nowhere above
        reads -= binds
    return reads | globals_inside(table) - binds, binds


def globals_inside(table: symtable.SymbolTable) -> set[str]:
    """The global names that the functions and comprehensions of a piece of code use."""
    found = set()
    for inner in table.get_children():
        found |= {s.get_name() for s in inner.get_symbols() if s.is_global()}
        found |= globals_inside(inner)
    return found


@pytest.fixture(scope="session")
def lab(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab as a learner starts it, but without Jupyter's news."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = tmp_path_factory.mktemp("course")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    started = Lab(f"http://127.0.0.1:{port}", token, folder, home / "progress.json")
    write_settings(home / "CONFIG")
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": token,
    }
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    places = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | places | {"COURSEKIT_PROGRESS": str(started.progress)}
    log = home / "log"
    with log.open("w", encoding="utf-8") as file:
        server = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_for(started, server, log)
        yield started
        started.stop_kernels()
    finally:
        server.terminate()
        server.wait(timeout=ACTION_S)


def write_settings(folder: Path) -> None:
    """Answer JupyterLab's question about news; hide nbgrader, the teacher's tool, if it is here."""
    news = folder / "lab/user-settings/@jupyterlab/apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false"}', encoding="utf-8"
    )
    (folder / "labconfig").mkdir()
    (folder / "labconfig/page_config.json").write_text(
        '{"disabledExtensions": {"@jupyter/nbgrader": true}}', encoding="utf-8"
    )


def wait_for(lab: Lab, server: subprocess.Popen, log: Path) -> None:
    """Return when the server answers; fail with what it wrote if it ends or stays silent."""
    end = time.monotonic() + ACTION_S
    while server.poll() is None and time.monotonic() < end:
        try:
            lab.ask("status")
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail("JupyterLab does not answer:\n" + log.read_text(encoding="utf-8"))


@pytest.fixture
def notebook(chromium: Browser, lab: Lab) -> Iterator[Notebook]:
    """A window of the browser, in which to open one notebook."""
    lab.stop_kernels()
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(1000 * ACTION_S)
    opened = Notebook(lab, page)
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((lab.url, "data:", "blob:"))
            else opened.asked_outside.append(asked.url)
        ),
    )
    yield opened
    page.close()
