"""Options that several verbs share, worded once."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Model: TypeAlias = Annotated[
    str,
    typer.Option(
        "--model",
        "--engine",
        help="Model folder, Hub name, or a server with OpenAI's API: http://HOST:PORT/v1#NAME (see `karui "
        "probe`); the embedded karui-mini by default.",
    ),
]
Thinking: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--thinking",
        help="A TOML file that says how the model thinks, where karui finds that out wrongly; `karui probe` "
        "prints what it finds.",
    ),
]
Questions: TypeAlias = Annotated[
    str, typer.Option("--questions", "--task", help="Your own .jsonl/.csv file, or a name of `karui tasks`.")
]
Limit: TypeAlias = Annotated[int, typer.Option(help="At most this many questions; 0 takes all.")]
Samples: TypeAlias = Annotated[int, typer.Option(help="Number of traces recorded per question.")]
MaxDrop: TypeAlias = Annotated[float, typer.Option(help="Largest loss of accuracy accepted, in points.")]
Confidence: TypeAlias = Annotated[float, typer.Option(help="Confidence of the certificate.")]
Minimize: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Objective to minimise: cost, tokens (default), latency, flops (default between models) "
        "or memory."
    ),
]
Priority: TypeAlias = Annotated[
    str, typer.Option(help="Preset objective: edge (memory), dialogue (latency) or batch (cost).")
]
MaxTokens: TypeAlias = Annotated[
    int, typer.Option(help="Token limit of thinking and answer together; a trace that reaches it is cut.")
]
Temperature: TypeAlias = Annotated[float, typer.Option(help="Sampling temperature; 0 means greedy decoding.")]
TopP: TypeAlias = Annotated[float, typer.Option(help="Nucleus sampling threshold; 1 switches it off.")]
AtOnce: TypeAlias = Annotated[int, typer.Option(help="Number of concurrent requests.")]
Seed: TypeAlias = Annotated[int, typer.Option(help="Random seed.")]
Device: TypeAlias = Annotated[str, typer.Option(help="Device to compute on: auto, cpu or cuda.")]
Dtype: TypeAlias = Annotated[str, typer.Option(help="Number type to compute in: auto, bfloat16 or float32.")]
Threads: TypeAlias = Annotated[int, typer.Option(help="Threads of the CPU engine; 0 measures which is best.")]
Compile: TypeAlias = Annotated[
    bool,
    typer.Option("--compile", help="Have torch compile the model: a minute the first time, faster steps."),
]
Styles: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--style",
        help="A technique to record too (repeatable): a prompt, or new weights, made below OUT/artifacts.",
    ),
]
Lessons: TypeAlias = Annotated[
    Path | None,
    typer.Option("--recording", help="The model's recording, to calibrate on and to learn from."),
]
Minutes: TypeAlias = Annotated[
    float | None,
    typer.Option(min=0.01, help="What each training may take (default: as its technique says)."),
]
Beside: TypeAlias = Annotated[
    list[str],
    typer.Option(
        help="A further model's recording of the same questions, as name=RECORDING (repeatable): cascades "
        "ask it by that name, such as small."
    ),
]
Own: TypeAlias = Annotated[
    list[str],
    typer.Option("--technique", help="A technique of your own, as path/to/file.py:Class (repeatable)."),
]
Lang: TypeAlias = Annotated[Literal["en", "ja"], typer.Option(help="Language of the report.")]
Truncation: TypeAlias = Annotated[
    bool,
    typer.Option("--accept-truncation", help="Choose although over 5% of the baseline was cut by the limit."),
]
NoThinking: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--accept-no-thinking",
        help="Go on although the full thinking is empty; the report says so in its first line.",
    ),
]
MinAccuracy: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Accuracy of full thinking, in percent, below which the decision is to fix the baseline; "
        "0 switches all checks of the baseline off."
    ),
]
Assume: TypeAlias = Annotated[
    list[str],
    typer.Option(
        help="A number for the savings, as name=value (repeatable): price_prompt, price_cached, price_output "
        "(per million tokens; of a model beside the main one as small.price_output), currency, "
        "questions_per_month, machine_price_per_hour, peak_questions_per_second, one_off."
    ),
]
Out: TypeAlias = Annotated[Path, typer.Option(help="Folder for everything this run makes.")]
