"""An engine over a machine: asks become rows, rows become streams."""

from collections.abc import Iterable, Mapping
from itertools import accumulate, count
from typing import Any

from karui.core.ability import Ability
from karui.core.engine import GivenReply, ModelInfo, Outline, Reader, checkpoints, trace_seed
from karui.core.errors import EngineError, ModelError
from karui.core.prompt import Prompt
from karui.core.request import Request
from karui.engines.batching.first_words import first_words
from karui.engines.batching.given_stream import GivenSequenceStream
from karui.engines.batching.output_processor import OutputProcessor
from karui.engines.batching.runner import ModelRunner
from karui.engines.batching.scheduler import Scheduler
from karui.engines.batching.sequence import SequenceState
from karui.engines.batching.step_loop import SequenceStream, StepLoop
from karui.engines.chat.discovery import words
from karui.engines.chat.format import ThinkingFormat
from karui.engines.chat.markers import Start
from karui.engines.chat.template import ChatTemplate, find_format, mentions_thinking
from karui.engines.chat.vocabulary import Vocabulary
from karui.engines.options import EngineOptions


class BatchingEngine:
    """Runs one model in this process.

    Attributes:
        card: The model.
        abilities: What it can do.
        rule: Where its streams stop.
        suffix: The trial suffix.
        suffix_tokens: Its length.
        thinking: How the model thinks, and how that was found out.
        markers: Where its thinking begins and ends.
        seed: What trace seeds are made from.
        notes: What a user should know of how it was set up, one sentence each.
    """

    def __init__(
        self,
        runner: ModelRunner,
        tokenizer: Any,
        card: ModelInfo,
        options: EngineOptions,
        *,
        turn_ends: Iterable[int | None] = (),
    ) -> None:
        """Takes what is loaded already.

        Args:
            runner: Model and cache.
            tokenizer: A transformers tokenizer.
            card: The model's.
            options: How sequences run.
            turn_ends: Tokens that end the model's turn, besides those the tokenizer and its template know.

        Raises:
            ModelError: The trial suffix is empty, or it cannot be found out how the model thinks.
        """
        self.card, self.rule, self.seed = card, options.rule, options.seed
        self._tokenizer = tokenizer
        self.thinking = find_format(tokenizer, override=options.thinking, endings=options.endings)
        self._template = ChatTemplate(tokenizer, self.thinking)
        if self.thinking.markers.plain and mentions_thinking(tokenizer):
            self.thinking = self._heard(runner, {tokenizer.eos_token_id, *turn_ends})
            self._template = ChatTemplate(tokenizer, self.thinking)
        self.markers = self.thinking.markers
        self.suffix = self.markers.suffix if options.suffix is None else options.suffix
        suffix_ids = tokenizer.encode(self.suffix, add_special_tokens=False)
        if not suffix_ids:
            raise ModelError("The trial suffix is empty.", remedy="Give a text that makes the model answer.")
        self.suffix_tokens = len(suffix_ids)
        vocabulary = Vocabulary(
            tokenizer,
            runner.vocabulary,
            self._template.ends({tokenizer.eos_token_id, *turn_ends}),
            self.markers.close,
            tuple(e.casefold() for e in self.markers.endings),
        )
        self.notes = [self.markers.found_how, *self.thinking.notes]
        settle = OutputProcessor.by(self.markers, self.suffix, self.suffix_tokens)
        self._loop = StepLoop(Scheduler(runner, vocabulary, options, suffix_ids, settle))
        self._numbers = count()
        lacking = {Ability.BUDGET}
        lacking |= set() if self.thinking.can_switch else {Ability.THINKING_SWITCH}
        lacking |= set() if self.thinking.efforts else {Ability.EFFORT}
        lacking |= set() if self.thinking.budget else {Ability.TOLD_BUDGET}
        self.abilities = frozenset(Ability) - lacking

    def _heard(self, runner: ModelRunner, ends: set[int | None]) -> ThinkingFormat:
        """Returns how the model thinks, after it was asked: its template knows markers, and shows none."""
        text, _ = self._template.render(Prompt(words.QUESTION))
        prompt = self._tokenizer.encode(text, add_special_tokens=False)
        if not prompt or len(prompt) + words.MOST > runner.context:
            return self.thinking
        said = first_words(runner, prompt, self._template.ends(ends), words.MOST)
        return words.hear(self.thinking, self._tokenizer.batch_decode([said])[0])

    @property
    def loaded_bytes(self) -> int:
        """Bytes of the weights as they lie in memory now; of a packed format, what is left of the saving."""
        return self._loop.scheduler.runner.loaded_bytes

    @property
    def kv_value_bytes(self) -> float:
        """Bytes of one value in the cache of keys and values."""
        return self._loop.scheduler.runner.kv_value_bytes

    @property
    def thinks(self) -> Mapping[str, Any]:
        """How the model thinks, and how that was found out."""
        return self.thinking.as_dict()

    def open(self, ask: Request, sample: int, read: Reader) -> SequenceStream:
        """Starts a stream; nothing is computed before its first `advance`.

        A trace ends, truncated, where the model's context is full, even if more tokens were asked for.

        Raises:
            EngineError: The prompt alone fills the context.
        """
        text, start = self._template.render(ask.prompt)
        scheduler = self._loop.scheduler
        prompt = self._tokenizer.encode(text, add_special_tokens=False)
        room = scheduler.context - len(prompt)
        if not prompt or room < 1:
            raise EngineError(
                f"The prompt of question {ask.question!r} is {len(prompt)} tokens long.",
                why=f"{self.card.name} has room for {scheduler.context}, less the answer.",
                remedy="Shorten the question, or use a model with a longer context.",
            )
        row = SequenceState(
            number=next(self._numbers),
            ask=ask,
            sample=sample,
            read=read,
            prompt=prompt,
            start=start,
            seed=trace_seed(self.seed, ask.question, sample),
            limit=min(ask.sampling.max_tokens, room),
            banned=scheduler.bans.add(ask.prompt.banned),
            penalties=scheduler.penalties.add(ask.prompt.penalties),
            writer=scheduler.vocabulary.writer(),
            thinking=0 if start is Start.ANSWERING else -1,
        )
        return SequenceStream(self._loop, row)

    def open_given(self, ask: Request, sample: int, given: GivenReply, read: Reader) -> GivenSequenceStream:
        """Starts a stream that retells a reply somebody has already; see `Retells`.

        Raises:
            EngineError: The prompt leaves no thinking.
        """
        text, start = self._template.render(ask.prompt)
        prompt = self._tokenizer.encode(text, add_special_tokens=False)
        opening = self.markers.opening(opened=start is Start.THINKING)
        outline, ids = self._outlined(len(prompt), given, opening)
        if start is Start.ANSWERING or not prompt:
            raise EngineError(
                f"The prompt of question {ask.question!r} leaves no room to think.",
                remedy="Give replies to prompts that let the model think.",
            )
        last = outline.places[-1][0] if outline.places else 0
        row = SequenceState(
            number=next(self._numbers),
            ask=ask,
            sample=sample,
            read=read,
            prompt=prompt,
            start=Start.THINKING,
            seed=0,  # nothing is drawn: trials are greedy
            limit=max(1, last),
            banned=0,
            penalties=0,
            writer=self._loop.scheduler.vocabulary.writer(),
            text=given.thinking,
            given=ids[:last],
            places=outline.places,
        )
        return GivenSequenceStream(self._loop, row, given, outline, self.suffix_tokens)

    async def count(self, text: str) -> int:
        """Returns how many tokens a text has."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def _outlined(self, prompt: int, given: GivenReply, opening: str) -> tuple[Outline, list[int]]:
        """Returns where a given reply stops, and its tokens."""
        ids = self._tokenizer.encode(opening + given.thinking, add_special_tokens=False)
        closing = self.markers.closing(given.thinking) if given.closed else ""
        whole = self._tokenizer.encode(opening + given.thinking + closing, add_special_tokens=False)
        writer = self._loop.scheduler.vocabulary.writer()
        pieces = [writer.write([i], last=False) for i in ids]
        room = self._loop.scheduler.context - prompt
        ends = list(accumulate(map(len, pieces)))
        found = checkpoints(self.rule, pieces) if given.thinking else []
        places = tuple(
            (place, max(0, ends[place - 1] - len(opening)))
            for place in found
            if place <= room and place < len(whole) and ends[place - 1] > len(opening)
        )
        behind = self.markers.before_answer + given.answer
        answer = len(self._tokenizer.encode(behind, add_special_tokens=False)) + 1 if given.answer else 0
        return Outline(prompt, len(whole), answer, places, fits=len(ids) <= room), ids

    async def close(self) -> None:
        """Frees the model; whoever still awaits a stream is cancelled."""
        self._loop.close()
