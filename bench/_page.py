"""Writes the table of families into docs/models.md, from the results of `models.py`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _figures import ROOT

PAGE = ROOT / "docs" / "models.md"
RESULTS = ROOT / "bench" / "results" / "models.json"
_BEGIN, _END = "<!-- table: bench/models.py --document -->", "<!-- end of table -->"
_DOES = {
    "undecided": "opens its thinking itself, or not",
    "thinking": "thinks: the prompt opens it",
    "answering": "does not think",
}


def document(results: Path = RESULTS, page: Path = PAGE) -> None:
    """Replaces the table of the page by one of the results."""
    found = json.loads(results.read_text("utf-8"))
    before, _, rest = page.read_text("utf-8").partition(_BEGIN)
    _, _, behind = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n{_table(found['models'])}{_END}{behind}", encoding="utf-8")


def _table(models: Sequence[dict[str, Any]]) -> str:
    rows = ["| family | templates | thinks between | told nothing | thinks with | does not with | levels |"]
    rows.append("|---|---|---|---|---|---|---|")
    names = dict.fromkeys(m["family"] for m in models)
    for name in sorted(names, key=str.casefold):
        own = [m for m in models if m["family"] == name]
        found = own[0]["found"]
        off = "" if found["off"] is None else _switch(found["off"])
        told = (
            "thinks when told to, or as it likes"
            if _switch(found["on"]) and found["by_default"] == "undecided"
            else ""
        )
        cells = [
            name,
            str(len(own)),
            f"{_code(found['open'])} {_code(found['close'])}",
            told or _DOES[found["by_default"]],
            _switch(found["on"]),
            off,
            ", ".join(found["efforts"]),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _switch(said: dict[str, Any]) -> str:
    words = [f"{name}={value!r}" for name, value in said["arguments"].items()]
    return ", ".join(map(_code, [*words, *filter(None, [said["word"]])]))


def _code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`"
