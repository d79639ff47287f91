"""GGUF: one file for llama.cpp, and for everything that is built on it."""

from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any, ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family, Technique, knob, require
from karui.smaller._gguf_file import FORMATS, describe, quantize, write_model, write_vocabulary
from karui.smaller._gguf_tokens import PROBES, Tokens, choose_cut, read_tokens
from karui.smaller._gguf_weights import Source


@dataclass(frozen=True)
class Gguf(Technique):
    """Converts to one GGUF file, quantized by llama.cpp itself, and runs on llama.cpp.

    On a CPU this is usually the fastest format there is: weights are read in blocks of 32 or 256 with a scale
    each, and multiplied as integers. q8_0 loses next to nothing; q6_k and q5_k_m little; q4_k_m about what
    other 4-bit formats lose, which is more the smaller the model, and long reasoning feels it before short
    answers do; below that, measure. It trades away training and most GPU servers: the file is for llama.cpp
    and its relatives. Not where vLLM is to serve it, and not for architectures other than llama, mistral,
    qwen2 and qwen3, which llama.cpp's own converter writes.

    K-quants scale 256 values together; matrices with other rows get another format from llama.cpp, and the
    artifact's notes say how many. llama.cpp knows a fixed list of ways to cut text before merging: where none
    is the tokenizer's own, the notes say how often other tools will cut differently. karui itself uses the
    tokenizer beside the file.

    The formats are llama.cpp's own (ggml-org/llama.cpp, "quantize"); for what 4 bits and fewer cost
    reasoning: Liu et al., "Quantization Hurts Reasoning?", arXiv 2504.04823.
    """

    family: ClassVar[Family] = Family.SMALLER
    slot: ClassVar[str] = "weights format"

    type: str = knob("q8_0", choices=tuple(FORMATS), help="llama.cpp's format of the weights.")

    def __post_init__(self) -> None:
        require(self.type in FORMATS, self, f"type is one of {', '.join(FORMATS)}")

    def prepare(self, model: Path, build: BuildContext) -> None:
        from karui.engines.chat.tokenizer import load_tokenizer
        from karui.engines.llama_cpp.model import LlamaModel

        source = Source.of(model)
        tokenizer = load_tokenizer(model)
        tokens = read_tokens(model, tokenizer, int(source.config["vocab_size"]))
        cut, differ = _cut(source, tokens, tokenizer, build)
        whole = build.scratch / "whole.gguf"
        if not whole.exists():
            part = whole.with_suffix(".part")
            write_model(part, source, tokens, cut, build.progress)
            part.rename(whole)
        target = build.folder / f"model-{self.type}.gguf"
        quantize(whole, target, self.type)
        whole.unlink()
        copyfile(model / "config.json", build.folder / "config.json")
        LlamaModel(target).close()  # what llama.cpp cannot load is no artifact
        build.note(**describe(target, self.type), tokenizer_for_other_tools=_said(tokens, cut, differ))


def _cut(source: Source, tokens: Tokens, tokenizer: Any, build: BuildContext) -> tuple[str, int]:
    """Returns the way to cut text that the file will name, and on how many probes it differs."""
    from karui.engines.llama_cpp.model import LlamaModel

    def cut_up(cut: str, texts: list[str]) -> list[list[int]]:
        path = build.scratch / "vocabulary.gguf"
        write_vocabulary(path, source, tokens, cut)
        model = LlamaModel(path, vocabulary_only=True)
        found = [model.tokenize(text) for text in texts]
        model.close()
        path.unlink()
        return found

    return choose_cut(tokens, tokenizer, cut_up)


def _said(tokens: Tokens, cut: str, differ: int) -> str:
    name = f"{tokens.model}, {cut}"
    if not differ:
        return f"{name}: cuts all {len(PROBES)} probes as the model's own tokenizer does."
    return f"{name}: cuts {differ} of {len(PROBES)} probes otherwise than the model's own tokenizer."
