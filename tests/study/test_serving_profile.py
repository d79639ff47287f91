"""What to expect of a chosen plan, written beside the choice."""

from dataclasses import replace
from pathlib import Path

import pytest

from karui import catalog
from karui.core.recording import Recording
from karui.core.study.choice import Choice, Confirmation, Rule
from karui.selection.groups import Sources
from karui.serving_profile import FILE, ServingProfile
from karui.study.serving_profile import expected
from karui.study.workspace import shipped


@pytest.fixture(scope="module")
def pilot() -> Recording:
    return shipped("pilot").of_kinds(["equations"])


def choice(text: str) -> Choice:
    plan = catalog.parse(text)
    head = ({"name": "karui-mini"}, "mini", "0", False, Rule(margin=0.05), plan.spec, plan.id, plan.label)
    return Choice(*head, "adopt", "certified", 200, 50, 2.0, 150, (), (), 100)


def test_it_is_what_the_recording_says(pilot: Recording) -> None:
    found = expected(choice("trial-confidence:threshold=0.9"), Sources(pilot))
    assert found is not None
    questions = pilot.questions
    assert len(found.thinking) == len(found.confidence) == len(found.agreement) == len(questions)
    longest = max(t.thinking_tokens for t in pilot.traces())
    assert 0 < sum(found.thinking) / len(questions) < 0.8 * found.full_tokens < longest
    assert 0.8 <= found.same <= 1
    assert found.margin == 0.05
    terms = found.terms
    # The recording is older than the manifest's field: the task was looked up, and asks the same.
    assert (terms.verifier, terms.instruction) == ("exact", "")
    assert terms.sampling == pilot.manifest.sampling
    assert terms.footings["main"].suffix == pilot.manifest.suffix


def test_full_thinking_and_what_was_withdrawn_have_none(pilot: Recording, tmp_path: Path) -> None:
    assert expected(replace(choice("token-cap:tokens=9"), spec=[]), Sources(pilot)) is None
    lost = Confirmation(9, 0.2, 0.1, 0.3, 0.5, 0.5, 0.7, withdrawn=True)
    assert expected(replace(choice("token-cap:tokens=9"), confirmation=lost), Sources(pilot)) is None


def test_a_plan_of_several_traces(pilot: Recording) -> None:
    found = expected(choice("self-consistency:k=4"), Sources(pilot))
    assert found is not None
    assert set(found.agreement) == {None}
    assert all(c is not None for c in found.confidence)


def test_it_comes_back_as_it_was(pilot: Recording, tmp_path: Path) -> None:
    found = expected(choice("token-budget:tokens=100"), Sources(pilot))
    assert found is not None
    found.save(tmp_path / FILE)
    assert ServingProfile.load(tmp_path / FILE) == found
