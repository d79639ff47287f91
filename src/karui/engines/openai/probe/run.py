"""The order in which a server is tried: each finding decides how the next question is put."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from karui.core.errors import EngineError, RequestRejected
from karui.core.prompt import Prompt
from karui.engines.openai.capabilities import Capabilities, Findings, Thinking
from karui.engines.openai.probe.cache import find_cache
from karui.engines.openai.probe.client import QUESTION, ProbeClient
from karui.engines.openai.probe.controls import (
    find_continued,
    find_effort,
    find_prefill,
    find_switch,
    find_temperature,
)
from karui.engines.openai.probe.endpoints import (
    find_extras,
    find_listings,
    find_streaming,
    find_ways,
    find_whole,
)
from karui.engines.openai.probe.facts import find_facts
from karui.engines.openai.probe.models import chosen, served, weights_of
from karui.engines.openai.probe.seeds import find_seeds
from karui.engines.openai.probe.thinking import find_thinking
from karui.engines.openai.requests.render import FolderRenderer, ServerRenderer

_MISSING = frozenset({404, 405, 501})
"""Statuses of what a server does not have."""


async def find_capabilities(asking: ProbeClient, *, route: str = "") -> Capabilities:
    """Tries everything but a server's own thinking budget.

    Args:
        asking: The server; what renders prompts and the markers are put into it.
        route: "completions" or "chat" instead of what is found best.

    Raises:
        ModelError: It does not serve the model.
        EngineError: There is no server, or it can neither complete nor chat.
    """
    listed = await _listed(asking)
    can = await find_ways(asking, Capabilities(asking.model, context=served(listed).get(asking.model, 0)))
    weights, facts = weights_of(listed, asking.model), await find_facts(asking.client)
    can = replace(can, weights=weights, facts=facts)
    await _find_renderer(asking)
    can = replace(can, template=asking.renderer.source if asking.renderer else "")
    can = await find_thinking(asking, can)
    can = await find_prefill(asking, can)
    can = await _choose_route(asking, can, route)
    can = await find_extras(asking, can)
    can = await find_listings(asking, can)
    can = await find_streaming(asking, can)
    can = await find_whole(asking, can)
    can = await find_switch(asking, can)
    can = await find_effort(asking, can)
    can = await find_seeds(asking, can)
    can = replace(can, continued=await find_continued(asking, can))
    can = replace(can, before_temperature=await find_temperature(asking, can))
    cache, block = await find_cache(asking, can)
    asking.identity = await _identity(asking, can, listed, facts)
    return replace(
        can,
        cache=cache,
        cache_block=block,
        fingerprint=asking.fingerprint,
        told_budget=asking.thinking.budget,
        inferred=asking.inferred,
        spent=asking.spent,
        why=dict(asking.why),
    )


async def recalled(asking: ProbeClient, found: Findings) -> Capabilities | None:
    """Returns what was found of a server before; None where it is no longer the same one.

    Args:
        asking: The server; what renders prompts and the markers are put into it.
        found: What was found.

    Raises:
        ModelError: It does not serve the model.
        EngineError: There is no server.
    """
    can = found.can
    asking.limit, asking.why, asking.spent = can.limit, dict(can.why), can.spent
    listed = await _listed(asking)
    if asking.model != can.model:
        return None
    await _find_renderer(asking)
    if (asking.renderer.source if asking.renderer else "") != can.template:
        return None
    asking.thinking = found.thinking
    facts = await find_facts(asking.client)
    try:
        return can if await _identity(asking, can, listed, facts) == found.identity else None
    except RequestRejected:
        return None  # it does no longer what it was found to do


async def _identity(
    asking: ProbeClient, can: Capabilities, listed: Sequence[Any], facts: Mapping[str, str]
) -> str:
    """Returns by what a server is known again, as `Findings` has it."""
    told = await asking.said(can.route, await asking.question(can) | {can.limit: 1})
    length = told.usage.prompt if told.usage else 0
    context, weights = served(listed).get(can.model, 0), weights_of(listed, can.model)
    return json.dumps([can.model, context, weights, told.fingerprint, length, facts])


async def _listed(asking: ProbeClient) -> Sequence[Any]:
    """Returns the server's list of models, empty where it has none, and takes the one that is meant."""
    try:
        listed = await asking.client.get("models")
    except EngineError as error:
        if not (asking.model or isinstance(error, RequestRejected)):
            raise
        listed = None  # not every server lists them, and some fail at it
    told = listed.get("data") if isinstance(listed, dict) else None
    entries = told if isinstance(told, list) else []
    asking.model = chosen(served(entries), asking.model, asking.client.url)
    return entries


async def _find_renderer(asking: ProbeClient) -> None:
    """Finds what renders prompts, and how the model thinks by its template."""
    if asking.folder:
        asking.renderer = FolderRenderer(asking.folder, asking.override)
    else:
        asking.renderer = await ServerRenderer.find(asking.client, asking.model, asking.override)
    if asking.renderer is not None:
        asking.thinking = asking.renderer.thinking


def _no_chat(asking: ProbeClient) -> str:
    """Returns a sentence that says whether chat is missing, or there and fails."""
    failure = asking.failed.get("chat")
    if failure is not None and failure.status in _MISSING:
        return "The server has no chat endpoint."
    if failure is not None and failure.status:
        return f"The server's chat endpoint failed with status {failure.status}."
    return "The server's chat endpoint does not work."


async def _choose_route(asking: ProbeClient, can: Capabilities, route: str) -> Capabilities:
    """Decides between raw completions and chat, and checks that both show the model the same."""
    agrees = None
    writable = can.completions and asking.renderer is not None
    if can.completions and can.chat and asking.renderer is not None:
        shown = await asking.renderer.render(Prompt(QUESTION))
        usual = await asking.prompt_length(QUESTION)
        agrees = usual == len(shown.ids) if usual else None
    if route == "completions" and not writable:
        raise RequestRejected(
            "Prompts cannot be written raw here.",
            why=asking.why.get("completions") or "There is no chat template to render them with.",
            remedy="Name the folder of the model's tokenizer, or go through chat.",
        )
    if route == "chat" and not can.chat:
        remedy = "Do not set `route`, or set `route=completions`."
        if not writable:
            remedy = "Name the folder of the model's tokenizer, and do not set `route`."
        raise RequestRejected(_no_chat(asking), why=asking.why.get("chat", ""), remedy=remedy)
    found = route or ("completions" if writable and (agrees is not False or not can.chat) else "chat")
    if not route and found == "chat" and can.completions:
        asking.why["route"] = (
            "karui's rendering of the chat template is not the server's"
            if writable
            else "no chat template is known; name the folder of the model's tokenizer"
        )
    if found == "chat" and not can.chat:
        raise RequestRejected(
            f"{_no_chat(asking)} To complete raw text, karui needs the chat template, which is not known.",
            why=asking.why.get("chat", ""),
            remedy="Name the folder of the model's tokenizer.",
        )
    thinking = can.thinking
    if found == "completions":
        thinking = Thinking.PLAIN if asking.markers.plain else Thinking.INLINE
    return replace(can, route=found, agrees=agrees, thinking=thinking)
