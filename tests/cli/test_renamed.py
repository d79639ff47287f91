"""Names of one version ago still work, are hidden from help, and say what they are called now."""

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from karui.cli.main import app
from karui.cli.usage import RENAMED, RENAMED_VERBS


def karui(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words])


@pytest.mark.parametrize(
    ("verb", "words", "written"),
    [
        ("poc", ("--at-once", "7"), "concurrency = 7"),
        ("poc", ("--at-once=7",), "concurrency = 7"),
        ("poc", ("--style", "no-thinking", "--style", "chain-of-draft"), '"no-thinking", "chain-of-draft"'),
        ("poc", ("--version", "gguf:type=q8_0"), 'variant = ["gguf:type=q8_0"]'),
        ("poc", ("--include", "smaller"), 'variants = ["smaller"]'),
        ("record", ("--style", "no-thinking"), 'variant = ["no-thinking"]'),
        ("choose", ("folder", "--beside", "small=x"), 'small = "x"'),
        ("choose", ("folder", "--style", "x"), 'variant = ["x"]'),
    ],
)
def test_an_old_option_is_the_new_one_and_says_so_once(
    verb: str, words: tuple[str, ...], written: str
) -> None:
    done = karui(verb, *words, "--write-config")
    assert done.exit_code == 0, done.output
    assert written in done.stdout
    old = next(w for w in words if w.startswith("--")).partition("=")[0]
    line = f"{old} is now called {RENAMED[old]}; the old name goes with the next version."
    assert done.stderr.count(line) == 1


def test_the_new_names_say_nothing() -> None:
    assert karui("poc", "--variant", "no-thinking", "--concurrency", "7", "--write-config").stderr == ""


@pytest.mark.parametrize("old", RENAMED_VERBS)
def test_an_old_verb_is_hidden_and_leads_to_the_new_one(old: str) -> None:
    verbs = get_command(app).commands  # type: ignore[attr-defined]
    assert verbs[old].hidden
    assert f"  {old} " not in karui("--help").output
    done = karui(old, "--no-such-option")
    assert done.exit_code == 2
    assert f"`karui {old}` is now called `karui {RENAMED_VERBS[old]}`" in done.stderr


def test_every_old_option_leads_somewhere() -> None:
    verbs = get_command(app).commands.values()  # type: ignore[attr-defined]
    known = {name for verb in verbs for param in verb.params for name in param.opts}
    assert set(RENAMED.values()) <= known
    assert not known & (RENAMED.keys() - {"--version"})
