"""What karui finds in a template, held against the table and against what the servers' parsers say."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from _families import DOES, Family
from _packages import Peers, Source

from karui.core.errors import KaruiError, ModelError
from karui.core.prompt import Prompt
from karui.engines.chat.discovery import Known, discover
from karui.engines.chat.discovery.tags import tags
from karui.engines.chat.discovery.words import hear
from karui.engines.chat.format import Raised, Rendering, ThinkingFormat
from karui.engines.chat.markers import Start
from karui.engines.chat.template import arguments_of, begin, drive, messages_of

QUESTION = "What is 6 times 7?"
THOUGHT, ANSWER = "Six sevens are forty-two.", "It is 42."
TRICKY = ("n", " ", "<think>", "a</think>b", "Write <think>x</think> and stop.", "…\n\n</think>\n\n")
"""Questions that hold what prompts end with, or hardly anything."""


@dataclass
class Looked:
    """What was found in one template.

    Attributes:
        key: The template's.
        family: What it should be; None for a model that does not think.
        found: How it thinks, as karui found; None where it was refused.
        refused: Why.
        renderings: How many prompts that took.
        wrong: What differs from the table, in words.
        peers: What parsers say: theirs, and whether that agrees.
    """

    key: str
    family: Family | None
    found: ThinkingFormat | None = None
    refused: str = ""
    renderings: int = 0
    wrong: list[str] = field(default_factory=list)
    peers: dict[str, Any] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether a model that thinks would not do so, without a word."""
        if self.family is None or self.found is None:
            return False
        return self.found.markers.plain or self.found.start is Start.ANSWERING


def look(source: Source, family: Family | None, *, table: bool = True, text: bool = True) -> Looked:
    """Finds out how a model thinks, and compares.

    Args:
        source: Its template.
        family: What it should be.
        table: Whether known pairs may be used.
        text: Whether the template's source may be read; servers often do not show it.
    """
    looked = Looked(source.key, family)

    def render(wanted: Rendering) -> str | Raised:
        looked.renderings += 1
        return source.render(wanted)

    known = Known(source.text if text else "", table=table)
    try:
        found = drive(discover(known), render)
    except KaruiError as error:
        looked.refused = error.why
        return looked
    if family is not None and family.words and found.markers.plain:
        found = hear(found, family.words.format(THOUGHT, ANSWER), table=table)
    looked.found = found
    looked.wrong = list(_differences(source, found, family))
    return looked


def _differences(source: Source, found: ThinkingFormat, family: Family | None) -> Iterator[str]:
    markers = found.markers
    if family is None:
        if not markers.plain:
            yield f"taken for a thinking model ({markers.open} … {markers.close})"
        return
    if markers.plain:
        yield "taken for a model without thinking"
        return
    off = "nothing known" if found.off is None else str(found.off)
    for what, has, should in (
        ("open", markers.open, family.open),
        ("close", markers.close, family.close),
        ("answer", markers.answer, family.answer),
        ("by itself", found.by_default, DOES[family.does]),
        ("efforts", tuple(found.efforts), family.efforts),
        ("budget", found.budget, family.budget),
        ("earlier thinking kept", bool(found.history), family.history),
    ):
        if has != should:
            yield f"{what}: {has!r}, should be {should!r}"
    if str(found.on) not in family.on.split(" | "):
        yield f"on: {found.on}, should be {family.on}"
    if off not in family.off.split(" | "):
        yield f"off: {off}, should be {family.off}"
    yield from _prompts(source, found, family)


def _shown(source: Source, found: ThinkingFormat, prompt: Prompt) -> tuple[str, Start]:
    """Returns what a model is shown, as an engine shows it."""
    wanted = Rendering(messages_of(prompt, found), arguments_of(prompt, found))
    text = source.render(wanted)
    if isinstance(text, Raised):
        raise ModelError("The template raises.", why=text.why)
    return begin(text, prompt, found)


def _prompts(source: Source, found: ThinkingFormat, family: Family) -> Iterator[str]:
    """Looks at real prompts: what stands in them where thinking is off, and whatever the question says."""
    quiet, start = _shown(source, found, Prompt(QUESTION, thinking=False))
    behind = quiet.rpartition(QUESTION)[2]
    if start is not Start.ANSWERING or not quiet.endswith(family.empty):
        yield f"without thinking the prompt ends {quiet[-60:]!r}, should end {family.empty!r}"
    if behind.count(family.close) > max(1, behind.removesuffix(family.empty).count(family.close)):
        yield f"without thinking it is closed twice: {behind!r}"
    _, thinks = _shown(source, found, Prompt(QUESTION))
    for question in TRICKY:
        for thinking in (True, False):
            _, start = _shown(source, found, Prompt(question, thinking=thinking))
            if thinking and start is not thinks:
                yield f"the question {question!r} turns {thinks.name} into {start.name}"
            if not thinking and start is not Start.ANSWERING:
                yield f"the question {question!r} leaves it {start.name} without thinking"


def ask_peers(looked: Looked, source: Source, peers: Peers) -> None:
    """Lets the servers' parsers take a reply apart that is put together from what karui found."""
    found, family = looked.found, looked.family
    if found is None or family is None or found.markers.plain:
        return
    markers = found.markers
    opened = found.start is Start.THINKING
    space = markers.bridge[: len(markers.bridge) - len(markers.bridge.lstrip())]
    reply = "" if opened else markers.open + (space or _space(markers.empty, markers.open))
    reply += THOUGHT + markers.bridge + ANSWER + markers.answer_close
    whole = markers.open + markers.close + markers.bridge
    asked = {"reply": reply, "tokens": [whole[begin:end] for begin, end in tags(whole)] + list(_CONTROL)}
    if family.sglang:
        said = peers.ask("sglang", parser=family.sglang, opened=True if opened else None, **asked)
        looked.peers["sglang"] = _heard(family.sglang, said)
    if family.vllm:
        said = peers.ask("vllm", parser=family.vllm, arguments=dict(family.given), **asked)
        looked.peers["vllm"] = _heard(family.vllm, said)
    if source.text:
        looked.peers["sglang's template rules"] = _opinion(found, peers.ask("detect", template=source.text))


_CONTROL = (
    "<|channel>",
    "<|im_start|>",
    "<|im_end|>",
    "<tool_call>",
    "</tool_call>",
    "[TOOL_CALLS]",
    "[ARGS]",
    "<assistant>",
    "</assistant>",
    "<|message_model|>",
    "<|end_message|>",
    "<|content_text|>",
)
"""Tokens that vLLM's parsers ask for beside those of the thinking."""


def _space(empty: str, opening: str) -> str:
    return "\n" if empty.startswith(opening + "\n") else ""


def _heard(parser: str, said: Any) -> dict[str, Any]:
    if isinstance(said, Raised):
        return {"parser": parser, "agrees": False, "says": said.why}
    thought, answer = ((t or "").strip() for t in said)
    return {"parser": parser, "agrees": (thought, answer) == (THOUGHT, ANSWER), "says": [thought, answer]}


def _opinion(found: ThinkingFormat, said: Any) -> dict[str, Any]:
    """Compares with the rules by which SGLang reads a switch and its default out of a template's source."""
    if isinstance(said, Raised):
        return {"agrees": False, "says": said.why}
    toggle, default = said["toggle_param"], said["default_enabled"]
    by_itself = not (found.on.arguments or found.on.word)
    # Told nothing, some templates neither open nor close the thinking: that is on, and off, as one likes.
    left = found.by_default is Start.UNDECIDED and Start.ANSWERING in dict(found.tails).values()
    names = {*found.on.arguments, *(found.off.arguments if found.off else {})}
    agrees = (left or default in {None, by_itself}) and (toggle is None or toggle in names)
    if said["special_case"] == "always":
        agrees = by_itself
    return {"agrees": agrees, "says": said}
