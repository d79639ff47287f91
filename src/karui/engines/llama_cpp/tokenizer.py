"""The tokenizer and the chat template inside a GGUF file, in the shape that transformers gives them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from karui.engines.chat.source import render_source
from karui.engines.llama_cpp.model import LlamaModel


@dataclass(frozen=True, slots=True)
class Added:
    """A token that is looked for in text before it is cut.

    Attributes:
        content: Its text.
        special: Whether it is control, not text.
    """

    content: str
    special: bool


class FileTokenizer:
    """Cuts text as llama.cpp does, whatever the file's tokenizer is; as much of transformers' as karui uses.

    Attributes:
        chat_template: The file's, "" where it has none.
        eos_token_id: Ends the text, None where the file names none.
        added_tokens_decoder: By number.
        all_special_ids: Of those, the special ones.
    """

    def __init__(self, model: LlamaModel) -> None:
        """Reads the vocabulary of a loaded file; the model must outlive this."""
        metadata = model.metadata()
        self._model = model
        self.chat_template = metadata.get("tokenizer.chat_template", "")
        keys = {"bos": "bos_token_id", "eos": "eos_token_id", "unk": "unknown_token_id"}
        self._named = {
            name: int(metadata[f"tokenizer.ggml.{key}"])
            for name, key in keys.items()
            if f"tokenizer.ggml.{key}" in metadata
        }
        self._texts = model.texts()
        self.added_tokens_decoder = {
            n: Added(self._texts[n], special) for n, special in model.added().items()
        }
        self.all_special_ids = [n for n, token in self.added_tokens_decoder.items() if token.special]
        self.eos_token_id = self._named.get("eos")

    def __len__(self) -> int:
        return len(self._texts)

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        return {text: number for number, text in enumerate(self._texts)}

    def get_vocab(self) -> dict[str, int]:
        """Returns the number of every token."""
        return self._vocabulary

    def convert_ids_to_tokens(self, ids: Iterable[int]) -> list[str]:
        """Returns tokens as the vocabulary spells them."""
        return [self._texts[n] for n in ids]

    def encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        """Returns text in tokens; what looks like a special token is one."""
        assert not add_special_tokens, "the template puts them there"
        return self._model.tokenize(text)

    def decode(self, ids: Iterable[int]) -> str:
        """Returns what tokens say."""
        return b"".join(map(self._model.piece, ids)).decode(errors="replace")

    def batch_decode(self, sequences: Iterable[Iterable[int]], **_: Any) -> list[str]:
        """Returns what each sequence of tokens says."""
        return [self.decode(ids) for ids in sequences]

    def apply_chat_template(
        self, messages: list[dict[str, str]], *, add_generation_prompt: bool = False, **switches: Any
    ) -> str:
        """Returns messages as the model is shown them, in text."""
        named = {f"{name}_token": self._texts[number] for name, number in self._named.items()}
        switches.pop("tokenize", None)
        return render_source(
            self.chat_template,
            messages,
            generate=add_generation_prompt,
            named=named,
            arguments=switches,
        )
