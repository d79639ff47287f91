"""The bodies of requests: what an ask becomes on the wire, raw or as chat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from karui.core.prompt import STOP, Prompt, Sampling, fields_of
from karui.core.request import Request
from karui.engines.chat.discovery.arguments import LEVELS
from karui.engines.chat.format import Message, ThinkingFormat
from karui.engines.chat.markers import Markers, Start
from karui.engines.chat.template import arguments_of, messages_of
from karui.engines.openai.capabilities import Capabilities, Thinking
from karui.engines.openai.requests.budgets import joined, with_budget, without_budget
from karui.engines.openai.requests.listing import Listing
from karui.engines.openai.requests.render import Renderer, Shown

_EFFORT = "reasoning_effort"
PATHS = {"completions": "completions", "chat": "chat/completions"}
"""Where requests go, by way."""
CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
"""What makes vLLM go on with the last message; SGLang reads the first alone, llama.cpp does it unasked."""


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """How a generation begins.

    Attributes:
        path: Where its requests go.
        body: What every request of it holds.
        start: What the model does first.
        shown: The prompt as tokens; None in chat.
        messages: The prompt as messages; empty where it is raw.
    """

    path: str
    body: dict[str, Any]
    start: Start
    shown: Shown | None = None
    messages: tuple[Message, ...] = ()

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the prompt; None in chat, where only the server knows."""
        return None if self.shown is None else len(self.shown.ids)


@dataclass(frozen=True)
class RequestBuilder:
    """Words requests for one server.

    Attributes:
        can: What the server does.
        thinking: How its model thinks.
        renderer: Writes raw prompts; None where there is nothing to write them with.
        listing: How many of the likeliest tokens are asked for.
    """

    can: Capabilities
    thinking: ThinkingFormat
    renderer: Renderer | None
    listing: Listing = field(default_factory=Listing)

    @property
    def markers(self) -> Markers:
        """Where the model's thinking begins and ends."""
        return self.thinking.markers

    async def open(self, prompt: Prompt) -> RenderedPrompt:
        """Returns how a generation for a prompt begins."""
        can = self.can
        if can.raw:
            assert self.renderer is not None
            shown = await self.renderer.render(prompt)
            return RenderedPrompt(PATHS["completions"], self._body(prompt), shown.start, shown)
        body = joined(self._body(prompt), chat_body(prompt, self.thinking))
        messages = body.pop("messages")
        body |= asked_with(prompt.parameters)
        start = Start.THINKING if can.visible else Start.ANSWERING
        if can.thinking is Thinking.INLINE:
            start = Start.UNDECIDED
        began = prompt.prefill
        if not prompt.thinking:
            start = Start.ANSWERING
            if self.thinking.off is None and can.prefill:
                began = self.markers.empty + began
        if began:
            messages.append({"role": "assistant", "content": began})
            body |= CONTINUE
        return RenderedPrompt(PATHS["chat"], body, start, messages=tuple(messages))

    def thinks(self, opening: RenderedPrompt, sampling: Sampling, seed: int, limit: int) -> dict[str, Any]:
        """Returns the request that streams a whole generation."""
        can = self.can
        listed = self._listing(self.listing.streamed)
        body = self._to_begin(opening) | listed | {"stream": True, can.limit: limit}
        body |= self._drawn(sampling, seed)
        if can.usage or can.usage_all_along:
            told = {"continuous_usage_stats": True} if can.usage_all_along else {}
            body["stream_options"] = {"include_usage": True} | told
        return body

    def goes_on(
        self,
        opening: RenderedPrompt,
        ids: Sequence[int],
        sampling: Sampling,
        seed: int,
        limit: int,
        *,
        answering: bool,
    ) -> dict[str, Any]:
        """Returns the request for a whole piece of a generation, behind the tokens that it has already.

        Args:
            opening: How the generation began.
            ids: What it has written so far.
            sampling: How tokens are drawn.
            seed: Of this piece.
            limit: Tokens of this piece at most.
            answering: Whether its thinking is over; else it stops there if the answer is listed otherwise.
        """
        count = self.listing.answer if answering else self.listing.thinking
        body = self._to_begin(opening) | self._listing(count) | {"stream": False, self.can.limit: limit}
        body["prompt"] = [*body["prompt"], *ids]
        if not answering and self.parts_answer:
            body["stop_token_ids"] = [self.can.close_id]
        return body | self._drawn(sampling, seed)

    @property
    def parts_answer(self) -> bool:
        """Whether the answer takes a request of its own, since more is asked of it than of the thinking."""
        return self.can.close_id is not None and self.listing.answer != self.listing.thinking

    def _drawn(self, sampling: Sampling, seed: int) -> dict[str, Any]:
        body: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if "seeds" not in self.can.why:  # where nothing tells whether it counts, it does no harm
            body["seed"] = seed % 2**31  # what every server takes
        return body

    def tries(
        self,
        opening: RenderedPrompt,
        said: str,
        ids: tuple[int, ...],
        forced: str,
        forced_ids: tuple[int, ...],
    ) -> dict[str, Any]:
        """Returns a request that goes on, greedily, after the thinking and what is forced behind it.

        Args:
            opening: How the generation began.
            said: The text of the thinking, its opening marker included.
            ids: The same as tokens, as the server told them; empty where it does not.
            forced: The trial suffix and what of the trial has been generated already.
            forced_ids: The same as tokens; empty where they are not known.
        """
        can = self.can
        body = dict(opening.body)
        if opening.shown is not None:
            whole = [*opening.shown.ids, *ids, *forced_ids]
            body["prompt"] = whole if ids and forced_ids else opening.shown.text + said + forced
        else:
            messages = [dict(m) for m in opening.messages]
            if messages[-1]["role"] == "assistant":
                messages[-1]["content"] += said + forced
            else:
                messages.append({"role": "assistant", "content": said + forced})
            body |= {"messages": messages} | CONTINUE
        if can.budget is not None:
            body = without_budget(body, can.budget.field)
        return body | self._listing(self.listing.trial) | {"temperature": 0.0, "stream": False}

    def _to_begin(self, opening: RenderedPrompt) -> dict[str, Any]:
        shown = opening.shown
        if shown is None:
            return opening.body | {"messages": list(opening.messages)}
        return opening.body | {"prompt": list(shown.ids)}

    def _body(self, prompt: Prompt, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        can = self.can
        body: dict[str, Any] = {"model": can.model, **can.extras, **(asked or {})}
        if prompt.budget and can.budget is not None:
            body = with_budget(body, can.budget.field, prompt.budget)
        return body

    def _listing(self, count: int) -> dict[str, Any]:
        if not count:
            return {}
        return {"logprobs": count} if self.can.raw else {"logprobs": True, "top_logprobs": count}


def chat_body(prompt: Prompt, thinking: ThinkingFormat) -> dict[str, Any]:
    """Returns a prompt as chat takes it: messages, and what the model's chat template is told beside them.

    The levels of effort that OpenAI's API has go by its name for them, where every server reads them; a
    template's own words, which servers would refuse there, are told to the template.

    Raises:
        EngineError: The prompt asks for a level of effort that the model does not have.
    """
    if thinking.history == "blocks":
        # A template's own shape, which servers do not take: they make it of the field themselves.
        thinking = replace(thinking, history="reasoning_content")
    messages = [dict(m) for m in messages_of(prompt, thinking)]
    effort = {}
    if prompt.effort and not thinking.efforts:
        effort, prompt = {_EFFORT: prompt.effort}, replace(prompt, effort="")
    arguments = arguments_of(prompt, thinking)
    if arguments.get(_EFFORT) in LEVELS:
        effort = {_EFFORT: arguments.pop(_EFFORT)} | effort
    told = {"chat_template_kwargs": arguments} if arguments else {}
    return {"messages": messages, **effort, **told}


def asked_with(parameters: str) -> dict[str, Any]:
    """Returns the parameters with which a server thinks: stop words are for what follows the thinking."""
    return {name: value for name, value in fields_of(parameters).items() if name != STOP}


def limit_of(ask: Request, context: int, prompt: int | None, reserve: int) -> int:
    """Returns the tokens that may be generated: what is asked, or what the context leaves beside a trial."""
    if not context or prompt is None:
        return ask.sampling.max_tokens
    return min(ask.sampling.max_tokens, context - prompt - reserve)
