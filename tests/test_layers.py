"""Imports run one way, and some libraries and calls have one home: read from the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "curation"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "sql", "progress", "resources", "yaml_text", "model_errors"),
    ("lake",),
    ("privacy",),
    ("engines", "learn"),
    ("finders",),
    ("sampling",),
    ("steps",),
    ("recipe",),
    ("training",),
    ("monitor",),
    ("demo",),
    ("cli",),
)
RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}
FREE = {"", "__main__"}
"""The package's front door and its command, which name what they hand on."""
GROUND = set(LAYERS[0])


@dataclass(frozen=True)
class Import:
    file: Path
    line: int
    module: str
    is_lazy: bool
    """Inside a function, so that it happens on use."""

    @property
    def package(self) -> str:
        parts = self.module.split(".")
        return parts[1] if len(parts) > 1 else ""

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


def home(file: Path) -> str:
    """The package of the core that a file belongs to; the empty text for its front door."""
    first = file.relative_to(CORE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports_in(source: str, file: Path) -> Iterator[Import]:
    tree = ast.parse(source)
    lazy = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports relatively"
            # `from curation import sql` names a module of the package.
            is_root = node.module == "curation"
            names = [f"curation.{a.name}" if is_root else str(node.module) for a in node.names]
        for name in names:
            yield Import(file, node.lineno, name, id(node) in lazy)


def imports_of(*folders: Path) -> list[Import]:
    files = [f for folder in folders for f in (sorted(folder.rglob("*.py")) or [folder])]
    return [found for file in files for found in imports_in(file.read_text("utf-8"), file)]


def runs_back(package: str, found: Import) -> bool:
    """Say whether a core package imports one that is not below it."""
    target = found.package
    if package == target or package in FREE or not found.module.startswith("curation."):
        return False
    if target == "ui":
        return package != "cli" or not found.is_lazy
    if package in ("ui", "interop"):
        return target == "cli"
    if package in GROUND and target in GROUND:
        return False
    return RANK[target] >= RANK[package]


def core_imports() -> list[Import]:
    return imports_of(CORE)


def test_every_package_of_the_core_has_its_place_in_the_order() -> None:
    homes = {home(file) for file in CORE.rglob("*.py")}
    assert homes - FREE - {"ui", "interop"} <= set(RANK)


def test_no_import_runs_back() -> None:
    assert [str(found) for found in core_imports() if runs_back(home(found.file), found)] == []


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("lake", "from curation.steps import Step"),
        ("steps", "from curation.recipe.model import Recipe"),
        ("engines", "import curation.learn.ridge"),
        ("privacy", "from curation.engines.duckdb import DuckDBEngine"),
        ("errors", "from curation.lake.workspace import Workspace"),
        ("steps", "from curation.ui import forms"),
        ("cli", "from curation.ui.server import start"),
        ("ui", "from curation.cli.main import app"),
        ("recipe", "def f():\n    from curation import cli"),
    ],
)
def test_an_import_that_runs_back_is_seen(package: str, line: str) -> None:
    [found] = imports_in(line, CORE / package / "x.py")
    assert runs_back(package, found)


def test_the_command_line_may_load_the_ui_when_it_is_called() -> None:
    [found] = imports_in("def f():\n    from curation.ui.server import start", CORE / "cli/x.py")
    assert not runs_back("cli", found)


@pytest.mark.parametrize(
    ("library", "homes"), [("cleanlab", {"finders"}), ("streamlit", {"ui"}), ("plotly", {"ui"})]
)
def test_a_library_has_one_home(library: str, homes: set[str]) -> None:
    others = [
        str(found)
        for found in core_imports()
        if found.module.split(".")[0] == library and home(found.file) not in homes
    ]
    assert others == []


def page_files() -> list[Path]:
    return sorted((ROOT / "pages").glob("*.py"))


def test_pages_and_ui_read_no_rows_past_the_gate() -> None:
    closed = (
        "curation.lake.source_files",
        "curation.lake.target_files",
        "curation.engines",
        "duckdb",
    )
    found = [
        str(found)
        for found in imports_of(ROOT / "pages", CORE / "ui")
        if found.module.startswith(closed)
    ]
    assert found == []


def test_pages_and_ui_run_no_sql() -> None:
    calls = [
        f"{file.relative_to(ROOT)}:{node.lineno} calls .{node.func.attr}()"
        for file in [*page_files(), *sorted((CORE / "ui").glob("*.py"))]
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("cursor", "execute", "fetchall", "fetchone", "read_text", "sql")
        and ast.unparse(node.func.value) != "Path(__file__)"
        and not (node.func.attr == "read_text" and "resource" in ast.unparse(node.func.value))
    ]
    assert calls == []


_SQL_WORDS = ("SELECT ", "INSERT ", "DELETE ", "CREATE ", "ATTACH ", "COPY ", "SET ", " WHERE ")


def test_only_the_sql_module_puts_quotes_around_a_name_or_a_value() -> None:
    quoted = [
        f"{file.relative_to(ROOT)}:{text.lineno} puts {{{ast.unparse(value.value)}}} in quotes"
        for file in sorted(CORE.rglob("*.py"))
        if file.name != "sql.py" and home(file) not in ("ui", "cli")
        for text in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(text, ast.JoinedStr) and any(w in ast.unparse(text) for w in _SQL_WORDS)
        for before, value in zip(text.values, text.values[1:], strict=False)
        if isinstance(before, ast.Constant)
        and isinstance(value, ast.FormattedValue)
        and str(before.value).endswith(("'", '"'))
        # A constant of the module is not a user's.
        and not ast.unparse(value.value).isupper()
        and "Error" not in ast.unparse(text)
    ]
    assert quoted == []


def test_the_package_loads_nothing_heavy_before_it_is_used() -> None:
    heavy = (
        "sklearn",
        "cleanlab",
        "streamlit",
        "plotly",
        "pandas",
        "polars",
        "wordllama",
        "rich.live",
    )
    code = (
        "import sys, curation, curation.cli.main; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_sorted_and_there() -> None:
    import curation

    assert list(curation.__all__) == sorted(curation.__all__)
    assert [name for name in curation.__all__ if not hasattr(curation, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'load_recepe'"):
        curation.load_recepe  # noqa: B018 - the look-up is what is tested
