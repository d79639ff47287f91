"""The report as Markdown: short, for pull requests and e-mail."""

from karui.core.study.assumptions import MODES
from karui.html.markdown import code, grid, text
from karui.report import decision_text, failing, rejected_plans
from karui.report.caveats import caveats
from karui.report.context import Context
from karui.report.judge import judge
from karui.report.limits import limits
from karui.report.looks import looks
from karui.report.sections import domain, learning, misbehaviour, models, reference_run, tables, tests
from karui.report.sections.reproduce import digests, made_with, versions
from karui.report.sections.savings_panel import results
from karui.report.view_model import PlanTable
from karui.version import __version__


def markdown(c: Context) -> str:
    """Returns the whole text."""
    w = c.words
    notice = decision_text.notice(c)
    parts = [
        f"> **{text(notice)}**" if notice else "",
        f"# {decision_text.SIGNS[c.decision.name]} {text(decision_text.title(c))}",
        text((" " if c.form.lang == "ja" else ", ").join(decision_text.about(c))),
        *([f"> {w('agreement_note')}"] if w.agreement else []),
        *(f"> {text(told)}" for told in judge(c.study.choice, w, c.form)),
        *(f"> {text(told)}" for told in caveats(c.study.manifest, w)),
        f"**{text(decision_text.lead(c))}**",
        *([f"{w('plan_in_question')}: {code(c.plan.label)}"] if c.plan else []),
        decision_text.rule(c),
        " ".join(map(text, (*looks(c.study.choice, w, c.form), *limits(c.study.choice, w, c.form)))),
        decision_text.confirmation(c),
        "\n".join(f"- {label}: {text(value)}" for label, value in decision_text.facts(c)),
        _failing(c),
        _savings(c),
        f"## {w('table')}",
        _rows(c, c.board),
        _models(c),
        _misbehaviour(c),
        _domain(c),
        _learning(c),
        _live(c),
        *_tests(c),
        _shipped(c),
        f"## {w('reproduce')}",
        "```sh\n" + "\n".join(str(line).replace("```", "") for line in c.study.commands) + "\n```",
        "\n".join(f"- {text(k)}: {code(v)}" for k, v in (*digests(c), *versions(c), *made_with(c))),
        f"_{w('made_by', version=__version__).split('. ')[0].split('。')[0]}_",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _failing(c: Context) -> str:
    failed, w = c.study.choice.failure, c.words
    if failed is None:
        return ""
    why = [f"{n}. **{text(r)}** {text(do)}" for n, (r, do) in enumerate(failing.likely(w, c.form, failed), 1)]
    shown = [
        "\n".join(f"- {label}: {code(said)}" for label, said in failing.told(w, reply))
        for reply in failed.examples
    ]
    parts = [f"## {w('likely')}", "\n".join(why), f"## {w('its_replies')}", w("its_replies_note"), *shown]
    return "\n\n".join(parts)


def _tests(c: Context) -> list[str]:
    """Returns what was tested and what was rejected; nothing of it where the baseline fails."""
    w = c.words
    if c.decision.name == "fix":
        return []
    rejected = "\n".join(
        f"- {rejected_plans.count(c, len(p))}: {text(r)}" for r, p in rejected_plans.by_reason(c)
    )
    return [f"## {w('tested')}", _tested(c), f"## {w('rejected')}", rejected or w("rejected_none")]


def _savings(c: Context) -> str:
    w = c.words
    if c.usage is None or c.decision.name == "withdrawn":
        return ""
    lines = [f"## {w('savings' if c.decision.name == 'adopt' else 'savings_would')}"]
    for mode in MODES:
        found, names = results(c, mode), c.assumed.asked(mode)
        values = c.assumed.numbers
        given = [
            f"{w(n)} {values[n]:,.10g}" + ("" if n in c.assumed.stated else " *")
            for n in names
            if values[n] is not None
        ]
        shown = f"{found['monthly']} {w('per_month')}; {w('payback')}: {found['payback']}"
        if "earned_back" in found:
            shown += f"; {w('earned_back')}: {found['earned_back']}"
        if "machines" in found:
            shown += f"; {found['machines']}"
        missing = len(given) < len(names)
        lines.append(f"- **{w(f'mode_{mode}')}**: {w('enter_missing') if missing else text(shown)}")
        lines.append(f"  {w('assumptions')} ({text(c.assumed.currency)}): {'; '.join(given)}")
    label = w("assumption").split(",")[0].split("（")[0]
    lines.append(f"\n\\* {label}")
    return "\n".join(lines).replace(" *;", r" \*;").replace(" *\n", " \\*\n")


def _rows(c: Context, board: PlanTable) -> str:
    w, form = c.words, c.form
    head = [
        w("plan"),
        w("Accuracy"),
        w("loss"),
        w("truncated"),
        w("looped"),
        w("confident_wrong"),
        w("tokens"),
        w("flops"),
    ]
    rows = []
    for r in board.shown:
        m, found = r.measurement, r.comparison
        role = {"chosen": "chosen", "candidate": "candidate", "reference": "reference_plan"}.get(r.role)
        name = w("baseline") if r.role == "baseline" else code(r.label)
        said = [f"**{w(role)}**"] if role else []
        warning = tables.verdict(c, r, board)
        said += [text(warning)] if warning and (r.beaten_by or r.unbeaten) else []
        accuracy = m.accuracy
        rows.append(
            [
                " · ".join([w(f"family_{r.group}"), name, *said]),
                f"{form.percent(accuracy.value)} ({form.percents(accuracy.low, accuracy.high)})"
                + (f"; {silent}" if (silent := misbehaviour.abstains(c, m)) else ""),
                form.points(found.loss.value) if found else "–",
                form.percent(m.truncated),
                form.percent(m.looped),
                form.percent(m.confident_wrong),
                form.integer(r.tokens) + (f" ({form.ratio(found.token_ratio.value)})" if found else ""),
                form.scaled(m.flops),
            ]
        )
    return grid(head, rows)


def _models(c: Context) -> str:
    w, form, entries = c.words, c.form, c.study.models
    if len(entries) < 2:
        return ""
    head = [
        *(w("model"), w("loaded"), w("tokens_per_second"), w("Accuracy"), w("loss"), w("lost")),
        w("thinking_tokens"),
    ]
    rows = []
    for entry in entries:
        weight, m, found = entry.weight, entry.measurement, entry.comparison
        rates = weight.speed if weight else {}
        speed = "; ".join(f"{n}: {form.integer(rate)}" for n, rate in rates.items())
        wrong = misbehaviour.of(c, entry)
        said = models.remark(c, entry, entries[0])
        rows.append(
            [
                " · ".join([code(misbehaviour.label(c, entry)), *([text(said)] if said else [])]),
                form.bytes(weight.loaded_bytes or weight.disk_bytes if weight else None),
                speed or "–",
                form.percent(m.accuracy.value) if m else "–",
                form.points(found.loss.value) if found else "–",
                form.percent(wrong.lost.value) if wrong and wrong.lost else "–",
                form.integer(m.bill["thinking"]) if m else "–",
            ]
        )
    lines = [line for line in (*models.fastest(c, entries), models.screening(c)) if line]
    return "\n\n".join([f"## {w('models')}", grid(head, rows), *lines])


def _misbehaviour(c: Context) -> str:
    if not c.study.misbehaviour:
        return ""
    head, rows = misbehaviour.rows(c)
    w = c.words
    table = grid(head, [[code(first), *rest] for first, *rest in rows])
    return "\n\n".join([f"## {w('misbehaviour')}", w("misbehaviour_lead"), table, misbehaviour.note(c)])


def _domain(c: Context) -> str:
    told = domain.sentences(c.study.choice, c.words, c.form)
    if not told:
        return ""
    head, rows = domain.table(c)
    shown = [f"**{c.words('domain_far')}**", grid(head, rows)] if rows else []
    said = [text(sentence) for sentence in domain.apart(c)]
    return "\n\n".join([f"## {c.words('domain')}", text(domain.joined(c, told)), *shown, *said])


def _learning(c: Context) -> str:
    entries = learning.taught(c.study)
    if not entries:
        return ""
    rows = [[code(label), *learning.facts(c, made, training)] for label, made, training in entries]
    return "\n\n".join(
        [f"## {c.words('learning')}", " ".join(learning.notes(c)), grid(learning.head(c), rows)]
    )


def _live(c: Context) -> str:
    w, form, ran = c.words, c.form, c.study.live
    if not ran:
        return w("live_none")
    lines = [f"## {w('live')}", w("live_note", at_once=form.integer(ran.at_once)), ""]
    rows = []
    for name, m in (("baseline_short", ran.baseline), ("after", ran.plan)):
        seconds = m.seconds or (None, None)
        rows.append(
            [
                w(name),
                form.integer(m.questions),
                form.percent(m.accuracy.value),
                form.integer(m.tokens.value),
                form.seconds(seconds[0]),
                form.seconds(seconds[1]),
            ]
        )
    head = ["", w("questions"), w("Accuracy"), w("tokens"), f"{w('latency')} p50", "p95"]
    return "\n".join([*lines, grid(head, rows)])


def _tested(c: Context) -> str:
    w, form = c.words, c.form
    plans = c.study.choice.tested
    if not plans:
        return w("tested_none")
    rows = [
        [
            code(t.label),
            w("not tested" if t.p_value is None else t.verdict.value),
            f"{form.points(t.loss)} ({form.points_range(t.low, t.high)})",
            "–" if t.p_value is None else f"{t.p_value:.4f}",
            form.percent(t.saving),
        ]
        for t in plans
    ]
    return grid([w("plan"), w("verdict"), w("loss"), w("p_value"), tests.saving_on(c)], rows)


def _shipped(c: Context) -> str:
    board = reference_run.rows(c)
    if board is None:
        return ""
    return f"## {c.words('shipped')}\n\n{text(reference_run.note(c))}\n\n{_rows(c, board)}"
