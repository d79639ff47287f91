"""What the benches share: a line a figure, an exit code, a file of results.

    figures = Figures("replay", arguments(__doc__).parse_args())
    figures.at_most("seconds", 24.1, 30, "s")
    sys.exit(figures.close())

A line says the figure's name, what was reached, the target, and whether it was met. With `--quick` a bench
does as little work as gives every line and judges none; without it the exit code is 1 when one is missed.
"""

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from karui.core.study import Interval

ROOT = Path(__file__).parent.parent
os.environ.setdefault("KARUI_LEDGER", "")  # benches look again and again, and count no look of the user's


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser with the options that every bench has."""
    parser = argparse.ArgumentParser(
        description=(description or "").split("\n", 1)[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="every line in under a minute; judges nothing")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    return parser


class Figures:
    """The figures of one bench: printed as they come, judged in the end.

    A bench of several parts names the one that is running (`part`): its figures bear the name and the day,
    and take the place of those that the file of results holds of this part.
    """

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name = name
        self.quick: bool = options.quick
        self.out: Path | None = options.out
        self.part = ""
        self.lines: list[dict[str, Any]] = []
        self.extra: dict[str, Any] = {}
        print(f"{'figure':<58} {'reached':>22}  {'target':>18}")

    def at_most(self, name: str, reached: float, target: float, unit: str = "", digits: int = 1) -> None:
        """A figure that has to be at most `target`."""
        self._add(name, reached, f"≤ {target:,g}", reached <= target, unit, digits)

    def at_least(self, name: str, reached: float, target: float, unit: str = "", digits: int = 1) -> None:
        """A figure that has to be at least `target`."""
        self._add(name, reached, f"≥ {target:,g}", reached >= target, unit, digits)

    def near(
        self, name: str, reached: float, target: float, within: float, unit: str = "", digits: int = 1
    ) -> None:
        """A figure that has to be within `within` of `target`."""
        met = abs(reached - target) <= within
        self._add(name, reached, f"{target:,.{digits}f} ± {within:,.{digits}f}", met, unit, digits)

    def shown(self, name: str, reached: float | Interval, unit: str = "", digits: int = 1) -> None:
        """A figure without a target, with its interval where it has one."""
        self._add(name, reached, "", None, unit, digits)

    def note(self, text: str) -> None:
        """A line of words."""
        print(f"  {text}")

    def close(self) -> int:
        """Writes the results and returns the exit code."""
        missed = [line["name"] for line in self.lines if line["ok"] is False]
        if self.out is not None:
            self._write(self.out)
        if self.quick:
            print(f"{len(self.lines)} figures produced; --quick judges none of them.")
            return 0
        print(f"Missed: {'; '.join(missed)}." if missed else "Every target met.")
        return 1 if missed else 0

    def _add(
        self, name: str, reached: float | Interval, target: str, ok: bool | None, unit: str, digits: int
    ) -> None:
        line: dict[str, Any] = {"name": name, "unit": unit, "target": target, "ok": ok}
        line |= {"part": self.part, "made": _today()} if self.part else {}
        if isinstance(reached, Interval):
            line |= {"reached": reached.value, "low": reached.low, "high": reached.high}
            ends = f" [{reached.low:,.{digits}f}, {reached.high:,.{digits}f}]"
            text = f"{reached.value:,.{digits}f}{ends} {unit}"
        else:
            line["reached"] = float(reached)
            text = f"{reached:,.{digits}f} {unit}"
        verdict = "" if ok is None or self.quick else "ok" if ok else "MISSED"
        print(f"{name:<58} {text.rstrip():>22}  {target:>18}  {verdict}".rstrip(), flush=True)
        self.lines.append(line)

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "bench": self.name,
            "quick": self.quick,
            "made": _today(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "load": [round(load, 2) for load in os.getloadavg()],
            "figures": [*self._of_other_parts(path), *self.lines],
            **self.extra,
        }
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _of_other_parts(self, path: Path) -> list[dict[str, Any]]:
        """Returns what the file holds of parts that this run has left out."""
        if not self.part or not path.exists():
            return []
        ran = {line["part"] for line in self.lines}
        kept = json.loads(path.read_text(encoding="utf-8"))["figures"]
        return [line for line in kept if line.get("part", self.part) not in ran]


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def percent(found: Interval) -> Interval:
    """Returns the same in hundredths."""
    return Interval(
        100 * found.value, 100 * found.low, 100 * found.high, found.level, found.method, found.questions
    )
