"""Fine-tuning in all weights on one GPU: bf16 arithmetic, fp32 masters, a rate that heeds the clock."""

from __future__ import annotations

import json
import math
import random
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import AutoConfig, AutoModelForCausalLM

from recipes.thinker.texts import load_examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Pair = tuple[list[int], list[int]]
"""Tokens of a prompt and of a reply."""


@dataclass(frozen=True)
class Settings:
    """What a run is. `seconds` is a limit: on a slow machine the learning rate falls with the clock."""

    epochs: int = 3
    rate: float = 2e-5
    least: float = 0.1
    warmup: float = 0.03
    padded: int = 16_384
    micro: int = 2
    held: int = 64
    chunk: int = 4096
    clip: float = 1.0
    seconds: float = 600.0
    seed: int = 7


def batches(examples: Sequence[Pair], padded: int, draw: random.Random) -> list[list[Pair]]:
    """Return batches of examples of nearly one length, at most `padded` tokens with their padding.

    Which examples share a batch, and the order of the batches, are drawn anew each time.
    """
    order = sorted(examples, key=lambda e: (len(e[0]) + len(e[1])) * draw.uniform(0.97, 1.03))
    made: list[list[Pair]] = [[]]
    longest = 0
    for example in order:
        longest = max(longest, len(example[0]) + len(example[1]))
        if made[-1] and longest * (len(made[-1]) + 1) > padded:
            made.append([])
            longest = len(example[0]) + len(example[1])
        made[-1].append(example)
    draw.shuffle(made)
    return made


def tensors(batch: Sequence[Pair], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs and labels, shape (rows, longest - 1); -100 where nothing is learned.

    Padding is on the right, where causal attention cannot see it, so no mask is needed.
    """
    longest = max(len(p) + len(r) for p, r in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    labels = torch.full((len(batch), longest), -100)
    for row, (prompt, reply) in enumerate(batch):
        whole = torch.tensor(prompt + reply)
        ids[row, : len(whole)] = whole
        labels[row, len(prompt) : len(whole)] = whole[len(prompt) :]
    return ids[:, :-1].to(device), labels[:, 1:].to(device)


def loss_sum(model: Any, ids: torch.Tensor, labels: torch.Tensor, chunk: int) -> torch.Tensor:
    """Return the summed cross entropy of a batch; logits come a chunk at a time, and again backward."""
    hidden = model.model(input_ids=ids, attention_mask={"full_attention": None}, use_cache=False)[0]
    learned = labels != -100
    hidden, labels = hidden[learned], labels[learned]

    def part(rows: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        return cross_entropy(model.lm_head(rows).float(), wanted, reduction="sum")

    total = torch.zeros((), device=ids.device)
    for at in range(0, len(labels), chunk):
        total = total + checkpoint(
            part, hidden[at : at + chunk], labels[at : at + chunk], use_reentrant=False
        )
    return total


@torch.no_grad()
def held_loss(model: Any, held: Sequence[Pair], settings: Settings, device: str) -> float:
    """Return the mean cross entropy of the examples that are held back."""
    total, tokens = 0.0, 0
    for batch in batches(held, settings.padded, random.Random(0)):
        ids, labels = tensors(batch, device)
        total += float(loss_sum(model, ids, labels, settings.chunk))
        tokens += int((labels != -100).sum())
    return total / tokens


def share(progress: float, settings: Settings) -> float:
    """Return the share of the full rate: up in a straight line, then down a cosine."""
    if progress < settings.warmup:
        return progress / settings.warmup
    along = min(1.0, (progress - settings.warmup) / (1 - settings.warmup))
    return settings.least + (1 - settings.least) * (1 + math.cos(math.pi * along)) / 2


def train(start: Path, examples: Path, reply: str, out: Path, settings: Settings) -> dict[str, Any]:
    """Fine-tune the model of a folder, and write the one that came of it with its log.

    Args:
        start: Folder of the model, with `vocabulary.json`.
        examples: What `save_examples` wrote.
        reply: "thinking", or "answer" for the control.
        out: Folder of the new model.
        settings: What the run is.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(settings.seed)
    draw = random.Random(settings.seed)
    pairs = load_examples(examples, reply)
    held, pairs = pairs[: settings.held], pairs[settings.held :]
    model = AutoModelForCausalLM.from_pretrained(start, dtype=torch.bfloat16, attn_implementation="sdpa")
    model = model.to(device).train()
    weights = list(model.parameters())
    masters = [w.detach().float() for w in weights]
    sums = [torch.zeros_like(m) for m in masters]
    for master, total in zip(masters, sums, strict=True):
        master.grad = total
    adam = torch.optim.AdamW(
        masters, settings.rate, betas=(0.9, 0.95), weight_decay=0.0, fused=device == "cuda"
    )
    plan = list(_plan(pairs, settings, draw))
    steps = len(plan)
    log: list[dict[str, float]] = []
    held_back = [round(held_loss(model, held, settings, device), 4)]
    begun, seen = time.perf_counter(), 0
    progress, step, recent = 0.0, 0, []
    while progress < 1.0:
        epoch, group = plan[step]
        loss, tokens, padded = _step(model, weights, sums, group, settings, device)
        for param in adam.param_groups:
            param["lr"] = settings.rate * share(progress, settings)
        torch.nn.utils.clip_grad_norm_(masters, settings.clip, foreach=True)
        adam.step()
        with torch.no_grad():
            torch._foreach_copy_(weights, masters)
            torch._foreach_zero_(sums)
        step, seen = step + 1, seen + padded
        recent.append(loss / tokens)
        seconds = time.perf_counter() - begun
        progress = 1.0 if step == steps else max(step / steps, seconds / settings.seconds)
        if step % 10 == 0 or progress >= 1.0:
            mean = sum(recent) / len(recent)
            recent = []
            log.append({"step": step, "epoch": epoch, "loss": round(mean, 4), "seconds": round(seconds, 1)})
            print(
                f"step {step}/{steps} loss {mean:.4f} {seconds:.0f}s {seen / seconds:,.0f} tokens/s",
                flush=True,
            )
            if not math.isfinite(mean):
                raise FloatingPointError("the loss is not finite")
        if step < steps and plan[step][0] != epoch:
            held_back.append(round(held_loss(model, held, settings, device), 4))
            print(f"held back: {held_back}", flush=True)
    held_back.append(round(held_loss(model, held, settings, device), 4))
    save(model, start, out)
    found = {
        "settings": asdict(settings),
        "reply": reply,
        "examples": len(pairs),
        "parameters": sum(w.numel() for w in weights),
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "torch": torch.__version__,
        "steps": step,
        "planned": steps,
        "padded_tokens": seen,
        "seconds": round(time.perf_counter() - begun, 1),
        "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 1) if device == "cuda" else 0,
        "held_back": held_back,
        "log": log,
    }
    (out / "training.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def _plan(
    pairs: Sequence[Pair], settings: Settings, draw: random.Random
) -> Iterator[tuple[int, list[list[Pair]]]]:
    """Yield the epoch and the batches of each step."""
    for epoch in range(settings.epochs):
        made = batches(pairs, settings.padded, draw)
        for at in range(0, len(made), settings.micro):
            yield epoch, made[at : at + settings.micro]


def _step(
    model: Any,
    weights: Sequence[torch.Tensor],
    sums: Sequence[torch.Tensor],
    group: Sequence[Sequence[Pair]],
    settings: Settings,
    device: str,
) -> tuple[float, int, int]:
    """Sum the gradients of a step in fp32; return the summed loss, tokens learned and tokens read."""
    parts = [tensors(batch, device) for batch in group]
    tokens = sum(int((labels != -100).sum()) for _, labels in parts)
    total = 0.0
    for ids, labels in parts:
        loss = loss_sum(model, ids, labels, settings.chunk)
        (loss / tokens).backward()
        with torch.no_grad():
            torch._foreach_add_(list(sums), [w.grad for w in weights])
        model.zero_grad(set_to_none=True)
        total += float(loss.detach())
    return total, tokens, sum(ids.numel() for ids, _ in parts)


def save(model: Any, start: Path, out: Path) -> None:
    """Write weights in bfloat16, configuration and vocabulary; the folder is named when it is whole."""
    part = out.with_name(out.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    state = {n: w.detach().to(torch.bfloat16).cpu().contiguous() for n, w in model.named_parameters()}
    save_file(state, part / "model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "vocabulary.json"):
        (part / name).write_bytes((start / name).read_bytes())
    part.rename(out)


def tiny(start: Path, out: Path) -> None:
    """Write a model of the same kind with two small layers and random weights, to rehearse with."""
    config = AutoConfig.from_pretrained(start)
    config.update(
        {
            "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 1, "intermediate_size": 128, "layer_types": ["full_attention"] * 2,
            "max_window_layers": 2,
        }
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    out.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(out)
    (out / "vocabulary.json").write_bytes((start / "vocabulary.json").read_bytes())
    save_file(
        {n: w.detach().contiguous() for n, w in model.named_parameters()},
        out / "model.safetensors",
        metadata={"format": "pt"},
    )


def distance(one: Path, other: Path) -> float:
    """Return how far the weights of two folders are apart: the norm of the difference over the first's."""
    first, second = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    apart = sum(float((first[n].float() - second[n].float()).pow(2).sum()) for n in first)
    return math.sqrt(apart / sum(float(w.float().pow(2).sum()) for w in first.values()))
