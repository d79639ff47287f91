"""Each server is tried once, and again when it has changed."""

from dataclasses import replace

import pytest

from karui.engines.openai import HttpEngine
from karui.engines.options import EngineOptions, Logprobs, RetryPolicy, ServerOptions
from karui.gateway.backends.known_servers import KnownServers
from tests.helpers import fake_server

HASTY = RetryPolicy(connect_seconds=2, silence_seconds=2, tries=3, backoff_seconds=0.01, total_seconds=5)


def connected(known, fake):
    before = len(fake.requests)
    engine = known.connect(fake.url, EngineOptions(), ServerOptions(retry=HASTY))
    return engine, len(fake.requests) - before


@pytest.fixture(params=["one process", "several"])
def known(request, tmp_path):
    """Returns what makes the servers that a further reading knows, or a further process."""
    if request.param == "several":
        return lambda: KnownServers(tmp_path)
    one = KnownServers()
    return lambda: one


@pytest.mark.parametrize(
    "behaviour", [{}, {"completions": False}, {"opens": True}, {"off": True, "word": "/think"}], ids=str
)
def test_the_second_engine_knows_what_the_first_found(known, behaviour):
    with fake_server.serving(**behaviour) as fake:
        first, many = connected(known(), fake)
        second, few = connected(known(), fake)
        assert second.can == first.can
        assert second.thinks == first.thinks
        assert (second.suffix, second.suffix_tokens) == (first.suffix, first.suffix_tokens)
        assert second.connection.wording.thinking == first.connection.wording.thinking
        assert many > 30
        assert few < 5


@pytest.mark.parametrize(
    "change", [{"opens": True}, {"context": 777}, {"template": ""}, {"completions": False}], ids=str
)
def test_a_server_that_has_changed_is_tried_again(known, change):
    with fake_server.serving() as fake:
        connected(known(), fake)
        fake.behaviour = replace(fake.behaviour, **change)
        again, asked = connected(known(), fake)
        assert asked > 30
        assert again.can == HttpEngine.load(fake.url, EngineOptions(), ServerOptions(retry=HASTY)).can
        _, few = connected(known(), fake)
        assert few < 5


def test_other_options_are_another_engine(known):
    with fake_server.serving() as fake:
        connected(known(), fake)
        by_chat = known().connect(fake.url, EngineOptions(), ServerOptions(retry=HASTY, route="chat"))
        assert by_chat.can.route == "chat"


@pytest.mark.parametrize("left", ["", "{", "[]", '{"can": {}}'])
def test_what_cannot_be_read_is_found_anew(tmp_path, left):
    with fake_server.serving() as fake:
        first, many = connected(KnownServers(tmp_path), fake)
        (file,) = tmp_path.glob("*.json")
        file.write_text(left)
        again, asked = connected(KnownServers(tmp_path), fake)
        assert again.can.abilities == first.can.abilities
        assert asked == many


def test_other_keys_and_log_probabilities_are_tried_by_themselves(known):
    with fake_server.serving() as fake:
        connected(known(), fake)
        for other in (
            ServerOptions(key="another", retry=HASTY),
            ServerOptions(logprobs=Logprobs.NONE, retry=HASTY),
        ):
            before = len(fake.requests)
            known().connect(fake.url, EngineOptions(), other)
            assert len(fake.requests) - before > 30


def test_a_folder_that_is_gone_keeps_no_server_from_being_used(tmp_path):
    with fake_server.serving() as fake:
        engine, asked = connected(KnownServers(tmp_path / "gone"), fake)
        assert engine.can.chat
        assert asked > 30
