"""A second round: what the thinker learns from its own right, closed and loop-free traces.

*Shortest* learns of each question the two shortest such traces, *random* two drawn from the same: what the
first gains over the second is length alone, for questions, traces to choose from and training are the same.
Both start at the base again, as STaR does (Zelikman et al., 2203.14465).
"""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass
from multiprocessing import Pool
from typing import TYPE_CHECKING, Any

import numpy as np

from karui.core.loops import loop_in
from karui.tasks.verifiers import verifier
from recipes.thinker import texts
from recipes.thinker.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

JUDGES = {"gsm8k": "numeric", "math": "math"}
ROUNDS = ("shortest", "random")
CLOSE = "</think>"
EACH = 2
"""Traces of each question that are learned from; one where there is no other."""
SAMPLES = 8
"""Traces of each question to choose from."""
QUICK = "<think>\n\n</think>\n\n"
"""What closes the thinking at once, behind the prompt."""


def fresh(file: Path) -> Iterator[dict[str, str]]:
    """Yield the problems of a file of MATH train (`problem`, `answer`)."""
    with gzip.open(file, "rt", encoding="utf-8") as problems:
        for number, line in enumerate(problems):
            row = json.loads(line)
            yield {
                "id": f"math-train-{number:04}",
                "question": row["problem"],
                "reference": str(row["answer"]),
                "kind": row.get("type", ""),
            }


def unscored(
    work: Path, problems: Path, counts: dict[str, int], scored: int, tokenizer: Any
) -> dict[str, list[Any]]:
    """Return questions to sample from: GSM8K train behind those that are scored, and MATH train.

    Args:
        work: The recipe's folder, with its questions.
        problems: MATH train.
        counts: How many of each set.
        scored: Of each file of questions so many are scored; none of these equals one that is returned.
        tokenizer: The model's own.
    """
    vocabulary = Vocabulary.load(work / "vocabulary.json")
    files = {name: lines(work / "questions" / f"{name}.jsonl") for name in JUDGES}
    seen = {texts.plain(row["question"]) for rows in files.values() for row in rows[:scored]}
    suffix = files["math"][0]["suffix"]
    pool = {"gsm8k": files["gsm8k"][scored:], "math": list(fresh(problems))}
    random.Random(7).shuffle(pool["math"])
    found: dict[str, list[Any]] = {name: [] for name in JUDGES}
    for name, rows in pool.items():
        for row in rows:
            key = texts.plain(row["question"])
            if len(found[name]) == counts[name] or key in seen:
                continue
            seen.add(key)
            user = f"{row['question']}\n\n{texts.INSTRUCTION}"
            try:
                tokens = vocabulary.encode(tokenizer, texts.turn(user, tokenizer))
            except KeyError:  # a token that the short vocabulary has not
                continue
            own = {"set": f"more-{name}", "nested": True, "tokens": tokens, "suffix": suffix}
            own |= {"samples": SAMPLES, "trials": False, "max_tokens": texts.LONGEST}
            found[name].append({**row, **own})
    return found


@dataclass(frozen=True)
class Candidate:
    """A right, closed, loop-free trace.

    Attributes:
        tokens: All of the reply, with the token that ends it.
        answer: Of these, how many stand behind the thinking.
    """

    tokens: list[int]
    answer: int


def candidates(work: Path, model: str, processes: int) -> tuple[dict[str, Any], dict[str, list[Candidate]]]:
    """Return the questions that were sampled, and of each the traces that may be learned from."""
    rows, tasks = {}, []
    for name, judge in JUDGES.items():
        for row in lines(work / "questions" / f"more-{name}.jsonl"):
            rows[row["id"]] = row
        for part in sorted((work / "raw" / model / f"more-{name}").glob("part-*.npz")):
            for one, traces in _traces(part):
                tasks.append((str(work / "vocabulary.json"), judge, rows[one]["reference"], one, traces))
    with Pool(processes) as pool:
        judged = dict(pool.imap_unordered(_judged, tasks, chunksize=4))
    return rows, {one: judged[one] for one in sorted(judged)}


def _judged(task: tuple[str, str, str, str, list[tuple[bool, list[int]]]]) -> tuple[str, list[Candidate]]:
    from pathlib import Path

    file, judge, reference, one, traces = task
    vocabulary, judging = Vocabulary.load(Path(file)), verifier(judge)
    kept = []
    for cut, tokens in traces:
        text = vocabulary.raw(tokens[:-1]).decode("utf-8", "replace")
        if cut or text.count(CLOSE) != 1 or not text.lstrip().startswith("<think>"):
            continue
        thinking, _, answer = text.partition(CLOSE)
        found = judging.read(answer.strip())
        if found is None or not judging.verify(reference, found) or loop_in(thinking):
            continue
        ends = vocabulary.ends(tokens)
        closed = int(np.searchsorted(ends, vocabulary.raw(tokens).find(CLOSE.encode()) + len(CLOSE)))
        kept.append(Candidate(tokens, len(tokens) - closed - 1))
    return one, kept


def choose(work: Path, model: str, seed: int, processes: int, each: int = EACH) -> dict[str, Any]:
    """Write the examples of both rounds, `examples-NAME.npz`, and `second.json`; return what it says."""
    rows, found = candidates(work, model, processes)
    draw = random.Random(seed)
    order = [one for one, some in found.items() if some]
    draw.shuffle(order)
    picked = {
        "shortest": [(one, sorted(found[one], key=lambda c: len(c.tokens))[:each]) for one in order],
        "random": [(one, draw.sample(found[one], min(each, len(found[one])))) for one in order],
    }
    said: dict[str, Any] = {"questions": len(found), "of_them_with_a_right_trace": len(order)}
    said["sets"] = {name: sum(rows[one]["set"] == f"more-{name}" for one in order) for name in JUDGES}
    said["kept_traces"] = sum(map(len, found.values()))
    said["mean_tokens_of_kept"] = round(
        float(np.mean([len(c.tokens) for some in found.values() for c in some]))
    )
    for name, picks in picked.items():
        made = [
            texts.Example(rows[one]["tokens"], c.tokens, c.tokens[len(c.tokens) - c.answer :], model)
            for one, some in picks
            for c in some
        ]
        draw.shuffle(made)
        texts.save_examples(work / f"examples-{name}.npz", made)
        lengths = [len(c.tokens) for _, some in picks for c in some]
        said[name] = {"examples": len(made), "mean_tokens": round(float(np.mean(lengths)))}
    (work / "second.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return said


def _traces(part: Path) -> Iterator[tuple[str, list[tuple[bool, list[int]]]]]:
    """Yield each question's traces of a part of a recording: whether it was cut, and its tokens."""
    arrays = np.load(part)
    tokens = np.split(arrays["tokens"].astype(int), np.cumsum(arrays["lengths"])[:-1])
    at = 0
    for one, samples in zip(arrays["ids"].tolist(), arrays["samples"].tolist(), strict=True):
        own = range(at, at + samples)
        at += samples
        yield one, [(bool(arrays["cut"][n]), tokens[n].tolist()) for n in own]


def quick(rows: Sequence[dict[str, Any]], vocabulary: Vocabulary, tokenizer: Any) -> list[dict[str, Any]]:
    """Return questions whose thinking is closed at once, to be recorded without trials."""
    closed = vocabulary.encode(tokenizer, QUICK)
    return [{**row, "tokens": [*row["tokens"], *closed], "trials": False} for row in rows]


def lines(file: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
