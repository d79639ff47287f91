"""The stages of the roll-out: how much of the traffic the plan answers."""

from enum import StrEnum
from hashlib import blake2b

from karui.core.errors import InputError


class Stage(StrEnum):
    """A stage of the roll-out."""

    SHADOW = "shadow"
    """Full thinking answers; the plan runs silently beside it and is compared."""
    FIVE = "5"
    QUARTER = "25"
    ALL = "100"

    @property
    def share(self) -> float:
        """Share of the requests that the plan answers, from 0 to 1."""
        return 0.0 if self is Stage.SHADOW else int(self) / 100

    @property
    def following(self) -> "Stage | None":
        """The next one; None after the last."""
        stages = list(Stage)
        at = stages.index(self) + 1
        return stages[at] if at < len(stages) else None

    def takes(self, key: str) -> bool:
        """Returns whether the plan answers requests with this key: the same always, and in later stages."""
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2.0**64 < self.share

    @staticmethod
    def of(word: str) -> "Stage":
        """Reads a stage.

        Raises:
            InputError: The word names no stage.
        """
        try:
            return Stage(word.strip().rstrip("%"))
        except ValueError:
            raise InputError(
                f"{word!r} is not a stage.", remedy=f"Choose one of {', '.join(Stage)}."
            ) from None
