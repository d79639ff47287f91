"""Questions unlike the recorded ones: how many are found, and how many like ones are sent away for nothing.

Four pairs of sets: the kinds of karui-mini, each left out once; GSM8K against MATH; English against Japanese;
mathematics against small talk (`bench/data/small-talk.txt`, written for this bench). A domain is fitted on
questions of the first set (`karui.domain`), and asked about others of the first set and about the second.
Each line of a pair is the mean over splits; the split decides which questions are recorded.

Nothing here was used to make the domain: its features and weights were chosen on other sets (reasoning-gym's
other kinds, docstrings of libraries, messages of programs in four languages, the pages of docs/).

GSM8K, MATH and MGSM are read from a folder that `--data` names; without it the lines of karui-mini and small
talk are made alone.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import mean
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from _choices import CHOSEN
from _figures import ROOT, Figures, arguments, percent

import karui
from karui import tasks
from karui.core.prompt import Prompt
from karui.core.question import Task
from karui.domain.domain import Asked, Domain, fitted
from karui.gateway.deployment import Deployment
from karui.measure.intervals import mean_interval, wilson
from karui.runners.replay import Replay
from karui.tasks.sources.files import load_file

SPLITS, QUICK_SPLITS, SEED = 6, 1, 20261201
RECORDED = 1000
"""Questions recorded, where there are so many."""
MOST = 300
"""Questions of each set that are asked about in a split."""
AWAY, FOUND = 5.0, 90.0
"""Targets in percent: like questions sent away at most, unlike ones found at least."""


@dataclass(frozen=True)
class Pair:
    """Two sets.

    Attributes:
        name: For people.
        like: Questions of the set that is recorded.
        unlike: Questions of the other one.
        recorded: How many are recorded.
    """

    name: str
    like: Sequence[str]
    unlike: Sequence[str]
    recorded: int = RECORDED


@dataclass(frozen=True)
class Split:
    """What came of one split: shares of like questions sent away and of unlike ones found; both counts."""

    away: float
    found: float
    like: int
    unlike: int


def domain_of(recorded: Sequence[str]) -> Domain:
    """Returns the domain of recorded questions."""
    domain = fitted([Asked(Prompt(text), text) for text in recorded])[1]
    assert domain is not None, f"{len(recorded)} questions are too few"
    return domain


def share(domain: Domain, questions: Sequence[str]) -> float:
    """Returns the share of questions that are unlike the recorded ones."""
    return float(np.mean([domain.compare(Prompt(text)).unlike for text in questions]))


def split(pair: Pair, seed: int) -> Split:
    """Records some of a set, and asks about the others."""
    rng, like = Random(seed), list(dict.fromkeys(pair.like))
    rng.shuffle(like)
    recorded, others = like[: pair.recorded], like[pair.recorded :][:MOST]
    unlike = list(dict.fromkeys(pair.unlike))
    rng.shuffle(unlike)
    unlike = unlike[:MOST]
    domain = domain_of(recorded)
    return Split(share(domain, others), share(domain, unlike), len(others), len(unlike))


def measured(
    figures: Figures, pairs: Sequence[Pair], name: str, splits: int, *, judged: bool = True
) -> list[Split]:
    """Adds the lines of a pair of sets, or of several of one sort; what is not judged is shown."""
    ran = [split(pair, SEED + n) for pair in pairs for n in range(splits)]
    figures.at_most(
        f"{name}: like questions sent away", 100 * float(np.mean([s.away for s in ran])), AWAY, "%"
    )
    sent = percent(mean_interval([s.away for s in ran]))
    figures.shown(f"{name}: the same, interval over splits", sent, "%")
    found = 100 * float(np.mean([s.found for s in ran]))
    if judged:
        figures.at_least(f"{name}: unlike ones found", found, FOUND, "%")
    else:
        figures.shown(f"{name}: unlike ones found", found, "%")
    over = wilson(sum(s.away > AWAY / 100 for s in ran), len(ran))
    figures.shown(f"{name}: splits with more than 5% sent away", 100 * over.value, "%")
    return ran


def mini() -> dict[str, list[str]]:
    """Returns the questions of karui-mini by kind."""
    kinds: dict[str, list[str]] = {}
    for part in ("pilot", "test", "confirm"):
        for question in tasks.load(f"mini:{part}").questions:
            kinds.setdefault(question.kind, []).append(question.text)
    return kinds


def rows(path: Path) -> list[dict[str, str]]:
    """Returns a file of JSON lines."""
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    return [json.loads(line) for line in content.decode("utf-8").split("\n") if line]


def read(path: Path, field: str) -> list[str]:
    """Returns one field of a file of JSON lines."""
    return [row[field] for row in rows(path)]


def kinds_left_out(figures: Figures, splits: int) -> None:
    """Leaves every kind of karui-mini out once."""
    kinds = mini()
    pairs = []
    for out, unlike in kinds.items():
        like = [text for kind, texts in kinds.items() if kind != out for text in texts]
        pairs.append(Pair(out, like, unlike))
    ran = measured(figures, pairs, "kinds of karui-mini left out", splits)
    for n, pair in enumerate(pairs):
        own = ran[n * splits : (n + 1) * splits]
        figures.shown(f"  {pair.name}, found", 100 * float(np.mean([s.found for s in own])), "%")


def small_talk() -> list[str]:
    """Returns the sentences of small talk."""
    return (ROOT / "bench" / "data" / "small-talk.txt").read_text(encoding="utf-8").splitlines()


def costs(figures: Figures, texts: Sequence[str]) -> None:
    """Adds what a comparison takes, and the size of what is kept."""
    domain = domain_of(texts[:RECORDED])
    times = []
    for text in texts[:300]:
        began = perf_counter()
        domain.compare(Prompt(text))
        times.append(1000 * (perf_counter() - began))
    figures.at_most("one comparison, median", float(np.median(times)), 1, "ms", 2)
    size = len(json.dumps(domain.as_dict())) / 1000
    figures.at_most(f"what {RECORDED} recorded questions take in a file", size, 400, "kB", 0)


def parted(figures: Figures, folder: Path, count: int) -> None:
    """Asks karui-mini, under the plan of its shipped choice, its own questions and GSM8K's.

    Adds how often it is right and how confident it is, on questions that the choice's domain takes for like
    the recorded ones and on those that it takes for unlike.
    """
    deployment = Deployment.load(CHOSEN)
    domain, plan = deployment.expectation.domain, deployment.plan
    assert domain is not None
    asked = [
        {"question": row["question"], "answer": row["answer"].rpartition("#### ")[2], "verifier": "numeric"}
        for row in rows(folder / "gsm8k" / "test.jsonl")[:count]
    ]
    asked += [
        {"question": q.text, "answer": q.reference, "verifier": "exact"}
        for q in tasks.load("mini:confirm").questions[:count]
    ]
    right: dict[bool, list[float]] = {True: [], False: []}
    sure: dict[bool, list[float]] = {True: [], False: []}
    with TemporaryDirectory() as place:
        file = Path(place) / "questions.jsonl"
        file.write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
        asked_bare = Task("unlike", load_file(file))  # karui-mini was taught without an instruction
        recording = karui.record("", asked_bare, samples=1, max_tokens=1024, out=Path(place) / "recording")
        outcomes = Replay({"main": recording}).outcomes(plan)
    for n, question in enumerate(recording.questions):
        unlike = domain.compare(question.prompt).unlike
        right[unlike].append(float(outcomes.accuracy[n]))
        confidence = outcomes.confidence[n][~np.isnan(outcomes.confidence[n])]
        sure[unlike] += [float(confidence.mean())] if len(confidence) else []
    for unlike, name in ((False, "like"), (True, "unlike")):
        figures.shown(
            f"karui-mini, {len(right[unlike])} {name} questions: right", 100 * mean(right[unlike]), "%"
        )
        figures.shown(f"karui-mini, {name} questions: mean confidence", 100 * mean(sure[unlike]), "%")


def main() -> int:
    """Runs the bench."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, help="folder with gsm8k/ and questions/ (GSM8K, MATH, MGSM)")
    parser.add_argument("--model", action="store_true", help="ask karui-mini, too; takes --data")
    options: argparse.Namespace = parser.parse_args()
    figures = Figures("unlike", options)
    splits = QUICK_SPLITS if options.quick else SPLITS
    kinds_left_out(figures, max(1, splits // 4))
    texts = [text for kind in mini().values() for text in kind]
    measured(figures, [Pair("", texts, small_talk())], "karui-mini against small talk", splits)
    if options.model:
        parted(figures, options.data, 20 if options.quick else 100)
    if options.data is not None:
        gsm = read(options.data / "gsm8k" / "train.jsonl", "question")
        math = read(options.data / "questions" / "math-test-4500.jsonl.gz", "problem")
        lines = (options.data / "questions" / "mgsm_ja.tsv").read_text(encoding="utf-8").splitlines()
        japanese = [line.split("\t")[0] for line in lines]
        measured(figures, [Pair("", gsm, math)], "GSM8K against MATH", splits)
        measured(figures, [Pair("", gsm, japanese)], "English against Japanese", splits)
        measured(figures, [Pair("", gsm, small_talk())], "GSM8K against small talk", splits)
        measured(figures, [Pair("", math, gsm)], "MATH against GSM8K", splits, judged=False)
        measured(
            figures,
            [Pair("", japanese, gsm, 200)],
            "Japanese against English, 200 recorded",
            splits,
            judged=False,
        )
        for few in (200, 400):
            measured(
                figures,
                [Pair("", gsm, math, few)],
                f"GSM8K against MATH, {few} recorded",
                splits,
                judged=False,
            )
        texts = gsm
    costs(figures, texts)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
