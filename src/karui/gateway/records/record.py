"""What the gateway knows of one request when it is done: the one record that everything else reads.

History keeps it, metrics count it, the guard tests it, the monitor shows it. It holds no prompt, no answer.
"""

from dataclasses import dataclass
from enum import StrEnum


class FallbackReason(StrEnum):
    """Why a request was answered otherwise than by its plan."""

    NONE = ""
    """It was not."""
    UPSTREAM = "upstream error"
    TIMEOUT = "time-out"
    BREAKER = "circuit open"
    UNSURE = "low confidence"
    GUARD = "guard tripped"
    STALE = "upstream changed"
    UNFIT = "not for a plan"
    """The request asks for what a plan cannot give, such as tools; full thinking answers it as it is."""
    ASKED = "asked for"
    """The client named full thinking, or the upstream's own model; not a fault."""
    UNLIKE = "unlike the recorded questions"
    """The certificate does not speak of such questions; full thinking answers them."""
    UNCOVERED = "not covered by the certificate"
    """It has tools, a format or stop words, and no recorded question had: the plan runs silently at most."""
    STAGE = "stage"
    """The stage of the roll-out gave this request to full thinking; not a fault."""
    COMPARED = "compared"
    """Full thinking was drawn for it, so that what users say of both can be compared; not a fault."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request, served or failed.

    Attributes:
        id: Of the request.
        at: When it came, seconds since the epoch.
        plan: Label of the plan that was asked for.
        model: As the client named it.
        ran: "plan" or "full": what answered in the end.
        why: Why that was not the plan.
        shadow: Whether nobody saw the answer: a plan run silently beside full thinking.
        canary: Whether it was one of the operator's own questions, with a known answer.
        correct: Of a canary; None else.
        status: HTTP status of the reply; 499 where the client had gone.
        prompt_tokens: As the upstream counts them.
        thinking_tokens: Of the trace that answered.
        answer_tokens: Likewise.
        extra_tokens: karui's own: trials, further traces of a vote, what a cut threw away.
        full_tokens: What full thinking takes on average by the recording: an estimate; 0 where unknown.
        first_token_seconds: From the request's arrival; NaN where none came.
        first_answer_seconds: To the first token after the thinking; NaN likewise.
        seconds: To the end.
        confidence: Of the answer; None where there is none.
        trial_agreement: Share of the trials that said what was answered; None without trials.
        truncated: Whether the token limit, or its server, cut it.
        agrees: Of a plan run silently: whether it said what full thinking said; None where not compared.
        moves: What the plan did, such as "peek=2,trial=1,answer@312"; "" where it did not run.
        detail: More of why, in words, such as "tools" or what the upstream said; no prompt, no answer.
        stage: The roll-out's, when it came.
        choice: Digest of the choice that was served, behind an @ the route where there are several; "" in
            rows of earlier versions.
        comparable: Whether it may be compared with the recording: false for a request with a smaller limit of
            tokens than the certified one, and for one more of a caller who has just been counted.
        canary_of: Of a canary: which question it was; "" else.
        full_correct: Of a canary: whether full thinking answered it rightly; None where it was not asked.
        arm: What was drawn for it, where plans are compared by what users say: "full" or a plan's id; else
            "". What answered in the end may be something else.
        unit: What it was drawn for: a salted digest of the caller and the day; "" likewise.
        step: By which shares it was drawn: see `karui.gateway.arms.rule`.
        unlikeness: How far its question is from the recorded ones, over the threshold: above 1 it is unlike
            them; None where that was not looked at.
        unlike_by: In what it is most unlike them, where it is; "" else.
        team: Whose key was given; "" where it was no team's.
    """

    id: str
    at: float
    plan: str
    model: str
    ran: str
    why: FallbackReason = FallbackReason.NONE
    shadow: bool = False
    canary: bool = False
    correct: bool | None = None
    status: int = 200
    prompt_tokens: int = 0
    thinking_tokens: int = 0
    answer_tokens: int = 0
    extra_tokens: int = 0
    full_tokens: float = 0.0
    first_token_seconds: float = float("nan")
    first_answer_seconds: float = float("nan")
    seconds: float = 0.0
    confidence: float | None = None
    trial_agreement: float | None = None
    truncated: bool = False
    agrees: bool | None = None
    moves: str = ""
    detail: str = ""
    stage: str = ""
    choice: str = ""
    comparable: bool = True
    canary_of: str = ""
    full_correct: bool | None = None
    arm: str = ""
    unit: str = ""
    step: int = 0
    unlikeness: float | None = None
    unlike_by: str = ""
    team: str = ""

    @property
    def route(self) -> str:
        """Name of the route that answered; "" where there are not several."""
        return self.choice.partition("@")[2]

    @property
    def unlike(self) -> bool:
        """Whether its question is unlike the recorded ones."""
        return self.unlikeness is not None and self.unlikeness > 1.0

    @property
    def generated(self) -> int:
        """Everything generated for it."""
        return self.thinking_tokens + self.answer_tokens + self.extra_tokens

    @property
    def saved(self) -> float:
        """Tokens saved against full thinking, an estimate; negative where it cost more.

        What nobody was answered with costs: a shadow run and a canary all of theirs, a plan that full
        thinking had to stand in for what it had generated by then.
        """
        if self.shadow or self.canary:
            return float(-self.generated)
        if self.ran != "plan":
            return float(-self.extra_tokens)  # of none it is 0.0, not -0.0
        return self.full_tokens - self.generated if self.full_tokens else 0.0
