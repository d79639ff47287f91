"""The first words of a model, said while it is loaded: how it begins shows whether it thinks."""

from collections.abc import Collection

import numpy as np

from karui.engines.batching.runner import ModelRunner, SamplingBatch


def first_words(runner: ModelRunner, prompt: list[int], ends: Collection[int], most: int) -> list[int]:
    """Returns the likeliest tokens behind a prompt, one after the other.

    Args:
        runner: With nothing running in it.
        prompt: At least one token, and room for `most` behind it.
        ends: Tokens that end the model's turn, which is then over.
        most: Tokens at most.
    """
    slots, one = np.zeros(1, np.int64), np.ones(1)
    greedy = SamplingBatch(np.zeros(1), temperature=np.zeros(1), top_p=one, top_k=np.zeros(1))
    runner.allocate(0)
    try:
        if prompt[:-1]:
            runner.prefill([0], [prompt[:-1]])
        said = [prompt[-1]]
        for place in range(most):
            lengths = np.array([len(prompt) - 1 + place])
            tokens, _ = runner.step(slots, np.array(said[-1:]), lengths, greedy)
            said.append(int(tokens[0]))
            if said[-1] in ends:
                break
    finally:
        runner.free(0)
    return said[1:]
