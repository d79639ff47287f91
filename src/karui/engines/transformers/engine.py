"""The transformers engine: any causal language model from a folder or the Hub, on a CPU or a GPU."""

from itertools import count
from typing import TYPE_CHECKING, Any

from karui.core.ability import Ability
from karui.core.ask import Ask
from karui.core.engine import CheckpointRule, ModelCard, Reader, trace_seed
from karui.core.errors import EngineError, ModelError
from karui.engines.transformers.markers import PLAIN_ENDINGS, Markers, markers_of

if TYPE_CHECKING:
    from karui.engines.transformers.stream import TransformersStream

_RULE = CheckpointRule()


class TransformersEngine:
    """Runs one model in this process. Make one with `load`.

    Attributes:
        card: The model.
        abilities: What it can do.
        rule: Where its streams stop.
        suffix: The trial suffix.
        suffix_tokens: Its length.
        markers: Where thinking begins and ends, and how that was found.
        seed: What trace seeds are made from.
        threads: torch's threads.
        notes: How device, dtype, threads and markers were chosen, one sentence each.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        card: ModelCard,
        *,
        threads: int | None = None,
        slots: int = 32,
        rule: CheckpointRule = _RULE,
        seed: int = 0,
        trial_tokens: int = 24,
        suffix: str | None = None,
        markers: Markers | None = None,
        endings: tuple[str, ...] = PLAIN_ENDINGS,
    ) -> None:
        """Takes a model and a tokenizer that are loaded already; otherwise as `load`."""
        from karui.engines.transformers.batch import Batch
        from karui.engines.transformers.load import choose_threads
        from karui.engines.transformers.network import Network
        from karui.engines.transformers.prompt import Template
        from karui.engines.transformers.settle import Settle
        from karui.engines.transformers.stream import Server
        from karui.engines.transformers.vocabulary import Vocabulary

        self.card, self.rule, self.seed = card, rule, seed
        self._tokenizer = tokenizer
        self.markers = markers or markers_of(tokenizer, model_type=model.config.model_type, endings=endings)
        self._template = Template(tokenizer, self.markers)
        self.suffix = self.markers.suffix if suffix is None else suffix
        suffix_ids = tokenizer.encode(self.suffix, add_special_tokens=False)
        if not suffix_ids:
            raise ModelError("The trial suffix is empty.", remedy="Give a text that makes the model answer.")
        self.suffix_tokens = len(suffix_ids)
        network = Network(model, slots)
        ends = {tokenizer.eos_token_id, self._template.turn_end()}
        for config in (model.config, model.generation_config):
            end = getattr(config, "eos_token_id", None)
            ends |= set(end) if isinstance(end, list) else {end}
        vocabulary = Vocabulary(
            tokenizer,
            network.vocabulary,
            (e for e in ends if e is not None),
            self.markers.close,
            tuple(e.casefold() for e in self.markers.endings),
        )
        if network.device.type == "cpu":
            self.threads, why = choose_threads(threads, network.rehearse)
        else:
            self.threads, why = 1, "the GPU does the work"
        self.notes = [
            f"{network.device.type}, {card.dtype}, {self.threads} thread(s): {why}.",
            self.markers.found_how,
            *self._template.notes,
        ]
        settle = Settle.by(self.markers, self.suffix, self.suffix_tokens)
        self._server = Server(Batch(network, vocabulary, rule, suffix_ids, trial_tokens, slots, settle))
        self._numbers = count()
        lacking = {Ability.BUDGET}
        lacking |= set() if self._template.can_switch else {Ability.THINKING_SWITCH}
        lacking |= set() if self._template.takes_effort else {Ability.EFFORT}
        self.abilities = frozenset(Ability) - lacking

    @classmethod
    def load(
        cls,
        name_or_path: str,
        *,
        name: str = "",
        device: str = "auto",
        dtype: str = "auto",
        threads: int | None = None,
        slots: int = 32,
        rule: CheckpointRule = _RULE,
        seed: int = 0,
        trial_tokens: int = 24,
        suffix: str | None = None,
        markers: Markers | None = None,
        endings: tuple[str, ...] = PLAIN_ENDINGS,
    ) -> "TransformersEngine":
        """Loads a model.

        Args:
            name_or_path: A folder with config.json, tokenizer and weights, or a name on the Hugging Face Hub.
            name: What to call it in recordings and reports; `name_or_path` where empty.
            device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", …
            dtype: "auto", "float32", "bfloat16" or "float16"; see `load.choose_dtype`.
            threads: torch's threads on a CPU; None goes by OMP_NUM_THREADS, or measures.
            slots: Streams that generate side by side. On a GPU 512 and more pay off.
            rule: Where streams stop.
            seed: What trace seeds are made from.
            trial_tokens: Tokens a trial takes at most.
            suffix: The trial suffix; None takes the markers' own.
            markers: Where thinking begins and ends; None finds them.
            endings: What ends the thinking of a model without markers.

        Raises:
            ModelError: It cannot be found, is no causal language model, or cannot run here.
        """
        from karui.engines.transformers import load

        folder = load.find_folder(str(name_or_path))
        device = load.choose_device(device)
        dtype, why = load.choose_dtype(dtype, device)
        tokenizer = load.load_tokenizer(folder)
        model = load.load_model(folder, device, dtype)
        from karui.engines.transformers.card import read_card

        engine = cls(
            model,
            tokenizer,
            read_card(name or str(name_or_path), folder, model),
            threads=threads,
            slots=slots,
            rule=rule,
            seed=seed,
            trial_tokens=trial_tokens,
            suffix=suffix,
            markers=markers,
            endings=endings,
        )
        engine.notes.insert(0, f"{dtype}: {why}.")
        return engine

    def open(self, ask: Ask, sample: int, read: Reader) -> "TransformersStream":
        """Starts a stream; nothing is computed before its first `advance`.

        A trace ends, truncated, where the model's context is full, even if more tokens were asked for.

        Raises:
            EngineError: The prompt alone fills the context.
        """
        from karui.engines.transformers.prompt import Start
        from karui.engines.transformers.row import Row
        from karui.engines.transformers.stream import TransformersStream

        text, start = self._template.render(ask.prompt)
        batch = self._server.batch
        prompt = self._tokenizer.encode(text, add_special_tokens=False)
        room = batch.context - len(prompt)
        if not prompt or room < 1:
            raise EngineError(
                f"The prompt of question {ask.question!r} is {len(prompt)} tokens long.",
                why=f"{self.card.name} has room for {batch.context}, less the answer.",
                remedy="Shorten the question, or use a model with a longer context.",
            )
        row = Row(
            number=next(self._numbers),
            ask=ask,
            sample=sample,
            read=read,
            prompt=prompt,
            start=start,
            seed=trace_seed(self.seed, ask.question, sample),
            limit=min(ask.sampling.max_tokens, room),
            banned=batch.bans.add(ask.prompt.banned),
            writer=batch.vocabulary.writer(),
            thinking=0 if start is Start.ANSWERING else -1,
        )
        return TransformersStream(self._server, row)

    async def close(self) -> None:
        """Frees the model; whoever still awaits a stream is cancelled."""
        self._server.close()
