"""A passport in the hands of somebody who wants another one: what is changed is refused, in words."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from karui.core.errors import InputError
from karui.core.study import DifferenceCount
from karui.passport import dsse, keys
from karui.passport.statement import of_passport, of_test_result
from karui.passport.verify import Problem
from karui.passport.words import PassportWords
from karui.study.passports.issue import Writing, write_passport
from karui.study.passports.verify import Against, check_passport
from tests.helpers.passports import NOW, check, refusals, run, signed


@pytest.fixture(scope="module")
def thief(tmp_path_factory):
    return keys.new_keys(tmp_path_factory.mktemp("thief"))


@pytest.fixture(scope="module")
def genuine(made, pair) -> dict[str, Any]:
    return signed(of_passport(made.passport), pair)


def raw(payload: str, pair) -> dict[str, Any]:
    """An envelope of a payload as it stands, signed: what `dsse.sealed` would not write."""
    signer = keys.read_private(pair[0])
    signature = signer.sign(dsse.encoded(dsse.IN_TOTO, payload.encode()))
    return {
        "payload": b64encode(payload.encode()).decode(),
        "payloadType": dsse.IN_TOTO,
        "signatures": [{"keyid": signer.public.id, "sig": b64encode(signature).decode()}],
    }


def problems(envelope, pair, now=NOW):
    return refusals(check(envelope, pair, now))


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a JSON value that holds no further places, with its key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        if isinstance(inner, dict | list) and inner:
            yield from leaves(inner)
        else:
            yield value, key


# --- without the issuer's key ----------------------------------------------------------------------------


def test_no_field_can_be_changed(genuine, pair):
    statement = json.loads(b64decode(genuine["payload"]))
    texts = statement["predicate"]["questions"]["texts"]
    texts[3:] = texts[-1:]  # a hundred digests are as good as a few
    genuine = raw(json.dumps(statement), pair)
    places = list(leaves(statement))
    assert len(places) > 100
    for holder, key in places:
        before, holder[key] = holder[key], "another"
        payload = b64encode(json.dumps(statement).encode()).decode()
        holder[key] = before
        assert problems({**genuine, "payload": payload}, pair) == [Problem.CHANGED], key


def test_a_signature_of_another_statement_is_none_of_this(made, genuine, pair):
    other = signed(of_test_result(made.passport), pair)
    assert problems({**genuine, "signatures": other["signatures"]}, pair) == [Problem.CHANGED]


def test_a_thief_may_sign_in_the_issuers_name_and_is_found_out(made, genuine, pair, thief):
    theirs = signed(of_passport(replace(made.passport, expires="2099-01-01T00:00:00Z")), thief)
    assert problems(theirs, pair) == [Problem.OTHER_KEY]
    named = {**theirs["signatures"][0], "keyid": keys.read_public(pair[1]).id}
    assert problems({**theirs, "signatures": [named]}, pair) == [Problem.CHANGED]
    assert problems({**theirs, "signatures": [named, *genuine["signatures"]]}, pair) == [Problem.CHANGED]
    assert problems({**genuine, "signatures": []}, pair) == [Problem.OTHER_KEY]
    # A second signature takes nothing away from the first.
    both = [*theirs["signatures"], *genuine["signatures"]]
    assert problems({**genuine, "signatures": both}, pair) == []


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "höher"},
        {"payload": 5},
        {"payload": None},
        {"payloadType": ["application/vnd.in-toto+json"]},
        {"signatures": "none"},
        {"signatures": {"sig": ""}},
        {"signatures": [{"sig": "?"}]},
        {"signatures": [None]},
        {"signatures": 1},
    ],
    ids=str,
)
def test_an_envelope_of_other_types_is_no_passport(genuine, pair, change):
    with pytest.raises(InputError, match="holds no"):
        check({**genuine, **change}, pair)


def test_a_signature_of_another_length_is_not_valid(genuine, pair):
    for sig in (b"", b"\0" * 63, b"\0" * 64, b"\0" * 1000):
        envelope = {**genuine, "signatures": [{"keyid": "", "sig": b64encode(sig).decode()}]}
        assert problems(envelope, pair) == [Problem.OTHER_KEY]


def test_a_file_that_is_cut_off_is_no_passport(genuine, pair, tmp_path):
    text, file = json.dumps(genuine), tmp_path / "p.json"
    for share in range(10):
        file.write_text(text[: len(text) * share // 10])
        with pytest.raises(InputError, match="cannot be read as JSON"):
            check_passport(file, pair[1], Against(), NOW)
    file.write_bytes(b"\xff\xfe" + text.encode())
    with pytest.raises(InputError, match="cannot be read"):
        check_passport(file, pair[1], Against(), NOW)


def test_a_key_that_is_there_twice_is_read_by_nobody(genuine, pair, tmp_path):
    file = tmp_path / "p.json"
    file.write_text('{"payload": "Zm9yZ2Vk", ' + json.dumps(genuine)[1:])
    with pytest.raises(InputError) as told:
        check_passport(file, pair[1], Against(), NOW)
    assert "'payload' is there twice" in told.value.why


def test_another_signed_file_is_said_to_be_one(made, pair):
    with pytest.raises(InputError) as told:
        check(signed(of_test_result(made.passport), pair), pair)
    assert "test-result" in told.value.why
    assert "passport.json" in told.value.remedy


# --- with it: an issuer who writes what cannot be ---------------------------------------------------------


def edited(made, change) -> str:
    statement = json.loads(json.dumps(of_passport(made.passport)))
    change(statement["predicate"])
    return json.dumps(statement)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "null", "1" + "0" * 400, "-2", "2"]
)
@pytest.mark.parametrize("name", ["margin", "confidence", "loss", "bound", "discordant"])
def test_a_figure_that_cannot_be_promises_nothing(made, pair, name, number):
    text = edited(made, lambda p: p["promise"].update({name: "HERE"})).replace('"HERE"', number)
    with pytest.raises(InputError, match="passport"):
        check(raw(text, pair), pair)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["promise"].update(verdict="excellent"),
        lambda p: p["consumption"]["tokens"].update(value=None),
        lambda p: p["promise"]["differences"][0].update(lost=-1),
        lambda p: p["promise"]["differences"][0].update(right=99),
        lambda p: p["promise"]["differences"][0].update(replies=0),
        lambda p: p["promise"]["differences"][0].update(questions=10**12),
        lambda p: p.update(format=True),
        lambda p: p.update(format="2"),
        lambda p: p["voids"].append("nothing"),
        lambda p: p.pop("expires"),
        lambda p: p.update(expires="soon"),
        lambda p: p.update(expires=20991231),
    ],
)
def test_what_cannot_be_is_refused_in_words(made, pair, change):
    with pytest.raises(InputError, match="passport"):
        check(raw(edited(made, change), pair), pair)


def test_a_statement_about_other_files_than_its_passport_is_refused(made, pair):
    statement = of_passport(made.passport)
    subject = [{**each, "digest": {"sha256": "0" * 64}} for each in statement["subject"]]
    with pytest.raises(InputError, match="other files than its statement"):
        check(signed({**statement, "subject": subject}, pair), pair)


def test_differences_of_a_study_that_are_all_there_are_taken(made, pair):
    p = made.passport
    all_of = (DifferenceCount(0, 0, 1, 1, p.questions.tested),)
    changed = replace(p, promise=replace(p.promise, differences=all_of))
    assert problems(signed(of_passport(changed), pair), pair) == []


@pytest.mark.parametrize("written", ["2026-12-25T00:00:00", "2026-12-25", "2026-12-25T00:00"])
def test_a_date_without_a_time_zone_is_no_date(made, pair, written):
    with pytest.raises(InputError, match="dates cannot be read") as told:
        check(signed(of_passport(replace(made.passport, expires=written)), pair), pair)
    assert "time zone" in told.value.why


def test_a_date_of_another_time_zone_is_that_moment(made, pair):
    there = signed(of_passport(replace(made.passport, expires="2026-12-24T09:00:00+09:00")), pair)
    midnight = datetime(2026, 12, 24, tzinfo=UTC)  # there it is nine in the morning
    assert problems(there, pair, midnight) == [Problem.EXPIRED]
    assert problems(there, pair, midnight - timedelta(seconds=1)) == []
    for far in ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59+23:59"):
        assert problems(signed(of_passport(replace(made.passport, expires=far)), pair), pair) == []


# --- what is not compared is said ------------------------------------------------------------------------


def test_a_model_that_cannot_be_compared_is_not_passed_over(made, pair):
    p = made.passport
    behind = replace(p, model=replace(p.model, files={}, digest=""))
    checked = check(
        signed(of_passport(behind), pair), pair, digest="ab", files={"model.safetensors": "0" * 64}
    )
    assert [f.problem for f in checked.findings] == [Problem.NO_DIGEST]
    assert checked.holds
    for lang, part in (("en", "were not compared"), ("ja", "照合していません")):
        assert part in PassportWords(lang).finding(checked.findings[0])


# --- the command line ------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", ["1e9", "inf", "5000000", "nan", "-1"])
def test_a_time_that_no_calendar_has_is_refused(made, pair, tmp_path, days):
    done = run(made.folder, "--key", pair[0], "--out", tmp_path / "p", "--days", days)
    assert done.exit_code == 2
    assert "--days is out of range" in done.output


@pytest.mark.parametrize("count", [20_001, 10**9])
def test_an_acceptance_of_more_questions_than_can_be_planned_is_refused(made, pair, tmp_path, count):
    file = write_passport(made.study, pair[0], tmp_path / "p", Writing())[0]
    done = run("verify", file, "--key", pair[1], "--reproduce", count, "--plan-only")
    assert done.exit_code == 2
    assert "The number of questions is out of range" in done.output


def test_a_key_of_another_curve_is_refused(tmp_path):
    from cryptography.hazmat.primitives import serialization as to
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256K1())
    (tmp_path / "k.pem").write_bytes(
        key.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption())
    )
    with pytest.raises(InputError, match="another curve"):
        keys.read_private(tmp_path / "k.pem")
