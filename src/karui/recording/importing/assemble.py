"""From logged replies to a recording: thinking and answers apart, tokens counted, answers read and judged."""

from collections import Counter as Tallied
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

from karui.core.prompt import Prompt
from karui.core.question import Verifier
from karui.core.recording import Caveat, RecordedQuestion
from karui.core.trace import NO_SIGNALS, End, RecordedCheckpoint, Trace, Trial
from karui.core.usage import UsageMeter
from karui.engines.openai.protocol.finish_reason import Ending, ending, is_cut, read_finish
from karui.recording.columns import answers
from karui.recording.importing.counting import Counter
from karui.recording.importing.reply import Logged
from karui.recording.importing.source import Source
from karui.recording.importing.thinking import Said, apart, only_closes

_MOST = 2**31 - 1
"""Counts above this are no counts of tokens."""


@dataclass(frozen=True)
class How:
    """How replies become traces.

    Attributes:
        verifier: Reads and judges the answers; None takes them as they are, right where they equal the
            reference.
        counter: Counts tokens where the log does not.
        trial_tokens: What a trial is taken to have cost where the log does not say.
        believed: Whether the log's own verdict stands where there is a reference too.
        references: By question id or text, where the user names the questions apart from the log.
        agreement: Whether references come from the majority of replies, so that none is needed.
    """

    counter: Counter
    verifier: Verifier | None = None
    trial_tokens: int = 10
    believed: bool = False
    references: Mapping[str, "Known"] = field(default_factory=dict)
    agreement: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A question that the user names apart from the log.

    Attributes:
        id: Its id.
        prompt: What was asked.
        reference: The right answer.
        kind: Its kind.
    """

    id: str
    prompt: Prompt
    reference: str
    kind: str = ""


@dataclass
class Assembly:
    """What came of it.

    Attributes:
        questions: With their traces.
        caveats: What has to be known of their numbers.
    """

    questions: list[RecordedQuestion] = field(default_factory=list)
    caveats: list[Caveat] = field(default_factory=list)


def assemble(replies: Iterable[Logged], source: Source, how: How) -> Assembly:
    """Returns the questions that logged replies belong to, with a trace for each.

    What does not fit is told to the source as a problem, and left out.
    """
    there = [r for r in replies if _counted(r, source)]
    if closing := sum(only_closes(r.text or "") for r in there if r.answer is None):
        source.notes.append(f"{closing} replies only end their thinking: the prompts of this log open it.")
        there = [_opened(r) for r in there]
    grouped: dict[tuple[str, Prompt | None], list[Logged]] = {}
    for reply in there:
        key = (reply.question, None if reply.question else reply.prompt)
        if not reply.question and reply.prompt is None:
            source.problem(reply.where, "it has neither a question nor an id of one")
            continue
        grouped.setdefault(key, []).append(reply)
    made = Assembly()
    facts = _Facts()
    read = cache(how.verifier.read if how.verifier else str.strip)
    for number, group in enumerate(grouped.values()):
        recorded = _recorded(group, f"q{number:04}", source, how, read, facts)
        if recorded is not None:
            made.questions.append(recorded)
    facts.tell(source, how, made.caveats)
    return made


@dataclass
class _Facts:
    """What was found on the way, told at the end in a sentence each."""

    words: int = 0
    split: int = 0
    ends: Tallied[str] = field(default_factory=Tallied)
    unclosed: int = 0
    assumed: int = 0
    other_verdicts: int = 0
    judged_twice: int = 0

    def compare(self, told: list[tuple[bool | None, str | None]], verdicts: Mapping[str, bool]) -> None:
        """Counts where the log's own verdicts differ from the verifier's."""
        judged = [(c, verdicts[a]) for c, a in told if c is not None and a is not None]
        self.judged_twice += len(judged)
        self.other_verdicts += sum(c != v for c, v in judged)

    def tell(self, source: Source, how: How, caveats: list[Caveat]) -> None:
        """Says it all, a sentence each."""
        if self.words:
            source.notes.append(
                f"The log has no token counts for {self.words} replies: they are counted {how.counter.how}."
            )
            caveats += [] if how.counter.exact else [Caveat.WORDS]
        if self.split:
            source.notes.append(
                f"Of {self.split} replies thinking and answer are counted together: divided by their "
                + ("tokens." if how.counter.exact else "characters (--tokenizer divides by tokens).")
            )
            caveats += [] if how.counter.exact else [Caveat.SPLIT]
        for word, times in self.ends.items():
            what = "were cut, and have no answer" if ending(word) is Ending.CUT else "are taken as whole"
            source.notes.append(f"{times} replies ended with {word!r}: they {what}.")
        if self.unclosed:
            source.notes.append(f"{self.unclosed} replies never end their thinking: truncated, no answer.")
        if self.assumed:
            caveats.append(Caveat.TRIAL_COST)
        if self.other_verdicts:
            source.notes.append(
                f"The log's own verdict differs from the verifier's on {self.other_verdicts} of "
                f"{self.judged_twice} replies; the verifier's counts."
            )


def _opened(reply: Logged) -> Logged:
    """Returns the reply as one whose prompt had opened the thinking, as some replies of its log show."""
    if reply.thinking is not None or not reply.text or reply.answer is not None:
        return reply
    return replace(reply, opened=True)


def _counted(reply: Logged, source: Source) -> bool:
    counts = reply.counts
    for name in ("prompt", "cached", "completion", "thinking"):
        value = getattr(counts, name)
        if value is not None and not 0 <= value <= _MOST:
            source.problem(reply.where, f"{value} {name} tokens cannot be")
            return False
    if counts.completion is not None and (counts.thinking or 0) > counts.completion:
        source.problem(reply.where, f"{counts.thinking} thinking tokens of {counts.completion} generated")
        return False
    return True


def _recorded(
    group: Sequence[Logged],
    name: str,
    source: Source,
    how: How,
    read: Callable[[str], str | None],
    facts: _Facts,
) -> RecordedQuestion | None:
    """Returns one question with its traces; None where something of it is a problem."""
    first = group[0]
    known = how.references.get(first.question) if first.question else None
    if known is None and first.prompt is not None:
        known = how.references.get(first.prompt.user.strip())
    references = {r.reference for r in group if r.reference is not None}
    if len(references) > 1:
        source.problem(first.where, f"replies to one question have references {sorted(references)}")
        return None
    if not _in_order(group, source):
        return None
    group = sorted(group, key=lambda r: -1 if r.sample is None else r.sample)
    ident = known.id if known else first.question or name
    traces: list[Trace] = []
    for number, reply in enumerate(group):
        trace = _trace(reply, ident, number, how, read, facts, source)
        if trace is None:
            return None
        traces.append(trace)
    reference = known.reference if known else next(iter(references), None)
    verdicts = _verdicts(group, traces, reference, source, how, facts)
    if verdicts is None:
        return None
    prompt = first.prompt or (known.prompt if known else Prompt(""))
    kind = first.kind or (known.kind if known else "")
    return RecordedQuestion(ident, kind, reference or "", prompt, tuple(traces), verdicts)


def _verdicts(
    group: Sequence[Logged],
    traces: Sequence[Trace],
    reference: str | None,
    source: Source,
    how: How,
    facts: _Facts,
) -> dict[str, bool] | None:
    """Returns whether each answer is right; None where that cannot be told."""
    told: dict[str, bool] = {}
    for reply, trace in zip(group, traces, strict=True):
        if trace.answer is None:
            continue
        if reply.correct is None and reference is None and not how.agreement:
            lacks = "has no `correct`, and there is no `reference` to judge it by"
            source.problems.append(f"{reply.where} {lacks}")
            return None
        if reply.correct is None:
            continue
        agrees = told.setdefault(trace.answer, reply.correct) == reply.correct
        if not agrees and (reference is None or how.believed):
            word = "right" if reply.correct else "wrong"
            source.problems.append(f"{reply.where} says {trace.answer!r} is {word}; one before it disagrees")
            return None
    verdicts = {}
    for answer in sorted(set().union(*map(answers, traces))):
        believed = answer in told and (how.believed or not reference)
        own = _verify(how.verifier, reference, answer) if reference else False
        verdicts[answer] = told[answer] if believed else own
    if reference and not how.believed:
        facts.compare([(r.correct, t.answer) for r, t in zip(group, traces, strict=True)], verdicts)
    return verdicts


def _in_order(group: Sequence[Logged], source: Source) -> bool:
    """Whether no two replies say that they are the same one."""
    seen: dict[int, str] = {}
    for reply in group:
        if reply.sample is None:
            continue
        before = seen.setdefault(reply.sample, reply.where)
        if before != reply.where:
            what = f"reply {reply.sample} of {reply.question!r} is there twice; first at {before}"
            source.problem(reply.where, what)
            return False
    return True


def _trace(
    reply: Logged,
    question: str,
    number: int,
    how: How,
    read: Callable[[str], str | None],
    facts: _Facts,
    source: Source,
) -> Trace | None:
    said = _apart(reply)
    finish = read_finish(reply.finish)
    truncated = is_cut(finish, thinking=not said.closed) or not said.closed
    if ending(finish) is Ending.CUT or (finish and ending(finish) is Ending.UNTOLD):
        facts.ends[finish] += 1
    if not said.closed:
        facts.unclosed += 1
    thinking_tokens, answer_tokens = _tokens(reply, said, how, facts)
    marks = _marks(reply, said, thinking_tokens, how, read, facts, source)
    if marks is None:
        return None
    text = (apart(reply.text).answer if reply.answer is not None and reply.text else said.answer).strip()
    counts = reply.counts
    prompt_tokens = counts.prompt
    if prompt_tokens is None and reply.prompt is not None and how.counter.exact:
        prompt_tokens = how.counter(_shown(reply.prompt))
    tally = UsageMeter(prompt_tokens or 0, min(counts.cached or 0, prompt_tokens or 0), 0)
    tally.think(thinking_tokens)
    bill = tally.finished(answer_tokens)
    return Trace(
        question=question,
        sample=number,
        end=End.TRUNCATED if truncated else End.FINISHED,
        thinking=said.thinking,
        text=text,
        answer=None if truncated or not said.answer.strip() else read(said.answer) or None,
        confidence=None,
        signals=NO_SIGNALS,
        checkpoints=marks,
        thinking_tokens=thinking_tokens,
        answer_tokens=answer_tokens,
        usage=bill,
        time=tally.time,
        seconds=reply.seconds,
        first_seconds=reply.first_seconds,
        finish=finish,
    )


def _apart(reply: Logged) -> Said:
    """Returns thinking and answer of a reply, whichever way the log keeps them."""
    whole = reply.answer if reply.answer is not None else reply.text or ""
    said = apart(whole, opened=reply.opened and reply.answer is None)
    if reply.thinking is None:
        return said
    thinking = "\n".join(part for part in (reply.thinking, said.thinking) if part.strip())
    # A field for thinking, nothing behind it, and no word of why it ended: it was still thinking.
    silent = bool(thinking.strip()) and not whole.strip() and not reply.finish and reply.answer is None
    return Said(thinking, said.answer, said.closed and not silent)


def _tokens(reply: Logged, said: Said, how: How, facts: _Facts) -> tuple[int, int]:
    """Returns the tokens of thinking and of the answer."""
    counts, count = reply.counts, how.counter
    if counts.completion is None:
        facts.words += 1
        return count(said.thinking), count(said.answer)
    if not said.closed:
        return counts.completion, 0
    if counts.thinking is not None:
        return counts.thinking, counts.completion - counts.thinking
    if not said.thinking and reply.thinking is None:
        return 0, counts.completion
    if not said.answer.strip():
        return counts.completion, 0
    facts.split += 1
    if how.counter.exact:
        answer = min(counts.completion, count(said.answer))
    else:
        share = len(said.answer) / max(1, len(said.answer) + len(said.thinking))
        answer = round(counts.completion * share)
    return counts.completion - answer, answer


def _marks(
    reply: Logged,
    said: Said,
    thinking_tokens: int,
    how: How,
    read: Callable[[str], str | None],
    facts: _Facts,
    source: Source,
) -> tuple[RecordedCheckpoint, ...] | None:
    places = [trial.tokens for trial in reply.trials]
    if any(after <= before for before, after in pairwise([0, *places])):
        source.problem(reply.where, "its trials are not in order of tokens so far, from 1 up")
        return None
    if places and places[-1] > thinking_tokens:
        source.problem(reply.where, f"a trial after {places[-1]} of {thinking_tokens} thinking tokens")
        return None
    facts.assumed += sum(trial.cost is None for trial in reply.trials)
    return tuple(
        RecordedCheckpoint(
            trial.tokens,
            len(said.thinking) * trial.tokens // max(1, thinking_tokens),
            Trial(
                (read(trial.text) or None) if trial.text else None,
                trial.text or "",
                how.trial_tokens if trial.cost is None else trial.cost,
                trial.confidence,
            ),
        )
        for trial in reply.trials
    )


def _shown(prompt: Prompt) -> str:
    return "\n".join([prompt.system, *(text for _, text in prompt.history), prompt.user])


def _verify(verifier: Verifier | None, reference: str, answer: str) -> bool:
    return verifier.verify(reference, answer) if verifier else answer == reference.strip()
