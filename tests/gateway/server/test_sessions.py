"""Sessions: known to every process that shares the secret, and to nobody else."""

from base64 import urlsafe_b64encode

import pytest

from karui.gateway.server.sessions import SECRET, SESSION_SECONDS, Sessions, share_sessions


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv(SECRET, "a")


def test_another_process_with_the_secret_knows_a_session():
    share_sessions()  # changes nothing: it is there
    token = Sessions().open("aoi:mori")
    assert Sessions().name(token) == "aoi:mori"


def test_another_secret_does_not(monkeypatch):
    token = Sessions().open("aoi")
    monkeypatch.setenv(SECRET, "b")
    assert Sessions().name(token) == ""


def test_a_session_ends():
    now = [1000.0]
    sessions = Sessions(lambda: now[0])
    token = sessions.open("aoi")
    now[0] += SESSION_SECONDS - 1
    assert sessions.name(token) == "aoi"
    now[0] += 1
    assert sessions.name(token) == ""
    other = sessions.open("aoi")
    sessions.end(other)
    assert sessions.name(other) == ""
    assert sessions.name(sessions.open("aoi")) == "aoi"


@pytest.mark.parametrize(
    "made", ["", ".", "a.b", "é.ü", "\ud800", urlsafe_b64encode(b"9e99:x:aoi").decode() + "."]
)
def test_what_nobody_signed_is_none(made):
    Sessions().end(made)
    assert Sessions().name(made) == ""


def test_a_name_cannot_be_exchanged():
    told, _, signature = Sessions().open("aoi").partition(".")
    forged = urlsafe_b64encode(b"9999999999:00:root").decode().rstrip("=")
    assert Sessions().name(f"{forged}.{signature}") == ""
    assert Sessions().name(f"{told}.{signature}") == "aoi"
