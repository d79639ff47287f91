"""`karui poc --variants shorter-training`: trained on some questions, judged on others, and shown."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from karui import tasks
from karui.cli.main import app
from karui.core.errors import InputError, RecordingMismatch
from karui.core.question import Task
from karui.core.study import QuestionParts
from karui.recording.store import load, save
from karui.selection.evidence import split
from karui.study.data_split import LEAST_PILOT, LEAST_TRAINED, brought_along, ensure_parts, part
from karui.study.variants.default_trainings import (
    RATIOS,
    REINFORCED,
    TRAININGS,
    share,
    trained,
    training_names,
)
from karui.study.variants.plans import variant_plans
from karui.testing.synthetic import synthetic
from tests.helpers import learned_model as learned

KARUI = [str(Path(sys.executable).with_name("karui"))]


def plans(*names):
    return variant_plans(names)


def test_what_is_trained_without_being_named():
    assert training_names(10, "cpu") == training_names(10, "cuda") == list(TRAININGS)
    assert REINFORCED in training_names(60, "cuda")
    assert REINFORCED not in training_names(60, "cpu")
    assert REINFORCED in training_names(600, "cpu")
    merged = training_names(10, "cpu", "other/model")[len(TRAININGS) :]
    assert merged == [f"merge:short=other/model,ratio={ratio}" for ratio in RATIOS]
    assert [trained(p) for p in plans(*training_names(60, "cuda", "x"))] == [True] * 5 + [False] * 3


def test_minutes_are_shared_among_trainings():
    ratios = plans("token-skip + skip-ratio:ratio=0.5", "token-skip + skip-ratio:ratio=0.7")
    assert share(6.0, ratios) == 6.0  # one training serves both
    assert share(6.0, [*ratios, *plans("shortest-correct", "merge:short=x")]) == 3.0
    assert share(6.0, plans("merge:short=x", "prune-depth")) is None
    assert share(6.0, plans("prune-depth:heal=8", "distil-traces")) == 3.0


def test_no_question_is_for_two_things(tmp_path):
    main = synthetic(80, 1)
    parts = part(main, None, 20)
    train = {q.id for q in parts.trained.questions}
    pilot, test = ({q.id for q in r.questions} for r in split(parts.judged))
    assert train | pilot | test == {q.id for q in main.questions}
    assert len(train) + len(pilot) + len(test) == 80
    assert parts.counts == QuestionParts(len(train), len(pilot), len(test), confirm=20)
    assert 20 <= len(train) <= 40  # 30 are expected; the text of each question decides
    told = f"{len(train)} to train on, {len(pilot)} pilot, {len(test)} test, 20 to confirm live"
    assert told in str(parts)
    grown = part(synthetic(120, 1), None, 0)
    assert {q.id for q in grown.trained.questions} & {q.id for q in main.questions} == train


@pytest.mark.parametrize("brought", [False, True])
def test_too_few_questions_are_refused_with_how_many_would_do(brought, tmp_path):
    with pytest.raises(InputError, match="25 questions are too few") as refused:
        ensure_parts(20, 5, brought=brought)
    least = int(refused.value.what.rpartition("about ")[2].split()[0])
    assert "--train-on" in refused.value.remedy
    assert least > 25
    ensure_parts(round(least * 0.8), round(least * 0.2), brought=brought)
    lessons = synthetic(LEAST_TRAINED, 1) if brought else None
    parts = part(synthetic(round(least * 0.8), 1), lessons, 0)
    # The text of each question decides where it falls, so chance takes a few; expected are as many.
    assert parts.pilot >= LEAST_PILOT / 2
    assert len(parts.trained.questions) >= LEAST_TRAINED / 2


def test_what_is_judged_by_is_not_brought_along_to_train_on(tmp_path):
    recording = synthetic(12, 1)
    save(recording, tmp_path / "recorded")
    first = recording.questions[0]
    asked = replace(tasks.load("mini:pilot", limit=1).questions[0], text=first.prompt.user)
    with pytest.raises(RecordingMismatch, match=f"1 questions of .* are among those .*{first.id}"):
        brought_along(tmp_path / "recorded", [Task("t", (asked,), "")])
    found = brought_along(tmp_path / "recorded", [Task("t", (replace(asked, text="Another?"),), "")])
    assert len(found.questions) == 12


def karui(place, *words):
    return subprocess.run([*KARUI, *map(str, words)], cwd=place, capture_output=True, text=True, check=False)


def test_too_few_questions_cost_no_token(tmp_path):
    (tmp_path / "few.jsonl").write_text(json.dumps({"question": "1?", "answer": "1"}) + "\n")
    done = karui(
        tmp_path, "poc", "--questions", "few.jsonl", "--variants", "shorter-training", "--out", "poc"
    )
    assert done.returncode == 2
    assert "too few to train and to judge" in done.stderr
    assert not (tmp_path / "poc").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--train-on", "runs/x"), "no variant is trained"),
        (("--sibling", "x"), 'Name them where you name variants: --variant "merge:short=x'),
        (
            ("--variants", "shorter-training", "--sibling", "x", "--variant", "plain-sft"),
            "--sibling adds merges",
        ),
        (("--variants", "shorter"), "Did you mean 'shorter-training'?"),
    ],
)
def test_what_would_be_passed_over_is_refused(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["poc", "--questions", "mini:test", "--limit", "80", *words])
    assert done.exit_code == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_training_goes_all_the_way_to_the_report(tmp_path):
    learned.save(tmp_path)
    words = ["--model", "model", "--questions", "questions.jsonl", "--samples", "2", "--max-tokens", "150"]
    words += ["--device", "cpu", "--dtype", "float32", "--threads", "1", "--accept-truncation"]
    words += ["--variants", "shorter-training", "--train-minutes", "0.2", "--out", "poc"]
    done = karui(tmp_path, "poc", *words)
    assert done.returncode == 0, done.stderr
    assert "24 to train on, 10 pilot, 30 test, 16 to confirm live" in done.stderr
    assert "No objective was given" not in done.stderr  # a token of each version costs the same
    study = json.loads((tmp_path / "poc" / "study.json").read_text())
    assert study["parts"] == {"train": 24, "pilot": 10, "test": 30, "confirm": 16, "brought": False}
    _, *versions = study["models"]
    assert [v["label"].partition("(")[0] for v in versions] == [n.partition(":")[0] for n in TRAININGS]
    for version in versions:
        assert version["refused"] == "", version
        assert version["made"]["minutes"] == pytest.approx(0.2 / 4)
        first, *_, last = version["made"]["notes"]["curve"]["points"]
        assert (first["step"], "unwatched" in version["made"]["notes"]) == (0, False)
        for point in (first, last):  # answers to a question held back, drawn four times
            assert 4 * point["figures"]["held_accuracy"] in range(5)
            assert point["figures"]["held_tokens"] > 1
    # Each was asked the eight first pilot questions, and the better half two more.
    raced = study["screening"]
    assert sorted(s["questions"] for s in raced["standings"]) == [8, 8, 10, 10]
    kept = {s["name"] for s in raced["standings"] if s["kept"]}
    assert {v["label"] for v in versions if v["measurement"]} == kept
    # What was recorded of the versions is not what they learned from.
    whole = {q.id for q in load(tmp_path / "poc" / "recording").questions}
    judged = part(load(tmp_path / "poc" / "recording"), None, 16).judged
    assert len(whole) == 64
    for number in range(1, len(kept) + 1):
        found = load(tmp_path / "poc" / f"version-{number}")
        assert {q.id for q in found.questions} == {q.id for q in judged.questions}
    page = (tmp_path / "poc" / "report.html").read_text()
    assert all(v["label"] in page for v in versions)
    assert page.count("<figure") == 4


def test_the_weights_of_a_plan_are_those_of_its_longest_version():
    from types import SimpleNamespace

    from karui.core.study import Screening
    from karui.study.variants.search import Variant, VariantSearch

    names = ("shortest-correct", "int8-weights", "shortest-correct + int8-weights", "prune-depth")
    made = [SimpleNamespace(folder=Path(name)) for name in names[:-1]]
    pairs = zip(plans(*names), [*made, None], strict=True)
    lighter = VariantSearch("m", None, tuple(Variant(p, a) for p, a in pairs), Screening((), 0), {})
    whole = lighter.versions[2].plan.label
    assert whole.startswith("shortest-correct")
    assert lighter.weights(whole) == lighter.weights(f"{whole} + token-cap(tokens=9)") == Path(names[2])
    assert lighter.weights(lighter.versions[0].plan.label) == Path(names[0])
    assert lighter.weights("full thinking") is lighter.weights(lighter.versions[3].plan.label) is None


def test_the_best_of_each_kind_go_together():
    from karui.study.variants.plans import weighs
    from karui.study.variants.search import Variant, _both

    skip, cut, int8, gguf = map(
        Variant,
        plans("token-skip + skip-ratio:ratio=0.5", "cut-to-convergence", "int8-weights", "gguf:type=q8_0"),
    )
    assert [weighs(v.plan) for v in (skip, cut, int8, gguf)] == [False, False, True, True]
    both = _both([int8, gguf, skip, cut])
    assert both.label == f"{skip.plan.label} + {int8.plan.label}"
    assert [t.name() for t in both.prepared] == ["token-skip", "int8-weights"]
    assert weighs(both)
    assert both.recorded == both.techniques  # it is recorded as a whole, as any version is
    assert _both([int8, gguf]) is _both([skip]) is None
