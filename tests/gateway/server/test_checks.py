"""`karui serve --check`: what a start needs, tried one by one, without serving."""

import socket
import time
from email.utils import formatdate

import pytest

from karui.codec.files import save
from karui.gateway.server import checks as module
from karui.gateway.server.checks import checks
from karui.gateway.settings import Settings
from tests.helpers.fake_server import serving
from tests.helpers.gateways import chosen


@pytest.fixture
def choice(tmp_path):
    made = chosen()
    save(made.choice, tmp_path / "choice.json")
    made.expectation.save(tmp_path / "expectation.json")
    return tmp_path


def found(choice, **settings):
    usual = {"port": 0, "history": str(choice / "h.sqlite3"), **settings}
    return {c.name: (c.well, c.told) for c in checks(choice, Settings(**usual))}


def test_all_is_well(choice):
    with serving() as fake:
        told = found(choice, upstream=fake.url, fallback=fake.url)
    assert list(told) == [
        "choice",
        "settings",
        "keys",
        "address",
        "upstream and abilities",
        "upstream's clock",
        "fallback",
        "history",
    ]
    assert all(well for well, _ in told.values()), told
    assert not (choice / "h.sqlite3").exists()  # nothing was started


def test_a_name_that_is_the_models_own_is_told(choice):
    with serving() as fake:
        (_, usual), (_, taken) = (
            found(choice, upstream=fake.url, names=names)["upstream and abilities"]
            for names in ((), ("toy",))
        )
    assert "toy is the plan here" in taken
    assert "toy" not in usual


def test_what_is_missing_is_named_and_hides_nothing(choice, monkeypatch):
    monkeypatch.setenv("KARUI_OPERATOR_KEY", "")
    with socket.socket() as taken, serving() as fake:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        fake.behaviour.served = ("another",)
        told = found(
            choice,
            upstream=fake.url,
            fallback="http://127.0.0.1:9/v1#m",
            port=taken.getsockname()[1],
            history="/proc/none/h.sqlite3",
        )
    assert {name for name, (well, _) in told.items() if not well} == {
        "keys",
        "address",
        "upstream and abilities",
        "fallback",
        "history",
    }
    assert "KARUI_OPERATOR_KEY is set, but empty" in told["keys"][1]


def test_what_a_start_reads_is_read(choice, tmp_path):
    file = tmp_path / "canaries.jsonl"
    file.write_text('{"question": "1 + 1?", "answer": "2"}\n')
    told = found(choice, stage="5", canaries=str(file), canaries_per_hour=4.0)
    assert told["settings"] == (True, "stage 5")
    assert told["canaries"] == (True, "1 questions, 4 an hour")
    assert told["model"][0] is False  # the choice's is a name that nobody has
    for wrong in ({"stage": "7"}, {"table": {"low_confidence": "maybe"}}, {"redact": {"mine": "("}}):
        assert found(choice, **wrong)["settings"][0] is False, wrong
    assert found(choice, canaries=str(tmp_path / "none.jsonl"))["canaries"][0] is False
    assert found(choice, port=99999)["address"] == (
        False,
        "99999 is no port. Choose a --port from 0 to 65535.",
    )


def test_a_choice_that_cannot_be_served_is_one_line(tmp_path):
    told = found(tmp_path)
    assert told["choice"][0] is False
    assert told["history"][0] is True


def test_clocks_that_disagree_are_found():
    assert module._apart(formatdate(time.time())) == "the clocks agree"
    assert module._apart("") == "it does not tell the time"
    with pytest.raises(module.InputError, match="seconds apart"):
        module._apart(formatdate(time.time() - 3600))
