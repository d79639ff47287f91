"""Training: a small Qwen3, on one GPU, in minutes; with a teacher, and from another's weights, if wanted."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, GenerationConfig, Qwen3Config, Qwen3ForCausalLM

from recipes.mini.questions import read_train
from recipes.mini.stream import IGNORED, loader


@dataclass(frozen=True)
class Settings:
    """What a run is.

    `seconds`, counted from the first step on, is a limit for slow machines: there the learning rate falls
    with the clock. On a machine that makes all `steps` in time it changes nothing. `more` says of a kind how
    many times as often as its share it comes.
    """

    hidden: int = 384
    layers: int = 12
    heads: int = 6
    head_width: int = 64
    key_value_heads: int = 2
    intermediate: int = 1024
    length: int = 1024
    rows: int = 64
    steps: int = 7800
    seconds: float = 375.0
    matrix_rate: float = 0.02
    other_rate: float = 3e-3
    warmup: int = 60
    flat: float = 0.35
    workers: int = 14
    seed: int = 7
    more: dict[str, float] = field(default_factory=dict)


TINY = Settings(
    hidden=64,
    layers=2,
    heads=2,
    head_width=32,
    key_value_heads=1,
    intermediate=128,
    rows=4,
    steps=6,
    warmup=2,
    workers=1,
)


class Teacher(Protocol):
    """A model that says more about each place than the one token that comes next (see `recipes.micro`).

    Attributes:
        facts: What the log says of it.
    """

    facts: dict[str, str | int | float]

    def logits(self, ids: torch.Tensor) -> torch.Tensor:
        """Return what the teacher thinks of each place, shape (rows, length, vocabulary); no gradient."""

    def loss(self, logits: torch.Tensor, taught: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss of the student's logits, given the teacher's and the tokens that come next."""


def build(settings: Settings, tokenizer) -> Qwen3ForCausalLM:
    """Return the model with random weights."""
    torch.manual_seed(settings.seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.key_value_heads,
        head_dim=settings.head_width,
        intermediate_size=settings.intermediate,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config)
    for name, weight in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):  # each layer starts by adding nothing
            torch.nn.init.zeros_(weight)
    return model


def further(settings: Settings, start: Path) -> Qwen3ForCausalLM:
    """Return the model of a folder, to be trained further."""
    torch.manual_seed(settings.seed)
    return Qwen3ForCausalLM.from_pretrained(start, dtype=torch.float32).train()


def rate(progress: float, flat: float) -> float:
    """Return the share of the full learning rate: flat first, then straight down to nothing."""
    return 1.0 if progress < flat else max(0.0, (1 - progress) / (1 - flat))


def logits_of(model, ids: torch.Tensor) -> torch.Tensor:
    """Return the logits of every place of packed rows."""
    # A mask given as a dict keeps transformers from building one: attention is causal over the row.
    hidden = model.model(input_ids=ids, attention_mask={"full_attention": None}, use_cache=False)[0]
    return model.lm_head(hidden)


def token_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross entropy of the tokens that are learnt."""
    return cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def _optimizers(model: Qwen3ForCausalLM, settings: Settings, device: str) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside the layers and AdamW for everything else."""
    from recipes.mini.muon import Muon

    inner = {name: p for name, p in model.model.layers.named_parameters() if p.ndim == 2}
    others = [p for name, p in model.named_parameters() if name.removeprefix("model.layers.") not in inner]
    return [
        Muon(inner.values(), settings.matrix_rate),
        torch.optim.AdamW(
            others, settings.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=device == "cuda"
        ),
    ]


def train(
    settings: Settings,
    questions: Path,
    tokenizer_folder: Path,
    out: Path,
    teacher: Teacher | None = None,
    start: Path | None = None,
) -> dict:
    """Train, save the model in bf16 with its tokenizer under ``out``, and return the log.

    With a folder to ``start`` from the model begins with its weights, and its log is kept in the new one.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    model = build(settings, tokenizer) if start is None else further(settings, start)
    before = None if start is None else json.loads((start / "training.json").read_text(encoding="utf-8"))
    model = model.to(device)
    optimizers = _optimizers(model, settings, device)

    def loss_of(ids: torch.Tensor, labels: torch.Tensor, taught: torch.Tensor | None) -> torch.Tensor:
        logits = logits_of(model, ids).float()
        return teacher.loss(logits, taught, labels) if teacher else token_loss(logits, labels)

    step_loss = torch.compile(loss_of) if device == "cuda" else loss_of
    batches = iter(
        loader(
            questions,
            tokenizer_folder,
            settings.length,
            settings.rows,
            settings.workers,
            settings.seed,
            settings.more,
        )
    )
    started, log, step, progress, running = time.perf_counter(), [], 0, 0.0, 0.0
    while progress < 1.0:
        ids, labels = (t.to(device, non_blocking=True) for t in next(batches))
        share = rate(progress, settings.flat) * min(1.0, (step + 1) / settings.warmup)
        for optimizer, full in zip(optimizers, (settings.matrix_rate, settings.other_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = full * share
        with torch.autocast(device, torch.bfloat16):
            loss = step_loss(ids, labels, teacher and teacher.logits(ids))
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        running = float(loss.detach()) if step == 0 else 0.95 * running + 0.05 * loss.detach()
        step += 1
        if step == 1:  # compiling is done: reading the loss has waited for it
            begun = time.perf_counter()
        if step % 10 == 0 and device == "cuda":
            torch.cuda.synchronize()  # the clock below must not run ahead of the GPU
        seconds = time.perf_counter() - begun
        progress = max(step / settings.steps, seconds / settings.seconds)
        if step % 100 == 0 or progress >= 1.0:
            tokens = step * settings.rows * settings.length
            log.append({"step": step, "loss": round(float(running), 4), "seconds": round(seconds, 1)})
            print(
                f"step {step} loss {float(running):.4f} {seconds:.0f}s {tokens / seconds / 1e6:.2f}M tok/s",
                flush=True,
            )
            if not math.isfinite(float(running)):
                raise FloatingPointError("the loss is not finite; lower the learning rates")
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    summary = {
        "settings": asdict(settings),
        "teacher": teacher and teacher.facts,
        "parameters": sum(p.numel() for p in model.parameters()),
        "device": name,
        "torch": torch.__version__,
        "train_questions": sum(map(len, read_train(questions).values())),
        "steps": step,
        "tokens": step * settings.rows * settings.length,
        "seconds": round(time.perf_counter() - started, 1),
        "log": log,
        **({"before": before} if before else {}),
    }
    save(model, tokenizer, out)
    (out / "training.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def save(model: Qwen3ForCausalLM, tokenizer, out: Path) -> None:
    """Write the bf16 weights, the tokenizer and the way to sample."""
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=0.6,
        top_p=0.95,
        max_new_tokens=1024,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
