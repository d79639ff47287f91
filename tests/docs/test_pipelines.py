"""The recipes for continuous integration are YAML, and call what karui has."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from karui.cli.main import app

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("passport.md", "compare.md")
COMMAND = typer.main.get_command(app)


def recipes() -> list[tuple[str, Any]]:
    """Every block of YAML in the pages that have recipes."""
    found = []
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        found += [
            (page, yaml.safe_load(block)) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        ]
    return found


def scripts(value: Any) -> list[str]:
    """Every text in a recipe that runs karui."""
    if isinstance(value, str):
        return [value] if "karui " in value and not value.startswith("pip ") else []
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for each in values for text in scripts(each)]


CALLS = [
    (page, call.strip())
    for page, recipe in recipes()
    for text in scripts(recipe)
    for call in re.findall(r"karui [^|\n]*", text)
]


def test_there_are_recipes_for_both():
    passports = [recipe for page, recipe in recipes() if page == "passport.md"]
    assert len(passports) == 2
    assert "jobs" in passports[0]
    assert "script" in passports[1]["promise"]
    for recipe in passports:
        text = " ".join(scripts(recipe))
        assert all(word in text for word in ("passport verify", "passport diff", "--updated --reproduce"))


@pytest.mark.parametrize(("page", "call"), CALLS)
def test_a_recipe_calls_what_there_is(page, call):
    words = shlex.split(call.replace("2>&1", ""))[1:]
    command: Any = COMMAND
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known, page
