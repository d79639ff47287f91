"""Practice: a student writes replies of its own, and a teacher corrects it token by token."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from karui.training.config import TrainingConfig, prepare_data, silent
from karui.training.data.examples import TrainingExample
from karui.training.learning_curve import Curve
from karui.training.sft import usual_rate
from karui.training.trainers import (
    arguments,
    check_memory,
    new_course,
    on_course,
    one_device,
    run,
    save,
    unchanged,
)


def practise(
    model: Any,
    teacher: Any,
    tokenizer: Any,
    lessons: Sequence[TrainingExample],
    *,
    beta: float,
    temperature: float,
    max_tokens: int,
    replies: int,
    steps: int,
    out: Path | None,
    scratch: Path,
    device: str = "cpu",
    seed: int = 0,
    learning_rate: float | None = None,
    minutes: float | None = None,
    held_back: float = 0.05,
    on_progress: Callable[[float, float, str], None] = silent,
) -> Curve:
    """Trains `model` in place on replies that it writes itself, through TRL's DistillationTrainer.

    Generalized knowledge distillation (Agarwal et al., 2306.13649): what a student meets in training is what
    it will meet when it is used, its own mistakes among it.

    Args:
        model: The student; it should be able to reason already, or its replies are noise.
        teacher: Of the same vocabulary; not trained.
        tokenizer: Of both.
        lessons: One for each question; their prompts are practised on, their replies only measured with.
        beta: 0 is KL(teacher || student), 1 is KL(student || teacher), between them a Jensen-Shannon mix.
        temperature: Of drawing replies, and of both distributions in the loss.
        max_tokens: Of one reply.
        replies: Replies of one optimizer step, on all devices together.
        steps: Optimizer steps.
        out: Written when the training is over; None writes nothing.
        scratch: As the rest, see `karui.training.sft.fine_tune`.
        device: "cpu", "cuda" or "mps".
        seed: Everything random comes from it.
        learning_rate: At its peak; None takes a fifth of `usual_rate`, the student being taught already.
        minutes: Wall time at most.
        held_back: Share of the questions that are measured on.
        on_progress: Is told (done, total, words).

    Raises:
        InputError: No lessons, or a setting that cannot be.
        ModelError: Too little memory; says which knob lowers it.
    """
    from datasets import Dataset
    from trl import DistillationConfig, DistillationTrainer

    rate = usual_rate(model) / 5 if learning_rate is None else learning_rate
    mean = sum(len(x.ids) for x in lessons) / max(1, len(lessons))
    setting = TrainingConfig(scratch, device, seed, rate, max(1, round(replies * mean)), minutes, on_progress)
    syllabus = prepare_data(lessons, tokenizer, setting, epochs=1, steps=steps, held_back=held_back)
    dtype = model.dtype
    total = sum(p.numel() for p in model.parameters())
    check_memory(model, setting, trained=total)
    model.float()
    course = new_course(syllabus, setting)
    prompts = Dataset.from_dict({"prompt": [x.prompt_ids for x in syllabus.learned]})
    config = DistillationConfig(
        **arguments(setting, syllabus, total),
        beta=beta,
        temperature=temperature,
        max_completion_length=max_tokens,
        shuffle_dataset=False,  # in the order that was laid out
    )
    _fit_vocabulary(model, teacher)
    with unchanged(model):
        model.generation_config.eos_token_id = _ends(model, lessons)
        trainer = _on_tokens(on_course(DistillationTrainer, course))(
            model=model,
            teacher_model=teacher,
            args=one_device(config),
            train_dataset=prompts.select(list(syllabus.batches.order)),
            processing_class=deepcopy(tokenizer),
        )
        curve = run(trainer, course, setting, syllabus)
    if out is not None:
        save(model, tokenizer, out, dtype)
    return replace(curve, tokens=int(trainer.state.num_input_tokens_seen))


def _on_tokens(kind: Any) -> Any:
    """Returns a subclass that takes prompts as tokens, the very ones the engine feeds."""

    class OnTokens(kind):  # type: ignore[misc]
        """Its prompts are tokens already."""

        def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
            return prompts, None, {}

    return OnTokens


def _ends(model: Any, lessons: Sequence[TrainingExample]) -> list[int]:
    """Returns the tokens at which a reply is over, the end of turn among them."""
    known = model.generation_config.eos_token_id
    ends = known if isinstance(known, list) else [known]
    return sorted({*(e for e in ends if e is not None), lessons[0].reply_ids[-1]})


def _fit_vocabulary(model: Any, teacher: Any) -> None:
    """Gives the student as many rows of embeddings as its teacher: models of one family are padded unlike."""
    wanted = teacher.config.get_text_config().vocab_size
    if model.config.get_text_config().vocab_size != wanted:
        model.resize_token_embeddings(wanted, mean_resizing=False)
