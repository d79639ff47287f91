"""Run by `torchrun --nproc-per-node 2`: both processes train one model by reinforcement.

`accelerate launch` starts several processes for GPUs only; on processors it leaves that to mpirun.
"""

import json
import sys
from pathlib import Path

import torch
from accelerate import PartialState
from torch import distributed

from karui.artifacts.recorded_task import recorded_task
from karui.core.prompt import Sampling
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.training.config import TrainingRun
from karui.training.grpo import train_grpo
from karui.training.rl.config import RewardSpec, RLConfig
from karui.training.rl.prompts import Grader, rl_prompts
from karui.training.rl.rewards import efficient_length
from tests.helpers import rl_trainings as material


def main(folder):
    state = PartialState(cpu=True)
    if state.is_main_process:
        material.make_model(folder / "model")
        material.make_task(folder / "task", right=True)
        (folder / "scratch").mkdir()
    state.wait_for_everyone()
    recording = material.make_recording(folder / "model", folder / "task" / "questions.jsonl", tokens=32)
    model, tokenizer = load_model(folder / "model", "cpu", "float32"), load_tokenizer(folder / "model")
    task = recorded_task(recording)
    curve, kept = train_grpo(
        TrainingRun(model, tokenizer, folder / "out", folder / "scratch"),
        rl_prompts([(q, q.prompt, 0) for q in recording.questions], task, tokenizer),
        Grader(tokenizer, model, agreement=False),
        RewardSpec(lambda n, r, _: efficient_length(n, r), lambda a, _: -sum(x.tokens for x in a) / len(a)),
        RLConfig(4, 8, 1, 6, 1.0, 32, learning_rate=0.01, held=4, margin=0.99),
        sampling=Sampling(1.0),
    )
    # Both have to hold the same weights: neither went its own way.
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    others = [torch.zeros_like(flat) for _ in range(state.num_processes)]
    distributed.all_gather(others, flat)
    if state.is_main_process:
        found = {
            "processes": state.num_processes,
            "same": bool(torch.equal(others[0], others[1])),
            "steps": curve.steps,
            "rewards": [p.figures["reward"] for p in curve.points[1:]],
            "kept": kept,
        }
        (folder / "found.json").write_text(json.dumps(found))


main(Path(sys.argv[1]))
