"""The recording: all traces and trials of one model, prompt style and sampling on one task."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.errors import UnknownName
from karui.core.prompt import Prompt, Sampling
from karui.core.trace import Trace

FORMAT = 1
"""Version of the manifest and of the Parquet columns."""
_IMPORTED = frozenset({"imported", "scout"})
"""Engines of recordings that were made elsewhere."""


class Caveat(StrEnum):
    """What a reader of figures from an imported recording has to know; reports say it in a sentence."""

    OTHER_TRIALS = "trials of another model"
    """The model that was tried at checkpoints is not the one that wrote the texts."""
    WORDS = "lengths in words"
    """The log counts no tokens and no tokenizer was given: words and signs are counted instead."""
    SPLIT = "split by characters"
    """Tokens of thinking and of the answer are known together only, and were divided by characters."""
    TRIAL_COST = "cost of trials assumed"
    """What a trial cost was not logged."""
    SHARES = "stops at shares of a finished trace"
    """Places of trials know the length of the trace, which no live run does."""
    PICKED = "questions picked by their outcome"
    """Questions were chosen for the log by how the model fared on them."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a recording was made with: enough to make it again, and to refuse what it cannot answer.

    Attributes:
        model: The model.
        engine: Name of the engine.
        task: Name of the task.
        task_digest: Digest of its questions, references and verifiers.
        style: Specs of the plan's techniques that need their own recording; empty for the bare model.
        sampling: How tokens were drawn.
        rule: Where checkpoints lie.
        suffix: The trial suffix.
        suffix_tokens: Its length.
        samples: Traces wanted per question.
        seed: What trace seeds were made from.
        agreement: Whether references are the model's own majority answers.
        abilities: What the recording holds.
        versions: Of karui and of what it ran on, by name.
        machine: Where it was made, in words.
        seconds_per_token: Mean wall time of one token of one trace, as recorded; 0 where unknown.
        tokens_per_second: Throughput of the whole recording, all streams together; 0 where unknown.
        joules_per_token: Energy for each generated token while it was recorded, all streams together, by the
            counter that was read: "rapl" (processor packages) or "nvml" (NVIDIA boards); {} where the machine
            has none that can be read.
        instruction: What the task appends to every question.
        verifier: Spec of the verifier that most questions have; "" in recordings made before it was kept.
        thinking: How the model thinks, as the engine found out: texts, switches, levels, and how each was
            found; {} in recordings made before it was kept.
        source: Format of the log that the traces were imported from; "" where karui recorded them.
        trials: The model that the trials came from, where it is not known to be the one that wrote the texts
            (`karui trials`); None where trials, if there are any, are the model's own.
        caveats: What has to be known about traces that were imported.
        no_thinking_accepted: Whether the user went on although full thinking holds next to no thinking.
        history: How the recording grew, oldest first: how many questions it had (`questions`), the digest of
            the task then (`task_digest`) and the day (`at`); empty where it never did.
        server: What the server said of itself and its model, by name: "fingerprint", "version" or "context",
            say; {} where the model ran in this process, and in recordings made before it was kept.
        workers: The processes that recorded, where there were several: name, device, machine, threads and
            versions of each; those of earlier runs stay.
        batch_invariant: Whether a greedy reply of the server was seen to be the same to the last bit alone
            and beside others; None where the model ran in this process, and where it was not tried.
        timeouts: Answers whose reading or comparing ran into its time limit: read as none, or not equal.
        judge: Who judged the answers, and by what prompt, where they have no checkable form; {} elsewhere,
            and on disk (`judge.json` keeps it there, for another judge may be asked later).
        format: Version of this format.
    """

    model: ModelInfo
    engine: str
    task: str
    task_digest: str
    style: tuple[Mapping[str, Any], ...]
    sampling: Sampling
    rule: CheckpointPolicy
    suffix: str
    suffix_tokens: int
    samples: int
    seed: int
    agreement: bool = False
    abilities: frozenset[Ability] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    seconds_per_token: float = 0.0
    tokens_per_second: float = 0.0
    joules_per_token: Mapping[str, float] = field(default_factory=dict)
    instruction: str = ""
    verifier: str = ""
    thinking: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    trials: ModelInfo | None = None
    caveats: tuple[Caveat, ...] = ()
    no_thinking_accepted: bool = False
    timeouts: int = 0
    history: tuple[Mapping[str, Any], ...] = ()
    server: Mapping[str, str] = field(default_factory=dict)
    workers: tuple[Mapping[str, Any], ...] = ()
    batch_invariant: bool | None = None
    judge: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def as_dict(self) -> dict[str, Any]:
        """Returns what `manifest.json` holds."""
        return {
            **asdict(self),
            "rule": self.rule.as_dict(),
            "abilities": sorted(self.abilities),
            "style": [dict(s) for s in self.style],
            "history": [dict(h) for h in self.history],
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Manifest":
        """Reads what `as_dict` wrote."""
        abilities = set(map(Ability, values["abilities"]))
        if "source" not in values and Ability.CONFIDENCE in abilities and values["engine"] not in _IMPORTED:
            abilities.add(Ability.PEEKS)  # which went by the same name until this field came
        trials = values.get("trials")
        return Manifest(
            **{
                **values,
                "trials": ModelInfo(**trials) if trials else None,
                "caveats": tuple(map(Caveat, values.get("caveats", ()))),
                "model": ModelInfo(**values["model"]),
                "style": tuple(values["style"]),
                "history": tuple(values.get("history", ())),
                "workers": tuple(values.get("workers", ())),
                "sampling": Sampling(**values["sampling"]),
                "rule": CheckpointPolicy.from_dict(values["rule"]),
                "abilities": frozenset(abilities),
            }
        )


@dataclass(frozen=True, slots=True)
class RecordedQuestion:
    """One question as it was recorded.

    Attributes:
        id: The question's id.
        kind: Its kind.
        reference: Its reference, for the report; replay goes by `verdicts`.
        prompt: What the model was shown, after rewriting.
        traces: Its traces in sample order. Those of a large recording are read when they are looked at
            (`karui.recording.blocks`): they can be counted without that.
        verdicts: Whether each canonical answer that occurs anywhere in the traces is right.
        group: As `Question.group`.
        batch: With how many additions of questions to the recording it came: 0 from the beginning, 1 with the
            first (see `Manifest.history`).
    """

    id: str
    kind: str
    reference: str
    prompt: Prompt
    traces: Sequence[Trace]
    verdicts: Mapping[str, bool]
    group: str = ""
    batch: int = 0

    def correct(self, answer: str | None) -> bool:
        """Returns the taped verdict; None, and an answer that was never seen, is not correct."""
        return answer is not None and self.verdicts.get(answer, False)


@dataclass(frozen=True)
class Recording:
    """A manifest and its questions.

    Attributes:
        manifest: What it was made with.
        questions: In the task's order.
        path: The folder that it was read from; None where it was never on disk. Of a part of a recording, the
            folder of the whole.
    """

    manifest: Manifest
    # asyncio writes out the result of a main task when it ends; this one would take longer than to make it
    questions: tuple[RecordedQuestion, ...] = field(repr=False)
    path: Path | None = field(default=None, compare=False)

    @property
    def samples(self) -> int:
        """Traces that every question has; fewer than the manifest wants while a recording is unfinished."""
        return min((len(q.traces) for q in self.questions), default=0)

    def traces(self) -> Iterator[Trace]:
        """Yields every trace."""
        for question in self.questions:
            yield from question.traces

    def of_kinds(self, kinds: Collection[str]) -> "Recording":
        """Returns the recording with only the questions of these kinds; all of them if none is named.

        Raises:
            UnknownName: No question is of that kind.
        """
        known = sorted({q.kind for q in self.questions if q.kind})
        for kind in kinds:
            if kind not in known:
                raise UnknownName("kind of question", kind, known)
        return self.subset({q.id for q in self.questions if not kinds or q.kind in kinds})

    def subset(self, keep: set[str]) -> "Recording":
        """Returns the recording with only the questions whose ids are in `keep`."""
        return replace(self, questions=tuple(q for q in self.questions if q.id in keep))
