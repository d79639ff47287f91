"""What the recording says that live requests will look like; it lies beside the choice as JSON."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from karui.codec.disk import writing
from karui.codec.values import decode, encode
from karui.core.engine import CheckpointPolicy, trace_seed
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.prompt import Sampling, kinds_of
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.request import Request
from karui.core.study.choice import Choice
from karui.core.study.domain import DomainSummary
from karui.core.trace import Trace
from karui.core.watcher import Action, Checkpoint
from karui.domain.domain import Domain
from karui.runners.replay import Replay, mode
from karui.runners.replay_trace import Playback
from karui.serving_profile.signals import DriftSignals, signals

FILE = "expectation.json"
"""Its name beside `choice.json`."""


@dataclass(frozen=True, slots=True)
class CheckpointSettings:
    """Where a model's streams stop, and how its answers are forced: a plan is served as it was replayed.

    Attributes:
        rule: Where checkpoints lie.
        suffix: The trial suffix.
        thinking: What its user said of how it thinks (`--thinking`), by field.
        logprobs: Of which tokens its server was asked for log-probabilities; "" where none was asked.
        style: Specs of the techniques that it was recorded with, of a further model of the plan: its mode.
            Those of the main one are in the plan.
    """

    rule: CheckpointPolicy = field(default_factory=CheckpointPolicy)
    suffix: str = ""
    thinking: Mapping[str, Any] = field(default_factory=dict)
    logprobs: str = ""
    style: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ServingContract:
    """What a plan was certified with, and has to be served with.

    Attributes:
        verifier: Spec of the verifier whose reader finds the answers.
        instruction: Appended to every question, of the plan and of full thinking.
        sampling: How tokens are drawn.
        footings: By the names that the plan's asks use; "main" at least.
        parameters: Kinds of parameters that recorded questions had: `karui.core.prompt`.
    """

    verifier: str = "exact"
    instruction: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    footings: Mapping[str, CheckpointSettings] = field(default_factory=lambda: {"main": CheckpointSettings()})
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServingProfile:
    """What a plan looked like on the recording.

    The three signals are lists with one entry a question, from one run each: the traces of a question are
    alike, and the drift guard needs values that could be exchanged with those of live questions.

    Attributes:
        plan: The plan's id.
        label: For people.
        thinking: Thinking tokens of the trace that answered; of the first of them where several did.
        confidence: Of the reply; None where there was none.
        agreement: Share of the trials that said what was answered; None without trials, and for plans of
            several traces, whose trials are not told apart.
        truncated: Share of runs whose trace the token limit cut.
        full_tokens: Mean tokens of full thinking.
        full_accuracy: Mean correctness of full thinking.
        accuracy: Mean correctness of the plan.
        margin: The loss that was certified, as a share.
        same: Share of runs that said what full thinking said in another trace of the question (in the same
            one where there is but one); what a plan run silently beside full thinking is compared with.
        terms: What it was certified with.
        domain: Which questions are like the recorded ones; None in profiles of earlier versions, and where
            too few were recorded to say.
    """

    plan: str
    label: str
    thinking: tuple[int, ...]
    confidence: tuple[float | None, ...]
    agreement: tuple[float | None, ...]
    truncated: float
    full_tokens: float
    full_accuracy: float
    accuracy: float
    margin: float
    same: float = 1.0
    terms: ServingContract = field(default_factory=ServingContract)
    domain: Domain | None = None

    def above(self, floor: float) -> "ServingProfile":
        """Returns what is left where answers of confidence below `floor` go to full thinking."""
        kept = [n for n, c in enumerate(self.confidence) if c is None or c >= floor]
        return replace(
            self,
            thinking=tuple(self.thinking[n] for n in kept),
            confidence=tuple(self.confidence[n] for n in kept),
            agreement=tuple(self.agreement[n] for n in kept),
        )

    def confidence_range(self) -> tuple[float, float] | None:
        """Returns the 5th and the 95th percentile of confidence, None where there is none."""
        return _range(self.confidence)

    def thinking_range(self) -> tuple[float, float] | None:
        """Returns the 1st and the 99th percentile of thinking tokens."""
        return _range(self.thinking, 1, 99)

    def save(self, path: Path) -> None:
        """Writes it.

        Raises:
            StorageError: The file cannot be written.
        """
        with writing(path):
            path.write_text(json.dumps(self._as_dict(), indent=1), encoding="utf-8")

    def _as_dict(self) -> dict[str, Any]:
        """Returns what the file holds."""
        fields = asdict(replace(self, domain=None))
        for name, settings in self.terms.footings.items():
            fields["terms"]["footings"][name]["rule"] = settings.rule.as_dict()
        if self.domain is not None:
            fields["domain"] = {"summary": encode(self.domain.summary), **self.domain.as_dict()}
        return fields

    @staticmethod
    def load(path: Path) -> "ServingProfile":
        """Reads what `save` wrote.

        Raises:
            InputError: It is not there, or is something else.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            lists = {k: tuple(values[k]) for k in ("thinking", "confidence", "agreement")}
            parts = {"terms": _contract(values["terms"]), "domain": _domain(values.get("domain"))}
            return ServingProfile(**{**values, **lists, **parts})
        except (OSError, ValueError, KeyError, TypeError, zlib.error) as error:
            raise InputError(
                f"{path} does not say what to expect of the plan.",
                why=str(error),
                remedy="`karui choose` and `karui poc` write it beside choice.json: make the choice again.",
            ) from error

    @staticmethod
    def of(
        recordings: Mapping[str, Recording],
        plan: Plan,
        choice: Choice,
        full: Recording | None = None,
        terms: ServingContract | None = None,
    ) -> "ServingProfile":
        """Replays the plan once on every question.

        Args:
            recordings: As `Replay` takes them; "main" at least.
            plan: The chosen plan.
            choice: Whose certified loss the canaries are held to.
            full: The recording of full thinking, where the plan's main one has other weights or prompts.
            terms: What the plan was certified with; None takes it from the recordings.

        Raises:
            RecordingMismatch: As `Replay.outcomes`.
            NotRecorded: Likewise.
            PlanError: Likewise.
        """
        replay = Replay(recordings)
        replay.refuse(plan)
        main = recordings["main"]
        thought = {q.id: q.traces for q in (full or main).questions}
        rows, same = [], []
        for question in main.questions:
            row = _row(replay, plan, main, question)
            rows.append(row)
            same.append(_other(row, thought.get(question.id, question.traces)) == row.answer)
        whole = [(t.tokens, q.correct(t.answer)) for q in (full or main).questions for t in q.traces]
        return ServingProfile(
            plan=plan.id,
            label=plan.label,
            thinking=tuple(r.signals.thinking_tokens for r in rows),
            confidence=tuple(r.signals.confidence for r in rows),
            agreement=tuple(r.signals.agreement for r in rows),
            truncated=float(np.mean([r.signals.truncated for r in rows])),
            full_tokens=float(np.mean([tokens for tokens, _ in whole])),
            full_accuracy=float(np.mean([right for _, right in whole])),
            accuracy=float(np.mean([r.correct for r in rows])),
            margin=choice.rule.margin,
            same=float(np.mean(same)),
            terms=terms or contract_of(recordings),
        )


def _checkpoint_settings(manifest: Manifest, style: Plan) -> CheckpointSettings:
    return CheckpointSettings(
        manifest.rule,
        manifest.suffix,
        manifest.thinking.get("override", {}),
        manifest.server.get("logprobs", ""),
        tuple(style.spec),
    )


def contract_of(
    recordings: Mapping[str, Recording], verifier: str = "", instruction: str = ""
) -> ServingContract:
    """Returns what recordings were made with.

    Args:
        recordings: By the names that the plan's asks use; "main" at least.
        verifier: Of the main one's task, where its manifest does not say.
        instruction: Likewise.
    """
    manifest = recordings["main"].manifest
    return ServingContract(
        manifest.verifier or verifier,
        manifest.instruction if manifest.verifier else instruction,
        manifest.sampling,
        {
            name: _checkpoint_settings(r.manifest, mode(recordings["main"], r))
            for name, r in recordings.items()
        },
        tuple(sorted({kind for q in recordings["main"].questions for kind in kinds_of(q.prompt.parameters)})),
    )


def is_mode(choice: Choice, name: str, style: Plan) -> bool:
    """Returns whether a further model of a plan is the main one, shown its prompts in a style.

    Args:
        choice: The choice.
        name: By which the plan asks it.
        style: What it was recorded with.
    """
    further, main = choice.beside.get(name), choice.model
    if further is None or not style.techniques:
        return False
    if (
        not all(t.changes("rewrite") and not t.changes("configure") for t in style.techniques)
        or style.prepared
    ):
        return False
    return further.digest == main.digest if further.digest or main.digest else further.name == main.name


def _contract(values: Mapping[str, Any]) -> ServingContract:
    footings = {
        name: CheckpointSettings(
            CheckpointPolicy.from_dict(f["rule"]),
            f["suffix"],
            f.get("thinking", {}),
            f.get("logprobs", ""),
            tuple(f.get("style", ())),
        )
        for name, f in values["footings"].items()
    }
    read = {"sampling": Sampling(**values["sampling"]), "footings": footings}
    return ServingContract(**{**values, **read, "parameters": tuple(values.get("parameters", ()))})


def _domain(values: dict[str, Any] | None) -> Domain | None:
    if values is None:
        return None
    return Domain.from_dict(values, decode(DomainSummary, values["summary"], "domain.summary"))


class _Row(NamedTuple):
    """One run of one question; `chosen` is the trace it began with."""

    signals: DriftSignals
    correct: bool
    answer: str | None
    chosen: int


def _other(row: _Row, traces: Sequence[Trace]) -> str | None:
    """Returns what full thinking said in another trace than the run began with."""
    return traces[(row.chosen + 1) % len(traces)].answer


def _row(replay: Replay, plan: Plan, main: Recording, question: RecordedQuestion) -> _Row:
    """Plays one run."""
    here = {model: replay.questions(model)[question.id] for model in plan.models}
    chosen = trace_seed(0, question.id, 0) % len(question.traces)
    if plan.flows:
        orders = {model: replay.permutations(q, model)[0] for model, q in here.items()}
    else:
        orders = {"main": [chosen]}
    outcome = replay.play(plan, here, orders)
    checkpoints = [] if plan.flows else _checkpoints(plan, main, question, question.traces[chosen])
    return _Row(signals(plan, outcome, checkpoints), outcome.correct, outcome.answer, chosen)


def _checkpoints(plan: Plan, main: Recording, question: RecordedQuestion, trace: Trace) -> list[Checkpoint]:
    """Returns the checkpoints that a plan passed on one trace."""
    seen = _Trials()
    watchers = plan.watchers(Request(question.id, question.prompt, main.manifest.sampling))
    # It stands before the plan's own, for a watcher behind them does not see where they end the trace.
    Playback([seen, *watchers], trace, main.manifest.suffix_tokens).to_end()
    return seen.checkpoints


class _Trials:
    """Looks on, and remembers the checkpoints: after the walk they hold the trials that were made there."""

    def __init__(self) -> None:
        self.checkpoints: list[Checkpoint] = []

    def see(self, checkpoint: Checkpoint) -> Action:
        """Remembers it."""
        self.checkpoints.append(checkpoint)
        return Action.GO


def _range(values: Sequence[float | None], low: float = 5, high: float = 95) -> tuple[float, float] | None:
    held = [v for v in values if v is not None]
    if not held:
        return None
    a, b = np.percentile(held, [low, high])
    return float(a), float(b)
