"""Which requests a server takes: completions, chat, parameters of its own, listings, streams."""

from dataclasses import replace
from typing import Any

from karui.core.errors import EngineError, RequestRejected
from karui.engines.openai.capabilities import Capabilities
from karui.engines.openai.parsing.spelling import matches
from karui.engines.openai.probe.client import ProbeClient, listing, messages_for
from karui.engines.openai.protocol.schema import read_replies
from karui.engines.openai.requests.request_builder import PATHS

LIMITS = ("max_tokens", "max_completion_tokens")
"""In this order: who does not know the first refuses it, who does not know the second generates on and on."""
_TOPS = (20, 5, 1)
_WHOLE = 12
"""Tokens of a reply that its tokens' texts are compared with."""
_NEUTRAL: dict[str, Any] = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
"""Where these are not given, servers fill them from the model's own settings, or their own."""
_RAW: dict[str, Any] = {
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
    "add_special_tokens": False,
}


async def find_ways(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Tries completions and chat, and what they call the limit.

    Raises:
        Refused: It offers neither.
        EngineError: It fails at the one it may have offered.
    """
    failure: EngineError | None = None
    found: dict[str, Any] = {}
    for way, body in (("completions", {"prompt": "Hello"}), ("chat", {"messages": messages_for("Hello")})):
        for limit in LIMITS:
            try:
                chunk = await asking.said(way, {**body, limit: 2})
            except EngineError as error:
                # A server may fail on what its own parser cannot read: the other way may be open yet.
                failure = asking.failed[way] = error
                asking.why[way] = error.why
                if isinstance(error, RequestRejected) and limit in error.why:
                    continue
                break
            if chunk.usage is not None and chunk.usage.completion > 2:
                asking.why[way] = f"it does not keep to {limit}"
                asking.failed.pop(way, None)
                continue
            asking.why.pop(way, None)
            asking.failed.pop(way, None)
            asking.limit = limit
            found |= {way: True, "limit": limit}
            break
    if not found and failure is not None and not isinstance(failure, RequestRejected):
        raise failure
    if not found:
        raise RequestRejected(
            f"{asking.client.url} neither completes nor chats.",
            why=failure.why if failure else "It does not keep to a limit of tokens.",
            remedy="Check the address: it usually ends in /v1.",
        )
    return replace(can, **found)


async def find_extras(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Tries which parameters beyond OpenAI's are taken; together first, one by one if that fails."""
    wanted = _NEUTRAL | {"return_token_ids": True} | (_RAW if can.raw else {})
    body = await asking.question(can) | {can.limit: 1}
    taken = dict(wanted)
    try:
        chunk = await asking.said(can.route, body | wanted)
    except RequestRejected:
        taken = {}
        for name, value in wanted.items():
            for tried in (value, -1) if name == "top_k" else (value,):
                try:
                    await asking.said(can.route, {**body, name: tried})
                except RequestRejected:
                    continue
                taken[name] = tried
                break
        chunk = await asking.said(can.route, body | taken)
    return replace(can, extras=taken, ids=bool(chunk.ids))


async def find_listings(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Tries how many of the likeliest tokens are listed."""
    found: dict[str, Any] = {}
    body = await asking.question(can) | {can.limit: 3}
    for top in _TOPS:
        try:
            chunk = await asking.said(can.route, body | listing(can, top))
        except RequestRejected as error:
            asking.why["logprobs"] = f"it lists no log-probabilities: {error.why}"
            continue
        most = max((len(t.top) for t in chunk.tokens), default=0)
        if most >= top:
            found["logprobs"] = top
            found["ids"] = can.ids or any(t.id is not None for t in chunk.tokens)
            asking.why.pop("logprobs", None)
            break
    return replace(can, **found)


async def find_streaming(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Tries how a stream counts its tokens."""
    body = await asking.question(can) | {can.limit: 12}
    bare = await _streaming(asking, can, body)
    if not can.logprobs:
        return replace(can, **bare, counting_bare=bare.get("counting", ""))
    asking.why.pop("counting", None)
    found = await _streaming(asking, can, body | listing(can, can.logprobs))
    return replace(can, **found, counting_bare=bare.get("counting", ""))


async def _streaming(asking: ProbeClient, can: Capabilities, body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for told in ({"include_usage": True, "continuous_usage_stats": True}, {"include_usage": True}, None):
        try:
            chunks = await asking.streamed(can.route, body | ({"stream_options": told} if told else {}))
        except RequestRejected as error:
            asking.why["counting"] = f"Streams are refused: {error.why}"
            continue
        asking.why.pop("counting", None)
        usages = [c.usage for c in chunks if c.usage is not None]
        completion = usages[-1].completion if usages else 0
        saying = [c for c in chunks if c.text or c.thinking]
        found["usage"] = bool(usages)
        # One usage for every event that says something, and they grow: not only that of the end.
        found["usage_all_along"] = len({u.completion for u in usages}) >= max(2, len(saying))
        if completion and sum(c.count for c in chunks) == completion:
            found["counting"] = "listed"
        elif found["usage_all_along"]:
            found["counting"] = "usage"
        elif completion and len(saying) in {completion, completion - 1}:
            found["counting"] = "chunks"
        else:
            asking.why["counting"] = "Events of a stream do not say how many tokens they hold."
        break
    return found


async def find_whole(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Tries whether one request takes two prompts, and tells every token of both replies by its number."""
    if not can.raw or asking.renderer is None:
        return can
    closing = asking.markers.close.strip()
    ids = await asking.renderer.tokenize(closing) if closing else ()
    can = replace(can, close_id=ids[0] if len(ids) == 1 else None)
    one = await asking.question(can)
    body = {"model": asking.model, **one, "prompt": [one["prompt"], one["prompt"]], can.limit: _WHOLE}
    try:
        chunks = read_replies(await asking.client.post(PATHS[can.route], body | {"temperature": 0.0}))
        asking.spent += 2 * (len(one["prompt"]) + _WHOLE)
        told = len(chunks) == 2 and all(len(c.ids) == _WHOLE for c in chunks)
        said = await asking.renderer.spelled(chunks[0].ids, chunks[0].text) if told else []
    except (EngineError, KeyError, TypeError, ValueError) as error:
        asking.why["whole"] = getattr(error, "why", "") or "it takes one prompt a request"
        return can
    if not told:
        asking.why["whole"] = "it takes one prompt a request, or does not tell tokens by their numbers"
    elif not matches(said, chunks[0].text):
        asking.why["whole"] = "what its tokens say does not add up to its text"
    return replace(can, whole="whole" not in asking.why)
