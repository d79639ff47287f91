"""What the model under training writes, on one process: rollouts, and replies to questions held back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from karui.core.prompt import Sampling
from karui.engines.transformers.load import choose_dtype
from karui.training.config import TrainingConfig
from karui.training.rl.config import RewardSpec, RLConfig
from karui.training.rl.prompts import Grader, RLPrompt


class CompletionSource:
    """Draws what the model under training writes, on this process.

    Attributes:
        model: The model under training, unwrapped.
        trainer: TRL's.
    """

    def __init__(self, model: Any, grader: Grader, rl: RLConfig, config: TrainingConfig, count: int) -> None:
        self.model: Any = None
        self.trainer: Any = None
        self._rl, self._seed = rl, config.seed
        self._sampler: Any = None
        if rl.generate == "karui":
            from accelerate import PartialState

            from karui.training.rl.rollout import Sampler

            self._sampler = Sampler(
                model,
                grader.ends,
                device=PartialState().device,
                dtype=choose_dtype("auto", config.device)[0],
                rows=rl.questions * rl.group // count,
                graphs=config.device.startswith("cuda"),
            )

    def held(self, prompts: list[list[int]], sampling: Sampling) -> list[list[int]]:
        """Returns replies to prompts held back."""
        limited = replace(sampling, max_tokens=self._rl.max_tokens)
        if self._sampler is None:
            written: list[list[int]] = self.trainer._generate_single_turn(prompts, None, {}, 1)[0]  # noqa: SLF001 - TRL has no other way to ask it
            return written
        return self._drawn(prompts, limited, 2, 0)

    def rollout(self, prompts: list[list[int]], trainer: Any) -> dict[str, Any]:
        """Returns completions, as TRL's `rollout_func` does."""
        drawn = Sampling(self._rl.temperature, max_tokens=self._rl.max_tokens)
        written = self._drawn(prompts, drawn, 3, int(trainer.state.global_step))
        return {"prompt_ids": prompts, "completion_ids": written, "logprobs": None}

    @property
    def as_rollout(self) -> Any:
        """What TRL is given as `rollout_func`; None leaves it to TRL."""
        return None if self._sampler is None else self.rollout

    def _drawn(self, prompts: list[list[int]], sampling: Sampling, what: int, step: int) -> list[list[int]]:
        from accelerate import PartialState

        self._sampler.refresh(self.model)
        seed = (self._seed, what, step, PartialState().process_index)
        found: list[list[int]] = self._sampler.sample(prompts, sampling, seed)
        return found


class Answers(Protocol):
    """What draws answers to questions held back."""

    def held(self, prompts: list[list[int]], sampling: Sampling) -> list[list[int]]:
        """Returns replies to prompts."""


def measure_held_out(
    held: Sequence[RLPrompt], grader: Grader, spec: RewardSpec | None, write: Answers, sampling: Sampling
) -> Mapping[str, float]:
    """Returns how the model does on the questions held back; each process asks its share of them.

    Without an aim there is no score among the figures.
    """
    import torch
    from accelerate import PartialState

    state = PartialState()
    share = held[state.process_index :: state.num_processes]
    sums = torch.zeros(5, dtype=torch.float32, device=state.device)
    if share:
        replies = write.held([d.prompt_ids for d in share], sampling)
        attempts = [grader.attempt(d, reply) for d, reply in zip(share, replies, strict=True)]
        score = spec.score(attempts, [d.target for d in share]) if spec else 0.0
        sums += torch.tensor(
            [
                len(share),
                sum(a.right for a in attempts),
                sum(a.tokens for a in attempts),
                sum(a.truncated for a in attempts),
                score * len(share),
            ],
            device=state.device,
        )
    if state.num_processes > 1:
        torch.distributed.all_reduce(sums)
    count, *rest = sums.tolist()
    names = ("held_accuracy", "held_tokens", "held_truncated", "held_score")
    found = dict(zip(names, (value / count for value in rest), strict=True))
    return found if spec else {name: found[name] for name in names[:-1]}
