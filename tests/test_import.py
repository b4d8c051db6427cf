"""`import coursekit` costs nothing, and no part of the package imports upwards."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import coursekit

PACKAGE = Path(coursekit.__file__).parent

GROUND = {"_chance", "_checks", "_console", "_faces", "_fetching", "_files", "_language"}
MAY_IMPORT = {
    "_chance": set[str](),
    "_checks": set[str](),
    "_console": set[str](),
    "_language": set[str](),
    "_faces": set[str](),
    "_fetching": set[str](),
    "_files": set[str](),
    "progress": GROUND,
    "lesson": GROUND | {"progress"},
    "lm": GROUND,
    "calibration": GROUND,
    "data": GROUND,
    "llm": GROUND | {"calibration", "data"},
    "plots": GROUND | {"calibration", "lesson", "progress"},
    "audit": GROUND | {"calibration", "data", "llm", "plots"},
}
EVERYTHING = set(MAY_IMPORT)
MAY_IMPORT |= {
    "": {"lesson"},
    "exercises": GROUND | {"progress"},
    "chapters": EVERYTHING | {"exercises"},
    "doctor": EVERYTHING,
    "train_command": EVERYTHING,
    "__main__": EVERYTHING | {"", "exercises", "chapters", "doctor", "train_command", "audit"},
}


def room_of(module: str) -> str:
    """The first name below `coursekit`: "llm" for "coursekit.llm.choices", "" for itself."""
    return ".".join(module.split(".")[1:2])


def imported_modules(source: str, module: str, is_package: bool) -> set[str]:
    """Names of all `coursekit` modules that a source imports, at the top or inside a function.

    `from coursekit import x` names `coursekit.x` when that is a module, else `coursekit`.
    """
    package = module if is_package else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join([*(parents if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                found.add(name if path_of(name) else base)
    return {name for name in found if name.split(".")[0] == "coursekit"}


def path_of(module: str) -> Path | None:
    stem = PACKAGE.parent.joinpath(*module.split("."))
    return next((p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.exists()), None)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


GRAPH = {
    module_name(path): imported_modules(
        path.read_text(encoding="utf-8"), module_name(path), path.name == "__init__.py"
    )
    for path in sorted(PACKAGE.rglob("*.py"))
}


def chapter_of(module: str) -> str:
    """The chapter that a module belongs to: "generation"; "" for every other module."""
    place = module.split(".")
    return place[2] if place[1:2] == ["chapters"] and len(place) > 2 else ""


def misplaced(module: str, imports: set[str]) -> set[str]:
    """The imports that the layering forbids: of a room above, or of another chapter."""
    own, chapter = room_of(module), chapter_of(module)
    return {
        name
        for name in imports
        if room_of(name) not in MAY_IMPORT[own] | {own}
        or (chapter and chapter_of(name) not in {"", chapter})
    }


def circle(graph: dict[str, set[str]]) -> list[str] | None:
    """A chain of imports that comes back to its start, or None."""
    done: set[str] = set()

    def visit(module: str, chain: list[str]) -> list[str] | None:
        if module in chain:
            return [*chain[chain.index(module) :], module]
        if module in done:
            return None
        for imported in sorted(graph.get(module, ())):
            if found := visit(imported, [*chain, module]):
                return found
        done.add(module)
        return None

    return next((found for module in sorted(graph) if (found := visit(module, []))), None)


def test_the_scan_sees_the_package():
    assert "coursekit.progress" in GRAPH["coursekit.lesson"]
    assert "coursekit.lesson" in GRAPH["coursekit"]


@pytest.mark.parametrize("module", GRAPH)
def test_nothing_imports_upwards(module):
    assert room_of(module) in MAY_IMPORT, f"{module}: a new part; give it a place in MAY_IMPORT."
    assert misplaced(module, GRAPH[module]) == set()


def test_there_are_no_circles():
    assert circle(GRAPH) is None


@pytest.mark.parametrize(
    ("source", "module", "wrong"),
    [
        ("from coursekit.llm import load", "coursekit.calibration.errors", {"coursekit.llm"}),
        ("def f():\n  import coursekit.plots", "coursekit.lm.gpt", {"coursekit.plots"}),
        ("from ..exercises import engine", "coursekit.llm.choices", {"coursekit.exercises.engine"}),
        ("from . import exercises", "coursekit.lesson", {"coursekit.exercises"}),
        (
            "from coursekit.chapters.generation.figures import law_bars",
            "coursekit.chapters.transformer.widget",
            {"coursekit.chapters.generation"},
        ),
        ("from .figures import x", "coursekit.chapters.generation.widget", set()),
        ("from .scores import x", "coursekit.calibration.errors", set()),
        ("from coursekit.calibration import x", "coursekit.plots", set()),
    ],
)
def test_the_layering_check_can_fail(source, module, wrong):
    assert {room_of(m) for m in misplaced(module, imported_modules(source, module, False))} == {
        room_of(name) for name in wrong
    }


def test_the_circle_check_can_fail():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


HEAVY = {
    "torch",
    "numpy",
    "torchmetrics",
    "transformers",
    "matplotlib",
    "sklearn",
    "filelock",
    "platformdirs",
}


@pytest.mark.parametrize(
    "module",
    [
        "coursekit",
        "coursekit.exercises",
        "coursekit.exercises.engine",
        "coursekit.audit",
        "coursekit.calibration",
        "coursekit.data",
        "coursekit.lm",
    ],
)
def test_import_loads_nothing_heavy(module):
    loaded = run_python(f"import sys, {module}; print(*sys.modules)").split()
    assert not HEAVY & {name.split(".")[0] for name in loaded}


def test_import_loads_only_the_standard_library():
    code = "import sys; old = set(sys.modules); import coursekit; print(*set(sys.modules) - old)"
    loaded = {name.split(".")[0] for name in run_python(code).split()}
    assert loaded - sys.stdlib_module_names == {"coursekit"}


#: Rooms that look up their names when they are first asked for.
FACES = ("audit", "calibration", "data", "lm")


def names_for_type_checkers(module: str) -> dict[str, str]:
    """What stands under `if TYPE_CHECKING:` in a face, each name with its module below the room."""
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: statement.module.removeprefix(f"{module}.")
        for statement in block.body
        for alias in statement.names
    }


@pytest.mark.parametrize("room", FACES)
def test_a_face_shows_the_same_names_to_people_and_to_type_checkers(room):
    face = importlib.import_module(f"coursekit.{room}")
    assert names_for_type_checkers(face.__name__) == face._HOMES
    assert face.__all__ == sorted(face._HOMES, key=isort_key)
    assert set(face.__all__) <= set(dir(face))


def isort_key(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions: the order that ruff keeps in `__all__`."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("room", FACES)
def test_every_name_of_a_face_is_there(room):
    face = importlib.import_module(f"coursekit.{room}")
    assert [name for name in face.__all__ if not hasattr(face, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = face.nonsense


def test_no_name_is_on_two_faces():
    owners = {}
    for room in (*FACES, "llm", "plots"):
        for name in importlib.import_module(f"coursekit.{room}").__all__:
            assert owners.setdefault(name, room) == room


def test_what_the_package_exports():
    assert sorted(coursekit.__all__) == ["expect", "predict"]
    assert callable(coursekit.expect)
    assert callable(coursekit.predict)


def test_version_is_that_of_the_package_metadata():
    import tomllib

    metadata = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert coursekit.__version__ == metadata["project"]["version"]


def test_who_looks_for_the_audit_in_llm_is_told_where_it_is():
    with pytest.raises(ImportError, match=r"from coursekit\.audit import audit"):
        from coursekit.llm import audit  # noqa: F401
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from coursekit.llm import nothing  # noqa: F401
