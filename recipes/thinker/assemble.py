"""What came home from the recorder, as recordings that karui replays: text, answers, trials, verdicts."""

from __future__ import annotations

import json
from hashlib import sha256
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import numpy as np

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Prompt, Sampling
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.trace import NO_SIGNALS, End, Peek, RecordedCheckpoint, Trace, Trial
from karui.core.usage import UsageMeter
from karui.engines.chat.answers import as_probability, box_end, mean_probability
from karui.recording import store
from karui.recording.columns import answers
from karui.tasks.verifiers import verifier
from recipes.thinker.record import MAX_INTERVAL, MIN_INTERVAL
from recipes.thinker.texts import INSTRUCTION, SUFFIX
from recipes.thinker.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from karui.core.question import Verifier

NAME = "Qwen2.5-Coder-1.5B-Instruct"
JUDGES = {"gsm8k": "numeric", "math": "math"}
OPEN, CLOSE = "<think>", "</think>"
BOX = r"\boxed{"


def assemble(
    work: Path, model: str, name: str, *, temperature: float, max_tokens: int, head: bool = False
) -> None:
    """Write the recording of one model on one set below `recordings`; nothing where nothing was recorded.

    Args:
        work: The recipe's folder.
        model: Which model.
        name: Which set of questions.
        temperature: With which it was recorded.
        max_tokens: Likewise.
        head: Keep only the questions before the first that is missing, in the order in which they were
            begun. For a recording that was broken off: what is missing there is what was long, and all that
            came home would look shorter and righter than the model is.
    """
    parts = sorted((work / "raw" / model / name).glob("part-*.npz"))
    if not parts:
        return
    lines = (work / "questions" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    rows = {row["id"]: row for row in map(json.loads, filter(None, lines))}
    vocabulary = Vocabulary.load(work / "vocabulary.json")
    judge = verifier(JUDGES[name])
    reader = _Reader(vocabulary, judge)
    traces = {one: list(made) for part in parts for one, made in reader.read(part, rows)}
    questions = []
    for one, row in rows.items():
        if one not in traces:
            if head:
                break
            continue
        found = sorted(set().union(*map(answers, traces[one])))
        verdicts = {answer: judge.verify(row["reference"], answer) for answer in found}
        prompt = Prompt(f"{row['question']}\n\n{INSTRUCTION}")
        questions.append(
            RecordedQuestion(one, row["kind"], row["reference"], prompt, tuple(traces[one]), verdicts)
        )
    told = [(q.id, q.prompt.user, q.reference, q.kind, judge.spec) for q in questions]
    tried = any(trace.checkpoints for q in questions for trace in q.traces)
    manifest = Manifest(
        model=ModelInfo(f"{NAME}, {model}", **_told(work, model)),
        engine="vllm",
        task=f"{name} of recipes.thinker",
        task_digest=sha256(repr(told).encode()).hexdigest()[:16],
        style=(),
        sampling=Sampling(temperature, 0.95, max_tokens=max_tokens),
        rule=CheckpointPolicy(max_interval=MAX_INTERVAL, min_interval=MIN_INTERVAL),
        suffix=SUFFIX,
        suffix_tokens=len(next(iter(rows.values()))["suffix"]),
        samples=max(len(q.traces) for q in questions),
        seed=0,
        abilities=frozenset(
            {Ability.TEXT} | ({Ability.TRIALS, Ability.CONFIDENCE, Ability.PEEKS} if tried else set())
        ),
        versions={"vllm": "0.26.0"},
        machine=_machine(work),
        instruction=INSTRUCTION,
        verifier=judge.spec,
    )
    out = work / "recordings" / f"{model}-{name}"
    rmtree(out, ignore_errors=True)
    store.save(Recording(manifest, tuple(questions)), out, level=store.FAST)
    print(f"{out}: {len(questions)} questions", flush=True)


def _told(work: Path, model: str) -> dict[str, Any]:
    """Return what is known of the model's shape where its folder is here."""
    for folder in (work / "models" / model, work / "packed"):
        if (folder / "config.json").exists():
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            return {"config": config, "dtype": "float8_e4m3fn" if model.endswith("-fp8") else "bfloat16"}
    return {}


def _machine(work: Path) -> str:
    """Return the GPU that the model was trained on, by its log: recordings are made in the same run."""
    log = work / "models" / "thinker" / "training.json"
    return str(json.loads(log.read_text(encoding="utf-8"))["device"]) if log.exists() else "not told"


class _Reader:
    """Makes traces of token numbers."""

    def __init__(self, vocabulary: Vocabulary, judge: Verifier) -> None:
        self.vocabulary, self.judge = vocabulary, judge
        self.known: dict[str, str | None] = {}

    def read(self, part: Path, rows: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Iterator[Trace]]]:
        """Yield the id of every question of a part, with its traces."""
        with np.load(part) as file:
            arrays = {name: file[name] for name in file.files}
        tokens = np.split(arrays["tokens"].astype(int), np.cumsum(arrays["lengths"])[:-1])
        tried = np.cumsum(arrays["trial_lengths"], dtype=np.int64)
        trials: dict[int, list[tuple[int, slice, float]]] = {}
        for n, (trace, place) in enumerate(zip(arrays["trial_trace"], arrays["trial_at"], strict=True)):
            where = slice(int(tried[n] - arrays["trial_lengths"][n]), int(tried[n]))
            trials.setdefault(int(trace), []).append((int(place), where, float(arrays["trial_entropy"][n])))
        at = 0
        for one, samples in zip(arrays["ids"].tolist(), arrays["samples"].tolist(), strict=True):
            own = range(at, at + samples)
            at += samples
            yield (
                one,
                (self._trace(rows[one], n - own.start, tokens[n], trials.get(n, []), arrays, n) for n in own),
            )

    def _trace(
        self,
        row: dict[str, Any],
        sample: int,
        tokens: np.ndarray,
        trials: list[tuple[int, slice, float]],
        arrays: dict[str, np.ndarray],
        number: int,
    ) -> Trace:
        cut = bool(arrays["cut"][number])
        said = tokens if cut else tokens[:-1]  # without the token that ends the turn
        raw = self.vocabulary.raw(said)
        text = raw.decode("utf-8", "replace")
        begin = text.find(OPEN) + len(OPEN) if text.lstrip().startswith(OPEN) else -1
        ends = self.vocabulary.ends(tokens)
        thinking_tokens, thinking, answer = 0, "", text.strip()
        if begin >= 0:
            begin += text.startswith("\n", begin)
            closed, ended = text.find(CLOSE, begin), raw.find(CLOSE.encode())
            thinking = text[begin:closed] if closed >= 0 else text[begin:]
            answer = text[closed + len(CLOSE) :].strip() if closed >= 0 else ""
            last = int(np.searchsorted(ends, ended + len(CLOSE))) + 1
            thinking_tokens = last if ended >= 0 else len(tokens)
        answer = "" if cut else answer
        meter = UsageMeter(len(row["tokens"]), 0, len(row["suffix"]))
        meter.think(thinking_tokens)
        marks = []
        for place, where, entropy in trials if thinking_tokens else ():
            before = raw[: ends[place - 1]].decode("utf-8", "ignore")
            marks.append(RecordedCheckpoint(place, len(before) - begin, self._trial(arrays, where, entropy)))
        return Trace(
            question=row["id"],
            sample=sample,
            end=End.TRUNCATED if cut else End.FINISHED,
            thinking=thinking,
            text=answer,
            answer=self._answer(answer) if answer else None,
            confidence=None,
            signals=NO_SIGNALS,
            checkpoints=tuple(marks),
            thinking_tokens=thinking_tokens,
            answer_tokens=len(tokens) - thinking_tokens,
            usage=meter.finished(len(tokens) - thinking_tokens),
            time=meter.time,
            seconds=float(arrays["seconds"][number]),
            finish="length" if cut else "stop",
        )

    def _trial(self, arrays: dict[str, np.ndarray], where: slice, entropy: float) -> Trial:
        tokens, drawn = arrays["trial_tokens"][where].astype(int), arrays["trial_logprobs"][where]
        ended = int(tokens[-1]) in self.vocabulary.turn_ends
        raw = self.vocabulary.raw(tokens[:-1] if ended else tokens)
        text = raw.decode("utf-8", "ignore")
        stop = box_end(text, boxed=True)
        taken = len(tokens)
        if stop is not None:  # the live engine stops here, and is billed up to here
            ends = self.vocabulary.ends(tokens)
            taken = int(np.searchsorted(ends, len(text[:stop].encode()))) + 1
        answer = BOX + text[:stop]
        first = self.vocabulary.raw(tokens[:1]).decode("utf-8", "replace")
        peek = Peek(first, as_probability(float(drawn[0])), entropy)
        return Trial(self._answer(answer), answer, taken, mean_probability(drawn[:taken]), peek)

    def _answer(self, text: str) -> str | None:
        if text not in self.known:
            self.known[text] = self.judge.read(text)
        return self.known[text]
