"""Traffic that has drifted from the study's questions, and traffic that has not."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from karui.cli.main import app
from karui.core.errors import InputError
from karui.passport.diff import Effort, Part, of_findings
from karui.passport.verify import DRIFT, Present, Problem, Traffic, verify
from karui.recording import store
from karui.study.passports.issue import Writing, write_passport
from karui.study.passports.verify import Against, check_passport

keys = pytest.importorskip("cryptography") and pytest.importorskip("karui.passport.keys")
dsse = pytest.importorskip("karui.passport.dsse")
NOW = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.fixture(scope="module")
def supplier(made, tmp_path_factory):
    """The issuer's keys and the passport's file."""
    folder = tmp_path_factory.mktemp("supplier")
    pair = keys.new_keys(folder)
    return pair, write_passport(made.study, pair[0], folder / "p", Writing(issuer="A supplier"))[0]


@pytest.fixture
def asked(tmp_path):
    """Writes a file of questions without answers."""

    def write(*texts: str):
        file = tmp_path / "traffic.jsonl"
        file.write_text("".join(json.dumps({"question": t}) + "\n" for t in texts), encoding="utf-8")
        return str(file)

    return write


def problems(made, supplier, traffic, **more):
    pair, passport = supplier
    against = Against(model=str(made.model), study=made.folder, traffic=traffic, **more)
    return [f.problem for f in check_passport(passport, pair[1], against).findings]


def test_questions_of_the_study_are_like_it_and_others_are_not(made, supplier, asked):
    texts = [q.prompt.user for q in store.load(made.folder / "recording").questions]
    assert Problem.ALIKE in problems(made, supplier, asked(*texts[:50]))
    others = [
        f"Ｗｒｉｔｅ a poem about the {n}th moon of Jupiter, in rhyme; 月は{'青' * n}い" for n in range(1, 30)
    ]
    assert Problem.TRAFFIC in problems(made, supplier, asked(*others))
    assert Problem.ALIKE in problems(made, supplier, asked(*others[:1], *texts[:50]))


def test_a_question_that_is_asked_again_is_no_further_evidence(made, supplier, asked):
    strange = "月の裏側で詩を書いてください"
    found = problems(made, supplier, asked(*[strange] * 40))
    assert Problem.TRAFFIC not in found


def test_another_expectation_is_refused(made, supplier, asked, tmp_path):
    values = json.loads((made.folder / "expectation.json").read_text())
    values["domain"]["threshold"] *= 2  # nothing would be unlike the study any more
    (tmp_path / "expectation.json").write_text(json.dumps(values))
    found = problems(made, supplier, asked("Why?"), expectation=tmp_path / "expectation.json")
    assert Problem.DOMAIN in found


def test_without_an_expectation_it_is_said_what_is_missing(supplier, asked):
    pair, passport = supplier
    with pytest.raises(InputError, match="what the study found") as told:
        check_passport(passport, pair[1], Against(traffic=asked("Why?")))
    assert "--expectation" in told.value.remedy


def judged(made, supplier, **traffic):
    from karui.passport.statement import of_passport

    envelope = dsse.sealed(of_passport(made.passport), [keys.read_private(supplier[0][0])])
    digest = made.passport.questions.domain.digest
    present = Present(traffic=Traffic(**{"domain": digest, **traffic}))
    return [f.problem for f in verify(envelope, keys.read_public(supplier[0][1]), present, NOW).findings]


def test_chance_alone_seldom_makes_a_drift(made, supplier):
    from scipy.stats import binom

    from karui.domain.domain import allowed

    most = allowed(made.passport.questions.domain, DRIFT / 2)
    usual = int(binom.ppf(1 - DRIFT / 2, 200, most))
    assert Problem.TRAFFIC not in judged(made, supplier, asked=200, unlike=usual)
    assert Problem.TRAFFIC in judged(made, supplier, asked=200, unlike=usual + 2)
    assert Problem.TRAFFIC not in judged(made, supplier, asked=1, unlike=1)


def test_a_study_with_too_few_questions_tells_nothing(made, supplier):
    from karui.passport.statement import of_passport

    none = replace(made.passport, questions=replace(made.passport.questions, domain=None))
    envelope = dsse.sealed(of_passport(none), [keys.read_private(supplier[0][0])])
    present = Present(traffic=Traffic(9, 9, "x"))
    found = verify(envelope, keys.read_public(supplier[0][1]), present, NOW)
    assert found.holds
    assert {f.problem for f in found.findings} == {Problem.NO_DOMAIN, Problem.NOT_SEEN}


def test_the_command_refuses_it_and_diff_asks_for_a_recording(made, supplier, asked):
    (_, public), passport = supplier
    others = asked(*(f"月の裏側について{'とても' * n}長い詩を書いて" for n in range(1, 30)))
    given = ["--key", public, "--study", made.folder, "--traffic", others]
    done = CliRunner().invoke(app, ["passport", "verify", *map(str, [passport, *given])])
    assert done.exit_code == 1, done.output
    assert "The traffic has drifted: 29 of 29" in done.output
    checked = check_passport(passport, public, Against(study=made.folder, traffic=others))
    assert of_findings(made.passport, checked.findings).changed == {Part.QUESTIONS: Effort.RECORD}
