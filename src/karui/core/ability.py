"""Abilities: what engines differ in."""

from enum import StrEnum


class Ability(StrEnum):
    """What an engine can do, or a recording holds."""

    TRIALS = "trials"
    """Force an answer at a checkpoint."""
    CONFIDENCE = "confidence"
    """The probability of a trial's answer."""
    PEEKS = "peeks"
    """Looks at the first token of a trial: what it is, its probability, the entropy there."""
    SIGNALS = "signals"
    """Log-probability, entropy and top-k confidence of every thinking token."""
    TEXT = "text"
    """The text of the thinking."""
    THINKING_SWITCH = "thinking switch"
    """A chat template that can leave thinking out, or a marker that closes it at once."""
    EFFORT = "effort"
    """Levels of reasoning effort that change what the model is shown or how long it thinks."""
    BUDGET = "budget"
    """A thinking budget of its own that ends the thinking and leaves the answer clean."""
    TOLD_BUDGET = "told budget"
    """A chat template that tells the model itself how many thinking tokens to keep to."""
    BAN = "ban"
    """Keep words from being generated."""
    PENALTY = "penalty"
    """Lower the logits of words while thinking, and there alone."""


LISTED = frozenset({Ability.CONFIDENCE, Ability.PEEKS, Ability.SIGNALS})
"""What log-probabilities are needed for."""
