"""Rollouts on a GPU, where steps are captured: run where there is one."""

from pathlib import Path

import pytest
import torch

import karui
from karui.core.prompt import Sampling
from karui.engines.transformers.load import load_model
from karui.training.rl.rollout import Sampler

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="No GPU.")

MINI = Path(karui.__file__).parent / "models" / "mini"


def test_captured_steps_outlive_a_cache_that_grows():
    model = load_model(MINI, "cpu", "float32")
    captured, plain = (
        Sampler(model, {0}, device=torch.device("cuda"), dtype="float32", rows=8, graphs=graphs)
        for graphs in (True, False)
    )
    short = [[5 + n, 6, 7] for n in range(3)]
    long = [[5 + n, *range(6, 300)] for n in range(5)]
    # The cache grows twice, and each time the graphs that were captured over the old one are thrown away.
    for prompts, tokens in ((short, 24), (long, 40), (short, 24), (long, 400), (short, 600)):
        greedy = Sampling(0.0, max_tokens=tokens)
        assert captured.sample(prompts, greedy, (1,)) == plain.sample(prompts, greedy, (1,))
