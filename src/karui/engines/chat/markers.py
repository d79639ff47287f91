"""Where a model's thinking begins and ends, found from its tokenizer and chat template."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

BOX = "\\boxed{"
"""What an answer is forced into."""

PLAIN_ENDINGS = (BOX, "final answer is", "final answer:")
"""Where the reasoning of a model without markers is taken to end (compared without case)."""

_PAIRS = (
    ("<think>", "</think>", "think"),
    ("[THINK]", "[/THINK]", "magistral"),
    ("<thinking>", "</thinking>", "thinking"),
    ("<thought>", "</thought>", "thought"),
    ("<reasoning>", "</reasoning>", "reasoning"),
    ("<|begin_of_thought|>", "<|end_of_thought|>", "open-thoughts"),
    ("<|START_THINKING|>", "<|END_THINKING|>", "cohere"),
    ("<seed:think>", "</seed:think>", "seed"),
    ("◁think▷", "◁/think▷", "kimi"),
)
_CHANNELS = (
    "<|channel|>analysis<|message|>",
    "<|end|><|start|>assistant<|channel|>final<|message|>",
)


@dataclass(frozen=True, slots=True)
class Markers:
    """How a model separates its thinking from its answer.

    Attributes:
        open: Text that begins the thinking; "" where there is none.
        close: Text that ends it; "" where there is none.
        family: What goes by these markers; "plain" for a model that has none.
        found_how: How they were found, or why not, in a sentence.
        endings: Texts at the first of which the thinking of a plain model ends, case ignored.
    """

    open: str
    close: str
    family: str
    found_how: str
    endings: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether the model has no markers, so that its chain of thought is taken as its thinking."""
        return not self.close

    @property
    def suffix(self) -> str:
        """What forces an answer at once."""
        if self.plain:
            return "\n\nThe final answer is " + BOX
        return self.close + BOX if self.family == "gpt-oss" else f"\n{self.close}\n\n{BOX}"

    @property
    def empty(self) -> str:
        """Thinking that is over before it began: what a prompt ends with when no thinking is wanted."""
        if self.plain:
            return ""
        return self.open + self.close if self.family == "gpt-oss" else f"{self.open}\n\n{self.close}\n\n"


def find_markers(
    tokens: Collection[str],
    template: str,
    *,
    model_type: str = "",
    endings: tuple[str, ...] = PLAIN_ENDINGS,
) -> Markers:
    """Finds the markers of a model.

    Args:
        tokens: The vocabulary, added tokens included.
        template: The chat template, "" where there is none.
        model_type: As in the configuration; it only gives the family its name.
        endings: What ends the thinking of a model without markers.
    """
    if all(t in tokens for t in ("<|channel|>", "<|message|>", "<|start|>", "<|end|>")):
        return Markers(*_CHANNELS, "gpt-oss", "The vocabulary has <|channel|> and <|message|>: channels.")
    unused = ""
    for begin, end, family in _PAIRS:
        # A marker in the vocabulary is no proof: Qwen3's models without thinking have it too.
        if end in template:
            how = "the chat template" + (" and the vocabulary" if end in tokens else "")
        elif end in tokens and (begin in template or not template):
            how = "the vocabulary"
        else:
            unused = unused or (end if end in tokens else "")
            continue
        name = _family(model_type, template) if family == "think" else family
        return Markers(begin, end, name, f"Found {end} in {how}.")
    why = f"the vocabulary has {unused}, but the chat template never uses it" if unused else "it has none"
    return Markers(
        "",
        "",
        "plain",
        f"No end-of-thinking marker ({why}): everything before the final answer counts as thinking, up to "
        + " or ".join(repr(e) for e in endings)
        + ".",
        endings,
    )


def markers_of(tokenizer: Any, *, model_type: str = "", endings: tuple[str, ...] = PLAIN_ENDINGS) -> Markers:
    """Finds the markers of the model that a transformers tokenizer belongs to, as `find_markers`."""
    found = getattr(tokenizer, "chat_template", None) or ""
    template = "\n".join(found.values()) if isinstance(found, dict) else str(found)
    return find_markers(tokenizer.get_vocab().keys(), template, model_type=model_type, endings=endings)


def markers_seen(text: str) -> Markers | None:
    """Finds the markers in what a model was shown and wrote; None where there are none.

    For a model whose vocabulary and template cannot be read: one behind a server.
    """
    if _CHANNELS[0] in text:
        return Markers(*_CHANNELS, "gpt-oss", "The model wrote in channels.")
    for begin, end, family in _PAIRS:
        if begin in text or end in text:
            return Markers(begin, end, family, f"The model was seen to use {begin} and {end}.")
    return None


def _family(model_type: str, template: str) -> str:
    if "<｜Assistant｜>" in template:
        return "deepseek-r1"
    if model_type.startswith("qwen3") or ("<|im_start|>" in template and "enable_thinking" in template):
        return "qwen3"
    return "think"
