"""The step of one token a row, compiled by torch into machine code of this model.

Uncompiled, a small model spends its time in Python and in launching some twenty operations a layer; compiled,
they are fused into a few, written in C++ for a CPU and in Triton for a GPU. Only the step is: prompts and
forced suffixes have any length, and are read in few, large operations anyway.
"""

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

from karui.core.errors import ModelError

FIRST_SIZES = (1, 3)
"""Batches that are compiled while loading: the two forms there are."""


class CompiledStep:
    """A model's step as one compiled function.

    One form serves a single row, another any number of them; lengths are free in both.
    """

    def __init__(self, model: Any) -> None:
        """Compiles nothing yet: that happens when a form is first called."""

        def step(
            ids: Tensor, positions: Tensor, mask: Any, views: list[list[Tensor]], rows: Tensor
        ) -> Tensor:
            seen = next(iter(mask.values())) if isinstance(mask, dict) else mask
            out = model(
                input_ids=ids[:, None],
                attention_mask=mask,
                position_ids=positions[:, None],
                past_key_values=_StepCache(views, rows, positions, seen.shape[-1]),
                use_cache=True,
            )
            logits: Tensor = out.logits[:, -1].float()
            return logits

        # torch keeps compiled forms with the code they were made from: each engine needs code of its own.
        own = FunctionType(step.__code__.replace(), step.__globals__, step.__name__, None, step.__closure__)
        # The model never changes once it is loaded: asking at every step costs more than the arithmetic.
        asked: dict[str, Any] = {"guard_filter_fn": torch.compiler.skip_guard_on_all_nn_modules_unsafe}
        self._run = torch.compile(own, fullgraph=True, dynamic=True, options=asked)

    def __call__(self, ids: Tensor, positions: Tensor, mask: Any, views: list[list[Tensor]]) -> Tensor:
        """Appends one token to each of the first rows of the cache.

        Args:
            ids: The tokens, [rows].
            positions: Where each goes, [rows].
            mask: As the model's forward takes it.
            views: Keys and values of every layer, [all rows, heads, length, size] each.

        Returns:
            Logits [rows, vocabulary], float32.
        """
        rows = torch.arange(len(ids), device=ids.device)
        logits: Tensor = self._run(ids, positions, mask, views, rows)
        return logits


@contextmanager
def compiling(folder_of: str) -> Iterator[None]:
    """Turns what torch says when it cannot compile into one clear error, and keeps its chatter to itself.

    Raises:
        ModelError: There is no compiler, or the model cannot be compiled.
    """
    from torch.fx.experimental import _config

    shapes: Any = _config

    try:
        # Two lengths that happen to be equal now are not one and the same.
        with redirect_stderr(StringIO()), shapes.patch(use_duck_shape=False):
            yield
    except ModelError:
        raise
    except Exception as error:
        from torch._inductor.exc import InvalidCxxCompiler

        missing = isinstance(error, InvalidCxxCompiler) or "InvalidCxxCompiler" in str(error)
        raise ModelError(
            f"{folder_of} cannot be compiled here.",
            why="torch.compile needs a C++ compiler, and there is none."
            if missing
            else f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}",
            remedy="Install g++ or clang++, or set CXX to it; or load without compile."
            if missing
            else "Load it without compile.",
        ) from error


class _StepCache(Cache):  # type: ignore[misc]  # transformers is untyped
    """The rows as one step sees them: made anew for each, and compiled away."""

    def __init__(self, views: list[list[Tensor]], rows: Tensor, positions: Tensor, seen: int) -> None:
        super().__init__(layers=[_StepLayer(pair, rows, positions, seen) for pair in views])


class _StepLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped
    is_sliding = False

    def __init__(self, views: list[Tensor], rows: Tensor, positions: Tensor, seen: int) -> None:
        super().__init__()
        self._views, self._rows, self._positions, self._seen = views, rows, positions, seen
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Does nothing: the rows are there."""

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Stores a layer's new keys and values; returns all that the step attends to."""
        keys, values = self._views
        keys[self._rows, :, self._positions] = key_states[:, :, 0]
        values[self._rows, :, self._positions] = value_states[:, :, 0]
        count = self._rows.shape[0]
        return keys[:count, :, : self._seen], values[:count, :, : self._seen]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Never asked: the mask is given."""
        return query_length, 0

    def get_seq_length(self) -> int:
        """Asked, and not used: positions are given."""
        return 0

    def get_max_length(self) -> int:
        """There is none."""
        return -1
