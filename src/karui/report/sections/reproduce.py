"""How to make a report again: commands, digests, versions and what the recording was made with."""

import json
from dataclasses import asdict

from markupsafe import Markup

from karui.report.context import Context
from karui.report.render import render


def section(c: Context) -> Markup:
    """Returns everything that is needed to repeat the study."""
    spec = c.plan.measurement.spec if c.plan else None
    return render(
        c,
        "reproduce",
        commands="\n".join(c.study.commands),
        spec=json.dumps(spec, ensure_ascii=False) if spec else "",
        lists=[
            ("recording_made_with", made_with(c)),
            ("digests", digests(c)),
            ("versions", versions(c)),
        ],
    )


def made_with(c: Context) -> list[tuple[str, str]]:
    """Returns label and value of every condition of the recording that is known."""
    w, form, m = c.words, c.form, c.study.manifest
    model, sampling, rule = m.model, asdict(m.sampling), m.rule
    found = [
        (w("model"), model.name),
        (w("parameters"), form.scaled(model.parameters) if model.parameters else ""),
        (w("dtype"), model.dtype),
        (w("task"), m.task),
        (w("engine"), m.engine),
        (w("machine"), m.machine),
        (w("sampling"), w("sampling_value", **{**sampling, "top_k": m.sampling.top_k or "–"})),
        (w("samples"), form.integer(m.samples) if m.samples else ""),
        (w("seed"), str(m.seed)),
        (w("checkpoints"), w("checkpoints_value", every=rule.max_interval, least=rule.min_interval)),
        (w("suffix"), json.dumps(m.suffix, ensure_ascii=False) if m.suffix else ""),
        (w("throughput"), _throughput(c)),
        (w("energy"), _energy(c)),
        (w("timeouts"), w("timeouts_value", count=form.integer(m.timeouts)) if m.timeouts else ""),
    ]
    return [(label, value) for label, value in found if value]


def digests(c: Context) -> list[tuple[str, str]]:
    """Returns what each digest is of, and the digest."""
    w, choice = c.words, c.study.choice
    found = [
        (w("model"), choice.model.digest or c.study.manifest.model.digest),
        (w("task"), choice.task_digest),
        (w("plan"), c.plan.plan if c.plan else choice.plan),
        *choice.recordings.items(),
        (w("judge_prompt"), choice.judge.judging.prompt if choice.judge else ""),
    ]
    return [(str(label), str(value)) for label, value in found if value]


def versions(c: Context) -> list[tuple[str, str]]:
    """Returns names and versions of what the recording ran on."""
    return [(str(k), str(v)) for k, v in c.study.manifest.versions.items()]


def _energy(c: Context) -> str:
    """Returns the joules that a question takes, by the counter that was read; "" where none was."""
    w, form = c.words, c.form
    said = []
    for source, joules in c.study.manifest.joules_per_token.items():
        before = form.decimal(joules * c.study.baseline.tokens.value)
        said.append(w(f"energy_{source}", joules=before))
        if c.plan:
            after = form.decimal(joules * c.plan.measurement.tokens.value)
            said.append(w("energy_plan", joules=after))
    return "; ".join([*said, w("energy_note")]) if said else ""


def _throughput(c: Context) -> str:
    rate = c.study.manifest.tokens_per_second
    return f"{c.form.integer(rate)} {c.words('unit_tokens_per_second')}" if rate else ""
