"""From the text of a trace back to the tokens that the engine fed and the model wrote."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from karui.core.prompt import Prompt
from karui.core.recording import Recording
from karui.core.trace import End, Trace
from karui.engines.chat.markers import Markers, Start
from karui.engines.chat.template import ChatTemplate

_BREAKS: tuple[str, ...] = ("\n\n", "\n", "", " ")
"""What may stand between the end of thinking and the answer, which a trace is kept without."""
_OPENINGS: tuple[str, ...] = ("\n", "")
"""What may stand after an opening marker, which a trace is kept without."""
_TRIED = 64
"""Traces from which it is learned what this model writes in those two places."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as tokens.

    Attributes:
        ids: The tokens.
        exact: Whether their numbers, of thinking and of answer, are those that were recorded.
    """

    ids: list[int]
    exact: bool


class Retokenizer:
    """Turns the prompts and traces of one model back into its tokens."""

    def __init__(self, tokenizer: Any, recording: Recording) -> None:
        """Reads the tokenizer's template, and off the recording what the model writes between the parts."""
        self._tokenizer = tokenizer
        self._template = ChatTemplate.of(tokenizer, recording.manifest.thinking)
        self._markers = markers = self._template.format.markers
        end = next(iter(self._template.ends(())), tokenizer.eos_token_id)
        self._end = [] if end is None else [end]
        own = markers.bridge.partition(markers.close)[2] if markers.close else ""
        self._openings = _OPENINGS
        self._breaks = (own,) if markers.answer else tuple(dict.fromkeys((*_BREAKS, own)))
        self._learn(recording)

    def prompt(self, prompt: Prompt) -> list[int]:
        """Returns the prompt's tokens, as the engine feeds them."""
        return self._encode(self._template.render(prompt)[0])

    def reply(self, prompt: Prompt, trace: Trace) -> Reply:
        """Returns the tokens of a finished trace of this prompt, the end of turn included."""
        _, start = self._template.render(prompt)
        if self._markers.plain:
            return self._plain(trace)
        thought: list[int] = []
        exact = True
        if trace.thinking_tokens:
            opening = self._markers.open if start is Start.UNDECIDED else ""
            starts = self._openings if opening else ("",)
            thinking = trace.thinking + self._markers.close
            thought, exact = self._first((opening + s + thinking for s in starts), trace.thinking_tokens)
        breaks = self._breaks if trace.thinking_tokens else ("",)
        wanted = trace.answer_tokens - len(self._end)
        closed = trace.text + self._markers.answer_close
        answer, also = self._first((b + closed for b in breaks), wanted)
        return Reply(thought + answer + self._end, exact and also)

    def unthought(self, prompt: Prompt, text: str = "") -> list[int]:
        """Returns the tokens that close the thinking at once, as the engine does, then those of `text`."""
        shown, start = self._template.render(prompt)
        closed, _ = self._template.render(replace(prompt, thinking=False))
        empty = self._markers.empty
        if closed.startswith(shown) and closed != shown:
            empty = closed.removeprefix(shown)
        elif start is Start.THINKING:
            empty = self._markers.shut
        return self._encode(empty + text)

    def _plain(self, trace: Trace) -> Reply:
        # A model that never announced an answer thought to its last token; its answer is part of that.
        text = trace.thinking + (trace.text if trace.answer_tokens else "")
        ids = self._encode(text) + self._end
        return Reply(ids, len(ids) == trace.thinking_tokens + trace.answer_tokens)

    def _first(self, texts: Iterable[str], wanted: int) -> tuple[list[int], bool]:
        """Returns the first text's ids that are as many as wanted; the very first text's where none are."""
        tried = []
        for text in texts:
            tried.append(self._encode(text))
            if len(tried[-1]) == wanted:
                return tried[-1], True
        return tried[0], False

    def _learn(self, recording: Recording) -> None:
        """Puts first what fits the recorded numbers of tokens most often; where two fit, the usual one."""
        traces = [t for t in recording.traces() if t.end is End.FINISHED and t.thinking_tokens][:_TRIED]
        if self._markers.plain or not traces:
            return
        close, opening = self._markers.close, self._markers.open
        self._openings = self._ranked(
            _OPENINGS, traces, lambda b, t: (opening + b + t.thinking + close, t.thinking_tokens)
        )
        ends, after = len(self._end), self._markers.answer_close
        self._breaks = self._ranked(
            self._breaks, traces, lambda b, t: (b + t.text + after, t.answer_tokens - ends)
        )

    def _ranked(
        self,
        breaks: tuple[str, ...],
        traces: list[Trace],
        pair: Callable[[str, Trace], tuple[str, int]],
    ) -> tuple[str, ...]:
        def misses(between: str) -> int:
            return sum(len(self._encode(text)) != n for text, n in (pair(between, t) for t in traces))

        return tuple(sorted(breaks, key=misses))

    @property
    def markers(self) -> Markers:
        """Where the model's thinking begins and ends."""
        return self._markers

    @property
    def end(self) -> list[int]:
        """The token that ends a turn; none where the model has none."""
        return self._end

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids
