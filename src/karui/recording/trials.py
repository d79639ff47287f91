"""Trials added to texts that are there already: what would the model answer if it stopped here?

Logs hold whole replies and no trials. Any engine that can continue a text retells each reply up to its
checkpoints, and tries the answer there; nothing but the trials is generated. The trials are then those of the
model that continues, on the texts of the model that wrote: the manifest keeps both apart.

A recording with trials is a folder of its own, only ever added to: killed at any moment, the same call goes
on. What it cost is worked out from what is in it (`spent`), so that no token gets lost between two runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import cast

from karui.core.ability import Ability
from karui.core.engine import AcceptsGivenReplies, CheckpointPolicy, Engine, GivenReply, Outline
from karui.core.errors import InputError, PlanError
from karui.core.question import Verifier
from karui.core.recording import Caveat, Manifest, RecordedQuestion, Recording
from karui.core.request import Request
from karui.core.trace import End, RecordedCheckpoint, Trace
from karui.core.usage import TokenUsage
from karui.measure.machine import machine, versions
from karui.recording.columns import answers
from karui.recording.files import is_private
from karui.recording.jobs import TraceJobs
from karui.recording.store import MANIFEST, Writer, load
from karui.tasks.worker import timed_out

_PART_TRACES = 100
_HELD = frozenset({Ability.TRIALS, Ability.CONFIDENCE, Ability.PEEKS})


@dataclass(frozen=True, slots=True)
class Estimate:
    """What adding trials will cost; nothing is generated to find out.

    Attributes:
        traces: To be tried.
        checkpoints: Trials to be made.
        prompt: Tokens to be prefilled: prompts, texts and trial suffixes; known exactly.
        trial: Tokens to be generated, taken to be as many as each reply's own answer has. A model that is at
            a loss where it is made to answer writes more.
        most: Tokens to be generated if every trial runs to its limit.
        textless: Traces without any text of their thinking: nothing can be tried in them.
        short: Traces that are longer than the model's context: tried as far as it goes.
    """

    traces: int
    checkpoints: int
    prompt: int
    trial: int
    most: int
    textless: int
    short: int

    @property
    def tokens(self) -> int:
        """All of them together."""
        return self.prompt + self.trial


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        done: Traces that have their trials, those of earlier runs included.
        total: All traces.
        failed: Traces that the engine failed on in this run; the same call tries them again.
        failure: What it said last; "" if it never failed.
        trials: Trials made in this run.
    """

    done: int
    total: int
    failed: int
    failure: str
    trials: int


def spaced(every: int) -> CheckpointPolicy:
    """Returns a rule with checkpoints at most `every` tokens apart, and steps in proportion to the usual."""
    usual = CheckpointPolicy()
    return CheckpointPolicy(
        every, max(1, every * usual.min_interval // usual.max_interval), usual.at_step_ends
    )


async def estimate(recording: Recording, engine: Engine, *, trial_tokens: int = 24) -> Estimate:
    """Returns what adding trials to a recording will cost.

    Args:
        recording: Whole replies.
        engine: What continues them.
        trial_tokens: What a trial takes at most, as the engine was told.

    Raises:
        PlanError: The engine cannot continue a text, or the recording has none.
    """
    retells = _able(engine)
    _ensure_text(recording)
    traces = checkpoints = prompt = trial = textless = short = 0
    for question in recording.questions:
        for trace in question.traces:
            if not _has_text(trace):
                textless += 1
                continue
            outline = await _outline(retells, recording, question, trace)
            places = len(outline.places)
            traces += 1
            checkpoints += places
            short += not outline.fits
            if places:
                prompt += _prefilled(engine, outline)
                own = await retells.count(trace.answer or trace.text) + 1  # and what closes it
                trial += places * min(own, trial_tokens)
    return Estimate(traces, checkpoints, prompt, trial, checkpoints * trial_tokens, textless, short)


async def add_trials(
    recording: Recording,
    engine: Engine,
    folder: Path | str,
    *,
    verifier: Verifier,
    same_model: bool = False,
    at_once: int = 32,
    on_progress: Callable[[Progress], None] | None = None,
) -> Recording:
    """Adds a trial at every checkpoint of every trace, or those that are still missing.

    Texts are counted and cut by the tokenizer of the model that continues them; checkpoints lie where the
    engine's own rule puts them.

    Args:
        recording: Whole replies.
        engine: What continues them.
        folder: Where the recording with trials goes, or was begun.
        verifier: Reads the answers of trials, and judges them.
        same_model: Whether the user says that the texts were written by this very model.
        at_once: Streams side by side.
        on_progress: Called now and then, and after every trace.

    Returns:
        The recording with trials, as far as they could be made.

    Raises:
        PlanError: The engine cannot continue a text, or the recording has none.
        InputError: A question has no reference, so that what trials answer could not be judged.
        RecordingMismatch: The folder holds a recording of something else; names the field.
        EngineError: The engine failed ten times in a row.
        StorageError: The folder cannot be written; what was written before is kept.
    """
    _able(engine)
    _ensure_text(recording)
    _ensure_judged(recording)
    manifest = manifest_of(recording.manifest, engine, same_model=same_model)
    before = timed_out()
    private = recording.path is not None and is_private(recording.path / MANIFEST)
    with Writer(folder, manifest, recording.questions, private=private) as writer:
        work = _Work(recording, engine, writer, verifier, on_progress)
        await work.run(at_once)
        writer.flush()
        if late := timed_out() - before:
            writer.describe(replace(writer.manifest, timeouts=writer.manifest.timeouts + late))
        return load(folder)


def manifest_of(before: Manifest, engine: Engine, *, same_model: bool) -> Manifest:
    """Returns the manifest of a recording with trials of an engine in texts of another model."""
    # Texts are counted anew, and trials are made: what was to be known of the log's counts is past.
    counts = {Caveat.WORDS, Caveat.SPLIT, Caveat.TRIAL_COST, Caveat.SHARES}
    caveats = [c for c in before.caveats if c not in counts]
    return replace(
        before,
        rule=engine.rule,
        suffix=engine.suffix,
        suffix_tokens=engine.suffix_tokens,
        abilities=(engine.abilities & _HELD) | (before.abilities & {Ability.TEXT}),
        versions={**before.versions, **versions()},
        machine=f"texts: {before.machine.partition('; every trial')[0]}; trials: {machine()}",
        trials=None if same_model else engine.card,
        caveats=tuple(caveats if same_model else (*caveats, Caveat.OTHER_TRIALS)),
    )


def spent(recording: Recording) -> TokenUsage:
    """Returns every token that adding trials to a recording has cost.

    Prompt tokens are what was prefilled. Where trials are forks in this process, prompt and text are read
    once and a suffix for each trial; where they are requests, all that was sent, a cache's share beside it.
    """
    prompt = cached = trial = 0
    for trace in recording.traces():
        made = [m.trial for m in trace.checkpoints if m.trial is not None]
        if not made:
            continue
        trial += sum(t.tokens for t in made)
        if any(t.sent for t in made):  # its peek is the first token of the same requests
            prompt += sum(t.sent for t in made)
            cached += sum(t.cached for t in made)
        else:
            suffixes = len(made) * recording.manifest.suffix_tokens
            prompt += trace.usage.prompt + trace.checkpoints[-1].tokens + suffixes
    return TokenUsage(prompt=prompt, cached=cached, trial=trial)


class _Work(TraceJobs[tuple[RecordedQuestion, Trace]]):
    """One run: each job is a question and one of its traces, that has no trials yet."""

    def __init__(
        self,
        recording: Recording,
        engine: Engine,
        writer: Writer,
        verifier: Verifier,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        done = writer.done()
        jobs = [(q, t) for q in recording.questions for t in q.traces]
        super().__init__(
            [(q, t) for q, t in jobs if (t.question, t.sample) not in done], writer, _PART_TRACES
        )
        self._recording, self._engine = recording, cast("AcceptsGivenReplies", engine)
        self._verifier, self._on_progress = verifier, on_progress
        self._read = cache(verifier.read)
        self._total, self._done = len(jobs), len(jobs) - len(self.jobs)
        self._trials = 0

    async def make(self, job: tuple[RecordedQuestion, Trace]) -> Trace:
        """Returns the trace with a trial at every checkpoint."""
        return await self._tried(*job)

    def on_written(self, trace: Trace) -> None:
        """Counts it."""
        self._done += 1

    async def _tried(self, question: RecordedQuestion, trace: Trace) -> Trace:
        """Returns the trace in the tokens of the model that continues it, tried at every checkpoint."""
        if not _has_text(trace):
            return replace(trace, checkpoints=())
        asked = _ask(self._recording, question)
        stream = self._engine.open_given(asked, trace.sample, _given(trace), self._read)
        marks: list[RecordedCheckpoint] = []
        chars = 0
        try:
            while not isinstance(step := await stream.advance(), Trace):
                chars += len(step.text)
                marks.append(RecordedCheckpoint(step.tokens, chars, await stream.trial()))
                self._trials += 1
                self.reports_due()
        finally:
            stream.stop()
        # What it answered and how it ended are as they were logged; its tokens are counted anew.
        return replace(
            step, end=trace.end, answer=trace.answer, text=trace.text, checkpoints=tuple(marks),
            finish=trace.finish, remark=trace.remark,
        )  # fmt: skip

    def verdicts(self, job: tuple[RecordedQuestion, Trace], trace: Trace) -> dict[str, bool]:
        """Returns whether each answer in the trace is right."""
        question = job[0]
        verdicts = dict(question.verdicts)
        for answer in answers(trace) - verdicts.keys():
            verdicts[answer] = self._verifier.verify(question.reference, answer)
        return verdicts

    def report(self) -> None:
        """Calls `on_progress`, if there is one."""
        if self._on_progress is not None:
            failure = str(self.failure or "")
            self._on_progress(Progress(self._done, self._total, self.failed, failure, self._trials))


def _prefilled(engine: Engine, outline: Outline) -> int:
    """Returns the tokens that are prefilled for the trials of one trace."""
    places = [tokens for tokens, _ in outline.places]
    if getattr(engine, "resends", False):
        return sum(outline.prompt + tokens + engine.suffix_tokens for tokens in places)
    return outline.prompt + places[-1] + len(places) * engine.suffix_tokens


async def _outline(
    engine: AcceptsGivenReplies, recording: Recording, question: RecordedQuestion, trace: Trace
) -> Outline:
    stream = engine.open_given(_ask(recording, question), trace.sample, _given(trace), lambda _: None)
    try:
        return await stream.outline()
    finally:
        stream.stop()


def _ask(recording: Recording, question: RecordedQuestion) -> Request:
    return Request(question.id, question.prompt, recording.manifest.sampling)


def _given(trace: Trace) -> GivenReply:
    # One that was cut in its answer had ended its thinking.
    return GivenReply(trace.thinking, trace.text, closed=bool(trace.text) or trace.end is not End.TRUNCATED)


def _has_text(trace: Trace) -> bool:
    return bool(trace.thinking.strip()) or not trace.thinking_tokens


def _able(engine: Engine) -> AcceptsGivenReplies:
    if isinstance(engine, AcceptsGivenReplies) and Ability.TRIALS in engine.abilities:
        return engine
    lacking = getattr(getattr(engine, "can", None), "lacking", {})
    raise PlanError(
        f"The engine of {engine.card.name} cannot add trials to a text.",
        why=lacking.get(Ability.TRIALS, "It cannot be given a text to go on from."),
        remedy="Give a model folder, a GGUF file, or a server that continues raw text or a partial answer.",
    )


def _ensure_text(recording: Recording) -> None:
    if not any(trace.thinking.strip() for trace in recording.traces()):
        raise PlanError(
            "This recording holds no text of any thinking.",
            why="A trial goes on from the text of the thinking; its log kept only answers or counts.",
            remedy="Import a log that keeps what the model thought.",
        )


def _ensure_judged(recording: Recording) -> None:
    lacking = [q.id for q in recording.questions if not q.reference]
    if lacking and not recording.manifest.agreement:
        raise InputError(
            f"{len(lacking)} questions have no reference, {lacking[0]!r} first.",
            why="Their log says which replies were right; what trials answer could not be judged by that.",
            remedy="Import the log again with --questions FILE, or with --reference self.",
        )
