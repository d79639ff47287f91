"""The options of `karui passport` and its commands."""

from dataclasses import dataclass
from pathlib import Path

from karui.study.config.fields import option


@dataclass(frozen=True, kw_only=True)
class IssueOptions:
    """What `karui passport STUDY` can be told."""

    key: Path = option(
        Path("passport.key"), "Private key of the issuer, a PEM file (`karui passport new-key`)."
    )
    out: Path = option(Path("passport"), "Folder for the passport and its other formats.")
    issuer: str = option("", "Name of who promises.")
    days: float = option(180.0, "Days for which it stands.")
    model: str = option("", "Folder or GGUF file of the model; by default the study's.")
    sealed: Path | None = option(None, "commitment.json of sealed questions.")
    show_questions: bool = option(
        False,
        "Inclusion of the questions' texts, and not of their digests alone.",
        names=("--show-questions",),
    )
    hub_benchmark: str = option("", "Benchmark on the Hub that the questions are: DATASET:TASK.")


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What a passport is checked against."""

    key: Path = option(Path("passport.pub"), "Public key of the issuer, a PEM file.")
    model: str = option("", "Model to check: folder, GGUF file, Hub name or server.")
    recording: Path | None = option(None, "A recording of yours to check engine and sampling by.")
    study: Path | None = option(None, "The study that it was made of, if it was handed over.")
    traffic: str = option("", "Questions asked now, a file: has the traffic drifted from the study's?")
    expectation: Path | None = option(
        None, "The study's expectation.json, which traffic is compared by; by default that of --study."
    )


@dataclass(frozen=True, kw_only=True)
class AcceptanceOptions:
    """An acceptance by sampling."""

    reproduce: int = option(0, "Questions of an acceptance that is run live; 0 runs none.", least=0)
    questions: str = option("", "Your own questions for it, or a name of `karui tasks`.")
    opened: Path | None = option(None, "Opened questions for it, with --commitment and --seed.")
    commitment: Path | None = option(None, "The commitment.json that the issuer published.")
    seed: str = option("0", "Seed that drew the opened questions, or the order of your own.")
    updated: bool = option(
        False,
        "Consent to another model, template, engine, server or sampling: the acceptance judges the update.",
        names=("--updated",),
    )
    tolerance: float = option(5.0, "Points beyond the margin that have to be found out.")
    samples: int = option(1, "Replies to each question.", least=1)
    alpha: float = option(
        0.05, "Chance of contradicting a promise that is kept, at most; the same of figures that are true."
    )
    beta: float = option(0.05, "Chance of accepting a plan worse by --tolerance, at most.")
    plan_only: bool = option(
        False,
        "The chances of such an acceptance, without asking a question.",
        names=("--plan-only",),
    )
    concurrency: int = option(32, "Number of concurrent requests.")


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """What `karui passport verify` can be told."""

    check: CheckOptions = CheckOptions()
    acceptance: AcceptanceOptions = AcceptanceOptions()
