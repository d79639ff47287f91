"""How a generation begins and ends, whether it came as a stream or in whole pieces: room and trace."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from karui.core.engine import Reader
from karui.core.errors import RequestRejected
from karui.core.request import Request
from karui.core.trace import NO_SIGNALS, End, Trace
from karui.core.usage import UsageMeter
from karui.engines.chat.answers import answer_after, answer_unsaid, mean_probability
from karui.engines.chat.markers import Start
from karui.engines.openai.parsing.counting import counted
from karui.engines.openai.parsing.thinking_parser import ThinkingParser
from karui.engines.openai.protocol.finish_reason import Ending as Kind
from karui.engines.openai.protocol.finish_reason import ending, is_cut
from karui.engines.openai.protocol.usage import Usage
from karui.engines.openai.requests.request_builder import limit_of

if TYPE_CHECKING:
    from karui.engines.openai.connection import Connection


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a generation once it has ended.

    Attributes:
        usage: What the server counted; None where it told nothing.
        finish: Why it ended, in the server's word.
        prompt_tokens: Of its prompt.
        seconds: From asking to its end.
    """

    usage: Usage | None
    finish: str
    prompt_tokens: int
    seconds: float


def needs_length(parts: "Connection", ask: Request) -> bool:
    """Whether a prompt's length has to be known before it is sent, since the context may not hold all."""
    wanted = ask.sampling.max_tokens + _reserve(parts)
    return bool(parts.can.context) and wanted > parts.can.context // 2


def room(parts: "Connection", ask: Request, length: int | None) -> int:
    """Returns the tokens that may be generated behind a prompt of a length; None where it is not known.

    Raises:
        RequestRejected: There is no room for any.
    """
    limit = limit_of(ask, parts.can.context, length, _reserve(parts))
    if limit < 1:
        raise RequestRejected(
            f"The prompt of question {ask.question!r} is {length} tokens long.",
            why=f"{parts.can.model} has room for {parts.can.context}, less the answer.",
            remedy="Shorten the question, or serve the model with a longer context.",
        )
    return limit


def _reserve(parts: "Connection") -> int:
    return parts.suffix_tokens + parts.trial_tokens


def trace_of(
    parts: "Connection", ask: Request, sample: int, read: Reader, split: ThinkingParser, end: Ending
) -> Trace:
    """Returns the trace of a generation that has ended. Reading its answer may take a tenth of a second.

    Raises:
        EngineError: The server lists other tokens than it counts.
    """
    usage, markers = end.usage, parts.wording.markers
    split.finish(cut=ending(end.finish) in {Kind.LIMIT, Kind.CUT})
    written, thinking_tokens, shared = counted(split, usage, parts.can, parts.client.url)
    answering = split.ended_thinking or split.start is Start.ANSWERING
    truncated = is_cut(end.finish, thinking=not answering and not markers.plain)
    text = ""
    if not truncated:
        text = answer_after(markers, split.answer) if answering else answer_unsaid(markers, split.text, read)
    answered = split.of_answer
    tally = UsageMeter(end.prompt_tokens, usage.cached or 0 if usage else 0, parts.suffix_tokens)
    tally.think(thinking_tokens)
    bill = tally.finished(written - thinking_tokens)
    inferred = "; ".join(filter(None, (usage.inferred if usage else "", shared)))
    remarks = [*split.leaks, f"inferred: {inferred}" if inferred else ""]
    return Trace(
        question=ask.question,
        sample=sample,
        end=End.TRUNCATED if truncated else End.FINISHED,
        thinking=split.thinking,
        text=text,
        answer=read(text) if text else None,
        confidence=mean_probability(answered) if text and answered else None,
        signals=split.of_thinking if thinking_tokens == split.thinking_tokens else NO_SIGNALS,
        checkpoints=(),
        thinking_tokens=thinking_tokens,
        answer_tokens=written - thinking_tokens,
        usage=bill,
        time=tally.time,
        seconds=end.seconds,
        first_seconds=split.first,
        thought_seconds=split.thought,
        finish=end.finish,
        remark="; ".join(filter(None, remarks)),
    )
