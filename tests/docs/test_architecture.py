"""The walks of docs/architecture.md: the pictures follow the tables, and the tables what the code does.

A module counts where one of its functions takes the request as an argument or returns it; a package, where
one of its functions takes or returns the question, or what became of it.
"""

import json
import sys
import threading
from contextlib import contextmanager

import pytest

import karui
from karui.core.arrays.columns import TraceTable
from karui.core.outcome import Outcome, Outcomes
from karui.core.plan import Plan
from karui.core.question import Question, Task
from karui.core.recording import RecordedQuestion, Recording
from karui.core.request import Request
from karui.core.study.choice import Choice
from karui.core.study.study import Study
from karui.core.trace import Reply, Trace
from karui.faster.trial_stability import TrialStability
from karui.gateway.backends.backend import PlanRequest, RequestContext
from karui.gateway.openai_api.chat_request import ChatRequest
from karui.runners.replay import Replay
from karui.selection.evidence import Evidence
from scripts import walks
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened

THE_REQUEST = (ChatRequest, RequestContext, PlanRequest)
THE_QUESTION = (
    *(Question, Task, Request, Trace, TraceTable, Reply, RecordedQuestion, Recording, Outcome, Outcomes),
    *(Evidence, Choice, Study),
)


@contextmanager
def holders(kinds, below, depth):
    """Yields a list that fills with the modules below a package that are handed such an object, in order.

    Args:
        kinds: Classes of the object.
        below: Name of the package, with a dot at its end.
        depth: Parts of a module's name below the package that count; the others are left out.
    """
    order, watching = [], threading.Event()

    def called(frame, event, value):
        name = frame.f_globals.get("__name__", "")
        if event not in {"call", "return"} or not watching.is_set() or not name.startswith(below):
            return
        place = ".".join(name.removeprefix(below).split(".")[:depth])
        if place in order:
            return
        code = frame.f_code
        if code.co_name.startswith("__"):  # a class is made where its maker is, not where it is written
            return
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        held = [value] if event == "return" else [frame.f_locals.get(a) for a in arguments]
        if any(isinstance(each, kinds) for each in held):
            order.append(place)

    before = sys.getprofile()
    threading.setprofile(called)
    sys.setprofile(called)
    try:
        yield order, watching
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


@pytest.mark.parametrize("walk", walks.WALKS)
def test_the_pictures_are_drawn_from_the_tables(walk):
    assert walks.picture(walk).read_text(encoding="utf-8") == walks.drawn(walk)


def test_a_request_reaches_the_modules_of_its_walk_in_that_order():
    with (
        holders(THE_REQUEST, "karui.gateway.", 2) as (order, watching),
        serving() as fake,
        opened(fake) as house,
    ):
        watching.set()
        house.ask()
        house.ask()  # until it is answered, the first one's record is closed and told of
        watching.clear()
    assert order == [name for name, _ in walks.steps("request")]
    assert len(order) <= 9


def test_a_question_reaches_the_packages_of_its_walk_in_that_order(tmp_path):
    lines = [{"question": f"What is {a} and 4?", "answer": str(a + 4)} for a in range(2, 6)]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with holders(THE_QUESTION, "karui.", 1) as (order, watching), serving() as fake:
        watching.set()
        karui.poc(fake.url, questions, samples=1, max_tokens=300, confirm=False, out=tmp_path / "study")
        watching.clear()
        seen = list(order)
        # Plans are replayed in processes of their own, where nobody watches: one is replayed here, too.
        watching.set()
        replay = Replay({"main": karui.load_recording(tmp_path / "study" / "recording")})
        replay.outcomes(Plan((TrialStability(),)))
        watching.clear()
    assert (tmp_path / "study" / "report.html").exists()
    listed = [name for name, _ in walks.steps("question")]
    assert [name for name in listed if name in seen] == seen
    assert set(order) == set(listed)
    assert len(listed) <= 12
