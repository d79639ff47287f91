"""Outcomes of many plans on many questions, on disk: written block by block, read plan by plan.

They lie compressed in a temporary file that goes with the process (TMPDIR says where), and an array is read
when somebody looks at it. 300 plans on a million traces come to 25 GB as arrays, which nobody has to hold.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from karui.codec.disk import writing
from karui.core.engine import ModelInfo
from karui.core.outcome import Outcomes, Throughput, spent_in
from karui.core.plan import Plan
from karui.runners.outcome_columns import OutcomeColumns, widened

_KEPT_BYTES = 64e6
"""Arrays that are kept: those of the baseline and of the plan that is compared with it."""
_CODEC = pa.Codec("zstd", 1)
Key: TypeAlias = tuple[str, str]
"""Of an array: "columns", "bills", "spent", "held" or "busy", and its name or its model's."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A plan's outcomes on a block of questions, compressed.

    Attributes:
        arrays: By key: type, shape and bytes.
    """

    arrays: Mapping[Key, tuple[str, tuple[int, ...], bytes]]

    @staticmethod
    def of(found: OutcomeColumns) -> "Packed":
        """Compresses outcomes, and beside the bills their sums, which are what is asked for."""
        spent = {model: spent_in(bills) for model, bills in found.bills.items()}
        groups: Mapping[str, Mapping[str, NDArray[Any]]] = {
            "columns": found.columns,
            "bills": found.bills,
            "spent": spent,
            "held": found.held,
            "busy": found.busy,
        }
        return Packed(
            {
                (group, name): (
                    array.dtype.str,
                    array.shape,
                    _CODEC.compress(np.ascontiguousarray(array).data, asbytes=True),
                )
                for group, arrays in groups.items()
                for name, array in arrays.items()
            }
        )


class OutcomeStore:
    """Keeps outcomes by plan and block; blocks come in any order."""

    def __init__(self, blocks: Sequence[int]) -> None:
        """Takes how many questions each block has."""
        self._questions = blocks
        self._file = TemporaryFile(prefix="karui-outcomes-")  # noqa: SIM115 - it goes with this object
        self._plans: dict[int, _Places] = {}
        self._kept: OrderedDict[tuple[int, Hashable], NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._end = 0

    def put(self, block: int, plan: int, packed: Packed) -> None:
        """Writes what a plan, by its number, came to on a block.

        Raises:
            StorageError: The disk is full.
        """
        if plan not in self._plans:
            self._plans[plan] = _Places.of(packed, len(self._questions))
        content = self._plans[plan].note(block, self._end, packed)
        with writing("the temporary file of outcomes (TMPDIR says where it lies)"):
            self._file.seek(self._end)
            self._end += self._file.write(content)

    def keys(self, plan: int) -> list[Key]:
        """Returns the keys of a plan's arrays."""
        return list(self._plans[plan].kinds)

    def array(self, plan: int, key: Key) -> NDArray[Any]:
        """Returns an array of a plan on all questions, [questions, runs, …], padded with NaN."""
        return self.remembered(plan, key, lambda: self._read(plan, key))

    def remembered(self, plan: int, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Returns what `make` returns, an array of a plan, made once while there is room for it."""
        found = self._kept.get((plan, key))
        if found is None:
            found = make()
            found.flags.writeable = False
            self._kept[plan, key] = found
            self._bytes += found.nbytes
            while len(self._kept) > 1 and self._bytes > _KEPT_BYTES:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        self._kept.move_to_end((plan, key))
        return found

    def _read(self, plan: int, key: Key) -> NDArray[Any]:
        places = self._plans[plan]
        dtype, more = places.kinds[key]
        begins, lengths, widths = places.of_key(key)
        whole = np.empty((sum(self._questions), max(widths), *more), dtype)
        row = 0
        for questions, begin, length, width in zip(self._questions, begins, lengths, widths, strict=True):
            self._file.seek(begin)
            shape = (questions, width, *more)
            size = int(np.prod(shape)) * dtype.itemsize
            content = _CODEC.decompress(self._file.read(length), size, asbytes=True) if size else b""
            part = np.frombuffer(content, dtype).reshape(shape)
            whole[row : row + questions] = widened(part, whole.shape[1])
            row += questions
        return whole


@dataclass(frozen=True)
class _Places:
    """Where the arrays of one plan lie: those of a block one behind the other, in the order of the keys.

    Attributes:
        kinds: By key: type, and shape behind the first two axes.
        begin: Of each block, [blocks].
        length: In bytes, [blocks, keys].
        width: Of the second axis, [blocks, keys].
    """

    kinds: Mapping[Key, tuple[np.dtype[Any], tuple[int, ...]]]
    begin: NDArray[np.int64] = field(repr=False)
    length: NDArray[np.uint32] = field(repr=False)
    width: NDArray[np.uint32] = field(repr=False)

    @staticmethod
    def of(packed: Packed, blocks: int) -> "_Places":
        kinds = {key: (np.dtype(kind), shape[2:]) for key, (kind, shape, _) in packed.arrays.items()}
        length, width = (np.zeros((blocks, len(kinds)), np.uint32) for _ in range(2))
        return _Places(kinds, np.zeros(blocks, np.int64), length, width)

    def note(self, block: int, begin: int, packed: Packed) -> bytes:
        """Notes where a block's arrays begin, and returns what has to be written there."""
        arrays = [packed.arrays[key] for key in self.kinds]
        self.begin[block] = begin
        self.length[block] = [len(content) for _, _, content in arrays]
        self.width[block] = [shape[1] for _, shape, _ in arrays]
        return b"".join(content for _, _, content in arrays)

    def of_key(self, key: Key) -> tuple[list[int], list[int], list[int]]:
        """Returns begin, length and width of each block's array."""
        at = list(self.kinds).index(key)
        begins = self.begin + self.length[:, :at].sum(axis=1, dtype=np.int64)
        return begins.tolist(), self.length[:, at].tolist(), self.width[:, at].tolist()


class StoredOutcomes(Outcomes):
    """Outcomes whose arrays are read from a store when they are looked at."""

    def __init__(
        self,
        store: OutcomeStore,
        number: int,
        plan: Plan,
        questions: tuple[str, ...],
        kinds: tuple[str, ...],
        models: Mapping[str, ModelInfo],
        paces: Mapping[str, Throughput],
    ) -> None:
        """Takes the store, and the plan's number in it; the rest as `Outcomes` has it."""
        known = {
            "plan": plan,
            "questions": questions,
            "kinds": kinds,
            "models": models,
            "paces": paces,
            "seconds": np.empty((0, 0), np.float32),
            "first_answer_seconds": np.empty((0, 0), np.float32),
            "_means": {},  # which the store has
            "_stored": (store, number),
        }
        for name, value in known.items():
            object.__setattr__(self, name, value)

    @property
    def models_billed(self) -> tuple[str, ...]:
        """The models that there are bills of."""
        store, number = self.__dict__["_stored"]
        return tuple(name for group, name in store.keys(number) if group == "bills")

    def spent(self, model: str) -> NDArray[np.float64]:
        """As `Outcomes.spent`; the sums lie in the store."""
        store, number = self.__dict__["_stored"]
        found: NDArray[np.float64] = store.array(number, ("spent", model))
        return found

    def remembered(self, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """As `Outcomes.remembered`, in the room that the store has for arrays."""
        store, number = self.__dict__["_stored"]
        found: NDArray[Any] = store.remembered(number, ("mean", key), make)
        return found

    def __getattr__(self, name: str) -> Any:
        """Reads an array, or those of all models."""
        store, number = self.__dict__.get("_stored", (None, 0))
        if store is None or name.startswith("_"):
            raise AttributeError(name)
        if name in {"bills", "held", "busy"}:
            return {key[1]: store.array(number, key) for key in store.keys(number) if key[0] == name}
        if ("columns", name) not in store.keys(number):
            raise AttributeError(name)
        return store.array(number, ("columns", name))
