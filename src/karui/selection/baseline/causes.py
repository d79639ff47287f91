"""Why a baseline fails: what its wrong replies show, the commonest first."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from karui.core.loops import loop_in
from karui.core.recording import RecordedQuestion, Recording
from karui.core.study.failure import Cause, FailedReply, LikelyCause
from karui.core.trace import End, Trace
from karui.models import embedded
from karui.recording.thinking import EMPTY

_LEAST = 0.1
"""Share of the replies that have to show a reason for it to be named."""
_SHOWN_CHARS, _QUESTION_CHARS = 400, 300
_SHOWN = 3
_ALIKE, _ALIKE_QUESTIONS = 0.5, 3
"""One answer is "alike" in this share of the replies, over as many questions with other references."""


@dataclass(frozen=True)
class _Reply:
    """A reply that is not right, and what it shows."""

    question: RecordedQuestion
    trace: Trace

    @cached_property
    def shows(self) -> tuple[Cause, ...]:
        """The reasons that it speaks for, the most telling first."""
        trace = self.trace
        found = []
        if trace.end is End.TRUNCATED:
            found.append(Cause.TRUNCATED)
        elif not trace.text.strip() and trace.answer is None:
            found.append(Cause.EMPTY)
        elif self._holds_reference():
            found.append(Cause.UNMATCHED)
        elif trace.answer is None:
            found.append(Cause.UNREAD)
        elif _stands_in(trace.answer, self.question.reference):
            found.append(Cause.PARTIAL)
        if loop_in(trace.thinking) or loop_in(trace.text):
            found.append(Cause.LOOPS)
        if trace.thinking_tokens <= EMPTY:
            found.append(Cause.UNTHOUGHT)
        return tuple(found) or (Cause.WRONG,)

    def _holds_reference(self) -> bool:
        """Whether the reference stands in the reply as a word or number of its own.

        A single character stands in many texts by chance (the letter of an option that is discussed): it
        counts only where nothing was read.
        """
        if len(self.question.reference) == 1 and self.trace.answer is not None:
            return False
        return _stands_in(self.question.reference, self.trace.text)


def reasons(recording: Recording, *, near_chance: bool = False) -> tuple[LikelyCause, ...]:
    """Returns the likely reasons why a recording's replies are wrong, the one with the most evidence first.

    Args:
        recording: Of full thinking.
        near_chance: Whether it is about as good as guessing.
    """
    manifest = recording.manifest
    counts: Counter[Cause] = Counter()
    wrong = 0
    for reply in _wrong(recording):
        counts.update(reply.shows)
        wrong += 1
    details = {
        Cause.TRUNCATED: str(manifest.sampling.max_tokens),
        Cause.UNREAD: manifest.verifier,
        Cause.UNMATCHED: manifest.verifier,
        Cause.PARTIAL: manifest.verifier,
    }
    replies = sum(len(q.traces) for q in recording.questions)
    least = max(1.0, _LEAST * wrong)
    found = [LikelyCause(code, n, replies, details.get(code, "")) for code, n in counts.items() if n >= least]
    found += _alike(recording)
    if late := manifest.timeouts:
        found.append(LikelyCause(Cause.TIMEOUTS, late, max(late, replies), manifest.verifier))
    found.sort(key=lambda r: (r.code is Cause.WRONG, -r.count / r.of))
    if near_chance:
        read = sum(t.answer is not None for t in recording.traces())
        found.insert(
            sum(r.count > r.of / 2 and r.code is not Cause.WRONG for r in found),
            LikelyCause(Cause.GUESSING, read, replies),
        )
    name = embedded(manifest.model.name)
    if name and manifest.task.partition(":")[0] != "mini":
        found.insert(0, LikelyCause(Cause.EMBEDDED, wrong, replies, name))
    return tuple(found)


def examples(recording: Recording) -> tuple[FailedReply, ...]:
    """Returns up to three wrong replies, of different questions, each for another reason where there are."""
    chosen: dict[str, _Reply] = {}
    seen: Counter[Cause] = Counter()
    wrong = list(_telling(recording))
    while len(chosen) < _SHOWN:
        left = [r for r in wrong if r.question.id not in chosen]
        if not left:
            break
        reply = min(left, key=lambda r: seen[r.shows[0]])
        chosen[reply.question.id] = reply
        seen[reply.shows[0]] += 1
    return tuple(_shown(reply, recording.manifest.instruction) for reply in chosen.values())


def _telling(recording: Recording) -> Iterator[_Reply]:
    """Yields wrong replies to draw examples from: of each reason, the first of the first few questions."""
    asked: dict[Cause, set[str]] = {}
    for reply in _wrong(recording):
        known = asked.setdefault(reply.shows[0], set())
        if reply.question.id not in known and len(known) < _SHOWN:
            known.add(reply.question.id)
            yield reply


def _wrong(recording: Recording) -> Iterator[_Reply]:
    for question in recording.questions:
        for trace in question.traces:
            if not question.correct(trace.answer):
                yield _Reply(question, trace)


def _alike(recording: Recording) -> Iterator[LikelyCause]:
    """Yields the answer that stands in at least half of the replies, to questions with other answers."""
    given: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for question in recording.questions:
        for trace in question.traces:
            if trace.answer is not None:
                counts[trace.answer] += 1
                given.setdefault(trace.answer, set()).add(question.reference)
    for answer, count in counts.most_common(1):
        if count >= _ALIKE * counts.total() and len(given[answer]) >= _ALIKE_QUESTIONS:
            yield LikelyCause(Cause.ALIKE, count, counts.total(), answer)


def _shown(reply: _Reply, instruction: str) -> FailedReply:
    trace = reply.trace
    thinking = not trace.text.strip()
    asked = reply.question.prompt.user.removesuffix(instruction).strip()
    return FailedReply(
        question=asked if len(asked) <= _QUESTION_CHARS else f"{asked[:_QUESTION_CHARS].rstrip()}…",
        text=_tail(trace.thinking if thinking else trace.text, _SHOWN_CHARS),
        thinking=thinking,
        read=trace.answer,
        reference=reply.question.reference,
        end=trace.end,
    )


def _tail(text: str, most: int) -> str:
    text = text.strip()
    return text if len(text) <= most else f"…{text[-most:].lstrip()}"


def _stands_in(part: str, text: str) -> bool:
    """Returns whether a text holds another one as a word or number of its own."""
    part = _folded(part)
    around = (r"(?<![a-z0-9])(?<!\d[.,])", r"(?![a-z0-9])(?![.,]\d)")
    return bool(part) and re.search(re.escape(part).join(around), _folded(text)) is not None


def _folded(text: str) -> str:
    text = re.sub(r"(?<=\d),(?=\d{3})", "", unicodedata.normalize("NFKC", text))
    return " ".join(text.casefold().split())
