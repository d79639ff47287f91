"""What the chosen plan saves live: karui-mini on vLLM on the CPU, behind the gateway, under load.

1, 8, 32 and 64 clients send questions of mini:confirm, on which the choice was not made; each
question is asked three times, with the same seed: of full thinking, of vLLM's own thinking budget at the
number where the best fixed cut loses 2 points (by replay), and of the plan. All go through the gateway; the
plan's trials are requests to vLLM like any other. Goodput is how many replies a second had ended within
`LIMIT` seconds. Tokens are everything generated, karui's own included. The whole is done with vLLM's prefix
cache and, with a third of the questions, without.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _choices import CHOSEN, MINI
from _figures import Figures, percent
from _servers import gateway, load, vllm

from karui import catalog, tasks
from karui.core.question import Question
from karui.measure.intervals import paired_difference
from karui.recording.store import load as load_recording
from karui.runners.replay import Replay
from karui.serving_profile import FILE, ServingProfile

LIMIT = 8.0
ASKED = {1: 5, 8: 24, 32: 96, 64: 64}  # questions by the number of clients
WAYS = ("full", "budget", "plan")
NAMES = {"full": "full thinking", "budget": "a plain budget", "plan": "the chosen plan"}
SEED = 20261125  # of the selection of questions; the choice was made with others


@dataclass
class Seen:
    """What one way came to: a value a question."""

    tokens: list[float]
    own: list[float]
    seconds: list[float]
    answered: list[float]
    right: list[float]
    wall: float
    by_plan: int
    failed: int

    @property
    def goodput(self) -> float:
        """Replies within the limit, a second."""
        return sum(s <= LIMIT for s in self.seconds) / self.wall


def fixed_cut() -> int:
    """Returns the smallest budget that loses at most 2 points on the shipped recording, by replay."""
    replay = Replay({"main": load_recording(MINI / "recording")})
    full = replay.outcomes(catalog.parse("token-cap:tokens=4000")).accuracy
    for tokens in range(100, 600, 20):
        found = replay.outcomes(catalog.parse(f"token-budget:tokens={tokens}")).accuracy
        if float((full - found).mean()) <= 0.02:
            return tokens
    raise AssertionError("no budget up to 600 tokens loses so little")


class Asking:
    """Makes the requests."""

    def __init__(self, budget: int) -> None:
        self.sampling = ServingProfile.load(CHOSEN / FILE).terms.sampling
        self.budget = budget
        self.task = tasks.load("mini:confirm", limit=400, seed=SEED)
        self.questions = list(self.task.questions)

    def take(self, count: int) -> list[Question]:
        """Returns questions that were not asked before, as long as there are some."""
        assert count <= len(self.questions), "no question is left that was not asked"
        taken, self.questions = self.questions[:count], self.questions[count:]
        return taken

    def requests(self, questions: list[Question], way: str) -> list[dict[str, Any]]:
        """Returns the requests of one way."""
        made = []
        for number, question in enumerate(questions):
            body = {
                "model": "karui/plan" if way == "plan" else "karui/full",
                "messages": self.task.prompt(question).messages(apart=True),
                "temperature": self.sampling.temperature,
                "top_p": self.sampling.top_p,
                "max_completion_tokens": self.sampling.max_tokens,
                "seed": number,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            if way == "budget":
                body["thinking_token_budget"] = self.budget
            made.append({"path": "/v1/chat/completions", "body": body})
        return made


def ask(url: str, asking: Asking, questions: list[Question], way: str, clients: int) -> Seen:
    """Asks every question one way."""
    found = load(url, asking.requests(questions, way), clients, seconds=240)
    seen = Seen([], [], [], [], [], found["wall"], 0, 0)
    for question, reply in zip(questions, found["results"], strict=False):
        usage = reply["usage"] or {}
        if reply["form"] != "stream" or not usage:
            seen.failed += 1
            continue
        extra = (usage.get("karui") or {}).get("extra_tokens", 0)
        seen.tokens.append(usage["completion_tokens"] + extra)
        seen.own.append(extra)
        seen.seconds.append(reply["seconds"])
        seen.answered.append(reply["answer"] or reply["seconds"])
        answer = question.verifier.read(reply["text"])
        seen.right.append(float(answer is not None and question.verifier.verify(question.reference, answer)))
        seen.by_plan += reply["headers"].get("x-karui-ran") == "plan"
    seen.failed += len(questions) - len(found["results"])
    return seen


def savings(figures: Figures, folder: Path, binary: Path | None) -> None:
    """Prints the figures."""
    if binary is None or figures.quick:
        why = "with --quick" if figures.quick else "`make vllm` was not run (or name one with --vllm)"
        figures.note(f"savings on vLLM: left out, {why}")
        return
    budget = fixed_cut()
    asking = Asking(budget)
    figures.note(
        f"goodput: replies within {LIMIT:g} s; the plain budget is {budget} tokens; vLLM on the CPU, float32"
    )
    every: dict[str, list[Seen]] = {way: [] for way in WAYS}
    for cache in (True, False):
        with (
            vllm(binary, MINI, folder / f"vllm-{cache}.log", cache=cache) as target,
            gateway(CHOSEN / "choice.json", f"{target}/v1#karui-mini", folder, "--stage", "100") as ours,
        ):
            ask(ours.url, asking, asking.take(8), "plan", 8)  # warms up
            for clients, count in ASKED.items():
                questions = asking.take(count if cache else max(4, count // 3))
                seen = {way: ask(ours.url, asking, questions, way, clients) for way in WAYS}
                _level(figures, cache, clients, seen)
                for way in WAYS:
                    every[way].append(seen[way])
    _accuracy(figures, every)


def _level(figures: Figures, cache: bool, clients: int, seen: dict[str, Seen]) -> None:
    where = f"{clients} clients, {'' if cache else 'no '}cache"
    if not all(seen[way].seconds for way in WAYS):
        figures.note(f"{where}: nothing to compare, one way had no reply at all")
        return
    for way in WAYS:
        figures.shown(f"{where}: {NAMES[way]}, goodput", seen[way].goodput, "/s", 2)
        figures.shown(
            f"{where}: {NAMES[way]}, p95 to the end", float(np.quantile(seen[way].seconds, 0.95)), "s", 2
        )
        first = float(np.quantile(seen[way].answered, 0.95))
        figures.shown(f"{where}: {NAMES[way]}, p95 to the first answer token", first, "s", 2)
    full, plan = seen["full"], seen["plan"]
    own = float(np.mean(plan.own))
    figures.shown(f"{where}: the plan's trials, and what ran past a cut, a request", own, "tokens", 1)
    tokens = float(np.mean(plan.tokens) / np.mean(full.tokens))
    latency = float(np.median(plan.seconds) / np.median(full.seconds))
    if clients == 32 and cache:
        figures.at_most(f"{where}: the plan's tokens against full", tokens, 0.6, "×", 3)
        figures.at_most(f"{where}: the plan's median latency against full", latency, 0.6, "×", 3)
    else:
        figures.shown(f"{where}: the plan's tokens against full", tokens, "×", 3)
        figures.shown(f"{where}: the plan's median latency against full", latency, "×", 3)


def _accuracy(figures: Figures, every: dict[str, list[Seen]]) -> None:
    failed = sum(s.failed for way in WAYS for s in every[way])
    figures.at_most("savings: requests that failed", failed, 0, digits=0)
    if failed:
        figures.note("accuracy: not compared, for some requests failed and questions cannot be paired")
        return
    right = {way: np.array([r for s in every[way] for r in s.right]) for way in WAYS}
    asked = len(right["plan"])
    by_plan = sum(s.by_plan for s in every["plan"])
    figures.at_least("share of the plan's requests that the plan answered", 100 * by_plan / asked, 99, "%", 1)
    for way in WAYS:
        figures.shown(f"accuracy, {NAMES[way]}", 100 * float(right[way].mean()), "%", 1)
    loss = percent(paired_difference(right["plan"], right["full"]))
    figures.shown(f"the plan's loss of accuracy, {asked} questions", loss, "points", 2)
    figures.at_most("the plan's loss of accuracy (estimate)", loss.value, 2.0, "points", 2)
