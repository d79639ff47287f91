"""Sealed questions cannot be exchanged, and are opened by the buyer's seed."""

import json
from dataclasses import replace

import pytest

from karui.core.errors import InputError, QuestionsError
from karui.passport import sealed

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


def test_a_question_cannot_be_hidden_in_a_commitment_of_the_same_root(seal, tmp_path):
    digests = sorted(seal[0])
    merged = [f"{digests[0]}\n{digests[1]}", *digests[2:]]  # neither of the two could ever be drawn
    assert sealed.root(merged) == sealed.root(digests)
    file = tmp_path / "merged.json"
    for listed in (merged, [*digests, digests[0]], ["", *digests], [d.upper() for d in digests]):
        file.write_text(json.dumps({"digests": listed}))
        with pytest.raises(InputError, match="cannot be read as a commitment"):
            sealed.read_commitment(file)


def test_the_same_question_sealed_twice_is_one_question():
    twice = [ROWS[0], {**ROWS[0], "id": "another", "question": "  what is 0 + 0? "}]
    opened = sealed.seal(twice)
    digests = [o.digest for o in opened]
    with pytest.raises(QuestionsError, match="1 ask the same"):
        sealed.check(opened, digests, sealed.root(digests), "s")


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
