"""Data sets of reasoning-gym by name: `chain_sum`, `chain_sum?min_terms=3&size=200&seed=7`."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from karui.core.errors import InputError, UnknownName
from karui.tasks.worker import WORKER, TimedOut

DEFAULT_SIZE = 100
_ITEM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class GymSet:
    """One generated data set, named so that it can be generated again.

    Attributes:
        name: Name of the data set in reasoning-gym.
        params: Its settings as (name, JSON text) pairs, sorted.
        seed: Seed of the data set.
        size: Number of items.
    """

    name: str
    params: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    size: int = DEFAULT_SIZE

    @classmethod
    def parse(cls, text: str, *, seed: int = 0, size: int = DEFAULT_SIZE) -> "GymSet":
        """Reads `chain_sum?min_terms=3&seed=7&size=200`; `seed` and `size` hold where the text has none.

        Raises:
            InputError: A setting is not written as `name=value`, or seed or size is no whole number.
        """
        name, _, query = text.partition("?")
        try:
            params = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
            seed, size = int(params.pop("seed", seed)), int(params.pop("size", size))
        except ValueError as error:
            raise InputError(
                f"The settings {query!r} of gym:{name} cannot be read.",
                why=str(error),
                remedy="Write for example gym:chain_sum?min_terms=3&size=200&seed=7.",
            ) from error
        if size < 1:
            raise InputError(
                f"gym:{name} with size {size} has no questions.", remedy="Give a size of 1 or more."
            )
        return cls(name, tuple(sorted(params.items())), seed, size)

    @property
    def spec(self) -> str:
        """The text that `parse` reads back, with `gym:` before it."""
        settings = (*self.params, ("seed", str(self.seed)), ("size", str(self.size)))
        return f"gym:{self.name}?{'&'.join(f'{key}={value}' for key, value in settings)}"

    def entry(self, index: int) -> dict[str, str | None]:
        """Returns the `question` and the `answer` of one item; the answer is None where it has none.

        The item is generated where answers to it are scored, in the worker's process: some data sets draw
        from sets of texts, whose order is another in every process but in workers, which share a hash seed
        (findings/reasoning-gym-seed-and-process.sh).

        Raises:
            InputError: reasoning-gym is not installed, it refuses the settings, or it takes too long.
            UnknownName: It has no such data set.
        """
        _generated(self)  # says in this process what is wrong with the settings
        name = self.spec.removeprefix("gym:")
        try:
            item: dict[str, str | None] = WORKER.call(
                "karui.tasks.gym_set:item", name, index, prepared=(name,), seconds=_ITEM_SECONDS
            )
        except TimedOut as late:
            raise InputError(
                f"Item {index} of {self.spec} cannot be generated.",
                why=f"It takes more than {_ITEM_SECONDS:.0f} seconds, or more memory than there is.",
                remedy="Choose easier settings.",
            ) from late
        return item

    def score(self, index: int, answer: str) -> float:
        """Returns reasoning-gym's score of an answer in [0, 1]; 0 where its scorer raises, or takes too long.

        The scorer runs in the worker's process: several of the 106 parse and evaluate what a model wrote.
        """
        name = self.spec.removeprefix("gym:")
        try:
            return float(WORKER.call("karui.tasks.gym_set:score", name, index, answer, prepared=(name,)))
        except TimedOut:
            return 0.0


def prepare(name: str) -> None:
    """Generates a data set in the worker's process: that may take longer than scoring."""
    _generated(GymSet.parse(name))


def item(name: str, index: int) -> dict[str, str | None]:
    """Generates one item, in the worker's process."""
    entry = _generated(GymSet.parse(name))[index]
    answer = entry["answer"]
    return {"question": str(entry["question"]), "answer": None if answer is None else str(answer)}


def score(name: str, index: int, answer: str) -> float:
    """Scores one answer, in the worker's process."""
    dataset = _generated(GymSet.parse(name))
    try:
        return float(dataset.score_answer(answer, dataset[index]))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - scorers of 106 data sets, fed with what a model wrote
        return 0.0


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@lru_cache(maxsize=64)
def _generated(items: GymSet) -> Any:
    try:
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
    except ImportError as error:
        raise InputError(
            f"gym:{items.name} needs the package reasoning-gym, which is not installed.",
            remedy="pip install 'karui[tasks]'",
        ) from error
    if items.name not in DATASETS:
        raise UnknownName("reasoning-gym data set", items.name, list(DATASETS))
    settings = {key: _value(value) for key, value in items.params}
    try:
        return reasoning_gym.create_dataset(items.name, seed=items.seed, size=items.size, **settings)
    except (TypeError, AssertionError, ValueError) as error:
        raise InputError(
            f"reasoning-gym refuses the settings of {items.spec}.",
            why=str(error),
            remedy=f"Settings of {items.name}: {', '.join(_settings(items.name))}.",
        ) from error


def _settings(name: str) -> list[str]:
    from dataclasses import fields

    from reasoning_gym.factory import DATASETS

    return [field.name for field in fields(DATASETS[name][1])]
