"""Full thinking that is empty is noticed after the first few traces, and never recorded by the thousand."""

from dataclasses import replace

import pytest

from karui.core.errors import RecordingError
from karui.core.question import Question, Task
from karui.core.recording import Recording
from karui.core.trace import NO_SIGNALS
from karui.core.usage import UsageMeter
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.recording import store
from karui.recording.record import record
from karui.recording.thinking import FEW, without_thinking
from karui.testing.synthetic import synthetic

QUESTIONS, SAMPLES = 30, 2


class Same:
    """Compares texts."""

    spec = "same"

    def read(self, text):
        return text

    def verify(self, reference, answer):
        return reference == answer


def unthinking(which=lambda n: True, **manifest) -> Recording:
    """A script in which the questions named think nothing before they answer."""
    made = synthetic(QUESTIONS, SAMPLES, seed=5, tokens=60)
    questions = []
    for n, question in enumerate(made.questions):
        if which(n):
            traces = tuple(map(silent, question.traces))
            question = replace(question, traces=traces)  # noqa: PLW2901
        questions.append(question)
    return Recording(replace(made.manifest, **manifest), tuple(questions))


def silent(trace):
    tally = UsageMeter(trace.usage.prompt, 0, 3)
    bill = tally.finished(trace.answer_tokens)
    return replace(
        trace, thinking="", signals=NO_SIGNALS, checkpoints=(), thinking_tokens=0, usage=bill, time=tally.time
    )


def recorded(script, folder, **options):
    questions = tuple(Question(q.id, q.prompt.user, q.reference, Same(), q.kind) for q in script.questions)
    work = record(
        ScriptedEngine.of(script),
        Task("synthetic", questions),
        folder,
        sampling=script.manifest.sampling,
        samples=SAMPLES,
        at_once=4,
        **options,
    )
    return run_virtual(work)


def test_it_is_broken_off_after_the_first_few(tmp_path):
    with pytest.raises(RecordingError, match=f"{FEW} of {FEW} replies") as caught:
        recorded(unthinking(), tmp_path / "r")
    assert "--accept-no-thinking" in caught.value.remedy
    assert "karui probe" in caught.value.remedy
    there = len(list(store.load(tmp_path / "r").traces()))
    assert FEW <= there < FEW + 5  # no more than what ran beside them


def test_run_again_it_is_refused_before_anything_is_generated(tmp_path):
    for _ in range(2):
        with pytest.raises(RecordingError, match="Full thinking is empty"):
            recorded(unthinking(), tmp_path / "r")
        there = len(list(store.load(tmp_path / "r").traces()))
    assert there < FEW + 5


def test_accepted_it_goes_on_and_the_manifest_says_so(tmp_path):
    with pytest.raises(RecordingError):
        recorded(unthinking(), tmp_path / "r")
    made = recorded(unthinking(), tmp_path / "r", accept_no_thinking=True)
    assert len(list(made.traces())) == QUESTIONS * SAMPLES
    assert store.read_manifest(tmp_path / "r").no_thinking_accepted
    # Accepted once, it is not asked again.
    recorded(unthinking(), tmp_path / "r")


@pytest.mark.parametrize(
    "script",
    [
        unthinking(lambda n: n % 3 != 2),  # it thinks where it has to
        unthinking(lambda n: n >= FEW),  # and so does one whose later questions are easy
        unthinking(suffix="\n\nThe final answer is \\boxed{"),  # no markers: all that it writes is both
    ],
)
def test_models_that_think_now_and_then_or_without_markers_are_recorded(tmp_path, script):
    assert len(list(recorded(script, tmp_path / "r").traces())) == QUESTIONS * SAMPLES


def test_what_the_engine_found_out_decides_whether_there_are_markers():
    script = unthinking()
    traces = list(script.traces())
    for close, empty in (("", 0), ("</think>", len(traces))):
        manifest = replace(script.manifest, thinking={"close": close})
        assert without_thinking(manifest, traces) == empty


def test_hidden_thinking_counts_by_its_usage(tmp_path):
    made = synthetic(QUESTIONS, SAMPLES, seed=5, tokens=60, text=False)
    assert not any(t.thinking for t in made.traces())
    assert len(list(recorded(made, tmp_path / "r").traces())) == QUESTIONS * SAMPLES
