"""How important each thinking token is, as a model judges that reads the thought alone."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.core.errors import ModelError
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.models.folder import find_folder

_JUDGE, _LANGUAGE = "ForTokenClassification", "ForCausalLM"
_WINDOWS = {_JUDGE: 512, _LANGUAGE: 2048}
"""Tokens that an importance model reads at a time, unless its config says fewer."""
_BLANK_LINE = re.compile(r"\n\s*\n")
_TURN = re.compile(
    r"(wait|hmm|oh|but|however|actually|maybe|alternatively|another|double-check|hold on|let me|let's)\b"
    r"|待って|いや|でも|しかし|別の|もう一度|念のため",
    re.IGNORECASE,
)
"""What a train of thought begins with that turns to something else, or back."""


def kept(
    importance: NDArray[np.float32], units: NDArray[np.int64], last: NDArray[np.bool_], ratio: float
) -> NDArray[np.int64]:
    """Returns the positions of the tokens to keep, ascending.

    Units stay or go as a whole, by the mean importance of their tokens: half a number is another number. The
    first one stays in any case.

    Args:
        importance: Of each token.
        units: Number of the unit that each token belongs to, from 0 on.
        last: Which tokens' units go only after all others are gone.
        ratio: Share to keep, of all tokens, in [0, 1], as nearly as units allow.
    """
    sizes = np.bincount(units)
    means = np.bincount(units, importance) / sizes
    order = np.lexsort((-means, np.bincount(units, last) == 0, np.arange(len(sizes)) > 0))
    middles = np.cumsum(sizes[order]) - sizes[order] / 2
    stay = np.zeros(len(sizes), np.bool_)
    stay[order] = middles <= ratio * len(importance)
    stay[0] = True
    return np.flatnonzero(stay[units])


@dataclass(frozen=True)
class Thought:
    """The thinking of a trace as tokens, and where they lie in its text.

    Attributes:
        ids: Its tokens.
        text: What they say.
        spans: Where in it each of them lies.
    """

    ids: list[int]
    text: str
    spans: list[tuple[int, int]]

    @staticmethod
    def of(tokenizer: Any, ids: list[int]) -> "Thought | None":
        """Returns the thought of these tokens; None where its text reads as other tokens."""
        text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        if read["input_ids"] != ids:
            return None
        return Thought(ids, text, [tuple(pair) for pair in read["offset_mapping"]])


def thoughts_of(text: str, spans: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Returns for each token of a text the number of its train of thought.

    A step that opens with words like "Wait" or "Alternatively" begins another one, as when models are found
    to switch thoughts (Wang et al., "Thoughts Are All Over the Place", 2501.18585). A text that is a single
    one falls into its steps.

    Args:
        text: Of all tokens.
        spans: Where in it each of them lies.
    """
    begins = [blank.end() for blank in _BLANK_LINE.finditer(text) if _TURN.match(text, blank.end())]
    return _between(begins, spans) if begins else steps_of(text, spans)


def steps_of(text: str, spans: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Returns for each token of a text the number of its step; a blank line ends one.

    Args:
        text: Of all tokens.
        spans: Where in it each of them lies.
    """
    return _between([blank.end() for blank in _BLANK_LINE.finditer(text)], spans)


def _between(begins: list[int], spans: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Returns for each token after how many of these places it lies; one across a place lies before it."""
    places = np.searchsorted(begins, [start for start, _ in spans], side="right")
    return np.unique(places, return_inverse=True)[1]


def words_of(text: str, spans: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Returns for each token of a text the number of its word.

    What stands between two blanks is one word, with the blanks before it. Scripts that are written without
    blanks come token by token.

    Args:
        text: Of all tokens.
        spans: Where in it each of them lies.
    """
    begins = []
    before, reached = "", 0
    for start, end in spans:
        token = text[start:end]
        # Tokens that are bytes of one character share its place.
        begins.append(start >= reached and not _goes_on(before, token))
        before, reached = token, end
    return np.cumsum(begins) - 1


def _goes_on(before: str, token: str) -> bool:
    """Whether a token is of the same word as the one before it, "" being none."""
    if not before or not token:
        return False
    if token[0].isspace() or before[-1].isspace():
        return before.isspace()
    return before[-1].isascii() and token[0].isascii()


class Judge:
    """A model that judges how important the tokens of a text are.

    A token classifier whose last class means "keep", such as LLMLingua-2's (2403.12968), or a causal language
    model, whose surprise counts (Selective Context, 2310.06201): what it did not expect after what it read.
    """

    def __init__(self, name: str, device: str) -> None:
        """Loads it.

        Raises:
            ModelError: It is neither, or it cannot be loaded.
        """
        from transformers import AutoModelForTokenClassification

        folder = find_folder(name)
        self._device = device
        self._tokenizer = load_tokenizer(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kinds = config.get("architectures") or [""]
        self._classifies = kinds[0].endswith(_JUDGE)
        if self._classifies:
            found = AutoModelForTokenClassification.from_pretrained(folder, local_files_only=True)
            self._model: Any = found.to(device).eval()
        elif kinds[0].endswith(_LANGUAGE):
            self._model = load_model(folder, device, "float32")
        else:
            raise ModelError(
                f"{name} cannot judge how important tokens are.",
                why=f"It is a {kinds[0] or 'model of an unknown class'}.",
                remedy="Give a token classifier (LLMLingua-2's, say) or a causal language model.",
            )
        most = _WINDOWS[_JUDGE if self._classifies else _LANGUAGE]
        self._window = min(most, int(config.get("max_position_embeddings") or most))

    def importance(self, text: str, spans: list[tuple[int, int]]) -> NDArray[np.float32]:
        """Returns the mean importance of the characters of each span of a text."""
        marks = np.zeros(len(text) + 1, np.float32)
        for start, end, value in self._judged(text):
            marks[start:end] = value
        sums = np.concatenate(([0.0], np.cumsum(marks, dtype=np.float64)))
        return np.array([(sums[e] - sums[s]) / max(1, e - s) for s, e in spans], np.float32)

    def _judged(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Yields (first character, character after the last, importance) of the judge's own tokens."""
        import torch

        read = self._tokenizer(
            text,
            truncation=True,
            max_length=self._window,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        for ids, offsets in zip(read["input_ids"], read["offset_mapping"], strict=True):
            row = torch.tensor([ids], device=self._device)
            with torch.no_grad():
                logits = self._model(input_ids=row).logits[0].float()
            if self._classifies:
                values = logits.softmax(-1)[:, -1].tolist()
            else:  # nothing comes before the first token
                taken = logits[:-1].log_softmax(-1).gather(1, row[0, 1:, None])[:, 0]
                values = [0.0, *(-taken).tolist()]
            for (start, end), value in zip(offsets, values, strict=True):
                yield start, end, value


def has_digit(tokenizer: Any, ids: list[int]) -> NDArray[np.bool_]:
    """Returns which tokens hold a digit."""
    return np.array([any(c.isdigit() for c in t) for t in tokenizer.convert_ids_to_tokens(ids)], np.bool_)


def between_markers(tokenizer: Any, ids: list[int], opening: str, closing: str) -> slice:
    """Returns which of the thinking's tokens lie between its markers, where it has them."""
    begin, end = (tokenizer.encode(m, add_special_tokens=False) if m else [] for m in (opening, closing))
    start = len(begin) if begin and ids[: len(begin)] == begin else 0
    return slice(start, len(ids) - (len(end) if end and ids[-len(end) :] == end else 0))
