"""A Hugging Face tokenizer, written as llama.cpp reads it, and how exactly llama.cpp then cuts text up."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from karui.core.errors import ModelError

CUTS = (
    "qwen2",
    "llama-bpe",
    "gpt-2",
    "smollm",
    "deepseek-llm",
    "deepseek-coder",
    "deepseek-v3",
    "deepseek-r1-qwen",
    "gpt-4o",
    "tekken",
    "starcoder",
    "falcon",
    "command-r",
    "qwen35",
    "default",
)
"""Ways to cut text before merging that llama.cpp has built in, by the names it knows them by; of those that
cut alike, one. A file can only name one of them, not bring its own."""

PROBES = (
    "The answer is 12.\n\nSo 3 + 4 = 7, and 1,234.5 × 10^-3 ≈ 1.2345.",
    "Wait... let me check: \\boxed{7}\n\n\n  - it's    THEY'LL'VE we're\t\ttabs \r\n",
    "日本語のテスト。naïve café, Größe, Привет мир! مرحبا 안녕하세요 ½ ² Ⅳ",
    "def f(x):\n    return x**2  # comment\n\nfor i in range(10): print(f'{i:>3}')",
    "👍🏽 emoji — “quotes” … http://example.org/a?b=c&d=1%20",
    " leading space, trailing spaces   ",
    "\n\n\nlines\n \n  \n",
    'CamelCase snake_case 3.14159 2026-11-24 $100 50% [1,2,3] {"a": null}',
)
"""Text on which ways to cut it into tokens differ: digits, contractions, blanks, scripts, code."""


class Kind(IntEnum):
    """llama.cpp's kinds of token (llama_token_type)."""

    NORMAL = 1
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class Tokens:
    """A vocabulary for llama.cpp.

    Attributes:
        model: "gpt2" for byte-level BPE, "llama" for BPE over text with bytes to fall back on.
        texts: Of each token.
        kinds: Of each token.
        scores: Of each token, the later its merge the lower; only "llama" goes by them.
        merges: In order; only "gpt2" goes by them.
        special: Names of special tokens ("bos", "eos", "pad", "unk") and their numbers.
        bos: Whether text begins with the token of that name.
        space: Whether a space is put before the text.
        template: The chat template, "" where there is none.
    """

    model: str
    texts: list[str]
    kinds: list[Kind]
    scores: list[float]
    merges: list[str]
    special: dict[str, int]
    bos: bool
    space: bool
    template: str


def read_tokens(folder: Path, tokenizer: Any, size: int) -> Tokens:
    """Returns the tokens of a model folder.

    Args:
        folder: The model.
        tokenizer: Its tokenizer, as transformers loads it.
        size: Rows of the model's embedding, which may be more than it has tokens.

    Raises:
        ModelError: It is none of the two kinds that are exported.
    """
    try:
        values = json.loads(tokenizer.backend_tokenizer.to_str())
        model = values["model"]
        byte_level = "ByteLevel" in json.dumps([values["pre_tokenizer"], values["decoder"]])
        if model["type"] != "BPE" or not (byte_level or model.get("byte_fallback")):
            raise KeyError(model["type"])
    except (AttributeError, KeyError, ValueError) as error:
        raise ModelError(
            f"The tokenizer of {folder} is not exported to GGUF.",
            why="karui exports BPE, byte-level or with bytes to fall back on, from a tokenizer.json.",
            remedy="Convert it with llama.cpp's own convert_hf_to_gguf.py; karui runs the file.",
        ) from error
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    texts, kinds = _texts(tokenizer, size, byte_level=byte_level)
    rank = {m.replace(" ", "", 1): -float(n) for n, m in reversed(list(enumerate(merges)))}
    probe = tokenizer.encode("a")
    template = getattr(tokenizer, "chat_template", None) or ""
    named = {n: getattr(tokenizer, f"{n}_token_id", None) for n in ("bos", "eos", "pad", "unk")}
    return Tokens(
        model="gpt2" if byte_level else "llama",
        texts=texts,
        kinds=kinds,
        scores=[]
        if byte_level
        else [rank.get(t, -1e6 if k == Kind.NORMAL else 0.0) for t, k in zip(texts, kinds, strict=True)],
        merges=merges if byte_level else [],
        special={name: number for name, number in named.items() if number is not None},
        bos=bool(probe) and probe[0] == named["bos"],
        space="".join(tokenizer.convert_ids_to_tokens(tokenizer.encode("a", add_special_tokens=False)))
        == "▁a",
        template=template if isinstance(template, str) else str(template.get("default", "")),
    )


def _texts(tokenizer: Any, size: int, *, byte_level: bool) -> tuple[list[str], list[Kind]]:
    names = tokenizer.convert_ids_to_tokens(range(min(size, len(tokenizer))))
    added = tokenizer.added_tokens_decoder
    texts, kinds = [], []
    for number in range(size):
        name = names[number] if number < len(names) else None
        if name is None:
            name, kind = f"[PAD{number}]", Kind.UNUSED
        elif number in added:
            name, kind = added[number].content, Kind.CONTROL if added[number].special else Kind.USER_DEFINED
        elif not byte_level and len(name) == 6 and name.startswith("<0x"):
            kind = Kind.BYTE
        else:
            kind = Kind.NORMAL
        texts.append(name)
        kinds.append(kind)
    return texts, kinds


def write_tokens(writer: Any, tokens: Tokens, cut: str) -> None:
    """Writes a vocabulary into a gguf.GGUFWriter.

    Args:
        writer: The file.
        tokens: The vocabulary.
        cut: Which of `CUTS`; of no meaning for "llama".
    """
    writer.add_tokenizer_model(tokens.model)
    writer.add_tokenizer_pre(cut if tokens.model == "gpt2" else "default")
    writer.add_token_list(tokens.texts)
    writer.add_token_types(tokens.kinds)
    if tokens.scores:
        writer.add_token_scores(tokens.scores)
    if tokens.merges:
        writer.add_token_merges(tokens.merges)
    for name, number in tokens.special.items():
        getattr(writer, f"add_{name}_token_id")(number)
    writer.add_add_bos_token(tokens.bos)
    writer.add_add_space_prefix(tokens.space)
    if tokens.template:
        writer.add_chat_template(tokens.template)


def choose_cut(
    tokens: Tokens, tokenizer: Any, cut_up: Callable[[str, list[str]], list[list[int]]]
) -> tuple[str, int]:
    """Returns the way to cut that comes closest to the tokenizer's own, and on how many probes it differs.

    Args:
        tokens: The vocabulary.
        tokenizer: The tokenizer, as transformers loads it.
        cut_up: Given one of `CUTS` and texts, what llama.cpp makes of each.
    """
    wanted = [tokenizer.encode(text, add_special_tokens=False) for text in PROBES]
    best, least = CUTS[-1], len(PROBES) + 1
    for cut in CUTS if tokens.model == "gpt2" else ("default",):
        differ = sum(a != b for a, b in zip(cut_up(cut, list(PROBES)), wanted, strict=True))
        if differ < least:
            best, least = cut, differ
        if not differ:
            break
    return best, least
