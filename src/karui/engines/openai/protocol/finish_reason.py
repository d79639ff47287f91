"""Why a reply ended, whatever a server calls it."""

from enum import Enum
from typing import Any

_OWN = frozenset(
    "stop eos eos_token end end_turn stop_sequence stop_token stop_str done complete completed finished "
    "tool_calls tool_call tool_use function_call".split()
)
_LIMIT = frozenset(
    "length max_tokens max_length max_new_tokens max_output_tokens max_completion_tokens model_length "
    "model_context_window_exceeded context_length_exceeded token_limit limit incomplete".split()
)
_CUT = frozenset(
    "abort aborted cancel cancelled canceled interrupted disconnect error engine_error server_error "
    "network_error timeout time_limit insufficient_system_resource overloaded repetition pause_turn "
    "content_filter content_filtered sensitive safety recitation blocklist prohibited_content spii refusal "
    "image_safety malformed_function_call".split()
)


class Ending(Enum):
    """Who ended a reply."""

    OWN = "the model"
    LIMIT = "the token limit"
    CUT = "the server"
    UNTOLD = "not told"
    """No reason was given, or one that is not known here."""


def read_finish(value: Any) -> str:
    """Returns a finish reason as one word; "" for none.

    SGLang's own API has `{"type": "stop", …}`, Google's `FinishReason.STOP`; some send the word "null".
    """
    if isinstance(value, dict):
        value = value.get("type")
    if not isinstance(value, str):
        return ""
    word = value.strip().rpartition(".")[2].casefold().replace("-", "_").replace(" ", "_")
    return "" if word in {"null", "none", "unspecified", "finish_reason_unspecified"} else word


def ending(finish: str) -> Ending:
    """Returns who ended a reply with this reason."""
    for words, who in ((_OWN, Ending.OWN), (_LIMIT, Ending.LIMIT), (_CUT, Ending.CUT)):
        if finish in words:
            return who
    return Ending.UNTOLD


def is_cut(finish: str, *, thinking: bool) -> bool:
    """Returns whether a reply was cut by anything but its model.

    Where the reason is not told, or not known, a reply that had come to its answer is taken as whole; one
    that was still thinking is not.

    Args:
        finish: As `read_finish` gives it.
        thinking: Whether it ended before its answer began.
    """
    who = ending(finish)
    return who in {Ending.LIMIT, Ending.CUT} or (who is Ending.UNTOLD and thinking)
