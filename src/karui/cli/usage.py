"""What was probably meant where the command line cannot be read, and what it was called before."""

import shlex
import sys
from pathlib import Path
from typing import Any

from typer.core import TyperCommand
from typer.exceptions import TyperException

_SUFFIXES = (".jsonl", ".csv", ".tsv", ".json")
_ELSEWHERE = {
    "--verifier": "A verifier is named in the column 'verifier' of the questions file.",
    "--answers": "Answers are the column 'answer' of the questions file.",
    "--system": "A system message is the column 'system' of the questions file.",
    "--data": "Your questions are given by --questions FILE.",
    "--dataset": "Your questions are given by --questions FILE.",
    "--output": "The folder for what a run makes is given by --out FOLDER.",
    "--url": "A server is given by --model http://HOST:PORT/v1#NAME.",
    "--base-url": "A server is given by --model http://HOST:PORT/v1#NAME.",
    "--api-key": "The key of a server is read from the environment: KARUI_API_KEY.",
}
"""What other tools call things, and where karui has them."""


ALLOW_CODE = "--allow-code"
"""Lets code run that only data names: see `karui.permission`."""
RENAMED = {
    "--at-once": "--concurrency",
    "--beside": "--aux-model",
    "--include": "--variants",
    "--rehearse-fallback": "--test-fallbacks",
    "--style": "--variant",
    "--version": "--variant",
}
"""Options by their names of one version ago."""

RENAMED_VERBS = {"weigh": "profile", "stage": "rollout"}
"""Verbs likewise."""


class Verb(TyperCommand):
    """A verb that knows options by their old names, and whose usage errors say what was probably meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the words behind the verb."""
        if new := RENAMED_VERBS.get(str(ctx.info_name)):
            _say_renamed(f"`karui {ctx.info_name}`", f"`karui {new}`")
        args = _permitted(self._renamed(args))
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            known = {name for param in self.params for name in param.opts}
            if hint := _meant(given, known):
                error.message = f"{error.message.rstrip('.')}. {hint}"
            raise

    def _renamed(self, args: list[str]) -> list[str]:
        """Returns the words with options by their present names; says so, once for each."""
        known = {name for param in self.params for name in param.opts}
        found = []
        told = set()
        for word in args:
            name, equals, value = word.partition("=")
            new = RENAMED.get(name, "")
            if new in known and name not in known:
                if name not in told:
                    _say_renamed(name, new)
                told.add(name)
                word = f"{new}{equals}{value}"  # noqa: PLW2901 - the same word by its present name
            found.append(word)
        return found


def _permitted(args: list[str]) -> list[str]:
    """Takes `--allow-code`, which every verb knows; files that are named on the line are allowed by that."""
    from karui.permission import allow_all, allow_named

    if ALLOW_CODE in args:
        allow_all()
    for word in args:
        if ".py" in word:
            allow_named(word)
    return [word for word in args if word != ALLOW_CODE]


def _say_renamed(old: str, new: str) -> None:
    from karui.cli.console import say

    say(f"{old} is now called {new}; the old name goes with the next version.")


def _meant(words: list[str], known: set[str]) -> str:
    """Returns what was probably meant, in a sentence; "" where nothing comes to mind."""
    for before, word in zip(["", *words], words, strict=False):
        name = word.partition("=")[0]
        if name in _ELSEWHERE and name not in known:
            return _ELSEWHERE[name]
        if word.startswith("-") or before.startswith("-"):
            continue
        if Path(word).suffix in _SUFFIXES and "--questions" in known:
            return f"Did you mean --questions {word}?"
        if (word.startswith("http") or Path(word).is_dir()) and "--model" in known:
            return f"Did you mean --model {word}?"
    return ""


def command_line() -> str:
    """Returns what was typed, for the report."""
    return shlex.join(["karui", *sys.argv[1:]])
