"""What techniques share that train by reinforcement: their knobs, and the training."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from karui.core.build_context import BuildContext
from karui.core.errors import InputError
from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion
from karui.core.technique import Technique, knob, require
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.training.config import TrainingRun
from karui.training.grpo import train_grpo
from karui.training.rl.config import RewardSpec, RLConfig
from karui.training.rl.prompts import Grader, longest_reply, rl_prompts
from karui.training.student import stored_dtype

GENERATE = ("karui", "transformers", "vllm")


@dataclass(frozen=True)
class RLTechnique(Technique):
    """Reinforcement learning of the model itself, through TRL's GRPOTrainer.

    The recording gives the questions and how long a reply may be; new answers are judged by its task's own
    verifier. Low-rank adapters are merged into the weights at the end, and kept beside them as `adapter`.
    """

    lora: int = knob(0, help="Rank of low-rank adapters; 0 trains every weight.")
    steps: int = knob(100, help="Training steps.")
    questions: int = knob(8, help="Questions that are answered for one rollout.")
    group: int = knob(8, help="Answers to each; memory grows with questions times group.")
    updates: int = knob(1, help="Training steps made of one rollout.")
    learning_rate: float = knob(0.0, help="Peak learning rate; 0 goes by the model's width.")
    temperature: float = knob(1.0, help="Sampling temperature of the answers.")
    max_tokens: int = knob(0, help="Most tokens of an answer; 0 goes by the recording.")
    beta: float = knob(0.0, help="Weight of the divergence from the model as it was.")
    mask_truncated: bool = knob(default=False, help="Whether to learn nothing from answers that were cut.")
    held: int = knob(64, help="Questions held back to watch accuracy on, half of them at most.")
    margin: float = knob(
        0.05, help="How far accuracy on them may fall, beyond chance, before the training ends."
    )
    generate: str = knob("karui", help="What draws answers: karui, transformers, or vllm where installed.")
    micro_tokens: int = knob(
        0, help="Tokens of one forward pass; 0 goes by the device. Memory grows with it."
    )

    def __post_init__(self) -> None:
        require(self.lora >= 0, self, "lora cannot be below 0")
        require(self.steps > 0 and self.questions > 0, self, "steps and questions have to be above 0")
        require(self.group > 1, self, "group has to be 2 or more: answers are judged against each other")
        require(self.updates > 0, self, "updates has to be above 0")
        require(self.learning_rate >= 0, self, "learning_rate cannot be below 0")
        require(self.temperature > 0, self, "temperature has to be above 0")
        require(self.max_tokens >= 0, self, "max_tokens cannot be below 0")
        require(self.beta >= 0, self, "beta cannot be below 0")
        require(self.held > 0, self, "held has to be above 0")
        require(0 <= self.margin < 1, self, "margin lies from 0 to below 1")
        require(self.generate in GENERATE, self, f"generate is one of {', '.join(GENERATE)}")
        require(self.micro_tokens >= 0, self, "micro_tokens cannot be below 0")

    def train(
        self,
        folder: Path,
        build: BuildContext,
        asked: Iterable[tuple[RecordedQuestion, Prompt, int]],
        spec: RewardSpec,
        *,
        at_least_tokens: int = 0,
    ) -> None:
        """Trains the model and writes it to `build.folder`.

        Args:
            folder: The model.
            build: Its `minutes` end the training early; its `scratch` holds checkpoints.
            asked: Recorded questions, what the model is shown, and the tokens that it asks for.
            spec: What is paid for.
            at_least_tokens: What an answer may take in any case.

        Raises:
            InputError: Too few questions, or numbers that do not share out evenly.
            ModelError: The training does not fit into memory, or comes apart; says which knob helps.
            RecordingMismatch: New answers cannot be judged.
            InputError: Answers are to be drawn by vLLM, and it is not installed, or runs on a CPU.
        """
        _ensure_generator(self.generate, build.device)
        recording, task = build.recording, build.task
        tokenizer = load_tokenizer(folder)
        model = load_model(folder, "cpu", stored_dtype(folder))
        prompts = rl_prompts(asked, task, tokenizer, build.recording.manifest.thinking)
        reach = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        longest = self.max_tokens or max(at_least_tokens, longest_reply(recording, prompts, reach))
        build.note(questions=len(recording.questions), drills=len(prompts), max_tokens=longest)
        curve, kept = train_grpo(
            TrainingRun.of(build, model, tokenizer),
            prompts,
            Grader(
                tokenizer,
                model,
                agreement=task.agreement,
                thinking=build.recording.manifest.thinking,
            ),
            spec,
            RLConfig(
                questions=self.questions,
                group=self.group,
                updates=self.updates,
                steps=self.steps,
                temperature=self.temperature,
                max_tokens=longest,
                learning_rate=self.learning_rate or None,
                lora=self.lora or None,
                beta=self.beta,
                mask_truncated=self.mask_truncated,
                held=self.held,
                margin=self.margin,
                generate=self.generate,
                micro_tokens=self.micro_tokens,
            ),
            sampling=recording.manifest.sampling,
        )
        build.note(curve=curve.as_dict(), kept=kept, margin=self.margin)


def _ensure_generator(name: str, device: str) -> None:
    if name != "vllm":
        return
    if find_spec("vllm") is None:
        raise InputError(
            "generate=vllm needs vLLM, which is not installed here.",
            why="TRL runs it in the process that trains.",
            remedy="Install a version of vLLM that this TRL supports, or leave generate=karui.",
        )
    if device.startswith("cpu"):
        raise InputError(
            "generate=vllm needs a GPU.",
            why="On a CPU, vLLM packs the weights once; a training gives it new ones at every step.",
            remedy="Leave generate=karui.",
        )
