"""Keys of teams and operators: from a file or the environment, plain or hashed, and never in a message."""

from hashlib import sha256

import pytest

from karui.core.errors import InputError, UnknownName
from karui.gateway.keys import EVERYBODY, OPERATOR_KEY, KeyRing, Keys, given_key
from karui.gateway.named_keys import Team

PLAIN, OTHER, ROOT = "sk-search-0123456789", "sk-help-01234567890", "sk-aoi-012345678901"
TEXT = f"""
[teams.search]
key = ["sha256:{sha256(PLAIN.encode()).hexdigest().upper()}", "sk-the-next-one-0123"]
requests_per_minute = 600
concurrent = 8

[teams.help]
key = "{OTHER}"

[operators.aoi]
key = "{ROOT}"
"""


@pytest.fixture
def keys():
    return Keys.read({"KARUI_KEYS": TEXT})


def test_a_team_is_known_by_its_key_plain_or_hashed_and_by_each_of_several(keys):
    search = Team("search", requests_per_minute=600, concurrent=8)
    assert keys.team(PLAIN) == keys.team("sk-the-next-one-0123") == search
    assert keys.team(OTHER) == Team("help")
    for wrong in ("", "sk-search", ROOT, sha256(PLAIN.encode()).hexdigest(), f"sha256:{PLAIN}"):
        assert keys.team(wrong) is None


def test_an_operators_key_has_a_name_and_is_no_clients(keys):
    assert keys.operator_of(ROOT) == "aoi"
    assert keys.operator_of(PLAIN) == ""
    assert keys.knows_operator("aoi")
    assert not keys.knows_operator("search")
    assert not keys.knows_operator("")
    assert (keys.asks_clients, keys.asks_operators, keys.any) == (True, True, True)


def test_keys_of_the_environment_stand_beside_them():
    keys = Keys.read({"KARUI_KEYS": TEXT, "KARUI_SERVE_KEY": "sk-all", "KARUI_OPERATOR_KEY": "sk-op"})
    assert keys.team("sk-all") is EVERYBODY
    assert keys.team(OTHER) == Team("help")
    assert keys.operator_of("sk-op") == OPERATOR_KEY
    assert keys.knows_operator(OPERATOR_KEY)
    with pytest.raises(InputError, match="has a name, and is a key of the environment"):
        Keys.read({"KARUI_KEYS": TEXT, "KARUI_METRICS_KEY": OTHER})


def test_without_any_key_everybody_is_let_in():
    assert Keys().team("whatever") is EVERYBODY
    assert Keys().operator_of("") == ""


def test_a_file_is_read_anew_and_a_wrong_one_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("KARUI_KEYS", raising=False)
    file = tmp_path / "keys.toml"
    file.write_text(TEXT)
    ring = KeyRing(file=str(file))
    file.write_text(TEXT.replace(OTHER, "sk-help-renewed-1234"))
    ring.reload()
    assert (ring.now.team(OTHER), ring.now.team("sk-help-renewed-1234")) == (None, Team("help"))
    before = ring.now
    file.write_text(TEXT + "[teams.x]\n")
    with pytest.raises(InputError, match=r"teams\.x .* has no key"):
        ring.reload()
    assert ring.now is before
    monkeypatch.setenv("KARUI_KEYS", TEXT)
    with pytest.raises(InputError, match="and in KARUI_KEYS"):
        ring.reload()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[teams.a]\nkey = "short"', "cannot be used"),
        ('[teams.a]\nkey = "sha256:sk-0123456789abcdef"', "cannot be used"),
        ('[teams.a]\nkey = "sk-0123456789 abcdef"', "cannot be used"),
        ("[teams.a]\nkey = 12345678901234567", "cannot be used"),
        ('[teams."a b"]\nkey = "sk-0123456789abcdef"', "is no name"),
        ('[teams.a]\nkey = "sk-0123456789abcdef"\nconcurrent = 0', "at least 1"),
        ('[teams.a]\nkey = "sk-0123456789abcdef"\nrequests_per_minute = 1.5', "whole number"),
        ('[teams.a]\nkey = "sk-0123456789abcdef"\n[operators.b]\nkey = "sk-0123456789abcdef"', "twice"),
        ('[teams]\na = "sk-0123456789abcdef"', "has no key"),
        ('teams = "sk-0123456789abcdef"', "must be a table"),
        ("[teams.a]\nkey = sk-0123456789abcdef", "is not TOML at line 2"),
    ],
)
def test_what_cannot_be_used_is_named_and_no_key_is_repeated(text, message):
    with pytest.raises(InputError, match=message) as error:
        Keys.read({"KARUI_KEYS": text})
    assert "0123456789" not in str(error.value)


def test_a_field_that_does_not_exist_is_named():
    with pytest.raises(UnknownName, match=r"teams\.a\.requests"):
        Keys.read({"KARUI_KEYS": '[teams.a]\nkey = "sk-0123456789abcdef"\nrequests = 1'})
    with pytest.raises(UnknownName, match="team"):
        Keys.read({"KARUI_KEYS": '[team.a]\nkey = "sk-0123456789abcdef"'})


def test_nothing_shows_a_key(keys):
    assert "sk-" not in repr(keys)
    assert PLAIN not in str(keys.named)


def test_a_key_is_given_as_a_bearer_token_or_as_anthropic_has_it():
    assert given_key({"authorization": "Bearer sk-1", "x-api-key": "sk-2"}) == "sk-1"
    assert given_key({"x-api-key": " sk-2 "}) == "sk-2"
    assert given_key({"authorization": "Basic sk-1"}) == ""
