"""What import-linter cannot say about imports: techniques stand alone, and nothing heavy comes early."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import karui

PACKAGE = Path(karui.__file__).parent
FAMILIES = ("shorter", "smaller", "faster")
HEAVY = ("torch", "transformers", "accelerate", "datasets", "reasoning_gym", "sympy", "math_verify")


def techniques() -> list[Path]:
    """Every technique's file; files whose name begins with `_` are shared by a family."""
    return sorted(file for family in FAMILIES for file in (PACKAGE / family).glob("[!_]*.py"))


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: karui imports itself by full name"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_techniques_do_not_import_each_other():
    modules = {f"karui.{file.parent.name}.{file.stem}": file for file in techniques()}
    wrong = [
        f"{name} imports {other}" for name, file in modules.items() for other in imported(file) & set(modules)
    ]
    assert not wrong, "\n".join(wrong)


def libraries(file: Path) -> set[str]:
    """Returns the first parts of the names of what a file imports, in functions too."""
    return {name.split(".")[0] for name in imported(file)}


def test_the_core_imports_the_standard_library_and_numpy_only():
    allowed = sys.stdlib_module_names | {"karui", "numpy"}
    found = {file.name: libraries(file) - allowed for file in (PACKAGE / "core").rglob("*.py")}
    assert {name: names for name, names in found.items() if names} == {}


TORCH_ROOMS = ("engines/__init__.py", "engines/transformers", "artifacts", "training", "shorter", "smaller")
"""Where torch is at home; `engines/__init__.py` imports it ahead of time, for whoever measures memory."""
TRANSFORMERS_ROOMS = (*TORCH_ROOMS, "engines/chat")
"""Tokenizers and chat templates are the transformers library's too."""


@pytest.mark.parametrize(("library", "rooms"), [("torch", TORCH_ROOMS), ("transformers", TRANSFORMERS_ROOMS)])
def test_only_some_rooms_import_torch_and_transformers(library, rooms):
    files = [file for file in PACKAGE.rglob("*.py") if library in libraries(file)]
    assert files, "the test has lost sight of the files"
    homes = [PACKAGE / room for room in rooms]
    assert [str(f) for f in files if not any(f.is_relative_to(home) for home in homes)] == []


def test_no_file_is_longer_than_600_lines():
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in PACKAGE.rglob("*.py")}
    assert {str(file): lines for file, lines in lengths.items() if lines > 600} == {}


@pytest.mark.parametrize("package", sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py")))
def test_importing_a_package_imports_nothing_heavy(package):
    code = f"import sys, karui.{package}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
