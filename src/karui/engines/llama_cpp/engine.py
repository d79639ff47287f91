"""The llama.cpp engine: any decoder-only GGUF file that llama.cpp runs, with parallel slots and forks."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from karui.core.errors import ModelError
from karui.engines.batching.engine import BatchingEngine
from karui.engines.options import EngineOptions


class LlamaCppEngine(BatchingEngine):
    """Runs one GGUF file in this process, on the CPU. Make one with `load`.

    Attributes:
        threads: llama.cpp's threads.
    """

    name: ClassVar[str] = "llama_cpp"

    threads: int = 1

    @classmethod
    def load(cls, path: str, options: EngineOptions | None = None, **changes: Any) -> "LlamaCppEngine":
        """Loads a file.

        Args:
            path: A GGUF file, or a folder whose only weights are one.
            options: How to load it.
            changes: Single options, by name.

        Raises:
            ModelError: It is not a GGUF file, is damaged, is of an architecture that llama.cpp does not know
                or cannot fork, or llama.cpp is not installed.
        """
        from karui.engines.batching.thread_governor import ThreadGovernor
        from karui.engines.batching.threads import choose_threads, fixed, levels
        from karui.engines.llama_cpp.file import check_file, gguf_file, read_card, read_tokenizer, turn_ends
        from karui.engines.llama_cpp.model import LlamaModel
        from karui.engines.llama_cpp.runner import LlamaRunner

        options = replace(options or EngineOptions(), **changes)
        _refuse(options.device, options.dtype)
        kv = options.kv or "f16"
        file = gguf_file(path) or Path(path)
        check_file(file)
        model = LlamaModel(file)
        try:
            tokenizer, which = read_tokenizer(file, model)
            runner = LlamaRunner(model, kv)
        except ModelError:
            model.close()
            raise
        chosen, why = choose_threads(options.threads, runner.warm_up, runner.set_threads)
        card = read_card(options.name or str(path), file, model)
        engine = cls(runner, tokenizer, card, options, turn_ends=turn_ends(file, model))
        engine.threads = chosen
        if not fixed(options.threads):
            engine._loop.governor = ThreadGovernor(chosen, levels(), runner.set_threads)
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
