from dataclasses import dataclass, field
from itertools import count, product
from typing import ClassVar

import pytest

from karui import catalog
from karui.core.ability import Ability
from karui.core.errors import PlanError
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob
from karui.core.trace import Reply
from karui.core.watcher import Action
from karui.testing import plans
from karui.testing.conformance import check, check_plan

SCORER = "def score(question, answer):\n    return len(answer) + sum(map(ord, answer)) % 7\n"
VOTES = (
    "self-consistency:k=5",
    "adaptive-consistency:k=9,batch=2",
    "windowed-stop:k=9,window=3",
    "first-of:k=6,m=2",
    "confidence-vote:k=6,keep=0.5",
    "confidence-filter:k=9,warm=3,keep=0.5",
    "best-of-n:k=6,warm=2",
    "parallel-probe:k=8,stable=2,patience=2,warm=1,every=32",
    "length-vote:k=9,budget=900,scale=100,batch=2",
    "confidence-momentum:beta=0.1,k=8,every=32",
)
EXITS = (
    "token-budget:tokens=120",
    "token-cap:tokens=200",
    "trial-confidence:gate=0.8,every=2",
    "trial-confidence:turns=true,threshold=0.8",
    "trial-stability:k=2",
    "trial-stability:k=2,peek=true",
    "exit-entropy:delta=0.1,least=2",
    "random-exit:chance=0.2",
    "loop-exit",
    "give-up:floor=0.9,after=100",
)


# These have a parameter to give: see below, and tests/shorter/test_merge.py
@pytest.mark.parametrize(
    "name", sorted({*catalog.names()} - {"best-of-scored", "draft-model", "merge", "route"})
)
def test_technique(name):
    check(catalog.technique(name))


def test_technique_with_a_parameter_to_give(tmp_path):
    (tmp_path / "own.py").write_text(SCORER)
    kind = catalog.technique("best-of-scored")
    check(kind, *(kind(scorer=f"{tmp_path}/own.py:score", k=k) for k in (1, 8)))
    kind = catalog.technique("draft-model")
    check(kind, kind(model="small"), kind(model="small", tokens=2, rows=1))


@pytest.mark.parametrize(("vote", "early"), list(product(VOTES, EXITS)))
def test_votes_and_exits_compose(vote, early):
    check_plan(catalog.parse(f"{vote} + {early}"))


@pytest.mark.parametrize(("first", "second"), list(product(EXITS[:4], EXITS[4:])))
def test_exits_stack_in_both_orders(first, second):
    check_plan(catalog.parse(f"{first} + {second}"))
    check_plan(catalog.parse(f"{second} + {first}"))


@pytest.mark.parametrize("prompt", ["concise-cot", "no-thinking", "reflection-suppression + chain-of-draft"])
def test_prompts_go_under_everything(prompt):
    check_plan(catalog.parse(f"{prompt} + self-consistency:k=4 + token-budget:tokens=150"))


def test_two_votes_are_refused():
    for one, other in product(VOTES, VOTES):
        with pytest.raises(PlanError, match="vote"):
            catalog.parse(f"{one} + {other}")


# What the suite has to catch. Each of these is wrong in one way; `sound` shows that it is only that way.


@dataclass(frozen=True)
class Sound(Technique):
    """Stops at 100 tokens.

    Trades away the rest. Not for use. arXiv 2501.19393.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})
    tokens: int = knob(100, low=50, high=200, help="When.")

    def watch(self, ask):
        return Stops(self.tokens)

    @classmethod
    def name(cls):
        return "test-conformance"


class Stops:
    def __init__(self, tokens):
        self.tokens = tokens

    def see(self, checkpoint):
        return Action.GO if checkpoint.final or checkpoint.tokens < self.tokens else Action.ANSWER


def test_the_suite_passes_what_is_sound():
    check(Sound)


def variant(**members):
    """A subclass of `Sound` that differs in these members."""
    doc = members.pop("__doc__", Sound.__doc__)
    return dataclass(frozen=True)(
        type("Variant", (Sound,), {"__doc__": doc, "__annotations__": {}, **members})
    )


COMMON = Stops(100)
TURN = count()


class Remembers:
    """Counts checkpoints of all traces together."""

    seen = 0

    def see(self, checkpoint):
        Remembers.seen += 1
        return Action.ANSWER if Remembers.seen % 7 == 0 and not checkpoint.final else Action.GO


class Insists:
    def see(self, checkpoint):
        return Action.GO if checkpoint.final else Action.TRIAL


def endless(self, ask):
    while True:
        yield ask


def moody(self, ask):
    replies = yield Gather((ask,) * (2 + next(TURN) % 2))
    return replies[0]


def invents(self, ask):
    yield ask
    return Reply("42")


def rewords(self, ask):
    reply = yield Request(ask.question, type(ask.prompt)(user="Something else"), ask.sampling)
    return reply


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"__doc__": "No full stop"}, "sentence"),
        ({"__doc__": "Stops."}, "trades away"),
        ({"__doc__": "Stops.\n\nTrades away much. arXiv 2501.19393."}, "when not to use it"),
        ({"__doc__": "Stops.\n\nTrades away much. Not for use."}, "names no source"),
        ({"name": classmethod(lambda cls: "another-name")}, "calls itself 'another-name'"),
        ({"family": "faster"}, "no family"),
        ({"watch": lambda self, ask: COMMON}, "same watcher to two"),
        ({"watch": lambda self, ask: Remembers()}, "another trace runs beside it|replayed"),
        ({"flow": invents}, "how many `traces`"),
        ({"flow": endless, "traces": 3}, "more than the 3 traces"),
        ({"flow": moody, "traces": 3}, "ask differently|two runs differ"),
        ({"flow": invents, "traces": 1}, "answers '42', which no trace did"),
    ],
)
def test_the_suite_refuses(members, said):
    with pytest.raises(AssertionError, match=said):
        check(variant(**members))


def test_the_suite_refuses_watchers_that_never_decide():
    with pytest.raises(PlanError, match="asked twice"):
        check(variant(watch=lambda self, ask: Insists()))


def test_the_suite_refuses_knobs_that_say_nothing():
    for made, said in [
        (knob(3), "no help"),
        (knob(300, low=50, high=200, help="x"), "outside its range"),
        (knob(3, low=0, high=5, log=True, help="x"), "begins at 0"),
        (knob(3, choices=(1, 2), help="x"), "none of its choices"),
        (field(default=3), "no help"),
    ]:
        kind = dataclass(frozen=True)(
            type(
                "Variant",
                (Sound,),
                {"__doc__": Sound.__doc__, "__annotations__": {"size": int}, "size": made},
            )
        )
        with pytest.raises(AssertionError, match=said):
            check(kind)


def test_the_suite_refuses_a_thawed_class():
    @dataclass
    class Thawed(Technique):
        """Stops."""

        family: ClassVar[Family] = Family.FASTER

    with pytest.raises(AssertionError, match="not frozen"):
        check(Thawed)


def test_live_and_replay_are_really_compared(monkeypatch):
    """With one trial's token lost on the way, the comparison fails."""
    right = plans._run_live

    async def wrong(plan, recording):
        outcomes = await right(plan, recording)
        return [plans.replace(outcomes[0], time=outcomes[0].time + 1), *outcomes[1:]]

    monkeypatch.setattr(plans, "_run_live", wrong)
    with pytest.raises(AssertionError, match="live and replayed: time is"):
        check(Sound)
