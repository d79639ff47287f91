"""Acceptance by sampling: both errors stay as stated, and sealed questions cannot be exchanged."""

import json
from dataclasses import replace

import numpy as np
import pytest

from karui.core.errors import InputError, QuestionsError
from karui.passport import sealed
from karui.passport.acceptance import Acceptance, AcceptancePlan, Accepted, chances, questions_needed, worlds

PLAN = AcceptancePlan(100, margin=0.02, tolerance=0.05)


@pytest.mark.parametrize("discordant", [0.02, 0.1])
def test_a_promise_that_is_just_kept_is_seldom_contradicted(discordant):
    assert chances(PLAN, 0.02, discordant).contradicted <= 0.05


@pytest.mark.parametrize("discordant", [0.07, 0.15])
@pytest.mark.parametrize("samples", [1, 4])
def test_a_plan_that_is_worse_by_the_tolerance_is_seldom_accepted(discordant, samples):
    assert chances(replace(PLAN, samples=samples), 0.07, discordant).accepted <= 0.05


def test_the_numbers_that_are_needed_decide_nine_times_in_ten():
    accept, contradict = questions_needed(PLAN, 0.03)
    assert chances(replace(PLAN, questions=accept), 0.0, 0.03, seed=1).accepted > 0.86
    assert chances(replace(PLAN, questions=contradict), 0.07, 0.03, seed=1).contradicted > 0.86
    assert chances(replace(PLAN, questions=contradict // 2), 0.07, 0.03, seed=1).contradicted < 0.8


def test_stopping_early_decides_what_the_whole_would():
    d = worlds(PLAN, 0.3, 0.3, count=1)[0]
    first = next(n for n in range(1, 101) if PLAN.contradicts(d[:n]))
    assert first < 60
    assert PLAN.decide(d[:first]) is PLAN.decide(d) is Acceptance.CONTRADICTED


def test_what_is_asked_is_summed_up():
    found = Accepted.of(PLAN, np.zeros(100))
    assert (found.verdict, found.asked, found.loss) == (Acceptance.ACCEPTED, 100, 0.0)
    assert found.low <= 0 < found.high < 0.07
    assert PLAN.decide(np.zeros(3)) is Acceptance.UNDECIDED


@pytest.mark.parametrize(
    "changes", [{"questions": 0}, {"tolerance": 0.0}, {"alpha": 1.0}, {"beta": 0.0}, {"samples": 0}]
)
def test_what_decides_nothing_is_refused(changes):
    with pytest.raises(InputError, match="out of range"):
        replace(PLAN, **changes)


def test_more_than_was_agreed_is_refused():
    with pytest.raises(InputError, match="101 questions were asked"):
        PLAN.decide(np.zeros(101))


# --- sealed questions ------------------------------------------------------------------------------------

ROWS = [{"question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(30)]


@pytest.fixture
def seal(tmp_path):
    public, secret = sealed.write_seal(sealed.seal(ROWS), tmp_path)
    return sealed.read_commitment(public), sealed.read_openings(secret), secret


def test_a_commitment_says_nothing_of_a_question(seal, tmp_path):
    digests, openings, secret = seal
    text = (tmp_path / sealed.COMMITMENT).read_text()
    assert "What is" not in text
    assert len(set(digests)) == 30
    assert secret.stat().st_mode & 0o777 == 0o600
    assert [o.question for o in openings] != ROWS  # their order says nothing either
    other = sealed.seal(ROWS)
    assert {o.digest for o in other}.isdisjoint(digests)  # the salts are fresh


def test_what_the_seed_draws_is_opened_and_checked(seal):
    digests, openings, _ = seal
    known = {o.digest: o for o in openings}
    wanted = sealed.drawn(digests, 10, "tokyo")
    opened = [known[d] for d in wanted]
    sealed.check(opened, digests, sealed.root(digests), "tokyo")
    assert set(wanted) != set(sealed.drawn(digests, 10, "osaka"))
    with pytest.raises(QuestionsError, match="not those that the seed draws"):
        sealed.check(opened, digests, sealed.root(digests), "osaka")


def test_an_exchanged_question_or_commitment_is_refused(seal):
    digests, openings, _ = seal
    known = {o.digest: o for o in openings}
    opened = [known[d] for d in sealed.drawn(digests, 5, "s")]
    easier = replace(opened[0], question={**opened[0].question, "answer": "1"})
    with pytest.raises(QuestionsError, match="not one of those that were sealed"):
        sealed.check([easier, *opened[1:]], digests, sealed.root(digests), "s")
    with pytest.raises(QuestionsError, match="not the one in the passport"):
        sealed.check(opened, digests[:-1], sealed.root(digests), "s")


def test_a_seal_is_not_replaced(seal, tmp_path):
    with pytest.raises(InputError, match="there already"):
        sealed.write_seal(sealed.seal(ROWS), tmp_path)


def test_a_draw_needs_a_seed_and_enough_questions(seal):
    digests = seal[0]
    with pytest.raises(InputError, match="30 are sealed"):
        sealed.drawn(digests, 31, "s")
    with pytest.raises(InputError, match="seed"):
        sealed.drawn(digests, 3, "")


def test_the_command_line_seals_and_opens(tmp_path):
    from typer.testing import CliRunner

    from karui.cli.main import app

    file = tmp_path / "q.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    words = ["passport", "seal", str(file), "--out", str(tmp_path / "s")]
    assert CliRunner().invoke(app, words).exit_code == 0
    words = ["passport", "open", str(tmp_path / "s" / "opening.json"), "--count", "4", "--seed", "kobe"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "o.json")])
    assert done.exit_code == 0, done.output
    assert len(sealed.read_openings(tmp_path / "o.json")) == 4
