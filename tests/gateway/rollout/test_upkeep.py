"""What a gateway does by itself: canaries, judged and recorded."""

import asyncio
import logging

from karui.core.question import Question
from karui.gateway.rollout.upkeep import Upkeep
from karui.tasks import verifier
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened, until


def test_canaries_are_judged_and_recorded():
    wrong = Question("q", "What is 3 and 4?", "7", verifier("numeric"))
    with serving() as fake, opened(fake, questions=[wrong]) as house:
        house.records.wait(1, of=lambda records: sum(s.canary for s in records))
        canary = next(s for s in house.records if s.canary)
        assert (canary.correct, canary.ran, canary.status) == (False, "plan", 200)  # the plan says 8


def test_a_canary_is_answered_in_full_the_first_time_only():
    asked = [Question("q", "What is 3 and 4?", "8", verifier("numeric"))]
    with serving() as fake, opened(fake, questions=asked) as house:
        # Several may be under way before the first is known.
        house.records.wait(12, of=lambda records: sum(s.canary for s in records))
        canaries = [s for s in house.records if s.canary]
        assert canaries[0].full_correct is not None
        assert canaries[-1].full_correct is None
        assert len({s.canary_of for s in canaries}) == 1


class Watch:
    """A look at the upstream that fails."""

    def __init__(self):
        self.looks, self.looked = 0, [asyncio.Event() for _ in range(100)]

    async def look(self):
        self.looks += 1
        self.looked[min(self.looks, 99)].set()
        if self.looks < 4:
            raise RecursionError("models, nested")


def test_upkeep_goes_on_after_a_fault_and_says_so(caplog):
    caplog.set_level(logging.ERROR)

    async def run():
        watch = Watch()
        upkeep = Upkeep(watch, None, None, tick_seconds=0.001, look_seconds=0.0)
        upkeep.start()
        await watch.looked[3].wait()
        told = str(upkeep.degraded)
        await watch.looked[6].wait()
        assert upkeep.degraded is None
        await upkeep.close()
        return told

    assert "RecursionError" in asyncio.run(run())
    assert len([r for r in caplog.records if "upkeep failed" in r.message]) == 1


def test_a_technique_that_raises_leaves_the_record_of_a_failed_run():
    asked = [Question("q", "What is 3 and 4?", "8", verifier("numeric"))]
    with serving() as fake, opened(fake) as house:
        shadow = house.gateway.handler.dispatcher.shadow

        async def broken(*_, **__):
            raise ZeroDivisionError("a technique's own fault")
            yield

        house.http.get("/health")
        object.__setattr__(shadow.runner, "stream", broken)
        house.loops[0].call_soon_threadsafe(shadow.canary, asked[0])
        house.records.wait(1)
        until(lambda: shadow.running == 0)
        assert (house.records[-1].status, house.records[-1].canary) == (500, True)
