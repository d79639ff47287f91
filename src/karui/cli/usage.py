"""What was probably meant where the command line cannot be read."""

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


class Verb(TyperCommand):
    """A verb whose usage errors say what was probably meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the words behind the verb."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            known = {name for param in self.params for name in param.opts}
            if hint := _meant(given, known):
                error.message = f"{error.message.rstrip('.')}. {hint}"
            raise


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
