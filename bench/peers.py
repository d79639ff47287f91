"""karui's engine on a CPU against its peers: the same model, prompts and greedy answers, in one run.

    python bench/peers.py [--quick] [--threads N] [--rounds N] [--streams 1 8 32] [--max-tokens N]
                          [--out bench/results/peers.json]

Peers are vLLM's build for CPUs, llama.cpp's server and transformers' own continuous batching; all compute in
float32, and all get `--threads` threads (every core by default; 1 where other programs want the cores, since
threads that wait for each other by spinning say nothing then). karui runs as one process with so many
threads, and as so many processes of one thread, as `karui record` does. Q8_0, which answers otherwise, is
shown beside them. Sides take turns, round after round, and ratios are those of one round: the figure is their
median. Tokens per processor second are those of the side's own processes, which a busy machine moves less.

Replies are compared token for token with those of karui's one process. The full run takes vLLM from
.venv-vllm, and has `make vllm` install it there (3.5 GB) where it is missing; --quick leaves it out.
"""

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from _figures import ROOT, Figures, arguments
from _peer_sides import InProcess, Job, Ran, Side, in_process, llama, vllm
from _servers import MINI

from karui import catalog
from karui.artifacts.build import make
from karui.engines.batching.threads import cores
from karui.recording.questions import read_questions
from karui.study.workspace import embedded

STREAMS, MOST = (1, 8, 32), 128
"""Streams at a time, and most tokens of a reply."""
OURS = "karui"
LEAVABLE = {
    "vllm": "vLLM's build for CPUs (3.5 GB)",
    "transformers": "transformers' continuous batching",
    "f32": "llama.cpp in float32",
    "q8_0": "llama.cpp's Q8_0",
}
"""Sides that can be left out."""
VLLM = ROOT / ".venv-vllm" / "bin" / "vllm"


def main() -> int:
    """Measures every side in turn, and judges 32 streams."""
    parser = arguments(__doc__)
    parser.add_argument("--threads", type=int, default=cores(), help="threads of every side")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is measured")
    parser.add_argument("--max-tokens", type=int, default=MOST, help="most tokens of a reply")
    parser.add_argument("--without", nargs="*", default=[], choices=LEAVABLE, help="sides to leave out")
    parser.add_argument("--streams", type=int, nargs="*", default=[*STREAMS], help="streams at a time")
    options = parser.parse_args()
    figures = Figures("peers", options)
    rounds, most = (1, 16) if options.quick else (options.rounds, options.max_tokens)
    figures.note(f"{options.threads} thread(s) a side; load {os.getloadavg()[0]:.1f}")
    with TemporaryDirectory() as folder, _sides(options, Path(folder), figures) as sides:
        texts = [q.prompt.user for q in read_questions(embedded("recording"))]
        first = sides[0]
        assert isinstance(first, InProcess)
        for streams in options.streams:
            asked = texts[: max(2, streams)]
            job = Job(asked, first.prompts(asked), streams, most)
            measured = _measured(sides, job, rounds)
            _show(figures, sides, streams, measured)
            if streams == max(options.streams):
                _judge(figures, sides, streams, measured)
    figures.extra |= {"threads": options.threads, "max_tokens": most}
    return figures.close()


@contextmanager
def _sides(options: argparse.Namespace, folder: Path, figures: Figures) -> Iterator[list[Side]]:
    """Starts all sides, karui's one process first, and ends them with the block."""
    threads, slots = options.threads, max(options.streams)
    with ExitStack() as stack:

        def begun(name: str, kind: str, model: Path, threads: int, processes: int = 1) -> Side:
            log = folder / f"{len(sides)}.log"
            made = in_process(name, kind, model, threads, slots, log, processes=processes)
            return stack.enter_context(made)

        sides: list[Side] = []
        sides.append(begun(OURS, "karui", MINI, threads))
        if threads > 1:
            sides.append(begun(f"{OURS}, {threads} processes", "karui", MINI, 1, threads))
        without = {"vllm", "q8_0"} if options.quick else {*options.without}
        if "transformers" not in without:
            sides.append(begun("transformers' continuous batching", "batching", MINI, threads))
        for kind in (kind for kind in ("f32", "q8_0") if kind not in without):
            file, log = _gguf(folder, kind), folder / f"{kind}.log"
            sides.append(stack.enter_context(llama(f"llama.cpp's server, {kind}", file, threads, slots, log)))
            sides.append(begun(f"{OURS} on llama.cpp, {kind}", "karui", file, threads))
        if "vllm" not in without:
            if not VLLM.exists():
                subprocess.run(["make", "vllm"], cwd=ROOT, check=True)
            sides.append(stack.enter_context(vllm("vLLM", VLLM, threads, slots, folder / "vllm.log")))
        if without:
            figures.note(f"left out: {'; '.join(LEAVABLE[name] for name in sorted(without))}")
        figures.extra["without"] = sorted(without)
        yield sides


def _gguf(folder: Path, kind: str) -> Path:
    """Returns karui-mini as a GGUF file."""
    made = make(catalog.parse(f"gguf:type={kind}"), MINI, folder / "artifacts", name="mini")
    return next(made.folder.glob("*.gguf"))


def _measured(sides: Sequence[Side], job: Job, rounds: int) -> dict[str, list[Ran]]:
    """Returns what came of every side in every round, after a short run that nobody counts."""
    found: dict[str, list[Ran]] = defaultdict(list)
    warm = Job(job.texts[:2], job.prompts[:2], min(2, job.streams), 4)
    for side in sides:
        side.run(warm)
    for _ in range(rounds):
        for side in sides:
            found[side.name].append(side.run(job))
    return found


def _show(figures: Figures, sides: Sequence[Side], streams: int, measured: dict[str, list[Ran]]) -> None:
    ours = measured[OURS]
    for side in sides:
        runs = measured[side.name]
        name = f"{streams} stream{'s' * (streams > 1)}, {side.name}"
        figures.shown(name, median(r.tokens / r.seconds for r in runs), "tokens/s", 0)
        figures.shown(f"{name}: a processor second", median(map(_thrift, runs)), "tokens", 0)
        if side.name != OURS:
            figures.shown(f"{name}: against {OURS}", _ratio(runs, ours), "×", 2)
            figures.note(_likeness(runs[0], ours[0]))
    figures.note(f"load {os.getloadavg()[0]:.1f}")


def _judge(figures: Figures, sides: Sequence[Side], streams: int, measured: dict[str, list[Ran]]) -> None:
    """Compares the faster form of karui with the fastest peer that computes in float32."""
    whole = [s.name for s in sides if s.whole]
    against = {name: _ratio(measured[name], measured[OURS]) for name in whole}
    best = max((n for n in whole if n.startswith(OURS)), key=lambda n: against[n])
    peer = max((n for n in whole if not n.startswith(OURS)), key=lambda n: against[n])
    figures.note(f"the faster karui: {best}; the fastest peer in float32: {peer}")
    found = _ratio(measured[best], measured[peer])
    figures.at_least(f"{streams} streams, {OURS} against the fastest peer", found, 1.0, "×", 2)


def _ratio(ours: Sequence[Ran], theirs: Sequence[Ran]) -> float:
    """Returns the median, over rounds, of how many times faster one side is."""
    rates = [(a.tokens / a.seconds, b.tokens / b.seconds) for a, b in zip(ours, theirs, strict=True)]
    return median(a / b for a, b in rates)


def _thrift(ran: Ran) -> float:
    return ran.tokens / max(ran.processor_seconds, 0.01)


def _likeness(theirs: Ran, ours: Ran) -> str:
    """Says how many replies are the same token for token, and where the first others part."""
    pairs = zip(theirs.replies, ours.replies, strict=True)
    parted = [_parting(one, other) for one, other in pairs if one != other]
    same = len(ours.replies) - len(parted)
    where = f"; the others part at token {', '.join(map(str, sorted(parted)))}" if parted else ""
    return f"{same} of {len(ours.replies)} replies are the same, token for token{where}"


def _parting(one: Sequence[int], other: Sequence[int]) -> int:
    """Returns how many tokens two replies have in common before they differ."""
    differing = (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differing, min(len(one), len(other)))


if __name__ == "__main__":
    sys.exit(main())
