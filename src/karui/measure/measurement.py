"""Sums outcomes up: one plan's measurement on three axes, and its comparison with the baseline."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.core.outcome import Outcomes
from karui.core.study import Comparison, Interval, KindFigures, Measurement, ModelFigures
from karui.core.technique import Family
from karui.measure.calibration import brier, confidently_wrong, expected_calibration_error
from karui.measure.cost_model import CostModel
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.measure.paper_metrics import accuracy_efficiency_score

Floats = NDArray[np.float64]

CONFIDENT = 0.9
"""At or above this confidence a wrong answer counts as confidently wrong: the default fallback threshold."""


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


def _by_kind(outcomes: Outcomes) -> dict[str, KindFigures]:
    names, tokens, accuracy = np.array(outcomes.kinds), outcomes.tokens, outcomes.accuracy
    found: Mapping[str, NDArray[np.bool_]] = {k: names == k for k in sorted(set(outcomes.kinds)) if k}
    return {
        kind: KindFigures(
            questions=int(rows.sum()),
            accuracy=mean_interval(accuracy[rows]),
            tokens=float(tokens[rows].mean()),
            truncated=float(np.nansum(outcomes.truncated[rows]) / np.nansum(outcomes.traces[rows])),
            looped=_looped(outcomes, rows),
        )
        for kind, rows in found.items()
    }


def _by_model(outcomes: Outcomes, footing: CostModel) -> dict[str, ModelFigures]:
    found = {}
    for model, card in outcomes.models.items():
        held = outcomes.held[model]
        ran = np.isfinite(held)
        found[model] = ModelFigures(
            name=card.name,
            weight_bytes=card.weight_bytes,
            asked=float((held[ran] > 0).mean()),
            tokens=float(outcomes.generated(model).mean()),
            flops=_mean(footing.flops(outcomes, model)),
        )
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
