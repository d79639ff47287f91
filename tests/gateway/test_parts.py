"""The gateway's pure parts: breaker, stages, places, settings, what a server says it is."""

import asyncio
import subprocess
import sys

import pytest

from karui.core.errors import InputError, UnknownName
from karui.core.prompt import Sampling
from karui.gateway.backends.circuit_breaker import Breaker, BreakerRule, Circuit
from karui.gateway.backends.upstream_identity import UpstreamIdentity
from karui.gateway.openai_api.chat_request import ApiError, read_request
from karui.gateway.openai_api.replies import dumped
from karui.gateway.records.events import Event
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.requests.admission import AdmissionQueue, Limits
from karui.gateway.rollout.canaries import Canaries
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.drift_guard import Guard, Phase
from karui.gateway.rollout.stages import Rollout, Stage, StageRule
from karui.gateway.routing.eligibility import plan_request_of
from karui.gateway.routing.fallback_policy import FallbackAction, FallbackPolicy
from karui.gateway.settings import Settings
from tests.helpers.fake_server import serving
from tests.helpers.gateways import chosen, opened, until


def test_a_breaker_opens_tries_and_rests_longer():
    breaker = Breaker(BreakerRule(failures=3, rest_seconds=10))
    for at in range(3):
        assert breaker.enter(at)
        breaker.leave(at, well=False, why="down")
    assert (breaker.circuit, breaker.why) == (Circuit.OPEN, "down")
    assert not breaker.enter(11)
    assert breaker.enter(12)
    assert not breaker.enter(12)  # one at a time
    breaker.leave(13, well=None)  # the client left: nothing was learnt
    assert breaker.enter(13)
    breaker.leave(13, well=False, why="still")
    assert not breaker.enter(32)
    assert breaker.enter(33)
    assert breaker.leave(34, well=True)
    assert (breaker.circuit, breaker.why) == (Circuit.CLOSED, "")


def test_successes_between_failures_keep_it_closed():
    breaker = Breaker(BreakerRule(failures=2))
    for at in range(10):
        assert breaker.enter(at)
        breaker.leave(at, well=bool(at % 2))
    assert breaker.circuit is Circuit.CLOSED


@pytest.mark.parametrize(("stage", "share"), [("shadow", 0), ("5", 0.05), ("25", 0.25), ("100", 1)])
def test_a_stage_takes_its_share_and_keeps_it(stage, share):
    keys = [f"caller {n}" for n in range(20_000)]
    taken = {k for k in keys if Stage.of(stage).takes(k)}
    assert len(taken) / len(keys) == pytest.approx(share, abs=0.01)
    following = Stage.of(stage).following
    if following is not None:
        assert taken <= {k for k in keys if following.takes(k)}


def served(at, **more):
    return RequestRecord(**{"id": f"r{at}", "at": at, "plan": "p", "model": "m", "ran": "plan", **more})


def test_a_stage_advances_by_its_rule_only():
    rule = StageRule(requests=3, hours=1.0, less_same=0.1)
    rollout = Rollout(Stage.SHADOW, 0.0, rule, same=0.9)
    assert "3 more runs compared" in rollout.missing(0, watching=True)
    with pytest.raises(InputError, match="may not be followed"):
        rollout.advance(0, "me", watching=True)
    for n, agrees in enumerate((True, False, True, None)):
        rollout.see(served(n, shadow=True, agrees=agrees))
    assert "67% of the runs say" in rollout.missing(4000, watching=True)
    for n in range(3):
        rollout.see(served(10 + n, shadow=True, agrees=True))
    assert "the guard finds all well" in rollout.missing(4000, watching=False)
    assert "0.5 more hours" in rollout.missing(1800, watching=True)
    event = rollout.advance(4000, "me", watching=True)
    assert (rollout.stage, event.what, event.who) == (Stage.FIVE, "stage 5", "me")
    for n in range(3):
        rollout.see(served(4001 + n, ran="full", why=FallbackReason.STAGE))
        rollout.see(served(4001 + n, canary=True))
    assert "3 more requests" in rollout.missing(9000, watching=True)
    with pytest.raises(InputError, match="comes after"):
        rollout.back(Stage.ALL, 9000, "me", "hurry")
    rollout.stage = Stage.ALL
    assert rollout.tripped(9001, "drift").what == "stage 5"
    assert rollout.tripped(9002, "drift") is None


class Journal(list):
    def note(self, event):
        self.append(event)


def test_a_restart_goes_on_where_it_was():
    choice = chosen()

    def fresh():
        rollout = Rollout(Stage.SHADOW, 1000.0, StageRule(requests=5, hours=0.0), 0.9)
        return RolloutController(Guard(choice.expectation), rollout, Journal())

    label = choice.expectation.label
    records = [served(100 + n, plan=label, thinking_tokens=60) for n in range(4)]
    rolling = fresh()
    stages = [Event(50, "stage 25", "rule", "x"), Event(20, "stage 5", "rule", "x")]
    rolling.resume(records, stages, stage=None)
    assert (rolling.stage, rolling.rollout.since) == (Stage.QUARTER, 50)
    assert "1 more requests" in rolling.missing(2000)
    rolling = fresh()
    rolling.resume(records, [Event(200, "guard tripped", "operator me", "new model")], stage=None)
    assert rolling.guard.phase is Phase.TRIPPED
    assert rolling.against(300) == (FallbackReason.GUARD, "new model")
    rolling = fresh()
    broken = [served(n, plan=label, status=502, why=FallbackReason.UPSTREAM) for n in range(60)]
    rolling.resume(broken, [], stage=None)
    assert rolling.guard.tripped() == "errors"
    rolling = fresh()
    rolling.resume(broken, [Event(100, "guard watching", "operator me", "mended")], stage=None)
    assert not rolling.guard.tripped()


def test_places_and_queue():
    async def main():
        room = AdmissionQueue(Limits(at_once=2, queue=1, queue_seconds=0.05))
        gate = asyncio.Event()

        async def hold():
            async with room.place():
                await gate.wait()

        held = [asyncio.ensure_future(hold()) for _ in range(3)]
        await asyncio.sleep(0)
        assert (room.in_flight, room.queued) == (2, 1)
        with pytest.raises(ApiError) as raised:
            await hold()
        assert (raised.value.status, raised.value.retry_after > 0) == (429, True)
        with pytest.raises(ApiError, match="no place came free"):
            await held[2]
        leaving = asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        assert (room.in_flight, room.queued) == (2, 0)
        late = asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(late, *held[:2])
        assert (room.in_flight, room.queued) == (0, 0)

    asyncio.run(main())


def test_settings_from_a_file_and_options(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('stage = "5"\nport = 1\n[limits]\nat_once = 3\n[table]\nguard_tripped = "refuse"\n')
    found = Settings.read(file, {"port": 9, "host": None})
    assert (found.stage, found.port, found.host, found.limits.at_once) == ("5", 9, "127.0.0.1", 3)
    assert ("table.guard_tripped", "refuse") in found.rows()
    for text, wrong in (
        ("stages = 5", UnknownName),
        ("[limits]\nat_onse = 1", UnknownName),
        ('port = "x"', InputError),
        ("port = true", InputError),
        ("[limits]\nat_once = 0", InputError),
        ("limits = 3", InputError),
        ("stage = 5", InputError),
        ("names = [1]", InputError),
        ("stage = ", InputError),
    ):
        file.write_text(text)
        with pytest.raises(wrong):
            Settings.read(file, {})
    with pytest.raises(InputError):
        Stage.of("50")


def test_the_usual_tables():
    alone, both = FallbackPolicy.of({}, server=False).deeds, FallbackPolicy.of({}, server=True).deeds
    assert (alone[FallbackReason.BREAKER], alone[FallbackReason.GUARD]) == (
        FallbackAction.REFUSE,
        FallbackAction.FULL,
    )
    assert (both[FallbackReason.BREAKER], both[FallbackReason.UNSURE]) == (
        FallbackAction.SERVER,
        FallbackAction.FULL,
    )


def test_what_a_server_says_it_is():
    listing = {"data": [{"id": "a", "root": "x"}, {"id": "b", "root": "y"}]}
    identity = UpstreamIdentity("a")
    assert identity.listed(listing) == ""
    assert identity.listed(None) == ""  # it said nothing
    assert "root was x and is z" in identity.listed({"data": [{"id": "a", "root": "z"}]})
    assert identity.listed({"data": [{"id": "b"}]}) == "a is no longer served"
    assert identity.listed(listing) == ""
    assert identity.replied("f1") == identity.replied("") == identity.replied("f1") == ""
    assert identity.replied("f2") == "system_fingerprint was f1 and is f2"
    assert identity.replied("f1") == ""


def test_an_upstream_that_changes_its_model_is_found_and_forgiven():
    with serving() as fake, opened(fake) as house:
        portal = asyncio.new_event_loop()
        look = house.gateway.look

        def looked():
            house.gateway.upstream.close()  # its connections belong to the gateway's own loop
            portal.run_until_complete(look())

        looked()
        fake.behaviour.served = ("other",)
        looked()
        assert house.gateway.rolling.against(0) == (FallbackReason.STALE, "toy is no longer served")
        fake.behaviour.served = ("toy",)
        looked()
        assert house.gateway.rolling.against(0) == (FallbackReason.NONE, "")
        house.gateway.upstream.close()
        portal.close()


def test_canaries_are_judged_and_recorded(monkeypatch):
    monkeypatch.setattr("karui.gateway.assemble._TEND_SECONDS", 0.01)
    with serving() as fake, opened(fake) as house:
        from karui.core.question import Question
        from karui.tasks import verifier

        wrong = Question("q", "What is 3 and 4?", "7", verifier("numeric"))
        house.gateway.canaries = Canaries([wrong], 3600 * 40)
        until(lambda: [s for s in house.records if s.canary])
        house.gateway.canaries = None
        canary = next(s for s in house.records if s.canary)
        assert (canary.correct, canary.ran, canary.status) == (False, "plan", 200)  # the plan says 8


def asked(body):
    return read_request(dumped({"model": "karui/plan", **body}), chat=True)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([("user", "a"), ("user", "b")], "turns"),
        ([("user", "a"), ("assistant", "b")], "turns"),
        ([("assistant", "a"), ("user", "b")], "turns"),
        ([("developer", "a"), ("user", "b")], "turns"),
        ([("system", "a")], "turns"),
        ([("user", None)], "messages[0].content"),
        ([("user", [{"type": "image_url", "image_url": {}}])], "messages[0].content"),
    ],
)
def test_dialogues_that_no_plan_can_show(messages, reason):
    body = {"messages": [{"role": r, "content": c} for r, c in messages]}
    found = plan_request_of(asked(body), Sampling(), "", any_sampling=False)
    assert isinstance(found, str)
    assert reason in found


def test_dialogues_that_a_plan_can_show():
    turns = [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c")]
    body = {"messages": [{"role": r, "content": c} for r, c in turns], "temperature": 0.6, "seed": 3}
    found = plan_request_of(asked(body), Sampling(), "low", any_sampling=False)
    assert (found.prompt.system, found.prompt.user, found.seed) == ("s", "c", 3)
    assert found.prompt.before == (("user", "a"), ("assistant", "b"))
    assert found.prompt.messages(apart=False)[0] == {"role": "user", "content": "s\n\na"}
    body["reasoning_effort"] = "low"
    assert not isinstance(plan_request_of(asked(body), Sampling(), "low", any_sampling=False), str)
    body |= {"temperature": 1.0}
    assert plan_request_of(asked(body), Sampling(), "low", any_sampling=True).sampling.temperature == 1.0


def test_serving_before_a_server_imports_no_torch():
    code = (
        "import sys; from tests.helpers.fake_server import serving\n"
        "from tests.helpers.gateways import opened\n"
        "with serving() as fake, opened(fake) as house: house.ask()\n"
        "print(*[n for n in ('torch', 'transformers') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
