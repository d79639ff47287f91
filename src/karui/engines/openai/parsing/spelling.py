"""What the tokens of a whole reply say, where the server tells their numbers and the text of all of them."""

import codecs
from collections.abc import Sequence

from karui.engines.openai.parsing.pieces import Piece
from karui.engines.openai.protocol.schema import Token

_PART = "\ufffd"


class Speller:
    """Puts the tokens of one generation into text; a character may be spread over tokens, and replies."""

    def __init__(self) -> None:
        """Begins."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def pieces(
        self, ids: Sequence[int], said: Sequence[bytes], listed: Sequence[Token], at: float
    ) -> list[Piece]:
        """Returns a piece for every token.

        Args:
            ids: Their numbers.
            said: Their bytes.
            listed: The same tokens with their log-probabilities; empty where none were asked for.
            at: When they came, seconds on the stream's clock; 0 where that is not known.
        """
        told = listed if len(listed) == len(ids) else [None] * len(ids)
        texts = (self._decoder.decode(spelled) for spelled in said)
        found = zip(texts, told, ids, strict=True)
        return [
            Piece(text, apart=False, tokens=1, token=token, id=number, at=at) for text, token, number in found
        ]


def adds_up(said: Sequence[bytes], text: str) -> bool:
    """Whether tokens say a text.

    Parts of characters at either end are not compared: where a reply was cut within a character, servers show
    the rest as they like.
    """
    return b"".join(said).decode(errors="replace").replace(_PART, "") == text.replace(_PART, "")


def matches(said: Sequence[bytes], text: str) -> bool:
    """Whether tokens say a text: all of them, or all but the last, which ends a reply and is not shown."""
    return adds_up(said, text) or (bool(said) and adds_up(said[:-1], text))
