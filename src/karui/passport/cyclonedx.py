"""A passport as a CycloneDX 1.7 ML-BOM: the model with its card, the questions as data, all figures."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

from karui.core.study import Interval
from karui.passport.document import Passport
from karui.passport.model_files import root

_MODEL, _QUESTIONS = "model", "questions"


def bom(passport: Passport) -> dict[str, Any]:
    """Returns the BOM."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{passport.id}",
        "version": 1,
        "metadata": {
            "timestamp": passport.issued,
            "tools": {"components": [{"type": "application", "name": "karui", "version": passport.karui}]},
            **({"manufacturer": {"name": passport.issuer}} if passport.issuer else {}),
            "component": _model(passport),
            "properties": _properties(passport),
        },
        "components": [_data(passport), *_engine(passport)],
    }


def _model(passport: Passport) -> dict[str, Any]:
    model, files = passport.model, passport.model.files
    made: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": _MODEL,
        "name": model.name,
        "modelCard": {
            "modelParameters": {"task": "text-generation", "datasets": [{"ref": _QUESTIONS}]},
            "quantitativeAnalysis": {"performanceMetrics": list(metrics(passport))},
            "considerations": {
                "technicalLimitations": [f"The promise ends with {void.value}." for void in passport.voids],
                "performanceTradeoffs": [_tradeoff(passport)],
            },
        },
    }
    if model.digest:
        made["version"] = model.digest
    if files:
        made["hashes"] = [{"alg": "SHA-256", "content": root(files)}]
        made["components"] = [
            {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
            for name, digest in sorted(files.items())
        ]
    return made


def _tradeoff(passport: Passport) -> str:
    p = passport.promise
    return (
        f"Run by the plan {passport.plan.label}. Verdict: {p.verdict}; estimated loss of accuracy "
        f"{100 * p.loss:.1f} points, margin {100 * p.margin:g} points at {100 * p.confidence:g}% confidence."
    )


def _data(passport: Passport) -> dict[str, Any]:
    asked = passport.questions
    told = [{"name": "karui:task_digest", "value": asked.digest}]
    told += [{"name": f"karui:kind:{kind or '-'}", "value": str(n)} for kind, n in asked.kinds.items()]
    return {
        "type": "data",
        "bom-ref": _QUESTIONS,
        "name": asked.name,
        "data": [{"type": "dataset", "name": asked.name, "contents": {"properties": told}}],
    }


def _engine(passport: Passport) -> Iterator[dict[str, Any]]:
    for name, version in sorted(passport.conditions.versions.items()):
        yield {"type": "library", "name": name, "version": version}


def metrics(passport: Passport) -> Iterator[dict[str, Any]]:
    """Yields every figure as CycloneDX has it: type, value, slice and interval, all of them strings."""
    p, c = passport.promise, passport.consumption
    about = "agreement" if passport.questions.agreement else "accuracy"
    yield _metric(about, p.accuracy)
    yield _metric(f"{about}, full thinking", p.baseline)
    for kind, figures in p.kinds.items():
        yield _metric(about, figures, kind)
    yield {
        "type": f"loss of {about}",
        "value": _text(p.loss),
        "confidenceInterval": {"lowerBound": _text(p.low), "upperBound": _text(p.bound)},
    }
    for limit in p.limits:
        made = {"type": f"{limit.measure.value}, promised limit", "value": _text(limit.limit)}
        yield {**made, "confidenceInterval": {"upperBound": _text(limit.bound or limit.limit)}}
    yield _metric("tokens per question", c.tokens)
    if c.token_ratio is not None:
        yield _metric("tokens over those of full thinking", c.token_ratio)
    if c.seconds is not None:
        how = "measured" if c.measured else "estimated"
        yield {"type": f"seconds per reply, p50, {how}", "value": _text(c.seconds[0])}
        yield {"type": f"seconds per reply, p95, {how}", "value": _text(c.seconds[1])}
    singles = {"bytes of memory": c.memory_bytes, "FLOPs per question": c.flops}
    singles |= {f"joules per question, estimated ({source})": joules for source, joules in c.joules.items()}
    singles[f"cost of 1,000 questions ({c.currency})"] = c.cost
    yield from ({"type": name, "value": _text(value)} for name, value in singles.items() if value is not None)


def _metric(name: str, of: Interval, part: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {"type": name, "value": _text(of.value)}
    if part:
        made["slice"] = part
    if isfinite(of.low) and isfinite(of.high):
        made["confidenceInterval"] = {"lowerBound": _text(of.low), "upperBound": _text(of.high)}
    return made


def _text(value: float) -> str:
    return f"{value:.6g}"


def _judge(passport: Passport) -> dict[str, str]:
    p = passport.promise
    return {"judged_by": p.judged_by, "labelled_by_people": str(p.labels)} if p.judge else {}


def _properties(passport: Passport) -> list[dict[str, str]]:
    told = {
        "plan": passport.plan.label,
        "plan_id": passport.plan.id,
        "verdict": passport.promise.verdict,
        "margin": _text(passport.promise.margin),
        "confidence": _text(passport.promise.confidence),
        "expires": passport.expires,
        "engine": passport.conditions.engine,
        "machine": passport.conditions.machine,
        "fallback": passport.fallback,
        **_judge(passport),
        **{f"sampling:{name}": str(value) for name, value in passport.conditions.sampling.items()},
    }
    return [{"name": f"karui:{name}", "value": value} for name, value in told.items()]
