"""AutoTTS's contest: a controller that an agent discovered by replay, against a rule fixed here.

    python bench/autotts.py --data DIR [DIR …] [--quick] [--out bench/results/autotts.json]

DIR holds recordings of Qwen3 0.6B, 1.7B, 4B and 8B: folders by size, files by set (`Qwen3-4B/hmmt25.json`;
either order), or SCOUT's `aime24.json` and `aime25.json` of 8B. They are those of AutoTTS (2605.08083,
repository zhengkid/AutoTTS) and Parallel-Probe (2602.03845); without a licence, so not part of karui.
Whatever is there is scored, on however many of the sizes and sets.

1. One rule chooses two plans a size by AIME24 alone, and every other set is scored with them under karui's
   conventions (a trial costs 10 tokens, what cannot be read does not vote): 64 of the 128 branches at most,
   over 100 permutations. The rule, the same for all sizes:
   * `length-vote` with `token-cap`, its threshold 0.9 falling by 0.45;
   * the cap is the 95% quantile of the lengths of right traces, the votes' scale is their mean;
   * the budget is the largest with which the hardest questions, of which SC@64 solves half (all, where it
     solves fewer than half of all), take a share of SC@64's tokens there: 0.145 against β = .5, 0.18 against
     β = 1.
   Of a size whose AIME24 is not there, the plans are those that it chose when bench/results/autotts.json was
   made.
2. One table beside the published one, with SC@64 that stops once no vote that is left can change its outcome
   for comparison, and the targets, which are judged where both held-out sets of a size are there.
3. The published controller on its search set, AIME24, with its conventions (trials are free, "ERR" votes, the
   100 shuffles of its seeds).
4. Cascades over the sizes, priced in FLOPs: chosen on AIME24 by the rule that bench/_autotts_cascade.py
   states, scored on every other set that two sizes have, and on AIME24 by cross-validation.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _autotts_cascade import (
    ALONE,
    CASCADE,
    FOLDS,
    REFERENCE,
    ROWS,
    Choice,
    Passed,
    choose,
    replayed,
    validated,
)
from _autotts_cascade import scored as scored_rows
from _autotts_data import FULL, HALF, HELD_OUT, SC, SEARCH, SIZES, TITLES, Clash, Store, find, published
from _autotts_rule import SELF, TRIES, chosen, read
from _autotts_table import Column, Scored, claim, show, table
from _beside import together
from _figures import ROOT, Figures, arguments, percent
from _shuffled import shuffled

from karui import catalog
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.recording.importing.scout import import_scout
from karui.runners.replay import Replay

SETTLED = catalog.parse("adaptive-consistency:k=64,threshold=1")
"""SC@64, stopped once no vote that is left can change the outcome."""
KEPT = ROOT / "bench" / "results" / "autotts.json"
BRANCHES = 64
Stores = Mapping[tuple[str, str], Store]


def main() -> int:
    parser = arguments(__doc__)
    shared = ROOT.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, nargs="+", default=[shared / "autotts", shared / "scout"])
    parser.add_argument("--shuffles", type=int, default=100, help="of the published 100, for the first part")
    options = parser.parse_args()
    if absent := [str(folder) for folder in options.data if not folder.is_dir()]:
        print(f"No folder: {', '.join(absent)}.")
        return 2
    try:
        stores: Stores = find(options.data)
    except Clash as clash:
        print(clash)
        return 2

    figures = Figures("autotts", options)
    stores = usable(figures, stores)
    runs = 2 if options.quick else 100
    scored: dict[tuple[str, str], Scored] = {}
    figures.extra["plans"] = {}
    for size in SIZES:
        scored |= contest(figures, size, stores, runs)
    if not scored:
        print(
            f"Nothing to score under {', '.join(map(str, options.data))}: give folders by size, files by set."
        )
        return 2
    rows = table(scored)
    for row in rows:
        figures.note(row)
    claim(figures, scored)
    for size in SIZES:
        if (size, SEARCH) in stores and not options.quick:
            reproduce(figures, stores[size, SEARCH], options.shuffles)
    cascades(figures, stores, runs)
    figures.extra |= {
        "data": {f"{s.size} {s.name}": s.digest for s in stores.values()},
        "command": f"python bench/autotts.py --data DIR --shuffles {options.shuffles} --out FILE",
        "runs": runs,
        "shuffles": options.shuffles,
        "questions": {f"{size} {name}": questions(s) for (size, name), s in scored.items()},
        "published": {
            f"{size} {TITLES[name]}": {rival: published(size, rival, name) for rival in (SC, HALF, FULL)}
            for size, name in scored
        },
        "table": rows,
    }
    return figures.close()


def usable(figures: Figures, stores: Stores) -> Stores:
    """Returns the stores that can be read and hold enough branches, and says which do not."""
    found = {}
    for key, store in stores.items():
        title = f"{store.size} {TITLES[store.name]}"
        try:
            branches = min(len(q.traces) for q in read(store).questions)
        except InputError as error:
            figures.note(f"{title}: left out. {' '.join(str(error).split())}")
            continue
        if branches < BRANCHES:
            figures.note(f"{title}: left out. {store.path} holds {branches} branches a question.")
            continue
        figures.note(f"{title}: {store.path} sha256 {store.digest}")
        found[key] = store
    return found


def contest(figures: Figures, size: str, stores: Stores, runs: int) -> dict[tuple[str, str], Scored]:
    """Returns a size scored on every set that is there, by what AIME24 chose for it."""
    names = [name for name in (SEARCH, *HELD_OUT) if (size, name) in stores]
    plans = plans_of(figures, size, stores) if names else {}
    if not plans:
        return {}
    for rival, plan in plans.items():
        figures.note(f"{size}, against {rival}: {plan.label}")
    scored = {(size, name): score(read(stores[size, name]), plans, runs) for name in names}
    show(figures, scored)
    return scored


def plans_of(figures: Figures, size: str, stores: Stores) -> Mapping[str, Plan]:
    """Returns a size's plan against each rival; none where AIME24 chose none, now or earlier."""
    if (size, SEARCH) in stores:
        store = stores[size, SEARCH]
        plans, hard = chosen(read(store), 2 if figures.quick else TRIES)
        figures.note(f"{size}: chosen by {hard} hard questions of AIME24")
        specs: dict[str, Any] = {rival: list(plan.spec) for rival, plan in plans.items()}
        figures.extra["plans"][size] = {"chosen on": store.digest, **specs}
        return plans
    before = json.loads(KEPT.read_text(encoding="utf-8")).get("plans", {}).get(size)
    if before is None:
        figures.note(f"{size}: no AIME24, now or in {KEPT.name}, so nothing is chosen and nothing scored.")
        return {}
    digest = before["chosen on"]
    figures.note(f"{size}: no AIME24 here; plans as {KEPT.name} has them, chosen on AIME24 {digest[:16]}…")
    figures.extra["plans"][size] = before
    return {rival: catalog.plan_from_spec(before[rival]) for rival in (HALF, FULL)}


def reproduce(figures: Figures, store: Store, shuffles: int) -> None:
    """The published controller on the search set, on its own shuffles and with its conventions."""
    found = import_scout(store.path, model=f"Qwen3-{store.size}", trial_tokens=0, unread_votes=True)
    recording = next(iter(found.values()))
    for rival, beta in ((HALF, 0.5), (FULL, 1.0)):
        words = f"confidence-momentum:beta={beta},k=64,every=500"
        accuracy, tokens = shuffled(recording, words, shuffles)
        points, thousands = published(store.size, rival, SEARCH)
        figures.near(f"{store.size} AIME24: {rival}, accuracy", accuracy, points, 1.0, "points")
        figures.near(f"{store.size} AIME24: {rival}, tokens", tokens / 1000, thousands, 0.04 * thousands, "k")


def score(recording: Recording, plans: Mapping[str, Plan], runs: int) -> Scored:
    """Returns what the plans come to on a set."""
    replay = Replay({"main": recording}, runs=runs)
    found = {rival: Column.of(replay.outcomes(plan)) for rival, plan in plans.items()}
    return Scored(*(Column.of(replay.outcomes(plan)) for plan in (SELF, SETTLED)), found)


def cascades(figures: Figures, stores: Stores, runs: int) -> None:
    """What cascades over the sizes come to on every set that two of them have."""
    tries, folds = (2, 2) if figures.quick else (TRIES, FOLDS)
    made: dict[tuple[str, ...], Choice] = {}
    figures.extra["cascades"] = {}
    for name in (SEARCH, *HELD_OUT):
        here = {s: read(stores[s, name]) for s in SIZES if (s, name) in stores and (s, SEARCH) in stores}
        if len(here) < 2:
            figures.note(f"{TITLES[name]}: {len(here)} of the sizes there, so no cascade is scored.")
            continue
        sizes = tuple(here)
        recordings, lost = together(here, sizes[-1])
        if not recordings[sizes[-1]].questions:
            figures.note(f"{TITLES[name]}: the sizes have no question in common, so no cascade is scored.")
            continue
        if lost:
            figures.note(f"{TITLES[name]}: {lost} questions are not in every size's store and are left out")
        if sizes not in made:
            found, _ = together({s: read(stores[s, SEARCH]) for s in sizes}, sizes[-1])
            made[sizes] = choose(found, tries)
            loss, error = 100 * made[sizes].loss, 100 * made[sizes].error
            figures.note(f"cascade over {', '.join(sizes)}, by AIME24: {made[sizes].plan.label}")
            figures.note(f"  its loss there is {loss:.1f} ± {error:.1f} points")
        part = "search" if name == SEARCH else "held-out"
        if name == SEARCH:
            rows, choices = validated(recordings, tries, runs, folds)
            cascade_rows(figures, f"cascade {TITLES[name]} (cross-validated)", rows, choices)
        rows = scored_rows(made[sizes], recordings, runs)
        whole = replayed(made[sizes], recordings, runs)
        assert np.array_equal(whole.right, rows[CASCADE].right)
        assert np.allclose(whole.flops, rows[CASCADE].flops, rtol=1e-6)
        cascade_rows(figures, f"cascade {TITLES[name]} ({part})", rows, [made[sizes]])


def cascade_rows(figures: Figures, title: str, rows: Mapping[str, Passed], choices: Sequence[Choice]) -> None:
    """Every row as figures: accuracy, FLOPs, and both against the largest size alone."""
    right = {row: passed.right.mean(axis=1) for row, passed in rows.items()}
    spent = {row: passed.flops.mean(axis=1) for row, passed in rows.items()}
    for row in ROWS:
        figures.shown(f"{title}: {row}, accuracy", percent(mean_interval(right[row])), "points")
        figures.shown(f"{title}: {row}, FLOPs", spent[row].mean() / 1e15, "10^15", 2)
        shares = ratio_interval(spent[row], spent[REFERENCE])
        figures.shown(f"{title}: {row}, share of SC@64's", shares, "×", 3)
        if row not in {REFERENCE, ALONE}:
            gain = percent(paired_difference(right[ALONE], right[row]))
            figures.shown(f"{title}: {row}, gain over {ALONE}", gain, "points")
            figures.shown(
                f"{title}: {row}, share of its FLOPs", ratio_interval(spent[row], spent[ALONE]), "×", 3
            )
    for choice in choices:
        figures.note(choice.plan.label)
    figures.extra["cascades"][title] = {
        "sizes": choices[0].sizes,
        "plans": [choice.plan.label for choice in choices],
        "questions": {
            row: [
                [round(float(a), 3), round(float(f) / 1e15, 4)]
                for a, f in zip(right[row], spent[row], strict=True)
            ]
            for row in ROWS
        },
    }


def questions(scored: Scored) -> dict[str, list[list[float]]]:
    """Returns accuracy and tokens of every question, for whoever wants other intervals."""
    return {
        name: [[round(float(a), 3), round(float(t))] for a, t in zip(o.accuracy, o.tokens, strict=True)]
        for name, o in ((SC, scored.reference), *scored.plans.items())
    }


if __name__ == "__main__":
    sys.exit(main())
