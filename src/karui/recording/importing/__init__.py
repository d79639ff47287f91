"""Recordings made elsewhere: logs of other tools, a paper's data. `karui import LOG` reads them.

Each format is one small file in `formats/`, read by its own fields (see `plug`); the rest is the same for
all: `source` reads files and names places, `thinking` takes thinking and answer apart, `assemble` counts,
reads and judges.
"""

from collections import Counter as Tallied
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from karui.core.errors import InputError
from karui.core.question import Verifier
from karui.core.recording import Recording
from karui.recording.importing.assemble import How, Known, assemble
from karui.recording.importing.counting import ByTokenizer, Counter, by_words
from karui.recording.importing.formats.karui import ImportedQuestion, ImportedSample
from karui.recording.importing.manifest import Origin, imported
from karui.recording.importing.plug import Adapter
from karui.recording.importing.registry import adapter, adapters, recognised
from karui.recording.importing.reply import Counts, Logged, LoggedTrial
from karui.recording.importing.source import Source
from karui.recording.reference import self_reference
from karui.tasks.worker import timed_out

__all__ = [
    "Adapter",
    "ByTokenizer",
    "Counts",
    "ImportOptions",
    "Imported",
    "ImportedQuestion",
    "ImportedSample",
    "Known",
    "Logged",
    "LoggedTrial",
    "Source",
    "adapters",
    "import_log",
    "import_traces",
    "imported",
    "known_formats",
    "recognised",
]

_SHOWN = 10
"""Broken rows that an error names; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A log that was read.

    Attributes:
        recording: What it came to.
        format: Its format's name.
        notes: What a user should hear of it, one sentence each.
        unknown: Columns that were left aside because the format does not know them.
        skipped: Rows that were left out, each with its place and the reason.
    """

    recording: Recording
    format: str
    notes: tuple[str, ...]
    unknown: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How a log is read.

    Attributes:
        format: Its format's name; "" recognises it.
        verifier: Reads the canonical answer out of each reply and judges it. None takes answers as they are
            (spaces around them aside), right where they equal the reference.
        counter: Counts tokens where the log does not; None counts words and signs, and says so.
        model: Which model's replies to take, where the log names several; the model's name where it names
            none.
        requests: A second file, with what was asked, for formats that log only what came back.
        references: Questions with their answers, by id and by text, where the log has no answers.
        agreement: Whether the replies' own majority is the reference.
        trial_tokens: Tokens that a trial is taken to have cost, where the log does not say.
        skip: Whether to leave out rows that cannot be imported; else they stop the import.
        believed: Whether the log's own verdicts stand; a reply without one stops the import.
    """

    format: str = ""
    verifier: Verifier | None = None
    counter: Counter | None = None
    model: str = ""
    requests: Path | None = None
    references: Mapping[str, Known] | None = None
    agreement: bool = False
    trial_tokens: int = 10
    skip: bool = False
    believed: bool = False


def import_log(path: Path | str, options: ImportOptions | None = None, **changes: Any) -> Imported:
    """Reads a log of any known format.

    Args:
        path: The file.
        options: How it is read.
        **changes: Single options, by name.

    Raises:
        UnknownName: There is no such format.
        InputError: The file cannot be read or recognised; or names the rows that do not fit (at most ten).
    """
    options = replace(options or ImportOptions(), **changes)
    verifier = options.verifier
    path = Path(path)
    reader = adapter(options.format) if options.format else adapter(recognised(path))
    source = Source(path, options.requests)
    how = How(
        options.counter or by_words(),
        verifier,
        trial_tokens=options.trial_tokens,
        believed=reader.believed or options.believed,
        references=options.references or {},
        agreement=options.agreement,
    )
    before = timed_out()
    read = list(reader.read(source))
    taken, name = _of_one_model(read, options.model, source)
    if options.believed:
        _need_verdicts(taken, source)
    made = assemble(taken, source, how)
    if source.problems and not options.skip:
        _refuse(source)
    if not made.questions:
        raise InputError(
            f"{path} is empty." if not read else f"Nothing of {path} can be imported.",
            why="\n".join(source.problems[:_SHOWN]),
            remedy=f"It was read as {reader.name()}: {reader.summary()}",
        )
    recording = imported(
        made.questions,
        Origin(
            task=path.name.partition(".")[0],
            model=name,
            engine="imported",
            judge=verifier.spec if verifier else "equal text",
            trial_tokens=options.trial_tokens,
            source=reader.name(),
            verifier=verifier.spec if verifier else "",
            sampling=_sampling(taken, source),
            caveats=(*reader.caveats, *made.caveats),
            agreement=options.agreement,
        ),
    )
    recording = replace(recording, manifest=replace(recording.manifest, timeouts=timed_out() - before))
    return Imported(
        self_reference(recording) if options.agreement else recording,
        reader.name(),
        tuple(source.notes),
        tuple(source.unknown),
        tuple(source.problems),
    )


def import_traces(
    path: Path | str,
    *,
    verifier: Verifier | None = None,
    model: str = "unknown",
    trial_tokens: int = 10,
) -> Recording:
    """Reads a file of traces in karui's own layout; see `import_log` for every other.

    Args:
        path: The JSONL file.
        verifier: As `import_log` takes it.
        model: Name of the model that made them.
        trial_tokens: What a trial is taken to have cost.

    Raises:
        InputError: The file cannot be read; names every broken line (at most ten).
    """
    done = import_log(path, format="karui", verifier=verifier, model=model, trial_tokens=trial_tokens)
    return done.recording


def _need_verdicts(replies: list[Logged], source: Source) -> None:
    """Refuses a log that leaves a verdict open where its own are to stand.

    Raises:
        InputError: It says how many.
    """
    if silent := sum(r.correct is None for r in replies):
        raise InputError(
            f"{source.path} does not say of {silent} of its {len(replies)} replies whether they are right.",
            why="It has several scores or replies to a question, or none.",
            remedy="Name a verifier that judges them: --verifier math, numeric, exact, ….",
        )


def _of_one_model(read: list[Logged], model: str, source: Source) -> tuple[list[Logged], str]:
    """Returns the replies of one model, and its name.

    Raises:
        InputError: There are several and none of them is asked for, or the one asked for is not there.
    """
    named = Tallied(r.model for r in read if r.model)
    if not named:
        return read, model or "unknown"
    if model in named or len(named) == 1:
        wanted = model if model in named else next(iter(named))
        taken = [r for r in read if r.model in {wanted, ""}]
        if left := len(read) - len(taken):
            source.notes.append(f"{left} replies of other models were left out.")
        return taken, model or wanted
    told = ", ".join(f"{name} ({times})" for name, times in named.most_common(_SHOWN))
    raise InputError(
        f"{source.path} holds replies of {len(named)} models: {told}.",
        why="A recording is of one model.",
        remedy="Say which with --model.",
    )


def _sampling(replies: list[Logged], source: Source) -> dict[str, float | int]:
    """Returns how tokens were drawn, where all replies say the same; what differs is not known."""
    found: dict[str, float | int] = {}
    for name in ("temperature", "top_p", "top_k", "max_tokens"):
        values = {r.sampling.get(name) for r in replies}
        value = next(iter(values)) if len(values) == 1 else None
        if len(values) > 1:
            told = ", ".join(sorted(map(str, values)))
            source.notes.append(f"{name} differs between the replies ({told}); the recording says none.")
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
            found[name] = value if name in {"temperature", "top_p"} else int(value)
    return found


def _refuse(source: Source) -> None:
    problems = source.problems
    more = f"\n… and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    raise InputError(
        f"{source.path}: {len(problems)} of its {_noun(problems)} cannot be imported.",
        why="\n".join(problems[:_SHOWN]) + more,
        remedy=f"Mend these {_noun(problems)}; nothing was imported. --skip-broken leaves them out instead. "
        "karui's own layout is in the help of `karui import`.",
    )


def _noun(problems: list[str]) -> str:
    return "lines" if all(p.startswith("line ") for p in problems) else "rows"


def known_formats() -> Iterator[tuple[str, str]]:
    """Yields name and description of every format."""
    for name, each in adapters().items():
        yield name, each.summary()
