"""docs/api.md names all that `import karui` offers, and its examples call what is there."""

import ast
import re
from inspect import signature
from pathlib import Path

import pytest

import karui
from karui.gateway.settings import Settings
from karui.study.config.fields import options_of
from karui.study.config.schema import ChooseConfig, ModelOptions, RecordConfig, RunConfig, StudyConfig
from karui.study.config.verbs import MakeOptions
from karui.study.result import Study

ROOT = Path(karui.__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
DOCSTRING = (karui.__doc__ or "").partition("\n\n")[2].partition("\n\nEvery")[0]
OPTIONS = {
    "poc": StudyConfig,
    "record": RecordConfig,
    "choose": ChooseConfig,
    "confirm": ModelOptions,
    "profile": ModelOptions,
    "run": RunConfig,
    "make": MakeOptions,
    "serve": Settings,
}


def _named(table: str) -> set[str]:
    rows = PAGE.partition(table)[2].partition("\n\n")[0].splitlines()[1:]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_the_page_names_what_there_is() -> None:
    functions = _named("| name | arguments | returns |\n")
    types = _named("| type | what it is |\n")
    assert functions | types == set(karui.__all__) - {"__version__"}


def test_the_page_names_the_members_of_a_study() -> None:
    named = {name.partition("(")[0] for name in _named("| member | what it is |\n")}
    fields = set(Study.__dataclass_fields__)
    members = {name for name in vars(Study) if not name.startswith("_")} | fields
    assert named == members - {"load", "profile", "language", "details"}


def _known(verb: str) -> set[str]:
    names = set(signature(getattr(karui, verb)).parameters)
    config = OPTIONS.get(verb)
    if config is Settings:
        return names | set(Settings.__dataclass_fields__)
    return names | ({name for name, _, _ in options_of(config)} if config else set())


@pytest.mark.parametrize(
    "text", [*EXAMPLES, (karui.__doc__ or "").partition("\n\n")[2].split("\n\nEvery")[0]]
)
def test_an_example_calls_what_is_there(text: str) -> None:
    called = 0
    for node in ast.walk(ast.parse("\n".join(line.removeprefix("    ") for line in text.splitlines()))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "karui":
            assert node.attr in karui.__all__
            called += 1
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "study":
            assert hasattr(Study, node.attr) or node.attr in Study.__dataclass_fields__, node.attr
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, verb = node.func.value, node.func.attr
            of_karui = isinstance(owner, ast.Name) and owner.id == "karui"
            known = _known(verb) if of_karui else set(signature(getattr(Study, verb)).parameters)
            assert {k.arg for k in node.keywords} <= known
    assert called
