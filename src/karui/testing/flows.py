"""The part of the conformance suite that looks at flows: they end, and ask for no more than they said."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

from karui.core.flow.flow_tree import FlowTree, Generation
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.technique import Technique
from karui.core.trace import NO_SIGNALS, Reply
from karui.testing.material import request, small_recording


@dataclass(frozen=True)
class _Case:
    """What all the traces of one question answer."""

    name: str
    answer: Callable[[int], str | None]
    signals: bool = True


_CASES = (
    _Case("no trace has an answer", lambda _: None),
    _Case("all traces answer alike", lambda _: "7"),
    _Case("no two traces answer alike", str),
    _Case("every second trace has no answer", lambda n: "7" if n % 2 else None),
    _Case("nothing was measured", lambda n: str(n % 3), signals=False),
)


def check_flow(technique: Technique) -> None:
    """Checks that a flow ends, asks for no more than it said, is deterministic, and invents no answer."""
    if not technique.changes("flow"):
        return
    for case in _CASES:
        where = f"{technique}, when {case.name}"
        (reply, asked), (again, asked_again) = _flow(technique, case), _flow(technique, case)
        assert (reply.answer, reply.confidence) == (again.answer, again.confidence), (
            f"{where}: two runs differ."
        )
        assert asked == asked_again, f"{where}: two runs ask differently."
        assert asked, f"{where}: it asks for no trace."
        possible = {case.answer(n) for n in range(len(asked))} | {None}
        assert reply.answer in possible, f"{where}: it answers {reply.answer!r}, which no trace did."
        if reply.confidence is not None:
            assert 0 <= reply.confidence <= 1 + 1e-9, f"{where}: its confidence is {reply.confidence}."
        if case.name == "all traces answer alike":
            assert reply.answer == "7", f"{where}: it answers {reply.answer!r}."


def _flow(technique: Technique, case: _Case) -> tuple[Reply, list[tuple[str, Prompt]]]:
    script = small_recording().questions[0].traces
    solve = FlowTree([technique], request("q0"))
    said = Plan((technique,)).models
    asked: list[tuple[str, Prompt]] = []
    where = f"{technique}, when {case.name}"

    def begun(leaves: list[Generation]) -> list[Generation]:
        """Counts what is asked against what was said would be."""
        asked.extend((leaf.ask.model, leaf.ask.prompt) for leaf in leaves)
        for model, traces in Counter(model for model, _ in asked).items():
            assert model in said, f"{where}: it asks the model {model!r} and did not say so in `models`."
            assert traces <= said[model], (
                f"{where}: it asks for more than the {said[model]} traces it said of {model!r}."
            )
        return leaves

    waiting = begun(solve.start())
    number = count()
    while solve.reply is None:
        assert waiting, f"{where}: it waits for nothing."
        leaf = waiting.pop(0)
        n = next(number)
        signals = script[n % len(script)].signals if case.signals else NO_SIGNALS
        trace = replace(script[n % len(script)], answer=case.answer(n), signals=signals)
        starts, stops = solve.finish(leaf.id, trace.reply)
        gone = {leaf.id for leaf in stops}
        waiting = [leaf for leaf in waiting if leaf.id not in gone] + begun(starts)
    return solve.reply, asked
