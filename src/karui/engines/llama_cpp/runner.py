"""llama.cpp as the slot loop sees it: one context, a sequence for every slot.

Sequences keep their keys and values apart (no unified cache), so a row's attention reads its own tokens only.
llama.cpp computes neighbouring sequences together; a slot at rest between two that run would cut the batch in
two, so such slots are given a token to compute that is taken back at once.

Flash attention is off unless the cache is quantized, which cannot be read without it. Off, weights in Q8_0,
Q4_0 and Q6_K give a row the same logits to the last bit, whatever runs beside it and on however many threads:
a live run repeats its recording. (With it, long rows differed with the number of threads, and prompts with
what was read beside them.) F32 and F16 differ in the last bits between one row and several, and Q4_K_M was
seen to differ now and then: there a draw close to the edge can fall otherwise.
"""

import ctypes as c
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.core.errors import EngineError, ModelError
from karui.engines.batching.runner import SamplingBatch
from karui.engines.llama_cpp import binding
from karui.engines.llama_cpp.model import LlamaModel
from karui.engines.llama_cpp.sampling import draw

KV_TYPES = {
    "f32": (0, 4.0),
    "f16": (1, 2.0),
    "bf16": (30, 2.0),
    "q8_0": (8, 34 / 32),
    "q5_1": (7, 24 / 32),
    "q5_0": (6, 22 / 32),
    "q4_1": (3, 20 / 32),
    "q4_0": (2, 18 / 32),
}
"""Types of the cache: ggml's number of each, and bytes a value, scales included."""
_WHOLE = ("f32", "f16", "bf16")
_READ = 512
"""Tokens read at once."""
_PAD = 256
"""llama.cpp rounds the length of a sequence up to this."""


class LlamaRunner:
    """A model and its cache.

    Attributes:
        vocabulary: Width of the output.
        context: Positions that the model knows.
        prompt_budget: Prompts are read one by one: together they would gain nothing on a CPU.
        loaded_bytes: Of all tensors.
        kv_value_bytes: Of one value in the cache.
    """

    prompt_budget = 1

    def __init__(self, model: LlamaModel, kv: str, threads: int = 1) -> None:
        """Takes a loaded model.

        Args:
            model: The model; closed with this.
            kv: Type of the cache, of `KV_TYPES`.
            threads: To begin with.

        Raises:
            ModelError: There is no such type, the model cannot have it, or its memory cannot be forked.
        """
        if kv not in KV_TYPES:
            raise ModelError(
                f"The KV cache type {kv!r} is not known.", remedy=f"Use one of {', '.join(KV_TYPES)}."
            )
        self._library = binding.library()
        self._model, self._kv, self._threads = model, kv, threads
        self.vocabulary, self.context = model.vocabulary, model.context
        self.loaded_bytes, self.kv_value_bytes = model.bytes, KV_TYPES[kv][1]
        self._slots, self._length = 1, 2 * _PAD
        self._filled = np.zeros(1, np.int64)
        self._handle = self._make(1, self._length)
        self._memory = self._library.llama_get_memory(self._handle)
        self._check()

    def set_threads(self, threads: int) -> None:
        """Sets how many threads compute."""
        self._threads = threads
        self._library.llama_set_n_threads(self._handle, threads, threads)

    # What the slot loop asks for.

    def allocate(self, slot: int) -> None:
        """Makes room for a new row."""
        if slot >= self._slots:
            self._grow(max(slot + 1, min(2 * self._slots, 256)), self._length)
        self._cut(slot, 0)

    def prefill(self, slots: list[int], prompts: list[list[int]]) -> None:
        """Reads prompts into placed, empty rows, each alone."""
        for slot, prompt in zip(slots, prompts, strict=True):
            self._ensure(len(prompt))
            for begin in range(0, len(prompt), _READ):
                part = prompt[begin : begin + _READ]
                self._decode(part, np.arange(begin, begin + len(part)), np.full(len(part), slot), outputs=0)
            self._filled[slot] = len(prompt)

    def copy(self, sources: list[int], targets: list[int], length: int) -> None:
        """Copies the first `length` tokens of rows onto placed, empty ones."""
        for source, target in zip(sources, targets, strict=True):
            self._library.llama_memory_seq_cp(self._memory, source, target, -1, -1)
            self._filled[target] = self._filled[source]
            self._cut(target, min(length, int(self._filled[source])))

    def extend(self, slots: list[int], lengths: list[int], texts: list[list[int]]) -> None:
        """Appends texts to rows of these lengths."""
        count = len(texts[0])
        self._ensure(max(lengths) + count)
        for slot, length in zip(slots, lengths, strict=True):
            self._cut(slot, length)
        for begin in range(0, len(slots), max(1, _READ // count)):
            part = slice(begin, begin + max(1, _READ // count))
            positions = np.add.outer(lengths[part], np.arange(count)).ravel()
            self._decode(np.ravel(texts[part]), positions, np.repeat(slots[part], count), outputs=0)
        self._filled[slots] = np.add(lengths, count)

    def step(
        self,
        slots: NDArray[np.int64],
        tokens: NDArray[np.int64],
        lengths: NDArray[np.int64],
        draws: SamplingBatch,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Appends a token to each row, and draws the next; as `ModelRunner.step`."""
        self._ensure(int(lengths.max()) + 1)
        for row in np.flatnonzero(self._filled[slots] != lengths):
            self._cut(int(slots[row]), int(lengths[row]))
        idle = self._between(slots)
        logits = self._decode(
            np.concatenate((tokens, np.zeros(len(idle), np.int64))),
            np.concatenate((lengths, self._filled[idle])),
            np.concatenate((slots, idle)),
            outputs=len(slots),
        )
        self._filled[slots] = lengths + 1
        for slot in idle.tolist():
            self._library.llama_memory_seq_rm(self._memory, slot, int(self._filled[slot]), -1)
        return draw(logits, draws)

    def free(self, slot: int) -> None:
        """Gives up a row."""
        self._cut(slot, 0)

    def warm_up(self) -> None:
        """Takes a step in an empty row, and takes it back."""
        self._decode(np.ones(1), np.zeros(1), np.zeros(1), outputs=1)
        self._library.llama_memory_seq_rm(self._memory, 0, -1, -1)

    def close(self) -> None:
        """Frees the model and its cache."""
        if self._handle:
            self._library.llama_free(self._handle)
            self._handle = None
        self._model.close()

    # How llama.cpp does it.

    def _decode(self, tokens: Any, positions: Any, slots: Any, *, outputs: int) -> NDArray[np.float32]:
        """Computes tokens, in the order of their slots; returns the logits of the first `outputs` of them.

        They are llama.cpp's own memory, good until the next call.
        """
        order = np.argsort(slots, kind="stable")
        count = len(order)
        token = np.asarray(tokens, np.int32)[order]
        position = np.asarray(positions, np.int32)[order]
        slot = np.asarray(slots, np.int32)[order]
        wanted = (order < outputs).astype(np.int8)
        each = np.ones(count, np.int32)
        pointers = slot.ctypes.data + 4 * np.arange(count, dtype=np.uint64)
        batch = binding.BatchStruct(
            count,
            token.ctypes.data,
            None,
            position.ctypes.data,
            each.ctypes.data,
            pointers.ctypes.data,
            wanted.ctypes.data,
        )
        binding.said.clear()
        if failed := self._library.llama_decode(self._handle, batch):
            raise EngineError(
                "llama.cpp failed while generating.",
                why=f"llama_decode gave {failed}. {' '.join(binding.said)}".strip(),
                remedy="If memory ran out, use fewer slots or a smaller limit of tokens.",
            )
        if not outputs:
            return np.zeros((0, self.vocabulary), np.float32)
        found = c.cast(self._library.llama_get_logits(self._handle), c.POINTER(c.c_float))
        logits = np.ctypeslib.as_array(found, (outputs, self.vocabulary))
        asked = order[order < outputs]
        return logits if (asked[1:] > asked[:-1]).all() else logits[np.argsort(asked)]

    def _between(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the slots at rest between those that run, where computing them costs less than a cut."""
        low, high = int(slots.min()), int(slots.max())
        if not 0 < high + 1 - low - len(slots) <= len(slots):
            return slots[:0]
        return np.setdiff1d(np.arange(low, high + 1), slots)

    def _cut(self, slot: int, length: int) -> None:
        """Takes back what lies past a length."""
        if slot < len(self._filled) and self._filled[slot] > length:
            self._library.llama_memory_seq_rm(self._memory, slot, length, -1)
            self._filled[slot] = length

    def _ensure(self, length: int) -> None:
        if length > self._length:
            self._grow(self._slots, max(length, self._length * 3 // 2))

    def _make(self, slots: int, length: int) -> Any:
        params = self._library.llama_context_default_params()
        params.n_ctx, params.n_seq_max = slots * length, slots
        params.n_batch = params.n_ubatch = max(_READ, slots)
        params.n_outputs_max, params.n_outputs_max_per_seq = slots, 1
        params.n_threads = params.n_threads_batch = self._threads
        params.type_k = params.type_v = KV_TYPES[self._kv][0]
        params.flash_attn_type = int(self._kv not in _WHOLE)
        binding.said.clear()
        handle = self._library.llama_init_from_model(self._model.handle, params)
        if not handle:
            raise ModelError(
                f"llama.cpp cannot make a {self._kv} cache of {slots} × {length} tokens for this model.",
                why=" ".join(binding.said),
                remedy="Use fewer slots, or another type: quantized ones need heads of a multiple of 32.",
            )
        return handle

    def _grow(self, slots: int, length: int) -> None:
        """Moves to a larger cache, with every row as it is."""
        length = -(-length // _PAD) * _PAD
        handle = self._make(slots, length)
        for slot in np.flatnonzero(self._filled).tolist():
            size = self._library.llama_state_seq_get_size(self._handle, slot)
            data = c.create_string_buffer(size)
            self._library.llama_state_seq_get_data(self._handle, data, size, slot)
            if not self._library.llama_state_seq_set_data(handle, data, size, slot):
                self._library.llama_free(handle)
                raise EngineError(
                    "llama.cpp could not move a row to a larger cache.", why=" ".join(binding.said)
                )
        self._library.llama_free(self._handle)
        self._handle, self._memory = handle, self._library.llama_get_memory(handle)
        self._filled = np.concatenate((self._filled, np.zeros(slots - self._slots, np.int64)))
        self._slots, self._length = slots, length

    def _check(self) -> None:
        """Sees to it that what a fork wrote can be taken back."""
        self._decode(np.ones(4), np.arange(4), np.zeros(4), outputs=0)
        taken = self._library.llama_memory_seq_rm(self._memory, 0, 2, -1)
        self._library.llama_memory_seq_rm(self._memory, 0, -1, -1)
        if not taken:
            raise ModelError(
                "This model cannot run on karui's llama.cpp engine.",
                why="The engine forks a cache of keys and values at every checkpoint; this model's memory of "
                "what it read is of another kind, and cannot be set back.",
                remedy="Serve it with llama.cpp's server and use the engine for servers instead.",
            )
