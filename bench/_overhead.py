"""What the gateway adds to full thinking that goes through it, and what LiteLLM's proxy adds there.

32 clients stream from the paced upstream, directly and through the gateway, in turn. Each request has a
schedule that the upstream keeps to (first token after 30 to 100 ms, one every 20 ms, 64 of them), so a
reply's *lateness* is how long after its schedule the first token or the end came. What is added is the
gateway's quantile of lateness less the direct one's. Three processes share the cores: the upstream, what is
between, the load.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _choices import made_up
from _figures import Figures
from _servers import KEY, Died, Gateway, gateway, litellm, load, upstream

CLIENTS, TOKENS, GAP = 32, 64, 0.02
PLAN = "token-cap:tokens=4000"
Request = dict[str, Any]


def requests(count: int, gap: float, model: str) -> list[Request]:
    """Returns requests with their schedules; the same ones every time."""
    draw = random.Random(7)
    made = []
    for _ in range(count):
        script = {"first": round(draw.uniform(0.03, 0.1), 3) if gap else 0.0, "gap": gap, "tokens": TOKENS}
        body = {
            "model": model,
            "stream": True,
            "messages": [{"role": "user", "content": f"bench {json.dumps(script)}"}],
        }
        headers = {"authorization": f"Bearer {KEY}"}
        made.append({"path": "/v1/chat/completions", "body": body, "headers": headers, "script": script})
    return made


class Lateness:
    """Milliseconds after the schedule, of one way to the upstream."""

    def __init__(self) -> None:
        self.first: list[float] = []
        self.end: list[float] = []
        self.seconds = self.processor = 0.0
        self.broken = 0

    def add(self, asked: Sequence[Request], found: dict[str, Any]) -> None:
        """Takes in a round."""
        self.seconds += found["wall"]
        self.processor += found["processor"]
        for request, reply in zip(asked, found["results"], strict=True):
            if reply["form"] != "stream" or reply["tokens"] != TOKENS:
                self.broken += 1
                continue
            script = request["script"]
            self.first.append(1000 * (reply["first"] - script["first"]))
            self.end.append(1000 * (reply["seconds"] - script["first"] - script["gap"] * TOKENS))

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.end) / self.seconds

    def added(self, direct: "Lateness", name: str, quantile: float) -> float:
        """Returns by how much a quantile is later than directly."""
        return float(
            np.quantile(getattr(self, name), quantile) - np.quantile(getattr(direct, name), quantile)
        )


def ways(target: str, through: str, model: str, count: int, rounds: int) -> tuple[Lateness, Lateness]:
    """Measures both ways, in turn, after a round to warm up."""
    direct, between = Lateness(), Lateness()
    plain, named = requests(count, GAP, "paced"), requests(count, GAP, model)
    load(through, named[:CLIENTS], CLIENTS)
    for _ in range(rounds):
        direct.add(plain, load(target, plain, CLIENTS))
        between.add(named, load(through, named, CLIENTS))
    return direct, between


def overhead(figures: Figures, folder: Path, proxy: Path | None) -> None:
    """Prints the figures."""
    count, rounds = (64, 1) if figures.quick else (256, 2)
    choice = made_up(PLAN, folder / "capped")
    with upstream() as paced:
        with gateway(choice, f"{paced.url}/v1", folder, "--stage", "100", "--same-model") as ours:
            used = ours.processor()
            direct, between = ways(paced.url, ours.url, "karui/full", count, rounds)
            used = 1e6 * (ours.processor() - used) / ((rounds * count + CLIENTS) * TOKENS)
            figures.shown("pass-through: processor time of the gateway a token", used, "µs", 0)
            for name, words in (("first", "first token"), ("end", "end")):
                for quantile, word, target in ((0.5, "median", 3), (0.99, "p99", 15)):
                    added = between.added(direct, name, quantile)
                    figures.at_most(f"pass-through: added to the {words}, {word}", added, target, "ms", 2)
            figures.at_least(
                "pass-through: throughput against direct", between.rate / direct.rate, 0.9, "×", 3
            )
            figures.at_most("pass-through: replies not whole", between.broken + direct.broken, 0, digits=0)
            busy = (direct.processor + between.processor) / (direct.seconds + between.seconds)
            figures.at_most("load generator: share of a core that it takes", 100 * busy, 50, "%", 0)
            _flat_out(figures, paced.url, ours.url, count)
            _planned(figures, ours, direct, count)
        if proxy is None:
            figures.note("LiteLLM's proxy: left out, `make litellm` was not run (or name one with --litellm)")
            return
        try:
            with litellm(proxy, paced.url, folder) as theirs:
                again, theirs_between = ways(paced.url, theirs, "paced", count, 1)
        except Died as failure:
            figures.note(f"LiteLLM's proxy: left out, it did not come up: {str(failure)[-300:]}")
            return
        _beside(figures, direct, between, again, theirs_between)


def _flat_out(figures: Figures, target: str, through: str, count: int) -> None:
    """Streams without pacing: what the gateway can move at most, which no target is about."""
    rates = []
    for url, model in ((target, "paced"), (through, "karui/full")):
        asked = requests(count, 0.0, model)
        found = load(url, asked, CLIENTS)
        rates.append(sum(r["tokens"] for r in found["results"]) / found["wall"])
    figures.shown("flat out, directly: tokens a second", rates[0], "/s", 0)
    figures.shown("flat out, through the gateway: tokens a second", rates[1], "/s", 0)


def _planned(figures: Figures, ours: Gateway, direct: Lateness, count: int) -> None:
    """The same requests as a plan runs them: read token by token, and told anew."""
    planned, asked, used = Lateness(), requests(count, GAP, "karui/plan"), ours.processor()
    planned.add(asked, load(ours.url, asked, CLIENTS))
    used = 1e6 * (ours.processor() - used) / (count * TOKENS)
    figures.shown(
        "under a plan: added to the first token, median", planned.added(direct, "first", 0.5), "ms", 2
    )
    figures.shown("under a plan: processor time of the gateway a token", used, "µs", 0)


def _beside(figures: Figures, direct: Lateness, between: Lateness, again: Lateness, theirs: Lateness) -> None:
    for quantile, word in ((0.5, "median"), (0.99, "p99")):
        added = theirs.added(again, "end", quantile)
        ours = between.added(direct, "end", quantile)
        figures.shown(f"LiteLLM's proxy: added to the end, {word}", added, "ms", 1)
        figures.shown(f"LiteLLM's proxy against the gateway: {word} added", added / max(ours, 0.01), "×", 1)
    figures.shown("LiteLLM's proxy: throughput against direct", theirs.rate / again.rate, "×", 3)
    if theirs.broken:
        figures.note(f"LiteLLM's proxy: {theirs.broken} replies were not whole")
