"""Chunks of a stream: what is nothing but further text is handed over at once, and all of it in its order."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karui.core.errors import EngineError
from karui.engines.openai.protocol.chunk_reader import ChunkReader
from tests.helpers.canned_streams import DONE, chunk, event, said, thought

TEXTS = st.lists(st.sampled_from([" word", "a", "\n\n", " 日本", "<think>", "[", "é", ""]), max_size=8)


def read(data, cuts=(), *, at_once=True):
    """Returns the chunks of a stream that comes cut in pieces, and how many came at once."""
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    found, early = [], []

    def take(chunks):
        early.extend(chunks)
        found.extend(chunks)

    reader = ChunkReader("http://here/v1", take if at_once else None)
    for a, b in itertools.pairwise(ends):
        if not reader.at_once(data[a:b]):
            found += reader.feed(data[a:b])
    found += reader.end()
    return found, len(early)


@settings(max_examples=200)
@given(TEXTS, TEXTS, st.booleans(), st.sets(st.integers(0, 2500), max_size=30))
def test_the_same_chunks_whatever_comes_at_once(first, second, apart, cuts):
    deltas = [(thought if apart else said)(text) for text in first] + [said(text) for text in second]
    data = ("".join(map(chunk, deltas)) + chunk({}, "stop") + DONE).encode()
    assert read(data, cuts)[0] == read(data, at_once=False)[0]


def test_tokens_like_the_last_one_come_at_once():
    events = [chunk(said(f" word{n}")) for n in range(50)]
    cuts = [len("".join(events[:n])) for n in range(51)]
    found, early = read(("".join(events) + chunk({}, "stop") + DONE).encode(), cuts)
    assert "".join(part.text for part in found) == "".join(f" word{n}" for n in range(50))
    assert early == 49  # all but the first, which shows what they are like
    assert found[-1].last


def test_nothing_is_read_behind_the_end():
    data = (chunk(said("a")) + DONE).encode()
    reader = ChunkReader("http://here/v1", lambda _: None)
    assert [c.last for c in reader.feed(data + chunk(said("b")).encode())] == [False, True]
    assert reader.done
    assert not reader.at_once(chunk(said("c")).encode())
    assert not list(reader.end())


def test_an_error_among_tokens_is_raised():
    reader = ChunkReader("http://here/v1", lambda _: None)
    assert list(reader.feed(chunk(said("a")).encode()))
    wrong = (chunk(said("b")) + event({"error": {"message": "it died"}})).encode()
    assert not reader.at_once(wrong)
    with pytest.raises(EngineError, match=r"it died|failed"):
        list(reader.feed(wrong))
