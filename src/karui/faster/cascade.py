"""Cascade: asks a small model first, and the main one where the small one seems unsure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply
from karui.core.watcher import Action, Checkpoint
from karui.faster._votes import vote


@dataclass(frozen=True)
class Cascade(Technique):
    """Asks a small model first, and the main one where the small one has no answer or seems unsure.

    Trades away accuracy where the small model is sure and wrong, and latency where both are asked: the
    question then waits for one after the other. Both models are kept in memory. What tells doubt is to be
    chosen on one's own questions:

    * `entropy` is exp(-mean entropy) of the small model's thinking, which costs nothing more.
    * `agreement` is the share of `k` traces of the small model that came to one answer.
    * `confidence` is the answer's own. After whole thinking it says little, since the answer only repeats
      what was thought; give the small model few `tokens`, and the answer forced there tells much.

    Not for two models of about the same price: two small answers cost as much as one large. Not before a vote
    that stops early on easy questions by itself: over Qwen3 of four sizes that left nothing to save
    (docs/evidence.md). Not where a slow answer is worse than a wrong one.

    It stands for every ask of the main model, so flows nest both ways. Before a vote (`cascade +
    adaptive-consistency`) each model in turn votes, and the share of votes is the small one's confidence; by
    `agreement` the `k` traces are the small one's vote, and only the main model has the other. After a vote,
    each voter is a cascade. Watchers of the plan see the traces of both. Several cascades make a longer one:
    `cascade:model=tiny + cascade:model=small` asks tiny, then small, then the main model. Where the main
    model has no answer, the small one's stands.

    Chen et al., "FrugalGPT", arXiv 2305.05176, where a learned score decides and up to 98% of the cost is
    saved. Deciding by the agreement of sampled answers: Yue et al., "Large Language Model Cascades with
    Mixture of Thoughts Representations for Cost-efficient Reasoning", arXiv 2310.03094, who reach a large
    model's accuracy at 40% of its cost; by the model's own check: Aggarwal et al., "AutoMix", arXiv
    2310.12963, over 50% less. Nothing is learned here: the thresholds are searched.
    """

    family: ClassVar[Family] = Family.FASTER

    threshold: float = knob(
        0.9,
        low=0.02,
        high=0.4,
        log=True,
        share_below="sureness",
        help="Escalate below this; 0 only without an answer.",
    )
    by: str = knob(
        "entropy", choices=("entropy", "agreement", "confidence"), help="What tells that it is unsure."
    )
    tokens: int = knob(
        0,
        low=0.25,
        high=2.0,
        log=True,
        per_length=True,
        help="Thinking tokens of the small model; 0 lets it finish.",
    )
    k: int = knob(2, low=2, high=8, log=True, of_recorded=True, help="Its traces, by agreement.")
    model: str = knob("small", help="Its name: of an engine, or of a recording beside the main one.")

    def __post_init__(self) -> None:
        require(self.by in ("confidence", "agreement", "entropy"), self, "by is none of its choices")
        require(self.k >= 1 and self.tokens >= 0, self, "k must be at least 1, tokens not negative")
        require(self.model not in ("", "main"), self, "model must name another model than the main one")
        wanted = {"confidence": {Ability.CONFIDENCE}, "entropy": {Ability.SIGNALS}}.get(self.by, set())
        object.__setattr__(self, "needs", frozenset(wanted | ({Ability.TRIALS} if self.tokens else set())))

    @property
    def alone(self) -> bool:
        return self.by == "agreement"

    @property
    def models(self) -> Mapping[str, int]:
        return {self.model: self._asked}

    def flow(self, ask: Request) -> Flow:
        if ask.model != "main":  # asked by another cascade, of a model that comes before this one's
            reply = yield ask
            assert isinstance(reply, Reply)
            return reply
        first = replace(ask, model=self.model, alone=self.alone)
        if self.tokens:
            first = first.watched(Budget(self.tokens))
        replies = yield Gather((first,) * self._asked)
        assert isinstance(replies, list)
        tried = self._tried(replies)
        if tried.answer is not None and self.sureness(replies) >= self.threshold:
            return tried
        last = yield ask
        assert isinstance(last, Reply)
        return last if last.answer is not None else tried

    def sureness(self, replies: Sequence[Reply]) -> float:
        """Returns how sure the small model is, in [0, 1]; of a vote below this flow, its share."""
        reply = self._tried(replies)
        if self.by == "entropy" and reply.trace is not None:
            entropy = reply.trace.signals.entropy
            return exp(-float(entropy.mean(dtype="float64"))) if len(entropy) else 0.0
        return reply.confidence or 0.0

    def _tried(self, replies: Sequence[Reply]) -> Reply:
        return vote(replies) if self.by == "agreement" else replies[0]

    @property
    def _asked(self) -> int:
        return self.k if self.by == "agreement" else 1


@dataclass(frozen=True, slots=True)
class Budget:
    """Has a trace answer at the first checkpoint at or after so many thinking tokens."""

    tokens: int
    shared: ClassVar[bool] = False

    def watch(self, ask: Request) -> "_Budgeted":
        """Returns a fresh watcher."""
        return _Budgeted(self.tokens)


class _Budgeted:
    __slots__ = ("_tokens",)

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def see(self, checkpoint: Checkpoint) -> Action:
        """Answers as soon as the tokens are spent."""
        return Action.GO if checkpoint.final or checkpoint.tokens < self._tokens else Action.ANSWER
