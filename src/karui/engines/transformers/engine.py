"""The transformers engine: any causal language model from a folder or the Hub, on a CPU or a GPU."""

from dataclasses import replace
from time import perf_counter
from typing import Any, ClassVar

from karui.core.engine import ModelInfo
from karui.core.errors import ModelError
from karui.engines.batching.engine import BatchingEngine
from karui.engines.batching.spec_decode.draft_proposer import DraftProposer
from karui.engines.batching.spec_decode.ngram_proposer import NgramProposer
from karui.engines.batching.spec_decode.speculation import Proposer, Speculated, Speculation
from karui.engines.batching.thread_governor import ThreadGovernor
from karui.engines.batching.threads import choose_threads, fixed, levels
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.options import EngineOptions, Speculate
from karui.models import place
from karui.models.folder import find_folder

_MEASURE_SECONDS = 0.3


class TransformersEngine(BatchingEngine):
    """Runs one model in this process with torch. Make one with `load`.

    Attributes:
        threads: torch's threads.
    """

    name: ClassVar[str] = "transformers"

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        card: ModelInfo,
        options: EngineOptions | None = None,
        *,
        draft: Any = None,
        prepack: bool = False,
        **changes: Any,
    ) -> None:
        """Takes a model, a tokenizer and a draft model that are loaded already; otherwise as `load`.

        With `prepack` the models are the engine's own, and a CPU lays out their weights anew.
        """
        import torch

        from karui.engines.transformers.network import Network
        from karui.engines.transformers.runner import TorchRunner

        options = replace(options or EngineOptions(), **changes)
        prepack = prepack and not options.compile  # which lays weights out by itself
        self._network = network = Network(model, options.slots, prepack=prepack)
        ends: set[int | None] = set()
        for config in (model.config, model.generation_config):
            end = getattr(config, "eos_token_id", None)
            ends |= set(end) if isinstance(end, list) else {end}
        self._speculation: Speculation | None = None
        if options.speculate is not None:
            proposer = _proposer(options.speculate, draft, options.slots, prepack=prepack)
            self._speculation = Speculation(TorchRunner(network), proposer, rows=options.speculate.rows)
        runner = self._speculation or TorchRunner(network)
        super().__init__(runner, tokenizer, card, options, turn_ends=ends)
        if network.device.type == "cpu":
            self.threads, why = choose_threads(options.threads, network.warm_up, torch.set_num_threads)
            if not fixed(options.threads):
                self._loop.governor = ThreadGovernor(self.threads, levels(), torch.set_num_threads)
        else:
            self.threads, why = 1, "the GPU does the work"
        if options.compile:
            seconds = network.compile(card.name)
            self.notes.insert(0, f"The step was compiled in {seconds:.0f} s.")
        elif options.graphs and network.device.type == "cuda" and (not_so := network.capture()):
            self.notes.insert(0, f"Steps are not captured as CUDA graphs, which makes them slow: {not_so}.")
        self.notes.insert(0, f"{network.device.type}, {card.dtype}, {self.threads} thread(s): {why}.")

    @property
    def speculated(self) -> Speculated | None:
        """What speculation came to so far, None where there is none."""
        return replace(self._speculation.found) if self._speculation else None

    def tokens_per_second_now(self, rows: int) -> float:
        """Returns how many tokens a second `rows` sequences take together here and now, in under a second.

        Only while no sequence is open.
        """
        self._network.warm_up(rows)
        began, steps = perf_counter(), 0
        while (spent := perf_counter() - began) < _MEASURE_SECONDS or not steps:
            self._network.warm_up(rows)
            steps += 1
        return rows * steps / spent

    @classmethod
    def load(
        cls,
        name_or_path: str,
        options: EngineOptions | None = None,
        **changes: Any,
    ) -> "TransformersEngine":
        """Loads a model.

        Args:
            name_or_path: A folder with config.json, tokenizer and weights, or a name on the Hugging Face Hub.
            options: How to load it.
            changes: Single options, by name.

        Raises:
            ModelError: It cannot be found, is not a causal language model, or cannot run here; or the draft
                model has other tokens.
        """
        from karui.engines.transformers import load

        options = replace(options or EngineOptions(), **changes)
        folder = find_folder(str(name_or_path))
        device = load.choose_device(options.device)
        dtype, why = load.choose_dtype(options.dtype, device)
        tokenizer = load_tokenizer(folder)
        model = load.load_model(folder, device, dtype)
        draft = None
        if options.speculate is not None and options.speculate.model:
            draft = _load_draft(options.speculate.model, tokenizer, device, dtype)
        from karui.engines.transformers.model_info import read_card

        card = read_card(options.name or str(name_or_path), folder, model)
        engine = cls(model, tokenizer, card, options, draft=draft, prepack=True)
        engine.notes.insert(0, f"{dtype}: {why}.")
        return engine


def _proposer(speculate: Speculate, draft: Any, slots: int, *, prepack: bool) -> Proposer:
    if draft is None:
        return NgramProposer(speculate.tokens, speculate.match)
    from karui.engines.transformers.network import Network
    from karui.engines.transformers.runner import TorchRunner

    return DraftProposer(TorchRunner(Network(draft, slots, prepack=prepack)), speculate.tokens)


def _load_draft(name: str, tokenizer: Any, device: str, dtype: str) -> Any:
    from karui.engines.transformers import load

    folder = find_folder(place(name))
    if load_tokenizer(folder).get_vocab() != tokenizer.get_vocab():
        raise ModelError(
            f"{name} cannot be the draft model here.",
            why="Its tokens are others, so that what it proposes would mean something else.",
            remedy="Take a smaller model of the same family, or prompt-lookup, which needs no model.",
        )
    return load.load_model(folder, device, dtype)
