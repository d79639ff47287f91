"""The suite: which methods are measured on which recordings, as a TOML file with a version."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from karui.codec.disk import reading
from karui.core.errors import InputError, UnknownName

FORMAT = 1
ALL = "*"
_FOLDER = re.compile(r"\{(\w+)\}")
_SHARE = re.compile(r"\{([\d.]+)\}")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Table):
    """A text in both languages."""

    en: str
    ja: str


class Method(_Table):
    """A method and the settings at which it is measured.

    Attributes:
        name: Unique; that of its technique, as a rule.
        plans: One for each setting. `{0.5}` stands for half of full thinking's mean thinking tokens.
    """

    name: str
    plans: tuple[str, ...] = Field(min_length=1)

    def settings(self, length: float) -> tuple[str, ...]:
        """Returns the plans for a model that thinks for so many tokens on average."""
        return tuple(
            _SHARE.sub(lambda share: str(max(1, round(float(share[1]) * length))), plan)
            for plan in self.plans
        )


class QuestionSet(_Table):
    """A set of questions. Nothing is ever compared across two of them."""

    name: str
    title: Text
    licence: str
    source: str


class Source(_Table):
    """Where outcomes come from: a recording's folder, a log that karui imports, or a study.

    Attributes:
        recording: Folder of a recording.
        log: A log, read as `karui import` reads it.
        study: Folder of a study, with its recording and its live confirmation.
        format: Of the log; "" recognises it.
        verifier: Reads and judges the answers of a log; "" takes the log's own.
        references: Questions with their answers, for a log without: a file or a name of `karui tasks`.
        make: The command that makes what is named here.
    """

    recording: str = ""
    log: str = ""
    study: str = ""
    format: str = ""
    verifier: str = ""
    references: str = ""
    make: str

    @model_validator(mode="after")
    def _one(self) -> "Source":
        if sum(map(bool, (self.recording, self.log, self.study))) != 1:
            raise ValueError("name one of recording, log, study")
        return self

    @property
    def place(self) -> str:
        """What it names, as written."""
        return self.recording or self.log or self.study


class Variant(_Table):
    """A method that changes weights, prompt or engine: recorded apart, at one or several settings.

    Attributes:
        method: Its name.
        family: As of techniques: shorter, smaller, faster or control.
        sources: A recording for each setting.
        settings: What to call each, where the recording's own style does not say; as many as sources.
    """

    method: str
    family: Literal["shorter", "smaller", "faster", "control"]
    sources: tuple[Source, ...] = Field(min_length=1)
    settings: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _as_many(self) -> "Variant":
        if self.settings and len(self.settings) != len(self.sources):
            raise ValueError("give as many settings as sources")
        return self


class Run(_Table):
    """One model on one question set and engine, with its full thinking, which its cells are compared with.

    Attributes:
        name: Unique in the suite.
        set: The question set.
        model: The model's name.
        engine: What it ran on; "" takes what the recording says.
        source: Of its full thinking.
        only_of: Folder of a recording to whose questions this run is cut.
        config: The model's config.json, as far as FLOPs need it, where the recording does not hold it.
        methods: Names of the methods that are replayed; "*" is all.
        aux: Names of runs of further models, by the names that plans ask for.
        variants: Methods with recordings of their own.
    """

    name: str
    set: str
    model: str
    engine: str = ""
    source: Source
    only_of: str = ""
    config: Mapping[str, Any] = {}
    methods: tuple[str, ...] = (ALL,)
    aux: Mapping[str, str] = {}
    variants: tuple[Variant, ...] = ()


class Live(_Table):
    """A study whose choice was confirmed live: full thinking and its plan ran on an engine.

    Attributes:
        name: Unique in the suite, among runs as well.
        set: The question set.
        model: The model's name.
        study: Folder of its study.json.
        questions: Those it was confirmed on, all of them: a name of `karui tasks`, or a file.
        make: The command that makes the study.
    """

    name: str
    set: str
    model: str
    study: str
    questions: str
    make: str


class Suite(_Table):
    """A versioned suite.

    Attributes:
        format: Of this file.
        name: The suite's.
        version: Results of two versions do not go together.
        title: For people.
        runs: Permutations of a question's traces that a plan with several is replayed on.
        levels: Shares of full thinking's cost at which methods are compared.
        folders: By the name that paths use ({data}), relative to this file.
        sets: Of questions.
        methods: Replayed over every run that names them.
        controls: What methods are matched with at equal cost; measured as methods as well.
        models: The runs.
        live: What ran on an engine for this, as studies hold it.
        digest: SHA-256 of the file.
    """

    format: Literal[1]
    name: str
    version: str
    title: Text
    runs: int = Field(default=10, ge=1)
    levels: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 2.0, 4.0)
    folders: Mapping[str, str] = {}
    sets: tuple[QuestionSet, ...]
    methods: tuple[Method, ...]
    controls: tuple[Method, ...]
    models: tuple[Run, ...]
    live: tuple[Live, ...] = ()
    digest: str = ""

    @model_validator(mode="after")
    def _known(self) -> "Suite":
        for noun, named in (
            ("set", [s.name for s in self.sets]),
            ("method", [m.name for m in (*self.methods, *self.controls)]),
            ("model", [*(r.name for r in self.models), *(each.name for each in self.live)]),
        ):
            if twice := sorted({n for n in named if named.count(n) > 1}):
                raise ValueError(f"the {noun} {twice[0]!r} is there twice")
        return self

    def runs_of(self, names: tuple[str, ...] = ()) -> Iterator[Run]:
        """Yields the recorded runs of these names; all of them if none is named.

        Raises:
            UnknownName: There is no such run, or one names a set, method or run that is not there.
        """
        by_name = {run.name: run for run in self.models}
        for name in names:
            if name not in {*by_name, *(each.name for each in self.live)}:
                raise UnknownName("run of the suite", name, [*by_name, *(each.name for each in self.live)])
        for run in self.models:
            if names and run.name not in names:
                continue
            for noun, asked, known in (
                ("question set", (run.set,), [s.name for s in self.sets]),
                ("method", run.methods, [ALL, *(m.name for m in (*self.methods, *self.controls))]),
                ("run", tuple(run.aux.values()), list(by_name)),
            ):
                for one in asked:
                    if one not in known:
                        raise UnknownName(f"{noun} of the suite", one, list(known))
            yield run

    def live_of(self, names: tuple[str, ...] = ()) -> Iterator[Live]:
        """Yields the live runs of these names; all of them if none is named.

        Raises:
            UnknownName: One names a question set that is not there.
        """
        known = [s.name for s in self.sets]
        for each in self.live:
            if each.set not in known:
                raise UnknownName("question set of the suite", each.set, known)
            if not names or each.name in names:
                yield each

    def methods_of(self, run: Run) -> Iterator[Method]:
        """Yields the methods that are replayed over a run, controls first."""
        for method in (*self.controls, *self.methods):
            if ALL in run.methods or method.name in run.methods:
                yield method


class Places:
    """From paths as a suite writes them to files: {name} is a folder of the suite or of the command line."""

    def __init__(self, suite: Suite, file: Path, folders: Mapping[str, str]) -> None:
        """Takes the suite, its file, and folders that win over the suite's.

        Raises:
            UnknownName: The suite has no folder of a name that was given.
        """
        for name in folders:
            if name not in suite.folders:
                raise UnknownName("folder of the suite", name, list(suite.folders))
        here = file.resolve().parent
        self._folders = {n: (here / p).resolve() for n, p in suite.folders.items()}
        self._folders |= {n: Path(p).resolve() for n, p in folders.items()}

    def __call__(self, written: str) -> str:
        """Returns a text with its folders filled in, as short as it can be written from here.

        Raises:
            UnknownName: It names a folder that is not there.
        """
        return _FOLDER.sub(lambda found: self._folder(found[1]), written)

    def _folder(self, name: str) -> str:
        if name not in self._folders:
            raise UnknownName("folder of the suite", name, list(self._folders))
        folder = self._folders[name]
        return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)


def load_suite(path: Path | str) -> Suite:
    """Reads a suite.

    Raises:
        InputError: The file cannot be read, or does not hold a suite; names the place.
    """
    path = Path(path)
    with reading(path, "Give the TOML file of a suite (docs/benchmark.md).", format="TOML"):
        content = path.read_bytes()
        values = tomllib.loads(content.decode())
    try:
        return Suite.model_validate({**values, "digest": sha256(content).hexdigest()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{path} is not a suite.",
            why=f"{f'At {place}: ' if place else ''}{first['msg']}",
            remedy="docs/benchmark.md lists what a suite holds.",
        ) from error
