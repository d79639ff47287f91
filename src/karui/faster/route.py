"""Route: looks at the question and decides which mode it gets, before the model thinks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.errors import PlanError
from karui.core.flow.flow_tree import Flow
from karui.core.flow.lesson import Lessons
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply
from karui.faster._router import CONFIDENCE, ENTROPY, MAIN, Router, digest, unpacked
from karui.faster._router_fit import fitted


@dataclass(frozen=True)
class Route(Technique):
    """Decides from a question's text, and perhaps from cheap first answers, which mode it gets.

    Trades away accuracy where the question does not show how hard it is, and latency where modes are asked
    first. A mode is whatever has a recording beside the main one: the same model without thinking, at a
    level of effort, with a budget; or a smaller model. Not where all questions look alike, nor for fewer
    than some dozens of pilot questions: what is learned then is noise, and the certificate will say so.

    For each mode two linear models are learned on the pilot questions alone: the chance that it is right,
    and its cost. A question goes to the mode with the largest chance less `price` times cost; one without an
    answer (cut by the token limit, say) is asked again of the mode that helps most there. Some routes ask
    cheap modes first and look at their replies, too: whether there is an answer, its length, its
    confidence, whether two agree. Which route is worth a test is judged by cross-validation over ten deals
    of the pilot questions to folds (Burman, Biometrika 76(3), 1989). What is learned is part of the plan:
    `weights` holds it, and the plan's id is a digest of it.

    Ding et al., "Hybrid LLM: Cost-Efficient and Quality-Aware Query Routing", arXiv 2404.14618; Ong et al.,
    "RouteLLM", arXiv 2406.18665, at half the cost on some benchmarks, learned from people's preferences.
    The rule is the plug-in one of Jitkrittum et al., "Universal Model Routing for Efficient LLM Inference",
    arXiv 2502.08773. Unlike them it learns from one's own recordings, has no network, and may look at first
    replies as FrugalGPT (arXiv 2305.05176) does.
    """

    family: ClassVar[Family] = Family.FASTER
    slot: ClassVar[str] = "route"

    weights: str = knob(help="What was learned: `karui choose … --aux-model NAME=RECORDING` writes it.")
    price: float = knob(
        0.1, low=0.01, high=0.64, log=True, help="Accuracy that the cost of one full thinking is worth."
    )

    def __post_init__(self) -> None:
        """Reads the weights.

        Raises:
            PlanError: They are damaged, or were written by another version.
        """
        try:
            router = unpacked(self.weights)
        except ValueError as error:
            raise PlanError(
                "The weights of route cannot be read.",
                why=f"They are damaged or of another version: {error}.",
                remedy="Choose again: `karui choose` learns them from the recordings.",
            ) from None
        require(isfinite(self.price) and self.price >= 0, self, "the price must not be negative")
        wanted = {CONFIDENCE: Ability.CONFIDENCE, ENTROPY: Ability.SIGNALS}
        object.__setattr__(self, "needs", frozenset(wanted[signal] for signal in router.signals))

    @classmethod
    def learned(cls, lessons: Lessons) -> Sequence["Route"]:
        """Returns the routes on the frontier of accuracy and cost, each judged on folds it did not see."""
        return [cls(fit.router.packed(), fit.price) for fit in fitted(lessons)]

    @property
    def router(self) -> Router:
        """What was learned."""
        return unpacked(self.weights)

    @property
    def models(self) -> Mapping[str, int]:
        return dict.fromkeys(self.router.modes[1:], 1)

    def flow(self, ask: Request) -> Flow:
        if ask.model != MAIN:  # asked by another technique between models
            reply = yield ask
            assert isinstance(reply, Reply)
            return reply
        router, replies = self.router, dict[str, Reply]()
        if router.first:
            asked = yield Gather(tuple(replace(ask, model=mode) for mode in router.first))
            assert isinstance(asked, list)
            replies = dict(zip(router.first, asked, strict=True))
        mode = router.choose(ask.prompt, replies, self.price)
        for each in (mode, router.modes[router.rescue[router.modes.index(mode)]]):
            if each not in replies:
                reply = yield replace(ask, model=each)
                assert isinstance(reply, Reply)
                replies[each] = reply
            if replies[each].answer is not None:
                return replies[each]
        return next((r for r in replies.values() if r.answer is not None), replies[mode])

    def __str__(self) -> str:
        """For people: the price, the modes and a digest of what was learned."""
        router = self.router
        first = f"first={' and '.join(router.first)}, " if router.first else ""
        among = " or ".join(router.modes)
        return f"route({first}{among}, price={self.price:g}, weights {digest(self.weights)})"
