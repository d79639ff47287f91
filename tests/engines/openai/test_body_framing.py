"""Bodies without what frames them, wherever the reads of a connection have cut them."""

import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.engines.openai.protocol.body_framing import (
    Chunked,
    Counted,
    Misframed,
    UntilEnd,
    framing_of,
    keeps_open,
)


def fed(framing, *pieces):
    return b"".join(framing.feed(piece) for piece in pieces)


def cut(data, places):
    """The same bytes in pieces."""
    ends = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(ends)]


def head(*headers, status=200, version=b"1.1"):
    return h11.Response(status_code=status, headers=list(headers), http_version=version)


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.sampled_from([b"", b";name=value", b' ; q="x"']),
    st.sampled_from([b"", b"x-sum: 1\r\nx-more: 2\r\n"]),
    st.sets(st.integers(0, 400)),
)
def test_chunks_are_joined_however_they_are_cut(chunks, extension, trailers, places):
    framed = (
        b"".join(b"%x%b\r\n%b\r\n" % (len(c), extension, c) for c in chunks) + b"0\r\n" + trailers + b"\r\n"
    )
    framing = Chunked()
    assert fed(framing, *cut(framed, places)) == b"".join(chunks)
    assert (framing.done, framing.excess) == (True, False)
    framing.end()


SIZES = [
    b"zz\r\n",
    b"-5\r\n",
    b"+5\r\n",
    b"0x5\r\n",
    b"1_0\r\n",
    b"5 5\r\n",
    b"\r\n",
    b"5\nabcde",
    b"5" * 5000,
]
ENDS = [b"5\r\nabcdeXX", b"5\r\nabcde\rX", b"5\r\nabcdeX", b"f" * 16 + b"\r\n"]


@pytest.mark.parametrize("wrong", [*SIZES, *ENDS])
@pytest.mark.parametrize("apart", [False, True])
def test_what_is_no_chunk_is_refused(wrong, apart):
    pieces = [wrong[n : n + 1] for n in range(len(wrong))] if apart else [wrong]
    with pytest.raises(Misframed):
        fed(Chunked(), *pieces)


@pytest.mark.parametrize("begun", [b"", b"5", b"5\r\nab", b"5\r\nabcde", b"0\r\n", b"0\r\nx: 1\r\n"])
def test_a_body_that_ends_before_its_end_is_broken(begun):
    framing = Chunked()
    fed(framing, begun)
    with pytest.raises(Misframed):
        framing.end()


def test_what_comes_behind_the_end_is_seen():
    framing = Chunked()
    assert fed(framing, b"1\r\na\r\n0\r\n\r\nHTTP/1.1 200") == b"a"
    assert (framing.done, framing.excess) == (True, True)


def test_a_stated_length_is_kept():
    framing = Counted(3)
    assert fed(framing, b"a") == b"a"
    with pytest.raises(Misframed):
        framing.end()
    assert fed(framing, b"bcd") == b"bc"
    assert (framing.done, framing.excess) == (True, True)


def test_a_body_without_a_length_ends_with_its_connection():
    framing = UntilEnd()
    assert (fed(framing, b"a", b"b"), framing.done) == (b"ab", False)
    framing.end()
    assert framing.done


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (head((b"transfer-encoding", b"chunked")), Chunked),
        (head((b"content-length", b"3")), Counted),
        (head(), UntilEnd),
        (head(status=204), Counted),
        (head((b"transfer-encoding", b"chunked"), status=304), Counted),
    ],
    ids=["chunked", "length", "neither", "204", "304"],
)
def test_a_head_says_how_its_body_is_framed(told, kind):
    assert type(framing_of(told)) is kind


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (head(), True),
        (head((b"connection", b"keep-alive")), True),
        (head((b"connection", b"x, Close")), False),
        (head(version=b"1.0"), False),
    ],
    ids=["plain", "kept", "closes", "HTTP/1.0"],
)
def test_a_head_says_whether_the_connection_stays(told, kept):
    assert keeps_open(told) is kept
