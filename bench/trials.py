"""Trials added to texts somebody already has: import, `karui trials`, replay, choose, and what it cost.

    python bench/trials.py --data ../shared/data [--traces 300] [--work FOLDER] [--out FILE]

The texts are long-thinking.jsonl.xz (MIT; DeepSeek-R1 on GSM8K test, from tianyi-lab/MiP-Overthinking):
whole traces with their thinking, and no trials. The shortest 300 of 601 are taken, since karui-mini's context
holds 2,048 of its own small tokens: longer ones would be tried as far as it goes only. karui-mini, which
ships with karui, goes on from them at every checkpoint; checkpoints are spaced (`--every 512`), so that a CPU
is done with it in minutes. It has never seen such questions: the figures show that the way runs to its end
and what it costs; what karui-mini thinks of DeepSeek-R1's texts says nothing about DeepSeek-R1.

1. The log is imported: every row, none left out.
2. The estimate, before a token is spent.
3. Trials are added; the work is broken off once and goes on, and no trace is tried twice.
4. The bill against the estimate.
5. Every plan is replayed over the recording with trials, and a choice is made.

`--quick` takes six traces written by hand, in bench/data/trials.
"""

import asyncio
import json
import lzma
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from time import monotonic

from _figures import ROOT, Figures, arguments

from karui import engines, tasks
from karui.core.engine import CheckpointPolicy, Engine
from karui.core.recording import Caveat, Recording
from karui.core.usage import TokenUsage
from karui.models import place
from karui.recording.importing import import_log
from karui.recording.store import load, save
from karui.recording.trials import Estimate, Progress, add_trials, estimate, spaced, spent
from karui.selection.groups import Sources
from karui.study.options import StudyOptions, rule_of
from karui.study.steps import decide, evidence_of

MODEL = "DeepSeek-R1"
EVERY = spaced(512)
DEARER = 4
"""Times that a generated token costs a prefilled one, as most price lists have it."""
WITHIN = 20
"""Hundredths by which the estimate may miss the bill."""


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--traces", type=int, default=300, help="how many are tried")
    parser.add_argument("--work", type=Path, help="keep what is made there, and go on with it")
    options = parser.parse_args()
    figures = Figures("trials", options)
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        try:
            log = by_hand() if options.quick else taken(options.data, work, options.traces)
        except FileNotFoundError as error:
            print(f"{error.filename} not found: give the folder with --data (see the head of this script).")
            return 2
        study(figures, log, work, 6 if options.quick else options.traces)
    return figures.close()


def by_hand() -> Path:
    """The traces in the repository."""
    return ROOT / "bench" / "data" / "trials" / "by-hand.jsonl"


def taken(data: Path, work: Path, count: int) -> Path:
    """The shortest traces of one model, as a log of their own."""
    packed = next((p for p in (data / "traces", data) if p.is_dir()), data) / "long-thinking.jsonl.xz"
    log = work / "log.jsonl"
    with lzma.open(packed, "rt", encoding="utf-8") as lines:
        mine = [line for line in lines if json.loads(line)["model"] == MODEL]
    log.write_text("".join(sorted(mine, key=len)[:count]), encoding="utf-8")
    return log


def study(figures: Figures, log: Path, work: Path, wanted: int) -> None:
    """The whole way, figure by figure."""
    done = import_log(log, verifier=tasks.verifier("numeric"))
    texts = work / "texts"
    if not (texts / "manifest.json").exists():
        save(done.recording, texts)
    recording = load(texts)
    traces = list(recording.traces())
    figures.at_least("traces imported", len(traces), wanted, digits=0)
    figures.at_most("rows left out, columns not known", len(done.skipped) + len(done.unknown), 0, digits=0)
    right = sum(q.correct(t.answer) for q in recording.questions for t in q.traces)
    figures.shown("read as right (the log holds right ones only)", 100 * right / len(traces), "%")

    options = {"device": "cpu", "dtype": "float32", "threads": 1, "slots": 8}
    rule = EVERY if not figures.quick else CheckpointPolicy()
    engine = engines.load(place("karui-mini"), name="karui-mini", rule=rule, **options)
    with asyncio.Runner() as runner:
        expected = runner.run(estimate(recording, engine))
        tell(figures, expected)
        tried, state = work / "tried", work / "state.json"
        began = monotonic()
        if not state.exists():
            first = runner.run(broken_off(recording, engine, tried, len(traces) // 4))
            runner.run(finished(recording, engine, tried))
            state.write_text(json.dumps({"first": first, "seconds": monotonic() - began}))
        made = load(tried)
        first, seconds = json.loads(state.read_text()).values()
        runner.run(engine.close())
    figures.shown("tried before it was broken off", first, "traces", 0)
    parts = [key for t in made.traces() for key in [(t.question, t.sample)]]
    figures.at_most("traces tried twice, or not at all", abs(len(parts) - len(traces)), 0, digits=0)
    bill(figures, expected, spent(made), seconds)
    chosen(figures, made, tried)


def tell(figures: Figures, expected: Estimate) -> None:
    figures.shown("checkpoints", expected.checkpoints, digits=0)
    figures.shown("longer than karui-mini's context", expected.short, "traces", 0)
    figures.shown("estimate: to prefill", expected.prompt, "tokens", 0)
    figures.shown("estimate: to generate", expected.trial, "tokens", 0)


async def broken_off(recording: Recording, engine: Engine, folder: Path, after: int) -> int:
    """Adds trials until so many traces have theirs, and is cancelled there; returns how many are kept."""
    task: asyncio.Task[Recording] | None = None

    def enough(now: Progress) -> None:
        if now.done >= after and task is not None:
            task.cancel()

    adding = add_trials(
        recording, engine, folder, verifier=tasks.verifier("numeric"), at_once=8, on_progress=enough
    )
    task = asyncio.ensure_future(adding)
    await asyncio.wait([task])
    if not task.cancelled() and task.exception() is not None:
        raise task.exception()  # type: ignore[misc]
    return sum(1 for _ in load(folder).traces())


async def finished(recording: Recording, engine: Engine, folder: Path) -> Recording:
    """The same call again: it goes on where it was."""
    return await add_trials(recording, engine, folder, verifier=tasks.verifier("numeric"), at_once=8)


def bill(figures: Figures, expected: Estimate, billed: TokenUsage, seconds: float) -> None:
    figures.near(
        "billed: prefilled, of the estimate", share(billed.prompt, expected.prompt), 100, WITHIN, "%"
    )
    total = billed.prompt + billed.trial
    figures.near("billed: all tokens, of the estimate", share(total, expected.tokens), 100, WITHIN, "%")
    cost, told = (x.prompt + DEARER * x.trial for x in (billed, expected))
    name = f"billed: money, a generated token {DEARER} times as dear"
    figures.near(name, share(cost, told), 100, WITHIN, "%")
    # What karui-mini, at a loss with such questions, writes into its boxes is no answer's length.
    figures.shown("billed: generated alone, of the estimate", share(billed.trial, expected.trial), "%")
    figures.at_most("billed: generated, of the most", share(billed.trial, expected.most), 100, "%")
    figures.shown("billed: all tokens", total, "tokens", 0)
    figures.shown("seconds for all trials", seconds, "s", 0)


def chosen(figures: Figures, made: Recording, folder: Path) -> None:
    """Replays every plan, chooses, and looks whether what has to be said is there."""
    wishes = StudyOptions(rule_of(2.0, 0.95, "tokens", ""), extra=(), accept_truncation=False)
    sources = Sources(replace(made, path=folder))
    evidence, test_part = evidence_of(sources, wishes, lambda *_: None)
    choice = decide(evidence, test_part, sources, wishes)
    exits = [o for o in evidence.test.values() if o.plan.watching]
    figures.at_least("plans replayed", len(evidence.test), 50, digits=0)
    figures.at_least("of them exits and budgets", len(exits), 20, digits=0)
    figures.shown("plans refused, each with its reason", len(evidence.refused), digits=0)
    unsaid = sum(not r.reason.text for r in evidence.refused)
    figures.at_most("refusals without a reason", unsaid, 0, digits=0)
    told = made.manifest.trials is not None and Caveat.OTHER_TRIALS in made.manifest.caveats
    figures.at_least("the manifest says whose trials these are", float(told), 1, digits=0)
    figures.note(f"decision: {choice.decision}; {choice.label}")
    figures.extra["decision"] = choice.decision
    figures.extra["refused"] = sorted(_kinds(r.reason.text for r in evidence.refused))


def _kinds(reasons: Iterable[str]) -> set[str]:
    return {reason.partition(" cannot")[0] for reason in reasons}


def share(reached: float, expected: float) -> float:
    """In hundredths; nothing of nothing is all of it."""
    return 100 * reached / expected if expected else 100.0 * (reached == 0)


if __name__ == "__main__":
    sys.exit(main())
