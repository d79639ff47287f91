"""A real judge: a small model compares GSM8K replies whose truth is known.

The replies are those of Qwen3-0.6B on GSM8K's test questions: full thinking's (what stands behind it; none
where it was cut at 512 tokens), and those of a short prompt without thinking. A person who labels is played
by the reference: of two replies the right one is better, two right or two wrong ones are alike.

Asking takes hours on two cores, so what came of it is kept in bench/results: of every pair what the plan
loses, and what the judge said that it loses. The replies themselves have no licence and are not kept.

    python bench/judge.py --ask MODEL.gguf --pairs 200      # goes on where it was stopped
    python bench/judge.py                                   # figures of what is kept
"""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from _figures import ROOT, Figures
from _llama import llama_server
from numpy.random import Generator
from numpy.typing import NDArray

from karui.codec.values import encode
from karui.core.prompt import Prompt
from karui.recording.judging.model import judge_model
from karui.recording.judging.verdicts import About, Asked, Verdicts
from karui.tasks.verifiers.judge import Judge, Mode
from karui.tasks.verifiers.numeric import Numeric

Values: TypeAlias = NDArray[np.float64]
Units: TypeAlias = Callable[[Generator, tuple[int, ...]], tuple[Values, Values]]

KEPT = ROOT / "bench" / "results" / "judge-verdicts.json"
FULL, PLAN = "thinking", "few-shot"
"""Files of the replies."""
NAME = "Qwen2.5-Coder-1.5B-Instruct, Q4_K_M"
AT_ONCE = 4
"""Questions to the judge side by side."""


def ask(named: str, data: Path, count: int, cache: Path) -> None:
    """Has the first `count` pairs judged, and keeps what came of it.

    Args:
        named: The judge, as `karui judge --judge` takes it.
        data: Folder of the replies, one file a way of asking.
        count: Pairs.
        cache: Folder of the verdicts, so that each is asked for once.
    """
    replies = [_replies(data / f"{mode}.jsonl.gz", count) for mode in (FULL, PLAN)]
    asked, lost = [], []
    for full, plan in zip(*replies, strict=True):
        assert full["question"] == plan["question"], full["id"]
        asked.append(Asked(Prompt(full["question"]), full["answer"], plan["answer"]))
        lost.append(int(full["right"]) - int(plan["right"]))
    cache.mkdir(parents=True, exist_ok=True)
    verdicts = Verdicts.open(cache, About.of(Judge(Mode.PAIRWISE), NAME))
    if verdicts.missing(asked):
        with _served(named, cache / "server.log") as judge:
            asyncio.run(_ask(verdicts, asked, judge))
    said = [-(verdicts.score(item) or 0.0) for item in asked]
    alone = [not full["answer"] for full in replies[0]]
    content = {
        "judge": NAME,
        "replies": f"Qwen3-0.6B on GSM8K's test questions: {FULL}, {PLAN}",
        "judging": encode(verdicts.judging(asked)),
        "pairs": [
            {"id": full["id"], "loses": d, "judged": int(f), "cut": cut}
            for full, d, f, cut in zip(replies[0], lost, said, alone, strict=True)
        ],
    }
    text = json.dumps(content, indent=None, ensure_ascii=False).replace('}, {"id', '},\n {"id')
    KEPT.write_text(text + "\n", encoding="utf-8")


def kept() -> dict[str, Any] | None:
    """Returns what was kept; None where nothing is."""
    if not KEPT.exists():
        return None
    content: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return content


def values(pairs: Sequence[dict[str, Any]]) -> tuple[Values, Values]:
    """Returns what the plan loses on each pair, and what the judge said that it loses."""
    return np.array([p["loses"] for p in pairs], float), np.array([p["judged"] for p in pairs], float)


def resampled() -> Units:
    """Returns units drawn from the pairs with replacement: they lose what the pairs lose on average."""
    content = kept()
    assert content is not None, f"{KEPT} is missing"
    d, f = values(content["pairs"])

    def units(rng: Generator, shape: tuple[int, ...]) -> tuple[Values, Values]:
        places = rng.integers(d.size, size=shape)
        return d[places], f[places]

    return units


def dealt(*, heard: bool = True) -> Units:
    """Returns units of a harmless plan: the replies of each pair change sides by a coin.

    The judge was asked in both orders, so its verdict changes with them; unheard it says nothing.
    """
    both = resampled()

    def units(rng: Generator, shape: tuple[int, ...]) -> tuple[Values, Values]:
        d, f = both(rng, shape)
        side = rng.choice([-1.0, 1.0], size=shape)
        return d * side, f * side * heard

    return units


def shown(figures: Figures, content: dict[str, Any]) -> None:
    """Prints how the judge errs."""
    pairs, judging = content["pairs"], content["judging"]
    d, f = values(pairs)
    apart = d != 0
    figures.note(f"{content['judge']} on {len(pairs)} pairs, {sum(p['cut'] for p in pairs)} of them cut")
    figures.shown("real judge: lost by the plan", 100 * float(d.mean()), "points")
    figures.shown("real judge: lost by its verdicts", 100 * float(f.mean()), "points")
    figures.shown("real judge: agrees with the truth", 100 * float(np.mean(d == f)), "%")
    figures.shown("  where only one is right", 100 * float(np.mean(d[apart] == f[apart])), "%")
    figures.shown("  says there the opposite", 100 * float(np.mean(d[apart] == -f[apart])), "%")
    for name, key in (("for the first answer", "first"), ("for the longer answer", "longer")):
        figures.shown(f"real judge: single verdicts {name}", 100 * judging[key], "%")
    figures.shown("real judge: contradicts itself when they change places", 100 * judging["flips"], "%")
    figures.shown("real judge: pairs without a verdict", 100 * judging["unjudged"] / len(pairs), "%")


@contextmanager
def _served(named: str, log: Path) -> Iterator[str]:
    """Gives the judge as karui takes it; a GGUF file is served by llama.cpp's own server meanwhile."""
    if not named.endswith(".gguf"):
        yield named
        return
    with llama_server(Path(named), log, slots=AT_ONCE) as address:
        yield f"{address}#{NAME}"


async def _ask(verdicts: Verdicts, asked: Sequence[Asked], named: str) -> None:
    model = judge_model(named)
    try:
        await verdicts.ask(asked, model, at_once=AT_ONCE, on_progress=_progress)
    finally:
        await model.close()


def _progress(done: int, wanted: int) -> None:
    if done % 10 == 0 or done == wanted:
        print(f"  {done} of {wanted} verdicts", flush=True)


def _replies(file: Path, count: int) -> list[dict[str, Any]]:
    """Returns question, visible answer and whether it is right, of the first questions of a file."""
    read, found = Numeric(), []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in list(lines)[:count]:
            row = json.loads(line)
            said = row["model_output"]
            thought, closed, answer = said.partition("</think>")
            if not closed:
                answer = "" if "<think>" in thought else said
            number = read.read(answer)
            reference = row["ground_truth_answer"].rpartition("####")[2].strip()
            right = number is not None and read.verify(reference, number)
            found.append(
                {"id": row["id"], "question": row["question"], "answer": answer.strip(), "right": right}
            )
    return found
