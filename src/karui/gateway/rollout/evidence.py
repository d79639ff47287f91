"""Which requests are evidence: nobody may settle alone what the guard and the roll-out conclude.

The guard's tests take requests for independent ones. A health probe that asks one question for ever, a load
test, or a client in a loop are not, whoever sends them.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from secrets import token_bytes

_REMEMBERED = 20_000
"""Callers and questions; beyond, those who have been counted longest ago are forgotten."""


@dataclass
class Evidence:
    """Decides whether one more request counts.

    Attributes:
        caller_seconds: One caller counts once in so long.
        question_seconds: One question counts once in so long, whoever asks it.
    """

    caller_seconds: float
    question_seconds: float
    _salt: bytes = field(default_factory=lambda: token_bytes(16), init=False, repr=False)
    _counted: OrderedDict[bytes, float] = field(default_factory=OrderedDict, init=False, repr=False)

    def counts(self, caller: str, question: str, at: float) -> bool:
        """Returns whether a request counts, and remembers that it did.

        Args:
            caller: Who asks; "" where they do not say.
            question: What they ask.
            at: Now, seconds since the epoch.
        """
        wanted = [(self._digest("q", question), self.question_seconds)]
        if caller:
            wanted.append((self._digest("c", caller), self.caller_seconds))
        if any(at - self._counted.get(key, -seconds) < seconds for key, seconds in wanted):
            return False
        for key, _ in wanted:
            self._counted[key] = at
            self._counted.move_to_end(key)
        while len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
        return True

    def _digest(self, kind: str, text: str) -> bytes:
        """Returns what is remembered: a digest with this process's salt, which tells nothing of the text."""
        return blake2b(f"{kind}{text}".encode("utf-8", "replace"), digest_size=12, key=self._salt).digest()
