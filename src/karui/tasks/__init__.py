"""Sources of questions, the reader of answers, and the verifiers that judge them.

    from karui.tasks import ensure_sound, load

    task = load("orders.jsonl")      # or "gsm8k", "gym:chain_sum", "mini", …: see available()
    ensure_sound(task)               # names the rows whose verifier cannot be trusted with them

Importing this costs milliseconds: what is heavy is imported when it is first needed.
"""

from karui.tasks.loader import available, describe, load, with_references
from karui.tasks.selfcheck import Failure, check, ensure_sound
from karui.tasks.verifiers import verifier, verifiers

__all__ = [
    "Failure",
    "available",
    "check",
    "describe",
    "ensure_sound",
    "load",
    "verifier",
    "verifiers",
    "with_references",
]
