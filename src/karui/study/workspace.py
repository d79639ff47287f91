"""A run on a model: the engine, the task and where things go, as the options say."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from karui import catalog, engines, tasks
from karui.artifacts.artifact import Artifact
from karui.artifacts.build import make
from karui.artifacts.build_dir import Progress as Making
from karui.cli.console import Steps, say
from karui.core.engine import Engine
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Task
from karui.core.technique import Technique
from karui.engines.chat.override import NOTHING_SAID, Override
from karui.models import beside, place
from karui.recording import store
from karui.recording.record import Progress, record, self_reference
from karui.recording.store import load, missing
from karui.study.steps import Recorded

T = TypeVar("T")

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
        at_once: Streams side by side.
        device: auto, cpu or cuda.
        dtype: auto, bfloat16 or float32.
        threads: 0 measures.
        compiled: Whether torch compiles the model.
        artifacts: Where new weights are kept, and found again.
        lessons: The recording that they are made from; None will do for techniques that need none.
        minutes: What each training may take; None is its technique's own default.
        thinking: What the user says of how the model thinks; the rest is found out.
        accept_no_thinking: Whether to go on where full thinking is empty.
    """

    model: str
    sampling: Sampling
    samples: int
    seed: int = 0
    at_once: int = 32
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    compiled: bool = False
    artifacts: Path = Path("artifacts")
    lessons: Recorded | None = None
    minutes: float | None = None
    thinking: Override = NOTHING_SAID
    accept_no_thinking: bool = False
    _engines: dict[str, Engine] = field(default_factory=dict)
    _loaded: set[str] = field(default_factory=set)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

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
            ("--at-once", self.at_once, self.at_once >= 1, "1 or more"),
            ("--threads", self.threads, self.threads >= 0, "0 or more; 0 measures which is best"),
        ):
            if not sound:
                raise InputError(f"{name} {value} cannot be used.", remedy=f"Give it a value of {wanted}.")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs asynchronous work; everything of one session shares one event loop."""
        return self._runner.run(work)

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

    def artifact(self, plan: Plan, on_progress: Callable[[Making], None] | None = None) -> Artifact | None:
        """Makes the plan's new weights, or finds them; None where it makes none.

        Args:
            plan: Techniques over the model; those that make no new weights are passed over.
            on_progress: As `making` returns, say.

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
            recording=self.lessons.recording if self.lessons else None,
            data_digest=data_digest(self.lessons) if self.lessons else "",
            device=self.device,
            seed=self.seed,
            minutes=self.minutes,
            name=self.model,
            on_progress=on_progress,
            watch=True,
        )

    def engine_of(self, plan: Plan, steps: Steps | None = None) -> Engine:
        """Returns the engine that a plan runs on, with its weights and options; made and loaded once.

        Raises:
            KaruiError: The weights cannot be made, or the engine cannot be loaded.
        """
        key = self._engine_key(plan)
        if key in self._engines:
            return self._engines[key]
        # What was loaded before is only loaded again, which is no step of its own.
        shown = steps if key not in self._loaded else None
        folder, options = self.loading(plan, making(shown) if shown else None)
        if shown is not None:
            shown.begin("Loading the model")
        self._loaded.add(key)
        engine = engines.load(folder, **options)
        for note in engine.thinks.get("notes", ()):
            say(note)
        self._engines[key] = engine
        return engine

    def loading(
        self, plan: Plan, on_progress: Callable[[Making], None] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Returns the folder or name of a plan's model, made if need be, and what it is to be loaded with."""
        made = self.artifact(plan, on_progress)
        options: dict[str, Any] = {
            "name": made.name if made else self._name,
            "device": self.device,
            "dtype": self.dtype,
            "threads": self.threads or None,
            "compile": self.compiled,
            "slots": self.at_once,
            "seed": self.seed,
            "thinking": self.thinking,
        }
        return str(made.folder) if made else place(self.model), self.whole(plan).configure(options)

    @property
    def device_here(self) -> str:
        """Where the model runs: "cpu", or a GPU as torch names it."""
        from karui.engines.transformers.load import choose_device

        return choose_device(self.device)

    def beside(self, model: str) -> "Workspace":
        """Returns a session of another model with everything else alike, on the same event loop."""
        # Only the main model has to think: a small one that answers at once is what cascades are for.
        return replace(
            self,
            model=model,
            lessons=None,
            thinking=NOTHING_SAID,
            accept_no_thinking=True,
            _engines={},
            _loaded=set(),
        )

    def free(self, plan: Plan) -> None:
        """Lets go of the engine that a plan ran on, if it is loaded; needed again, it is loaded again."""
        if (engine := self._engines.pop(self._engine_key(plan), None)) is not None:
            self.run(engine.close())

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

    def record(self, task: Task, folder: Path, steps: Steps, label: str, style: Plan = _AS_IT_IS) -> Recorded:
        """Records a task in one style, or goes on with what is there.

        Raises:
            KaruiError: As `karui.recording.record.record`.
        """
        engine = self.engine_of(style, steps)
        steps.begin(label)

        def progressed(now: Progress) -> None:
            note = f"{now.tokens_per_second:,.0f} tokens/s" + (f", {now.failed} failed" if now.failed else "")
            steps.at(now.done, now.total, note)

        recording = self.run(
            record(
                engine,
                task,
                folder,
                style=self.whole(style),
                sampling=self.sampling,
                samples=self.samples,
                seed=self.seed,
                at_once=self.at_once,
                accept_no_thinking=self.accept_no_thinking,
                on_progress=progressed,
            )
        )
        if lost := missing(recording):
            say(f"Warning: {lost} traces failed and are missing; the same command tries them again.")
        if late := recording.manifest.timeouts:
            say(
                f"Warning: {late} answers could not be read or compared within the time limit and count "
                "as wrong. Look at them in the recording if that is more than a few."
            )
        return Recorded(folder, self_reference(recording) if task.agreement else recording)


def making(steps: Steps) -> Callable[[Making], None]:
    """Returns what shows a making among a run's steps: each technique is one."""
    at = ""

    def progressed(now: Making) -> None:
        nonlocal at
        if now.technique != at:
            at = now.technique
            steps.begin(f"Making {at}")
        note = now.note
        if now.seconds_left is not None and now.done < now.total:
            note += f", {now.seconds_left:,.0f} s left"
        steps.at(round(100 * now.done / max(now.total, 1e-9)), 100, note)

    return progressed


def data_digest(recorded: Recorded) -> str:
    """Returns the digest of a recording, or of the questions that were picked from it."""
    found = store.digest(recorded.path)
    asked = (recorded.path / store.QUESTIONS).read_text(encoding="utf-8").split("\n")
    ids = [q.id for q in recorded.recording.questions]
    if len(ids) == sum(map(bool, asked)):
        return found
    return sha256("\0".join((found, *ids)).encode()).hexdigest()


def embedded(part: str) -> Path:
    """Returns the path of a file or folder that ships beside karui-mini.

    Raises:
        InputError: It is not in this installation.
    """
    return beside(MINI, part)


def shipped(part: str) -> Recorded:
    """Returns a recording that ships beside karui-mini."""
    path = embedded(part)
    return Recorded(path, load(path))


def task_of(name: str, *, limit: int = 0, seed: int = 0, reference: str = "given") -> Task:
    """Returns the task of a name or file, checked against its own verifier before a token is spent.

    Raises:
        QuestionsError: Rows are broken, or their references fail their own verifier; they are named.
    """
    task = tasks.load(name, limit=limit or None, seed=seed, need_reference=reference != "self")
    if not task.agreement:
        tasks.ensure_sound(task)
    return task


def hold_back(task: Task, held: int, seed: int) -> tuple[Task, Task]:
    """Returns the questions to record and the `held` ones kept for the live confirmation, drawn by seed."""
    order = np.random.default_rng(seed).permutation(len(task.questions)).tolist()
    kept = set(order[:held])
    return (
        replace(task, questions=tuple(q for n, q in enumerate(task.questions) if n not in kept)),
        replace(task, questions=tuple(q for n, q in enumerate(task.questions) if n in kept)),
    )


def style_plans(names: Sequence[str]) -> list[Plan]:
    """Returns the plan to record for each technique named, or plan text.

    Raises:
        UnknownName: There is no such technique.
        InputError: It needs no recording of its own.
    """
    plans = [catalog.parse(name) for name in names]
    for plan in plans:
        if plan.recorded != plan.techniques or not plan.techniques:
            raise InputError(
                f"--style {plan.label} needs no recording of its own: it is replayed anyway.",
                remedy="Give --style the techniques that `karui techniques` marks with 'own recording'.",
            )
    return plans
