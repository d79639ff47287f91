"""One preallocated key-value cache for a batch whose rows have lengths of their own.

A row's keys and values start at position 0 and end at the row's length; what lies beyond is left over from
earlier and masked. So a fork needs no copy: a trial writes past the length of its row, and taking it back is
setting the length back. The rows that generate are kept at the front, where a step sees them as a view.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

_KEYS, _VALUES = 0, 1
LENGTH_STEP = 64
"""Lengths that attention sees are rounded up to this: few shapes, and kernels like even ones."""


def rounded(length: int) -> int:
    """Returns the length rounded up to a multiple of `LENGTH_STEP`."""
    return -(-length // LENGTH_STEP) * LENGTH_STEP


class RowCache(Cache):  # type: ignore[misc]  # transformers is untyped
    """The cache handed to a model's forward, before which one of the `for_` methods says what it is for.

    Attributes:
        moves: How often it has been put elsewhere: what holds an address of it has to be made anew.
    """

    def __init__(
        self, shapes: Sequence[tuple[int, int, int]], dtype: torch.dtype, device: torch.device, rows: int
    ) -> None:
        """Allocates nothing yet.

        Args:
            shapes: Of every layer: heads, size of a key, size of a value.
            dtype: Of keys and values.
            device: Where they live.
            rows: How many rows to make room for at first.
        """
        super().__init__(layers=[_Layer(self, i) for i in range(len(shapes))])
        self._dtype, self._device = dtype, device
        self._rows, self._length = rows, 0
        self.moves = 0
        # Layers of one shape share one tensor [layers, rows, heads, length, size], so that moving a row is
        # one operation however deep the model is.
        self._groups: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for layer, (heads, key, value) in enumerate(shapes):
            self._groups[_KEYS, heads, key].append(layer)
            self._groups[_VALUES, heads, value].append(layer)
        self._stores: dict[tuple[int, int, int], Tensor] = {}
        self._views: list[list[Tensor]] = [[torch.empty(0)] * 2 for _ in shapes]
        self._mode = ""
        self._where: Tensor | None = None
        self._positions: Tensor | None = None
        self._front: Tensor | None = None
        self._even: int | None = None
        self._count = self._width = self._seen = 0

    @property
    def bytes(self) -> int:
        """Bytes allocated."""
        return sum(s.numel() * s.element_size() for s in self._stores.values())

    @property
    def length(self) -> int:
        """Positions that each row has room for."""
        return self._length

    @property
    def views(self) -> list[list[Tensor]]:
        """Keys and values of every layer, each [rows, heads, length, size]; `ensure` may replace them."""
        return self._views

    @torch.inference_mode()
    def ensure(self, rows: int, length: int) -> None:
        """Makes room for so many rows of such a length, keeping what is there."""
        if rows <= self._rows and length <= self._length:
            return
        old_rows, old_length = self._rows, self._length
        self.moves += 1
        while self._rows < rows:
            self._rows *= 2
        if length > self._length:
            self._length = rounded(max(length, 256, self._length * 3 // 2))
        for group, layers in self._groups.items():
            part, heads, size = group
            store = self._allocate(len(layers), heads, size, transposed=part == _KEYS)
            if group in self._stores:
                store[:, :old_rows, :, :old_length] = self._stores[group]
            self._stores[group] = store
            for at, layer in enumerate(layers):
                self._views[layer][part] = store[at]

    def _allocate(self, layers: int, heads: int, size: int, *, transposed: bool) -> Tensor:
        """Returns room for the keys or the values of some layers, all 0.

        Masked positions still meet a weight of 0, and 0 × NaN is NaN: leftovers must be numbers. On a CPU
        keys lie transposed, the way a step multiplies them: twice as fast there as the other way round.
        """
        shape = (layers, self._rows, heads)
        if transposed and self._device.type == "cpu":
            return torch.zeros((*shape, size, self._length), dtype=self._dtype).transpose(-1, -2)
        return torch.zeros((*shape, self._length, size), dtype=self._dtype, device=self._device)

    def copy(self, sources: Tensor, targets: Tensor, length: int) -> None:
        """Copies the first `length` positions of some rows onto others."""
        for store in self._stores.values():
            store[:, targets, :, :length] = store[:, sources, :, :length]

    def for_prompts(self, rows: Tensor, length: int) -> None:
        """The next forward reads whole prompts, padded to `length`, into these rows."""
        self._mode, self._where, self._seen = "prompts", rows, length

    def for_more(self, rows: Tensor, positions: Tensor, seen: int) -> None:
        """The next forward appends several tokens to some rows, anywhere, at positions [rows, tokens]."""
        self._mode, self._where, self._positions, self._seen = "more", rows, positions, seen

    def for_step(self, positions: Tensor, even: int | None, seen: int) -> None:
        """The next forward appends tokens to each of the first rows.

        Args:
            positions: Where, [rows, tokens].
            even: The position, if it is the same everywhere, of the only token or the first.
            seen: The length attention sees.
        """
        self._mode, self._positions, self._seen = "step", positions, seen
        self._count, self._width = positions.shape
        self._where = None
        self._even = even
        self._front = torch.arange(self._count, device=self._device)[:, None]

    def put(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Stores a layer's new keys and values; returns all that this forward attends to."""
        seen, found = self._seen, []
        for view, new in zip(self._views[layer], (keys, values), strict=True):
            if self._mode == "step":
                if self._even is not None:
                    view[: self._count, :, self._even : self._even + self._width] = new
                else:
                    view[self._front, :, self._positions] = new.transpose(1, 2)
                found.append(view[: self._count, :, :seen])
            elif self._mode == "more":
                assert self._where is not None
                view[self._where[:, None], :, self._positions] = new.transpose(1, 2)
                found.append(view[:, :, :seen].index_select(0, self._where))
            else:
                assert self._where is not None
                view[:, :, :seen].index_copy_(0, self._where, new)
                found.append(new)
        return found[0], found[1]


class _Layer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped
    """One layer, as transformers wants to see it."""

    is_sliding = False  # windows are left to the mask, so that a fork can always be taken back

    def __init__(self, rows: RowCache, index: int) -> None:
        super().__init__()
        self._all, self._index = rows, index
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Does nothing: the rows are there."""

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Stores and returns, as `RowCache.put`."""
        return self._all.put(self._index, key_states, value_states)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Asked for whole prompts only, which attend to themselves."""
        return query_length, 0

    def get_seq_length(self) -> int:
        """Asked for whole prompts only, before which there is nothing."""
        return 0

    def get_max_length(self) -> int:
        """There is none."""
        return -1
