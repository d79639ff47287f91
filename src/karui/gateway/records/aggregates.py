"""What the monitor adds up: sums since the beginning, and a window's sums and percentiles."""

from collections.abc import Mapping
from dataclasses import dataclass

from karui.gateway.records.record import FallbackReason, RequestRecord


@dataclass(frozen=True, slots=True)
class Spread:
    """How a value lay in the window.

    Attributes:
        count: Requests that had one.
        low: 5th percentile.
        middle: 50th.
        high: 95th.
    """

    count: int
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One sixtieth of the window.

    Attributes:
        requests: That clients sent.
        generated: Tokens, of everything.
        saved: Tokens, an estimate; negative where karui cost more than it saved.
    """

    requests: int
    generated: float
    saved: float


@dataclass(frozen=True, slots=True)
class Sums:
    """What only ever adds up.

    Attributes:
        requests: Sent by clients.
        planned: Of these, answered by the plan.
        failed: Of these, answered with an error of the server's.
        prompt_tokens: Of everything, shadow runs and canaries too.
        generated_tokens: Likewise.
        own_tokens: Of these, what nobody asked for: shadow runs and canaries.
        full_tokens: For the requests that the plan answered: full thinking's mean in the recording.
        saved_tokens: The sum of `RequestRecord.saved`: own tokens are subtracted.
        began: When the first came, seconds since the epoch; 0 if none did.
    """

    requests: int = 0
    planned: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    own_tokens: int = 0
    full_tokens: float = 0.0
    saved_tokens: float = 0.0
    began: float = 0.0

    def plus(self, served: RequestRecord) -> "Sums":
        """Returns the sums with one more."""
        values = {name: getattr(self, name) + more for name, more in contribution(served).items()}
        return Sums(**values, began=min(self.began or served.at, served.at))


def contribution(served: RequestRecord) -> dict[str, float]:
    """Returns what one record adds to each of `Sums` but the beginning."""
    asked = not (served.shadow or served.canary)
    planned = asked and served.ran == "plan"
    return {
        "requests": int(asked),
        "planned": int(planned and served.status < 400),
        "failed": int(asked and served.status >= 500),
        "prompt_tokens": served.prompt_tokens,
        "generated_tokens": served.generated,
        "own_tokens": 0 if asked else served.generated,
        "full_tokens": served.full_tokens if planned else 0.0,
        "saved_tokens": served.saved,
    }


@dataclass(frozen=True, slots=True)
class Totals:
    """The window, and everything since the beginning.

    Counts are of requests that clients sent, unless they say otherwise.

    Attributes:
        since: Where the window begins, seconds since the epoch; later than was asked for where more came than
            memory holds, or where nothing came before.
        until: Where it ends.
        window: The sums of the window.
        ever: The sums since the beginning.
        full: Requests that full thinking answered.
        gone: Requests whose client left.
        refused: Requests that were the client's own mistake, or too many.
        shadows: Plans run silently.
        canaries: Canaries sent.
        canaries_right: Of these, answered rightly.
        runs: Runs of the plan that came to an end, shadow and canaries included.
        truncated: Of these, cut by the token limit.
        compared: Of the shadow runs, those whose answer could be compared with full thinking's.
        agreed: Of these, those that said the same.
        planned_saved: Saved by the requests that the plan answered, their share of `saved_tokens`.
        would_full: What full thinking takes for the shadow runs, by the recording's mean.
        would_save: Of these, what the plan would have saved.
        thinking_tokens: Of all requests that clients sent.
        answer_tokens: Likewise.
        extra_tokens: Likewise.
        why: Requests not answered by the plan, by reason; reasons that did not occur are left out.
        first_token: Seconds.
        first_answer: Seconds.
        end_to_end: Seconds.
        thinking: Thinking tokens of the plan's runs.
        confidence: Of the plan's runs.
        bars: The window in 60 parts, oldest first.
        latest: The last requests, newest first.
        looked: Requests whose question was compared with the recorded ones.
        unlike: Of these, those that are unlike them.
        unlike_latest: The last of them, newest first.
    """

    since: float
    until: float
    window: Sums
    ever: Sums
    full: int
    gone: int
    refused: int
    shadows: int
    canaries: int
    canaries_right: int
    runs: int
    truncated: int
    compared: int
    agreed: int
    planned_saved: float
    would_full: float
    would_save: float
    thinking_tokens: int
    answer_tokens: int
    extra_tokens: int
    why: Mapping[FallbackReason, int]
    first_token: Spread | None
    first_answer: Spread | None
    end_to_end: Spread | None
    thinking: Spread | None
    confidence: Spread | None
    bars: tuple[Bar, ...]
    latest: tuple[RequestRecord, ...]
    looked: int = 0
    unlike: int = 0
    unlike_latest: tuple[RequestRecord, ...] = ()

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return max(self.until - self.since, 1e-9)
