"""Whether the upstream is still the model that was chosen for, as far as a server tells.

Its list of models and the fingerprint of its replies are compared with what they were at start. What a server
does not tell is left to the guard and the canaries: weights may change behind an unchanged name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TOLD = ("id", "root", "max_model_len")
"""Of an entry in the list of models, what belongs to the model and not to the server's day."""


@dataclass
class UpstreamIdentity:
    """What a server said of its model when the gateway came up.

    Attributes:
        model: The model's name there.
        entry: Of its list of models; None where it has none.
        fingerprint: Of its replies; "" before the first that has one.
    """

    model: str
    entry: Mapping[str, Any] | None = None
    fingerprint: str = ""
    _listed: str = ""
    _replied: str = ""

    @property
    def stale(self) -> str:
        """Why it is another model now, "" while it is not."""
        return self._listed or self._replied

    def listed(self, models: object) -> str:
        """Takes the list of models as it is now; returns `stale`. A server that has none says nothing."""
        entries = models.get("data") if isinstance(models, Mapping) else None
        if isinstance(entries, list):
            found = next((e for e in entries if isinstance(e, Mapping) and e.get("id") == self.model), None)
            if found is None:
                self._listed = f"{self.model} is no longer served"
            elif self.entry is None:
                self.entry, self._listed = found, ""
            else:
                changed = [k for k in _TOLD if found.get(k) != self.entry.get(k)]
                self._listed = "".join(
                    f"{k} was {self.entry.get(k)} and is {found.get(k)}" for k in changed[:1]
                )
        return self.stale

    def replied(self, fingerprint: str) -> str:
        """Takes the fingerprint of a reply; returns `stale`."""
        if fingerprint and not self.fingerprint:
            self.fingerprint = fingerprint
        elif fingerprint:
            same = fingerprint == self.fingerprint
            self._replied = "" if same else f"system_fingerprint was {self.fingerprint} and is {fingerprint}"
        return self.stale
