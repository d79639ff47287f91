"""Checks that the house stands as planned: sizes, cycles, contracts, words that have gone, time to open.

    python scripts/house.py            every check; exits with 1 if one fails
    python scripts/house.py --sizes    the sizes alone, with the largest files and functions

The limits are those of CONTRIBUTING.md. Times are processor seconds, the fastest of several runs, because the
clock of a busy machine says more about its other work.
"""

import argparse
import ast
import re
import resource
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grimp
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "karui"

FILE_LINES, MEDIAN_LINES, FUNCTION_LINES, PARAMETERS, FOLDER_FILES = 400, 120, 60, 8, 15
IMPORT_SECONDS, HELP_SECONDS = 0.15, 0.3
ONE_FILE_EACH = ("shorter", "smaller", "faster", "recording/importing/formats", "cli/commands", "study/api")
"""Folders that hold one file per technique, log format, command or public function: they grow by design."""
GONE = (r'startswith\("stage ',)
"""What may stand nowhere in the code: state that is read back from sentences."""
GONE_MODULES = ("phrases",)


@dataclass(frozen=True)
class Function:
    """A function as far as its size goes.

    Attributes:
        place: Its file and line.
        name: Its name.
        lines: From `def` to its end, without its docstring.
        parameters: Without `self` and `cls`.
    """

    place: str
    name: str
    lines: int
    parameters: int


def sources() -> list[Path]:
    """Returns every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def lines_of(path: Path) -> int:
    """Returns how many lines a file has."""
    return len(path.read_text(encoding="utf-8").splitlines())


def functions() -> Iterator[Function]:
    """Yields every function and method of the package."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                docstring = node.body[0]
                lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            count = len([name for name in names if name not in {"self", "cls"}])
            yield Function(f"{path.relative_to(ROOT)}:{node.lineno}", node.name, lines, count)


def too_large() -> Iterator[str]:
    """Yields what is larger than the limits, in words."""
    sizes = {path: lines_of(path) for path in sources()}
    for path, lines in sizes.items():
        if lines > FILE_LINES:
            yield f"{path.relative_to(ROOT)} has {lines} lines; the limit is {FILE_LINES}."
    median = statistics.median(sizes.values())
    if median > MEDIAN_LINES:
        yield f"The median file has {median:.0f} lines; the limit is {MEDIAN_LINES}."
    for function in functions():
        if function.lines > FUNCTION_LINES:
            yield (
                f"{function.place} {function.name} has {function.lines} lines; the limit is {FUNCTION_LINES}."
            )
        if function.parameters > PARAMETERS:
            yield (
                f"{function.place} {function.name} has {function.parameters} parameters; "
                f"the limit is {PARAMETERS}."
            )
    for folder in sorted({path.parent for path in sources()}):
        files = len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        if files > FOLDER_FILES and str(folder.relative_to(PACKAGE)) not in ONE_FILE_EACH:
            yield f"{folder.relative_to(ROOT)} has {files} files; the limit is {FOLDER_FILES}."


def cycles() -> Iterator[str]:
    """Yields cycles of files, and of the packages within each package; imports in functions count too."""
    graph = grimp.build_graph("karui", include_external_packages=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    for ring in _rings(imports):
        yield "Files import each other: " + ", ".join(ring)
    packages = {m for m in graph.modules if graph.find_children(m)}
    for package in sorted(packages):
        children = {
            child: {
                _child_of(package, imported)
                for module in (child, *graph.find_descendants(child))
                for imported in imports[module]
                if imported.startswith(package + ".")
            }
            - {child}
            for child in graph.find_children(package)
        }
        rings = [ring for ring in _rings(children) if any(child in packages for child in ring)]
        for ring in rings:
            yield "Packages import each other: " + ", ".join(ring)


def _child_of(package: str, module: str) -> str:
    """Returns the direct child of a package in which a module lies."""
    return f"{package}.{module[len(package) + 1 :].split('.', maxsplit=1)[0]}"


def _rings(imports: dict[str, set[str]]) -> Iterator[tuple[str, ...]]:
    """Yields each set of nodes that reach one another: the strongly connected components of two or more."""
    nodes = sorted(imports)
    place = {node: number for number, node in enumerate(nodes)}
    arrows = [(place[a], place[b]) for a in nodes for b in imports[a] if b in place]
    starts, ends = zip(*arrows, strict=True) if arrows else ((), ())
    graph = csr_array((np.ones(len(arrows)), (starts, ends)), shape=(len(nodes), len(nodes)))
    _, component = connected_components(graph, connection="strong")
    for number, size in Counter(component.tolist()).items():
        if size > 1:
            yield tuple(node for node in nodes if component[place[node]] == number)


def gone() -> Iterator[str]:
    """Yields what was done away with and has come back."""
    for path in sources():
        if path.stem in GONE_MODULES:
            yield f"{path.relative_to(ROOT)}: no module has this name any more."
        text = path.read_text(encoding="utf-8")
        for pattern in GONE:
            if re.search(pattern, text):
                yield f"{path.relative_to(ROOT)} matches {pattern}."


def contracts() -> Iterator[str]:
    """Yields what import-linter finds broken."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        yield "import-linter: " + done.stdout[done.stdout.find("Broken contracts") :].strip()


def processor_seconds(command: list[str], runs: int = 7) -> float:
    """Returns the processor seconds of the fastest of several runs."""
    found = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def slow() -> Iterator[str]:
    """Yields what takes too long before a user sees anything."""
    bare = processor_seconds([sys.executable, "-c", "pass"])
    imported = processor_seconds([sys.executable, "-c", "import karui"])
    shown = processor_seconds([sys.executable, "-m", "karui", "--help"])
    print(f"import karui {imported:.3f} s, karui --help {shown:.3f} s; Python alone {bare:.3f} s")
    if imported > IMPORT_SECONDS:
        yield f"import karui takes {imported:.2f} processor seconds; the limit is {IMPORT_SECONDS}."
    if shown > HELP_SECONDS:
        yield f"karui --help takes {shown:.2f} processor seconds; the limit is {HELP_SECONDS}."


def sizes() -> None:
    """Prints the sizes and what is largest."""
    files = {path: lines_of(path) for path in sources()}
    print(f"{len(files)} files, {sum(files.values())} lines, median {statistics.median(files.values()):.0f}")
    for path, lines in sorted(files.items(), key=lambda item: -item[1])[:10]:
        print(f"  {lines:5} lines  {path.relative_to(ROOT)}")
    for function in sorted(functions(), key=lambda f: -f.lines)[:10]:
        print(f"  {function.lines:5} lines  {function.place} {function.name}")
    for function in sorted(functions(), key=lambda f: -f.parameters)[:10]:
        print(f"  {function.parameters:5} parameters  {function.place} {function.name}")


def main(arguments: Iterable[str] | None = None) -> int:
    """Runs the checks and prints what fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", action="store_true", help="print sizes and check nothing")
    if parser.parse_args(None if arguments is None else list(arguments)).sizes:
        sizes()
        return 0
    faults = [fault for check in (too_large, cycles, gone, contracts, slow) for fault in check()]
    for fault in faults:
        print(fault)
    print("The house stands." if not faults else f"{len(faults)} faults.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
