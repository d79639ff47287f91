"""Whether a server's own thinking budget can be trusted, and whether a closed stream frees it.

Known bugs push the end marker into answers and tool-call arguments, let the model think again after its
end, or ignore the budget. A budget is used only where none of that was seen.
"""

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

from karui.core.ask import Ask, Prompt, Sampling
from karui.core.errors import EngineError, Refused
from karui.core.trace import Trace
from karui.engines.openai_http.capabilities import BudgetCheck, Capabilities
from karui.engines.openai_http.parts import Parts
from karui.engines.openai_http.probe.asking import QUESTION, Asking, messages_for
from karui.engines.openai_http.requests import Wording
from karui.engines.openai_http.stream import HttpStream

FIELDS = ("thinking_token_budget", "thinking_budget_tokens", "thinking_budget", "reasoning_budget")
"""What servers call it: vLLM the first, llama.cpp the second; the others are seen at hosted ones."""
_QUESTIONS = (
    QUESTION,
    "What is 17 * 23 - 45?",
    "Which is larger, 9.11 or 9.9? Check it twice.",
    "How many times does the letter r occur in strawberry?",
)
_SLACK = 4
"""Tokens past the budget that the forced end marker may take."""
_MOST = 400
_RUNNING = re.compile(
    r"^\w+:(?:num_requests_running|num_running_reqs|requests_processing)(?:\{[^}\n]*\})?\s+([0-9.e+]+)$",
    re.MULTILINE,
)
"""The counts of vLLM, of SGLang and of llama.cpp."""
_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "answer",
        "description": "Gives the answer.",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "integer"}},
            "required": ["number"],
        },
    },
}


async def check_budget(asking: Asking, parts: Parts) -> None:
    """Tries a thinking budget and a cancelled stream, and puts what came of it into `parts`."""
    can = parts.can
    budget = None
    if can.visible and can.counting:
        budget = await _find_budget(asking, parts)
    else:
        asking.why["budget"] = "not tried: the tokens of its thinking cannot be counted as they come"
    _put(parts, replace(can, budget=budget))
    frees = await _frees(asking, parts)
    # Why something could not be seen is found out up to the end.
    _put(parts, replace(parts.can, frees=frees, spent=asking.spent, why=dict(asking.why)))


def _put(parts: Parts, can: Capabilities) -> None:
    wording = parts.wording
    parts.can = can
    parts.wording = Wording(can, wording.thinking, wording.renderer)


async def _find_budget(asking: Asking, parts: Parts) -> BudgetCheck | None:
    whole = await asyncio.gather(*(_think(asking, parts, q, 0) for q in _QUESTIONS))
    lengths = [trace.thinking_tokens for trace, _ in whole]
    length = max(lengths)
    longest = lengths.index(length)
    if length < 24:
        return None
    budget = length // 2
    bare = parts.can
    for field in FIELDS:
        _put(parts, replace(bare, budget=BudgetCheck(field, works=True, found="being tried")))
        try:
            cut = await _think(asking, parts, _QUESTIONS[longest], budget)
        except Refused:
            continue
        if cut[0].thinking_tokens > budget + _SLACK:
            continue  # taken and ignored, as most servers do with what they do not know
        fault = _fault(parts, cut, budget) or await _check_more(asking, parts, budget)
        found = fault or f"{field}: stops at the budget, and leaves the answer clean."
        if not fault:
            found += await _check_tools(asking, parts, field, budget)
        return BudgetCheck(field, works="NOT" not in found and not fault, found=found)
    return None


async def _check_more(asking: Asking, parts: Parts, budget: int) -> str:
    """Returns the first fault of some more traces, sampled ones among them; "" for none."""
    cuts = [max(4, budget // 4), max(8, budget // 2), budget]
    traces = await asyncio.gather(
        *(_think(asking, parts, q, cut, sample) for sample, q in enumerate(_QUESTIONS) for cut in cuts)
    )
    wanted = [cut for _ in _QUESTIONS for cut in cuts]
    return next((f for t, cut in zip(traces, wanted, strict=True) if (f := _fault(parts, t, cut))), "")


def _fault(parts: Parts, seen: tuple[Trace, tuple[str, ...]], budget: int) -> str:
    """Returns what is wrong with a trace that had a budget, and perhaps thought again; "" for nothing."""
    trace, leaks = seen
    markers = parts.wording.markers
    field = parts.can.budget.field if parts.can.budget else ""
    if trace.thinking_tokens > budget + _SLACK:
        return f"{field}: with a budget of {budget} it thought for {trace.thinking_tokens} tokens."
    if leaks:
        said = leaks[0].replace("a marker of thinking", markers.close or "a marker")
        return f"{field}: {said}."
    if not trace.text.strip() and trace.thinking_tokens >= budget:
        return f"{field}: with a budget of {budget} no answer came."
    return ""


async def _check_tools(asking: Asking, parts: Parts, field: str, budget: int) -> str:
    """Returns what came of a tool call under a budget, as the end of a sentence."""
    body = {
        "messages": messages_for(QUESTION),
        "tools": [_TOOL],
        "tool_choice": {"type": "function", "function": {"name": "answer"}},
        parts.can.limit: _MOST,
        field: budget,
    }
    try:
        chunk = await asking.said("chat", body)
    except EngineError:
        return " Tool calls are not offered here, so they were not checked."
    if not chunk.tool_calls:
        return " No tool call came, so those were not checked."
    try:
        json.loads(chunk.tool_calls)
    except ValueError:
        return f" But it does NOT leave tool calls clean: {chunk.tool_calls[:80]!r}."
    close = parts.wording.markers.close
    if close and close in chunk.tool_calls:
        return f" But it does NOT leave tool calls clean: {chunk.tool_calls[:80]!r}."
    return " Tool calls stay clean."


async def _think(
    asking: Asking, parts: Parts, question: str, budget: int, sample: int = -1
) -> tuple[Trace, tuple[str, ...]]:
    """Lets a question be thought through (greedily without a sample); returns whether it thought again."""
    sampling = Sampling(temperature=0.0 if sample < 0 else 1.0, max_tokens=_MOST)
    stream = HttpStream(parts, Ask(question, Prompt(question, budget=budget), sampling), sample, str)
    try:
        while not isinstance(step := await stream.advance(), Trace):
            pass
    finally:
        stream.stop()
    asking.spent += step.bill.prompt + step.bill.generated
    return step, stream.leaks


async def _frees(asking: Asking, parts: Parts) -> bool | None:
    """Returns whether closing a stream ends it on the server, by its count of running requests."""
    metrics = f"{asking.client.root}/metrics"

    async def running() -> float | None:
        try:
            found = _RUNNING.findall(str(await asking.client.get(metrics)))
        except EngineError:
            return None
        return sum(map(float, found)) if found else None

    idle = await running()
    if idle is None:
        asking.why["frees"] = "it has no count of running requests"
        return None
    prompt = Prompt(f"{QUESTION} Explain it at length, and check every step several times.")
    # Above the temperature at which it would soon come to an end by itself.
    streams = [
        HttpStream(parts, Ask(f"{n}", prompt, Sampling(2.0, max_tokens=100_000)), n, str) for n in range(4)
    ]
    try:
        await asyncio.gather(*(s.advance() for s in streams))
        busy = await running()
    finally:
        for stream in streams:
            asking.spent += stream.stop()
    if busy is None or busy <= idle:
        asking.why["frees"] = "the streams were over before it could be seen"
        return None
    for wait in (0.1, 0.2, 0.5, 1.0, 2.0):
        await asyncio.sleep(wait)
        now = await running()
        if now is not None and now <= idle:
            return True
    return False
