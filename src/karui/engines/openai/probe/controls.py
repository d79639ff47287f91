"""What a server can be made to do: go on with a partial answer, leave thinking out, think longer."""

from dataclasses import replace
from typing import Any

from karui.core.errors import EngineError, RequestRejected
from karui.engines.chat.format import Switch
from karui.engines.openai.capabilities import Capabilities
from karui.engines.openai.probe.client import QUESTION, ProbeClient, listing, messages_for
from karui.engines.openai.protocol.schema import Chunk
from karui.engines.openai.requests.request_builder import CONTINUE

OFF: tuple[dict[str, Any], ...] = (
    {"enable_thinking": False},
    {"thinking": False},
    {"thinking_mode": "disabled"},
)
"""What leaves the thinking out in the chat templates of released models."""
_USUAL_LEVELS = ("low", "medium", "high")
"""Levels of OpenAI's API that most models with levels know."""
_DRAWN, _EFFORT = 24, 256
"""Tokens generated to see where a continued answer comes, and whether an effort makes a difference."""


async def find_prefill(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Tries whether chat goes on with a partial answer, by the length of the prompt it makes of one.

    A server that goes on shows its model exactly the tokens of the answer more. One that does not closes the
    turn and opens another, which takes some tokens; one whose template drops the thinking of earlier turns
    shows fewer, however long it is.
    """
    if not can.chat:
        return can
    words, thought = " so it is", f"{asking.markers.open}\n"
    try:
        bare = await asking.prompt_length(QUESTION)
        lengths = [await asking.prompt_length(QUESTION, thought + words * n) for n in (8, 16, 24)]
    except RequestRejected as error:
        asking.why["prefill"] = f"a partial answer is refused: {error.why}"
        return can
    if not bare:
        asking.why["prefill"] = "it does not count the tokens of a prompt"
        return can
    added = lengths[1] - lengths[0]
    if added <= 0 or lengths[2] - lengths[1] != added:
        asking.why["prefill"] = "the thinking of a partial answer does not reach the model"
        return can
    # Eight times the words add as much as eight more do; what is left are the marker and a line break.
    left = lengths[0] - added - bare
    if left > await _length(asking, thought):
        asking.why["prefill"] = "it closes a partial answer and begins another"
        return can
    return replace(can, prefill=True)


async def _length(asking: ProbeClient, text: str) -> int:
    """Returns how many tokens a text takes; at most, where nothing can tell."""
    if asking.renderer is not None:
        return len(await asking.renderer.tokenize(text))
    return 2


async def find_switch(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Finds what leaves the thinking out: the template's own way, or closing it at once.

    Where no template can be rendered, the usual arguments are tried: one that the template knows changes the
    length of the prompt.
    """
    if asking.renderer is None:
        usual = await asking.prompt_length(QUESTION)
        for arguments in OFF:
            try:
                length = await asking.prompt_length(QUESTION, chat_template_kwargs=arguments)
            except RequestRejected:
                continue
            if length != usual:
                asking.thinking = replace(asking.thinking, off=Switch(arguments))
                break
    off = asking.thinking.off
    closed = not asking.markers.plain and (can.raw or can.prefill)
    return replace(can, switch=str(off) if off is not None else "prefill" if closed else "")


async def find_effort(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Finds whether a low and a high effort differ in what the model is shown, or in what it does.

    That a server takes the word proves nothing. It has to answer the same twice at one level, and something
    else at the other; where thinking is hidden and cannot be repeated, the high level has to think longer
    than both tries at the low one.
    """
    if can.raw:
        if not asking.thinking.efforts:
            asking.why["effort"] = "the chat template does not know it"
        return replace(can, effort=bool(asking.thinking.efforts))
    seen, refused = await _try_levels(asking, can)
    can = replace(can, efforts_refused=refused)
    if not seen:
        said = "; ".join(f"{level}: {why}" for level, why in refused.items())
        asking.why["effort"] = f"refused: {said}" if said else "there is one level only"
        return can
    return replace(can, effort=_differ(asking, can, seen))


def _differ(asking: ProbeClient, can: Capabilities, seen: tuple[Chunk, ...]) -> bool:
    """Returns whether two replies at the lowest level and one at the highest show that the level counts."""
    low, _, high = seen
    said = [(c.thinking, c.text) for c in seen]
    counted = [c.usage.thinking or 0 if c.usage else 0 for c in seen]
    shown = bool(low.usage and high.usage and low.usage.prompt != high.usage.prompt)
    if not can.visible and not shown and counted[2] > max(counted[:2]):
        asking.why["effort"] = f"{max(counted[:2])} tokens of thinking at low, {counted[2]} at high"
        return True
    if shown or (said[0] == said[1] and said[0] != said[2]):
        return True
    asking.why["effort"] = "taken, and changes nothing"
    return False


async def _try_levels(asking: ProbeClient, can: Capabilities) -> tuple[tuple[Chunk, ...], dict[str, str]]:
    """Returns replies at the lowest level, there again and at the highest, and why levels were refused.

    A template may raise at one level and take the others: that one is not offered.
    """
    most = asking.within(can, _EFFORT)
    found: dict[str, Chunk] = {}
    refused: dict[str, str] = {}
    for level in list(asking.thinking.efforts) or list(_USUAL_LEVELS):
        try:
            found[level] = await _at(asking, can, level, most)
        except EngineError as error:
            refused[level] = error.why
    if refused and not asking.thinking.efforts:
        taken = {level: {"reasoning_effort": level} for level in found}
        asking.thinking = replace(asking.thinking, efforts=taken)
    if len(found) < 2:
        return (), refused
    least, *_, greatest = found
    return (found[least], await _at(asking, can, least, most), found[greatest]), refused


async def _at(asking: ProbeClient, can: Capabilities, level: str, most: int) -> Chunk:
    body = asking.chat(QUESTION) | {"reasoning_effort": level, can.limit: most, "temperature": 0.0}
    return await asking.lenient("chat", body, {"temperature"})


async def find_continued(asking: ProbeClient, can: Capabilities) -> str:
    """Returns where the answer comes that continues a message whose thinking is closed; "" where not tried.

    A parser that never sees the end of thinking takes all for thinking: vLLM 0.26 does so, but not in
    streams.
    """
    if not (can.chat and can.prefill) or asking.markers.plain or not can.thinking_field:
        return ""
    words = f"{asking.markers.open}\nIt is 15.\n{asking.markers.close}\n\nThe farmer has"
    messages = [*messages_for(QUESTION), {"role": "assistant", "content": words}]
    body = {"messages": messages, can.limit: _DRAWN, "temperature": 0.0, **CONTINUE}
    try:
        whole = _place(await asking.said("chat", body))
        streamed = await asking.streamed("chat", body)
        parts = tuple(p for c in streamed for p in c.parts)
        came = _place(Chunk(field=next((c.field for c in streamed if c.field), ""), parts=parts))
        found = f"in {whole}" if whole == came else f"in {whole}; streamed, in {came}"
        if whole != "content":
            bare = _place(await asking.said("chat", {**body, "include_reasoning": False}))
            found += "; lost with include_reasoning=false" if bare == "nothing" else ""
    except RequestRejected as error:
        return f"refused: {error.why}"
    return found


def _place(chunk: Chunk) -> str:
    """Returns the field that a reply's text is in."""
    if any(not apart and said.strip() for said, apart in chunk.parts):
        return "content"
    return chunk.field or "nothing"


async def find_temperature(asking: ProbeClient, can: Capabilities) -> bool | None:
    """Returns whether log-probabilities are those before temperature, by asking at two of them."""
    if can.logprobs < 2:
        return None
    spread = []
    body = await asking.question(can) | listing(can, can.logprobs) | {can.limit: 1}
    for temperature in (1.0, 0.25):
        try:
            chunk = await asking.said(can.route, body | {"temperature": temperature})
        except RequestRejected:
            return None
        if not chunk.tokens or len(chunk.tokens[0].top) < 2:
            return None
        top = chunk.tokens[0].top
        spread.append(top[0] - top[1])
    # At a quarter of the temperature the distance between two log-probabilities is four times as large.
    return abs(spread[1] - spread[0]) < abs(spread[1] - 4 * spread[0])
