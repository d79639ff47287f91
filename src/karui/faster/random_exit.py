"""Random exit: answers at a checkpoint drawn by lot."""

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.watcher import Action, Checkpoint


@dataclass(frozen=True)
class RandomExit(Technique):
    """Stops thinking at each checkpoint with the same chance, whatever the model has found.

    A control, not a method: an early exit that does not beat it at equal tokens reads nothing useful from its
    trials. The lot is a hash of the seed, the question and what was thought since the last checkpoint, so it
    falls the same live and replayed; in a recording without text, traces of one question with checkpoints at
    the same tokens exit together. Not for anything but comparison.

    karui's own, from no paper. What it is a control for: DEER (arXiv 2504.15895), Dynasor (arXiv 2412.20993)
    and the other exits that look at trials.
    """

    family: ClassVar[Family] = Family.CONTROL
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})

    chance: float = knob(
        0.1, low=0.02, high=0.5, log=True, help="Probability of stopping at each checkpoint."
    )
    seed: int = knob(0, help="Seed of the random stopping decisions.")

    def __post_init__(self) -> None:
        require(0 <= self.chance <= 1, self, "chance is a probability")

    def watch(self, ask: Request) -> "_Lots":
        return _Lots(self.chance, f"{self.seed}\0{ask.question}\0")


class _Lots:
    __slots__ = ("_chance", "_salt")

    def __init__(self, chance: float, salt: str) -> None:
        self._chance, self._salt = chance, salt

    def see(self, checkpoint: Checkpoint) -> Action:
        if checkpoint.final:
            return Action.GO
        seen = f"{checkpoint.index}\0{checkpoint.tokens}\0{checkpoint.text}"
        lot = sha256((self._salt + seen).encode()).digest()
        return Action.ANSWER if int.from_bytes(lot[:8], "big") < self._chance * 2**64 else Action.GO
