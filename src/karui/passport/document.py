"""What a passport says: one typed value, written as JSON and signed as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from karui.core.study import DifferenceCount, Interval
from karui.core.study.domain import DomainSummary
from karui.core.study.judge import Judged
from karui.core.study.limits import Promise as Limit

FORMAT = 2
"""Version of what a passport says."""
_SERVED = "openai_http"
"""Name of the engine that is a server."""


class Voids(StrEnum):
    """What ends a promise."""

    WEIGHTS = "other weights, configuration or tokenizer"
    TEMPLATE = "another chat template"
    ENGINE = "another engine"
    SERVER = "another server, or another version of it"
    SAMPLING = "another sampling or limit"
    PLAN = "another plan"
    TRAFFIC = "other questions than those it was measured on"
    EXPIRY = "the end of its time"


@dataclass(frozen=True, slots=True)
class PassportModel:
    """The model that the promise is about.

    Attributes:
        name: As the study names it.
        digest: karui's own, of weights, configuration and tokenizer; "" behind a server.
        files: SHA-256 of every file that decides what the model does, by name; {} where no folder was given.
        parameters: How many; 0 where unknown.
        dtype: What it computes in.
        weight_bytes: On disk; 0 where unknown.
        style: Specs of the techniques that its recording was made with.
        template: Digest of how it is asked to think: markers, switches, what opens and closes the thinking.
    """

    name: str
    digest: str
    files: Mapping[str, str]
    parameters: int
    dtype: str
    weight_bytes: int
    style: tuple[Mapping[str, Any], ...] = ()
    template: str = ""


@dataclass(frozen=True, slots=True)
class PassportQuestions:
    """What it was measured on.

    Attributes:
        name: The task's.
        digest: Of the task: questions, references and verifiers.
        texts: Digests of what each question asks, sorted; no text.
        kinds: How many of each kind.
        tested: Of them, those that the promise rests on.
        units: Independent units among those.
        verifier: What judges the answers.
        instruction: What is appended to every question.
        agreement: Whether "accuracy" is agreement with full thinking's own answers.
        shown: The texts themselves, where the issuer wanted that; else none.
        sealed: Root of a commitment to questions that are opened when asked for; "" where there is none.
        sealed_count: How many those are.
        domain: Which questions it speaks of, and how surely others are told apart; None where not known.
    """

    name: str
    digest: str
    texts: tuple[str, ...]
    kinds: Mapping[str, int]
    tested: int
    units: int
    verifier: str
    instruction: str = ""
    agreement: bool = False
    shown: tuple[str, ...] = ()
    sealed: str = ""
    sealed_count: int = 0
    domain: DomainSummary | None = None


@dataclass(frozen=True, slots=True)
class PassportPlan:
    """How the model is run.

    Attributes:
        id: Digest of the spec.
        label: For people.
        spec: What recreates it; empty is full thinking.
    """

    id: str
    label: str
    spec: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised, and on what evidence.

    Attributes:
        verdict: What the test questions say of the plan: "certified", "promising", "baseline".
        margin: Largest loss of accuracy, as a share, against full thinking.
        confidence: 1 minus the chance that the certificate is false.
        loss: Estimated loss.
        low: One-sided lower bound of it.
        bound: One-sided upper bound: the smallest margin that these questions certify.
        accuracy: The plan's, with its interval.
        baseline: Full thinking's.
        discordant: Share of single replies in which plan and full thinking differ in being right, at most:
            what an acceptance is planned with.
        look: Which look at these questions it was; 0 where that is not known.
        live: The confirmation run on other questions: questions, loss, low, high, sight (the chance with
            which twice the margin would have been seen); {} where there was none.
        kinds: Accuracy by kind of question.
        limits: Those on time and cost that the test questions certify.
        judge: The judge that said which answers are good, and what people said of it; None where answers were
            checked.
        differences: How often single replies to the test questions were lost and won: what an acceptance
            compares the buyer's with. () where that is not known: of full thinking, of agreement with the
            model's own answers, and in passports of format 1.
    """

    verdict: str
    margin: float
    confidence: float
    loss: float
    low: float
    bound: float
    accuracy: Interval
    baseline: Interval
    discordant: float
    look: int
    live: Mapping[str, float | None]
    kinds: Mapping[str, Interval]
    limits: tuple[Limit, ...] = ()
    judge: Judged | None = None
    differences: tuple[DifferenceCount, ...] = ()

    @property
    def judged_by(self) -> str:
        """The model that judged the answers; "" where they were checked."""
        return self.judge.judging.model if self.judge else ""

    @property
    def labels(self) -> int:
        """How many of its judgements people labelled."""
        labelled = self.judge.labelling if self.judge else None
        return labelled.labels if labelled else 0


@dataclass(frozen=True, slots=True)
class Consumption:
    """What a question takes.

    Attributes:
        tokens: Generated per question.
        token_ratio: Of full thinking's.
        seconds: p50 and p95; None where unknown.
        measured: Whether the seconds were measured live, or estimated from the recording.
        memory_bytes: Weights and mean peak of the KV cache; None where unknown.
        flops: Per question; None where unknown.
        joules: Per question by the counter that was read; {} where the machine has none.
        cost: Money per 1,000 questions; None where no price was stated.
        currency: Of the cost.
    """

    tokens: Interval
    token_ratio: Interval | None
    seconds: tuple[float, float] | None
    measured: bool
    memory_bytes: float | None
    flops: float | None
    joules: Mapping[str, float]
    cost: float | None
    currency: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the promise holds under.

    Attributes:
        engine: Name of the engine.
        server: What the server said of its model and version; {} for an engine in this process.
        sampling: How tokens are drawn, limit included.
        checkpoints: Where they lie.
        versions: Of karui and of what it ran on.
        machine: In words.
    """

    engine: str
    server: Mapping[str, str]
    sampling: Mapping[str, Any]
    checkpoints: Mapping[str, Any]
    versions: Mapping[str, str]
    machine: str

    @property
    def served(self) -> bool:
        """Whether the model ran behind a server, which may not draw a trace again by its seed."""
        return self.engine == _SERVED


@dataclass(frozen=True, slots=True)
class Passport:
    """A promise about one model, one plan and one kind of question.

    Attributes:
        id: A UUID made of what it says: the same study gives the same.
        issuer: Who promises.
        issued: ISO date and time, UTC.
        expires: Likewise; from then on it promises nothing.
        model: What it is about.
        plan: How it is run.
        questions: What it was measured on.
        promise: What is promised.
        consumption: What a question takes.
        conditions: What it holds under.
        fallback: What to do when it goes wrong.
        voids: What ends it.
        evidence: SHA-256 of the study, and digests of the recordings behind it, by role.
        karui: The version that made it.
        format: Version of this format.
    """

    id: str
    issuer: str
    issued: str
    expires: str
    model: PassportModel
    plan: PassportPlan
    questions: PassportQuestions
    promise: Promise
    consumption: Consumption
    conditions: Conditions
    fallback: str
    voids: tuple[Voids, ...]
    evidence: Mapping[str, str]
    karui: str
    format: int = field(default=FORMAT)
