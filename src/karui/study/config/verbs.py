"""The options of the verbs that are not a part of every study."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from karui.study.config.fields import option, same
from karui.study.config.schema import (
    BuildOptions,
    ModelOptions,
    ObjectiveOptions,
    QuestionOptions,
    SamplingOptions,
)


@dataclass(frozen=True, kw_only=True)
class MakeOptions:
    """What `karui make` and `karui.make` can be told, besides plan, model and recording."""

    minutes: float | None = same(BuildOptions, "minutes")
    seed: int = same(SamplingOptions, "seed")
    device: str = same(ModelOptions, "device")
    out: Path = option(Path("artifacts"), "Folder for everything this run makes.")


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What `karui serve` can be told; what is None is taken from the file of settings, or is its default."""

    upstream: str | None = option(
        None, "The model's server, http://HOST:PORT/v1#model; else the model runs in this process."
    )
    fallback: str | None = option(None, "Fallback: full, or another server: http://HOST:PORT/v1#model.")
    stage: str | None = option(None, "Stage: shadow, or 5, 25 or 100 percent of the requests.")
    host: str | None = option(None, "Address to listen at (127.0.0.1).")
    port: int | None = option(None, "Port to listen at (8321); 0 takes a free one.")
    workers: int | None = option(
        None, "Number of processes that answer (1); they share the roll-out in the history.", least=1
    )
    state: str | None = option(
        None, "A PostgreSQL database that gateways on several machines share: postgresql://USER@HOST/NAME."
    )
    allowed_host: tuple[str, ...] = option(
        (), "A host name by which browsers may reach a gateway without keys (repeatable)."
    )
    open_to_all: bool | None = option(
        None, "Permission for everybody who reaches the port, where no key is set.", names=("--open",)
    )
    folder: str | None = option(None, "Folder or Hub name with the upstream's tokenizer and chat template.")
    aux_model: Mapping[str, str] = option(
        {}, "A further model of the plan (repeatable), as name=http://… or name=FOLDER."
    )
    same_model: bool | None = option(
        None, "Statement that the upstream's model is the chosen one, renamed.", names=("--same-model",)
    )
    name: tuple[str, ...] = option((), "A further model name that means the plan (repeatable).")
    canaries: str | None = option(None, "A questions file with answers, sent at a low rate.")
    full_share: float | None = option(
        None, "Share of the plan's callers for whom full thinking is drawn, so that feedback can be compared."
    )
    history: str | None = option(None, "File of the history; empty keeps none.")
    keep_hours: float | None = option(
        None, "Hours for which conversations are kept, masked, for `karui explain`."
    )
    price_output: float | None = option(None, "Price of a million generated tokens, for the monitor.")
    price_machine_hour: float | None = option(
        None, "Price of an hour of the model's machine, instead of that of tokens."
    )
    currency: str | None = option(None, "Currency of the price: EUR, JPY, ….")
    model: str = option("", "Model folder to run in this process (default: the choice's).")
    concurrency: int = option(32, "Number of concurrent requests in this process.")

    @property
    def settings(self) -> dict[str, Any]:
        """The gateway's settings that are named, by their names in the file."""
        price = {
            "per_million": self.price_output,
            "per_machine_hour": self.price_machine_hour,
            "currency": self.currency,
        }
        names = (
            "upstream",
            "fallback",
            "stage",
            "host",
            "port",
            "workers",
            "state",
            "open_to_all",
            "folder",
            "same_model",
            "canaries",
            "history",
        )
        return {
            **{name: getattr(self, name) for name in names},
            "keep_hours": self.keep_hours,
            "beside": dict(self.aux_model) or None,
            "names": self.name or None,
            "allowed_hosts": self.allowed_host or None,
            "feedback": {"full_share": self.full_share} if self.full_share is not None else None,
            "price": {key: value for key, value in price.items() if value is not None} or None,
        }


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """What `karui benchmark run` can be told, besides the suite."""

    out: Path = option(Path("benchmark"), "Folder of results.json, written after every cell.")
    folder: Mapping[str, str] = option(
        {}, "A folder of the suite that lies elsewhere (repeatable), as name=PATH."
    )
    only: tuple[str, ...] = option((), "Name of a run of the suite to be measured alone (repeatable).")


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What `karui import` can be told, besides the log."""

    out: Path = option(Path("recording"), "Folder for the recording.")
    format: str = option("", "Format of the log; recognised by default.")
    formats: bool = option(False, "List of the known formats, and nothing else.", names=("--formats",))
    verifier: str = option("math", "Verifier that reads and judges the answers.")
    model: str = option("", "Model whose replies are taken; or who replied, where the log does not say.")
    tokenizer: str = option("", "Model (folder or Hub name) whose tokenizer counts what the log does not.")
    requests: Path | None = option(
        None, "A second file, with what was asked: a batch's input, a benchmark's dataset."
    )
    questions: Path | None = option(
        None, "Your questions with their answers, matched by id or text, if the log has no answers."
    )
    reference: Literal["given", "self"] = option(
        "given", "Source of the references: given, or self (the majority of the replies to a question)."
    )
    skip_broken: bool = option(
        False,
        "Omission of what cannot be imported, with a list of it; else it stops the import.",
        names=("--skip-broken",),
    )
    trial_tokens: int = option(
        10, "Tokens that an imported trial is taken to have cost, where the log does not say."
    )


@dataclass(frozen=True, kw_only=True)
class TrialsOptions:
    """What `karui trials` can be told, besides the recording."""

    model: str = same(ModelOptions, "model")
    tokenizer: str = option("", "Folder or Hub name with the model's tokenizer, where a server offers none.")
    verifier: str = option("", "Verifier that reads and judges the trials; by default that of the recording.")
    same_model: bool = option(
        False,
        "Statement that this very model wrote the texts: the trials are then its own.",
        names=("--same-model",),
    )
    every: int = option(
        0,
        "Largest number of tokens between checkpoints: fewer trials cost less; 0 is the engine's own rule.",
        least=0,
    )
    estimate: bool = option(False, "Cost of it, without spending a token.", names=("--estimate",))
    assume: Mapping[str, Any] = same(ObjectiveOptions, "assume")
    limit: int = same(QuestionOptions, "limit")
    concurrency: int = option(16, "Number of concurrent requests.")
    device: str = same(ModelOptions, "device")
    dtype: str = same(ModelOptions, "dtype")
    threads: int = same(ModelOptions, "threads")
    out: Path | None = option(None, "Folder for the recording with trials (default: RECORDING-trials).")


@dataclass(frozen=True, kw_only=True)
class ProfileOptions:
    """What `karui profile` can be told, besides the models."""

    questions: str = option(
        "mini", "Your own .jsonl/.csv file, or a name of `karui tasks`.", names=("--questions", "--task")
    )
    concurrency: str = option("1,8,32", "Numbers of concurrent requests, one figure each.")
    tokens: int = option(256, "Tokens of the longest request of each measurement.", least=32)
    device: str = same(ModelOptions, "device")
    dtype: str = same(ModelOptions, "dtype")
    threads: int = same(ModelOptions, "threads")
    compile: bool = same(ModelOptions, "compile")
    configure: tuple[str, ...] = option(
        (),
        "Technique with which each model is measured once more (repeatable): kv-cache, prompt-lookup, "
        '"draft-model:model=…".',
    )


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What `karui compare` can be told, besides the two runs."""

    fail_on: tuple[str, ...] = option(
        (), "Rule that fails the comparison (repeatable): accuracy, unproven:2, tokens:10, …."
    )
    match: Literal["text", "id"] = option("text", "Way of knowing questions again: text or id.")
    alpha: float = option(
        0.05, "Chance that any difference is claimed where there is none, all figures together."
    )
    verifier: str = option(
        "", "Verifier that reads and judges the answers of logs; by default the log's own verdicts."
    )
    tokenizer: str = option("", "Model (folder or Hub name) whose tokenizer counts what a log does not.")


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What `karui export` can be told, besides the run."""

    format: Literal["lm-eval", "inspect", "csv", "parquet", "mlflow"] = option(
        "parquet", "Format: lm-eval, inspect, csv, parquet or mlflow."
    )
    out: Path = option(Path("export"), "Folder for the files.")
    to: str = option(
        "",
        "MLflow's tracking URI: a server (http://…), a database (sqlite:///mlflow.db) or a folder.",
        shown="MLFLOW_TRACKING_URI",
    )
    experiment: str = option("karui", "MLflow's experiment.")
    verifier: str = same(CompareOptions, "verifier")
    tokenizer: str = same(CompareOptions, "tokenizer")
