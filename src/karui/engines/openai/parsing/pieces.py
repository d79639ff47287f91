"""The events of a stream cut into pieces of one token each, as far as the server lists its tokens."""

from dataclasses import dataclass

from karui.engines.openai.protocol.content import Part
from karui.engines.openai.protocol.schema import Chunk, Token

_MOST_LISTED = 64
"""Tokens of an event that are looked through for where its answer begins."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a chunk that belongs to one token, or to none.

    Attributes:
        text: What it adds.
        apart: Whether the server put it into the field for thinking.
        tokens: How many tokens it stands for.
        token: The token where the server lists it.
        id: Its number where it is told.
        at: When it came, seconds on the stream's clock.
    """

    text: str
    apart: bool
    tokens: int
    token: Token | None = None
    id: int | None = None
    at: float = 0.0


def pieces_of(chunk: Chunk, tokens: int, at: float) -> list[Piece]:
    """Cuts a chunk into its tokens.

    Where the texts of its tokens do not add up to a part's (a character spread over tokens, a marker that the
    server has taken out), the part's text goes with the last of them.

    Args:
        chunk: From the server.
        tokens: How many tokens it stands for.
        at: When it came.
    """
    if tokens == len(chunk.parts) == 1 and not chunk.tokens and not chunk.ids:  # most are
        text, apart = chunk.parts[0]
        return [Piece(text, apart, 1, None, None, at)]
    parts = list(chunk.parts) or [("", bool(chunk.field))]
    listed: list[Token | None] = [*chunk.tokens] or [None] * tokens
    ids: list[int | None] = [*chunk.ids] or [t.id if t else None for t in listed]
    ids += [None] * (len(listed) - len(ids))
    said = [t.text if t else "" for t in listed]
    begins = _begins(said, parts)
    ends = [*begins[1:], len(listed)]
    made = [Piece("", parts[0][1], 1, listed[n], ids[n], at) for n in range(begins[0])]
    for (text, apart), begin, end in zip(parts, begins, ends, strict=True):
        texts = said[begin:end]
        if "".join(texts) != text:
            texts = [*[""] * (end - begin - 1), text]
        if begin == end:
            made.append(Piece(text, apart, 0, None, None, at))
        else:
            made += [Piece(t, apart, 1, listed[begin + n], ids[begin + n], at) for n, t in enumerate(texts)]
    return made


def _begins(said: list[str], parts: list[Part]) -> list[int]:
    """Returns at which of an event's tokens its parts begin: by what they say, else by their length."""
    if len(parts) == 1 and len(said) <= 1:
        return [0]
    found: list[int] = []
    for text, _ in parts if len(said) <= _MOST_LISTED else ():
        places = range(found[-1] + 1 if found else 0, len(said))
        wanted = text.strip()
        place = next((k for k in places if "".join(said[k:]).lstrip().startswith(wanted)), -1)
        if place < 0:
            break
        found.append(place)
    if len(found) == len(parts):
        return found
    lengths = [len(text) for text, _ in parts]
    shares = [len(said) * sum(lengths[:n]) // (sum(lengths) or 1) for n in range(len(parts))]
    return [min(share, max(0, len(said) - 1)) for share in shares]
