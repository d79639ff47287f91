"""The manifest of a recording that was made elsewhere: what can be known of it, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Sampling
from karui.core.recording import Caveat, Manifest, RecordedQuestion, Recording
from karui.measure.machine import versions


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What is known about where imported traces come from.

    Attributes:
        task: The task's name.
        model: Who wrote the texts.
        engine: What the manifest says of the engine.
        judge: What judged the answers, in words.
        trial_tokens: Tokens that each trial whose cost was not logged is taken to have cost.
        source: Format of the log.
        verifier: Spec of the verifier that read the answers; "" where none did.
        sampling: What the log says of it, by karui's names. Without a limit, that is the longest trace.
        caveats: What has to be known about it.
        agreement: Whether the references are the model's own majority answers.
    """

    task: str
    model: str
    engine: str
    judge: str
    trial_tokens: int
    source: str = ""
    verifier: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    caveats: Sequence[Caveat] = ()
    agreement: bool = False


def imported(questions: Sequence[RecordedQuestion], origin: Origin) -> Recording:
    """Returns a recording of questions with their traces, with a manifest of what can be known about it.

    Its abilities are those that every trace has; its checkpoint rule is the smallest and largest distance of
    trials.
    """
    traces = [t for q in questions for t in q.traces]
    marks = [m for t in traces for m in t.checkpoints]
    gaps = [
        after - before for t in traces for before, after in pairwise([0, *(m.tokens for m in t.checkpoints)])
    ]
    # A trace shorter than the first checkpoint has none; only a recording without any lacks the ability.
    abilities = {Ability.TRIALS} if marks else set()
    if marks and all(m.trial is not None and m.trial.confidence is not None for m in marks):
        abilities.add(Ability.CONFIDENCE)
    if all(t.thinking for t in traces if t.thinking_tokens):
        abilities.add(Ability.TEXT)
    longest = max((t.thinking_tokens + t.answer_tokens for t in traces), default=0)
    told = [(q.id, q.prompt.user, q.reference, q.kind, origin.judge) for q in questions]
    manifest = Manifest(
        model=ModelInfo(origin.model),
        engine=origin.engine,
        task=origin.task,
        task_digest=sha256(repr(told).encode()).hexdigest()[:16],
        style=(),
        sampling=Sampling(**{"max_tokens": longest, **origin.sampling}),
        rule=CheckpointPolicy(
            max_interval=max(gaps, default=1), min_interval=min(gaps, default=1), at_step_ends=False
        ),
        suffix="",
        suffix_tokens=0,
        samples=max((len(q.traces) for q in questions), default=0),
        seed=0,
        agreement=origin.agreement,
        abilities=frozenset(abilities),
        versions={"karui": versions().get("karui", "")},
        machine="not told"
        + ("" if "temperature" in origin.sampling else "; sampling not told")
        + (f"; every trial is taken to be {origin.trial_tokens} tokens long" if marks else ""),
        source=origin.source,
        verifier=origin.verifier,
        caveats=tuple(dict.fromkeys(origin.caveats)),
    )
    return Recording(manifest, tuple(questions))
