"""What the terminal says when a job is done; every figure with where it came from."""

import re
from collections.abc import Sequence

from karui.cli.console import say, table
from karui.core.recording import Manifest, Recording
from karui.core.study import Comparison, Interval, Measurement, Misbehaviour, Study
from karui.core.study.choice import Choice, Decision, PilotSource, Rejected, Tested
from karui.i18n.formats import Format
from karui.i18n.translator import Translator
from karui.measure.cost_model import shape_of
from karui.measure.memory_fit import FORMATS, SIZES, fits
from karui.measure.overthinking import overthinking
from karui.report.caveats import caveats
from karui.report.judge import judge
from karui.report.limits import limits
from karui.report.looks import looks
from karui.report.sections.domain import limit as domain_limit
from karui.selection.best import best_in_brief
from karui.selection.evidence import Evidence
from karui.selection.power import PICTURE
from karui.study.options import StudyOptions

DECISIONS = {
    Decision.FIX: "Fix the baseline",
    Decision.ADOPT: "Adopt",
    Decision.PILOT: "Pilot what is promising and not certified",
    Decision.COLLECT: "Collect more questions",
    Decision.LABEL: "Label answers by hand",
    Decision.NOTHING: "Nothing to gain",
}


def say_overthinking(recording: Recording) -> None:
    """Prints how early full thinking could have ended, had one known."""
    found = overthinking(recording)
    if found is not None:
        say(
            f"The answer settles after {found.settles_at:.0%} of its tokens; the first right "
            f"answer comes after {found.efficiency:.0%} (wrong traces count 0) [{found.traces} traces]"
        )


def say_refused(refused: Sequence[Rejected]) -> None:
    """Prints which plans these recordings cannot replay, by reason: the commonest first."""
    if not refused:
        return
    say()
    plans = "1 plan" if len(refused) == 1 else f"{len(refused)} plans"
    say(f"{plans} cannot be replayed over this recording:")
    by_reason: dict[str, list[str]] = {}
    for r in refused:
        # Plans of one kind are refused in sentences that differ only in the plan's name and its numbers.
        said = r.reason.text
        reason = _NUMBER.sub("…", said.replace(r.label, "", 1).strip())
        by_reason.setdefault(reason, []).append(f"{r.label}: {said.removeprefix(r.label).strip()}")
    for same in sorted(by_reason.values(), key=len, reverse=True):
        say(f"  {same[0]}" + (f" (and {len(same) - 1} more)" if len(same) > 1 else ""))


_NUMBER = re.compile(r"\d+")


def say_caveats(manifest: Manifest) -> None:
    """Prints what has to be known of figures that rest on an imported recording."""
    for sentence in caveats(manifest, Translator("en")):
        say(f"  Note: {sentence}")


def say_notice(study: Study, lang: str) -> None:
    """Prints what has to be known before anything else, as the first line of the report has it."""
    if study.manifest.no_thinking_accepted:
        say()
        say(Translator(lang)("no_thinking_accepted"))


def summary(choice: Choice, study: Study, lang: str = "en") -> None:
    """Prints the decision, its evidence and the best plans, in English but for the notice (`lang`)."""
    rule, noun = choice.rule, _noun(choice)
    say_notice(study, lang)
    say()
    say(DECISIONS[choice.decision] + (f": {choice.label}" if choice.spec else "; full thinking stays"))
    say_caveats(study.manifest)
    chosen = next((t for t in choice.tested if t.plan == choice.plan), None)
    noun_of = "question" if choice.questions == 1 else "questions"
    source = f"{choice.questions} {noun_of} × {choice.traces:.2g} traces recorded here, replayed"
    _say_best(choice, chosen, noun, source)
    tested = sum(t.p_value is not None for t in choice.tested)
    pilot = f"{choice.pilot_questions} pilot question{'' if choice.pilot_questions == 1 else 's'}"
    if rule.pilot is PilotSource.SHIPPED:
        pilot = "the shipped pilot recording"
    order = f", from most to least expensive, in an order fixed on {pilot}" if tested else ""
    say(f"  {choice.space} plans considered, {tested} tested{order}")
    for sentence in _of_questions(choice):
        say(f"  {sentence}")
    if choice.units < choice.fewest and choice.judge is None:
        say(
            f"  fewer than {choice.fewest} test questions cannot certify {_points(rule.margin)}: "
            f"{choice.fewest - choice.units} more are the least that could"
        )
    _say_confirmation(choice)
    if choice.questions < PICTURE:
        say("  so few questions give an impression, not a picture: what looks best below may not last")
    say()
    rows = [row("full thinking", study.baseline, None)]
    rows += [row(p.label, p.measurement, p.comparison) for p in best_in_brief(study)]
    table(head(noun), rows)
    say(f"  {_fixed_cut(study, choice)} [{source}]")
    if study.shipped is not None:
        for same in (p.comparison for p in study.shipped.plans if p.plan == choice.plan):
            say(
                f"On the shipped recording ({study.shipped.title}) the same plan: loss "
                f"{_points(same.loss.value)}, {same.token_ratio.value:.2f}× tokens [replayed]"
            )


def _of_questions(choice: Choice) -> list[str]:
    """Returns what has to be known of the questions: looks, limits, and how others are told apart."""
    words, form = Translator("en"), Format("en")
    ends = [domain_limit(choice.domain, words, form)] if choice.domain is not None else []
    judged = judge(choice, Translator("en", judged=True), form)
    return [*judged, *looks(choice, words, form), *limits(choice, words, form), *ends]


def _noun(choice: Choice) -> str:
    """Returns what the figures are shares of."""
    if choice.judge is not None:
        return "good, as this judge sees it"
    return "agreement with the full model" if choice.agreement else "accuracy"


def _say_best(choice: Choice, chosen: Tested | None, noun: str, source: str) -> None:
    """Prints what was found of the chosen plan, or of the best one that is not certified."""
    rule, judge = choice.rule, choice.judge
    if chosen is not None:
        of = "by people's labels" if judge is not None else f"of {noun}"
        say(
            f"  certified: loses at most {_points(rule.margin)} {of} ({100 * (1 - rule.alpha):g}% "
            f"confidence; estimate {_points(chosen.loss)}, bound {_points(chosen.high)}) [{source}]"
        )
        say(f"  saves {chosen.saving:.0%} of {rule.minimize} [same]")
    elif choice.candidate is not None:
        best = choice.candidate
        say(f"  best plan not certified: {best.label}")
        bounded = f"these questions certify {_points(best.high)} at best"
        if judge is not None and judge.seen:
            bounded = "as this judge sees it, which certifies nothing"
        say(
            f"  estimated loss {_points(best.loss)}, {bounded}; saves {best.saving:.0%} of {rule.minimize} "
            f"[{source}]"
        )
        if best.questions_wanted:
            say(f"  about {best.questions_wanted} test questions would do; there are {choice.units}")


def _say_confirmation(choice: Choice) -> None:
    """Prints what the live run said, if there was one."""
    if (live := choice.confirmation) is not None:
        word = "WITHDRAWN: contradicted" if live.withdrawn else "not contradicted"
        say(
            f"  live, on {live.questions} other questions: {word}; loss {_points(live.loss)} "
            f"(at least {_points(live.low)}, at most {_points(live.high)}), {live.token_ratio:.2f}× tokens "
            "[measured live]"
        )
        if live.sight is not None and not live.withdrawn:
            say(
                f"  so many live questions would have shown a loss of {_points(2 * choice.rule.margin)} "
                f"with a chance of {live.sight:.0%}"
            )


def say_between(evidence: Evidence, wishes: StudyOptions) -> None:
    """Prints what has to be known where models of different weights are compared, and which lack a pilot."""
    cards = [c for o in evidence.test.values() for c in o.models.values()]
    # A version that was trained has the shape of its parent: a token of each costs the same.
    if len({shape_of(card) or card.digest or card.name for card in cards}) > 1:
        axis = wishes.rule.minimize
        if not wishes.named:
            why = "the fair measure between models" if axis == "flops" else "FLOPs of one model are unknown"
            say(f"  no axis was named: {axis} made small, {why} (--minimize says otherwise)")
        if axis == "tokens" or (axis == "cost" and not wishes.footing.priced):
            say("  a token of each model counts the same, as if all cost the same (--assume states prices)")
    lacking = evidence.test.keys() - evidence.pilot.keys()
    if lacking and evidence.pilot:
        say(
            f"  {len(lacking)} plans are shown and not chosen from: their models have no --pilot of their own"
        )


def say_models(study: Study) -> None:
    """Prints the lighter versions of the model beside it: memory, speed here, and what they can still do."""
    if len(study.models) < 2:
        return
    form, first = Format("en"), study.models[0]
    counts = sorted(first.weight.speed if first.weight else ())
    say()
    rows = []
    for entry in study.models:
        weight, m = entry.weight, entry.measurement
        loss = entry.comparison.loss.value if entry.comparison else None
        speed = weight.speed if weight else {}
        rows.append(
            (
                entry.label or f"{entry.name} (as it came)",
                form.bytes(weight.loaded_bytes or weight.disk_bytes if weight else None),
                *(form.integer(speed.get(n)) for n in counts),
                form.percent(m.accuracy.value) if m else "",
                "" if loss is None else f"{_shown(loss):+.1f}",
                form.integer(m.bill["thinking"]) if m else "",
            )
        )
    table(("version", "weights", *(f"tokens/s at {n}" for n in counts), "accuracy", "loss", "thinking"), rows)
    took = {e.made.key: e.made.seconds for e in study.models if e.made}
    say(f"  making all of them took {form.seconds(sum(took.values()))}, each artifact counted once")
    if (raced := study.screening) and raced.asked:
        say(f"  screening took {raced.asked} traces and spared {raced.spared:,}")


def say_misbehaviour(rows: Sequence[Misbehaviour]) -> None:
    """Prints how full thinking goes wrong, by model and format: cut, in a loop, right earlier and lost it."""
    if not rows:
        return

    def share(of: Interval | None) -> str:
        return "n/a" if of is None else f"{100 * of.value:.1f}% ({100 * of.low:.1f}-{100 * of.high:.1f})"

    say()
    cells = []
    for row in rows:
        rise, of_wrong = row.lost_rise, row.lost_of_wrong
        cells.append(
            (
                row.label or f"{row.name} (as it came)",
                share(row.accuracy),
                f"{100 * row.truncated:.1f}%",
                share(row.looped),
                share(row.lost),
                "" if rise is None else f"{_shown(rise.value):+.1f}",
                "n/a" if of_wrong is None else f"{100 * of_wrong:.0f}%",
            )
        )
    head = (
        "full thinking of",
        "right",
        "truncated",
        "loops",
        "right earlier, lost it",
        "more",
        "of the wrong",
    )
    table(head, cells)
    if all(row.lost is None for row in rows):
        say("  right earlier, and lost it: n/a, no trials were recorded")
    else:
        say(
            "  lost it: the right answer was found while thinking, and another one, or none, given in the end"
        )


def say_fits(recording: Recording, streams: int) -> None:
    """Prints which sizes and formats of model fit into this machine's memory."""
    import psutil

    shape = shape_of(recording.manifest.model)
    longest = max(
        (t.usage.prompt + t.thinking_tokens + t.answer_tokens for t in recording.traces()), default=0
    )
    shapes = {**({recording.manifest.model.name: shape} if shape else {}), **SIZES}
    memory = psutil.virtual_memory().total
    form = Format("en")
    found = fits(shapes, memory, streams=streams, positions=longest)
    say()
    say(
        f"What fits into this machine's {form.bytes(memory)} with {streams} streams of {longest:,} tokens "
        "[arithmetic; + fits, − does not]"
    )
    rows = []
    for name in shapes:
        cells = [f for f in found if f.model == name]
        rows.append((name, *(f"{'+' if f.fits else '−'} {form.bytes(f.bytes)}" for f in cells)))
    table(("model", *FORMATS), rows)


def _fixed_cut(study: Study, choice: Choice) -> str:
    """What the simplest control saves: every trace cut at one and the same number of tokens."""
    cuts = [p for p in study.plans if [t["technique"] for t in p.measurement.spec] == ["token-budget"]]
    found = [p.comparison for p in cuts if p.comparison.loss.value <= choice.rule.margin]
    kept = [f.token_ratio.value for f in found]
    margin = _points(choice.rule.margin)
    if not kept:
        return f"control: no fixed cut tried loses at most {margin}"
    return f"control: the cheapest fixed cut that loses at most {margin} takes {min(kept):.2f}× tokens"


def head(noun: str) -> tuple[str, ...]:
    """Returns what stands over the rows of plans; `noun` is what accuracy is called."""
    return ("plan", noun, "loss", "tokens", "×", "truncated", "loops", "no answer")


def row(label: str, measured: Measurement, compared: Comparison | None) -> tuple[str, ...]:
    """Returns a plan as a row of a table whose head is `head`."""
    a = measured.accuracy
    return (
        label,
        f"{100 * a.value:.1f}% ({100 * a.low:.1f}-{100 * a.high:.1f})",
        "" if compared is None else f"{_shown(compared.loss.value):+.1f}",
        f"{measured.tokens.value:.0f}",
        "" if compared is None else f"{compared.token_ratio.value:.2f}×",
        f"{100 * measured.truncated:.1f}%",
        "n/a" if measured.looped is None else f"{100 * measured.looped:.1f}%",
        f"{100 * (1 - measured.answered):.1f}%",
    )


def _points(share: float) -> str:
    return f"{_shown(share):.1f} points"


def _shown(share: float) -> float:
    return round(100 * share, 1) + 0.0  # adding zero takes the sign off -0.0
