import sqlite3
import stat

import pytest

from karui.core.errors import InputError
from karui.gateway.records.conversation_store import ConversationStore, kept_in
from karui.gateway.records.events import Kept
from tests.helpers.gateways import until

SECRET = "the heron flies at nine"


def kept(n=0, **given):
    usual = {
        "id": f"r{n}",
        "at": 1000.0 + n,
        "plan": "p",
        "model": "karui/plan",
        "messages": ({"role": "user", "content": f"{SECRET}, {n}? I am a{n}@b.example"},),
        "params": {"temperature": 0.6, "user": "u@c.example"},
        "thinking": "Let me see. 03-1234-5678.",
        "answer": "yes",
        "cut": 120,
        "thinking_tokens": 120,
        "moves": "answer@120",
    }
    return Kept(**{**usual, **given})


def everything(folder):
    """Every byte that lies on the disk."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_off_is_off(tmp_path):
    for keep in (
        ConversationStore(),
        ConversationStore(None, 60.0),
        ConversationStore(tmp_path / "k.db", 0.0),
    ):
        keep.keep(kept())
        assert keep.get("r0") is None
        assert list(keep.between(0, 1e9)) == []
        assert not keep.on
        keep.close()
    assert list(tmp_path.iterdir()) == []


def test_it_keeps_what_was_said_masked(tmp_path):
    keep = ConversationStore(tmp_path / "k.db", 60.0, clock=lambda: 1010.0)
    for n in range(3):
        keep.keep(kept(n))
    found = keep.get("r1")
    assert found.messages == ({"role": "user", "content": f"{SECRET}, 1? I am [email]"},)
    assert found.params == {"temperature": 0.6, "user": "[email]"}
    assert (found.thinking, found.answer, found.cut) == ("Let me see. [phone].", "yes", 120)
    assert found.redacted == 3
    assert [k.id for k in keep.between(1001.0, 1002.5)] == ["r1", "r2"]
    assert keep.get("none") is None
    keep.close()
    written = everything(tmp_path)
    assert SECRET.encode() in written
    assert b"a1@b.example" not in written
    assert b"1234-5678" not in written
    assert stat.S_IMODE((tmp_path / "k.db").stat().st_mode) == 0o600
    assert [k.id for k in kept_in(tmp_path / "k.db", 1010.0)] == ["r0", "r1", "r2"]


def test_what_has_ended_is_not_given_out_and_really_deleted(tmp_path):
    now = [1010.0]
    keep = ConversationStore(tmp_path / "k.db", 60.0, clock=lambda: now[0])
    keep.keep(kept(0))
    keep.keep(kept(30))
    assert keep.get("r0") is not None
    now[0] = 1060.0
    assert keep.get("r0") is None
    assert [k.id for k in keep.between(0, 1e9)] == ["r30"]
    assert [k.id for k in kept_in(tmp_path / "k.db", now[0])] == ["r30"]
    assert f"{SECRET}, 0?".encode() in everything(tmp_path)  # not yet
    keep.close()
    ConversationStore(tmp_path / "k.db", 60.0, clock=lambda: now[0]).close()  # tidies as soon as it opens
    assert f"{SECRET}, 0?".encode() not in everything(tmp_path)
    assert f"{SECRET}, 30?".encode() in everything(tmp_path)


def test_the_writer_deletes_by_itself_even_where_keeping_was_turned_off_since(tmp_path):
    first = ConversationStore(tmp_path / "k.db", 60.0, clock=lambda: 1010.0)
    first.keep(kept(0))
    first.close()
    assert SECRET.encode() in everything(tmp_path)
    later = ConversationStore(tmp_path / "k.db", 0.0, clock=lambda: 2000.0)
    assert later.get("r0") is None
    later.close()
    assert SECRET.encode() not in everything(tmp_path)


def test_a_disk_that_is_full_holds_nobody_up(tmp_path):
    def full(path):
        raise sqlite3.OperationalError("database or disk is full")

    keep = ConversationStore(tmp_path / "k.db", 60.0, connect=full)
    keep.keep(kept())
    assert keep.get("r0") is None
    assert "disk is full" in str(keep.degraded)
    keep.close()


def test_reading_what_is_no_such_file_says_what_to_name(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        kept_in(tmp_path / "none.db", 0.0)
    with sqlite3.connect(tmp_path / "other.db") as made:
        made.execute("CREATE TABLE served (id)")
    with pytest.raises(InputError, match="does not hold conversations"):
        kept_in(tmp_path / "other.db", 0.0)


def test_the_file_is_bounded_and_the_oldest_go_first(tmp_path):
    keep = ConversationStore(tmp_path / "k.db", 1e6, most_bytes=400_000, clock=lambda: 2000.0)
    for n in range(40):
        keep.keep(kept(n, thinking="long thoughts " * 2000))
    keep.close()
    again = ConversationStore(tmp_path / "k.db", 1e6, most_bytes=400_000, clock=lambda: 2000.0)
    again._writer.flush()
    ids = [k.id for k in again.between(0, 1e9)]
    again.close()
    assert 0 < len(ids) < 40
    assert ids[-1] == "r39"


def test_a_conversation_that_cannot_be_masked_is_lost_and_the_next_is_kept(tmp_path):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    keep = ConversationStore(tmp_path / "k.db", 60.0, clock=lambda: 1010.0)
    keep.keep(kept(0, params={"metadata": deep}))
    keep.keep(kept(1))
    until(lambda: keep.get("r1") is not None)  # the deep one is tried first, which may take a second
    assert (keep._writer.lost, keep.degraded) == (1, None)
    keep.close()
