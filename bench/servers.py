"""What servers really do: probes one and keeps what was found, or writes the tables of docs/servers.md.

    python bench/servers.py --probe URL#MODEL --server NAME --version V [--command WORDS] [--model WORDS]
    python bench/servers.py [--quick]

The first asks a server that runs, on its chat and on its raw completions, by `karui probe --json`, and keeps
both in docs/servers/. The second writes the tables out of what is kept there; with --quick it only says if
they are as they should be. Nobody writes a cell by hand.
"""

import argparse
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE, KEPT = ROOT / "docs" / "servers.md", ROOT / "docs" / "servers"
BEGIN, END = "<!-- written by bench/servers.py -->", "<!-- up to here -->"
ROUTES = ("chat", "completions")
YES = {True: "yes", False: "no", None: "not told"}


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--probe", metavar="URL", help="a server that runs: URL#MODEL")
    parser.add_argument("--server", default="", help="what it is called")
    parser.add_argument("--version", default="", help="its version")
    parser.add_argument("--command", default="", help="how it was started")
    parser.add_argument("--model", default="karui-mini", help="what it served")
    parser.add_argument("--folder", default="", help="folder with the model's tokenizer, for karui probe")
    parser.add_argument("--quick", action="store_true", help="only compare the page with what is kept")
    options = parser.parse_args()
    if options.probe:
        if not (options.server and options.version):
            parser.error("--probe needs --server and --version")
        keep(options)
    text = PAGE.read_text()
    written = page(text, [json.loads(path.read_text()) for path in sorted(KEPT.glob("*.json"))])
    if options.quick:
        print("docs/servers.md is as docs/servers/ says" if text == written else "docs/servers.md is old")
        return 0 if text == written else 1
    PAGE.write_text(written)
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


def keep(options: argparse.Namespace) -> None:
    """Probes a server on every route, and keeps what was found or why it was not."""
    runs = []
    for route in ROUTES:
        words = [sys.executable, "-m", "karui", "probe", options.probe, "--route", route, "--json"]
        words += ["--folder", options.folder] if options.folder else []
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            runs.append({"route": route, "probe": json.loads(done.stdout)})
        else:
            runs.append({"route": route, "error": " ".join(done.stderr.split()).removeprefix("Error: ")})
        print(f"{route}: {'found' if done.returncode == 0 else runs[-1]['error']}", flush=True)
    found = {
        "server": options.server,
        "version": options.version,
        "date": datetime.now(UTC).date().isoformat(),
        "command": options.command,
        "model": options.model,
        "runs": runs,
    }
    KEPT.mkdir(exist_ok=True)
    name = re.sub(r"[^a-z0-9.]+", "-", f"{options.server}-{options.version}".casefold()).strip("-")
    (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def page(text: str, kept: list[dict[str, Any]]) -> str:
    """Returns the page with its tables written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n\n".join([started(kept), *(table(*one, kept) for one in TABLES)])
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def started(kept: list[dict[str, Any]]) -> str:
    """Returns which servers were asked, when, and how they were started."""
    rows = [
        (k["server"], k["version"], k["date"], k["model"], f"`{k['command']}`" if k["command"] else "")
        for k in kept
    ]
    return "### Asked\n\n" + markdown(("server", "version", "date", "model", "started by"), rows)


def table(title: str, columns: dict[str, Any], kept: list[dict[str, Any]]) -> str:
    """Returns one table: a row for every way of every server, a column for every finding."""
    rows = []
    for k in kept:
        for run in k["runs"]:
            name = f"{k['server']} {k['version']}, {run['route']}"
            if "probe" not in run:  # said once, in the first table
                rows += [(name, run["error"], *[""] * (len(columns) - 1))] if title == TABLES[0][0] else []
                continue
            can = run["probe"]["capabilities"]
            rows.append((name, *(str(cell(can)) for cell in columns.values())))
    return f"### {title}\n\n" + markdown(("server", *columns), rows)


def markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Returns a table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def yes(name: str) -> Any:
    """Returns what shows a finding that is true, false or not told."""
    return lambda can: YES.get(can[name], can[name])


def because(name: str) -> Any:
    """Returns the same, with the reason where there is one."""
    return lambda can: YES.get(can[name], can[name]) + (f": {can['why'][name]}" if name in can["why"] else "")


def place(can: dict[str, Any]) -> str:
    """Returns where the thinking comes, and the name of its field."""
    named = can["thinking_field"] and can["thinking"] == "in a field of its own"
    return can["thinking"] + (f" ({can['thinking_field']})" if named else "")


def budget(can: dict[str, Any]) -> str:
    """Returns whether a budget of the server's own works, and what was seen."""
    found = can["budget"]
    if found is None:
        return f"none: {can['why'].get('budget', 'no such parameter is read')}"
    return f"{'works' if found['works'] else 'not to be used'}: {found['found']}"


def rate(can: dict[str, Any]) -> str:
    """Returns the share of faulty chats that would have been found."""
    found = can["budget"]
    return f"{found['detects']:.1%} ({found['chats']} chats)" if found and found["works"] else ""


TABLES: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "Thinking and the way to it",
        {
            "thinking comes": place,
            "left out by": lambda can: can["switch"] or "nothing",
            "reasoning_effort": because("effort"),
            "a partial answer is continued": because("prefill"),
            "answer behind closed thinking": lambda can: can["continued"] or "not tried",
            "template from": lambda can: can["template"] or "not shown",
        },
    ),
    (
        "Counts",
        {
            "usage in streams": lambda can: (
                "with every event" if can["usage_all_along"] else YES[can["usage"]]
            ),
            "tokens counted by": lambda can: can["counting"] or "nothing",
            "thinking counted": yes("thinking_counted"),
            "inferred": lambda can: can["inferred"] or "nothing",
            "likeliest tokens listed": lambda can: can["logprobs"] or "none",
            "token numbers": yes("ids"),
            "prefix cache": lambda can: can["cache"],
        },
    ),
    (
        "Draws",
        {
            "a seed repeats": because("seeds"),
            "beside others": yes("seeds_beside"),
            "n choices with one seed": lambda can: can["several"] or "not told",
            "log-probabilities before temperature": yes("before_temperature"),
            "a closed stream frees it": because("frees"),
        },
    ),
    (
        "Thinking budgets",
        {"its own budget": budget, "a fault this frequent would have been seen (95%)": rate},
    ),
)

if __name__ == "__main__":
    sys.exit(main())
