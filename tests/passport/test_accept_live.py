"""An acceptance that runs live, with the runs stood in for: it stops when it is decided."""

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from shutil import copytree

import numpy as np
import pytest
from typer.testing import CliRunner

from karui.cli.main import app
from karui.core.errors import InputError, QuestionsError
from karui.core.question import Question, Task
from karui.core.study import DifferenceCount
from karui.passport import dsse, sealed
from karui.passport.acceptance import Acceptance, AcceptancePlan
from karui.passport.keys import new_keys, read_private
from karui.passport.statement import of_passport
from karui.study.config.schema import ModelOptions
from karui.study.passports import accept as room
from karui.study.passports.issue import Writing, write_passport
from karui.study.workspace import Workspace
from karui.tasks import verifier

MODEL = ModelOptions(model="karui-mini", threads=1)


def a_task(n):
    judge = verifier("exact")
    return Task("ours", tuple(Question(f"q{i}", f"What is {i}?", str(i), judge) for i in range(n)))


class Ran:
    """Stands in for live runs: what full thinking and the plan came to, block by block."""

    def __init__(self, lost):
        self.lost, self.asked = lost, []  # a share of every reply; or which replies, by their number

    async def __call__(self, plan, task, engines, rule, **options):
        n, before = len(task.questions), len(self.asked)
        self.asked += [q.id for q in task.questions]
        lost = [self.lost(before + k) if callable(self.lost) else self.lost for k in range(n)]
        base = type("Outcomes", (), {"accuracy": np.ones(n)})()
        live = type("Outcomes", (), {"accuracy": 1.0 - np.array(lost, float)})()
        return base, live, None


@pytest.fixture
def ran(monkeypatch):
    def of(lost):
        found = Ran(lost)
        monkeypatch.setattr(room, "confirm", found)
        monkeypatch.setattr(Workspace, "engine_of", _none)
        return found

    return of


def _none(self, plan):
    return None


PLAN = AcceptancePlan(100, margin=0.02, tolerance=0.1)


def test_it_stops_when_it_is_decided(ran, made):
    runs = ran(1.0)
    found = room.accept(made.passport, a_task(150), PLAN, room.Live(model=MODEL))
    assert (found.verdict, found.asked) == (Acceptance.CONTRADICTED, 20)
    assert len(runs.asked) == 20
    assert runs.asked != [f"q{i}#0" for i in range(20)]  # in random order


def test_a_plan_that_loses_nothing_is_accepted(ran, made):
    ran(0.0)
    found = room.accept(made.passport, a_task(100), PLAN, room.Live(model=MODEL))
    assert found.verdict is Acceptance.ACCEPTED
    assert found.high < 0.12


def test_an_update_is_judged_by_an_acceptance_and_a_forgery_is_not(ran, made, tmp_path):
    runs = ran(0.0)
    private, public = new_keys(tmp_path / "keys")
    passport = write_passport(made.study, private, tmp_path / "p", Writing(issuer="A supplier"))[0]
    model = copytree(made.model, tmp_path / "model")
    (model / "chat_template.jinja").write_text("{{ messages }}")
    questions = tmp_path / "ours.jsonl"
    rows = [{"id": f"q{n}", "question": f"What is {n}?", "answer": str(n)} for n in range(150)]
    questions.write_text("\n".join(map(json.dumps, rows)))

    def verify(file, *words):
        given = ("--key", public, "--model", model, "--reproduce", 150, "--questions", questions, *words)
        return CliRunner().invoke(app, ["passport", "verify", str(file), *map(str, given)])

    done = verify(passport)
    assert (done.exit_code, runs.asked) == (1, [])
    assert "another chat template" in done.output
    done = verify(passport, "--updated")
    assert done.exit_code == 0, done.output
    assert "another chat template" in done.output
    assert "Accepted after" in done.output
    envelope = json.loads(passport.read_text())
    envelope["payload"] = b64encode(
        b64decode(envelope["payload"]).replace(b"A supplier", b"A thief")
    ).decode()
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(envelope))
    assert verify(forged, "--updated").exit_code == 1


LOST_NOTHING = DifferenceCount(lost=0, won=0, right=0, replies=1, questions=400)
TESTED = replace(PLAN, questions=60, tolerance=0.3, study=(LOST_NOTHING,))


def test_a_plan_that_loses_more_than_measured_is_not_reproduced(ran, made):
    runs = ran(lambda n: n % 9 == 0)
    found = room.accept(made.passport, a_task(60), replace(TESTED, margin=0.2), room.Live(model=MODEL))
    assert found.verdict is Acceptance.NOT_REPRODUCED
    assert len(runs.asked) == 60


def test_all_is_asked_where_figures_are_tested_though_the_margin_was_accepted(ran, made):
    runs = ran(lambda n: n == 3)
    found = room.accept(made.passport, a_task(60), TESTED, room.Live(model=MODEL))
    assert (found.verdict, len(runs.asked)) == (Acceptance.ACCEPTED, 60)
    runs = ran(lambda n: n == 3)
    found = room.accept(made.passport, a_task(60), replace(TESTED, study=()), room.Live(model=MODEL))
    assert (found.verdict, found.reproduction) == (Acceptance.ACCEPTED, None)
    assert len(runs.asked) < 60


def test_the_command_exits_with_3_where_figures_are_not_reproduced(ran, made, tmp_path):
    ran(lambda n: n % 9 == 0)
    private, public = new_keys(tmp_path / "keys")
    promise = replace(made.passport.promise, differences=(LOST_NOTHING,), discordant=0.05)
    now = datetime.now(UTC)
    dates = {"issued": now.isoformat(), "expires": (now + timedelta(days=1)).isoformat()}
    asked = replace(made.passport.questions, tested=400)
    statement = of_passport(replace(made.passport, promise=promise, questions=asked, **dates))
    file, asked = tmp_path / "passport.json", tmp_path / "ours.jsonl"
    file.write_text(json.dumps(dsse.sealed(statement, [read_private(private)])))
    rows = [{"id": f"q{n}", "question": f"What is {n}?", "answer": str(n)} for n in range(60)]
    asked.write_text("\n".join(map(json.dumps, rows)))
    words = ("--key", public, "--model", made.model, "--reproduce", 60, "--questions", asked)
    done = CliRunner().invoke(app, ["passport", "verify", str(file), *map(str, words), "--json"])
    assert done.exit_code == 3, done.output
    assert "Not reproduced after 60 questions" in done.stderr
    assert "called not reproduced with a chance of at most 5.0%" in done.stderr
    told = json.loads(done.stdout)
    assert (told["holds"], told["acceptance"]["verdict"]) == (True, "not reproduced")
    assert told["acceptance"]["asked"] == 60


def test_several_replies_are_one_piece_of_evidence(ran, made):
    runs = ran(0.0)
    found = room.accept(made.passport, a_task(100), replace(PLAN, samples=3), room.Live(model=MODEL))
    assert len(runs.asked) == 3 * found.asked
    assert {name.rpartition("#")[2] for name in runs.asked} == {"0", "1", "2"}


def test_too_few_questions_are_refused_before_one_is_asked(ran, made):
    runs = ran(0.0)
    with pytest.raises(InputError, match="100 questions were agreed"):
        room.accept(made.passport, a_task(99), PLAN, room.Live(model=MODEL))
    assert not runs.asked


def test_full_thinking_is_not_compared_with_itself(made):
    nothing = replace(made.passport, plan=replace(made.passport.plan, spec=[]))
    with pytest.raises(InputError, match="nothing to accept"):
        room.accept(nothing, a_task(100), PLAN, room.Live(model=MODEL))


def test_opened_questions_are_checked_and_asked(made, tmp_path):
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1), "verifier": "numeric"} for n in range(12)]
    public, secret = sealed.write_seal(sealed.seal(rows), tmp_path)
    digests, known = sealed.read_commitment(public), {o.digest: o for o in sealed.read_openings(secret)}
    opened = tmp_path / "opened.json"
    sealed.write_openings([known[d] for d in sealed.drawn(digests, 5, "nara")], opened)
    asked = replace(made.passport.questions, sealed=sealed.root(digests), sealed_count=12)
    passport = replace(made.passport, questions=asked)
    task = room.opened_task(passport, opened, public, "nara")
    assert len(task.questions) == 5
    with pytest.raises(QuestionsError):
        room.opened_task(passport, opened, public, "kyoto")
    with pytest.raises(InputError, match="no sealed questions"):
        room.opened_task(made.passport, opened, public, "nara")


def test_one_question_that_was_sealed_many_times_is_refused(made, tmp_path):
    rows = [{"id": f"q{n}", "question": "What is 1 + 1?", "answer": "2"} for n in range(5)]
    public, secret = sealed.write_seal(sealed.seal(rows), tmp_path)
    asked = replace(
        made.passport.questions, sealed=sealed.root(sealed.read_commitment(public)), sealed_count=5
    )
    with pytest.raises(QuestionsError, match="4 ask the same as another one"):
        room.opened_task(replace(made.passport, questions=asked), secret, public, "nara")


def test_sampling_that_this_version_does_not_know_is_said(ran, made):
    runs = ran(0.0)
    odd = {**made.passport.conditions.sampling, "min_p": 0.1}
    passport = replace(made.passport, conditions=replace(made.passport.conditions, sampling=odd))
    with pytest.raises(InputError, match="sampling cannot be used"):
        room.accept(passport, a_task(100), PLAN, room.Live(model=MODEL))
    assert not runs.asked


def test_a_judge_accepts_nothing(made):
    judged = replace(a_task(100).questions[0], verifier=verifier("judge:rubric"))
    task = replace(a_task(100), questions=(judged, *a_task(100).questions[1:]))
    with pytest.raises(InputError, match="accept nothing"):
        room.accept(made.passport, task, PLAN, room.Live(model=MODEL))
