"""What every engine offers: streams of thinking that stop at checkpoints."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, Protocol, TypeAlias, runtime_checkable

from karui.core.ability import Ability
from karui.core.errors import PlanError
from karui.core.prompt import Prompt, kinds_of
from karui.core.request import Request
from karui.core.trace import NO_SIGNALS, End, Peek, Trace, Trial
from karui.core.usage import UsageMeter
from karui.core.watcher import Checkpoint

Reader: TypeAlias = Callable[[str], str | None]
"""Reads the canonical answer out of an answer's text."""
OnText: TypeAlias = Callable[[str], None]
"""Receives thinking as it comes."""
OnTokens: TypeAlias = Callable[[int], None]
"""Told how many tokens were generated since the last time, trials included."""


@dataclass(frozen=True, slots=True)
class CheckpointPolicy:
    """Where checkpoints lie inside the thinking.

    Attributes:
        max_interval: Most tokens from one checkpoint to the next.
        min_interval: Fewest tokens from one checkpoint to the next.
        at_step_ends: Whether a checkpoint lies at the end of a reasoning step (a token that completes a
            blank line) as soon as `min_interval` allows; else they are `max_interval` apart.
    """

    max_interval: int = 64
    min_interval: int = 24
    at_step_ends: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Returns a JSON-able dictionary, with the names that recordings have had from the first."""
        return {"every": self.max_interval, "least": self.min_interval, "steps": self.at_step_ends}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "CheckpointPolicy":
        """Reads what `as_dict` wrote."""
        names = {"max_interval": "every", "min_interval": "least", "at_step_ends": "steps"}
        return CheckpointPolicy(
            **{ours: values[theirs] for ours, theirs in names.items() if theirs in values}
        )

    def due(self, since: int, step_ended: bool) -> bool:
        """Whether a checkpoint is due `since` tokens after the last one."""
        return since >= self.max_interval or (self.at_step_ends and step_ended and since >= self.min_interval)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model behind an engine or a recording, as far as measuring needs it.

    Attributes:
        name: As the user named it.
        digest: Digest of its weights, configuration and tokenizer; "" where it cannot be known.
        parameters: How many.
        dtype: What it computes in.
        config: Its Hugging Face configuration (JSON-able), {} where unknown.
        weight_bytes: Size of its weights on disk, 0 where unknown.
    """

    name: str
    digest: str = ""
    parameters: int = 0
    dtype: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    weight_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Returns a JSON-able dictionary of the fields."""
        return asdict(self)


def ignore_text(text: str) -> None:
    """Ignores the text of the thinking."""


class Stream(Protocol):
    """One generation under way. It generates only while `advance`, `peek` or `trial` is awaited.

    Attributes:
        on_text: Called with the text of the thinking as it comes, up to the checkpoint that is waited for. A
            stream need not call it: the rest is found at the checkpoint. `ignore_text` at first.
    """

    on_text: OnText

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt, known once the stream is open."""

    @property
    def cached_tokens(self) -> int:
        """Of the prompt's tokens, those that needed no prefill."""

    async def advance(self) -> Checkpoint | Trace:
        """Thinks up to the next checkpoint and returns it, or returns the trace that came to its end.

        The trace's `usage` and `time` are those of the bare generation, without trials.
        """

    async def peek(self) -> Peek:
        """Looks at the first answer token at this checkpoint, on a fork."""

    async def trial(self) -> Trial:
        """Forces the answer at this checkpoint, greedily, on a fork that a peek may have begun."""

    def stop(self) -> int:
        """Ends the stream and frees what it held; returns all it generated: thinking, answer and trials."""


def engine_name(engine: "Engine") -> str:
    """Returns what manifests call an engine: the `name` of its class, which outlives the names of modules."""
    return str(getattr(engine, "name", type(engine).__name__))


def engine_server(engine: "Engine") -> dict[str, str]:
    """Returns what a server told of its model and version, by name; {} for an engine in this process."""
    return dict(getattr(engine, "server", {}))


def engine_here(engine: "Engine") -> bool:
    """Returns whether an engine computes on this machine, whose energy counters then say what it takes."""
    return bool(getattr(engine, "here", True))


def engine_repeats(engine: "Engine") -> bool:
    """Returns whether the same question and number draw the same trace again, beside whatever else runs."""
    return bool(getattr(engine, "repeats", True))


class Engine(Protocol):
    """Turns asks into streams. Engines differ in speed and abilities, never in meaning."""

    @property
    def card(self) -> ModelInfo:
        """The model."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do."""

    @property
    def rule(self) -> CheckpointPolicy:
        """Where its streams stop."""

    @property
    def suffix(self) -> str:
        """What is forced after the thinking to have the answer at once: the trial suffix."""

    @property
    def suffix_tokens(self) -> int:
        """Its length."""

    @property
    def thinks(self) -> Mapping[str, Any]:
        """How the model thinks, and how that was found out, JSON-able; {} where there is nothing to know."""

    def open(self, ask: Request, sample: int, read: Reader) -> Stream:
        """Starts a stream for the question's trace number `sample`; question and number decide its seed."""

    async def close(self) -> None:
        """Frees the model."""


@runtime_checkable
class MakesTraces(Protocol):
    """What an engine offers besides if whole traces cost it less than streams that stop at checkpoints."""

    async def whole_trace(self, ask: Request, sample: int, read: Reader, on_tokens: OnTokens) -> Trace | None:
        """Returns a trace with a trial at every checkpoint, as a stream would; None where it has to be one.

        Raises:
            EngineError: The engine failed.
        """


@runtime_checkable
class TakesParameters(Protocol):
    """What an engine offers besides if its prompts may have tools, formats and stop words."""

    async def try_parameters(self, kinds: Collection[str]) -> Mapping[str, str]:
        """Finds out with which kinds of parameters no answer comes behind closed thinking, and why.

        Raises:
            EngineError: The engine failed.
        """


async def prepare_parameters(engine: object, prompts: Iterable[Prompt]) -> None:
    """Has an engine find out what it can do with the parameters of some prompts; without any, does nothing.

    Raises:
        PlanError: It cannot answer with them behind closed thinking.
        EngineError: It failed.
    """
    kinds = frozenset(kind for prompt in prompts for kind in kinds_of(prompt.parameters))
    if not kinds:
        return
    lacking = dict.fromkeys(kinds, "this engine takes questions without parameters only")
    if isinstance(engine, TakesParameters):
        lacking = dict(await engine.try_parameters(kinds))
    if lacking:
        kind, why = min(lacking.items())
        raise PlanError(
            f"Questions with {kind} cannot be asked here.",
            why=f"{why}.",
            remedy="Use a server with OpenAI's API that continues the model's turn behind its thinking.",
        )


@dataclass(frozen=True, slots=True)
class GivenReply:
    """A whole reply that exists already, for a stream to read instead of generating its own.

    Attributes:
        thinking: Text of the thinking, markers excluded.
        answer: Text of the answer; "" where there is none.
        closed: Whether the thinking ended.
    """

    thinking: str
    answer: str = ""
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Outline:
    """A given reply in the tokens of the model that reads it.

    Attributes:
        prompt: Tokens of the prompt.
        thinking: Of the thinking, its markers included.
        answer: Of the answer, with the token that ends the turn.
        places: Checkpoints: tokens up to there, and characters of the thinking.
        fits: Whether all of the thinking fits into the context; else there are checkpoints only as far as it
            does.
    """

    prompt: int
    thinking: int
    answer: int
    places: tuple[tuple[int, int], ...]
    fits: bool = True


class GivenReplyStream(Stream, Protocol):
    """A stream whose thinking is given, not drawn: it stops at the checkpoints that the engine's rule finds.

    There it can be peeked and tried as any other. Nothing but trials is generated; the last `advance` returns
    a trace with the counts of an `Outline`, without signals, times and confidence.
    """

    async def outline(self) -> Outline:
        """Returns where it will stop; nothing is computed for it but tokens."""


@runtime_checkable
class AcceptsGivenReplies(Protocol):
    """What an engine offers besides if it can read given replies: trials within texts of others."""

    def open_given(self, ask: Request, sample: int, given: GivenReply, read: Reader) -> GivenReplyStream:
        """Starts a stream over a given reply.

        Raises:
            EngineError: The prompt alone fills the context, or leaves no room for thinking.
        """

    async def count(self, text: str) -> int:
        """Returns how many tokens a text has."""


def given_trace(question: str, sample: int, given: GivenReply, outline: Outline, read: Reader) -> Trace:
    """Returns the trace of a given reply in the tokens of an outline, as if it had been generated."""
    tally = UsageMeter(outline.prompt, 0, 0)
    tally.think(outline.thinking)
    return Trace(
        question=question,
        sample=sample,
        end=End.FINISHED if given.closed else End.TRUNCATED,
        thinking=given.thinking,
        text=given.answer,
        answer=read(given.answer) if given.answer and given.closed else None,
        confidence=None,
        signals=NO_SIGNALS,
        checkpoints=(),
        thinking_tokens=outline.thinking,
        answer_tokens=outline.answer,
        usage=tally.finished(outline.answer),
        time=tally.time,
    )


def checkpoints(rule: CheckpointPolicy, pieces: Iterable[str]) -> list[int]:
    """Returns the numbers of tokens after which checkpoints are due in a text given in its tokens.

    Args:
        rule: Where they lie.
        pieces: What each token says, in order.
    """
    places, mark, line_ended = [], 0, False
    for written, text in enumerate(pieces, 1):
        ended = "\n\n" in text or (line_ended and text.startswith("\n"))
        line_ended = text.endswith("\n") if text else line_ended
        if rule.due(written - mark, ended):
            places.append(written)
            mark = written
    return places


def trace_seed(seed: int, question: str, sample: int) -> int:
    """Returns the seed of one trace (63 bits): the same wherever and in whatever order traces are made."""
    return int.from_bytes(sha256(f"{seed}\0{question}\0{sample}".encode()).digest()[:8], "big") >> 1
