"""What the gateway adds to full thinking that goes through it, beside the build of 5682b79, nginx, LiteLLM.

Clients stream from the paced upstream directly and through each of them, in turn. Each request has a schedule
that the upstream keeps to (first token after 30 to 100 ms, then one every so often, 64 of them), and clients
begin one after the other over the length of a reply; so a reply's
*lateness* is how long after its schedule the first token or the end came. What is added is the quantile of
lateness less the direct one's. Processor time is that of the process between and of its children, requests
included, divided by tokens: other work on the machine changes it least. Three processes share the cores: the
upstream, what is between, the load.

nginx is a plain proxy without buffering: a mature C program that looks into nothing. LiteLLM's proxy is
measured at a rate that it sustains, which is a fraction of the others'.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from _builds import OLD, old_build
from _choices import made_up
from _figures import Figures
from _servers import KEY, Died, Gateway, gateway, litellm, load, memory, nginx, processor, upstream

TOKENS = 64
PLAN = "token-cap:tokens=4000"
WIDE = "[limits]\nat_once = 400\nqueue = 400\n[guard]\nalpha = 1e-200\n"
"""The made-up upstream thinks otherwise than the recorded model: a guard would rightly take the plan back."""
Request = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """A load.

    Attributes:
        clients: Streams at once.
        gap: Seconds between the tokens of one; 0 is as fast as the upstream can.
        count: Requests.
    """

    clients: int
    gap: float
    count: int

    def requests(self, model: str) -> list[Request]:
        """Returns the requests with their schedules; the same ones every time."""
        draw = random.Random(7)
        made = []
        for _ in range(self.count):
            first = round(draw.uniform(0.03, 0.1), 3) if self.gap else 0.0
            script = {"first": first, "gap": self.gap, "tokens": TOKENS}
            said = {"role": "user", "content": f"bench {json.dumps(script)}"}
            body = {"model": model, "stream": True, "messages": [said]}
            headers = {"authorization": f"Bearer {KEY}"}
            made.append({"path": "/v1/chat/completions", "body": body, "headers": headers, "script": script})
        return made


@dataclass
class Way:
    """One way to the upstream.

    Attributes:
        name: For the figures.
        url: Its address.
        model: By which name full thinking is asked for there.
        process: What is between; None for the direct way.
    """

    name: str
    url: str
    model: str
    process: subprocess.Popen | None = None
    first: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)
    seconds: float = 0.0
    busy: float = 0.0
    """Processor seconds of the load generator."""
    used: float = 0.0
    tokens: int = 0
    broken: int = 0
    planned: int = 0
    """Replies of a plan."""
    idle: int = 0
    """Bytes that the process held before the first stream of this load."""
    held: float = 0.0
    """Bytes a stream, at most."""

    def run(self, pace: Pace) -> None:
        """Sends a round of requests."""
        asked = pace.requests(self.model)
        before = self._used()
        with _watched(self.process) as most:
            found = load(self.url, asked, pace.clients, spread=pace.gap * TOKENS)
        self.used += self._used() - before
        self.held = max(self.held, (max(most, default=0) - self.idle) / pace.clients)
        self.seconds += found["wall"]
        self.busy += found["processor"]
        for request, reply in zip(asked, found["results"], strict=True):
            self.tokens += reply["tokens"]
            self.planned += reply["headers"].get("x-karui-ran") == "plan"
            if reply["form"] != "stream" or reply["tokens"] != TOKENS:
                self.broken += 1
                continue
            script = request["script"]
            self.first.append(1000 * (reply["first"] - script["first"]))
            self.end.append(1000 * (reply["seconds"] - script["first"] - script["gap"] * TOKENS))

    def _used(self) -> float:
        return processor(self.process) if self.process is not None else 0.0

    @property
    def a_token(self) -> float:
        """Microseconds of processor time a token."""
        return 1e6 * self.used / max(self.tokens, 1)

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds

    def added(self, direct: "Way", name: str, quantile: float) -> float:
        """Returns by how many milliseconds a quantile is later than directly."""
        ours, theirs = getattr(self, name), getattr(direct, name)
        return float(np.quantile(ours, quantile) - np.quantile(theirs, quantile)) if ours else float("nan")


@contextmanager
def _watched(process: subprocess.Popen | None) -> Iterator[list[int]]:
    """Notes what a process holds, four times a second."""
    seen: list[int] = []
    over = Event()

    def watch() -> None:
        while process is not None and not over.wait(0.25):
            seen.append(memory(process))

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def overhead(figures: Figures, folder: Path, proxy: Path | None, plain: Path | None) -> None:
    """Prints the figures."""
    rounds = 1 if figures.quick else 3
    few = Pace(32, 0.02, 32 if figures.quick else 192)
    many = Pace(256, 0.08, 256)
    with upstream() as paced, old_build() as old, ExitStack() as stack:
        capped = made_up(PLAN, folder / "capped")
        options = ("--stage", "100", "--same-model")
        target = f"{paced.url}/v1"
        ours = stack.enter_context(gateway(capped, target, folder, *options, settings=WIDE))
        before = _old_choice(old, folder / "capped-before")
        theirs = stack.enter_context(gateway(before, target, folder, *options, settings=WIDE, home=old))
        server = None
        if plain is None:
            figures.note("nginx: left out, it is not installed (or name it with --nginx)")
        else:
            server = stack.enter_context(nginx(plain, paced.url, folder))

        def ways() -> list[Way]:
            found = [Way("directly", paced.url, "paced"), Way("now", ours.url, "karui/full", ours.process)]
            found.append(Way(OLD, theirs.url, "karui/full", theirs.process))
            return found + ([Way("nginx", server[0], "paced", server[1])] if server else [])

        _paced(figures, ways(), few, rounds)
        _paced(figures, ways(), many, 1)
        _flat_out(figures, ways(), rounds)
        _planned(figures, ours, theirs, few, rounds)
        _beside_litellm(figures, paced.url, ours, proxy, folder)


def _old_choice(old: Path, folder: Path) -> Path:
    """Writes the same choice as the old build writes it."""
    words = "from pathlib import Path\nimport sys\nfrom _choices import made_up\n"
    words += "made_up(sys.argv[1], Path(sys.argv[2]))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(old / "src"), str(old / "bench")))}
    subprocess.run([sys.executable, "-c", words, PLAN, str(folder)], check=True, env=environment)
    return folder / "choice.json"


def _in_turn(ways: Sequence[Way], pace: Pace, rounds: int) -> None:
    warm = Pace(pace.clients, pace.gap / 4, pace.clients)
    for way in ways:
        way.idle = memory(way.process) if way.process else 0
        warmed = Way(way.name, way.url, way.model, way.process, idle=way.idle)
        warmed.run(warm)
        way.held = warmed.held
    for _ in range(rounds):
        for way in ways:
            way.run(pace)


def _paced(figures: Figures, ways: Sequence[Way], pace: Pace, rounds: int) -> None:
    """Compares the ways on one paced load."""
    _in_turn(ways, pace, rounds)
    direct, now, old, *others = ways
    name = f"{pace.clients} streams"
    figures.note(f"{name}: load {os.getloadavg()[0]:.1f}")
    for way in (old, *others):
        figures.shown(f"{name}, {way.name}: processor time a token", way.a_token, "µs", 1)
    target: Callable[..., None] = figures.at_most
    if pace.clients > 32:
        figures.shown(f"{name}: processor time a token", now.a_token, "µs", 1)
    else:
        target(f"{name}: processor time a token", now.a_token, 25, "µs", 1)
    target(f"{name}: processor time a token against {OLD}", now.a_token / old.a_token, 0.2, "×", 3)
    for part, words in (("first", "first token"), ("end", "end")):
        for quantile, word, most in ((0.5, "median", 1.0), (0.99, "p99", 5.0)):
            added = f"{name}: added to the {words}, {word}"
            if pace.clients > 32:
                figures.shown(added, now.added(direct, part, quantile), "ms", 2)
            else:
                target(added, now.added(direct, part, quantile), most, "ms", 2)
            for way in (old, *others):
                figures.shown(f"{added}, {way.name}", way.added(direct, part, quantile), "ms", 2)
    figures.at_least(f"{name}: throughput against direct", now.rate / direct.rate, 0.9, "×", 3)
    figures.at_most(f"{name}: replies not whole", now.broken + direct.broken, 0, digits=0)
    if pace.clients > 32:
        for way in (now, old, *others):
            figures.shown(f"{name}, {way.name}: memory a stream", way.held / 1024, "KiB", 0)
    busy = sum(w.busy for w in ways) / sum(w.seconds for w in ways)
    figures.at_most(f"{name}: load generator's share of a core", 100 * busy, 50, "%", 0)


def _flat_out(figures: Figures, ways: Sequence[Way], rounds: int) -> None:
    """Streams without pacing: what each can move at most."""
    _in_turn(ways, Pace(32, 0.0, 64 if figures.quick else 512), rounds)
    figures.note(f"flat out: load {os.getloadavg()[0]:.1f}")
    direct, now, old, *others = ways
    for way in (direct, now, old, *others):
        figures.shown(f"flat out, {way.name}: tokens a second", way.rate, "/s", 0)
        if way is not direct:
            figures.shown(f"flat out, {way.name}: processor time a token", way.a_token, "µs", 1)
    figures.at_least(f"flat out: tokens a second against {OLD}", now.rate / old.rate, 5, "×", 1)


def _planned(figures: Figures, ours: Gateway, theirs: Gateway, pace: Pace, rounds: int) -> None:
    """The same requests as a plan runs them: read token by token, and told anew."""
    now = Way("now", ours.url, "karui/plan", ours.process)
    old = Way(OLD, theirs.url, "karui/plan", theirs.process)
    _in_turn((now, old), pace, rounds)
    figures.note(f"under a plan: load {os.getloadavg()[0]:.1f}")
    otherwise = 2 * pace.count * rounds - now.planned - old.planned
    figures.at_most("under a plan: replies of something else", otherwise, 0, digits=0)
    figures.shown(f"under a plan, {OLD}: processor time a token", old.a_token, "µs", 1)
    figures.shown("under a plan: processor time a token", now.a_token, "µs", 1)
    figures.at_most(
        f"under a plan: processor time a token against {OLD}", now.a_token / old.a_token, 0.4, "×", 3
    )


def _beside_litellm(figures: Figures, target: str, ours: Gateway, proxy: Path | None, folder: Path) -> None:
    if proxy is None:
        figures.note("LiteLLM's proxy: left out, `make litellm` was not run (or name one with --litellm)")
        return
    slow = Pace(8, 0.04, 24)  # 200 tokens a second
    try:
        with litellm(proxy, target, folder) as (url, process):
            direct, theirs = Way("directly", target, "paced"), Way("LiteLLM", url, "paced", process)
            now = Way("now", ours.url, "karui/full", ours.process)
            _in_turn((direct, now, theirs), slow, 1 if figures.quick else 2)
    except Died as failure:
        figures.note(f"LiteLLM's proxy: left out, it did not come up: {str(failure)[-300:]}")
        return
    name = f"{slow.clients} streams of {1 / slow.gap:.0f} tokens/s"
    for way, words in ((now, "the gateway"), (theirs, "LiteLLM's proxy")):
        figures.shown(f"{name}, {words}: processor time a token", way.a_token, "µs", 1)
        figures.shown(f"{name}, {words}: throughput against direct", way.rate / direct.rate, "×", 3)
        for part, told in (("first", "first token"), ("end", "end")):
            for quantile, word in ((0.5, "median"), (0.99, "p99")):
                added = way.added(direct, part, quantile)
                figures.shown(f"{name}, {words}: added to the {told}, {word}", added, "ms", 2)
    if theirs.broken:
        figures.note(f"LiteLLM's proxy: {theirs.broken} replies were not whole")
