"""A run on a model: the engine, the task and where things go, as the options say."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from karui import catalog, engines, tasks
from karui.artifacts.artifact import Artifact
from karui.artifacts.build import make
from karui.artifacts.build_dir import Progress as BuildProgress
from karui.core.engine import Engine
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Task
from karui.core.recording import Recording
from karui.core.technique import Technique
from karui.engines.chat.override import NOTHING_SAID, Override
from karui.models import beside, place
from karui.recording import store
from karui.recording.lock import ensure_free
from karui.recording.parts import keys
from karui.recording.questions import QUESTIONS
from karui.recording.record import Progress as RecordProgress
from karui.recording.record import record
from karui.recording.reference import LEAST, self_reference
from karui.recording.store import load, missing
from karui.recording.workers.pool import WorkerPool
from karui.recording.workers.streams import MOST_STREAMS, STREAMS
from karui.study.config.logprobs import AUTO, begun_with, level
from karui.study.loop import interruptible
from karui.study.progress import SILENT, Progress, build_progress
from karui.study.workers import invariant_of, refuse_unless_servers, source_of

MINI = "karui-mini"
_AS_IT_IS = Plan()
"""What the embedded model is called."""


@dataclass
class Workspace:
    """What recording and confirming need.

    A model that is an artifact brings its techniques: every recording of it carries them as its style, and
    plans on it may name them or leave them out.

    Attributes:
        model: Folder or Hub name; `MINI` is the embedded one.
        sampling: How tokens are drawn.
        samples: Traces per question.
        seed: Of the traces.
        at_once: Streams side by side; 0 measures how many are worth it.
        device: auto, cpu or cuda.
        dtype: auto, bfloat16 or float32.
        threads: 0 measures.
        compiled: Whether torch compiles the model.
        artifacts: Where new weights are kept, and found again.
        lessons: The recording that they are made from; None will do for techniques that need none.
        minutes: What each training may take; None is its technique's own default.
        thinking: What the user says of how the model thinks; the rest is found out.
        accept_no_thinking: Whether to go on where full thinking is empty.
        workers: Processes that record; 0 measures.
        on: The Ray cluster that records, as `--on` has it; "" is this machine.
        further: Servers that serve the model beside the first one, and record with it.
        logprobs: Tokens that a server is asked for log-probabilities of; "auto" goes by plan and recording.
        progress: Hears of every step.
    """

    model: str
    sampling: Sampling
    samples: int
    seed: int = 0
    at_once: int = 0
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    compiled: bool = False
    artifacts: Path = Path("artifacts")
    lessons: Recording | None = None
    minutes: float | None = None
    thinking: Override = NOTHING_SAID
    accept_no_thinking: bool = False
    workers: int = 0
    on: str = ""
    further: tuple[str, ...] = ()
    logprobs: str = AUTO
    progress: Progress = SILENT
    _engines: dict[str, Engine] = field(default_factory=dict)
    _loaded: set[str] = field(default_factory=set)
    _waiting: dict[str, tuple[WorkerPool, int]] = field(default_factory=dict)
    _streams: int = STREAMS

    def __post_init__(self) -> None:
        """Refuses numbers that nothing can be recorded with.

        Raises:
            InputError: Names the first one.
        """
        drawn = self.sampling
        for name, value, sound, wanted in (
            ("--samples", self.samples, self.samples >= 1, "1 or more"),
            ("--max-tokens", drawn.max_tokens, drawn.max_tokens >= 1, "1 or more"),
            ("--temperature", drawn.temperature, drawn.temperature >= 0, "0 or more"),
            ("--top-p", drawn.top_p, 0 < drawn.top_p <= 1, "above 0 and at most 1"),
            ("--concurrency", self.at_once, self.at_once >= 0, "0 or more; 0 measures which is best"),
            ("--workers", self.workers, self.workers >= 0, "0 or more; 0 measures which is best"),
            ("--threads", self.threads, self.threads >= 0, "0 or more; 0 measures which is best"),
        ):
            if not sound:
                raise InputError(f"{name} is out of range (got {value}).", remedy=f"Set {name} to {wanted}.")
        if self.further:
            refuse_unless_servers((self.model, *self.further))

    @property
    def streams(self) -> int:
        """Streams side by side: as the user says, as was measured, or the usual number."""
        return self.at_once or self._streams

    @property
    def engine(self) -> Engine:
        """The engine of the model as it is, loaded when it is first needed."""
        return self.engine_of(Plan())

    @cached_property
    def own(self) -> Plan:
        """The techniques that made the model, if it is an artifact."""
        folder = Path(place(self.model)).expanduser()
        made = Artifact.of(folder) if folder.is_dir() else None
        return catalog.plan_from_spec(made.techniques) if made else Plan()

    def whole(self, plan: Plan) -> Plan:
        """Returns the plan with the techniques that made the model in front, if it leaves them out."""
        own = self.own.techniques
        left_out = plan.techniques[: len(own)] != own
        return Plan((*own, *plan.techniques)) if left_out else plan

    @interruptible()
    def artifact(
        self, plan: Plan, on_progress: Callable[[BuildProgress], None] | None = None
    ) -> Artifact | None:
        """Makes the plan's new weights, or finds them; None where it makes none.

        Args:
            plan: Techniques over the model; those that make no new weights are passed over.
            on_progress: As `karui.study.progress.build_progress` returns, say.

        Raises:
            KaruiError: As `karui.artifacts.build.make`.
        """
        prepared = [t for t in self._beyond(plan) if t.changes("prepare")]
        if not prepared:
            return None
        return make(
            prepared,
            self.folder,
            self.artifacts,
            recording=self.lessons,
            data_digest=data_digest(self.lessons) if self.lessons else "",
            device=self.device,
            seed=self.seed,
            minutes=self.minutes,
            name=self.model,
            on_progress=on_progress,
            watch=True,
        )

    @interruptible()
    def engine_of(self, plan: Plan) -> Engine:
        """Returns the engine that a plan runs on, with its weights and options; made and loaded once.

        Raises:
            KaruiError: The weights cannot be made, or the engine cannot be loaded.
        """
        key = self._engine_key(plan)
        if key in self._engines:
            return self._engines[key]
        # What was loaded before is only loaded again, which is no step of its own.
        first = key not in self._loaded
        folder, options = self.loading(plan, build_progress(self.progress) if first else None)
        self.dismiss()
        if first:
            self.progress.begin("Loading the model")
        self._loaded.add(key)
        engine = engines.load(folder, **options)
        for note in engine.thinks.get("notes", ()):
            self.progress.say(note)
        self._engines[key] = engine
        return engine

    def loading(
        self, plan: Plan, on_progress: Callable[[BuildProgress], None] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Returns the folder or name of a plan's model, made if need be, and what it is to be loaded with."""
        made = self.artifact(plan, on_progress)
        options: dict[str, Any] = {
            "name": made.name if made else self._name,
            "device": self.device,
            "dtype": self.dtype,
            "threads": self.threads or None,
            "compile": self.compiled,
            "slots": self.at_once or MOST_STREAMS,  # how many are best is measured once it is loaded
            "seed": self.seed,
            "thinking": self.thinking,
        }
        if not made and self.model.startswith(("http://", "https://")):
            options["logprobs"] = level(self.logprobs, plan)
        return str(made.folder) if made else place(self.model), self.whole(plan).configure(options)

    @property
    def device_here(self) -> str:
        """Where the model runs: "cpu", or a GPU as torch names it."""
        from karui.engines.transformers.load import choose_device

        return choose_device(self.device)

    def beside(self, model: str) -> "Workspace":
        """Returns a workspace of another model with everything else alike."""
        # Only the main model has to think: a small one that answers at once is what cascades are for.
        return replace(
            self,
            model=model,
            lessons=None,
            further=(),
            thinking=NOTHING_SAID,
            accept_no_thinking=True,
            _engines={},
            _loaded=set(),
            _waiting={},
        )

    async def free(self, plan: Plan) -> None:
        """Lets go of the engine that a plan ran on, if it is loaded; needed again, it is loaded again."""
        if (engine := self._engines.pop(self._engine_key(plan), None)) is not None:
            await engine.close()

    def waiting(self, plan: Plan) -> tuple[WorkerPool, int] | None:
        """Returns workers that have recorded with a plan's engine and wait, and their streams."""
        return self._waiting.get(self._engine_key(plan))

    def keep(self, plan: Plan, pool: WorkerPool, streams: int) -> None:
        """Lets workers wait for what else is recorded with a plan's engine, until another one is loaded."""
        self.dismiss()
        self._waiting[self._engine_key(plan)] = pool, streams

    def dismiss(self) -> None:
        """Ends the workers that wait: nothing more is recorded with their engine."""
        while self._waiting:
            self._waiting.popitem()[1][0].close()

    async def close(self) -> None:
        """Lets go of every engine, and of workers that wait."""
        self.dismiss()
        while self._engines:
            _, engine = self._engines.popitem()
            await engine.close()

    def _engine_key(self, plan: Plan) -> str:
        # Plans that differ only in their prompts or in how they spend the thinking run on one engine.
        loaded = (t for t in self._beyond(plan) if t.changes("prepare") or t.changes("configure"))
        return Plan(tuple(loaded)).id

    def _beyond(self, plan: Plan) -> tuple[Technique, ...]:
        """Returns the plan's techniques without those that made the model."""
        return self.whole(plan).techniques[len(self.own.techniques) :]

    @property
    def _name(self) -> str:
        made = Artifact.of(place(self.model)) if self.own.techniques else None
        return made.name if made else self.model

    @property
    def folder(self) -> Path:
        """The model's folder, fetched if it is a name on the Hub.

        Raises:
            ModelError: There is none.
        """
        from karui.models.folder import find_folder

        return find_folder(place(self.model))

    async def record(
        self,
        task: Task,
        folder: Path,
        label: str,
        style: Plan = _AS_IT_IS,
        shard: tuple[int, int] | None = None,
    ) -> Recording:
        """Records a task (or a part of its questions) in one style, or goes on with what is there.

        Raises:
            InputError: The model's own answers are to be references, and one trace each cannot be.
            KaruiError: As `karui.recording.record.record`.
        """
        progress = self.progress
        ensure_free(folder)
        if task.agreement and self.samples < LEAST:
            raise InputError(
                f"--reference self takes {LEAST} traces of each question at least (got --samples "
                f"{self.samples}).",
                why="Some of them decide what the full model answers, and others are compared with that.",
                remedy="Say --samples 4, or more.",
            )
        self.logprobs = begun_with(self.logprobs, folder)

        def progressed(now: RecordProgress) -> None:
            note = f"{now.tokens_per_second:,.0f} tokens/s" + (f", {now.failed} failed" if now.failed else "")
            progress.at(now.done, now.total, note)

        which, of = shard or (1, 1)
        traces = self.samples * len(task.questions[which - 1 :: of])
        async with source_of(self, style, folder, traces) as (source, self._streams):
            progress.begin(label)
            recording = await record(
                source,
                task,
                folder,
                style=self.whole(style),
                sampling=self.sampling,
                samples=self.samples,
                seed=self.seed,
                at_once=self.streams,
                accept_no_thinking=self.accept_no_thinking,
                shard=shard,
                batch_invariant=await invariant_of(source, task, traces - len(keys(folder))),
                on_progress=progressed,
            )
        if lost := missing(recording, shard):
            progress.warn(f"Traces that failed and are missing: {lost}; the same command tries them again.")
        if late := recording.manifest.timeouts:
            progress.warn(
                f"{late} answers could not be read or compared within the time limit and count "
                "as wrong. Look at them in the recording if that is more than a few."
            )
        return self_reference(recording) if task.agreement else recording


def path_of(recording: Recording) -> Path:
    """Returns the folder of a recording.

    Raises:
        InputError: It has none.
    """
    if recording.path is None:
        raise InputError(
            f"The recording of {recording.manifest.model.name} is in memory only.",
            why="A study names the files that it rests on by their digest.",
            remedy="Save it with `karui.recording.store.save`, and give what `karui.load_recording` returns.",
        )
    return recording.path


def data_digest(recording: Recording) -> str:
    """Returns the digest of a recording, or of the questions that were picked from it."""
    path = path_of(recording)
    found = store.digest(path)
    asked = (path / QUESTIONS).read_text(encoding="utf-8").split("\n")
    ids = [q.id for q in recording.questions]
    if len(ids) == sum(map(bool, asked)):
        return found
    return sha256("\0".join((found, *ids)).encode()).hexdigest()


def embedded(part: str) -> Path:
    """Returns the path of a file or folder that ships beside karui-mini.

    Raises:
        InputError: It is not in this installation.
    """
    return beside(MINI, part)


def shipped(part: str) -> Recording:
    """Returns a recording that ships beside karui-mini."""
    return load(embedded(part))


def task_of(name: str, *, limit: int = 0, seed: int = 0, reference: str = "given") -> Task:
    """Returns the task of a name or file, checked against its own verifier before a token is spent.

    Raises:
        QuestionsError: Rows are broken, or their references fail their own verifier; they are named.
    """
    task = tasks.load(name, limit=limit or None, seed=seed, need_reference=reference != "self")
    if not task.agreement:
        tasks.ensure_sound(task)
    return task
