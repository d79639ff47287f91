"""One question under one plan, replayed: the clock, and the traces that are on it.

Events run in the order of (group start + token-time, leaf number), as they would on an engine that gives
every running trace one token a step. A trace whose watchers look only at itself is walked once for all runs
and its end put on the clock; one whose watchers share a view is stepped from event to event.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush, heappushpop
from operator import itemgetter
from typing import TypeAlias

from karui.core.errors import NotRecorded
from karui.core.flow.flow_tree import FlowTree, Generation
from karui.core.loops import count_looped
from karui.core.outcome import Outcome, ResourceUse, Span
from karui.core.plan import Plan
from karui.core.recording import RecordedQuestion
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.runners.replay_trace import Playback, Track

Orders: TypeAlias = Mapping[str, Sequence[int]]
"""By model: start n of it takes the trace of this number."""


@dataclass(slots=True)
class _Running:
    """A leaf on the clock: its end known beforehand (`done`), or stepped towards (`playback`)."""

    leaf: Generation
    trace: Trace
    began: int
    playback: Playback | None
    done: Trace | None
    track: Track | None = None


class Play:
    """One question under one plan while it is being replayed."""

    __slots__ = (
        "_alone",
        "_ask",
        "_clock",
        "_dealers",
        "_orders",
        "_plan",
        "_questions",
        "_suffixes",
        "_tracks",
    )

    def __init__(
        self,
        plan: Plan,
        ask: Request,
        questions: Mapping[str, RecordedQuestion],
        orders: Orders,
        suffixes: Mapping[str, int],
        tracks: dict[int, Track],
    ) -> None:
        self._plan, self._ask, self._questions, self._orders = plan, ask, questions, orders
        self._suffixes, self._tracks = suffixes, tracks
        self._alone = not any(t.shared for t in plan.watching)
        self._dealers: dict[str, Iterator[Trace]] = {}
        self._clock: list[tuple[int, int]] = []  # when something happens next, and to which leaf

    def outcome(self, *, keep_traces: bool) -> Outcome:
        """Plays it to its reply."""
        solve = FlowTree(self._plan.flows, self._ask)
        running: dict[int, _Running] = {}
        ended: list[Span] = []
        numbers: list[int] = []  # in which each of them was started
        whole: list[Trace] = []  # what each of them was recorded as
        now = 0
        starts = solve.start()
        while True:
            for leaf in starts:
                begun = running[leaf.id] = self._begin(leaf, now)
                heappush(self._clock, (now + (begun.done or begun.playback).time, leaf.id))  # type: ignore[union-attr]
            if solve.reply is not None:
                break
            now, run, starts = self._next(running, solve)
            if run is None:  # a group has grown
                continue
            del running[run.leaf.id]
            assert run.done is not None
            ended.append(Span(run.leaf.ask.model, run.began, run.done))
            numbers.append(run.leaf.id)
            whole.append(run.trace)
            reply = run.track.reply if run.track else run.done.reply
            starts, stops = solve.finish(run.leaf.id, reply)
            for leaf in stops:
                late = running.pop(leaf.id)
                stopped = self._stopped(late, now, leaf.id < run.leaf.id)
                ended.append(Span(leaf.ask.model, late.began, stopped))
                numbers.append(leaf.id)
                whole.append(late.trace)
        reply = solve.reply
        bills, held, busy = ResourceUse.of(ended)
        kept = (
            [span for _, span in sorted(zip(numbers, ended, strict=True), key=itemgetter(0))]
            if keep_traces
            else []
        )
        return Outcome(
            question=self._ask.question,
            answer=reply.answer,
            correct=any(q.correct(reply.answer) for q in self._questions.values()),
            confidence=reply.confidence,
            bills=bills,
            time=now,
            held=held,
            busy=busy,
            started=len(ended),
            truncated=sum([span.trace.end is End.TRUNCATED for span in ended]),
            looped=count_looped([(span.trace, trace) for span, trace in zip(ended, whole, strict=True)]),
            traces=tuple([span.trace for span in kept]),
            asked=tuple([span.model for span in kept]),
        )

    def _next(
        self, running: Mapping[int, _Running], solve: FlowTree
    ) -> tuple[int, _Running | None, list[Generation]]:
        """Lets events happen until a leaf ends or a group grows; returns when, which, and what to start."""
        clock = self._clock
        now, number = heappop(clock)
        while True:
            run = running.get(number)
            if run is None:  # stopped meanwhile
                now, number = heappop(clock)
                continue
            if run.done is None:
                playback = run.playback
                assert playback is not None
                playback.step()
                if playback.result is None:
                    if starts := solve.grow():
                        heappush(clock, (run.began + playback.time, number))
                        return now, None, starts
                    now, number = heappushpop(clock, (run.began + playback.time, number))
                    continue
                run.done = playback.result
            return now, run, []

    def _begin(self, leaf: Generation, now: int) -> _Running:
        plan, ask = self._plan, leaf.ask
        trace = self._deal(ask)
        if self._alone:
            track = self._tracks.get(id(trace))  # which the track keeps alive, so that no other gets its id
            if track is None:
                suffix_tokens = self._suffixes[ask.model]
                bare = self._ask if ask.model == "main" else replace(self._ask, model=ask.model)
                track = self._tracks[id(trace)] = Track(plan, bare, trace, suffix_tokens)
            if not ask.watches:
                return _Running(leaf, trace, now, None, track.result, track)
            if not any(w.shared for w in ask.watches):
                done = track.ends.get(ask.watches)
                if done is None:
                    seen_by = [w for w in (watch.watch(ask) for watch in ask.watches) if w is not None]
                    done = track.attached(seen_by)
                if done is None:
                    done = track.ends[ask.watches] = self._playback(leaf, trace).to_end()
                return _Running(leaf, trace, now, None, done)
        return _Running(leaf, trace, now, self._playback(leaf, trace), None)

    def _deal(self, ask: Request) -> Trace:
        """Returns the trace that the next start of a model takes."""
        asked = self._ask
        if ask is not asked and (ask.prompt != asked.prompt or ask.sampling != asked.sampling):
            raise NotRecorded(
                f"{self._plan.label} changes prompt or sampling of question {ask.question} between traces.",
                remedy="Only live runs can do that.",
            )
        trace = next(self._dealers.get(ask.model) or self._dealer(ask.model), None)
        if trace is None:
            raise NotRecorded(
                f"{self._plan.label} asks for more than the {len(self._questions[ask.model].traces)} traces "
                f"recorded of question {ask.question}.",
                remedy="Record more samples, or lower the plan's number of traces.",
            )
        return trace

    def _dealer(self, model: str) -> Iterator[Trace]:
        """Returns what deals the traces of a model from its first start on."""
        question = self._questions.get(model)
        if question is None:
            raise NotRecorded(
                f"{self._plan.label} asks the model {model!r}, which has no recording.",
                remedy=f"Recorded: {', '.join(sorted(self._questions))}.",
            )
        traces = question.traces
        dealer = self._dealers[model] = (traces[n] for n in self._orders[model])
        return dealer

    def _playback(self, leaf: Generation, trace: Trace) -> Playback:
        return Playback(self._plan.watchers(leaf.ask), trace, self._suffixes[leaf.ask.model])

    def _stopped(self, run: _Running, now: int, had_its_turn: bool) -> Trace:
        walked = run.playback or run.track or self._playback(run.leaf, run.trace)
        return walked.stopped(now - run.began, had_its_turn=had_its_turn)
