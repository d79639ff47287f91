"""The options of every verb, each declared once: its name, type, default and help.

The command line makes its options of these classes (`karui.cli.options`), the public functions take the same
names as keywords, and a TOML file holds the same names as keys (`karui.study.config.toml`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from karui.study.config.fields import option


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Which model, and how it is run."""

    model: str = option(
        "",
        "Model folder, Hub name, or a server with OpenAI's API: http://HOST:PORT/v1#NAME (see `karui "
        "probe`); the embedded karui-mini by default.",
    )
    engine: tuple[str, ...] = option(
        (),
        "A server with OpenAI's API, as --model takes it (repeatable): several that serve the same model "
        "record together.",
    )
    thinking: Path | None = option(
        None,
        "A TOML file that says how the model thinks, where karui finds that out wrongly; `karui probe` "
        "prints what it finds.",
    )
    concurrency: int = option(
        0,
        "Number of concurrent requests; 0 measures how many are best for karui's own engine, and is 32 "
        "for a server.",
    )
    device: str = option("auto", "Device to compute on: auto, cpu or cuda.")
    dtype: str = option("auto", "Number type to compute in: auto, bfloat16 or float32.")
    threads: int = option(0, "Threads of the CPU engine; 0 measures which is best.")
    workers: int = option(
        0, "Number of processes that record, each with its own engine; 0 measures which is best."
    )
    logprobs: Literal["auto", "all", "few", "answers", "none"] = option(
        "auto",
        "Tokens that a server is asked for log-probabilities of: all, all of them with a few alternatives "
        "(few), those of trials and final answers (answers) or none; auto takes answers, or what a recording "
        "was begun with.",
    )
    compile: bool = option(
        False,
        "Compilation of the model by torch: a minute the first time, faster steps.",
        names=("--compile",),
    )

    @property
    def named(self) -> tuple[str, ...]:
        """The model, and further servers that serve it; empty where none is named."""
        return (*([self.model] if self.model else []), *self.engine)


@dataclass(frozen=True, kw_only=True)
class PlaceOptions:
    """Where the work is done."""

    on: str = option(
        "",
        "Ray cluster that does the work: ray (the one that RAY_ADDRESS names, or this machine), or its "
        "address; by default processes here.",
        shown="this machine",
    )


@dataclass(frozen=True, kw_only=True)
class QuestionOptions:
    """What is asked."""

    questions: str = option(
        "", "Your own .jsonl/.csv file, or a name of `karui tasks`.", names=("--questions", "--task")
    )
    limit: int = option(0, "Largest number of questions; 0 takes all.")
    reference: Literal["given", "self"] = option(
        "given", "Source of the references: given, or self (the full model's majority answer)."
    )


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """How traces are drawn."""

    samples: int = option(4, "Number of traces recorded per question.")
    max_tokens: int = option(
        4096, "Token limit of thinking and answer together; a trace that reaches it is cut."
    )
    temperature: float = option(0.6, "Sampling temperature; 0 means greedy decoding.")
    top_p: float = option(0.95, "Nucleus sampling threshold; 1 disables it.")
    seed: int = option(0, "Random seed.")


@dataclass(frozen=True, kw_only=True)
class StudySamplingOptions(SamplingOptions):
    """The same for a whole study, where the demonstration has smaller defaults."""

    samples: int = option(0, "Number of traces recorded per question.", shown="4; in the demonstration 2")
    max_tokens: int = option(
        0,
        "Token limit of thinking and answer together; a trace that reaches it is cut.",
        shown="4096; of karui-mini 1024",
    )


@dataclass(frozen=True, kw_only=True)
class BaselineOptions:
    """What full thinking has to be, to be compared with."""

    accept_no_thinking: bool = option(
        False,
        "Consent to full thinking that is empty; the report says so in its first line.",
        names=("--accept-no-thinking",),
    )
    min_accuracy: float = option(
        10.0,
        "Accuracy of full thinking, in percent, below which the decision is to fix the baseline; 0 switches "
        "all checks of the baseline off.",
    )


@dataclass(frozen=True, kw_only=True)
class ObjectiveOptions:
    """What is accepted, and what is to be minimised."""

    max_drop: float = option(2.0, "Largest loss of accuracy accepted, in points.")
    confidence: float = option(0.95, "Confidence of the certificate.")
    max_first_answer: float = option(
        0.0,
        "Limit on the 95th percentile of the time to the first answer token, in seconds, at the recording's "
        "pace; 0 asks for none.",
    )
    max_cost: float = option(
        0.0,
        "Limit on the mean cost of 1,000 questions, at the prices of --assume; 0 asks for none.",
    )
    minimize: str = option(
        "",
        "Objective to minimise: cost, tokens (default), latency, flops (default between models) or memory.",
    )
    priority: str = option("", "Preset objective: edge (memory), dialogue (latency) or batch (cost).")
    technique: tuple[str, ...] = option((), "A technique of your own, as path/to/file.py:Class (repeatable).")
    accept_truncation: bool = option(
        False,
        "Consent to a baseline of which more than 5% was cut by the token limit.",
        names=("--accept-truncation",),
    )
    assume: Mapping[str, Any] = option(
        {},
        "A number for the savings, as name=value (repeatable): price_prompt, price_cached, price_output (per "
        "million tokens; of an auxiliary model as small.price_output), currency, questions_per_month, "
        "machine_price_per_hour, peak_questions_per_second, one_off.",
    )


@dataclass(frozen=True, kw_only=True)
class VariantOptions:
    """Which variants of the model are tried: other prompts, other weights, a smaller model beside it."""

    variant: tuple[str, ...] = option(
        (),
        'A variant of the model to try (repeatable): a prompt, such as "no-thinking", which is recorded; or '
        'new weights, such as "gguf:type=q4_k_m" or "shortest-correct:lora=8", which are made, screened, and '
        "the best recorded.",
    )
    variants: tuple[str, ...] = option(
        (),
        "Kind of variants to try where --variant names no new weights (repeatable): smaller (lighter "
        "weights) or shorter-training (weights trained to think shorter).",
    )
    train_minutes: float = option(10.0, "Minutes for all trainings together.", least=0.01)
    train_on: Path | None = option(
        None, "A recording of the model on other questions to train on; else a part is set aside."
    )
    sibling: str = option(
        "", "A model of the same shapes that thinks shorter, to merge with: a folder or Hub name."
    )
    small: str = option("", "A smaller model for cascades: a folder, Hub name or karui-micro.")


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Where the results go."""

    lang: Literal["en", "ja"] = option("en", "Language of the report.")
    out: Path | None = option(None, "Folder for everything this run makes.")


@dataclass(frozen=True, kw_only=True)
class StudyOutputOptions(OutputOptions):
    """The same for a whole study, which always needs a folder."""

    out: Path = option(Path("runs/poc"), "Folder for everything this run makes.")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a whole study ends."""

    confirm: bool = option(True, "Live confirmation of the choice on held-back questions.")


@dataclass(frozen=True)
class StudyConfig:
    """Everything that `karui poc` and `karui.poc` can be told."""

    model: ModelOptions = field(default_factory=ModelOptions)
    questions: QuestionOptions = field(default_factory=QuestionOptions)
    sampling: StudySamplingOptions = field(default_factory=StudySamplingOptions)
    objective: ObjectiveOptions = field(default_factory=ObjectiveOptions)
    baseline: BaselineOptions = field(default_factory=BaselineOptions)
    variants: VariantOptions = field(default_factory=VariantOptions)
    run: RunOptions = field(default_factory=RunOptions)
    place: PlaceOptions = field(default_factory=PlaceOptions)
    output: StudyOutputOptions = field(default_factory=StudyOutputOptions)


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What new weights are made from."""

    recording: Path | None = option(None, "The model's recording, to calibrate on and to learn from.")
    minutes: float | None = option(
        None, "Minutes that each training may take (default: as its technique says).", least=0.01
    )


@dataclass(frozen=True, kw_only=True)
class RecordingOptions:
    """What is recorded, and where."""

    variant: tuple[str, ...] = option(
        (),
        "A technique to record with (repeatable): a prompt, or new weights, made below OUT/artifacts.",
    )
    shard: str = option("", "Part of the questions to record, as 2/3; `karui merge` joins the parts.")
    compact: bool = option(False, "Joining of all parts into one file at the end, as small as it gets.")
    out: Path = option(Path("recording"), "Folder for everything this run makes.")


@dataclass(frozen=True, kw_only=True)
class MiniQuestionOptions(QuestionOptions):
    """The same, with the embedded questions as the default."""

    questions: str = option(
        "mini", "Your own .jsonl/.csv file, or a name of `karui tasks`.", names=("--questions", "--task")
    )


@dataclass(frozen=True)
class RecordConfig:
    """Everything that `karui record` and `karui.record` can be told."""

    model: ModelOptions = field(default_factory=ModelOptions)
    questions: MiniQuestionOptions = field(default_factory=MiniQuestionOptions)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    build: BuildOptions = field(default_factory=BuildOptions)
    baseline: BaselineOptions = field(default_factory=BaselineOptions)
    place: PlaceOptions = field(default_factory=PlaceOptions)
    recording: RecordingOptions = field(default_factory=RecordingOptions)


@dataclass(frozen=True, kw_only=True)
class AuxModelOptions:
    """Further models that cascades ask."""

    aux_model: Mapping[str, Path] = option(
        {},
        "A further model's recording of the same questions, as name=RECORDING (repeatable): cascades ask it "
        "by that name, such as small.",
    )


@dataclass(frozen=True, kw_only=True)
class SourceOptions(AuxModelOptions):
    """The recordings beside that of the model as it is."""

    variant: tuple[Path, ...] = option(
        (), "A recording of the same questions with another prompt, or by an artifact (repeatable)."
    )
    pilot: tuple[Path, ...] = option(
        (),
        "A pilot recording of other questions: of this model, and of each variant and auxiliary model "
        "(repeatable); else a quarter is set aside.",
    )
    kind: tuple[str, ...] = option((), "Kind of the questions to choose on (repeatable); else all.")


@dataclass(frozen=True)
class ChooseConfig:
    """Everything that `karui choose` and `karui.choose` can be told, besides the recording."""

    sources: SourceOptions = field(default_factory=SourceOptions)
    objective: ObjectiveOptions = field(default_factory=ObjectiveOptions)
    baseline: BaselineOptions = field(default_factory=BaselineOptions)
    place: PlaceOptions = field(default_factory=PlaceOptions)
    output: OutputOptions = field(default_factory=OutputOptions)


@dataclass(frozen=True)
class RunConfig:
    """Everything that `karui.run` can be told, besides plan, model and question."""

    model: ModelOptions = field(default_factory=ModelOptions)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
