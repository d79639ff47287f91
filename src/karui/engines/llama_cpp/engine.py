"""The llama.cpp engine: any decoder-only GGUF file that llama.cpp runs, with parallel slots and forks."""

from pathlib import Path

from karui.core.engine import CheckpointPolicy
from karui.core.errors import ModelError
from karui.engines.batching.engine import RULE, BatchingEngine
from karui.engines.chat.markers import PLAIN_ENDINGS
from karui.engines.chat.override import NOTHING_SAID, Override


class LlamaCppEngine(BatchingEngine):
    """Runs one GGUF file in this process, on the CPU. Make one with `load`.

    Attributes:
        threads: llama.cpp's threads.
    """

    threads: int = 1

    @classmethod
    def load(
        cls,
        path: str,
        *,
        name: str = "",
        device: str = "auto",
        dtype: str = "auto",
        kv: str = "f16",
        threads: int | None = None,
        slots: int = 32,
        rule: CheckpointPolicy = RULE,
        seed: int = 0,
        trial_tokens: int = 24,
        suffix: str | None = None,
        thinking: Override = NOTHING_SAID,
        endings: tuple[str, ...] = PLAIN_ENDINGS,
    ) -> "LlamaCppEngine":
        """Loads a file.

        Args:
            path: A GGUF file, or a folder whose only weights are one.
            name: What to call it in recordings and reports; `path` where empty.
            device: "auto" or "cpu".
            dtype: "auto": the file decides what its weights are.
            kv: Type of the KV cache: f16, or q8_0, q4_0 and others of `machine.KV_TYPES`.
            threads: llama.cpp's threads; None goes by OMP_NUM_THREADS, or measures.
            slots: Streams that generate side by side.
            rule: Where streams stop.
            seed: What trace seeds are made from.
            trial_tokens: Tokens a trial takes at most.
            suffix: The trial suffix; None takes the markers' own.
            thinking: What the user says of how the model thinks; the rest is found out.
            endings: What ends the thinking of a model without markers.

        Raises:
            ModelError: It is no GGUF file, a damaged one, of an architecture that llama.cpp does not know or
                cannot fork, or llama.cpp is not installed.
        """
        from karui.engines.batching.threads import choose_threads
        from karui.engines.llama_cpp.file import check_file, gguf_file, read_card, read_tokenizer, turn_ends
        from karui.engines.llama_cpp.model import LlamaModel
        from karui.engines.llama_cpp.runner import LlamaRunner

        _refuse(device, dtype)
        file = gguf_file(path) or Path(path)
        check_file(file)
        model = LlamaModel(file)
        try:
            tokenizer, which = read_tokenizer(file, model)
            machine = LlamaRunner(model, kv)
        except ModelError:
            model.close()
            raise
        chosen, why = choose_threads(threads, machine.rehearse, machine.set_threads)
        card = read_card(name or str(path), file, model)
        engine = cls(
            machine,
            tokenizer,
            card,
            turn_ends=turn_ends(file, model),
            slots=slots,
            rule=rule,
            seed=seed,
            trial_tokens=trial_tokens,
            suffix=suffix,
            thinking=thinking,
            endings=endings,
        )
        engine.threads = chosen
        engine.notes.insert(0, f"llama.cpp, {card.dtype}, {kv} cache, {chosen} thread(s): {why}.")
        engine.notes.append(which)
        return engine


def _refuse(device: str, dtype: str) -> None:
    if device not in {"auto", "cpu"}:
        raise ModelError(
            f"The llama.cpp engine runs on the CPU, not on {device!r}.",
            remedy="Use --device cpu, or the folder that the file was made from on the GPU.",
        )
    if dtype != "auto":
        raise ModelError(
            f"A GGUF file cannot be run in {dtype}.",
            why="It holds its weights in the format they are computed in.",
            remedy="Leave dtype at auto; make another file with the technique gguf.",
        )
