"""Reading bench/results, for what is written from them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from karui.i18n.formats import with_minus

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
STUDY = "qwen2.5-coder-1.5b-gsm8k/choice.json"
SIZES = ("0.6B", "1.7B", "4B", "8B")
RIVALS = ("AutoTTS β=.5", "AutoTTS β=1")
UNCHOSEN = "nearest route, not chosen"
UNTHINKING = ("base", "answers alone", "thinking closed at once")


class Results:
    """A file of bench/results, its figures by name."""

    def __init__(self, name: str) -> None:
        self.content: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
        self._lines = {line["name"]: line for line in self.content.get("figures", ())}

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def __getitem__(self, name: str) -> float:
        return float(self._lines[name]["reached"])

    def interval(self, name: str) -> tuple[float, float, float]:
        """Returns a figure with both ends."""
        line = self._lines[name]
        return float(line["reached"]), float(line["low"]), float(line["high"])

    def met(self, name: str) -> bool:
        """Whether its target was met."""
        return bool(self._lines[name]["ok"])

    def told(self, name: str, digits: int = 1, unit: str = "", *, signed: bool = False) -> str:
        """Returns a figure as the page shows it, with its interval where it has one."""
        line, form = self._lines[name], f"{'+' if signed else ''}.{digits}f"
        told, *ends = (with_minus(line[k], form) for k in ("reached", "low", "high") if k in line)
        return f"{told}{unit} [{', '.join(ends)}]" if ends else told + unit


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [" | ".join(row) for row in (head, ["---"] * len(head), *body)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"
