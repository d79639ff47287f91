"""What a gateway does by itself: canaries, judged and recorded."""

from karui.core.question import Question
from karui.tasks import verifier
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened


def test_canaries_are_judged_and_recorded():
    wrong = Question("q", "What is 3 and 4?", "7", verifier("numeric"))
    with serving() as fake, opened(fake, questions=[wrong]) as house:
        house.records.wait(1, of=lambda records: sum(s.canary for s in records))
        canary = next(s for s in house.records if s.canary)
        assert (canary.correct, canary.ran, canary.status) == (False, "plan", 200)  # the plan says 8
