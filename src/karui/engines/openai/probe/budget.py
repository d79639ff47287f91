"""Whether a server's own thinking budget can be trusted.

Known bugs push the end marker into answers and tool-call arguments, let the model think again after its
end, or ignore the budget; some servers refuse it and say what would change that. Such a fault may show in
one chat of twenty-five only. So chats are asked one batch after the other until one is faulty, or until so
many were clean that a fault of a stated frequency would have been seen with a probability of 95%: (1 - rate)
** chats = 5%.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from karui.core.errors import EngineError, RequestRejected
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.engines.openai.capabilities import BudgetCheck, Capabilities
from karui.engines.openai.connection import Connection
from karui.engines.openai.probe.cancellation import frees
from karui.engines.openai.probe.client import QUESTION, ProbeClient, messages_for
from karui.engines.openai.requests.budgets import FIELDS, with_budget
from karui.engines.openai.streams.stream import HttpStream

FEW, MANY = 12, 75
"""Clean chats after which a budget is taken to work: when an engine connects, and for `karui probe`. They
find a fault in 22% of chats, and in 4%, with a probability of 95%."""
_MISSED = 0.05
_QUESTIONS = (
    QUESTION,
    "What is 17 * 23 - 45?",
    "Which is larger, 9.11 or 9.9? Check it twice.",
    "How many times does the letter r occur in strawberry?",
)
_AT_ONCE = 8
_SLACK = 4
"""Tokens past the budget that the forced end marker may take."""
_LINE = 96
"""Tokens past the budget that the rest of a line may take, where thinking ends at line breaks only."""
_OWN = 8
"""Characters that two ends of thinking have in common at least where the server has written them."""
_MOST = 400
_UNKNOWN = ("unrecognized", "unknown", "unexpected", "extra inputs", "not permitted", "additional properties")
"""Words of refusals that say no more than that the parameter does not exist."""
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


@dataclass(frozen=True)
class _Chat:
    """What came of one question.

    Attributes:
        trace: What the server made of it; None where it failed.
        leaks: What of thinking's markers got into the answer.
        failed: With what it failed, "" where it did not.
    """

    trace: Trace | None
    leaks: tuple[str, ...] = ()
    failed: str = ""


async def check_budget(asking: ProbeClient, parts: Connection, *, chats: int = FEW) -> None:
    """Tries a thinking budget and a cancelled stream, and puts what came of it into `parts`.

    Args:
        asking: The server.
        parts: What the engine's streams share.
        chats: How many chats in a row have to be clean.
    """
    can = parts.can
    budget = None
    if can.usage or (can.visible and can.counting):
        budget = await _find_budget(asking, parts, chats)
    else:
        asking.why["budget"] = "not tried: nothing counts the tokens of its thinking"
    _put(parts, replace(can, budget=budget))
    freed = await frees(asking, parts)
    # Why something could not be seen is found out up to the end.
    _put(parts, replace(parts.can, frees=freed, spent=asking.spent, why=dict(asking.why)))


def detects(chats: int) -> float:
    """Returns the share of faulty chats that so many clean ones rule out with a confidence of 95%."""
    return 1.0 - _MISSED ** (1 / chats) if chats else 1.0


def _put(parts: Connection, can: Capabilities) -> None:
    parts.can, parts.wording = can, replace(parts.wording, can=can)


async def _find_budget(asking: ProbeClient, parts: Connection, chats: int) -> BudgetCheck | None:
    whole = await asyncio.gather(*(_think(asking, parts, q, 0) for q in _QUESTIONS))
    if failed := next((chat.failed for chat in whole if chat.failed), ""):
        asking.why["budget"] = f"not tried: {failed}"
        return None
    lengths = [chat.trace.thinking_tokens for chat in whole if chat.trace is not None]
    length = max(lengths)
    if length < 24:
        asking.why["budget"] = f"not tried: it thinks for {length} tokens at most on the probe's questions"
        return None
    for field in FIELDS:
        if parts.can.raw and field.startswith("chat_template_kwargs"):
            continue  # the prompt is written without the server
        if (found := await _try_field(asking, parts, field, lengths, chats)) is not None:
            asking.why.pop("budget", None)
            return found
    return None


async def _try_field(
    asking: ProbeClient, parts: Connection, field: str, lengths: list[int], chats: int
) -> BudgetCheck | None:
    """Returns what came of one parameter; None where the server refuses or ignores it.

    Args:
        asking: The server.
        parts: What the engine's streams share.
        field: The parameter.
        lengths: Of the thinking about each of the probe's questions, without a budget.
        chats: How many chats in a row have to be clean.
    """
    longest = lengths.index(max(lengths))
    budget = lengths[longest] // 2
    _put(parts, replace(parts.can, budget=BudgetCheck(field, works=True, found="being tried")))
    try:
        chat = await _think(asking, parts, _QUESTIONS[longest], budget)
    except RequestRejected as error:
        if not any(word in error.why.casefold() for word in _UNKNOWN):
            asking.why.setdefault("budget", f"refused: {field}: {error.why}")
        return None
    if chat.trace is None:
        return BudgetCheck(field, works=False, found=f"{field}: {_fault(parts, chat, budget)}.")
    over = chat.trace.thinking_tokens - budget
    own = ""
    if over > _slack(parts.can, budget) and not chat.leaks:
        if over > _LINE or chat.trace.thinking_tokens + 8 >= lengths[longest]:
            return None  # taken and ignored, as most servers do with what they do not know
        other = (await _think(asking, parts, _QUESTIONS[longest - 1], max(8, budget // 2))).trace
        own = _own_text(chat.trace.thinking, other.thinking) if other is not None else ""
        if not own and not _to_a_line(chat.trace, over):
            return None
    return await _sequence(asking, parts, field, budget, chats, own)


def _slack(can: Capabilities, budget: int) -> int:
    """Returns the tokens past a budget that are not held against it; more where they are only estimated."""
    return _SLACK if can.counting else 8 + budget // 4


def _to_a_line(trace: Trace, over: int) -> bool:
    """Whether thinking went on to the end of a line, and no further."""
    return 0 < over <= _LINE and trace.thinking.endswith("\n")


def _own_text(one: str, other: str) -> str:
    """Returns what a server wrote itself before the end of both; "" where they end differently."""
    ends = zip(reversed(one.rstrip()), reversed(other.rstrip()), strict=False)
    same = len([*takewhile(lambda pair: pair[0] == pair[1], ends)])
    common = one.rstrip()[-same:].strip() if same else ""
    return common if len(common) >= _OWN else ""


async def _sequence(
    asking: ProbeClient, parts: Connection, field: str, budget: int, chats: int, own: str
) -> BudgetCheck:
    """Asks chat after chat, sampled and at several budgets, up to a faulty one or to enough clean ones."""
    cuts = [max(4, budget // 4), max(8, budget // 2), budget]
    clean = asked = most = 0
    lines = False
    while clean < chats and asked < 2 * chats + _AT_ONCE:
        batch = range(asked, asked + _AT_ONCE)
        wanted = [cuts[n // len(_QUESTIONS) % len(cuts)] for n in batch]
        seen = await asyncio.gather(
            *(
                _think(asking, parts, _QUESTIONS[n % len(_QUESTIONS)], cut, n)
                for n, cut in zip(batch, wanted, strict=True)
            )
        )
        for chat, cut in zip(seen, wanted, strict=True):
            asked += 1
            if chat.trace is None:
                return _faulty(parts, field, chat, cut, asked, clean)
            trace = chat.trace
            over = trace.thinking_tokens - cut
            further = over > _slack(parts.can, cut) and not chat.leaks
            if further and own and over <= _LINE and (same := _own_text(own, trace.thinking)):
                own = same  # what two have in common may have begun by chance
            elif further and _to_a_line(trace, over):
                lines = True
            elif _fault(parts, chat, cut):
                return _faulty(parts, field, chat, cut, asked, clean)
            # One that had thought enough by itself, or was cut before its end, shows nothing.
            clean += over >= -_SLACK and trace.end is End.FINISHED
            most = max(most, over)
    how = "at the end of the line that the budget falls into" if lines else "at the budget, wherever that is"
    how += f", adds {own!r}" if own else ""
    found = f"{field}: stops {how}, and leaves the answer clean in {clean} chats: " + _ruled_out(clean)
    found += await _check_tools(asking, parts, field, budget)
    works = "NOT" not in found and clean > 0
    return BudgetCheck(field, works, found, clean, detects(clean), most)


def _ruled_out(clean: int) -> str:
    return f"a fault in {detects(clean):.0%} of chats or more would have been seen, with 95% probability."


def _faulty(parts: Connection, field: str, chat: _Chat, budget: int, asked: int, clean: int) -> BudgetCheck:
    """Returns the finding that a chat was not as it should be."""
    found = f"{field}: in chat {asked} of those asked with a budget, {_fault(parts, chat, budget)}."
    return BudgetCheck(field, works=False, found=found, chats=clean, detects=detects(clean))


def _fault(parts: Connection, chat: _Chat, budget: int) -> str:
    """Returns what is wrong with a chat that had a budget; "" for nothing."""
    trace = chat.trace
    if trace is None:
        return f"with a budget of {budget} {chat.failed}"
    if chat.leaks:
        return chat.leaks[0].replace("a marker of thinking", parts.wording.markers.close or "a marker")
    if trace.thinking_tokens > budget + _slack(parts.can, budget):
        return f"with a budget of {budget} it thought for {trace.thinking_tokens} tokens"
    if not trace.text.strip() and trace.end is End.FINISHED and trace.thinking_tokens >= budget:
        return f"with a budget of {budget} no answer came"
    return ""


async def _check_tools(asking: ProbeClient, parts: Connection, field: str, budget: int) -> str:
    """Returns what came of a tool call under a budget, as the end of a sentence."""
    body = {
        "messages": messages_for(QUESTION),
        "tools": [_TOOL],
        "tool_choice": {"type": "function", "function": {"name": "answer"}},
        parts.can.limit: _MOST,
    }
    try:
        chunk = await asking.said("chat", with_budget(body, field, budget))
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
    asking: ProbeClient, parts: Connection, question: str, budget: int, sample: int = -1
) -> _Chat:
    """Lets a question be thought through (greedily without a sample).

    Raises:
        RequestRejected: The server will not do it.
        EngineError: There is no server any more. A status from 500 on is a finding, not an error: some
            servers fail on what a model writes after its thinking was cut.
    """
    sampling = Sampling(temperature=0.0 if sample < 0 else 1.0, max_tokens=_MOST + budget)
    stream = HttpStream(parts, Request(question, Prompt(question, budget=budget), sampling), sample, str)
    try:
        while not isinstance(step := await stream.advance(), Trace):
            pass
    except EngineError as error:
        if error.status < 500:
            raise
        return _Chat(None, failed=f"the server failed with status {error.status}: {error.why}")
    finally:
        stream.stop()
    asking.spent += step.usage.prompt + step.usage.generated
    return _Chat(step, stream.leaks)
