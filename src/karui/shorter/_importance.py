"""How important each thinking token is, by the model's own surprise or by an importance model's judgement."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.core.errors import ModelError
from karui.core.trace import SIGNAL_UNIT, Trace
from karui.engines.transformers.load import find_folder, load_model, load_tokenizer

_JUDGE, _LANGUAGE = "ForTokenClassification", "ForCausalLM"
_WINDOW = 512
"""Tokens that an importance model reads at a time, unless its config says fewer."""


def surprise(trace: Trace) -> NDArray[np.float32] | None:
    """Returns each thinking token's self-information in nats, as recorded; None where it was not.

    What the model was sure to say next, it can do without (Selective Context, 2310.06201). A recording rounds
    it, and most tokens of a sure model come to nothing: of those, the ones whose distribution was less peaked
    count for more, by less than what rounding left. Else a trace would lose its end instead of its filler.
    """
    signals = trace.signals
    if not 0 < trace.thinking_tokens == len(signals):
        return None
    peaked = signals.confidence - signals.confidence.min()
    nudge = 1 - peaked / max(float(peaked.max()), SIGNAL_UNIT)
    return np.asarray(-signals.logprob + nudge * (SIGNAL_UNIT / 2), np.float32)


def kept(
    importance: NDArray[np.float32],
    words: NDArray[np.int64],
    first: NDArray[np.bool_],
    fixed: NDArray[np.bool_],
    ratio: float,
) -> NDArray[np.int64]:
    """Returns the positions of the tokens to keep, ascending.

    Words stay or go as a whole, by the mean importance of their tokens (2403.12968): half a number is another
    number.

    Args:
        importance: Of each token.
        words: Number of the word that each token belongs to, from 0 on; see `words_of`.
        first: Which tokens' words go only after all others are gone.
        fixed: Which tokens' words stay in any case.
        ratio: Share to keep, of all tokens, in [0, 1], as nearly as words allow.
    """
    sizes = np.bincount(words)
    means = np.bincount(words, importance) / sizes
    marked = [np.bincount(words, mark) > 0 for mark in (first, fixed)]
    order = np.lexsort((-means, ~marked[0], ~marked[1]))
    middles = np.cumsum(sizes[order]) - sizes[order] / 2
    stay = np.zeros(len(sizes), np.bool_)
    stay[order] = marked[1][order] | (middles <= ratio * len(importance))
    return np.flatnonzero(stay[words])


@dataclass(frozen=True)
class Thought:
    """The thinking of a trace as tokens, and where they lie in its text.

    Attributes:
        ids: Its tokens.
        text: What they say.
        spans: Where in it each of them lies.
        words: Number of the word of each, from 0 on.
    """

    ids: list[int]
    text: str
    spans: list[tuple[int, int]]
    words: NDArray[np.int64]

    @staticmethod
    def of(tokenizer: Any, ids: list[int]) -> "Thought | None":
        """Returns the thought of these tokens; None where its text reads as other tokens."""
        text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        if read["input_ids"] != ids:
            return None
        spans = [tuple(pair) for pair in read["offset_mapping"]]
        return Thought(ids, text, spans, words_of(text, spans))

    @cached_property
    def spelled(self) -> list[str]:
        """Every word, with 0 for each of its digits."""
        firsts = np.flatnonzero(np.diff(self.words, prepend=-1)).tolist()
        starts = [self.spans[first][0] for first in firsts]
        words = [self.text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(self.text)], strict=True)]
        return ["".join("0" if c.isdigit() else c for c in word) for word in words]


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


def usual(thoughts: Sequence[Thought], weights: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Returns the weights of thoughts, every word's being the mean of that word's wherever it stands.

    What is learned is which words to leave out, and that is learned soonest where it is the same ones
    everywhere. Numbers with as many digits count as one word.
    """
    sums: dict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for thought, weight in zip(thoughts, weights, strict=True):
        means = np.bincount(thought.words, weight) / np.bincount(thought.words)
        counts.update(thought.spelled)
        for word, mean in zip(thought.spelled, means.tolist(), strict=True):
            sums[word] += mean
    return [
        np.array([sums[word] / counts[word] for word in thought.spelled], np.float32)[thought.words]
        for thought in thoughts
    ]


class Judge:
    """A model that judges how important the tokens of a text are.

    A token classifier whose last class means "keep", such as LLMLingua-2's (2403.12968), or a causal language
    model, whose surprise counts.
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
        self._window = min(_WINDOW, int(config.get("max_position_embeddings") or _WINDOW))

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


def of_markers(tokenizer: Any, ids: list[int], opening: str, closing: str) -> NDArray[np.bool_]:
    """Returns which of the thinking's tokens are its markers, the opening one first, the closing one last."""
    fixed = np.zeros(len(ids), np.bool_)
    begin, end = (tokenizer.encode(m, add_special_tokens=False) if m else [] for m in (opening, closing))
    if begin and ids[: len(begin)] == begin:
        fixed[: len(begin)] = True
    if end and ids[-len(end) :] == end:
        fixed[-len(end) :] = True
    return fixed
