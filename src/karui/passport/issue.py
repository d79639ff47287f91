"""From a study to a passport: what is known is written down, what is not is left out, nothing is made up."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from json import dumps
from uuid import NAMESPACE_URL, uuid5

from scipy import special

from karui.codec.values import encode
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.recording import RecordedQuestion
from karui.core.study import Interval, Measurement, Study
from karui.core.study.choice import Decision, Tested, Verdict
from karui.passport.document import (
    Conditions,
    Consumption,
    Passport,
    PassportModel,
    PassportPlan,
    PassportQuestions,
    Promise,
    Voids,
)
from karui.passport.model_files import template_digest
from karui.selection.looks.units import key_of
from karui.version import __version__

DAYS = 180
"""For how long a promise stands unless the issuer says otherwise."""


@dataclass(frozen=True, kw_only=True)
class IssueOptions:
    """What the issuer decides.

    Attributes:
        issuer: Who promises.
        days: For how long.
        files: SHA-256 of the model's files, by name.
        asked: The questions of the recording behind the study; none where it is not at hand.
        show_questions: Whether their texts are written down, and not their digests alone.
        sealed: Root of a commitment to further questions, and how many those are.
        evidence: Further digests, by role.
        now: The time of issue.
    """

    issuer: str = ""
    days: float = DAYS
    files: Mapping[str, str] = field(default_factory=dict)
    asked: Sequence[RecordedQuestion] = ()
    show_questions: bool = False
    sealed: tuple[str, int] = ("", 0)
    evidence: Mapping[str, str] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def issue(study: Study, options: IssueOptions) -> Passport:
    """Returns the passport of a study's choice; of full thinking where no plan was chosen.

    Raises:
        InputError: There is nothing to promise: full thinking fails, or the live run contradicted the choice;
            or the time is no time.
    """
    choice, manifest = study.choice, study.manifest
    if choice.decision is Decision.FIX:
        raise InputError("The study has nothing to promise.", why="Full thinking itself fails.")
    if choice.withdrawn:
        raise InputError(
            "The study has nothing to promise.",
            why="The live run contradicted its choice, which is withdrawn.",
            remedy="Choose again, from more questions or with a larger --max-drop.",
        )
    if not options.days > 0:
        raise InputError(f"--days is out of range (got {options.days}).", remedy="Set it above 0.")
    try:
        expires = options.now + timedelta(days=options.days)
    except OverflowError as error:
        raise InputError(
            f"--days is out of range (got {options.days:g}).",
            why="The passport would expire after the year 9999.",
            remedy="Set it to some hundreds.",
        ) from error
    made = Passport(
        id="",
        issuer=options.issuer,
        issued=_stamp(options.now),
        expires=_stamp(expires),
        model=PassportModel(
            name=choice.model.name,
            digest=choice.model.digest,
            files=options.files,
            parameters=choice.model.parameters,
            dtype=choice.model.dtype,
            weight_bytes=choice.model.weight_bytes,
            style=manifest.style,
            template=template_digest(manifest.thinking),
        ),
        plan=PassportPlan(choice.plan if choice.spec else Plan().id, _label(study), choice.spec),
        questions=_questions(study, options),
        promise=_promise(study),
        consumption=_consumption(study),
        conditions=Conditions(
            engine=manifest.engine,
            server=manifest.server,
            sampling=asdict(manifest.sampling),
            checkpoints=manifest.rule.as_dict(),
            versions=manifest.versions,
            machine=manifest.machine,
        ),
        fallback=choice.fallback,
        voids=tuple(Voids),
        evidence={**choice.recordings, **options.evidence},
        karui=__version__,
    )
    says = dumps(encode(made), sort_keys=True, ensure_ascii=False)
    return replace(made, id=str(uuid5(NAMESPACE_URL, f"karui:passport:{says}")))


def _label(study: Study) -> str:
    return study.choice.label if study.choice.spec else Plan().label


def _measured(study: Study) -> Measurement:
    """Returns the measurement of what is promised, on the test questions."""
    found = study.plan
    return found.measurement if study.choice.spec and found is not None else study.baseline


def _questions(study: Study, options: IssueOptions) -> PassportQuestions:
    choice, manifest = study.choice, study.manifest
    asked = options.asked
    return PassportQuestions(
        name=choice.task,
        digest=choice.task_digest,
        texts=tuple(sorted(text_digest(q, manifest.instruction) for q in asked)),
        kinds=Counter(q.kind for q in asked) if asked else _kinds(_measured(study)),
        tested=choice.questions,
        units=choice.units,
        verifier=manifest.verifier,
        instruction=manifest.instruction,
        agreement=choice.agreement,
        shown=tuple(q.prompt.user for q in asked) if options.show_questions else (),
        sealed=options.sealed[0],
        sealed_count=options.sealed[1],
        domain=choice.domain,
    )


def _kinds(measured: Measurement) -> dict[str, int]:
    return {kind: figures.questions for kind, figures in measured.kinds.items()}


def text_digest(question: RecordedQuestion, instruction: str = "") -> str:
    """Returns the digest by which a question is known again: the one that the ledger of looks has."""
    return key_of(question, instruction)


def _promise(study: Study) -> Promise:
    choice, measured = study.choice, _measured(study)
    tested = next((t for t in choice.tested if choice.spec and t.plan == choice.plan), None)
    compared = study.plan.comparison if choice.spec and study.plan else None
    return Promise(
        verdict=str(choice.verdict if choice.spec else Verdict.BASELINE),
        margin=choice.rule.margin,
        confidence=1 - choice.rule.alpha,
        loss=tested.loss if tested else 0.0,
        low=tested.low if tested else 0.0,
        bound=_bound(tested),
        accuracy=measured.accuracy,
        baseline=study.baseline.accuracy,
        discordant=discordant(compared.loss, measured.runs) if compared else 0.0,
        look=choice.looks.look if choice.looks else 0,
        live=_live(study),
        kinds={kind: figures.accuracy for kind, figures in measured.kinds.items()},
        limits=tuple(each for each in choice.promises if each.kept),
        judge=choice.judge,
        differences=tested.differences if tested else (),
    )


def _bound(tested: Tested | None) -> float:
    """Returns the smallest margin that the test questions certify; 0 for full thinking against itself."""
    return tested.high if tested else 0.0


def discordant(loss: Interval, runs: int) -> float:
    """Returns in what share of single replies plan and full thinking differ in being right, at most.

    The interval's width gives the spread of the differences by question; that of a single reply is at most
    `runs` times as large in variance, and so large where replies to one question are independent.
    """
    n = loss.questions
    if n < 2 or loss.method != "t":
        return min(1.0, abs(loss.value) + 1.0 / (n + 1.0))
    half = (loss.high - loss.low) / 2
    spread = half * n**0.5 / float(special.stdtrit(n - 1, (1 + loss.level) / 2))
    return min(1.0, float(spread**2 * runs + loss.value**2))


def _live(study: Study) -> dict[str, float | None]:
    ran = study.choice.confirmation
    if ran is None:
        return {}
    return {
        "questions": ran.questions,
        "loss": ran.loss,
        "low": ran.low,
        "high": ran.high,
        "sight": ran.sight,
    }


def _consumption(study: Study) -> Consumption:
    measured = _measured(study)
    live = study.live.plan if study.live and study.choice.spec else None
    compared = study.plan.comparison if study.choice.spec and study.plan else None
    return Consumption(
        tokens=measured.tokens,
        token_ratio=compared.token_ratio if compared else None,
        seconds=live.seconds if live else measured.seconds,
        measured=live is not None and live.seconds is not None,
        memory_bytes=measured.memory_bytes,
        flops=measured.flops,
        joules={
            source: each * measured.tokens.value for source, each in study.manifest.joules_per_token.items()
        },
        cost=measured.cost,
        currency=study.assumptions.currency,
    )


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
