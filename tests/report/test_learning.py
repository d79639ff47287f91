"""The section on trainings: curves, what they took, who was judged on what, and when it is earned back."""

import json
import re
from dataclasses import replace

import pytest

from karui.core.study import Assumptions, Made, ModelVersion, QuestionParts
from karui.core.study.learning import Training
from karui.i18n.formats import Format
from karui.i18n.report import LANGUAGES, TABLE
from karui.measure.savings import Usage, save_per_machine, save_per_token
from karui.report import write
from karui.report.context import Context
from karui.report.sections.learning import making_hours, taught
from karui.report.sections.learning_curve_chart import panels


def point(step, **values):
    figures = {k: v for k, v in values.items() if k not in {"loss", "held_back"}}
    rest = {"seconds": 2.0 * step, "learning_rate": 0.001, "loss": None, "held_back": None}
    return {"step": step, **rest, **{k: values[k] for k in values if k not in figures}, "figures": figures}


SUPERVISED = [
    point(0, held_back=0.31, held_accuracy=0.9375, held_tokens=289.0, held_truncated=0.0),
    point(32, loss=0.4),
    point(64, loss=0.3, held_back=0.22, held_accuracy=0.875, held_tokens=121.0, held_truncated=0.0),
]
REINFORCED = [
    point(0, held_accuracy=0.95, held_tokens=280.0, held_truncated=0.02, held_score=-280.0),
    point(20, loss=0.01, reward=0.7, accuracy=0.9, tokens=200.0, truncated=0.1),
    point(
        40,
        loss=0.01,
        reward=0.8,
        held_accuracy=0.93,
        held_tokens=150.0,
        held_truncated=0.0,
        held_score=-150.0,
    ),
    point(
        60, loss=0.01, reward=0.9, held_accuracy=0.55, held_tokens=40.0, held_truncated=0.0, held_score=-40.0
    ),
]


def version(study, label, key, points, ended="steps", seconds=90.0, **notes):
    curve = {"points": points, "learned": 118, "held": 16, "ended_by": ended, "resumed": 0}
    made = Made(seconds, key, "", 2.5, 2e9, "cpu", "m", {"curve": curve, **notes})
    first = study.plans[0]
    return ModelVersion("karui-mini", label, None, made, first.measurement, first.comparison)


@pytest.fixture
def learned(study):
    """Two trainings, the first used by two versions, and a version that was not trained."""
    kept = {"step": 40, "held_accuracy": 0.93, "held_tokens": 150.0}
    merged = version(study, "merge(short=x)", "m", [], seconds=30.0)
    merged = replace(merged, made=replace(merged.made, notes={"distance": 0.1}))
    models = (
        ModelVersion("karui-mini", "", measurement=study.baseline),
        version(study, "token-skip(lora=16) + skip-ratio(ratio=0.5)", "t", SUPERVISED, "minutes"),
        version(study, "token-skip(lora=16) + skip-ratio(ratio=0.7)", "t", SUPERVISED, "minutes"),
        version(
            study, "reinforce-shorter(lora=0)", "r", REINFORCED, "accuracy", 240.0, kept=kept, margin=0.05
        ),
        merged,
    )
    return replace(study, models=models, parts=QuestionParts(120, 50, 150, 80))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_training_is_drawn_once_with_what_it_took(learned, tmp_path, lang):
    html, md, as_json = write(learned, tmp_path, lang)
    page, text = html.read_text(encoding="utf-8"), md.read_text(encoding="utf-8")
    assert page.count("<figure") == len(taught(learned)) == 2
    assert page.count('class="curve"') == 4 + 4  # accuracy, tokens, truncated, and loss or reward
    for said in (page, text):
        assert "94% → 88%" in said
        assert "289 → 121" in said
        # Not where the collapse ended, but the weights that were kept.
        assert "95% → 93%" in said
        assert "280 → 150" in said
        for key in ("learning", "ended_minutes", "ended_accuracy"):
            assert TABLE[key][LANGUAGES.index(lang)] in said
        assert all(n in said for n in ("120", "50", "150", "80"))
    assert json.loads(as_json.read_text(encoding="utf-8"))["parts"]["train"] == 120


def test_a_curve_shows_the_step_that_was_kept_and_the_limit(learned, tmp_path):
    page = write(learned, tmp_path, "en", ["html"])[0].read_text(encoding="utf-8")
    first, second = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert 'class="kept"' not in first
    assert second.count('class="kept"') == 4
    assert second.count('class="least"') == 1
    assert "The weights of step 40 were kept." in second


def trained(points):
    found = Training.of({"curve": {"points": points, "learned": 1, "ended_by": "steps"}})
    assert found is not None
    return found.points


def test_what_was_watched_becomes_pictures():
    names = [p.name for p in panels(trained(SUPERVISED))]
    assert names == ["curve_accuracy", "curve_tokens", "curve_truncated", "curve_loss"]
    names = [p.name for p in panels(trained(REINFORCED))]
    assert names == ["curve_accuracy", "curve_tokens", "curve_truncated", "curve_reward"]
    bare = [point(0, held_back=1.0), point(8, loss=0.5, held_back=0.7)]
    (loss,) = panels(trained(bare))
    assert (loss.ends, loss.learned) == ((1.0, 0.7), ((8, 0.5),))


def test_a_training_whose_answers_were_not_watched_says_why(learned, tmp_path):
    bare = [point(0, held_back=1.0), point(8, loss=0.5, held_back=0.7)]
    study = replace(
        learned, models=(*learned.models[:1], version(learned, "x", "x", bare, unwatched="No task."))
    )
    page = write(study, tmp_path, "en", ["html"])[0].read_text(encoding="utf-8")
    assert "Accuracy was not watched: No task." in page


def test_a_study_without_training_has_no_such_section(study, tmp_path):
    html, md, _ = write(study, tmp_path, "en")
    assert TABLE["learning"][0] not in html.read_text(encoding="utf-8")
    assert TABLE["learning"][0] not in md.read_text(encoding="utf-8")


def test_making_counts_every_version_once_and_only_for_plans_that_need_it(learned):
    hours = pytest.approx((90 + 240 + 30) / 3600)
    assert making_hours(learned, "reinforce-shorter(lora=0)") == hours
    assert making_hours(learned, "reinforce-shorter(lora=0) + token-cap(tokens=5)") == hours
    assert making_hours(learned, "token-cap(tokens=5)") is None
    assert making_hours(learned, "reinforce-shorter(lora=0)x") is None


def test_making_is_earned_back_after_its_cost_over_the_saving_of_a_question():
    # 1,000 tokens at 2 a million become 400 to 500: a question saves 0.001 to 0.0012.
    usage = Usage(0.0, 0.0, 1000.0, (0.4, 0.5), 1.0)
    prices = {"price_prompt": 1.0, "price_cached": 1.0, "price_output": 2.0}
    given = {**prices, "questions_per_month": 6000.0, "machine_price_per_hour": 3.0}
    assumed = Assumptions.of({**given, "making_hours": 2.0, "one_off": 6.0})
    assert assumed.making == 6.0
    found = save_per_token(usage, assumed)
    questions = [m * 6000.0 for m in found.payback_months]
    assert questions == pytest.approx([12 / 0.0012, 12 / 0.001])
    assert found.first_year == pytest.approx((12 * 6 - 12, 12 * 7.2 - 12))
    said = Format("en").earned_back(*found.payback_months, 6000.0)
    assert said == "10,000 to 12,000 questions (50.7 to 60.8 days)"
    assert Format("ja").earned_back(*found.payback_months, 6000.0) == "10,000〜12,000問（50.7〜60.8日）"
    assert Format("en").earned_back(0.5, None, 6000.0) == "at least 3,000 questions (15.2 days)"
    assert Format("en").earned_back(None, None, 6000.0) == "never"
    # Machines: 10 questions a second want one machine each today, half of them with the plan.
    there = {"machine_tokens_per_second": 1000.0, "peak_questions_per_second": 10.0, "making_hours": 2.0}
    machine = save_per_machine(usage, Assumptions.of({**given, **there}))
    low, high = machine.monthly
    assert machine.payback_months == pytest.approx((6.0 / high, 6.0 / low))


def test_what_making_cost_is_in_the_savings(learned, tmp_path):
    study = replace(learned, assumptions=replace(learned.assumptions, making_hours=0.1))
    html, md, as_json = write(study, tmp_path, "en")
    assert 'id="a-making_hours"' in html.read_text(encoding="utf-8")
    assert TABLE["earned_back"][0] in md.read_text(encoding="utf-8")
    saved = json.loads(as_json.read_text(encoding="utf-8"))["derived"]["savings"]["per_token"]
    without = Context.of(learned, "en")
    before = save_per_token(without.usage, without.assumed)
    cost = 0.1 * study.assumptions.machine_price_per_hour
    assert saved["first_year"] == pytest.approx([v - cost for v in before.first_year])
