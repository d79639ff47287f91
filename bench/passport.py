"""A passport of karui-mini: forgeries and updates that are refused, and acceptance by sampling in 200 worlds.

The study is made of the recording that ships with karui-mini. A world is an acceptance: the buyer's questions
and those of the study are drawn from that recording, none of them is both, and the verdicts are those that
were recorded. In the worlds that are worse, right answers of the plan are made wrong for the buyer until it
loses what the row says on average: reply by reply, or all replies to a question.

The goal is that 100 questions find out a plan that is 5 points worse in 90% of the worlds, and refuse a true
passport in 5% at most. Rows name what a plan loses: 5 points beyond the margin, or 5 above what was measured.

A plan is chosen for its figures. So in the last rows studies are drawn, too: each chooses among all plans, on
questions that none of its four buyers asks.

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
from _acceptances import Replies, Row, Studies, bought_by, refused, shares, some, world
from _figures import ROOT, Figures, arguments

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
BUYERS = 4
"""Of every study that chose a plan of its own; none asks a question of another."""
MORE = 5
"""As many times the worlds where an error is looked at closely."""
KEPT, FALSE, SEEN = 80.0, 5.0, 90.0
"""Targets in percent: accepted when true at least, refused when true at most, refused when worse at least."""


def study_of(folder: Path) -> Study:
    """Makes the study of karui-mini in a folder, with its recording beside it."""
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


def verdicts(study: Study) -> Replies:
    """Returns whether each trace is right in full and under the plan."""
    replay = Replay({"main": shipped("recording")})
    plan = catalog.plan_from_spec(study.choice.spec)
    full, chosen = (replay.outcomes(p).correct.astype(float) for p in (catalog.plan_from_spec([]), plan))
    return Replies(full, chosen)


def drawn(of: Replies, row: Row, loss: float | None, worlds: int) -> dict[Acceptance, float]:
    """Returns in what share of worlds each verdict comes, in percent."""
    rng = np.random.default_rng(SEED)
    return shares([world(rng, of, row, loss) for _ in range(worlds)])


def acceptance(figures: Figures, said: Passport, of: Replies, worlds: int) -> None:
    """Draws the worlds of every size."""
    p, tested = said.promise, said.questions.tested
    alone = AcceptancePlan(100, p.margin, tolerance=0.05)
    agreed = replace(alone, study=p.differences)
    accept, refuse = questions_needed(agreed, p.discordant, loss=p.loss)
    _, contradict = questions_needed(alone, p.discordant, loss=p.loss)
    assert accept
    assert refuse
    assert contradict
    figures.extra["needed"] = {"accept": accept, "refuse": refuse, "contradict, margin alone": contradict}
    figures.extra["loss"] = {"measured": p.loss, "of all questions": of.loss, "tested": tested}
    rows = [Row("100", agreed, tested), Row("100 × 4 replies", replace(agreed, samples=4), tested)]
    rows += [Row(str(n), replace(agreed, questions=n), tested) for n in sorted({accept, refuse} - {100})]
    rows += [Row(f"{n}, margin alone", replace(alone, questions=n), 0) for n in (100, contradict)]
    for row in rows:
        plan, name = row.plan, row.name
        true, edge = drawn(of, row, None, worlds), drawn(of, row, p.margin, worlds)
        beyond, above = (drawn(of, row, at + plan.tolerance, worlds) for at in (p.margin, of.loss))
        figures.at_most(f"kept, refused: {name}", refused(true), FALSE, "%")
        figures.at_most(f"at the margin, contradicted: {name}", edge[Acceptance.CONTRADICTED], FALSE, "%")
        figures.at_most(f"5 points beyond it, accepted: {name}", beyond[Acceptance.ACCEPTED], FALSE, "%")
        decides = plan.questions in {100, accept} and plan.samples == 1 and bool(row.tested)
        judge = partial(figures.at_least, target=KEPT) if decides else figures.shown
        judge(f"kept, accepted: {name}", true[Acceptance.ACCEPTED], unit="%")
        found_out(figures, row, beyond, above)
        if plan.samples > 1:
            whole = replace(row, name=f"{name}, whole questions", whole=True)
            found_out(
                figures, whole, *(drawn(of, whole, at + plan.tolerance, worlds) for at in (p.margin, of.loss))
            )


def found_out(
    figures: Figures, row: Row, beyond: dict[Acceptance, float], above: dict[Acceptance, float]
) -> None:
    """Judges how often a plan that is worse is refused; the margin alone is shown without a target."""
    for of, name in ((beyond, "5 points beyond it"), (above, "5 points above what was measured")):
        if row.tested:
            judged = row.plan.questions >= 100 or of is beyond  # fewer are those that find out the latter
            judge = partial(figures.at_least, target=SEEN) if judged else figures.shown
            judge(f"{name}, refused: {row.name}", refused(of), unit="%")
            figures.shown(f"{name}, contradicted: {row.name}", of[Acceptance.CONTRADICTED], "%")
        else:
            figures.shown(f"{name}, contradicted: {row.name}", refused(of), "%")


def never_falsely(figures: Figures, said: Passport, of: Replies, worlds: int) -> None:
    """Draws worlds of true passports where study and buyer did not ask alike."""
    agreed, tested = AcceptancePlan(100, said.promise.margin, tolerance=0.05), said.questions.tested
    four = replace(agreed, samples=4)
    rows = [
        Row("4 replies, 1 in the study", four, tested, recorded=1),
        Row("2 replies, 4 in the study", replace(agreed, samples=2), tested),
        Row("a study of 200", agreed, 200),
        Row("no trace in common", agreed, tested, paired=False),
        Row("4 replies, no trace in common", four, tested, paired=False),
    ]
    for row in rows:
        found = drawn(of, row, None, MORE * worlds)
        figures.at_most(f"kept, refused: 100, {row.name}", refused(found), FALSE, "%")


def chosen_worlds(figures: Figures, study: Study, worlds: int) -> None:
    """Draws studies, each with a choice of its own, and for each the worlds of several buyers."""
    assert study.details is not None
    studies, rule = Studies(study.details.evidence, shipped("recording")), study.choice.rule
    agreed = AcceptancePlan(100, rule.margin, tolerance=0.05)
    for pilot, tested in ((150, 450), (100, 200)):
        rng, wanted = np.random.default_rng(SEED), max(1, worlds // BUYERS)
        drawing = studies.drawn(rng, BUYERS * agreed.questions, pilot, tested, rule)
        made, tries = some(drawing, wanted, 3 * wanted)
        name = f"chosen on {tested} questions"
        for plan, replies in ((agreed, ""), (replace(agreed, samples=4), " × 4 replies")):
            found = [verdict for n, each in enumerate(made) for verdict in bought_by(each, plan, BUYERS, n)]
            figures.at_most(f"kept, refused: 100{replies}, {name}", refused(shares(found)), FALSE, "%")
        figures.shown(f"studies that chose a plan: {name}", 100 * len(made) / tries, "%")
        lucky = np.mean([each.true - each.measured for each in made]) if made else 0.0
        figures.shown(f"loss above what was measured: {name}", 100 * float(lucky), "points", digits=2)


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
    parser.add_argument("--live", type=int, default=0, help="questions of an acceptance on karui-mini")
    parser.set_defaults(out=ROOT / "bench" / "results" / "passport.json")
    given = parser.parse_args()
    figures = Figures("passport", given)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        study = study_of(folder / "study")
        keys = new_keys(folder)
        made = Writing(issuer="karui", model="karui-mini")
        passport = write_passport(study, keys[0], folder / "passport", made)[0]
        checked = check_passport(passport, keys[1], Against(model="karui-mini", study=study.path))
        assert checked.passport is not None
        figures.at_least("true passport holds", checked.holds, 1, "of 1")
        refusals(figures, passport, keys, checked.passport, folder)
        figures.extra["plan"] = checked.passport.plan.label
        replies, worlds = verdicts(study), 20 if given.quick else given.worlds
        acceptance(figures, checked.passport, replies, worlds)
        never_falsely(figures, checked.passport, replies, worlds)
        chosen_worlds(figures, study, worlds)
        if given.live:
            live(figures, checked.passport, given.live)
    sys.exit(figures.close())


if __name__ == "__main__":
    main()
