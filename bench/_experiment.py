"""Four plans over karui-mini behind one gateway, and users who say whether the answer was right."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import httpx
import numpy as np
from _choices import CHOSEN, MINI
from _figures import Figures
from _replayed import ReplayedEngine

from karui import catalog
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study.choice import Verdict as Found
from karui.gateway.arms.experiment import leader_of
from karui.gateway.arms.rule import FeedbackConfig, Verdict
from karui.gateway.arms.shares import FULL
from karui.gateway.assemble import Gateway, assemble
from karui.gateway.deployment import Deployment
from karui.gateway.records.events import EventKind
from karui.gateway.records.record import RequestRecord
from karui.gateway.rollout.guard_status import Phase
from karui.gateway.server.app import app
from karui.gateway.settings import Settings
from karui.recording.store import load
from karui.runners.replay import Replay
from karui.serving_profile import ServingProfile

REQUESTS, QUICK_REQUESTS, AT_ONCE = 10_000, 300, 16
POISONED = "token-budget:tokens=48"
PLANS = ("token-budget:tokens=400", "trial-confidence:threshold=0.99,gate=0.8", POISONED)
"""Beside the choice of `karui choose`: dear ones, and one that stops long before it knows the answer."""
RULE = FeedbackConfig(margin=0.05, alpha=0.01, fine_alpha=0.04, caller_hours=0.0)


class Drawn(Counter[str]):
    """A sink that counts what was drawn."""

    def see(self, served: RequestRecord) -> None:
        """Counts a request."""
        self[served.arm] += 1


@dataclass(frozen=True)
class Arm:
    """What an arm comes to on the questions that are asked: right answers and tokens, means."""

    right: float
    tokens: float


def arm_of(recording: Recording, plan: Plan) -> Arm:
    """Returns what a plan comes to, by replay."""
    found = Replay({"main": recording}).outcomes(plan)
    return Arm(float(np.nanmean(found.correct)), float(np.mean(found.tokens)))


def deployments() -> list[Deployment]:
    """Returns the choice and its rivals, each with what its own replay says of it."""
    main, first = load(MINI / "recording"), Deployment.load(CHOSEN)
    full = arm_of(main, Plan())
    made = []
    for plan in (first.plan, *map(catalog.parse, PLANS)):
        saving = 1 - arm_of(main, plan).tokens / full.tokens
        tested = replace(
            first.choice.tested[0], plan=plan.id, label=plan.label, saving=saving, verdict=Found.PROMISING
        )
        choice = replace(first.choice, plan=plan.id, label=plan.label, spec=plan.spec, tested=(tested,))
        profile = ServingProfile.of({"main": main}, plan, choice, terms=first.expectation.terms)
        made.append(Deployment(choice, plan, profile))
    return made


def gateway(figures: Figures) -> None:
    """Prints the figures."""
    asyncio.run(_gateway(figures))


async def _gateway(figures: Figures) -> None:
    count = QUICK_REQUESTS if figures.quick else REQUESTS
    recording, arms = load(MINI / "pilot"), deployments()
    settings = Settings(stage="100", history="", feedback=RULE)
    drawn = Drawn()
    served = assemble(settings, arms[0], {"main": ReplayedEngine(recording)}, [drawn], rivals=arms[1:])
    await _asked(served, recording, count)
    found = {FULL: arm_of(recording, Plan())} | {d.plan.id: arm_of(recording, d.plan) for d in arms}
    _judged(figures, served, found, drawn)


async def _asked(served: Gateway, recording: Recording, count: int) -> None:
    """Asks, and says what was right."""
    draw, questions = random.Random(7), list(recording.questions)
    left = [q for _ in range(-(-count // len(questions))) for q in draw.sample(questions, len(questions))][
        :count
    ]
    read = served.handler.dispatcher.backends.runner.verifier.read

    async def client(http: httpx.AsyncClient) -> None:
        while left:
            question = left.pop()
            body = {"model": "karui/plan", "messages": [{"role": "user", "content": question.prompt.user}]}
            reply = await http.post("/v1/chat/completions", json=body)
            text: Any = reply.json()["choices"][0]["message"]["content"]
            request = reply.headers["x-karui-request-id"]
            said = {"request_id": request, "value": float(question.correct(read(text)))}
            taken = await http.post("/v1/feedback", json=said)
            assert taken.status_code == 200, taken.text

    transport = httpx.ASGITransport(app(served))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        await asyncio.gather(*(client(http) for _ in range(AT_ONCE)))
    await served.close()


def _judged(figures: Figures, served: Gateway, found: dict[str, Arm], drawn: Counter[str]) -> None:
    comparison, plans = served.rollout.comparison, served.handler.dispatcher.plans
    assert comparison is not None
    names = {plan: d.expectation.label for plan, d in plans.items()}
    full = found[FULL]
    for arm, came in found.items():
        told = comparison.verdicts.get(arm, "")
        name = names.get(arm, arm)
        figures.note(f"{name}: {came.right:.1%} right, {came.tokens:.0f} tokens, drawn {drawn[arm]}, {told}")
    for event in reversed(served.stores.requests.events()):
        if event.kind in {EventKind.ARM_DROPPED, EventKind.ARM_FOUND, EventKind.SHARES_SET}:
            figures.note(f"{event.what}: {event.why}")
    well = [arm for arm in plans if full.right - found[arm].right < RULE.margin]
    right = min(well, key=lambda arm: found[arm].tokens)
    costs = {plan: 1 - d.choice.tested[0].saving for plan, d in plans.items()}
    leads = leader_of(comparison.verdicts, costs)
    bad = next(plan for plan, d in plans.items() if d.plan == catalog.parse(POISONED))
    figures.shown("gateway: requests, each with its feedback", drawn.total(), digits=0)
    figures.at_least("gateway: the right plan leads in the end", float(leads == right), 1, digits=0)
    figures.at_least(
        "gateway: the poisoned plan dropped", comparison.verdicts[bad] is Verdict.WORSE, 1, digits=0
    )
    figures.shown("gateway: requests that it had by then", drawn[bad], digits=0)
    lost = sum(comparison.verdicts[arm] is Verdict.WORSE for arm in well)
    lost += served.rollout.guard.phase is not Phase.WATCHING
    figures.at_most("gateway: healthy plans dropped, trips of the guard", lost, 0, digits=0)
    most = {arm: max(full.right - came.right, 0.0) for arm, came in found.items()}
    more = {arm: max(came.tokens - found[right].tokens, 0.0) for arm, came in found.items()}
    for what, regret in (("answers", most), ("tokens", more)):
        ours = sum(regret[arm] * n for arm, n in drawn.items()) / drawn.total()
        ratio = ours / float(np.mean(list(regret.values())))
        figures.at_most(f"gateway: regret beside a fixed split: {what}", ratio, 1.0, "×", 2)
