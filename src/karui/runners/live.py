"""The live runner: drives a plan over engines, one question or many at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Protocol

from karui.core.engine import Engine, Reader, prepare_parameters
from karui.core.errors import EngineError, PlanError
from karui.core.flow.flow_tree import FlowTree, Generation
from karui.core.flow.run_watchers import run_watchers
from karui.core.loops import count_looped
from karui.core.outcome import Outcome, ResourceUse, Span
from karui.core.plan import Plan
from karui.core.question import Question
from karui.core.request import Request
from karui.core.trace import NO_SIGNALS, End, Reply, Trace
from karui.core.usage import TokenUsage, UsageMeter
from karui.core.watcher import Action, Checkpoint


class Observer(Protocol):
    """Is called while a question is being solved, and changes nothing. What it raises ends the solving."""

    def on_thinking(self, leaf: Generation, text: str) -> None:
        """Receives thinking as it comes, each character once; nothing of what lies behind a cut."""

    def on_checkpoint(self, leaf: Generation, checkpoint: Checkpoint) -> None:
        """Receives a checkpoint that the watchers are done with; it holds the peek and trial they made."""

    def on_end(self, leaf: Generation, trace: Trace, prompt_tokens: int) -> None:
        """Receives a generation that has ended, and the length of its prompt in tokens."""


class NullObserver:
    """An observer that ignores everything."""

    def on_thinking(self, leaf: Generation, text: str) -> None:
        """Ignores it."""

    def on_checkpoint(self, leaf: Generation, checkpoint: Checkpoint) -> None:
        """Ignores it."""

    def on_end(self, leaf: Generation, trace: Trace, prompt_tokens: int) -> None:
        """Ignores it."""


NULL_OBSERVER = NullObserver()


class _Run:
    """One leaf on its engine, and what it cost so far."""

    def __init__(
        self,
        plan: Plan,
        leaf: Generation,
        engine: Engine,
        sample: int,
        read: Reader,
        observer: Observer,
        looked: Callable[["_Run"], None],
    ) -> None:
        self.leaf, self.sample = leaf, sample
        self._looked = looked
        self._observer, self._told = observer, 0
        self._stream = engine.open(leaf.ask, sample, read)
        self._stream.on_text = self._tell
        self._suffix_tokens = engine.suffix_tokens
        self._tally = UsageMeter(0, 0, 0)
        self._walk = run_watchers(plan.watchers(leaf.ask))
        self._here: Checkpoint | None = None
        self._thinking = ""
        self._signals = NO_SIGNALS

    async def drive(self) -> Trace:
        """Takes the generation to whatever end its watchers give it."""
        move = next(self._walk)
        while True:
            if move is Action.GO:
                step = await self._stream.advance()
                if self._here is None:
                    self._tally = self._fresh_tally()
                if isinstance(step, Trace):
                    return self._arrive(step)
                self._tally.think(step.tokens - self._tally.thinking)
                self._thinking += step.text
                self._tell(self._thinking[self._told :])
                self._here = step
                self._signals = step.signals
            elif move is Action.PEEK:
                assert self._here is not None
                self._here.peek = peek = await self._stream.peek()
                self._tally.attempt(1, peek.sent, peek.cached)
            else:
                await self._try()
            try:
                assert self._here is not None
                move = self._walk.send(self._here)
                self._looked(self)
                if move is Action.GO:
                    self._observer.on_checkpoint(self.leaf, self._here)
            except StopIteration as end:
                assert self._here is not None
                if end.value is Action.ANSWER and self._here.trial is None:
                    self._looked(self)
                    await self._try()
                self._observer.on_checkpoint(self.leaf, self._here)
                self._halt()
                if end.value is Action.ANSWER:
                    return self._cut(End.ANSWERED, self._tally.answered())
                return self._cut(End.DROPPED, self._tally.dropped())

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt, once known."""
        return self._stream.prompt_tokens

    @property
    def time(self) -> int:
        """Token-time so far."""
        return self._tally.time

    def _tell(self, text: str) -> None:
        if text:
            self._told += len(text)
            self._observer.on_thinking(self.leaf, text)

    def stopped(self) -> Trace:
        """Ends the generation from outside; the engine's own count decides what it cost."""
        if self._here is None:
            self._tally = self._fresh_tally()
        generated = self._stream.stop()
        return self._cut(End.STOPPED, self._tally.dropped(generated - self._tally.time))

    def _halt(self) -> None:
        """Stops the stream; what a server generated past this checkpoint was for nothing."""
        self._tally.learn(self._stream.prompt_tokens, self._stream.cached_tokens)
        self._tally.overrun(self._stream.stop() - self._tally.time)

    def _fresh_tally(self) -> UsageMeter:
        return UsageMeter(self._stream.prompt_tokens, self._stream.cached_tokens, self._suffix_tokens)

    async def _try(self) -> None:
        here = self._here
        assert here is not None
        if here.trial is None:
            here.trial = await self._stream.trial()
            here.peek = here.trial.peek
            self._tally.attempt(here.trial.tokens, here.trial.sent, here.trial.cached)

    def _arrive(self, trace: Trace) -> Trace:
        """The model came to its own end; the watchers see it once more and may still drop it."""
        self._tally.learn(self._stream.prompt_tokens, self._stream.cached_tokens)
        self._tally.think(trace.thinking_tokens - self._tally.thinking)
        index = 0 if self._here is None else self._here.index + 1
        try:
            self._walk.send(Checkpoint.at_end(index, trace))
        except StopIteration as end:
            if end.value is not Action.DROP:
                self._tell(trace.thinking[self._told :])
                return trace.billed(self._tally.finished(trace.answer_tokens), self._tally.time)
        self._here = None
        self._thinking, self._signals = trace.thinking, trace.signals
        return self._cut(End.DROPPED, self._tally.dropped(trace.answer_tokens))

    def _cut(self, end: End, bill: TokenUsage) -> Trace:
        here = self._here
        return Trace.short(
            question=self.leaf.ask.question,
            sample=self.sample,
            end=end,
            thinking=self._thinking,
            signals=self._signals,
            trial=here.trial if here and end is End.ANSWERED else None,
            tally=self._tally,
            usage=bill,
        )


async def solve_live(
    plan: Plan,
    question: Question,
    ask: Request,
    engines: Mapping[str, Engine],
    observer: Observer = NULL_OBSERVER,
    *,
    first: int = 0,
    loops: bool = True,
) -> Outcome:
    """Solves one question live.

    Args:
        plan: What to do.
        question: Its verifier reads and judges; nothing of it reaches a technique.
        ask: The bare ask; the plan rewrites it.
        engines: By the names that asks use; "main" at least.
        observer: Whoever wants to hear it being solved.
        first: Number of the first trace of each model; others give other traces.
        loops: Whether it is looked for traces that loop. That reads every text, unit by unit, and remembers
            it: nothing for an event loop on which others wait.

    Returns:
        The outcome, with every trace. An engine that fails makes an outcome with `error`, not an exception.
    """
    began = perf_counter()
    tree = FlowTree(plan.flows, plan.rewrite(ask))
    running = _Running(plan, question, engines, observer, tree.grow, first)
    failure: EngineError | None = None
    try:
        running.begin(tree.start())
        while tree.reply is None:
            leaf, trace = await running.next()
            starts, stops = tree.finish(leaf.id, trace.reply)
            running.stop(stops)
            running.begin(starts)
    except EngineError as error:
        failure = error
    finally:
        running.stop_all()
    seconds = perf_counter() - began
    reply = tree.reply
    answer = reply.answer if reply else None
    right = False
    if answer is not None and question.reference:  # without one there is nothing to be right about
        right = await asyncio.to_thread(question.verifier.verify, question.reference, answer)
    outcome = _outcome(question, reply, running, correct=right, seconds=seconds, failure=failure)
    return replace(outcome, looped=count_looped((t, None) for t in outcome.traces)) if loops else outcome


class _Running:
    """The generations of one question that are under way, and the spans of those that have ended.

    Attributes:
        now: Token-time, moved on by generations that finish.
        spans: By the generation's id.
    """

    def __init__(
        self,
        plan: Plan,
        question: Question,
        engines: Mapping[str, Engine],
        observer: Observer,
        grow: Callable[[], list[Generation]],
        first: int,
    ) -> None:
        self.now = 0
        self.spans: dict[int, Span] = {}
        self._plan, self._engines, self._observer = plan, engines, observer
        self._read = question.verifier.read
        self._started, self._first = Counter[str](), first
        self._begun: dict[int, int] = {}
        self._tasks: dict[asyncio.Task[Trace], _Run] = {}
        self._grow = grow
        self._grown = asyncio.get_running_loop().create_future()

    def begin(self, leaves: list[Generation], at: int | None = None) -> None:
        """Starts generations, each with the next trace number of its model; at token-time `at`, else now."""
        for leaf in leaves:
            name = leaf.ask.model
            engine, sample = self._engines[name], self._first + self._started[name]
            run = _Run(self._plan, leaf, engine, sample, self._read, self._observer, self._looked)
            self._started[name] += 1
            self._begun[leaf.id] = self.now if at is None else at
            self._tasks[asyncio.ensure_future(run.drive())] = run

    async def next(self) -> tuple[Generation, Trace]:
        """Waits for a generation to finish: of several that have, the one that was begun first.

        Raises:
            EngineError: It failed. It stays among those under way, so that what it generated is billed.
        """
        tasks = self._tasks
        while True:
            # Only the tasks known now are awaited: a group that grows meanwhile wakes this for the new ones.
            await asyncio.wait({*tasks, self._grown}, return_when=asyncio.FIRST_COMPLETED)
            if self._grown.done():
                self._grown = asyncio.get_running_loop().create_future()
            if any(task.done() for task in tasks):
                break
        finished = min((t for t in tasks if t.done()), key=lambda t: tasks[t].leaf.id)
        trace = finished.result()
        run = tasks.pop(finished)
        self.now = max(self.now, self._begun[run.leaf.id] + trace.time)
        self._ended(run, trace)
        return run.leaf, trace

    def stop(self, leaves: Collection[Generation]) -> None:
        """Ends generations that are no longer needed."""
        for task in [t for t, run in self._tasks.items() if run.leaf in leaves]:
            run = self._tasks.pop(task)
            task.cancel()
            self._ended(run, run.stopped())

    def stop_all(self) -> None:
        """Ends whatever is still under way."""
        for task, run in self._tasks.items():
            task.cancel()
            self._ended(run, run.stopped())

    def _looked(self, run: _Run) -> None:
        """A watcher has seen something: its group may want more generations."""
        if starts := self._grow():
            self.begin(starts, self._begun[run.leaf.id] + run.time)
            if not self._grown.done():
                self._grown.set_result(None)

    def _ended(self, run: _Run, trace: Trace) -> None:
        leaf = run.leaf
        self.spans[leaf.id] = Span(leaf.ask.model, self._begun[leaf.id], trace)
        self._observer.on_end(leaf, trace, run.prompt_tokens)


def _outcome(
    question: Question,
    reply: Reply | None,
    running: _Running,
    *,
    correct: bool,
    seconds: float,
    failure: EngineError | None,
) -> Outcome:
    alone = reply.trace if reply else None
    by_start = [span for _, span in sorted(running.spans.items())]
    bills, held, busy = ResourceUse.of(by_start)
    return Outcome(
        question=question.id,
        answer=reply.answer if reply else None,
        correct=correct,
        confidence=reply.confidence if reply else None,
        bills=bills,
        time=running.now,
        held=held,
        busy=busy,
        started=len(by_start),
        truncated=sum(s.trace.end is End.TRUNCATED for s in by_start),
        traces=tuple(s.trace for s in by_start),
        asked=tuple(s.model for s in by_start),
        seconds=seconds,
        first_answer_seconds=(alone.thought_seconds if alone else 0.0) or seconds,
        error=str(failure) if failure else "",
        failure=failure,
    )


async def run_live(
    plan: Plan,
    asked: Sequence[tuple[Question, Request]],
    engines: Mapping[str, Engine],
    *,
    at_once: int,
    first: int = 0,
) -> AsyncIterator[Outcome]:
    """Solves many questions live, `at_once` side by side, and yields outcomes as they come.

    Args:
        plan: What to do.
        asked: Questions and their bare requests.
        engines: By the names that requests use.
        at_once: Questions side by side.
        first: As `solve_live`.

    Raises:
        PlanError: There is no engine of a model that the plan asks, or one lacks an ability the plan needs;
            before a token is spent.
    """
    for name in plan.models:
        if name not in engines:
            raise PlanError(
                f"{plan.label} asks the model {name!r}, which has no engine.",
                remedy=f"Give an engine for {name!r}, or choose a plan without it.",
            )
        plan.check(engines[name].abilities, f"the engine of {engines[name].card.name}", name)
        await prepare_parameters(engines[name], (ask.prompt for _, ask in asked))
    gate = asyncio.Semaphore(at_once)

    async def one(question: Question, ask: Request) -> Outcome:
        async with gate:
            return await solve_live(plan, question, ask, engines, first=first)

    tasks = [asyncio.ensure_future(one(q, a)) for q, a in asked]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for task in tasks:
            task.cancel()
