"""What a recording says that live traffic will look like, and what of a live run is compared with it."""

from karui.serving_profile.profile import (
    FILE,
    CheckpointSettings,
    ServingContract,
    ServingProfile,
    contract_of,
)
from karui.serving_profile.signals import DriftSignals, signals

__all__ = [
    "FILE",
    "CheckpointSettings",
    "DriftSignals",
    "ServingContract",
    "ServingProfile",
    "contract_of",
    "signals",
]
