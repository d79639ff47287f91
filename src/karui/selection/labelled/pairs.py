"""Which two answers stand for a unit: one of its questions, and one run of it, drawn by digest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from karui.core.errors import PlanError
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.recording import Recording
from karui.recording.judging.labels import NO_ANSWER, Pair
from karui.recording.judging.verdicts import Asked, Verdicts
from karui.runners.replay import Replay
from karui.selection.looks.units import Order
from karui.tasks.judge_prompt import dialogue
from karui.tasks.verifiers.judge import Mode


@dataclass(frozen=True)
class JudgedPair:
    """A pair, and what the judge said of it.

    Attributes:
        pair: The answers.
        judged: What the plan loses on it as the judge sees it: 1, 0 or -1.
    """

    pair: Pair
    judged: float


class Unasked(Exception):
    """The judge has not compared these answers yet.

    Attributes:
        asked: The answers.
    """

    def __init__(self, asked: Sequence[Asked]) -> None:
        """Takes them."""
        super().__init__(f"{len(asked)} answers have to be judged first")
        self.asked = asked


@dataclass(frozen=True)
class Answers:
    """The judged recordings that answers are taken from.

    Attributes:
        main: Of full thinking.
        styles: Of variants, by whatever recording they are.
        beside: Of further models, by name.
        prompts: What was asked, by the question's id.
        criteria: What a good answer has to say, by the question's id; "" where nobody said.
        verdicts: What the judge said.
        heard: Told of everything that was read of it.
        runs: Permutations of a flow's traces, as plans were replayed.
    """

    main: Recording
    styles: Sequence[Recording]
    beside: Mapping[str, Recording]
    prompts: Mapping[str, Prompt]
    criteria: Mapping[str, str]
    verdicts: Verdicts
    heard: Callable[[Sequence[Asked]], None]
    runs: int = 10

    def pairs(self, plan: Plan, order: Order) -> dict[str, JudgedPair]:
        """Returns the pair of every unit by its key, in the order of the units.

        In pairs, the judge compares these very two answers, as people will; a pair without a verdict is
        taken for alike.

        Raises:
            PlanError: No recording was made with the plan's techniques.
            Unasked: The judge has to compare some of them first.
        """
        recording = self._of(plan)
        replay = Replay({"main": recording, **self.beside}, runs=self.runs)
        held = {model: replay.questions(model) for model in plan.models}
        full = {q.id: q for q in self.main.questions}
        found, asked = {}, dict[str, Asked]()
        for key, questions in _members(order).items():
            name = min(questions, key=lambda q, key=key: sha256(f"{key}\0{q}".encode()).digest())  # type: ignore[misc]
            here = {model: questions_of[name] for model, questions_of in held.items()}
            deals = list(replay.dealt(plan, here))
            drawn = int.from_bytes(sha256(f"run\0{key}".encode()).digest()[:8], "big")
            outcome = replay.play(plan, here, deals[drawn % len(deals)], keep_traces=False)
            trace = full[name].traces[drawn % len(full[name].traces)]
            said = Pair(
                key,
                dialogue(self.prompts[name]),
                self.criteria.get(name, ""),
                trace.answer or NO_ANSWER,
                outcome.answer or NO_ANSWER,
            )
            right = float(full[name].correct(trace.answer))
            found[key] = JudgedPair(said, 0.0 if said.alike else right - float(outcome.correct))
            asked[key] = Asked(self.prompts[name], said.full, said.plan)
        if self.verdicts.about.mode is Mode.PAIRWISE:
            if self.verdicts.missing(asked.values()):
                raise Unasked(list(asked.values()))
            self.heard(list(asked.values()))
            found = {
                key: JudgedPair(pair.pair, -(self.verdicts.score(asked[key]) or 0.0))
                for key, pair in found.items()
            }
        return {key: found[key] for key in order.keys}

    def _of(self, plan: Plan) -> Recording:
        wanted = [t.spec for t in plan.recorded]
        for recording in (self.main, *self.styles):
            if [dict(s) for s in recording.manifest.style] == wanted:
                return recording
        raise PlanError(f"No recording was made with the techniques of {plan.label}.")


def _members(order: Order) -> dict[str, list[str]]:
    """Returns the questions of every unit that counts."""
    found: dict[str, list[str]] = {}
    for question in order.questions:
        unit = order.units[question]
        if not unit.late:
            found.setdefault(unit.key, []).append(question)
    return found
