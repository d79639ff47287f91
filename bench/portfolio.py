"""Four proofs of concept on karui-mini and karui-micro, killed in the middle and resumed.

    python bench/portfolio.py [--quick] [--keep FOLDER] [--out bench/results/portfolio.json]

Each has questions of other kinds of the task mini, another team and another volume; the budget holds three of
them. `karui portfolio` is killed (SIGKILL) while it records the second one, and started again with the same
command. What was recorded before must be there unchanged, nothing that is done may run again, and the one
that the budget does not hold must not be begun. Then a price is changed in the file: the same command
reckons anew, without a token.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from _figures import ROOT, Figures, arguments

from karui import tasks
from karui.recording.parts import keys

KINDS = {
    "invoices": ("Billing", "karui-mini", ("chain_sum", "products", "shopping"), 900_000),
    "schedules": ("Logistics", "karui-mini", ("weekday", "time_intervals"), 60_000),
    "stock": ("Warehouse", "karui-micro", ("legs", "chain_sum"), 300_000),
    "contracts": ("Legal", "karui-mini", ("long_sum", "swaps"), 200_000),
}
SAMPLES = {"contracts": 8}
"""Traces of each question, where not 2: this one is larger than what the others leave of the budget."""
HEAD = """\
# Four proofs of concept of four teams.
out = "out"

[assume]
currency = "EUR"
price_prompt = 0.5
price_output = {price}

[budget]
tokens = {tokens}

[defaults]
max-drop = {drop}
max-tokens = 768
concurrency = 32
workers = 1
"""
POC = """
[[poc]]
name = "{name}"
team = "{team}"
model = "{model}"
questions = "{name}.jsonl"
questions-per-month = {volume}
samples = {samples}
one-off = 500
operating-per-month = 20
cost-per-error = 0.02
"""


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--keep", type=Path, help="folder that is kept, with the page in it")
    options = parser.parse_args()
    figures = Figures("portfolio", options)
    home = options.keep or Path(mkdtemp())
    home.mkdir(parents=True, exist_ok=True)
    try:
        _story(figures, home, questions=16 if options.quick else 120, quick=options.quick)
    finally:
        if options.keep is None:
            rmtree(home, ignore_errors=True)
    return figures.close()


def _story(figures: Figures, home: Path, *, questions: int, quick: bool) -> None:
    """Runs, kills, resumes and reckons anew."""
    _questions(home, questions)
    # Three of them and all probes take less than this; the fourth wants more than they leave.
    tokens = questions * 2 * 500 * 3 + 4 * 10 * 768
    _file(home, tokens=tokens, drop=20.0 if quick else 5.0, price=8.0)
    before = _killed(home)
    figures.shown("traces when it was killed", len(before), digits=0)
    first = _run(home)
    after = {n: _keys(home, n) for n in KINDS}
    lost = sum(key not in after[name] for name, key in before)
    figures.at_most("  of them lost or made again", lost, 0, digits=0)
    states = {poc["name"]: poc for poc in first["pocs"]}
    done = sum(poc["state"] == "done" for poc in states.values())
    figures.at_least("done after the second start", done, 3, digits=0)
    waiting = [n for n, poc in states.items() if poc["state"] == "waiting"]
    figures.near("not begun, as the budget does not hold it", len(waiting), 1, 0, digits=0)
    figures.at_most("its traces", sum(len(after[n]) for n in waiting), 0, digits=0)
    figures.at_most("tokens spent, of the budget", first["spent"]["tokens"] / tokens, 1.0, digits=2)
    _tell(figures, first)
    _file(home, tokens=tokens, drop=20.0 if quick else 5.0, price=16.0)
    second = _run(home)
    again = sum(len(_keys(home, n)) for n in KINDS) - sum(map(len, after.values()))
    figures.at_most("traces made for other prices", again, 0, digits=0)
    saved = [_saving(found) for found in (first, second)]
    if saved[0]:
        figures.at_least("saving at a doubled price", saved[1] / saved[0], 1.9, "×", digits=2)


def _questions(home: Path, count: int) -> None:
    """Writes a questions file for each, of its own kinds."""
    known = tasks.load("mini:test").questions
    for name, (_, _, kinds, _) in KINDS.items():
        rows = [
            {"id": q.id, "question": q.text, "answer": q.reference, "kind": q.kind}
            for q in known
            if q.kind in kinds
        ]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows[:count])
        (home / f"{name}.jsonl").write_text(text, encoding="utf-8")


def _file(home: Path, *, tokens: int, drop: float, price: float) -> None:
    rows = [
        POC.format(name=name, team=team, model=model, volume=volume, samples=SAMPLES.get(name, 2))
        for name, (team, model, _, volume) in KINDS.items()
    ]
    text = HEAD.format(tokens=tokens, drop=drop, price=price) + "".join(rows)
    (home / "portfolio.toml").write_text(text, encoding="utf-8")


def _command(home: Path) -> tuple[list[str], dict[str, str]]:
    words = [sys.executable, "-m", "karui", "portfolio", str(home / "portfolio.toml"), "--json"]
    paths = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    return words, {**os.environ, "PYTHONPATH": paths}


def _killed(home: Path) -> set[tuple[str, Any]]:
    """Starts it, kills it while the second one is recorded, and returns the traces that are on disk."""
    words, surroundings = _command(home)
    child = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=surroundings
    )
    assert child.stderr is not None
    second = list(KINDS)[1]
    for line in child.stderr:
        at = re.search(rf"{second}: Recording full thinking: (\d+) of (\d+)", line)
        if at and 0 < int(at[1]) < int(at[2]):
            os.kill(child.pid, signal.SIGKILL)
            break
    child.communicate()
    if child.returncode != -signal.SIGKILL:
        raise SystemExit(f"It ended by itself before it could be killed (exit code {child.returncode}).")
    return {(name, key) for name in KINDS for key in _keys(home, name)}


def _run(home: Path) -> dict[str, Any]:
    """Runs it to its end, and returns what it prints."""
    words, surroundings = _command(home)
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=surroundings)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _keys(home: Path, name: str) -> set[Any]:
    folder = home / "out" / name / "recording"
    return set(keys(folder)) if (folder / "manifest.json").exists() else set()


def _saving(found: dict[str, Any]) -> float:
    return sum(poc["returns"]["saving"][1] for poc in found["pocs"] if poc["returns"])


def _tell(figures: Figures, found: dict[str, Any]) -> None:
    for number, poc in enumerate(found["pocs"], 1):
        roi = (poc["returns"] or {}).get("roi")
        told = "–" if roi is None else f"{100 * roi[0]:,.0f} to {100 * roi[1]:,.0f}%"
        figures.note(
            f"{number}. {poc['name']}: {poc['advice']} ({poc['why']}), {poc['plan'] or 'no plan'}, ROI {told}"
        )


if __name__ == "__main__":
    sys.exit(main())
