"""A passport says what the study found, the same in every format, and in formats that others can check."""

import json
from dataclasses import replace
from math import isfinite

import pytest

from karui.codec.values import decode, encode
from karui.core.errors import InputError
from karui.core.study import Interval
from karui.core.study.choice import Decision
from karui.core.study.judge import Judged, Judging
from karui.core.study.limits import Finding, Measure
from karui.core.study.limits import Promise as Limit
from karui.passport import cyclonedx, hugging_face, statement
from karui.passport.contract import sheet
from karui.passport.document import Passport, Voids
from karui.passport.issue import IssueOptions, discordant, issue
from karui.passport.model_files import file_sha256, root
from karui.passport.verify import Checked
from karui.passport.words import PassportWords
from karui.study.passports.issue import Writing, passport_of


def test_it_says_what_the_study_found(made):
    p, study = made.passport, made.study
    tested = next(t for t in study.choice.tested if t.plan == study.choice.plan)
    assert p.promise.verdict == "certified"
    assert (p.promise.loss, p.promise.bound, p.promise.margin) == (tested.loss, tested.high, 0.2)
    assert p.promise.accuracy == study.data.plan.measurement.accuracy
    assert p.plan.spec == study.choice.spec
    assert (p.issued, p.expires) == ("2026-12-01T09:00:00Z", "2027-03-01T09:00:00Z")
    assert p.voids == tuple(Voids)
    assert p.consumption.joules == {"rapl": 0.5 * p.consumption.tokens.value}
    assert p.evidence["study.json"] == file_sha256(made.folder / "study.json")
    assert p.model.files["model.safetensors"] == file_sha256(made.model / "model.safetensors")


def test_questions_are_known_by_digest_and_kind_and_not_by_text(made):
    q = made.passport.questions
    assert len(q.texts) == 120 == sum(q.kinds.values())
    assert not q.shown
    shown = passport_of(made.study, Writing(show_questions=True))
    assert len(shown.questions.shown) == 120


def test_the_same_study_gives_the_same_passport_and_another_word_another(made):
    again = passport_of(made.study, Writing(issuer="A supplier", days=90, now=_issued(made)))
    assert again == made.passport
    assert passport_of(made.study, Writing(issuer="B", days=90, now=_issued(made))).id != made.passport.id


def _issued(made):
    from datetime import datetime

    return datetime.fromisoformat(made.passport.issued)


def test_it_is_written_and_read_without_loss(made):
    assert decode(Passport, json.loads(json.dumps(encode(made.passport)))) == made.passport


def test_it_holds_what_single_replies_lost_and_no_text(made):
    held, study = made.passport.promise.differences, made.study
    tested = next(t for t in study.choice.tested if t.plan == study.choice.plan)
    assert held == tested.differences
    assert sum(c.questions for c in held) == study.choice.units
    loss = sum((c.lost - c.won) / c.replies * c.questions for c in held) / study.choice.units
    assert loss == pytest.approx(tested.loss)


def test_a_passport_of_format_1_holds_none_and_is_read(made):
    old = encode(made.passport)
    old["format"] = 1
    del old["promise"]["differences"]
    told = {**statement.of_passport(made.passport), "predicate": old}
    read = statement.passport_of(json.dumps(told).encode())
    assert read.promise.differences == ()
    assert read.promise.bound == made.passport.promise.bound
    later = {**told, "predicate": {**old, "format": 3}}
    with pytest.raises(InputError, match="later version"):
        statement.passport_of(json.dumps(later).encode())


def test_a_study_with_nothing_to_promise_gets_none(made):
    study = made.study.data
    failing = replace(study, choice=replace(study.choice, decision=Decision.FIX))
    with pytest.raises(InputError, match="nothing to promise"):
        issue(failing, IssueOptions())
    with pytest.raises(InputError, match="--days"):
        issue(study, IssueOptions(days=0))


def test_another_model_than_that_of_the_study_is_refused(made, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="not the model of the study"):
        passport_of(made.study, Writing(model=str(tmp_path)))


def test_without_a_chosen_plan_it_promises_full_thinking(made):
    study = made.study.data
    none = replace(study.choice, spec=[], decision=Decision.NOTHING)
    p = issue(replace(study, choice=none), IssueOptions(evidence={"study.json": "0" * 64}))
    assert (p.promise.verdict, p.promise.loss, p.plan.label) == ("baseline", 0.0, "full thinking")
    assert p.promise.accuracy == p.promise.baseline


def test_limits_that_are_kept_are_promised_and_others_are_not(made):
    study = made.study.data
    limits = [
        Limit(Measure.FIRST_ANSWER, 3.0, Finding.KEPT, 2.0, 2.5, 90, 0.05),
        Limit(Measure.COST, 1.0, Finding.NOT_SHOWN, 0.9, 1.2, 90, 0.05, currency="EUR"),
    ]
    tested = [replace(t, promises=tuple(limits)) for t in study.choice.tested]
    p = issue(replace(study, choice=replace(study.choice, tested=tuple(tested))), IssueOptions())
    assert p.promise.limits == (limits[0],)
    assert any(m["type"] == "first_answer, promised limit" for m in cyclonedx.metrics(p))
    assert "within 3.0 s" in dict(sheet(p).sections[0].rows)["Limits on time and cost"]


def test_a_judge_is_named_wherever_the_promise_is(made):
    judging = Judging("pairwise", "a-judge", 2, "0" * 16, 200, 0, 400, 10_000, 500)
    study = made.study.data
    p = issue(replace(study, choice=replace(study.choice, judge=Judged(judging))), IssueOptions())
    checked = Checked(p, ())
    assert decode(Passport, json.loads(json.dumps(encode(p)))) == p
    told = [*PassportWords("en").checked(checked), hugging_face.section(p), json.dumps(cyclonedx.bom(p))]
    told.append(dict(sheet(p).sections[0].rows)["Answers judged by"])
    assert all("a-judge" in text for text in told[1:])


def test_full_thinking_alone_is_no_test_that_passed(made):
    p = replace(made.passport, promise=replace(made.passport.promise, verdict="baseline"))
    assert statement.of_test_result(p)["predicate"]["result"] == "WARNED"


def test_how_often_single_replies_differ_follows_from_the_spread():
    # differences of ±1 on a tenth of 400 questions: a spread of 0.3 around 0
    half = 1.966 * 0.1**0.5 / 20
    assert discordant(Interval(0.0, -half, half, 0.95, "t", 400), 1) == pytest.approx(0.1, rel=0.01)


# --- formats of others -----------------------------------------------------------------------------------


def test_the_bom_is_valid_by_cyclonedx_own_schema(made):
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    text = json.dumps(cyclonedx.bom(made.passport))
    assert validation.JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None
    broken = text.replace('"machine-learning-model"', '"machine-learning"')
    assert validation.JsonStrictValidator(SchemaVersion.V1_7).validate_str(broken) is not None


def test_the_bom_has_every_figure_with_its_interval(made):
    p = made.passport
    metrics = cyclonedx.bom(p)["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]
    found = {(m["type"], m.get("slice", "")): m for m in metrics["performanceMetrics"]}
    accuracy = found["accuracy", ""]
    assert float(accuracy["value"]) == pytest.approx(p.promise.accuracy.value, rel=1e-5)
    assert float(accuracy["confidenceInterval"]["lowerBound"]) == pytest.approx(
        p.promise.accuracy.low, rel=1e-5
    )
    assert {kind for name, kind in found if name == "accuracy" and kind} == set(p.promise.kinds)
    assert float(found["joules per question, estimated (rapl)", ""]["value"]) > 0
    assert all(isfinite(float(m["value"])) for m in found.values())


@pytest.mark.parametrize(
    "made_of", [statement.of_passport, statement.of_test_result, statement.of_verification]
)
def test_statements_are_valid_by_in_totos_own_library(made, made_of):
    pytest.importorskip("in_toto_attestation")
    from google.protobuf import json_format
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    read = json_format.ParseDict(made_of(made.passport), Message())
    Statement.copy_from_pb(read).validate()
    assert read.subject[0].digest["sha256"] == root(made.passport.model.files)


def test_the_test_result_is_valid_by_in_totos_own_message(made):
    pytest.importorskip("in_toto_attestation")
    from google.protobuf import json_format
    from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor

    read = json_format.ParseDict(statement.of_test_result(made.passport)["predicate"], TestResult())
    assert read.result == "PASSED"
    assert list(read.passed_tests) == ["KARUI_ACCURACY_LOSS_BELOW_20_POINTS_AT_95_PERCENT"]
    for descriptor in read.configuration:
        ResourceDescriptor.copy_from_pb(descriptor).validate()


def test_a_plan_that_is_no_more_than_promising_verifies_nothing(made):
    p = replace(made.passport, promise=replace(made.passport.promise, verdict="promising"))
    assert statement.of_test_result(p)["predicate"]["result"] == "WARNED"
    assert statement.of_verification(p)["predicate"]["properties"] == []


def test_the_verification_has_the_fields_of_svr(made):
    predicate = statement.of_verification(made.passport)["predicate"]
    assert set(predicate) == {"verifier", "timeCreated", "properties"}
    assert ":" in predicate["verifier"]["id"]


def test_the_model_card_is_read_by_the_hubs_own_library(made):
    hub = pytest.importorskip("huggingface_hub")

    card = hub.ModelCard(hugging_face.model_card(made.passport))
    [result] = card.data.eval_results
    assert result.metric_value == pytest.approx(made.passport.promise.accuracy.value, abs=1e-6)
    assert made.passport.plan.label in card.text
    assert made.passport.id in card.text


def test_eval_results_are_read_by_the_hubs_own_library(made):
    hub = pytest.importorskip("huggingface_hub")
    import yaml

    text = hugging_face.eval_results(made.passport, hugging_face.Benchmark.parse("openai/gsm8k:main"))
    [entry] = hub.parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id) == ("openai/gsm8k", "main")
    assert entry.value == pytest.approx(100 * made.passport.promise.accuracy.value, abs=1e-3)
    assert made.passport.id in entry.notes


@pytest.mark.parametrize("given", ["gsm8k", "openai/gsm8k", "a/b/c:d", "openai/gsm8k:"])
def test_a_benchmark_that_cannot_be_read_is_refused(given):
    with pytest.raises(InputError, match="--hub-benchmark"):
        hugging_face.Benchmark.parse(given)
