"""What reinforcement learning practises on: prompts, and what judges the replies to them.

A recording knows the verdict of every answer that it has seen. A model under training gives others, so they
are judged as they were when it was recorded: by the verifier of the recording's task.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from karui.core.errors import InputError
from karui.core.loops import LoopDetector, needed_tokens
from karui.core.prompt import Prompt
from karui.core.question import Question, Task
from karui.core.recording import RecordedQuestion, Recording
from karui.engines.chat.answers import answer_after, answer_unsaid, end_pattern
from karui.engines.chat.markers import Start
from karui.engines.chat.template import ChatTemplate
from karui.engines.chat.vocabulary import Vocabulary

_LONGEST = 99.0
"""Percentile of the recorded lengths that replies may reach: a few endless ones would hold up all others."""


@dataclass(frozen=True, slots=True)
class RLPrompt:
    """One prompt to practise on.

    Attributes:
        prompt_ids: Its tokens, as the engine feeds them.
        start: What the model does first.
        question: The question, with what judges its answers.
        target: Tokens that the prompt asks for; 0 where it asks for none.
    """

    prompt_ids: list[int]
    start: Start
    question: Question
    target: int = 0


@dataclass(frozen=True, slots=True)
class GradedCompletion:
    """One reply, judged.

    Attributes:
        tokens: All that was written, the end of turn included.
        right: Whether its answer is.
        truncated: Whether the token limit cut it; it has no answer then.
        looped: Whether it came to say the same passage again and again.
    """

    tokens: int
    right: bool
    truncated: bool
    looped: bool = False

    @property
    def good(self) -> bool:
        """Whether it may be learned from: right, and not by way of a loop."""
        return self.right and not self.looped


def rl_prompts(
    asked: Iterable[tuple[RecordedQuestion, Prompt, int]],
    task: Task,
    tokenizer: Any,
    thinking: Mapping[str, Any] | None = None,
) -> tuple[RLPrompt, ...]:
    """Returns questions as prompts to practise on, in their order.

    Args:
        asked: Recorded questions, what the model is shown, and the tokens that it asks for (0 for none).
        task: What judges answers to them.
        tokenizer: Of the model that is trained.
        thinking: What the recording says of how the model thinks.
    """
    template = ChatTemplate.of(tokenizer, thinking)
    judged = {question.id: question for question in task.questions}
    found = []
    for recorded, prompt, target in asked:
        text, start = template.render(prompt)
        ids = tokenizer.encode(text, add_special_tokens=False)
        found.append(RLPrompt(ids, start, judged[recorded.id], target))
    return tuple(found)


def longest_reply(recording: Recording, drilled: Sequence[RLPrompt], context: int | None) -> int:
    """Returns how long a reply may be: nearly as long as the longest that was recorded.

    Args:
        recording: Whose replies count, right or wrong; what loops in them does not.
        drilled: Whose longest prompt has to fit into the context as well.
        context: Of the model, None where it has no limit.

    Raises:
        InputError: There is no trace.
    """
    lengths = [needed_tokens(t) + t.answer_tokens for t in recording.traces()]
    if not lengths:
        raise InputError(
            "There is no trace in the recording to tell how long replies are.",
            remedy="Record the questions, or say how long a reply may be (max_tokens=…).",
        )
    longest = int(np.ceil(np.percentile(lengths, _LONGEST)))
    if context is None:
        return longest
    return max(1, min(longest, context - max(len(d.prompt_ids) for d in drilled)))


class Grader:
    """Reads the tokens of replies as the engine does, and judges their answers.

    Attributes:
        ends: Tokens that end a reply.
    """

    def __init__(
        self, tokenizer: Any, model: Any, *, agreement: bool, thinking: Mapping[str, Any] | None = None
    ) -> None:
        """Reads the vocabulary, and what ends a turn, off a tokenizer and a loaded model.

        Args:
            tokenizer: As transformers loads it.
            model: The same.
            agreement: Whether references are the model's own answers, with which answers have to be equal.
            thinking: What the recording says of how the model thinks.
        """
        self._agreement = agreement
        template = ChatTemplate.of(tokenizer, thinking)
        self._markers = template.format.markers
        self._pattern = end_pattern(self._markers)
        ends = {tokenizer.eos_token_id}
        for config in (model.config, model.generation_config):
            end = getattr(config, "eos_token_id", None)
            ends |= set(end) if isinstance(end, list) else {end}
        self.ends = template.ends(ends)
        size = model.get_input_embeddings().weight.shape[0]
        self._vocabulary = Vocabulary(tokenizer, size, self.ends, self._markers.close, self._markers.endings)

    def attempt(self, drill: RLPrompt, tokens: Sequence[int]) -> GradedCompletion:
        """Returns a reply, judged."""
        if not tokens or tokens[-1] not in self.ends:
            return GradedCompletion(len(tokens), right=False, truncated=True)
        question, text = drill.question, self._vocabulary.text(tokens[:-1])
        said = self._answer(text, drill)
        answer = question.verifier.read(said) if said else None
        looped = LoopDetector().read(text) is not None
        return GradedCompletion(len(tokens), self._right(question, answer), truncated=False, looped=looped)

    def _right(self, question: Question, answer: str | None) -> bool:
        if answer is None:
            return False
        if self._agreement:
            return answer == question.reference
        return question.verifier.verify(question.reference, answer)

    def _answer(self, text: str, drill: RLPrompt) -> str:
        """Returns what a finished reply says after its thinking, "" where it never came to that."""
        begin = text.lstrip()
        thinks = drill.start is Start.THINKING or (
            drill.start is Start.UNDECIDED and begin.startswith(self._markers.open)
        )
        if not thinks:
            return answer_after(self._markers, text)
        found = self._pattern.search(text)
        if not found:
            return answer_unsaid(self._markers, text, drill.question.verifier.read)
        return answer_after(self._markers, text[found.start() if self._markers.plain else found.end() :])
