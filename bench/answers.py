"""What karui reads out of real replies, beside math-verify, and how long reading takes.

    python bench/answers.py [--data DIR] [--quick] [--out bench/results/answers.json]

Replies are those of the recordings in bench/results/qwen2.5-coder-1.5b-gsm8k and, with `--data`, of a
folder that is not shipped: 3,168 right traces of long thinkers on GSM8K and MATH, and Qwen3-0.6B on GSM8K
in four modes. Both judge the text behind the thinking against the same reference: karui by its verifiers
`math` and `numeric`, math-verify by `verify(parse(reference), parse(reply))`. Every reply on which they
differ is listed with what each read and why, from bench/data/answers.json, where a person has written down
who is right; one that nobody has looked at is a missed target, and so is one that is karui's fault. No
reply is repeated here.
"""

import gzip
import json
import logging
import lzma
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
from typing import Any

from _figures import ROOT, Figures, arguments

from karui.core.question import Verifier
from karui.recording.store import load
from karui.tasks import verifier
from karui.tasks.worker import timed_out

RECORDINGS = ROOT / "bench" / "results" / "qwen2.5-coder-1.5b-gsm8k" / "recordings"
REASONS = ROOT / "bench" / "data" / "answers.json"
MODES = ("thinking", "cot", "few-shot", "direct")
QUICK, LIMIT_MS, LONG = 60, 50.0, 100_000
SPECS = ("math", "exact", "choice", "set", "numeric", "json", "json:a", r"regex:\d+")
UNITS = {
    "blanks": " ",
    "line breaks": "\n",
    "braces": "{",
    "dollars": "$",
    "digits": "1",
    "\\boxed{": "\\boxed{",
    "$ ": "$ ",
    "answer is ": "answer is ",
    "**": "**",
    "commas": "1,",
    "答えは": "答えは",
    "Question:": "Question: 1\n",
    '{"a":[': '{"a":[',
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: where it is from, what it says behind its thinking, and what is right."""

    id: str
    text: str
    reference: str


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, help="folder with traces/ and qwen3-0.6b-gsm8k/")
    options = parser.parse_args()
    figures = Figures("answers", options)
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    reasons = json.loads(REASONS.read_text(encoding="utf-8")) if REASONS.is_file() else {}
    listed: list[dict[str, Any]] = []
    for name, replies in sets(options.data):
        compare(
            name,
            replies[:: max(1, len(replies) // QUICK)] if options.quick else replies,
            reasons,
            listed,
            figures,
        )
    verdicts = Counter(entry["verdict"] for entry in listed)
    for verdict, count in sorted(verdicts.items()):
        figures.note(f"{count} differences: {verdict}")
    figures.at_most("differences nobody has looked at", verdicts["not looked at"], 0, digits=0)
    figures.at_most("differences that are karui's fault", verdicts["karui"], 0, digits=0)
    figures.at_most("comparisons out of time", timed_out(), 0, digits=0)
    slowest = times(figures)
    figures.extra = {"differences": listed, "milliseconds": slowest, "data": options.data is not None}
    return figures.close()


def sets(folder: Path | None) -> Iterator[tuple[str, list[Reply]]]:
    """Yields each set of replies by name."""
    for path in sorted(RECORDINGS.iterdir()):
        yield (
            f"qwen2.5-coder {path.name}",
            [
                Reply(f"coder/{path.name}/{q.id}/{t.sample}", t.text, q.reference)
                for q in load(path, signals=False).questions
                for t in q.traces
            ],
        )
    if folder is None:
        return
    for mode in MODES:
        with gzip.open(folder / "qwen3-0.6b-gsm8k" / f"{mode}.jsonl.gz", "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        yield (
            f"qwen3-0.6b {mode}",
            [
                Reply(f"qwen3/{mode}/{r['id']}", said, r["ground_truth_answer"].rpartition("####")[2].strip())
                for r in rows
                if (said := behind_thinking(r["model_output"])) is not None
            ],
        )
    with lzma.open(folder / "traces" / "long-thinking.jsonl.xz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for benchmark in sorted({r["benchmark"] for r in rows}):
        found = [
            Reply(f"traces/{at}", said, r["gold"])
            for at, r in enumerate(rows)
            if r["benchmark"] == benchmark and (said := behind_thinking(r["text"])) is not None
        ]
        yield f"long thinkers, {benchmark}", found


def behind_thinking(text: str) -> str | None:
    """Returns the answer's text; None where thinking never ends."""
    _, closed, answer = text.rpartition("</think>")
    return answer if closed else None if "<think>" in text else text


def compare(
    name: str,
    replies: list[Reply],
    reasons: dict[str, Any],
    listed: list[dict[str, Any]],
    figures: Figures,
) -> None:
    """Judges replies by both, and lists those on which they differ."""
    judges: dict[str, Verifier] = {"math": verifier("math"), "numeric": verifier("numeric")}
    same: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for reply in replies:
        theirs, shown = math_verify(reply)
        for spec, judge in judges.items():
            if spec == "numeric" and judge.read(rf"\boxed{{{reply.reference}}}") is None:
                continue  # the reference is no number
            read = judge.read(reply.text)
            ours = read is not None and judge.verify(reply.reference, read)
            asked[spec] += 1
            same[spec] += ours == theirs
            if ours != theirs:
                known = reasons.get(f"{reply.id} {spec}", {})
                listed.append(
                    {
                        "id": reply.id,
                        "verifier": spec,
                        "reference": reply.reference,
                        "karui": {"read": read, "right": ours},
                        "math-verify": {"read": shown, "right": theirs},
                        "verdict": known.get("verdict", "not looked at"),
                        "why": known.get("why", ""),
                    },
                )
    for spec in judges:
        if asked[spec]:
            figures.shown(
                f"{name}: {spec} agrees with math-verify",
                100 * same[spec] / asked[spec],
                "%",
                digits=2,
            )


def math_verify(reply: Reply) -> tuple[bool, str]:
    """Returns math-verify's verdict on a reply, and what it read; its own limits of time hold."""
    from math_verify import parse, verify

    gold, given = parse(rf"\boxed{{{reply.reference}}}"), parse(reply.text)
    return bool(verify(gold, given)), str(given[-1])[:80] if given else ""


def times(figures: Figures) -> dict[str, float]:
    """Prints the slowest reading of each verifier, in milliseconds of processor time."""
    found = {}
    for spec in SPECS:
        judge = verifier(spec)
        judge.read("warm \\boxed{1}")
        slowest = {}
        for name, unit in UNITS.items():
            run = unit * (LONG // len(unit))
            for text in (run, f"The answer is {run}x", f"\\boxed{{{run}}}", f"\\boxed{{{run}"):
                began = thread_time()
                judge.read(text)
                slowest[name] = max(slowest.get(name, 0.0), 1000 * (thread_time() - began))
        worst = max(slowest, key=lambda name: slowest[name])
        found[spec] = round(slowest[worst], 1)
        figures.at_most(f"{spec}: 100 kB, slowest ({worst})", slowest[worst], LIMIT_MS, "ms")
    return found


if __name__ == "__main__":
    sys.exit(main())
