"""Which requests a plan can run, and why the others cannot: those go to full thinking as they are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from karui.core.prompt import Sampling, kinds_of, parameters_of, prompt_of
from karui.gateway.backends.backend import PlanRequest
from karui.gateway.openai_api.chat_request import ChatRequest

_NO_MATTER = frozenset(
    "model messages stream max_tokens max_completion_tokens temperature top_p seed "  # read by the gateway
    "user safety_identifier prompt_cache_key prompt_cache_retention metadata parallel_tool_calls".split()
)
"""Fields that a plan runs with whatever they hold: the second line has no bearing on what is said."""
_WITH: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "store": (False,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "service_tier": ("auto", "default"),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
    "tool_choice": ("none", "auto"),
    "stop": ([], ""),
    "tools": ([],),
    "functions": ([],),
    "logit_bias": ({},),
    "stream_options": ({}, {"include_usage": True}, {"include_usage": False}),
}
"""The values with which a plan runs. Any other value, and any other field, is a reason for full thinking."""


_ANSWERED = frozenset(
    "tools tool_choice response_format stop n logprobs top_logprobs parallel_tool_calls".split()
)
"""What a server does with the answer, behind the thinking that a plan ends."""
_SERVERS_OWN = frozenset(
    "audio prediction web_search_options function_call verbosity top_k min_p repetition_penalty "
    "length_penalty best_of use_beam_search stop_token_ids ignore_eos min_tokens skip_special_tokens "
    "bad_words echo guided_json guided_regex guided_choice guided_grammar structured_outputs "
    "json_schema chat_template chat_template_kwargs add_generation_prompt continue_final_message "
    "documents mm_processor_kwargs priority grammar reasoning thinking include_reasoning "
    "enable_thinking".split()
)
"""Fields of OpenAI's and of servers with its API that are a reason for full thinking whatever they hold."""
_FIELDS = frozenset(_WITH) | _SERVERS_OWN | {"reasoning_effort"}
"""Names of fields that records, state and history may show; any other one is somebody's own word."""
_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_OTHER = "a field that is not known"


@dataclass(frozen=True, slots=True)
class Ineligible:
    """Why no plan can run a request.

    Attributes:
        detail: In words of a closed list, for records.
        named: With the client's own words, for its eyes only.
    """

    detail: str
    named: str


def plan_request_of(
    asked: ChatRequest,
    recorded: Sampling,
    effort: str,
    *,
    any_sampling: bool,
    lacking: Mapping[str, str] | None = None,
) -> PlanRequest | Ineligible:
    """Returns a request as a plan runs it, or the reason why none can.

    Args:
        asked: The request.
        recorded: How tokens were drawn when the plan was certified.
        effort: The level of reasoning effort that the plan itself asks for; "" for none.
        any_sampling: Whether the client's temperature and top_p may differ from what was certified.
        lacking: Kinds of parameters with which the model's server does not answer behind closed thinking,
            each with the reason; None where it has not been tried, so that a plan runs with none.
    """
    if (strange := _strange(asked, effort, lacking)) is not None:
        return strange
    body = asked.body
    temperature = _told(body, "temperature", recorded.temperature)
    top_p = _told(body, "top_p", recorded.top_p)
    if (temperature, top_p) != (recorded.temperature, recorded.top_p) and not any_sampling:
        return _plainly(f"temperature {temperature:g}, top_p {top_p:g}; certified at {_drawn(recorded)}")
    prompt = prompt_of(asked.messages)
    if isinstance(prompt, str):
        return Ineligible("messages with more than text by turns", prompt)
    sampling = Sampling(temperature, top_p, recorded.top_k, asked.limit or recorded.max_tokens)
    if lacking is None:
        return PlanRequest(prompt, sampling, body.get("seed"))
    prompt = replace(prompt, parameters=parameters_of(body))
    return PlanRequest(prompt, sampling, body.get("seed"), _beside(body))


def _strange(asked: ChatRequest, effort: str, lacking: Mapping[str, str] | None) -> Ineligible | None:
    """Returns the first field that no plan runs with here; None where there is none."""
    if not asked.chat:
        return _plainly("a completion of raw text")
    if asked.native is not None and asked.native.untranslated:
        return _plainly(asked.native.untranslated)
    usual = {**_WITH, "reasoning_effort": (effort,)}
    for name, value in asked.body.items():
        answered = lacking is not None and name in _ANSWERED
        if value is not None and not answered and name not in _NO_MATTER and value not in usual.get(name, ()):
            return _field(name, value)
    kinds = kinds_of(parameters_of(asked.body)) & (lacking or {}).keys()
    return _plainly(f"{kind}: {lacking[kind]}") if lacking and (kind := min(kinds, default="")) else None


def has_parameters(asked: ChatRequest) -> bool:
    """Returns whether a request asks for more of its answer than plain text."""
    body = asked.body
    return asked.chat and (any(body.get(name) for name in _ANSWERED - {"n"}) or bool(_beside(body)))


def _beside(body: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Returns what asks for more than one bare answer."""
    told = {n: body[n] for n in ("n", "logprobs", "top_logprobs") if body.get(n) not in (None, False)}
    wanted = told.get("n", 1) > 1 or "logprobs" in told
    return tuple(told.items()) if wanted else ()


def _plainly(reason: str) -> Ineligible:
    return Ineligible(reason, reason)


def _field(name: str, value: object) -> Ineligible:
    if name == "reasoning_effort" and isinstance(value, str) and value in _EFFORTS:
        return _plainly(f"{name} {value}")
    return Ineligible(name if name in _FIELDS else _OTHER, name[:100])


def _told(body: Mapping[str, Any], name: str, usual: float) -> float:
    value = body.get(name)
    return usual if value is None else float(value)


def _drawn(sampling: Sampling) -> str:
    return f"{sampling.temperature:g} and {sampling.top_p:g}"
