"""Forgeries and updates, each refused with the right sentence; signatures that others' libraries check."""

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from shutil import copytree

import pytest

from karui.core.errors import InputError
from karui.i18n.passport import PASSPORT
from karui.passport import keys
from karui.passport.document import FORMAT
from karui.passport.verify import Finding, Problem
from karui.passport.words import PassportWords
from karui.study.passports.issue import Writing, write_passport
from karui.study.passports.verify import Against, check_passport
from tests.helpers.passports import NOW, check, refusals, run, signed


@pytest.fixture(scope="module")
def issued(made, pair, tmp_path_factory):
    out = tmp_path_factory.mktemp("passport")
    given = Writing(issuer="A supplier", days=90, now=datetime(2026, 12, 1, 9, 0, tzinfo=UTC))
    return write_passport(made.study, pair[0], out, given)[0]


def found(passport, pair, now=NOW, **against):
    return check_passport(passport, pair[1], Against(**against), now)


def forged(issued, path, change):
    """The passport with its payload changed and its signature kept."""
    envelope = json.loads(issued.read_text())
    payload = json.loads(b64decode(envelope["payload"]))
    change(payload["predicate"])
    envelope["payload"] = b64encode(json.dumps(payload).encode()).decode()
    path.write_text(json.dumps(envelope))
    return path


def test_a_passport_holds_for_the_model_it_is_about(issued, pair, made):
    checked = found(issued, pair, model=str(made.model), study=made.folder)
    assert checked.holds
    assert refusals(checked) == []
    assert checked.passport == made.passport


# --- three forgeries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["promise"].update(bound=0.001),
        lambda p: p["model"]["files"].update({"model.safetensors": "0" * 64}),
        lambda p: p.update(expires="2099-01-01T00:00:00Z"),
    ],
    ids=["a figure", "a digest", "a date"],
)
def test_a_forgery_is_refused_and_read_no_further(issued, pair, tmp_path, change):
    checked = found(forged(issued, tmp_path / "forged.json", change), pair)
    assert refusals(checked) == [Problem.CHANGED]
    assert checked.passport is None


def test_what_is_signed_anew_is_signed_by_another_key(issued, made, tmp_path, pair):
    other = keys.new_keys(tmp_path / "thief")
    again = write_passport(made.study, other[0], tmp_path / "out", Writing(issuer="A supplier"))[0]
    assert refusals(found(again, pair)) == [Problem.OTHER_KEY]


def test_an_expired_passport_and_one_from_the_future(issued, pair):
    assert refusals(found(issued, pair, now=NOW + timedelta(days=90))) == [Problem.EXPIRED]
    assert refusals(found(issued, pair, now=NOW - timedelta(days=30))) == [Problem.NOT_YET]


# --- three updates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("model.safetensors", Problem.WEIGHTS),
        ("chat_template.jinja", Problem.TEMPLATE),
        ("tokenizer.json", Problem.WEIGHTS),
    ],
)
def test_an_update_of_a_file_is_named(issued, pair, made, tmp_path, file, problem):
    model = copytree(made.model, tmp_path / "model")
    (model / file).write_bytes((model / file).read_bytes() + b" ")
    checked = found(issued, pair, model=str(model))
    assert refusals(checked) == [problem]
    assert file in PassportWords("en").finding(checked.findings[0])


def test_a_template_that_is_gone_is_a_change(issued, pair, made, tmp_path):
    model = copytree(made.model, tmp_path / "model")
    (model / "chat_template.jinja").unlink()
    assert refusals(found(issued, pair, model=str(model))) == [Problem.TEMPLATE]


def _against(made, pair, **present):
    return check(signed(_statement(made), pair), pair, **present)


def _statement(made):
    from karui.passport.statement import of_passport

    server = {"fingerprint": "fp_1", "version": "0.19"}
    conditions = replace(made.passport.conditions, server=server)
    return of_passport(replace(made.passport, conditions=conditions))


def test_another_server_engine_or_sampling_is_named(made, pair):
    same = {"fingerprint": "fp_1", "version": "0.19"}
    sampling = dict(made.passport.conditions.sampling)
    assert refusals(_against(made, pair, server=same, sampling=sampling)) == []
    [finding] = _against(made, pair, server={**same, "version": "0.20"}).findings
    assert (finding.problem, finding.values["before"], finding.values["now"]) == (
        Problem.SERVER,
        "0.19",
        "0.20",
    )
    assert (
        refusals(_against(made, pair, server={**same, "context": "4096"})) == []
    )  # it names no such condition
    assert refusals(_against(made, pair, server={"version": "0.19"})) == [Problem.SERVER]
    assert refusals(_against(made, pair, engine="vllm")) == [Problem.ENGINE]
    hotter = {**sampling, "temperature": 1.3}
    assert refusals(_against(made, pair, sampling=hotter)) == [Problem.SAMPLING]
    assert refusals(_against(made, pair, study="0" * 64)) == [Problem.STUDY]


def test_a_recording_of_the_buyers_is_compared(issued, pair, made):
    assert refusals(found(issued, pair, recording=made.folder / "recording")) == []


def test_other_versions_are_said_and_refuse_nothing(made, pair):
    name, version = next(iter(made.passport.conditions.versions.items()), ("karui", ""))
    checked = _against(made, pair, versions={name: version + ".1"})
    assert checked.holds
    assert Problem.VERSIONS in [f.problem for f in checked.findings] or not made.passport.conditions.versions


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"payload": "?", "payloadType": "x", "signatures": []}', "nothing"]
)
def test_what_is_no_passport_is_said(text, pair, tmp_path):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(InputError, match=r"passport|JSON"):
        found(tmp_path / "p.json", pair)


def test_a_passport_of_a_later_karui_is_refused(made, pair):
    later = _statement(made)
    later["predicate"]["format"] = FORMAT + 1
    with pytest.raises(InputError, match="later version"):
        check(signed(later, pair), pair)


# --- keys ------------------------------------------------------------------------------------------------


def test_the_private_key_is_its_owners_and_no_key_is_overwritten(pair, tmp_path):
    assert pair[0].stat().st_mode & 0o777 == 0o600
    keys.new_keys(tmp_path)
    with pytest.raises(InputError, match="there already"):
        keys.new_keys(tmp_path)


def test_an_rsa_key_and_a_file_that_is_no_key_are_refused(tmp_path):
    from cryptography.hazmat.primitives import serialization as to
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption())
    (tmp_path / "rsa.pem").write_bytes(pem)
    with pytest.raises(InputError, match="another kind"):
        keys.read_private(tmp_path / "rsa.pem")
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(InputError, match="private key"):
        keys.read_private(tmp_path / "none.pem")


def test_the_envelope_is_verified_by_another_projects_library(issued, pair):
    envelope = pytest.importorskip("securesystemslib.dsse")
    from securesystemslib.signer import SSlibKey

    read = envelope.Envelope.from_dict(json.loads(issued.read_text()))
    key = SSlibKey.from_crypto(keys.read_public(pair[1]).key, keyid=keys.read_public(pair[1]).id)
    assert read.verify([key], 1)


def test_one_key_signs_a_model_with_model_signing_and_its_passport(made, tmp_path):
    signing = pytest.importorskip("model_signing.signing")
    verifying = pytest.importorskip("model_signing.verifying")
    from cryptography.hazmat.primitives import serialization as to
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private, public = tmp_path / "ec.key", tmp_path / "ec.pub"
    private.write_bytes(key.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(to.Encoding.PEM, to.PublicFormat.SubjectPublicKeyInfo))
    signing.Config().use_elliptic_key_signer(private_key=private).sign(made.model, tmp_path / "model.sig")
    verifying.Config().use_elliptic_key_verifier(public_key=public).verify(made.model, tmp_path / "model.sig")
    passport = write_passport(made.study, private, tmp_path / "out", Writing())[0]
    checked = check_passport(passport, public, Against(model=str(made.model)))
    assert checked.holds


# --- the command line ------------------------------------------------------------------------------------


def test_from_a_key_to_a_passport_that_is_checked(made, tmp_path):
    assert run("new-key", tmp_path).exit_code == 0
    done = run(made.folder, "--key", tmp_path / "passport.key", "--out", tmp_path / "p", "--issuer", "us")
    assert done.exit_code == 0, done.output
    names = {p.name for p in (tmp_path / "p").iterdir()}
    assert {"passport.json", "cyclonedx.json", "test-result.intoto.json", "svr.intoto.json"} <= names
    words = ("verify", tmp_path / "p" / "passport.json", "--key", tmp_path / "passport.pub")
    done = run(*words, "--model", made.model, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["holds"]
    assert "The passport holds" in done.stderr
    forged(tmp_path / "p" / "passport.json", tmp_path / "f.json", lambda p: p.update(issuer="them"))
    done = run("verify", tmp_path / "f.json", "--key", tmp_path / "passport.pub", "--lang", "ja")
    assert done.exit_code == 1
    assert "署名後に書き換えられています" in done.output


def test_every_problem_has_a_sentence_in_both_languages():
    import re

    for problem in Problem:
        named = set(re.findall(r"{(\w+)}", PASSPORT[problem.value][0]))
        values = dict.fromkeys(named, "2026-12-01")
        english, japanese = (PassportWords(lang).finding(Finding(problem, values)) for lang in ("en", "ja"))
        assert english != japanese
    for key, (english, japanese) in PASSPORT.items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", japanese)), key


def test_a_server_is_asked_what_it_is_and_let_go(monkeypatch):
    from karui import engines
    from karui.core.engine import ModelInfo
    from karui.study.passports.verify import present

    class Server:
        name, card = "openai", ModelInfo("m")
        thinks, server = {"open": "<think>"}, {"version": "0.20"}
        closed = False

        async def close(self):
            self.closed = True

    engine = Server()
    monkeypatch.setattr(engines, "load", lambda name: engine)
    found = present(Against(model="http://127.0.0.1:9/v1#m"))
    assert (found.engine, found.server, found.files) == ("openai", {"version": "0.20"}, None)
    assert found.template
    assert engine.closed
