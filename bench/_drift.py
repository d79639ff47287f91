"""A model that went bad behind the gateway, and one that did not.

* Healthy: 10,000 requests through the gateway's own routes and desk, with an engine that plays recorded
  traces (generating them anew would take the better part of an hour on two cores). They are those of
  karui-mini's pilot recording, of other questions than the expectation was made from: 300 questions, 8
  traces each, so that each trace is played four or five times.
* Poisoned: karui-mini with noise on its weights, on vLLM under the name of the right one. Nothing but its
  answers says so. The fallback is a server of its own, so that replies show which of the two they came
  from.
"""

import asyncio
import random
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
from _choices import CHOSEN, MINI
from _figures import Figures
from _replayed import ReplayedEngine
from _savings import Asking
from _servers import gateway, load, upstream, vllm

from karui.core.question import Question
from karui.gateway.assemble import assemble
from karui.gateway.deployment import Deployment
from karui.gateway.rollout.guard_status import Phase
from karui.gateway.server.app import app
from karui.gateway.settings import Settings
from karui.recording.store import load as load_recording

HEALTHY, AT_ONCE = 10_000, 16
WITHIN = 200  # requests that a poisoned model may answer before traffic falls back
CLIENTS, SECONDS = 8, 120.0
NOISES = {0.4: True, 0.3: False}
"""Standard deviation of the noise, as a share of each matrix's own, and whether it has a target. By a trial
with 32 questions the first leaves a fifth of the answers right, the second nine in ten: how soon that is
found is only shown."""


def drift(figures: Figures, folder: Path, binary: Path | None) -> None:
    """Prints the figures."""
    asyncio.run(_healthy(figures))
    if binary is None or figures.quick:
        why = "with --quick" if figures.quick else "`make vllm` was not run (or name one with --vllm)"
        figures.note(f"a poisoned model on vLLM: left out, {why}")
        return
    for noise, judged in NOISES.items():
        _poisoned(figures, folder, binary, noise, judged=judged)


async def _healthy(figures: Figures) -> None:
    recording = load_recording(MINI / "pilot")
    count = 300 if figures.quick else HEALTHY
    prompts = [q.prompt.user for q in recording.questions]
    draw = random.Random(3)
    asked = [p for _ in range(-(-count // len(prompts))) for p in draw.sample(prompts, len(prompts))][:count]
    settings = Settings(stage="100", history="")
    served = assemble(settings, Deployment.load(CHOSEN), {"main": ReplayedEngine(recording)})
    forms = {"plan": 0, "full": 0, "failed": 0}
    trips: list[str] = []

    async def client(http: httpx.AsyncClient) -> None:
        while asked:
            body = {"model": "karui/plan", "messages": [{"role": "user", "content": asked.pop()}]}
            reply = await http.post("/v1/chat/completions", json=body)
            forms["failed" if reply.status_code != 200 else reply.headers["x-karui-ran"]] += 1
            state = served.rollout.guard.state
            if state.phase is not Phase.WATCHING and not trips:
                trips.append(f"after {sum(forms.values())} requests: {state.reason}")

    transport = httpx.ASGITransport(app(served))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        await asyncio.gather(*(client(http) for _ in range(AT_ONCE)))
    await served.close()
    for trip in trips:
        figures.note(f"the guard tripped {trip}")
    figures.shown("healthy, replayed: requests", sum(forms.values()), digits=0)
    figures.at_least("healthy, replayed: answered by the plan", forms["plan"], count, digits=0)
    figures.at_most("healthy, replayed: trips of the guard", len(trips), 0, digits=0)


def poison(folder: Path, noise: float) -> Path:
    """Writes karui-mini with noise on its matrices; returns its folder."""
    import torch
    from safetensors.torch import load_file, save_file

    made = folder / f"poisoned-{noise:g}"
    made.mkdir()
    for file in MINI.iterdir():
        if file.is_file() and file.suffix in {".json", ".jinja"}:
            shutil.copy(file, made)
    weights = load_file(MINI / "model.safetensors")
    draw = torch.Generator().manual_seed(11)
    for name, weight in weights.items():
        if weight.ndim == 2:
            spoilt = torch.randn(weight.shape, generator=draw) * weight.float().std() * noise
            weights[name] = (weight.float() + spoilt).to(weight.dtype)
    save_file(weights, made / "model.safetensors", {"format": "pt"})
    return made


def _poisoned(figures: Figures, folder: Path, binary: Path, noise: float, *, judged: bool) -> None:
    asking = Asking(0)
    left = asking.take(2 * WITHIN)
    again = left[:20]
    options = ("--stage", "100", "--fallback")
    with (
        upstream() as other,
        vllm(binary, poison(folder, noise), folder / f"vllm-{noise}.log") as target,
        gateway(
            CHOSEN / "choice.json",
            f"{target}/v1#karui-mini",
            folder,
            *options,
            f"{other.url}/v1#paced",
        ) as ours,
    ):
        name = f"poisoned by {noise:g}"
        seen: list[tuple[Question, dict[str, Any]]] = []
        deadline = time.monotonic() + SECONDS
        while left and time.monotonic() < deadline and not any(_fell(reply) for _, reply in seen):
            part, left = left[:24], left[24:]
            found = load(ours.url, asking.requests(part, "plan"), CLIENTS, seconds=SECONDS)
            seen += [(part[reply["number"]], reply) for reply in found["results"]]
        guard = ours.now()["guard"]
        by_plan = [(q, reply) for q, reply in seen if not _fell(reply)]
        right = [q.verifier.verify(q.reference, q.verifier.read(r["text"]) or "") for q, r in by_plan]
        figures.note(f"{name}: the guard is {guard['phase']}: {guard['reason'] or 'nothing found'}")
        figures.shown(f"{name}: right, while the plan answered", 100 * sum(right) / len(right), "%", 1)
        reached = len(by_plan) if len(by_plan) < len(seen) else float("inf")
        if not judged and reached == float("inf"):
            figures.note(f"{name}: nothing found in {len(seen)} requests")
            return
        if not judged:
            figures.shown(f"{name}: requests until traffic fell back", reached, digits=0)
            return
        figures.at_most(f"{name}: requests until traffic fell back", reached, WITHIN, digits=0)
        after = load(ours.url, asking.requests(again, "plan"), 4)["results"]
        fell = sum(_fell(r) and "word word" in r["text"] for r in after)
        figures.at_least(f"{name}: of 20 more, answered by the fallback", fell, 20, digits=0)


def _fell(reply: dict[str, Any]) -> bool:
    return reply["headers"].get("x-karui-fallback", "").startswith("guard tripped")
