"""Markers that released models are known by: the last resort, where nothing can be rendered or read."""

from collections.abc import Collection

from karui.engines.chat.markers import Markers

_PAIRS = (
    ("<think>", "</think>", "think"),
    ("[THINK]", "[/THINK]", "magistral"),
    ("<mm:think>", "</mm:think>", "minimax"),
    ("<seed:think>", "</seed:think>", "seed"),
    ("<|START_THINKING|>", "<|END_THINKING|>", "cohere"),
    ("<|channel>thought", "<channel|>", "gemma"),
    ("<|open|>think<|sep|>", "<|close|>think<|sep|>", "kimi-k3"),
    ("<|inner_prefix|>", "<|inner_suffix|>", "apertus"),
    ("<|plamo:begin_think:plamo|>", "<|plamo:end_think:plamo|>", "plamo"),
    ("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", "apriel"),
    ("<|begin_of_thought|>", "<|end_of_thought|>", "open-thoughts"),
    ("◁think▷", "◁/think▷", "kimi"),
    ("<thinking>", "</thinking>", "thinking"),
    ("<thought>", "</thought>", "thought"),
    ("<reasoning>", "</reasoning>", "reasoning"),
)
_ANSWERS = {"cohere": "<|START_TEXT|>", "kimi-k3": "<|open|>response<|sep|>"}
_NAMED_ANSWERS = ("<response>", "<answer>")
"""Tags that some prompts tell a model to put its answer into."""
_CHANNELS = "<|channel|>analysis<|message|>"
_FINAL = "<|end|><|start|>assistant<|channel|>final<|message|>"
EVERY = (*(marker for pair in _PAIRS for marker in pair[:2]), _CHANNELS)
"""Every marker that is known by name."""
_CHANNEL_TOKENS = ("<|channel|>", "<|message|>", "<|start|>", "<|end|>")


def in_text(text: str, where: str) -> Markers | None:
    """Returns the known pair that a text was seen to hold; None where it holds none.

    Args:
        text: What a model was shown or wrote.
        where: What the text is, for the finding: "what the model wrote".
    """
    if _CHANNELS in text:
        return _channels(f"{_CHANNELS} stands in {where}.")
    for begin, end, _ in _PAIRS:
        if begin in text or end in text:
            return made(begin, end, f"{begin if begin in text else end} stands in {where}.", text)
    return None


def made(begin: str, end: str, how: str, text: str) -> Markers:
    """Returns the markers of a pair, known or not.

    Args:
        begin: Opens the thinking.
        end: Closes it.
        how: How the pair was found.
        text: Where: it may name a tag for the answer.
    """
    answer = next((a for a in _NAMED_ANSWERS if a in text and a.replace("<", "</") in text), "")
    return _known(begin, end, named(begin, end), how, answer)


def in_vocabulary(tokens: Collection[str]) -> Markers | None:
    """Returns the known pair that is among the tokens of a vocabulary; None where there is none."""
    if all(token in tokens for token in _CHANNEL_TOKENS):
        return _channels("The vocabulary has <|channel|> and <|message|>: channels.")
    for begin, end, family in _PAIRS:
        if end in tokens:
            return _known(begin, end, family, f"Found {end} in the vocabulary.")
    return None


def named(begin: str, end: str) -> str:
    """Returns what a pair of markers goes by: the name of a known one, or the marker itself."""
    if (begin, end) == (_CHANNELS, _FINAL):
        return "gpt-oss"
    return next((family for b, e, family in _PAIRS if (b, e) == (begin, end)), begin or end)


def _channels(how: str) -> Markers:
    return Markers(_CHANNELS, _FINAL, "gpt-oss", how, bridge=_FINAL, empty=_CHANNELS + _FINAL)


def _known(begin: str, end: str, family: str, how: str, answer: str = "") -> Markers:
    if answer:  # a tag like <response>, in lines of its own
        closer = answer.replace("<", "</")
        return Markers(begin, end, family, how, answer=answer, answer_close=closer)
    answer = _ANSWERS.get(family, "")
    bridge, empty = (f"{end}{answer}", f"{begin}{end}{answer}") if answer else ("", "")
    if family == "gemma":
        bridge, empty = f"\n{end}", f"{begin}\n{end}"
    return Markers(begin, end, family, how, answer=answer, bridge=bridge, empty=empty)
