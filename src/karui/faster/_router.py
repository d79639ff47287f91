"""What `route` has learned: how likely each mode is right on a question, and what it costs.

Both are linear in a few columns: of the question (its length, script and signs, how many numbers it holds,
perhaps its words, hashed into 128 numbers) and of the replies of the modes that are asked first. Logistic for
being right, log-linear for the cost.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import combinations
from math import exp, log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.core.prompt import Prompt
from karui.core.trace import Reply
from karui.domain.features import SHAPE, features
from karui.domain.reference import DIMENSIONS, vector

Floats = NDArray[np.float64]
MAIN = "main"
CONFIDENCE, ENTROPY = "confidence", "entropy"
"""Signals of a reply that are read where every lesson has them."""
_MOST_BYTES, _MOST_MODES = 400_000, 16
_FIGURES, _OF_REPLY = 6, 6
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SENTENCE = re.compile(r"[.!?。！？]+(?:\s|$)")


@dataclass(frozen=True, eq=False)
class Router:
    """A learned choice among modes.

    Attributes:
        modes: Names of the models, "main" first.
        first: Those that are asked before the choice, side by side.
        rescue: Of each mode, which one is asked where it has no answer.
        signals: Which signals of the first replies are read.
        hashed: Whether the question's words are read, hashed.
        right: By mode and column, log-odds of the answer (the rescue's where there was none) being right;
            the first column is 1; (modes, columns).
        cost: Likewise the logarithm of 1 and what choosing the mode costs now, in tokens of the main model.
        most: The largest cost of each mode that was seen; (modes,).
        length: Mean cost of full thinking.
    """

    modes: tuple[str, ...]
    first: tuple[str, ...]
    rescue: tuple[int, ...]
    signals: tuple[str, ...]
    hashed: bool
    right: Floats
    cost: Floats
    most: Floats
    length: float

    def choose(self, prompt: Prompt, replies: Mapping[str, Reply], price: float) -> str:
        """Returns the mode with the most to expect: the chance of being right less the price of its cost.

        That is the plug-in rule of cost-aware routing. Ties go to the earlier mode.

        Args:
            prompt: What the main model would be shown.
            replies: Of the modes that are asked first.
            price: What the cost of one full thinking is worth, as a share of questions answered right.
        """
        row = np.array([columns(prompt, [replies[m] for m in self.first], self.signals, hashed=self.hashed)])
        return self.modes[int(self.values(row, price)[0].argmax())]

    def values(self, rows: Floats, price: float) -> Floats:
        """Returns what each mode is worth, as `choose` counts it; (rows, modes)."""
        chance = 1.0 / (1.0 + np.exp(-np.clip(rows @ self.right.T, -30.0, 30.0)))
        cost = np.minimum(np.expm1(np.clip(rows @ self.cost.T, 0.0, 30.0)), self.most)
        return np.asarray(chance - price * cost / self.length)

    def packed(self) -> str:
        """Returns it as text of letters, digits, "-" and "_": JSON, deflated."""
        values = {
            "modes": self.modes,
            "first": self.first,
            "rescue": self.rescue,
            "signals": self.signals,
            "hashed": self.hashed,
            "right": _short(self.right),
            "cost": _short(self.cost),
            "most": _short(self.most),
            "length": float(f"{self.length:.6g}"),
        }
        content = zlib.compress(json.dumps(values, separators=(",", ":")).encode(), 9)
        return base64.urlsafe_b64encode(content).decode().rstrip("=")


@lru_cache(maxsize=512)
def unpacked(text: str) -> Router:
    """Reads what `packed` wrote.

    Raises:
        ValueError: It is something else, or does not fit together.
    """
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        reader = zlib.decompressobj()
        values = json.loads(reader.decompress(content, _MOST_BYTES))
        if reader.unconsumed_tail or not reader.eof:
            raise ValueError("they are longer than weights are, or cut off")
        found = Router(
            modes=tuple(values["modes"]),
            first=tuple(values["first"]),
            rescue=tuple(values["rescue"]),
            signals=tuple(values["signals"]),
            hashed=values["hashed"] is True,
            right=np.array(values["right"], dtype=np.float64),
            cost=np.array(values["cost"], dtype=np.float64),
            most=np.array(values["most"], dtype=np.float64),
            length=float(values["length"]),
        )
        _check(found)
    except (zlib.error, KeyError, TypeError, UnicodeError, RecursionError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__} {error}") from error
    return found


def digest(text: str) -> str:
    """Returns eight hexadecimal digits by which people tell weights apart."""
    return sha256(text.encode()).hexdigest()[:8]


def columns(prompt: Prompt, replies: list[Reply], signals: tuple[str, ...], *, hashed: bool) -> list[float]:
    """Returns what the two models are linear in: 1, the question, the first replies."""
    question = _of_question(prompt, hashed)
    said = [value for reply in replies for value in _of_reply(reply, prompt.user, signals)]
    return [
        *question,
        *said,
        *(float(a.answer is not None and a.answer == b.answer) for a, b in combinations(replies, 2)),
    ]


def width(first: int, *, hashed: bool) -> int:
    """Returns how many columns there are with so many first replies."""
    return 1 + len(SHAPE) + _FIGURES + DIMENSIONS * hashed + _OF_REPLY * first + first * (first - 1) // 2


@lru_cache(maxsize=4096)
def _of_question(prompt: Prompt, hashed: bool) -> tuple[float, ...]:
    known, text = features(prompt), prompt.user
    numbers = [float(n.replace(",", "")) for n in _NUMBER.findall(text[:20_000])[:500]]
    figures = (
        log1p(len(numbers)),
        log1p(len(set(numbers))),
        log1p(min(max(numbers, default=0.0), 1e12)),
        log1p(len(_SENTENCE.findall(text[:20_000]))),
        log1p(len(text.split())),
        log1p(text.count("\n")),
    )
    words = vector(known).astype(np.float64) / 127.0 if hashed else np.empty(0)
    return (1.0, *known.shape.tolist(), *figures, *words.tolist())


def _of_reply(reply: Reply, question: str, signals: tuple[str, ...]) -> tuple[float, ...]:
    answer, trace = reply.answer, reply.trace
    number = _NUMBER.search(answer or "")
    entropy = trace.signals.entropy if trace is not None and ENTROPY in signals else ()
    return (
        float(answer is not None),
        log1p(trace.thinking_tokens + trace.answer_tokens) if trace is not None else 0.0,
        (reply.confidence or 0.0) if CONFIDENCE in signals else 0.0,
        exp(-float(np.mean(entropy, dtype=np.float64))) if len(entropy) else 0.0,
        log1p(min(float(number.group().replace(",", "")), 1e12)) if number else 0.0,
        float(answer is not None and answer in _NUMBER.findall(question)),
    )


def _check(router: Router) -> None:
    modes = len(router.modes)
    known = {CONFIDENCE, ENTROPY}
    shape = (modes, width(len(router.first), hashed=router.hashed))
    for holds, what in (
        (2 <= modes <= _MOST_MODES and len(set(router.modes)) == modes, "they name no two modes or too many"),
        (all(isinstance(m, str) and m for m in router.modes), "a mode has no name"),
        (router.modes[:1] == (MAIN,), "the first mode is not the main model"),
        (set(router.first) <= set(router.modes[1:]), "what is asked first is no further mode"),
        (len(set(router.first)) == len(router.first), "a mode is asked first twice"),
        (len(router.rescue) == modes, "a mode has no rescue"),
        (all(type(r) is int and 0 <= r < modes for r in router.rescue), "a rescue is no mode"),
        (all(r != n for n, r in enumerate(router.rescue)), "a mode is its own rescue"),
        (set(router.signals) <= known, "they read signals that replies do not have"),
        (router.right.shape == router.cost.shape == shape, "their columns are not those of this version"),
        (router.most.shape == (modes,), "the largest costs are missing"),
        (
            all(np.isfinite(a).all() for a in (router.right, router.cost, router.most)),
            "a weight is no number",
        ),
        (0 < router.length < float("inf"), "full thinking has no length"),
    ):
        if not holds:
            raise ValueError(what)


def _short(values: Floats) -> Any:
    """Returns nested lists of the numbers, with five digits each: weights are not known more exactly."""
    if values.ndim > 1:
        return [_short(row) for row in values]
    return [float(f"{value:.5g}") for value in values.tolist()]
