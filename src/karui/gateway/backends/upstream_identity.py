"""Whether the upstream is still the model that was chosen for, as far as a server tells.

Its list of models and the fingerprint of its replies are compared with what they were at start. What a server
does not tell is left to the guard and the canaries: weights may change behind an unchanged name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from karui.gateway.records.cause import Because, Cause

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
    _listed: Because | None = None
    _replied: Because | None = None

    @property
    def stale(self) -> Because | None:
        """Why it is another model now; None while it is not."""
        return self._listed or self._replied

    def listed(self, models: object) -> Because | None:
        """Takes the list of models as it is now; returns `stale`. A server without a list tells nothing."""
        entries = models.get("data") if isinstance(models, Mapping) else None
        if isinstance(entries, list):
            found = next((e for e in entries if isinstance(e, Mapping) and e.get("id") == self.model), None)
            if found is None:
                self._listed = Because.of(Cause.MODEL_GONE, model=self.model)
            elif self.entry is None:
                self.entry, self._listed = found, None
            else:
                changed = [k for k in _TOLD if found.get(k) != self.entry.get(k)]
                self._listed = None
                for name in changed[:1]:
                    self._listed = _changed(name, self.entry.get(name), found.get(name))
        return self.stale

    def replied(self, fingerprint: str) -> Because | None:
        """Takes the fingerprint of a reply; returns `stale`."""
        if fingerprint and not self.fingerprint:
            self.fingerprint = fingerprint
        elif fingerprint:
            same = fingerprint == self.fingerprint
            self._replied = None if same else _changed("system_fingerprint", self.fingerprint, fingerprint)
        return self.stale


def _changed(field: str, before: object, now: object) -> Because:
    return Because.of(Cause.MODEL_CHANGED, field=field, before=str(before), now=str(now))
