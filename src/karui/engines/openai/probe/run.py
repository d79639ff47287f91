"""The order in which a server is tried: each finding decides how the next question is put."""

from dataclasses import replace

from karui.core.errors import EngineError, RequestRejected
from karui.core.prompt import Prompt
from karui.engines.openai.capabilities import Capabilities, Thinking
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
    try:
        listed = await asking.client.get("models")
    except EngineError as error:
        if not (asking.model or isinstance(error, RequestRejected)):
            raise
        listed = None  # not every server lists them, and some fail at it
    models = served(listed.get("data") or ()) if isinstance(listed, dict) else {}
    asking.model = chosen(models, asking.model, asking.client.url)
    can = await find_ways(asking, Capabilities(asking.model, context=models.get(asking.model, 0)))
    if isinstance(listed, dict):
        can = replace(can, weights=weights_of(listed.get("data") or (), asking.model))
    can = replace(can, facts=await find_facts(asking.client))
    if asking.folder:
        asking.renderer = FolderRenderer(asking.folder, asking.override)
    else:
        asking.renderer = await ServerRenderer.find(asking.client, asking.model, asking.override)
    if asking.renderer is not None:
        asking.thinking = asking.renderer.thinking
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
