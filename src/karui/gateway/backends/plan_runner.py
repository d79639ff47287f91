"""A plan run on a request: the same live runner as `karui confirm`, heard while it thinks."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from karui.core.engine import Engine
from karui.core.errors import EngineError, EngineTimeout, KaruiError, RequestRejected
from karui.core.flow.flow_tree import Generation
from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.prompt import FORMAT, STOP, TOOLS, Prompt, calls_in, cut_at, fields_of, kinds_of
from karui.core.question import Question, Verifier
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.core.watcher import Checkpoint
from karui.engines.openai import HttpEngine
from karui.engines.openai.protocol.schema import read_chunk
from karui.engines.openai.requests.room import holds
from karui.gateway.backends.backend import PlanRequest
from karui.gateway.backends.upstream import UpstreamError
from karui.gateway.backends.usage_reader import off_loop
from karui.gateway.clean import clean
from karui.gateway.openai_api.chunks import Completion, Finished, Stream, Thinking
from karui.gateway.openai_api.replies import Usage
from karui.gateway.records.record import FallbackReason
from karui.runners.live import solve_live
from karui.serving_profile.signals import DriftSignals, signals

_log = logging.getLogger(__name__)
_NO_USAGE = Usage(0, 0, 0)
AtOnce = Callable[[str], bool]
"""Takes a piece of thinking without waiting; returns whether it did."""


@dataclass(frozen=True)
class PlanResult(Completion):
    """What a run came to.

    Attributes:
        thinking: Text of the thinking of the trace that answered.
        answer: Text of its answer; "" where the token limit cut it, or there is none.
        finish: "stop", "length" where the limit cut it, or the server's word where the server did.
        usage: Its tokens.
        canonical: The answer as the reader has it; None where it finds none.
        signals: What the drift guard watches of it; None where the run failed.
        cut: Thinking tokens after which the plan ended the thinking; None where the model did.
        moves: What the plan did, for people, such as "peek=2,trial=1,answer@312".
        correct: The verdict, where there was a reference.
        failure: What went wrong; None where nothing did.
    """

    canonical: str | None = None
    signals: DriftSignals | None = None
    cut: int | None = None
    moves: str = ""
    correct: bool = False
    failure: KaruiError | None = None

    @property
    def confidence(self) -> float | None:
        """Of the answer; None where nothing measured it."""
        return self.signals.confidence if self.signals else None

    @property
    def truncated(self) -> bool:
        """Whether anything but the model ended it, as the recording's profile counts it."""
        return self.signals.truncated if self.signals else super().truncated

    def check(self) -> None:
        """Does nothing where the run came to its end.

        Raises:
            UpstreamError: It failed.
        """
        if self.failure is not None:
            late = isinstance(self.failure, EngineTimeout)
            why = FallbackReason.TIMEOUT if late else FallbackReason.UPSTREAM
            raise UpstreamError(why, in_own_words(self.failure)) from self.failure

    def doubt(self, floor: float) -> str:
        """Returns why the answer is not given; "" if it is.

        Args:
            floor: Confidence below which it is not.
        """
        if not self.truncated and not (self.answer or self.calls or self.choices):
            return "no answer"
        if self.confidence is not None and self.confidence < floor:
            return f"confidence {self.confidence:.2f}, below {floor:g}"
        return ""


def in_own_words(error: KaruiError) -> str:
    """Returns what failed without a server's words, which may repeat a prompt; they go to the log."""
    _log.warning("a plan's request failed: %s", clean(f"{error.what} {error.why}", 400))
    if isinstance(error, EngineTimeout):
        return "the plan's server was silent for too long"
    if isinstance(error, RequestRejected):
        return "the plan's server rejected the request"
    status = error.status if isinstance(error, EngineError) else 0
    return f"the plan's server answered {status}" if status else "the plan's server failed"


class _Reading:
    """A verifier whose reader is used, for questions without a reference."""

    def __init__(self, verifier: Verifier) -> None:
        self.spec, self.read = verifier.spec, verifier.read

    def verify(self, reference: str, answer: str) -> bool:
        return False


class _StreamingObserver:
    """Hears a run: the thinking of its first trace, and what the watchers did at every checkpoint."""

    def __init__(self, at_once: AtOnce | None, *, aloud: bool) -> None:
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()
        self._at_once, self._idle = at_once, False
        self.checkpoints: dict[int, list[Checkpoint]] = defaultdict(list)
        self.prompts: dict[int, int] = {}
        self._aloud = aloud

    def on_thinking(self, leaf: Generation, text: str) -> None:
        if not self._aloud:
            return
        ahead = self._idle and self._texts.empty()  # nobody is on the way with what came before
        if not (ahead and self._at_once is not None and self._at_once(text)):
            self._texts.put_nowait(text)

    def over(self) -> None:
        """Takes that nothing more will be thought."""
        self._texts.put_nowait(None)

    async def next(self) -> str | None:
        """Returns what was thought and not taken at once, waiting for some; None at the end."""
        self._idle = True
        try:
            return await self._texts.get()
        finally:
            self._idle = False

    def on_checkpoint(self, leaf: Generation, checkpoint: Checkpoint) -> None:
        self.checkpoints[leaf.id].append(checkpoint)

    def on_end(self, leaf: Generation, trace: Trace, prompt_tokens: int) -> None:
        self.prompts[leaf.id] = prompt_tokens


@dataclass(frozen=True)
class PlanRunner:
    """Runs plans on requests.

    Attributes:
        engines: By the names that asks use; "main" at least.
        verifier: Whose reader finds the answers.
        instruction: Appended to the user's message, unless it has parameters that no recorded question had.
        covered: The kinds of parameters that recorded questions had.
        readers: Verifiers whose readers find the answers to requests with a kind of parameters, where it is
            not the usual one.
    """

    engines: Mapping[str, Engine]
    verifier: Verifier
    instruction: str
    covered: frozenset[str] = frozenset()
    readers: Mapping[str, Verifier] = field(default_factory=dict)

    def reader(self, kinds: Collection[str]) -> Verifier:
        """Returns the verifier whose reader finds the answers to requests with these kinds of parameters."""
        return next(
            (self.readers[kind] for kind in (TOOLS, FORMAT) if kind in kinds and kind in self.readers),
            self.verifier,
        )

    async def stream(
        self,
        plan: Plan,
        request: str,
        dialogue: PlanRequest,
        question: Question | None = None,
        at_once: AtOnce | None = None,
    ) -> Stream[PlanResult]:
        """Yields thinking as it comes, and last what the run came to.

        Of a plan of several traces nothing is heard before the end: which of them will answer is not known,
        and a stream must not contradict itself. Closed early, the run is stopped and its server freed.

        Args:
            plan: What to do; the plan without techniques is full thinking.
            request: Its id; it decides the seed where the client gave none.
            dialogue: What was asked.
            question: A canary, with its reference; None for a request of a client.
            at_once: Is offered each piece of thinking when it comes and all before it has been taken; what it
                takes is not yielded.
        """
        asked = question or Question(
            self._seeded(request, dialogue), "", "", _Reading(self.reader(dialogue.kinds))
        )
        prompt = dialogue.prompt
        covered = dialogue.kinds <= self.covered
        if self.instruction and covered and not prompt.user.rstrip().endswith(self.instruction):
            prompt = replace(prompt, user=f"{prompt.user}\n\n{self.instruction}")
        heard = _StreamingObserver(at_once, aloud=not plan.flows)
        ask = Request(asked.id, prompt, dialogue.sampling)
        solving = asyncio.ensure_future(solve_live(plan, asked, ask, self.engines, heard, loops=False))
        solving.add_done_callback(lambda _: heard.over())
        try:
            while (text := await heard.next()) is not None:
                yield Thinking(text)
            result = _plan_result(plan, await solving, heard)
            yield Finished(await self._answered(result, prompt, dialogue))
        finally:
            solving.cancel()
            await asyncio.wait([solving])

    async def _answered(self, result: PlanResult, prompt: Prompt, dialogue: PlanRequest) -> PlanResult:
        """Returns a result with its answer as the request's parameters want it."""
        if result.failure is not None or not (prompt.parameters or dialogue.beside) or result.truncated:
            return result
        if not dialogue.beside:
            size = len(prompt.parameters) + len(result.answer)
            return await off_loop(size, _parted, result, prompt.parameters)
        engine, asked = self.engines["main"], dict(dialogue.beside)
        if not isinstance(engine, HttpEngine):
            return result
        drawn: dict[str, Any] = {
            "temperature": dialogue.sampling.temperature,
            "top_p": dialogue.sampling.top_p,
        }
        most = dialogue.sampling.max_tokens
        texts = (str(message.get("content") or "") for message in prompt.messages(apart=True))
        if holds(engine.can.context, most, sum(len(text.encode()) for text in texts)):
            drawn[engine.can.limit] = max(1, most - result.usage.thinking)
        if dialogue.seed is not None:
            drawn["seed"] = dialogue.seed
        try:
            reply = await engine.answers(prompt, result.thinking, drawn, asked)
        except EngineError as error:
            return replace(result, failure=error)
        return _listed(result, reply)

    def _seeded(self, request: str, dialogue: PlanRequest) -> str:
        return request if dialogue.seed is None else f"seed {dialogue.seed}"


def _parted(result: PlanResult, parameters: str) -> PlanResult:
    """Returns a result cut at a stop word, its tool calls apart from what it says."""
    answer, stopped = cut_at(result.answer, fields_of(parameters).get(STOP))
    if TOOLS not in kinds_of(parameters) or stopped:
        return replace(result, answer=answer)
    said, calls = calls_in(answer)
    made = tuple(
        {
            "id": f"call_{uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": call["name"], "arguments": _argued(call["arguments"])},
        }
        for call in calls
    )
    return replace(result, answer=said, calls=made, finish="tool_calls" if made else result.finish)


def _argued(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _listed(result: PlanResult, reply: Mapping[str, Any]) -> PlanResult:
    """Returns a result with the server's own choices, drawn behind the plan's thinking and all billed."""
    chunk = read_chunk(reply)
    listed = reply.get("choices")
    choices = tuple(c for c in listed or () if isinstance(c, dict) and isinstance(c.get("message"), dict))
    if not choices:
        return replace(
            result, failure=EngineError("The server's reply behind closed thinking has no choices.")
        )
    usage, told = result.usage, chunk.usage.completion if chunk.usage is not None else chunk.count
    spent = usage.completion - usage.thinking + usage.extra  # what the plan's own answer took
    usage = replace(usage, completion=usage.thinking + told, extra=spent)
    said = choices[0]["message"].get("content")
    answer = said if isinstance(said, str) else ""
    return replace(result, answer=answer, choices=choices, usage=usage, finish=chunk.finish or result.finish)


def _plan_result(plan: Plan, outcome: Outcome, heard: _StreamingObserver) -> PlanResult:
    if not outcome.traces:
        return PlanResult("", "", "stop", _NO_USAGE, failure=outcome.failure)
    checkpoints = [c for found in heard.checkpoints.values() for c in found]
    seen = signals(plan, outcome, checkpoints)
    trace = outcome.traces[seen.trace]
    completion = trace.thinking_tokens + trace.answer_tokens
    usage = Usage(
        heard.prompts[sorted(heard.prompts)[seen.trace]],
        completion,
        trace.thinking_tokens,
        max(0, outcome.tokens - completion),
    )
    cut = trace.thinking_tokens if trace.end is End.ANSWERED else None
    return PlanResult(
        thinking=trace.thinking,
        answer=trace.text,
        finish=(trace.finish or "length") if seen.truncated else "stop",
        usage=usage,
        canonical=outcome.answer,
        signals=seen,
        cut=cut,
        moves=_moves(plan, outcome, checkpoints, cut),
        correct=outcome.correct,
        failure=outcome.failure,
    )


def _moves(plan: Plan, outcome: Outcome, checkpoints: list[Checkpoint], cut: int | None) -> str:
    """Returns what a plan did in one line, such as "peek=2,trial=1,answer@312"."""
    watched = [c for c in checkpoints if not c.final]
    counts = {
        "traces": len(outcome.traces) if plan.flows else 0,
        "peek": sum(c.peek is not None and c.trial is None for c in watched),
        "trial": sum(c.trial is not None for c in watched),
    }
    told = [f"{name}={count}" for name, count in counts.items() if count]
    return ",".join([*told, *([f"answer@{cut}"] if cut is not None else [])])
