"""From what a caller gives (names, paths, objects, keywords) to what the steps take."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from karui.core.recording import Recording
from karui.engines.chat.override import NOTHING_SAID, read_override
from karui.recording import store
from karui.study.config.fields import filled, flat
from karui.study.config.schema import ModelOptions, SamplingOptions
from karui.study.config.toml import read_config
from karui.study.progress import SILENT, Progress
from karui.study.workspace import MINI, Workspace

C = TypeVar("C")
_TUPLES = ("engine", "technique", "variant", "variants")
_PATHS = ("thinking", "train_on", "recording", "out")


def config_of(config: "type[C]", given: "C | Path | str | None", keywords: Mapping[str, Any]) -> C:
    """Returns a config: an object or a TOML file, with keywords over it.

    Raises:
        UnknownName: There is no such option; names the nearest.
        InputError: The file cannot be read.
    """
    values: dict[str, Any] = {}
    if isinstance(given, str | Path):
        values = read_config(given, config)
    elif given is not None:
        values = flat(given)
    return filled(config, {**values, **{name: _as(name, value) for name, value in keywords.items()}})


def _as(name: str, value: Any) -> Any:
    """Returns a keyword as its option is declared: one text is a list of one, a path may be text."""
    if name in _TUPLES:
        return (value,) if isinstance(value, str) else tuple(value)
    if name in _PATHS and value is not None:
        return Path(value)
    return value


def recording_of(
    given: Recording | Path | str, kinds: Iterable[str] = (), *, signals: bool = True
) -> Recording:
    """Returns a recording that was given as such, or by its folder; of these kinds of question.

    Raises:
        RecordingError: It cannot be read.
        UnknownName: No question is of that kind.
    """
    found = given if isinstance(given, Recording) else store.load(given, signals=signals)
    return found.of_kinds(tuple(kinds))


def workspace_of(
    model: ModelOptions, sampling: SamplingOptions, progress: Progress = SILENT, **more: Any
) -> Workspace:
    """Returns a workspace as options describe it.

    Args:
        model: Which model, and how it is run.
        sampling: How traces are drawn.
        progress: Hears of every step.
        more: Further fields of the workspace.

    Raises:
        InputError: A number is out of range, one of several models is no server, or the file of --thinking
            cannot be read.
    """
    from karui.core.prompt import Sampling

    first, *further = model.named or (MINI,)
    return Workspace(
        first,
        Sampling(sampling.temperature, sampling.top_p, max_tokens=sampling.max_tokens),
        sampling.samples,
        sampling.seed,
        model.concurrency,
        model.device,
        model.dtype,
        model.threads,
        model.compile,
        thinking=read_override(model.thinking) if model.thinking else NOTHING_SAID,
        workers=model.workers,
        further=tuple(further),
        logprobs=model.logprobs,
        progress=progress,
        **more,
    )


def call_text(verb: str, *arguments: Any, **keywords: Any) -> str:
    """Returns a call of a public function as it is written, for the report."""
    words = [_text(a) for a in arguments]
    words += [f"{name}={_text(value)}" for name, value in keywords.items() if value not in (None, (), [], {})]
    return f"karui.{verb}({', '.join(words)})"


def _text(value: Any) -> str:
    if isinstance(value, Recording):
        return f"karui.load_recording({str(value.path)!r})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k!r}: {_text(v)}' for k, v in value.items())}}}"
    return repr(str(value) if isinstance(value, Path) else value)
