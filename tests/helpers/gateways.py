"""A gateway on a real socket, before the fake server of the engines' tests."""

import asyncio
import threading
import time
from contextlib import contextmanager

import httpx
import uvicorn
from openai import OpenAI

from karui import catalog
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Sampling
from karui.core.study.choice import Choice, Decision, Rule, Tested, Verdict
from karui.gateway.assemble import assemble
from karui.gateway.deployment import Deployment
from karui.gateway.limits import Limits
from karui.gateway.rollout.canaries import Canaries
from karui.gateway.rollout.guard_status import GuardConfig
from karui.gateway.server.app import app
from karui.gateway.server.connection import connection_class
from karui.gateway.server.server import check, connect
from karui.gateway.settings import Settings
from karui.serving_profile import CheckpointSettings, ServingContract, ServingProfile

RULE = CheckpointPolicy(max_interval=24, min_interval=8)
SHORT = "trial-stability:k=2"
QUESTION = "What is 3 and 4?"
SUFFIX = "\n</think>\n\n\\boxed{"


def one_tested(text):
    plan = catalog.parse(text)
    return Tested(plan.id, plan.label, plan.spec, 0.01, Verdict.CERTIFIED, 0.0, -0.01, 0.01, 0.5)


def chosen(text=SHORT, *, others=(), model="toy", beside=(), suffix="", **expected):
    """A choice of the fake server's model, as if it had been made."""
    plan = catalog.parse(text)
    choice = Choice(
        model=ModelInfo(model),
        task="toy",
        task_digest="0",
        agreement=False,
        rule=Rule(),
        spec=plan.spec,
        plan=plan.id,
        label=plan.label,
        decision=Decision.ADOPT,
        verdict=Verdict.CERTIFIED,
        questions=200,
        pilot_questions=50,
        traces=2.0,
        fewest=150,
        tested=(one_tested(text), *map(one_tested, others)),
        rejected=(),
        space=100,
    )
    lengths = tuple(range(40, 140))
    values = {
        "thinking": lengths,
        "confidence": tuple(0.5 + n / 250 for n in range(100)),
        "agreement": (1.0,) * 100,
        "truncated": 0.01,
        "full_tokens": 120.0,
        "full_accuracy": 0.95,
        "accuracy": 0.95,
        "margin": 0.02,
        "terms": ServingContract(
            "numeric",
            "",
            Sampling(0.0, 1.0, max_tokens=400),
            {name: CheckpointSettings(RULE, suffix) for name in ("main", *beside)},
        ),
        **expected,
    }
    return Deployment(choice, plan, ServingProfile(plan.id, plan.label, **values))


def every_request(**more):
    """A guard to which each request is evidence: tests ask the same question again and again."""
    return GuardConfig(caller_seconds=0.0, question_seconds=0.0, **more)


def settings(fake, **changes):
    values = {"upstream": fake.url, "history": "", "stage": "100", "port": 0, **changes}
    limits = Limits(connect_seconds=10, silence_seconds=15, request_seconds=60, drain_seconds=5)
    return Settings(**{"limits": limits, "guard": every_request(), **values})


class Records(list):
    """A sink that remembers, and wakes whoever waits for a record."""

    def __init__(self):
        super().__init__()
        self._came = threading.Condition()

    def see(self, served):
        with self._came:
            self.append(served)
            self._came.notify_all()

    def wait(self, count, of=len, seconds=30):
        """Returns the records as soon as there are so many: one is closed after its reply is out."""
        with self._came:
            assert self._came.wait_for(lambda: of(self) >= count, seconds), f"only {of(self)} of {count} came"
        return self

    def of_clients(self):
        return [s for s in self if not s.shadow and not s.canary]


def until(holds, seconds=30):
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.005)


class House:
    """A gateway that is up."""

    def __init__(self, gateway, records, url):
        self.gateway, self.records, self.url = gateway, records, url
        self.client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60)
        self.http = httpx.Client(base_url=url, timeout=60, headers={"content-type": "application/json"})

    @contextmanager
    def recorded(self, requests=1):
        """Waits for the records of the requests made in it: they are closed just after the reply is sent."""
        wanted = len(self.records.of_clients()) + requests
        try:
            yield
        finally:
            self.records.wait(wanted, of=lambda records: len(records.of_clients()))

    def ask(self, text=QUESTION, *, model="karui/plan", **more):
        """Returns the reply and its headers."""
        with self.recorded():
            raw = self.client.chat.completions.with_raw_response.create(
                model=model, messages=[{"role": "user", "content": text}], **more
            )
            return raw.parse(), raw.headers

    def stream(self, text=QUESTION, *, model="karui/plan", **more):
        """Returns thinking, answer and the chunks of a streamed reply."""
        with self.recorded():
            chunks = list(
                self.client.chat.completions.create(
                    model=model, messages=[{"role": "user", "content": text}], stream=True, **more
                )
            )
        deltas = [c.choices[0].delta for c in chunks if c.choices]
        thinking = "".join(getattr(d, "reasoning", None) or "" for d in deltas)
        return thinking, "".join(d.content or "" for d in deltas), chunks


@contextmanager
def opened(fake, choice=None, *, engines=None, questions=(), rivals=(), **changes):
    """Serves a choice before a fake server, in a thread; the questions are sent as canaries, one at once."""
    choice, wanted = choice or chosen(), settings(fake, **changes)
    engines = engines or connect(wanted, choice)
    check(wanted, choice, engines)
    records = Records()
    canaries = {"canaries": Canaries(list(questions), 3600 * 40), "tick_seconds": 0.01} if questions else {}
    gateway = assemble(wanted, choice, engines, [records], rivals=rivals, **canaries)
    loops, serve = [], app(gateway)

    async def noting(scope, receive, send):
        loops[:] = [asyncio.get_running_loop()]
        await serve(scope, receive, send)

    server = uvicorn.Server(
        uvicorn.Config(
            noting,
            host="127.0.0.1",
            port=0,
            log_level="critical",
            lifespan="on",
            http=connection_class(wanted.limits.head_seconds),
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.005)
    house = House(gateway, records, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    house.server, house.loops = server, loops
    try:
        yield house
    finally:
        house.http.close()
        house.client.close()
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the gateway did not stop"
