"""The replay runner: drives plans over recordings. No token is generated."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from karui import catalog
from karui.core.engine import trace_seed
from karui.core.errors import KaruiError, NotRecorded, RecordingMismatch
from karui.core.loops import loop_in
from karui.core.outcome import Outcome, Outcomes
from karui.core.plan import Plan
from karui.core.recording import RecordedQuestion, Recording
from karui.core.request import Request
from karui.core.study.choice import Rejected
from karui.core.study.reasons import not_replayable
from karui.core.trace import End
from karui.recording.blocks.questions import BlockTraces, in_memory, reads_blocks
from karui.runners.outcome_columns import OutcomeColumns
from karui.runners.replay_arrays import ArrayReplay
from karui.runners.replay_blocks import replay_by_blocks, stacks, told_of
from karui.runners.replay_question import Orders, Play
from karui.runners.replay_trace import Track
from karui.runners.spread import Processes, Spread


@dataclass
class Replay:
    """Replays plans over one recording for each model that they name.

    Attributes:
        recordings: By the names that asks use; "main" at least. Those beside it hold its questions (others
            too, perhaps), shown with the same prompts and sampled alike; seeds, checkpoints, suffixes and
            numbers of traces may differ, as they may between two engines.
        runs: Permutations of each question's traces that a plan with a flow is run on. A plan of one
            trace is run once on every trace instead.
        seed: What the permutations are drawn from; every plan sees the same ones.
        stepwise: Whether every plan is taken through the machines step by step. Otherwise techniques that
            also state what they do as array programs are replayed by these (`karui.runners.replay_arrays`),
            to the same outcomes.
    """

    recordings: Mapping[str, Recording]
    runs: int = 10
    seed: int = 0
    stepwise: bool = False
    _tracks: dict[int, Track] = field(default_factory=dict, repr=False)
    _tracks_of: tuple[object, ...] = field(default=(), repr=False)
    _orders: dict[tuple[str, str], list[list[int]]] = field(default_factory=dict, repr=False)
    _held: dict[str, dict[str, RecordedQuestion]] = field(default_factory=dict, repr=False)
    _least: dict[str, int] = field(default_factory=dict, repr=False)
    _arrays: ArrayReplay | None = field(default=None, repr=False)

    def outcomes(self, plan: Plan) -> Outcomes:
        """Returns the plan's outcomes on every question of the main recording.

        Raises:
            RecordingMismatch: The plan needs another prompt style or other weights than were recorded, or
                two recordings do not belong together.
            NotRecorded: It asks for a model, for more traces or for trials that were not taped.
            PlanError: It needs an ability that a recording lacks.
        """
        self.refuse(plan)
        models, paces = told_of(self.recordings, plan)
        found = self.columns(plan)
        return found.outcomes(plan, self.arrays().questions, self.arrays().kinds, models, paces)

    def columns(self, plan: Plan) -> OutcomeColumns:
        """Returns the same as arrays, of a plan that is known to be replayable."""
        found = None if self.stepwise else self.arrays().outcomes(plan)
        if found is not None:
            return found
        rows = []
        for main in self.recordings["main"].questions:
            here = {model: self.questions(model)[main.id] for model in plan.models}
            runs = [self.play(plan, here, orders, keep_traces=False) for orders in self.dealt(plan, here)]
            rows.append((main.id, main.kind, runs))
        models, _ = told_of(self.recordings, plan)
        return OutcomeColumns.of(Outcomes.of(plan, rows, live=False, models=models))

    def part(self, places: range, models: Sequence[str] = ()) -> "Replay":
        """Returns a replay of some of the questions, by their places.

        Args:
            places: In the main recording.
            models: The models that its plans will ask.
        """
        questions = self.recordings["main"].questions[places.start : places.stop]
        recordings = {"main": replace(self.recordings["main"], questions=questions)}
        for model in models:
            there = self.questions(model)
            here = tuple(there[q.id] for q in questions)
            recordings[model] = replace(self.recordings[model], questions=here)
        return Replay(recordings, self.runs, self.seed, self.stepwise)

    def loaded(self) -> "Replay":
        """Returns the same with all traces in memory, ready to be replayed."""
        recordings = {m: replace(r, questions=in_memory(r.questions)) for m, r in self.recordings.items()}
        whole = Replay(recordings, self.runs, self.seed, self.stepwise)
        whole.prepare()
        return whole

    def prepare(self) -> None:
        """Does once what all plans use: looks for loops, and puts traces into columns."""
        for recording in self.recordings.values():
            for trace in recording.traces():
                loop_in(trace.thinking)
        if not self.stepwise:
            self.arrays().prepare()

    def ensure_replayable(self, plan: Plan) -> None:
        """Raises what `outcomes` would, as far as it can be known before anything is replayed."""
        self.refuse(plan)
        for model in plan.models:
            self.questions(model)

    def arrays(self) -> ArrayReplay:
        """Returns what replays plans by array programs."""
        if self._arrays is None:
            self._arrays = ArrayReplay(self.recordings["main"], self.permutations)
        return self._arrays

    def refuse(self, plan: Plan) -> None:
        """Raises what `outcomes` would, as far as it can be known beforehand."""
        manifest = self.recordings["main"].manifest
        wanted = [t.spec for t in plan.recorded]
        if wanted != [dict(s) for s in manifest.style]:
            raise RecordingMismatch(
                f"{plan.label} cannot be replayed over this recording of {manifest.model.name}.",
                why=f"It was made with {list(manifest.style) or 'the bare prompt'}, the plan asks for "
                f"{wanted or 'the bare prompt'}.",
                remedy="Record the model once with those techniques; prompts and weights cannot be replayed.",
            )
        for model, traces in plan.models.items():
            if model not in self.recordings:
                raise NotRecorded(
                    f"{plan.label} asks the model {model!r}, which has no recording.",
                    remedy=f"Give one of the same questions: --aux-model {model}=RECORDING.",
                )
            of = "" if model == "main" else f" of {model!r}"
            recorded = self._recorded(model)
            plan.check(self.recordings[model].manifest.abilities, f"this recording{of}", model)
            if traces > recorded:
                raise NotRecorded(
                    f"{plan.label} may ask for {traces} traces a question{of}; {recorded} are recorded.",
                    remedy="Record more samples, or lower the plan's number of traces.",
                )

    def _recorded(self, model: str) -> int:
        """Returns how many traces of a model every question has."""
        if model not in self._least:
            self._least[model] = min((len(q.traces) for q in self.questions(model).values()), default=0)
        return self._least[model]

    def play(
        self,
        plan: Plan,
        questions: Mapping[str, RecordedQuestion],
        orders: Orders,
        *,
        keep_traces: bool = True,
    ) -> Outcome:
        """Returns the outcome of one question.

        Args:
            plan: The plan.
            questions: The question as recorded of each model.
            orders: In which order each model's traces are taken.
            keep_traces: Whether the outcome holds the traces it cost; in bulk they would fill the memory.
        """
        if self._tracks_of is not plan.watching and self._tracks_of != plan.watching:
            self._tracks = {}
        self._tracks_of = plan.watching
        suffixes = {m: r.manifest.suffix_tokens for m, r in self.recordings.items()}
        main = questions["main"]
        ask = Request(main.id, main.prompt, self.recordings["main"].manifest.sampling)
        # A track keeps its trace in memory.
        tracks = {} if isinstance(main.traces, BlockTraces) else self._tracks
        return Play(plan, ask, questions, orders, suffixes, tracks).outcome(keep_traces=keep_traces)

    def permutations(self, question: RecordedQuestion, model: str = "main") -> list[list[int]]:
        """Returns the orders of a question's traces of a model: without replacement, one for every plan."""
        found = self._orders.get((model, question.id))
        if found is None:
            drawn_for = question.id if model == "main" else f"{question.id}\0{model}"
            found = drawn_orders(drawn_for, len(question.traces), self.runs, self.seed)
            self._orders[model, question.id] = found
        return found

    def questions(self, model: str) -> dict[str, RecordedQuestion]:
        """Returns the main recording's questions as the recording of a model holds them, by id.

        Raises:
            RecordingMismatch: A live cascade over the two models would not come to what they hold.
        """
        found = self._held.get(model)
        if found is None:
            found = self._held[model] = beside(self.recordings["main"], self.recordings[model], model)
        return found

    def dealt(self, plan: Plan, questions: Mapping[str, RecordedQuestion]) -> Iterator[Orders]:
        """Yields the orders that a plan is run on, one for each run, as `outcomes` does."""
        if not plan.flows:
            yield from ({"main": [n]} for n in range(len(questions["main"].traces)))
            return
        drawn = {m: self.permutations(q, m) for m, q in questions.items()}
        for run in range(self.runs):
            yield {m: orders[run] for m, orders in drawn.items()}


def drawn_orders(drawn_for: str, traces: int, runs: int, seed: int = 0) -> list[list[int]]:
    """Returns the orders in which runs take a question's traces.

    Args:
        drawn_for: The question's id, and the model's name where it is not the main one.
        traces: How many there are.
        runs: How many orders.
        seed: As of `Replay`.
    """
    rng = np.random.default_rng(trace_seed(seed, drawn_for, runs))
    return [rng.permutation(traces).tolist() for _ in range(runs)]


def beside(main: Recording, other: Recording, model: str) -> dict[str, RecordedQuestion]:
    """Returns the questions of `main` as `other`, a recording of a second model, holds them, by id.

    A recording in a prompt style is a mode: its prompts are the main one's as the style rewrites them, which
    is what its engine does live.

    Raises:
        RecordingMismatch: They are not the same questions with the same references, were not shown with the
            same prompts, or were sampled differently: a plan that asks both models does none of that live.
    """
    if not _sampled_alike(main, other):
        raise RecordingMismatch(
            f"The recording of {model!r} cannot stand beside the main one.",
            why=f"It was sampled with {other.manifest.sampling}, the main one with {main.manifest.sampling}. "
            "A plan asks all its models alike.",
            remedy="Record both with the same temperature, top-p and token limit.",
        )
    there = {q.id: q for q in other.questions}
    style = mode(main, other)
    for question in main.questions:
        twin = there.get(question.id)
        shown = style.rewrite(Request(question.id, question.prompt, main.manifest.sampling)).prompt
        if twin is not None and (twin.prompt, twin.reference) == (shown, question.reference):
            continue
        lacking = "is not in it" if twin is None else "has another prompt or reference in it"
        raise RecordingMismatch(
            f"The recording of {model!r} cannot stand beside the main one.",
            why=f"Question {question.id!r} of the main recording {lacking}.",
            remedy="Record both models on the same questions with the same prompts.",
        )
    return {q.id: there[q.id] for q in main.questions}


def mode(main: Recording, other: Recording) -> Plan:
    """Returns the style that makes the main recording's prompts another one's; none where they are alike."""
    shown = {q.id: q.prompt for q in other.questions}
    alike = all(shown.get(q.id, q.prompt) == q.prompt for q in main.questions)
    return Plan() if alike else catalog.plan_from_spec(other.manifest.style)


def _sampled_alike(main: Recording, other: Recording) -> bool:
    """Returns whether the other's traces are what the main one's sampling would have drawn.

    Token limits may differ where none of its traces would have met the main one's: an import whose log names
    no limit has its longest trace for one.
    """
    ours, theirs = main.manifest.sampling, other.manifest.sampling
    if replace(theirs, max_tokens=ours.max_tokens) != ours:
        return False
    if theirs.max_tokens == ours.max_tokens:
        return True
    return all(
        t.end is not End.TRUNCATED and t.thinking_tokens + t.answer_tokens <= ours.max_tokens
        for t in other.traces()
    )


def replay_all(
    replay: Replay,
    plans: Sequence[Plan],
    *,
    processes: int = 1,
    spread: Spread | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_refused: Callable[[Rejected], None] | None = None,
) -> Iterator[Outcomes]:
    """Replays many plans and yields their outcomes in the order given.

    Plans that watch alike are done one after the other, so that each trace is walked once for all of them.
    With more than one process, and where the system can fork, the recording is shared, not copied. The first
    is yielded when all are there: `on_progress` is called meanwhile, with how many are done out of how many.
    Recordings that are read by blocks are replayed by blocks (`karui.runners.replay_blocks`), and so is
    everything that is spread over machines.

    Args:
        replay: The recordings.
        plans: What to replay.
        processes: Worker processes.
        spread: What spreads the work otherwise, over machines say.
        on_progress: As said above.
        on_refused: Told of each plan that these recordings turn out not to hold, in the order given; its
            outcomes are left out. None lets the first of them end the work.

    Raises:
        KaruiError: As `Replay.outcomes`, where `on_refused` is None.
    """
    if spread is not None or any(map(reads_blocks, replay.recordings.values())):
        over = spread or Processes(processes)
        yield from replay_by_blocks(replay, plans, over, on_progress=on_progress, on_refused=on_refused)
        return
    kinds = stacks(plans)
    found: dict[int, Outcomes | Rejected] = {}
    play = replay.outcomes if on_refused is None else partial(_outcomes_or_reason, replay)
    replay.prepare()
    if processes < 2 or len(plans) < 2 * processes:
        kinds, processes = [[n] for kind in kinds for n in kind], 1
    shares = [partial(_replayed, play, {n: plans[n] for n in kind}) for kind in kinds]
    for _, part in Processes(processes).each(shares.__getitem__, len(shares)):
        found.update(part)
        if on_progress:
            on_progress(len(found), len(plans))
    for number in range(len(plans)):
        done = found[number]
        if isinstance(done, Outcomes):
            yield done
        elif on_refused is not None:
            on_refused(done)


def _outcomes_or_reason(replay: Replay, plan: Plan) -> Outcomes | Rejected:
    try:
        return replay.outcomes(plan)
    except KaruiError as error:
        return Rejected(plan.id, plan.label, not_replayable(error))


def _replayed(
    play: Callable[[Plan], Outcomes | Rejected], plans: Mapping[int, Plan]
) -> dict[int, Outcomes | Rejected]:
    return {n: play(plan) for n, plan in plans.items()}
