"""Recordings without their texts: small enough to lie in the repository, and all that a replay needs."""

from __future__ import annotations

from dataclasses import replace
from shutil import rmtree
from typing import TYPE_CHECKING

from karui.core.ability import Ability
from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion, Recording
from karui.recording import store

if TYPE_CHECKING:
    from pathlib import Path

    from karui.core.trace import RecordedCheckpoint, Trace

ENTROPY_UNIT = 1 / 64


def compact(folder: Path, out: Path) -> None:
    """Write a recording again without texts; a question is shown as its id.

    Args:
        folder: The recording.
        out: Where it goes; what is there is replaced.
    """
    whole = store.load(folder)
    questions = tuple(map(_question, whole.questions))
    manifest = replace(whole.manifest, abilities=whole.manifest.abilities - {Ability.TEXT})
    rmtree(out, ignore_errors=True)
    store.save(Recording(manifest, questions), out)


def _question(question: RecordedQuestion) -> RecordedQuestion:
    return replace(question, prompt=Prompt(question.id), traces=tuple(map(_trace, question.traces)))


def _trace(trace: Trace) -> Trace:
    return replace(trace, thinking="", text="", seconds=0.0, checkpoints=tuple(map(_mark, trace.checkpoints)))


def _mark(mark: RecordedCheckpoint) -> RecordedCheckpoint:
    if mark.trial is None or mark.trial.peek is None:
        return mark
    peek = mark.trial.peek
    rounded = replace(peek, entropy=round(peek.entropy / ENTROPY_UNIT) * ENTROPY_UNIT)
    return replace(mark, trial=replace(mark.trial, text="", peek=rounded))
