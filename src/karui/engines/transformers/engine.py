"""The transformers engine: any causal language model from a folder or the Hub, on a CPU or a GPU."""

from dataclasses import replace
from typing import Any

from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.errors import ModelError
from karui.engines.batching.draft_proposer import DraftProposer
from karui.engines.batching.engine import RULE, BatchingEngine
from karui.engines.batching.ngram_proposer import NgramProposer
from karui.engines.batching.speculation import Proposer, Speculate, Speculated, Speculation
from karui.engines.batching.threads import choose_threads
from karui.engines.chat.markers import PLAIN_ENDINGS
from karui.engines.chat.override import NOTHING_SAID, Override


class TransformersEngine(BatchingEngine):
    """Runs one model in this process with torch. Make one with `load`.

    Attributes:
        threads: torch's threads.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        card: ModelInfo,
        *,
        threads: int | None = None,
        compile: bool = False,  # noqa: A002 - torch's word for it
        slots: int = 32,
        rule: CheckpointPolicy = RULE,
        seed: int = 0,
        trial_tokens: int = 24,
        suffix: str | None = None,
        thinking: Override = NOTHING_SAID,
        endings: tuple[str, ...] = PLAIN_ENDINGS,
        speculate: Speculate | None = None,
        draft: Any = None,
    ) -> None:
        """Takes a model and a tokenizer that are loaded already, and a draft model; otherwise as `load`."""
        import torch

        from karui.engines.transformers.network import Network
        from karui.engines.transformers.runner import TorchRunner

        network = Network(model, slots)
        ends: set[int | None] = set()
        for config in (model.config, model.generation_config):
            end = getattr(config, "eos_token_id", None)
            ends |= set(end) if isinstance(end, list) else {end}
        self._speculation: Speculation | None = None
        if speculate is not None:
            proposer = _proposer(speculate, draft, slots)
            self._speculation = Speculation(TorchRunner(network), proposer, rows=speculate.rows)
        super().__init__(
            self._speculation or TorchRunner(network),
            tokenizer,
            card,
            turn_ends=ends,
            slots=slots,
            rule=rule,
            seed=seed,
            trial_tokens=trial_tokens,
            suffix=suffix,
            thinking=thinking,
            endings=endings,
        )
        if network.device.type == "cpu":
            self.threads, why = choose_threads(threads, network.rehearse, torch.set_num_threads)
        else:
            self.threads, why = 1, "the GPU does the work"
        if compile:
            seconds = network.compile(card.name)
            self.notes.insert(0, f"The step was compiled in {seconds:.0f} s.")
        self.notes.insert(0, f"{network.device.type}, {card.dtype}, {self.threads} thread(s): {why}.")

    @property
    def speculated(self) -> Speculated | None:
        """What speculation came to so far, None where there is none."""
        return replace(self._speculation.found) if self._speculation else None

    @classmethod
    def load(
        cls,
        name_or_path: str,
        *,
        name: str = "",
        device: str = "auto",
        dtype: str = "auto",
        threads: int | None = None,
        compile: bool = False,  # noqa: A002 - torch's word for it
        slots: int = 32,
        rule: CheckpointPolicy = RULE,
        seed: int = 0,
        trial_tokens: int = 24,
        suffix: str | None = None,
        thinking: Override = NOTHING_SAID,
        endings: tuple[str, ...] = PLAIN_ENDINGS,
        speculate: Speculate | None = None,
    ) -> "TransformersEngine":
        """Loads a model.

        Args:
            name_or_path: A folder with config.json, tokenizer and weights, or a name on the Hugging Face Hub.
            name: What to call it in recordings and reports; `name_or_path` where empty.
            device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", …
            dtype: "auto", "float32", "bfloat16" or "float16"; see `load.choose_dtype`.
            threads: torch's threads on a CPU; None goes by OMP_NUM_THREADS, or measures.
            compile: Whether torch compiles the step of one token a stream: less time a step, for minutes of
                compiling at a model's first load here (later ones find most of it on disk). Needs a C++
                compiler. Pays where int8 runs on a CPU, and where a GPU waits for Python.
            slots: Streams that generate side by side. On a GPU 512 and more pay off.
            rule: Where streams stop.
            seed: What trace seeds are made from.
            trial_tokens: Tokens a trial takes at most.
            suffix: The trial suffix; None takes the markers' own.
            thinking: What the user says of how the model thinks; the rest is found out.
            endings: What ends the thinking of a model without markers.
            speculate: How to guess tokens ahead; None guesses none.

        Raises:
            ModelError: It cannot be found, is no causal language model, or cannot run here; or the draft
                model has other tokens.
        """
        from karui.engines.transformers import load

        folder = load.find_folder(str(name_or_path))
        device = load.choose_device(device)
        dtype, why = load.choose_dtype(dtype, device)
        tokenizer = load.load_tokenizer(folder)
        model = load.load_model(folder, device, dtype)
        draft = None
        if speculate is not None and speculate.model:
            draft = _load_draft(speculate.model, tokenizer, device, dtype)
        from karui.engines.transformers.model_folder import read_card

        engine = cls(
            model,
            tokenizer,
            read_card(name or str(name_or_path), folder, model),
            threads=threads,
            compile=compile,
            slots=slots,
            rule=rule,
            seed=seed,
            trial_tokens=trial_tokens,
            suffix=suffix,
            thinking=thinking,
            endings=endings,
            speculate=speculate,
            draft=draft,
        )
        engine.notes.insert(0, f"{dtype}: {why}.")
        return engine


def _proposer(speculate: Speculate, draft: Any, slots: int) -> Proposer:
    if draft is None:
        return NgramProposer(speculate.tokens, speculate.match)
    from karui.engines.transformers.network import Network
    from karui.engines.transformers.runner import TorchRunner

    return DraftProposer(TorchRunner(Network(draft, slots)), speculate.tokens)


def _load_draft(name: str, tokenizer: Any, device: str, dtype: str) -> Any:
    from karui.engines.transformers import load
    from karui.models import place

    folder = load.find_folder(place(name))
    if load.load_tokenizer(folder).get_vocab() != tokenizer.get_vocab():
        raise ModelError(
            f"{name} cannot be the draft model here.",
            why="Its tokens are others, so that what it proposes would mean something else.",
            remedy="Take a smaller model of the same family, or prompt-lookup, which needs no model.",
        )
    return load.load_model(folder, device, dtype)
