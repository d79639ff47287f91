"""A plan run on a request: the same live runner as `karui confirm`, heard while it thinks."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace

from karui.core.engine import Engine
from karui.core.errors import KaruiError
from karui.core.flow.flow_tree import Generation
from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.question import Question, Verifier
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.core.watcher import Checkpoint
from karui.engines.openai.protocol.finish_reason import is_cut
from karui.gateway.openai_api.replies import Usage
from karui.gateway.routing.eligibility import PlanRequest
from karui.runners.live import solve_live


@dataclass(frozen=True)
class PlanResult:
    """What a run came to.

    Attributes:
        thinking: Text of the thinking of the trace that answered.
        answer: Text of its answer; "" where the token limit cut it, or there is none.
        finish: "stop", "length" where the limit cut it, or the server's word where that did.
        usage: Its tokens.
        canonical: The answer as the reader has it; None where it finds none.
        confidence: Of the answer; None where nothing measured it.
        agreement: Share of the trials that said what was answered; None without trials.
        cut: Thinking tokens after which the plan ended the thinking; None where the model did.
        moves: What the plan did, for people.
        correct: The verdict, where there was a reference.
        failure: What went wrong; None where nothing did.
    """

    thinking: str
    answer: str
    finish: str
    usage: Usage
    canonical: str | None = None
    confidence: float | None = None
    agreement: float | None = None
    cut: int | None = None
    moves: str = ""
    correct: bool = False
    failure: KaruiError | None = None

    @property
    def truncated(self) -> bool:
        """Whether something else than the model ended it."""
        return is_cut(self.finish, thinking=not self.answer and bool(self.thinking))


class _Reading:
    """A verifier whose reader is used, for questions without a reference."""

    def __init__(self, verifier: Verifier) -> None:
        self.spec, self.read = verifier.spec, verifier.read

    def verify(self, reference: str, answer: str) -> bool:
        return False


class _StreamingObserver:
    """Hears a run: the thinking of its first trace, and what the watchers did at every checkpoint."""

    def __init__(self, *, aloud: bool) -> None:
        self.texts: asyncio.Queue[str | None] = asyncio.Queue()
        self.checkpoints: dict[int, list[Checkpoint]] = defaultdict(list)
        self.prompts: dict[int, int] = {}
        self._aloud = aloud

    def thinks(self, leaf: Generation, text: str) -> None:
        if self._aloud:
            self.texts.put_nowait(text)

    def looks(self, leaf: Generation, checkpoint: Checkpoint) -> None:
        self.checkpoints[leaf.id].append(checkpoint)

    def ends(self, leaf: Generation, trace: Trace, prompt_tokens: int) -> None:
        self.prompts[leaf.id] = prompt_tokens


@dataclass(frozen=True)
class PlanRunner:
    """Runs plans on requests.

    Attributes:
        engines: By the names that asks use; "main" at least.
        verifier: Whose reader finds the answers.
        instruction: Appended to the user's message.
    """

    engines: Mapping[str, Engine]
    verifier: Verifier
    instruction: str

    async def run(
        self,
        plan: Plan,
        request: str,
        dialogue: PlanRequest,
        question: Question | None = None,
    ) -> AsyncGenerator[str | PlanResult, None]:
        """Yields thinking as it comes, and last what the run came to.

        Of a plan of several traces nothing is heard before the end: which of them will answer is not known,
        and a stream must not contradict itself. Closed early, the run is stopped and its server freed.

        Args:
            plan: What to do; the plan without techniques is full thinking.
            request: Its id; it decides the seed where the client gave none.
            dialogue: What was asked.
            question: A canary, with its reference; None for a request of a client.
        """
        asked = question or Question(self._seeded(request, dialogue), "", "", _Reading(self.verifier))
        prompt = dialogue.prompt
        if self.instruction and not prompt.user.rstrip().endswith(self.instruction):
            prompt = replace(prompt, user=f"{prompt.user}\n\n{self.instruction}")
        heard = _StreamingObserver(aloud=not plan.flows)
        ask = Request(asked.id, prompt, dialogue.sampling)
        solving = asyncio.ensure_future(solve_live(plan, asked, ask, self.engines, heard))
        solving.add_done_callback(lambda _: heard.texts.put_nowait(None))
        try:
            while (text := await heard.texts.get()) is not None:
                yield text
            yield _plan_result(plan, await solving, heard)
        finally:
            solving.cancel()
            await asyncio.wait([solving])

    def _seeded(self, request: str, dialogue: PlanRequest) -> str:
        return request if dialogue.seed is None else f"seed {dialogue.seed}"


def _plan_result(plan: Plan, outcome: Outcome, heard: _StreamingObserver) -> PlanResult:
    if not outcome.traces:
        return PlanResult("", "", "stop", Usage(0, 0, 0), failure=outcome.failure)
    number = next((n for n, t in enumerate(outcome.traces) if t.answer == outcome.answer), 0)
    trace = outcome.traces[number]
    leaf = sorted(heard.prompts)[number]
    completion = trace.thinking_tokens + trace.answer_tokens
    usage = Usage(heard.prompts[leaf], completion, trace.thinking_tokens, max(0, outcome.tokens - completion))
    cut = trace.thinking_tokens if trace.end is End.ANSWERED else None
    checkpoints = [c for found in heard.checkpoints.values() for c in found if not c.final]
    said = [c.trial.answer for c in checkpoints if c.trial is not None]
    agreement = None
    if said and outcome.answer is not None and not plan.flows:
        agreement = sum(answer == outcome.answer for answer in said) / len(said)
    moves = {
        "traces": len(outcome.traces) if plan.flows else 0,
        "peek": sum(c.peek is not None and c.trial is None for c in checkpoints),
        "trial": len(said),
    }
    told = [f"{name}={count}" for name, count in moves.items() if count]
    return PlanResult(
        thinking=trace.thinking,
        answer=trace.text,
        finish=(trace.finish or "length") if trace.end is End.TRUNCATED else "stop",
        usage=usage,
        canonical=outcome.answer,
        confidence=outcome.confidence,
        agreement=agreement,
        cut=cut,
        moves=",".join([*told, *([f"answer@{cut}"] if cut is not None else [])]),
        correct=outcome.correct,
        failure=outcome.failure,
    )
