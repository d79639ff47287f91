"""How well a model knows the examples that it does not learn from."""

from collections.abc import Sequence
from typing import Any

from karui.training.data.examples import IGNORED, TrainingExample


def held_back_loss(model: Any, examples: Sequence[TrainingExample], pad: int, *, bf16: bool) -> float:
    """Returns the cross-entropy of the examples' replies, in nats per token, all tokens alike.

    Every process takes its share of the examples. The figure means the same for every way to learn: how
    likely the model finds right replies to questions that it never learned from.
    """
    import torch
    from accelerate import PartialState
    from torch.nn.functional import cross_entropy

    state = PartialState()
    sums = torch.zeros(2, dtype=torch.float32, device=state.device)
    training = model.training
    model.eval()
    ordered = sorted(examples, key=lambda x: len(x.ids))[state.process_index :: state.num_processes]
    with torch.no_grad(), torch.autocast(state.device.type, torch.bfloat16, enabled=bf16):
        for i in range(0, len(ordered), 4):
            inputs = collate(ordered[i : i + 4], pad, state.device)
            labels = inputs.pop("labels")[:, 1:].reshape(-1)
            logits = model(**inputs, use_cache=False).logits[:, :-1].flatten(0, 1)
            taken = labels != IGNORED
            sums[0] += cross_entropy(logits[taken].float(), labels[taken], reduction="sum")
            sums[1] += taken.sum()
    model.train(training)
    if state.num_processes > 1:
        torch.distributed.all_reduce(sums)
    return float(sums[0] / sums[1])


def collate(examples: Sequence[TrainingExample], pad: int, device: Any) -> dict[str, Any]:
    """Returns examples as one batch of tensors, padded at the right."""
    import torch

    length = max(len(x.ids) for x in examples)
    rows = {
        "input_ids": [x.ids + [pad] * (length - len(x.ids)) for x in examples],
        "labels": [x.labels + [IGNORED] * (length - len(x.ids)) for x in examples],
        "attention_mask": [[1] * len(x.ids) + [0] * (length - len(x.ids)) for x in examples],
    }
    return {name: torch.tensor(values, device=device) for name, values in rows.items()}
