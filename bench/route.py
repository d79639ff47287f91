"""Routing between the modes of one model: cheaper than thinking at a certified loss, or not?

    python bench/route.py [--data DIR] [--main thinking] [--quick] [--out bench/results/route.json]
    python bench/route.py --signals [--data DIR] [--out bench/results/route-signals.json]
    python bench/route.py --deals [--data DIR] [--out bench/results/route-deals.json]

DIR holds one log for each mode, all of the same questions (any format that `karui import` reads); a mode is
named as its file. By default they are those of Qwen3-0.6B on the first 660 questions of GSM8K test: thinking,
cot, few-shot, direct, one reply each (repository Anirudhcheruvu/Qwen3-0.6B-GSM8K-Experiments, commit
a01e11415c47; without a licence, so not part of karui). The logs count no tokens: words and signs are counted.

The rule, fixed here and the same for all data:
1. Questions that a mode lacks are left out. karui's own split parts a quarter as the pilot; all routes are
   learned there (`karui.faster.route`), none sees another question.
2. Of these the cheapest is taken whose loss, by cross-validation within the pilot, plus one standard error is
   at most 2 points; cross-validation is the mean over ten deals of the questions to the folds. If there is
   none, full thinking stays and the script says so; the route that comes nearest is then shown on the other
   questions, as one that is not chosen.
3. The other questions judge that one plan once, with karui's betting test: its loss has to be certified at 2
   points. This is the third rule that these questions judge, so the chance of error is a third of 5%. The
   first took the loss on the pilot as the learned routes had it, which flatters them; the second judged
   routes on one deal of the folds, and its choice hung on that deal. Both missed (docs/log.md).

Beside it: full thinking; full thinking with the rescue alone (what a question without an answer gains from a
second mode, without any routing); each mode alone; a random router (the same first replies, the same mix of
modes, dealt to the questions at random); the oracle, which knows for each question the cheapest right mode.

With --signals only further signals are judged, with --deals only how many deals are worth it; both within
the pilot (bench/_route_signals.py, bench/_route_deals.py).
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from _beside import together
from _figures import ROOT, Figures, arguments, percent
from _route_deals import compared as compared_deals
from _route_rule import MARGIN, cheapest, ended, fits_margin, nearest, pick
from _route_signals import compared as compared_signals

from karui import tasks
from karui.core.flow.lesson import Lesson
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.trace import End
from karui.faster._router_fit import fitted
from karui.faster.route import Route
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.recording import importing
from karui.runners.replay import Replay
from karui.selection.betting import upper_bound
from karui.selection.calibration import ThresholdCalibration
from karui.selection.evidence import split

ALPHA = 0.05 / 3
"""Chance of error of the certificate: these questions judge their third rule."""
NEAREST = "nearest route, not chosen"
SHUFFLES = 100
"""Of the random router."""


@dataclass(frozen=True)
class Ends:
    """What became of every question, one entry each."""

    right: np.ndarray
    tokens: np.ndarray


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "qwen3-0.6b-gsm8k")
    parser.add_argument("--main", default="thinking", help="the mode that is full thinking")
    parser.add_argument("--verifier", default="numeric", help="what reads and judges the answers")
    within = parser.add_mutually_exclusive_group()
    within.add_argument(
        "--signals", action="store_true", help="judge further signals within the pilot instead"
    )
    within.add_argument(
        "--deals", action="store_true", help="compare one deal of the folds with ten within the pilot instead"
    )
    options = parser.parse_args()
    files = {re.sub(r"\.jsonl?(\.\w+)?$", "", f.name): f for f in sorted(options.data.glob("*.json*"))}
    if options.main not in files or len(files) < 2:
        held = ", ".join(files) or "no log"
        print(f"{options.main} and another mode are not under {options.data}: it holds {held}.")
        return 2
    figures = Figures("route", options)
    recordings = read(figures, files, options.main, options.verifier)
    if not recordings["main"].questions:
        print("No question is in every log.")
        return 2
    pilot, test = parted(recordings)
    pilot_only = options.signals or options.deals
    if not pilot_only:
        described(figures, recordings, test)
    if not pilot["main"].questions or not test["main"].questions:
        figures.note("Too few questions for a pilot: nothing is learned, full thinking stays.")
        return figures.close()
    if pilot_only:
        judge = compared_signals if options.signals else compared_deals
        judge(figures, ThresholdCalibration(pilot).lessons())
    else:
        routed(figures, pilot, test)
    kind, suffix = next(((f" --{k}", f"-{k}") for k in ("signals", "deals") if vars(options)[k]), ("", ""))
    figures.extra |= {
        "data": {name: digest(file) for name, file in files.items()},
        "command": f"python bench/route.py{kind} --out bench/results/route{suffix}.json",
        "questions": {"pilot": len(pilot["main"].questions), "test": len(test["main"].questions)},
    }
    return figures.close()


def read(figures: Figures, files: Mapping[str, Path], main: str, verifier: str) -> dict[str, Recording]:
    """Returns the logs as recordings of the questions that all of them hold, the main one's as "main"."""
    found = {}
    for name, file in files.items():
        done = importing.import_log(file, verifier=tasks.verifier(verifier))
        found["main" if name == main else name] = done.recording
        figures.note(f"{name}: {len(done.recording.questions)} questions, sha256 {digest(file)[:16]}…")
    recordings, lost = together(found, "main")
    if lost:
        figures.note(f"{lost} questions are not in every log and are left out")
    return recordings


def parted(recordings: Mapping[str, Recording]) -> tuple[dict[str, Recording], dict[str, Recording]]:
    """Returns the pilot part and the test part, of every mode the same questions."""
    pilot, test = split(recordings["main"])
    return tuple(  # type: ignore[return-value]
        {m: r.subset({q.id for q in part.questions}) for m, r in recordings.items()} for part in (pilot, test)
    )


def described(figures: Figures, recordings: Mapping[str, Recording], test: Mapping[str, Recording]) -> None:
    """Each mode alone on the test part, and how much of full thinking was cut."""
    cut = [t.end is End.TRUNCATED for t in recordings["main"].traces()]
    figures.shown("full thinking: cut by its token limit", 100 * float(np.mean(cut)), "%", 1)
    base = alone(test, "main")
    for mode in test:
        here, title = alone(test, mode), "full thinking" if mode == "main" else f"{mode} alone"
        figures.shown(f"{title}: accuracy", percent(mean_interval(here.right)), "%", 1)
        figures.shown(f"{title}: tokens (words and signs)", float(here.tokens.mean()), "", 0)
        if mode != "main":
            figures.shown(f"{title}: tokens", ratio_interval(here.tokens, base.tokens), "×", 3)
            gain = percent(paired_difference(base.right, here.right))
            figures.shown(f"{title}: gain over full thinking", gain, "points", 1)
    best = oracle(test)
    figures.shown("oracle: accuracy", percent(mean_interval(best.right)), "%", 1)
    figures.shown("oracle: tokens", ratio_interval(best.tokens, base.tokens), "×", 3)


def routed(figures: Figures, pilot: Mapping[str, Recording], test: Mapping[str, Recording]) -> None:
    """Learns on the pilot, chooses there, and has the test part judge what was chosen."""
    fits = list(fitted(ThresholdCalibration(pilot).lessons()))
    routes = [Plan((Route(fit.router.packed(), fit.price),)) for fit in fits]
    figures.note(f"{len(routes)} routes learned from {len(pilot['main'].questions)} pilot questions")
    for fit, plan in zip(fits, routes, strict=True):
        figures.note(
            f"folds of the pilot: {plan.label}: {fit.ratio:.3f}×, "
            f"loss {-100 * fit.gain:+.1f} ± {100 * fit.error:.1f} points"
            f"{': within the margin' if fits_margin(fit) else ''}"
        )
    if not fits:
        figures.note("No route saves anything on the pilot: full thinking stays.")
        return
    best = cheapest(fits)
    near = best or nearest(fits)
    title = "route" if best else NEAREST
    plan = routes[fits.index(near)]
    figures.at_least("routes within the margin on the pilot", sum(map(fits_margin, fits)), 1, "", 0)
    replay = Replay(test, runs=runs(test))
    base, curve = replay.outcomes(Plan()), [replay.outcomes(plan) for plan in routes]
    figures.extra["curve"] = [point("full thinking", base, base)] + [
        point(plan.label, found, base) for plan, found in zip(routes, curve, strict=True)
    ]
    figures.extra["modes"] = [
        {"label": m, "accuracy": float(e.right.mean()), "tokens": float(e.tokens.mean() / base.tokens.mean())}
        for m, e in [(m, alone(test, m)) for m in test] + [("oracle", oracle(test))]
    ]
    figures.extra["chosen" if best else "nearest"] = plan.label
    figures.note(
        f"chosen on the pilot: {plan.label}"
        if best
        else f"No route is within the margin on the pilot: full thinking stays. The nearest one: {plan.label}"
    )
    found = curve[routes.index(plan)]
    judged(figures, title, base, found)
    [route] = plan.techniques
    assert isinstance(route, Route)
    lessons = ThresholdCalibration(test, questions=len(base.questions)).lessons().questions
    compared(figures, title, (route, lessons), found, base)


def runs(recordings: Mapping[str, Recording]) -> int:
    """Returns on how many permutations plans are run: with one trace each there is but one."""
    return 10 if any(len(q.traces) > 1 for r in recordings.values() for q in r.questions) else 1


def judged(figures: Figures, title: str, base: Outcomes, found: Outcomes) -> None:
    """A plan on the test part; targets are those of a chosen one."""
    loss = base.accuracy - found.accuracy
    ratio, most = ratio_interval(found.tokens, base.tokens), 100 * upper_bound(loss, ALPHA)
    figures.shown(f"{title}: accuracy", percent(mean_interval(found.accuracy)), "%", 1)
    gain = percent(paired_difference(base.accuracy, found.accuracy))
    figures.shown(f"{title}: gain over full thinking", gain, "points", 1)
    figures.shown(f"{title}: tokens, interval", ratio, "×", 3)
    if title == NEAREST:
        figures.shown(f"{title}: loss, upper bound", most, "points", 2)
        return
    figures.at_most(f"{title}: tokens, upper end", ratio.high, 1.0, "×", 3)
    figures.at_most(f"{title}: loss, certified", most, 100 * MARGIN, "points", 2)


def compared(
    figures: Figures, title: str, routed: tuple[Route, Sequence[Lesson]], found: Outcomes, base: Outcomes
) -> None:
    """A route beside a random router at its mix, and beside its rescue alone."""
    route, lessons = routed
    router = route.router
    picks = [pick(router, route.price, lesson) for lesson in lessons]
    own = Ends(
        *map(np.array, zip(*(ended(router, q, m) for q, m in zip(lessons, picks, strict=True)), strict=True))
    )
    if all(len(a) == 1 for q in lessons for a in q.attempts.values()):  # else replay deals other attempts
        assert np.allclose(own.right, found.accuracy)
        assert np.allclose(own.tokens, found.tokens)
    shares = {mode: picks.count(mode) / len(picks) for mode in router.modes}
    figures.note("mix: " + ", ".join(f"{mode} {100 * share:.0f}%" for mode, share in shares.items()))
    rng, right, tokens = np.random.default_rng(0), [], []
    for _ in range(20 if figures.quick else SHUFFLES):
        dealt = rng.permutation(picks).tolist()
        ends = [ended(router, q, m) for q, m in zip(lessons, dealt, strict=True)]
        right.append([r for r, _ in ends])
        tokens.append([t for _, t in ends])
    random = Ends(np.mean(right, axis=0), np.mean(tokens, axis=0))
    figures.shown("random router at the same mix: accuracy", percent(mean_interval(random.right)), "%", 1)
    figures.shown("random router at the same mix: tokens", ratio_interval(random.tokens, base.tokens), "×", 3)
    gain = percent(paired_difference(random.right, own.right))
    if title != NEAREST:
        figures.at_least(f"{title}: gain over the random router", gain.value, 0.0, "points", 1)
    figures.shown(f"{title}: gain over the random router, interval", gain, "points", 1)
    shares_of = ratio_interval(own.tokens, random.tokens)
    figures.shown(f"{title}: tokens to the random router's", shares_of, "×", 3)
    rescued = [ended(replace(router, first=()), q, "main") for q in lessons]
    right_only, spent = (np.array(column) for column in zip(*rescued, strict=True))
    figures.shown("thinking with the rescue alone: accuracy", percent(mean_interval(right_only)), "%", 1)
    figures.shown("thinking with the rescue alone: tokens", ratio_interval(spent, base.tokens), "×", 3)
    figures.extra["random"] = {
        "accuracy": float(random.right.mean()),
        "tokens": float(random.tokens.mean() / base.tokens.mean()),
    }


def alone(recordings: Mapping[str, Recording], mode: str) -> Ends:
    """Returns a mode asked by itself, over all its traces."""
    asked = recordings[mode].questions
    right = np.array([np.mean([q.correct(t.answer) for t in q.traces]) for q in asked])
    return Ends(right, np.array([np.mean([t.tokens for t in q.traces]) for q in asked]))


def oracle(recordings: Mapping[str, Recording]) -> Ends:
    """Returns the cheapest mode that is right on each question, the cheapest of all where none is."""
    ends = [alone(recordings, mode) for mode in recordings]
    right, tokens = np.array([e.right for e in ends]), np.array([e.tokens for e in ends])
    best = np.lexsort((tokens, -right), axis=0)[0]
    none = right.max(axis=0) == 0
    best[none] = tokens.argmin(axis=0)[none]
    here = np.arange(right.shape[1])
    return Ends(right[best, here], tokens[best, here])


def point(label: str, found: Outcomes, base: Outcomes) -> dict[str, object]:
    """Returns a plan as the picture shows it."""
    return {
        "label": label,
        "accuracy": float(found.accuracy.mean()),
        "tokens": float(found.tokens.mean() / base.tokens.mean()),
    }


def digest(file: Path) -> str:
    """Returns a file's sha256."""
    return sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
