"""Gathers what the documentation's site is built from; mkdocs calls it (see mkdocs.yml).

    mkdocs build --strict

The pages lie in docs/ and read well there, with links to files of the repository. The site has to be whole by
itself, so this script copies docs/ into build/site-source and adds

* `reference/techniques.md` and `reference/options.md`, written from the code;
* `benchmark/…`: the common benchmark's page, from bench/results/benchmark.
* `repository/…`: a page for each file or folder of the repository that a page links to.

Links are rewritten to match. A link to something that does not exist stays as it is, and mkdocs refuses it.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from inspect import getdoc
from pathlib import Path
from posixpath import relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SOURCE = ROOT / "build" / "site-source"

PAGES = ("CONTRIBUTING.md",)
"""Pages outside docs/ that the navigation names."""

MOVED = {"example/report.md": "example/text.md", "example/report.ja.html": "example/report-ja.html"}
"""Names of docs/ that the site cannot have: one of the two reports would hide the other."""

_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_JAPANESE = r"\u3001-\u30ff\u4e00-\u9fff\uff01-\uff60"
_BROKEN = re.compile(rf"(?<=[{_JAPANESE}])\n(?=[{_JAPANESE}])")
"""A line that ends within a Japanese sentence; a browser would show a space there."""
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_LANGUAGES = {".py": "python", ".sh": "bash", ".json": "json", ".toml": "toml", ".yaml": "yaml"}
_FAMILIES = {
    "shorter": "Shorter: think in fewer tokens",
    "smaller": "Smaller: less model",
    "faster": "Faster: spend the thinking better",
    "control": "Controls: what a technique has to beat",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Builds the source folder and points mkdocs at it."""
    gather()
    config.docs_dir = str(SOURCE)
    return config


def gather() -> None:
    """Writes build/site-source afresh."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(DOCS, SOURCE, ignore=shutil.ignore_patterns("overrides"))
    for old, new in MOVED.items():
        (SOURCE / old).rename(SOURCE / new)
    waiting = [ROOT / page for page in PAGES]
    for page in sorted(DOCS.rglob("*.md")):
        text, linked = _relinked(page, _place(page))
        (SOURCE / _place(page)).write_text(text, encoding="utf-8")
        waiting += linked
    done: set[Path] = set()
    while waiting:
        origin = waiting.pop()
        if origin in done:
            continue
        done.add(origin)
        place = _place(origin)
        target = SOURCE / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if origin.suffix == ".md":
            text, linked = _relinked(origin, place)
            waiting += linked
        else:
            show = _listing if origin.is_dir() else _notebook if origin.suffix == ".ipynb" else _listed
            text = show(origin)
        target.write_text(text, encoding="utf-8")
    reference = SOURCE / "reference"
    reference.mkdir(exist_ok=True)
    (reference / "techniques.md").write_text("\n".join(_techniques()), encoding="utf-8")
    (reference / "options.md").write_text("\n".join(_options()), encoding="utf-8")
    _benchmark(SOURCE / "benchmark")


def _benchmark(folder: Path) -> None:
    """Writes the common benchmark's page."""
    from karui.benchmarking.page import write_page
    from karui.benchmarking.results_file import load_results

    write_page(load_results(ROOT / "bench" / "results" / "benchmark" / "results.json"), folder)


def _place(origin: Path) -> Path:
    """Returns where a file of the repository lies in the site's source."""
    if origin.is_relative_to(DOCS) and not origin.is_dir():
        inside = origin.relative_to(DOCS)
        return Path(MOVED.get(str(inside), inside))
    inside = origin.relative_to(ROOT)
    if origin.is_dir():
        return Path("repository") / inside / "README.md"
    return Path("repository") / (inside if origin.suffix == ".md" else f"{inside}.md")


def _relinked(origin: Path, place: Path) -> tuple[str, list[Path]]:
    """Returns a page with its links rewritten for its place, and the pages that have to be added for them."""
    linked: list[Path] = []

    def rewritten(match: re.Match[str]) -> str:
        before, link, anchor, after = match.groups()
        target = Path(os.path.normpath(origin.parent / link))
        if re.match(r"[a-z]+:", link) or not target.exists() or not target.is_relative_to(ROOT):
            return match[0]
        if target.is_dir() and (target / "README.md").exists():
            target /= "README.md"
        if target.is_dir() or not target.is_relative_to(DOCS):
            linked.append(target)
        return f"{before}{relpath(str(_place(target)), str(place.parent))}{anchor or ''}{after}"

    parts = _CODE.split(origin.read_text(encoding="utf-8"))
    text = "".join(part if i % 2 else _LINK.sub(rewritten, part) for i, part in enumerate(parts))
    return _BROKEN.sub("", text), linked


def _listed(origin: Path) -> str:
    """Returns a page that shows a file."""
    language = _LANGUAGES.get(origin.suffix, "text")
    body = origin.read_text(encoding="utf-8").rstrip()
    return (
        f"---\nsearch: {{exclude: true}}\n---\n# {origin.relative_to(ROOT)}\n\n~~~~{language}\n{body}\n~~~~\n"
    )


def _notebook(origin: Path) -> str:
    """Returns a page that shows a notebook's cells, and what their code printed."""
    parts = [f"`{origin.relative_to(ROOT)}`"]
    for cell in json.loads(origin.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"~~~~python\n{source}\n~~~~")
        printed = "".join("".join(output.get("text", "")) for output in cell.get("outputs", ()))
        parts += [f"~~~~text\n{printed.rstrip()}\n~~~~"] if printed else []
    return "\n\n".join([*parts, ""])


def _listing(folder: Path) -> str:
    """Returns a page that lists a folder's files."""
    lines = [f"# {folder.relative_to(ROOT)}", ""]
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")):
            continue
        inside = path.is_file() and path.is_relative_to(DOCS)
        link = relpath(str(_place(path)), str(_place(folder).parent))
        lines.append(f"* [{path.name}]({link})" if inside else f"* `{path.name}`")
    return "\n".join([*lines, ""])


def _techniques() -> Iterator[str]:
    """Yields the page of techniques, from their docstrings and parameters."""
    from karui.catalog import names, technique

    classes = [technique(name) for name in names()]
    yield "# Techniques\n"
    yield "Generated from the code; `karui techniques` and `karui techniques NAME` print the same."
    yield "*Own recording* means that the technique changes the prompt, the sampling or the weights. Its"
    yield "effect cannot be replayed over the model's recording, so it is recorded itself (`--variant`).\n"
    for family, title in _FAMILIES.items():
        yield f"## {title}\n"
        for cls in sorted((c for c in classes if c.family == family), key=lambda c: c.name()):
            yield f"### {cls.name()}\n"
            yield (getdoc(cls) or "") + "\n"
            needs = ", ".join(f"`{need.value}`" for need in sorted(cls.needs))
            facts = [f"Needs: {needs}." if needs else "", "Own recording." if cls.needs_recording() else ""]
            if any(facts):
                yield " ".join(fact for fact in facts if fact) + "\n"
            if cls.knobs():
                yield "| parameter | default | searched | what it is |\n|---|---|---|---|"
            for key, (default, knob) in cls.knobs().items():
                searched = f"{knob.low} to {knob.high}" if knob.low is not None else ""
                yield f"| `{key}` | `{default}` | {searched} | {_cell(knob.help)} |"
            yield ""


def _options() -> Iterator[str]:
    """Yields the page of commands and their options, from the command line itself."""
    import typer
    import typer.main

    from karui.cli.main import app

    yield "# Commands and options\n"
    yield "Generated from the command line. `karui COMMAND --help` prints the same.\n"
    for name, command in _commands(typer.main.get_command(app)):
        yield f"## karui {name}\n"
        yield f"{command.help or ''}\n"
        yield "| option | what it is |\n|---|---|"
        context = typer.Context(command, info_name=name)
        for parameter in command.params:
            record = None if getattr(parameter, "hidden", False) else parameter.get_help_record(context)
            if record:
                option = record[0].replace("|", "\\|")
                yield f"| `{option}` | {_cell(record[1])} |"
        yield ""


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yields every command with its name, those of a group behind it."""
    for name, command in group.commands.items():
        if not command.hidden:
            yield f"{before}{name}", command
            yield from _commands(command, f"{before}{name} ") if hasattr(command, "commands") else ()


def _cell(text: object) -> str:
    """Returns text that a cell of a table can hold."""
    return str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;").replace("[", "\\[")


if __name__ == "__main__":
    gather()
