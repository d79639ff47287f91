"""A plan over a recording of parallel branches, on the shuffles that the published scripts draw."""

import random

from karui import catalog
from karui.core.recording import Recording
from karui.runners.replay import Replay


def shuffled(recording: Recording, words: str, shuffles: int) -> tuple[float, float]:
    """Returns accuracy in points and tokens a question over the shuffles of the published scripts.

    Shuffle n is Python's own from seed n, the same order of traces for every question.
    """
    plan = catalog.parse(words)
    replay = Replay({"main": recording})
    right = tokens = 0
    for seed in range(shuffles):
        order = list(range(recording.manifest.samples))
        random.Random(seed).shuffle(order)
        for question in recording.questions:
            outcome = replay.play(plan, {"main": question}, {"main": order}, keep_traces=False)
            right += outcome.correct
            tokens += outcome.tokens
    runs = shuffles * len(recording.questions)
    return 100 * right / runs, tokens / runs
