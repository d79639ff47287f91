"""A GGUF file, loaded by llama.cpp."""

import ctypes as c
from pathlib import Path
from typing import Any

from karui.core.errors import ModelError
from karui.engines.llama_cpp import binding

_CONTROL, _USER_DEFINED = 1 << 3, 1 << 4
"""Of llama_token_attr."""


class LlamaModel:
    """The weights and the vocabulary in a file.

    Attributes:
        handle: llama.cpp's pointer to it, None once closed.
        vocabulary: Width of the output.
        context: Positions it was trained for.
        parameters: How many.
        bytes: Of all tensors.
    """

    def __init__(self, path: Path, *, vocabulary_only: bool = False, gpu_layers: int = 0) -> None:
        """Loads a file.

        Args:
            path: The file.
            vocabulary_only: Whether to leave the weights where they are.
            gpu_layers: Layers to put on a GPU, where llama.cpp was built for one; -1 for all.

        Raises:
            ModelError: llama.cpp cannot load it, or it does not generate from left to right.
        """
        self._library = binding.library()
        params = self._library.llama_model_default_params()
        params.vocab_only, params.n_gpu_layers = vocabulary_only, gpu_layers
        binding.said.clear()
        self.handle = self._library.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            raise ModelError(
                f"llama.cpp cannot load {path}.",
                why=" ".join(binding.said) or "It does not say why.",
                remedy="Copy the file again; a new architecture needs a new xllamacpp.",
            )
        if self._library.llama_model_has_encoder(self.handle):
            self.close()
            raise ModelError(
                f"{path} is an encoder.", remedy="karui runs decoder-only text models, which generate."
            )
        self._vocabulary = self._library.llama_model_get_vocab(self.handle)
        self.vocabulary = int(self._library.llama_vocab_n_tokens(self._vocabulary))
        self.context = int(self._library.llama_model_n_ctx_train(self.handle))
        self.parameters = int(self._library.llama_model_n_params(self.handle))
        self.bytes = int(self._library.llama_model_size(self.handle))

    def metadata(self) -> dict[str, str]:
        """Returns the file's metadata, arrays left out, every value as text."""
        call = self._library.llama_model_meta_key_by_index
        found = {}
        for index in range(self._library.llama_model_meta_count(self.handle)):
            key = self._text(lambda into, size, index=index: call(self.handle, index, into, size))
            found[key] = self._text(
                lambda into, size, key=key: self._library.llama_model_meta_val_str(
                    self.handle, key.encode(), into, size
                )
            )
        return found

    def turn_ends(self) -> set[int]:
        """Returns the tokens that llama.cpp takes for the end of a turn."""
        ends = self._library.llama_vocab_is_eog
        return {token for token in range(self.vocabulary) if ends(self._vocabulary, token)}

    def texts(self) -> list[str]:
        """Returns every token as the file spells it."""
        text = self._library.llama_vocab_get_text
        return [text(self._vocabulary, n).decode(errors="replace") for n in range(self.vocabulary)]

    def added(self) -> dict[int, bool]:
        """Returns the tokens that are looked for in text before it is cut, and whether each is special."""
        kinds = self._library.llama_vocab_get_attr
        found = ((n, kinds(self._vocabulary, n)) for n in range(self.vocabulary))
        return {n: bool(kind & _CONTROL) for n, kind in found if kind & (_CONTROL | _USER_DEFINED)}

    def piece(self, token: int) -> bytes:
        """Returns what a token says."""
        into = c.create_string_buffer(256)
        show_special = True
        count = self._library.llama_token_to_piece(self._vocabulary, token, into, 256, 0, show_special)
        return into.raw[:count]

    def tokenize(self, text: str) -> list[int]:
        """Returns text in tokens as llama.cpp cuts it, special tokens read as such, nothing put before it."""
        data = text.encode()
        into = (c.c_int32 * (len(data) + 8))()
        add_special, parse_special = False, True
        count = self._library.llama_tokenize(
            self._vocabulary, data, len(data), into, len(into), add_special, parse_special
        )
        return list(into[:count])

    def close(self) -> None:
        """Frees it."""
        if self.handle:
            self._library.llama_model_free(self.handle)
            self.handle = None

    @staticmethod
    def _text(call: Any) -> str:
        """Returns what a function of the C interface writes into a buffer, however long."""
        size = call(None, 0) + 1
        into = c.create_string_buffer(size)
        call(into, size)
        return into.value.decode(errors="replace")
