"""Of which tokens a server is asked for log-probabilities: as the user says, else as what is there needs."""

from pathlib import Path

from karui.core.plan import Plan
from karui.engines.options import Logprobs
from karui.recording.store import MANIFEST, read_manifest

AUTO = "auto"


def level(wanted: str, plan: Plan) -> Logprobs:
    """Returns what a plan's engine asks for.

    Without a word of the user these are log-probabilities of trials and answers, which cost little; those of
    every token of the thinking cost a server several times its speed, and only a plan that needs them gets
    them.
    """
    if wanted != AUTO:
        return Logprobs(wanted)
    return Logprobs.for_abilities(plan.needs | _CHEAP)


def begun_with(wanted: str, folder: Path) -> str:
    """Returns what a recording that is there already was begun with; else what is wanted.

    Raises:
        RecordingError: It is damaged.
    """
    if wanted != AUTO or not (folder / MANIFEST).exists():
        return wanted
    manifest = read_manifest(folder)
    return manifest.server.get("logprobs") or Logprobs.for_abilities(manifest.abilities).value


_CHEAP = Logprobs.NONE.leaves_out - Logprobs.ANSWERS.leaves_out
"""The abilities that cost little, and are there unless the user does without them."""
