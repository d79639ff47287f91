"""Traffic that has drifted from the study's questions, and traffic that has not."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from scipy.stats import binom
from typer.testing import CliRunner

from karui.cli.main import app
from karui.core.errors import InputError, QuestionsError
from karui.core.prompt import Prompt
from karui.domain.domain import Asked, Domain, allowed, fitted
from karui.passport.statement import of_passport
from karui.passport.verify import DRIFT, Problem, Traffic
from karui.serving_profile import ServingProfile
from karui.study.passports.verify import Against, check_passport
from tests.helpers.passports import Pair, check, signed


@dataclass(frozen=True)
class Supplied:
    """What a supplier hands over."""

    keys: Pair
    passport: Path
    expectation: Path
    domain: Domain
    texts: tuple[str, ...]


THINGS = (
    "lamp chair river train garden letter window bottle candle mirror basket hammer pencil ladder".split()
)
ACTS = "carry paint repair count measure clean borrow sell return wrap polish weigh".split()


@pytest.fixture(scope="module")
def supplied(made, pair, tmp_path_factory) -> Supplied:
    """A passport of questions that differ, so that others are told from them, and its expectation.json."""
    folder = tmp_path_factory.mktemp("supplied")
    texts = tuple(f"How long does it take to {act} a {thing}?" for act in ACTS for thing in THINGS)
    summary, domain = fitted([Asked(Prompt(text), text) for text in texts])
    assert domain is not None
    profile = replace(ServingProfile.load(made.folder / "expectation.json"), domain=domain)
    profile.save(folder / "expectation.json")
    now = datetime.now(UTC)
    dates = {"issued": now.isoformat(), "expires": (now + timedelta(days=9)).isoformat()}
    passport = replace(made.passport, questions=replace(made.passport.questions, domain=summary), **dates)
    file = folder / "passport.json"
    file.write_text(json.dumps(signed(of_passport(passport), pair)))
    return Supplied(pair, file, folder / "expectation.json", domain, texts)


@pytest.fixture
def asked(tmp_path):
    """Writes a file of questions without answers."""

    def write(*texts: str):
        file = tmp_path / "traffic.jsonl"
        file.write_text("".join(json.dumps({"question": t}) + "\n" for t in texts), encoding="utf-8")
        return str(file)

    return write


POEMS = tuple(f"月の裏側について{'とても' * n}長い詩を書いてください" for n in range(1, 30))


def problems(supplied, traffic, **more):
    against = Against(traffic=traffic, **{"expectation": supplied.expectation, **more})
    checked = check_passport(supplied.passport, supplied.keys[1], against)
    return {f.problem for f in checked.findings} - {Problem.NOT_SEEN}


def test_questions_of_the_study_are_like_it_and_others_are_not(supplied, asked):
    assert problems(supplied, asked(*supplied.texts[:50])) == {Problem.ALIKE}
    assert problems(supplied, asked(*POEMS)) == {Problem.TRAFFIC}
    assert problems(supplied, asked(*POEMS[:1], *supplied.texts[:50])) == {Problem.ALIKE}


def test_a_question_that_is_asked_again_is_no_further_evidence(supplied, asked):
    with pytest.raises(QuestionsError, match="asks the same as"):
        problems(supplied, asked(*[POEMS[0]] * 40))
    numbered = [f"{n} 個の月について詩を書いてください" for n in range(40)]  # alike but for their numbers
    assert problems(supplied, asked(*numbered, *supplied.texts[:30])) == {Problem.ALIKE}


def test_another_expectation_is_refused(supplied, asked, tmp_path):
    values = json.loads(supplied.expectation.read_text())
    values["domain"]["threshold"] *= 2  # nothing would be unlike the study any more
    (tmp_path / "expectation.json").write_text(json.dumps(values))
    found = problems(supplied, asked("Why?"), expectation=tmp_path / "expectation.json")
    assert found == {Problem.DOMAIN}


def test_without_an_expectation_it_is_said_what_is_missing(supplied, asked):
    with pytest.raises(InputError, match="what the study found") as told:
        problems(supplied, asked("Why?"), expectation=None)
    assert "--expectation" in told.value.remedy


def judged(supplied, domain, asked, unlike):
    passport = check_passport(supplied.passport, supplied.keys[1]).passport
    given = replace(passport, questions=replace(passport.questions, domain=domain))
    traffic = Traffic(asked, unlike, supplied.domain.digest)
    checked = check(signed(of_passport(given), supplied.keys), supplied.keys, None, traffic=traffic)
    return {f.problem for f in checked.findings} - {Problem.NOT_SEEN}


def test_chance_alone_seldom_makes_a_drift(supplied):
    summary = supplied.domain.summary
    usual = int(binom.ppf(1 - DRIFT / 2, 200, allowed(summary, DRIFT / 2)))
    assert judged(supplied, summary, 200, usual) == {Problem.ALIKE}
    assert judged(supplied, summary, 200, usual + 2) == {Problem.TRAFFIC}


def test_a_study_with_too_few_questions_tells_nothing(supplied):
    assert judged(supplied, None, 9, 9) == {Problem.NO_DOMAIN}


def test_the_command_refuses_it_and_diff_asks_for_a_recording(supplied, asked):
    given = (supplied.passport, "--key", supplied.keys[1], "--expectation", supplied.expectation)
    words = [*map(str, given), "--traffic", asked(*POEMS)]
    done = CliRunner().invoke(app, ["passport", "verify", *words])
    assert done.exit_code == 1, done.output
    assert "The traffic has drifted: 29 of 29" in done.output
    done = CliRunner().invoke(app, ["passport", "diff", *words])
    assert done.exit_code == 1, done.output
    assert "other questions: record and choose anew" in done.output
