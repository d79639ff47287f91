"""No reader and no verifier runs on the event loop: whatever a model says, the others go on meanwhile.

That reading is fast as well, whatever the text, `tests/tasks/test_linear.py` holds for every verifier.
"""

import asyncio
import threading

import pytest

from karui.core.question import Question
from karui.tasks import verifier
from karui.tasks.verifiers.numeric import Numeric
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, opened, until


@pytest.fixture
def threads(monkeypatch):
    """The threads on which answers are read and judged, by what did it."""
    seen = {"read": set(), "verify": set()}
    for name, kept in seen.items():
        original = getattr(Numeric, name)

        def watched(self, *texts, original=original, kept=kept):
            kept.add(threading.get_ident())
            return original(self, *texts)

        monkeypatch.setattr(Numeric, name, watched)
    return seen


async def _ident():
    return threading.get_ident()


@pytest.mark.parametrize("stage", ["100", "shadow"])
def test_answers_are_read_on_threads_under_the_plan_in_shadow_by_canaries_and_explained(
    threads, tmp_path, stage
):
    # So many canaries as come at once here would leave no place for shadow runs.
    canaries = [Question("c1", QUESTION, "7", verifier("numeric"))] if stage == "100" else []
    kept = {"keep_hours": 1.0, "keep": str(tmp_path / "kept.sqlite3")}
    with serving() as fake, opened(fake, stage=stage, questions=canaries, **kept) as house:
        _, headers = house.ask()
        house.stream()
        if canaries:
            until(lambda: any(r.canary and r.correct is not None for r in house.records))
        else:
            until(lambda: any(r.shadow and r.agrees is not None for r in house.records))
        name = headers["x-karui-request-id"]
        until(lambda: house.gateway.stores.conversations.get(name) is not None)
        assert house.http.post(f"/explain/{name}").status_code == 200
        loop = asyncio.run_coroutine_threadsafe(_ident(), house.loops[0]).result(10)
    assert threads["read"]
    assert bool(threads["verify"]) == bool(canaries)
    assert loop not in threads["read"] | threads["verify"]
