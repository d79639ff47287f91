"""Calibrating: what pilot questions are answered, for knobs that are shares of scores and for what learns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

from karui.core.engine import ModelInfo
from karui.core.errors import NotRecorded
from karui.core.flow.lesson import Attempt, Lesson, Lessons
from karui.core.plan import Plan
from karui.core.recording import RecordedQuestion, Recording
from karui.core.request import Gather, Request, Watch
from karui.core.technique import Technique
from karui.core.trace import Reply
from karui.runners.replay import beside
from karui.runners.replay_trace import Playback

_Kept: TypeAlias = list[list[Reply]]
_Key: TypeAlias = tuple[tuple[Technique, ...], str, tuple[Watch, ...]]


@dataclass
class ThresholdCalibration:
    """Recordings on which flows are begun, to see what they are answered first.

    They should be of pilot questions: what is found here is chosen by them.

    Attributes:
        recordings: By the names that asks use; "main" at least.
        traces: Of each question and model at most: a threshold needs no more.
        questions: The first so many at most, likewise.
    """

    recordings: Mapping[str, Recording]
    traces: int = 4
    questions: int = 2_000
    _kept: dict[_Key, _Kept] = field(default_factory=dict, repr=False)

    def first_replies(self, technique: Technique, under: tuple[Technique, ...] = ()) -> list[list[Reply]]:
        """Returns the replies to the first asks of the technique's flow, a list for each time it was begun.

        Empty where that was not recorded; a plan with it is refused anyway, with the reason.

        Args:
            technique: Has a flow.
            under: Techniques that watch the traces it asks for.
        """
        main = self.recordings["main"]
        if not main.questions:
            return []
        begun = [self._first_asks(technique, main, n) for n in range(len(main.questions[: self.questions]))]
        models = {ask.model for asks in begun for ask in asks}
        if not models <= set(self.recordings):
            return []
        try:
            kept = {model: self._replies(under, model, begun[0]) for model in models}
        except NotRecorded:
            return []
        return list(chain.from_iterable(self._dealt(asks, kept, n) for n, asks in enumerate(begun)))

    def lessons(self) -> Lessons:
        """Returns the pilot questions with what every model replied, unwatched, for techniques that learn.

        A token of a further model costs its share of the main one's parameters, as FLOPs do; where one of
        the two is not known to be smaller, a token is a token.
        """
        main = self.recordings["main"]
        there = {m: beside(main, r, m) for m, r in self.recordings.items() if m != "main"}
        asked = [
            Lesson(
                q.id,
                q.prompt,
                {m: self._attempts(held[q.id]) for m, held in ({"main": {q.id: q}} | there).items()},
            )
            for q in main.questions[: self.questions]
        ]
        cards = {m: r.manifest.model for m, r in self.recordings.items()}
        return Lessons(tuple(asked), {m: _rate(card, cards["main"]) for m, card in cards.items()})

    def _attempts(self, question: RecordedQuestion) -> tuple[Attempt, ...]:
        traces = question.traces[: self.traces]
        return tuple(Attempt(t.reply, question.correct(t.answer), t.tokens) for t in traces)

    @staticmethod
    def _first_asks(technique: Technique, main: Recording, number: int) -> Sequence[Request]:
        question = main.questions[number]
        group = next(technique.flow(Request(question.id, question.prompt, main.manifest.sampling)))
        return group.asks if isinstance(group, Gather) else (group,)

    def _dealt(
        self, asks: Sequence[Request], kept: Mapping[str, _Kept], number: int
    ) -> Iterator[list[Reply]]:
        """Yields the replies of one question in groups, as the asks take them, each of them once."""
        dealers = {model: iter(replies[number]) for model, replies in kept.items()}
        while True:
            group = [reply for ask in asks if (reply := next(dealers[ask.model], None)) is not None]
            if len(group) < len(asks):
                return
            yield group

    def _replies(self, under: tuple[Technique, ...], model: str, asks: Sequence[Request]) -> _Kept:
        """Returns what the traces of a model reply under watchers, those that the asks carry among them."""
        ask = next(a for a in asks if a.model == model)
        key = (under, model, ask.watches)
        if key not in self._kept:
            plan, recording = Plan(under), self.recordings[model]
            there = beside(self.recordings["main"], recording, model)
            suffix = recording.manifest.suffix_tokens
            self._kept[key] = [
                [
                    Playback(plan.watchers(ask), trace, suffix).to_end().reply
                    for trace in there[question.id].traces[: self.traces]
                ]
                for question in self.recordings["main"].questions[: self.questions]
            ]
        return self._kept[key]


def _rate(card: ModelInfo, main: ModelInfo) -> float:
    return card.parameters / main.parameters if card.parameters and main.parameters else 1.0
