"""Outcomes summed up: one plan's measurement on three axes, and its comparison with the baseline."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.core.outcome import BILL_FIELDS, Outcomes
from karui.core.technique import Family
from karui.measure.accuracy import brier, confidently_wrong, expected_calibration_error
from karui.measure.cost_model import CostModel
from karui.measure.intervals import Interval, mean_interval, paired_difference, ratio_interval
from karui.measure.paper_metrics import accuracy_efficiency_score

Floats = NDArray[np.float64]

CONFIDENT = 0.9
"""At or above this confidence a wrong answer counts as confidently wrong: the default fallback threshold."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One plan summed up over questions.

    Attributes:
        plan: The plan's id.
        label: For people.
        spec: What recreates it.
        families: The families of its techniques; ("baseline",) for the bare model.
        questions: How many.
        runs: Runs of each at most.
        live: Whether an engine ran, or a recording was replayed.
        accuracy: Share right.
        answered: Share of runs with an answer.
        truncated: Of the traces started, the share cut by the token limit.
        traces: Traces started per question.
        confident_wrong: Share of runs wrong with confidence at or above `CONFIDENT`; None if no confidence.
        brier: Mean squared error of the confidence; None if there is none.
        ece: Expected calibration error; None likewise.
        tokens: Generated per question, everything.
        usage: Mean per question by kind.
        flops: Mean per question; None where the model's shape is unknown.
        kv_bytes: Mean peak of the KV cache for one question, bytes; None likewise.
        weight_bytes: Bytes of the weights of all models it keeps loaded; 0 where unknown.
        time: Token-time, p50 and p95.
        seconds: p50 and p95 of the wall time when live, else by `CostModel.seconds`; None if unknown.
        first_answer_seconds: The same up to the answer's first token; live only.
        cost: Money per 1,000 questions; None where no prices were stated.
        kinds: By kind: questions, accuracy, tokens, truncated and looped share.
        errors: Questions that failed on the engine.
        memory_bytes: Weights and mean peak of the KV cache together; None where either is unknown.
        looped: Of the traces started, the share that came to say the same passage again and again
            (`karui.core.loops`); None where a text is missing to tell by.
        models: By the name asked for: `name` and `weight_bytes` of the model, `asked` (share of runs that
            asked it), `tokens` and `flops` (None where unknown) per question.
    """

    plan: str
    label: str
    spec: list[dict[str, Any]]
    families: tuple[str, ...]
    questions: int
    runs: int
    live: bool
    accuracy: Interval
    answered: float
    truncated: float
    traces: float
    confident_wrong: float | None
    brier: float | None
    ece: float | None
    tokens: Interval
    bill: dict[str, float]
    flops: float | None
    kv_bytes: float | None
    weight_bytes: int
    time: tuple[float, float]
    seconds: tuple[float, float] | None
    first_answer_seconds: tuple[float, float] | None
    cost: float | None
    kinds: dict[str, dict[str, Any]]
    errors: int = 0
    memory_bytes: float | None = None
    looped: float | None = None
    models: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns a JSON-able dictionary."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan against the baseline on the same questions. Loss is baseline minus plan: positive is worse.

    Attributes:
        plan: The plan's id.
        loss: Mean loss of accuracy with its interval, for display; it certifies nothing.
        token_ratio: The plan's generated tokens over the baseline's.
        flops_ratio: Likewise; None where unknown.
        time_ratio: Token-time likewise.
        cost_ratio: Likewise; None where no prices were stated.
        kv_ratio: Peak KV cache likewise; None where unknown.
        confident_wrong_rise: Rise of the confident-wrong rate; None where either has no confidence.
        worst_kind: The kind that loses most, its loss and its number of questions; None without kinds.
        lost_questions: Questions the baseline mostly gets right and the plan mostly gets wrong.
        won_questions: The reverse.
        aes: Accuracy-efficiency score (O1-Pruner).
        seconds_ratio: Mean seconds likewise, estimated or live; None where unknown on either side.
        memory_ratio: Weights and peak KV cache together likewise; None where unknown.
    """

    plan: str
    loss: Interval
    token_ratio: Interval
    flops_ratio: float | None
    time_ratio: float
    cost_ratio: float | None
    kv_ratio: float | None
    confident_wrong_rise: Interval | None
    worst_kind: tuple[str, float, int] | None
    lost_questions: int
    won_questions: int
    aes: float
    seconds_ratio: float | None = None
    memory_ratio: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns a JSON-able dictionary."""
        return asdict(self)


def measure(outcomes: Outcomes, footing: CostModel, *, confident: float = CONFIDENT) -> Measurement:
    """Sums up one plan's outcomes."""
    plan = outcomes.plan
    time = np.nanpercentile(outcomes.time, [50, 95])
    started = np.nansum(outcomes.traces)
    seconds = footing.seconds(outcomes)
    correct, confidence = _known(outcomes)
    sure = confidently_wrong(correct, confidence, confident) if correct.size else None
    return Measurement(
        plan=plan.id,
        label=plan.label,
        spec=plan.spec,
        families=families(outcomes),
        questions=len(outcomes.questions),
        runs=outcomes.correct.shape[1],
        live=outcomes.live,
        accuracy=mean_interval(outcomes.accuracy),
        answered=float(np.nanmean(outcomes.answered)),
        truncated=float(np.nansum(outcomes.truncated) / started) if started else 0.0,
        looped=_looped(outcomes),
        traces=float(np.nanmean(outcomes.traces)),
        confident_wrong=None if sure is None else float(sure.sum() / np.isfinite(outcomes.correct).sum()),
        brier=brier(correct, confidence) if correct.size else None,
        ece=expected_calibration_error(correct, confidence) if correct.size else None,
        tokens=mean_interval(outcomes.tokens, bounds=None),
        bill={k: float(outcomes.billed(k).mean()) for k in _SHOWN},
        flops=_mean(footing.flops(outcomes)),
        kv_bytes=_mean(footing.kv_bytes(outcomes)),
        weight_bytes=footing.weight_bytes(outcomes),
        time=(float(time[0]), float(time[1])),
        seconds=None if seconds is None else _spread(seconds),
        first_answer_seconds=_spread(outcomes.first_answer_seconds) if outcomes.live else None,
        cost=_mean(footing.cost(outcomes)),
        kinds=_by_kind(outcomes),
        errors=outcomes.errors,
        memory_bytes=_mean(footing.memory_bytes(outcomes)),
        models=_by_model(outcomes, footing),
    )


def compare(
    baseline: Outcomes, plan: Outcomes, footing: CostModel, *, confident: float = CONFIDENT
) -> Comparison:
    """Compares a plan with the baseline, question by question.

    Raises:
        ValueError: They are not outcomes of the same questions in the same order.
    """
    if baseline.questions != plan.questions:
        raise ValueError("a comparison needs the same questions on both sides")
    gain = paired_difference(baseline.accuracy, plan.accuracy)
    d = baseline.accuracy - plan.accuracy
    before, after = baseline.tokens, plan.tokens
    return Comparison(
        plan=plan.plan.id,
        loss=Interval(-gain.value, -gain.high, -gain.low, gain.level, gain.method, gain.questions),
        token_ratio=ratio_interval(after, before),
        flops_ratio=_ratio(footing.flops(plan), footing.flops(baseline)),
        time_ratio=float(np.nanmean(plan.time) / np.nanmean(baseline.time)),
        cost_ratio=_ratio(footing.cost(plan), footing.cost(baseline)),
        kv_ratio=_ratio(footing.kv_bytes(plan), footing.kv_bytes(baseline)),
        confident_wrong_rise=confident_wrong_rise(baseline, plan, confident),
        worst_kind=_worst_kind(baseline.kinds, d),
        lost_questions=int(np.sum((baseline.accuracy > 0.5) & (plan.accuracy <= 0.5))),
        won_questions=int(np.sum((baseline.accuracy <= 0.5) & (plan.accuracy > 0.5))),
        aes=accuracy_efficiency_score(
            tokens=float(after.mean()),
            accuracy=float(plan.accuracy.mean()),
            baseline_tokens=float(before.mean()),
            baseline_accuracy=max(float(baseline.accuracy.mean()), 1e-9),
        ),
        seconds_ratio=_seconds_ratio(footing, plan, baseline),
        memory_ratio=_ratio(footing.memory_bytes(plan), footing.memory_bytes(baseline)),
    )


def families(outcomes: Outcomes) -> tuple[str, ...]:
    """Returns the families of a plan's techniques, each once, in the survey's order."""
    held = {t.family for t in outcomes.plan.techniques}
    return tuple(f.value for f in Family if f in held) or ("baseline",)


_SHOWN = ("prompt", "cached", "thinking", "answer", "trial", "dropped")


def _known(outcomes: Outcomes) -> tuple[NDArray[np.bool_], Floats]:
    """Verdict and confidence of the runs that have both, flat."""
    known = np.isfinite(outcomes.confidence) & np.isfinite(outcomes.correct)
    return outcomes.correct[known] > 0.5, outcomes.confidence[known].astype(np.float64).clip(0, 1)


def confident_wrong_rise(baseline: Outcomes, plan: Outcomes, confident: float = CONFIDENT) -> Interval | None:
    """Returns by how much the confident-wrong rate rises; None where either side has no confidence."""
    rates = [_confident_wrong_rate(o, confident) for o in (baseline, plan)]
    if rates[0] is None or rates[1] is None:
        return None
    return paired_difference(rates[0], rates[1])


def _confident_wrong_rate(outcomes: Outcomes, confident: float) -> Floats | None:
    """Share of each question's runs that are wrong with confidence, shape [questions]."""
    if not np.isfinite(outcomes.confidence).any():
        return None
    wrong = (outcomes.correct < 0.5) & (np.nan_to_num(outcomes.confidence, nan=-1.0) >= confident)
    counted = np.isfinite(outcomes.correct)
    return np.asarray((wrong & counted).sum(axis=1) / counted.sum(axis=1), dtype=np.float64)


def _worst_kind(kinds: tuple[str, ...], d: Floats) -> tuple[str, float, int] | None:
    names = np.array(kinds)
    losses = [(float(d[names == k].mean()), k, int((names == k).sum())) for k in sorted(set(kinds)) if k]
    if not losses:
        return None
    loss, kind, questions = max(losses)
    return kind, loss, questions


def _by_kind(outcomes: Outcomes) -> dict[str, dict[str, Any]]:
    names, tokens, accuracy = np.array(outcomes.kinds), outcomes.tokens, outcomes.accuracy
    found: Mapping[str, NDArray[np.bool_]] = {k: names == k for k in sorted(set(outcomes.kinds)) if k}
    return {
        kind: {
            "questions": int(rows.sum()),
            "accuracy": asdict(mean_interval(accuracy[rows])),
            "tokens": float(tokens[rows].mean()),
            "truncated": float(np.nansum(outcomes.truncated[rows]) / np.nansum(outcomes.traces[rows])),
            "looped": _looped(outcomes, rows),
        }
        for kind, rows in found.items()
    }


def _by_model(outcomes: Outcomes, footing: CostModel) -> dict[str, dict[str, Any]]:
    prompt = BILL_FIELDS.index("prompt")
    found = {}
    for model, card in outcomes.models.items():
        prompts = outcomes.bills[model][:, :, prompt]
        ran = np.isfinite(prompts)
        found[model] = {
            "name": card.name,
            "weight_bytes": card.weight_bytes,
            "asked": float((prompts[ran] > 0).mean()),
            "tokens": float(outcomes.generated(model).mean()),
            "flops": _mean(footing.flops(outcomes, model)),
        }
    return found


def _looped(outcomes: Outcomes, rows: NDArray[np.bool_] | slice = slice(None)) -> float | None:
    """Returns the share of traces that loop; None where some have no text to tell by."""
    ran = np.isfinite(outcomes.traces[rows])
    looped, started = outcomes.looped[rows][ran], outcomes.traces[rows][ran]
    if not np.isfinite(looped).all():
        return None
    return float(looped.sum() / started.sum()) if started.sum() else 0.0


def _spread(seconds: NDArray[np.floating[Any]]) -> tuple[float, float]:
    low, high = np.nanpercentile(seconds, [50, 95])
    return float(low), float(high)


def _mean(values: Floats | None) -> float | None:
    return None if values is None else float(values.mean())


def _seconds_ratio(footing: CostModel, plan: Outcomes, baseline: Outcomes) -> float | None:
    above, below = footing.seconds(plan), footing.seconds(baseline)
    if above is None or below is None:
        return None
    return float(np.nanmean(above) / np.nanmean(below))


def _ratio(above: Floats | None, below: Floats | None) -> float | None:
    return None if above is None or below is None or not below.sum() else float(above.sum() / below.sum())
