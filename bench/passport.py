"""A passport of karui-mini: forgeries and updates that are refused, and acceptance by sampling in 200 worlds.

The study is made of the recording that ships with karui-mini. A world is an acceptance whose questions are
drawn from that recording, one trace each: full thinking's verdict and the plan's, as they were recorded. In
the worlds that are worse, right answers of the plan are made wrong until it loses what the row says on
average: reply by reply, or all replies to a question.

The goal is that 100 questions contradict a plan that is 5 points worse in 90% of the worlds. They cannot at
the margin of 2 points, and the rows say what number can.

    python bench/passport.py [--live N]     with --live, an acceptance on so many questions, run on karui-mini
"""

import json
import shutil
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from _figures import ROOT, Figures, arguments
from numpy.typing import NDArray

import karui
from karui import catalog
from karui.models import place
from karui.passport.acceptance import Acceptance, AcceptancePlan, questions_needed
from karui.passport.document import Passport
from karui.passport.dsse import sealed
from karui.passport.keys import new_keys, read_private, read_public
from karui.passport.statement import of_passport
from karui.passport.verify import Present, Problem, verify
from karui.passport.words import PassportWords
from karui.runners.replay import Replay
from karui.study.passports.issue import Writing, write_passport
from karui.study.passports.verify import Against, check_passport, present
from karui.study.result import Study
from karui.study.workspace import embedded, shipped

WORLDS, SEED = 200, 20261201
KEPT, FALSE, SEEN = 80.0, 5.0, 90.0
"""Targets in percent: accepted when true at least, falsely contradicted at most, contradicted when worse."""


def study_of(folder: Path) -> Study:
    """Returns the study of karui-mini in a folder, with its recording beside it; made where it is missing."""
    if (folder / "study.json").exists():
        return Study.load(folder)
    shutil.copytree(embedded("recording"), folder / "recording")
    return karui.choose(folder / "recording", out=folder)


def forged(passport: Path, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Returns the envelope with its payload changed and its signature kept."""
    envelope = json.loads(passport.read_text())
    payload = json.loads(b64decode(envelope["payload"]))
    change(payload["predicate"])
    return {**envelope, "payload": b64encode(json.dumps(payload).encode()).decode()}


def refusals(figures: Figures, passport: Path, keys: tuple[Path, Path], said: Passport, folder: Path) -> None:
    """Counts forgeries and updates that are refused with the right sentence."""
    words, checker = PassportWords("en"), read_public(keys[1])
    forgeries: dict[str, Callable[[dict[str, Any]], None]] = {
        "a figure": lambda p: p["promise"].update(bound=0.001),
        "a digest": lambda p: p["model"]["files"].update({"model.safetensors": "0" * 64}),
        "a date": lambda p: p.update(expires="2099-01-01T00:00:00Z"),
    }
    sentences: dict[str, str] = {}
    refused = 0
    for name, change in forgeries.items():
        checked = verify(forged(passport, change), checker, Present())
        refused += [f.problem for f in checked.findings] == [Problem.CHANGED]
        sentences[f"forged: {name}"] = words.finding(checked.findings[0])
    late = datetime.now(UTC) + timedelta(days=1000)
    checked = check_passport(passport, keys[1], Against(), late)
    sentences["expired"] = words.finding(checked.findings[0])
    figures.at_least("forgeries refused", refused, 3, "of 3")
    figures.at_least("expired refused", checked.findings[0].problem is Problem.EXPIRED, 1, "of 1")
    updated = 0
    for file, problem in (("model.safetensors", Problem.WEIGHTS), ("chat_template.jinja", Problem.TEMPLATE)):
        model = folder / file.partition(".")[0]
        shutil.copytree(place("karui-mini"), model, ignore=shutil.ignore_patterns("recording", "pilot"))
        (model / file).write_bytes((model / file).read_bytes() + b" ")
        found = verify(json.loads(passport.read_text()), checker, present(Against(model=str(model))))
        updated += found.findings[0].problem is problem
        sentences[f"updated: {file}"] = words.finding(found.findings[0])
    behind = replace(said, conditions=replace(said.conditions, server={"version": "0.19"}))
    envelope = sealed(of_passport(behind), [read_private(keys[0])])
    found = verify(envelope, checker, Present(server={"version": "0.20"}))
    updated += found.findings[0].problem is Problem.SERVER
    sentences["updated: server"] = words.finding(found.findings[0])
    figures.at_least("updates refused", updated, 3, "of 3")
    figures.extra["sentences"] = sentences


Verdicts = tuple[NDArray[np.float32], NDArray[np.float32]]


def verdicts(study: Study) -> Verdicts:
    """Returns whether each trace is right in full and under the plan, shape (questions, traces)."""
    replay = Replay({"main": shipped("recording")})
    plan = catalog.plan_from_spec(study.choice.spec)
    full, chosen = (replay.outcomes(p) for p in (catalog.plan_from_spec([]), plan))
    return full.correct, chosen.correct


def world(
    rng: np.random.Generator, of: Verdicts, plan: AcceptancePlan, loss: float | None, whole: bool
) -> Acceptance:
    """Draws one acceptance; where a loss is named, the plan is spoilt until it loses that on average.

    Reply by reply; or whole questions, with all their replies.
    """
    full, chosen = of
    rows = rng.choice(len(full), plan.questions, replace=False)
    columns = np.stack([rng.permutation(full.shape[1])[: plan.samples] for _ in rows])
    before, after = full[rows[:, None], columns], chosen[rows[:, None], columns].astype(float)
    if loss is not None:
        share = (loss - float((full - chosen).mean())) / float(chosen.mean())
        drawn = rng.random((len(after), 1) if whole else after.shape)
        after = after * (drawn >= share)
    return plan.decide((before - after).mean(axis=1))


def shares(
    of: Verdicts, plan: AcceptancePlan, loss: float | None, worlds: int, whole: bool = False
) -> dict[Acceptance, float]:
    """Returns in what share of worlds each verdict comes, in percent."""
    rng = np.random.default_rng(SEED)
    found = [world(rng, of, plan, loss, whole) for _ in range(worlds)]
    return {verdict: 100 * found.count(verdict) / worlds for verdict in Acceptance}


def acceptance(figures: Figures, said: Passport, of: Verdicts, worlds: int) -> None:
    """Draws the worlds of every size."""
    margin, p = said.promise.margin, said.promise
    agreed = AcceptancePlan(100, margin, tolerance=0.05)
    accept, contradict = questions_needed(agreed, p.discordant, loss=p.loss)
    figures.extra["needed"] = {"accept": accept, "contradict": contradict}
    rows = [("100", agreed), ("100 × 4 replies", replace(agreed, samples=4))]
    rows += [(str(n), replace(agreed, questions=n)) for n in sorted({accept, contradict} - {None})]
    drawn = partial(shares, of, worlds=worlds)
    for name, plan in rows:
        true, edge = drawn(plan, None), drawn(plan, margin)
        worse = drawn(plan, margin + plan.tolerance)
        figures.at_most(f"kept, contradicted: {name}", true[Acceptance.CONTRADICTED], FALSE, "%")
        figures.at_most(f"at the margin, contradicted: {name}", edge[Acceptance.CONTRADICTED], FALSE, "%")
        figures.at_most(f"5 points beyond it, accepted: {name}", worse[Acceptance.ACCEPTED], FALSE, "%")
        decides = plan.questions in {accept, contradict}
        judge = figures.at_least if name == "100" or decides else lambda n, v, _, u: figures.shown(n, v, u)
        judge(f"kept, accepted: {name}", true[Acceptance.ACCEPTED], KEPT, "%")
        seen = f"5 points beyond it, contradicted: {name}"
        if plan.questions != accept or plan.questions == contradict:
            if decides:
                figures.at_least(seen, worse[Acceptance.CONTRADICTED], SEEN, "%")
            else:
                figures.shown(f"{seen} (of {SEEN:g} wanted)", worse[Acceptance.CONTRADICTED], "%")
        if plan.samples > 1:
            clustered = drawn(plan, margin + plan.tolerance, whole=True)
            figures.shown(f"{seen}, whole questions", clustered[Acceptance.CONTRADICTED], "%")


def live(figures: Figures, said: Passport, questions: int) -> None:
    """Runs an acceptance on karui-mini."""
    from karui.study.config.schema import ModelOptions
    from karui.study.passports.accept import Live, accept
    from karui.study.workspace import task_of

    plan = AcceptancePlan(questions, said.promise.margin, tolerance=0.1)
    found = accept(
        said, task_of("mini:confirm", limit=questions), plan, Live(model=ModelOptions(model="karui-mini"))
    )
    figures.extra["live"] = {
        "verdict": found.verdict,
        "asked": found.asked,
        "loss": found.loss,
        "high": found.high,
    }
    figures.shown(f"live on karui-mini, {found.verdict} at 10 points: asked", found.asked, "questions")


def main() -> None:
    """Makes the study, forges, updates, draws the worlds, and judges."""
    parser = arguments(__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    parser.add_argument("--study", type=Path, help="folder of the study; made there, or found again")
    parser.add_argument("--live", type=int, default=0, help="questions of an acceptance on karui-mini")
    parser.set_defaults(out=ROOT / "bench" / "results" / "passport.json")
    given = parser.parse_args()
    figures = Figures("passport", given)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        study = study_of(given.study or folder / "study")
        keys = new_keys(folder)
        made = Writing(issuer="karui", model="karui-mini")
        passport = write_passport(study, keys[0], folder / "passport", made)[0]
        checked = check_passport(passport, keys[1], Against(model="karui-mini", study=study.path))
        assert checked.passport is not None
        figures.at_least("true passport holds", checked.holds, 1, "of 1")
        refusals(figures, passport, keys, checked.passport, folder)
        figures.extra["plan"] = checked.passport.plan.label
        acceptance(figures, checked.passport, verdicts(study), 20 if given.quick else given.worlds)
        if given.live:
            live(figures, checked.passport, given.live)
    sys.exit(figures.close())


if __name__ == "__main__":
    main()
