"""Health: its colour, and what it says, by the state of the gateway."""

import json
import re
from dataclasses import replace
from string import Formatter

import pytest

from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.monitor import text
from karui.gateway.monitor.costs import Costs
from karui.gateway.monitor.health import health
from karui.gateway.monitor.page import figures, page
from karui.gateway.monitor.view import View, short
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, Event, EventKind, Via
from karui.gateway.records.record import FallbackReason
from karui.gateway.records.request_store import RequestStore
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.drift_tests import DriftTest
from karui.gateway.rollout.guard_status import Phase
from karui.gateway.rollout.stages import needs_in_words
from karui.gateway.routing.fallback_policy import FALLBACKS, Action
from karui.gateway.status import Price
from karui.i18n.monitor import LANGUAGES, MonitorTranslator, en, ja, language
from tests.helpers.gateway_records import guard, now, served


def totals(records=(), at=2000.0):
    history = RequestStore(None, clock=lambda: at)
    for record in records:
        history.see(record)
    return history.totals(0.0)


WELL = totals([served(n) for n in range(100)])
DRIFT = Because.of(Cause.TEST, test="thinking")
TRIPPED = guard(Phase.TRIPPED, DRIFT, evidence=812.0, probe_at=2300.0)
GONE = Because.of(Cause.MODEL_GONE, model="m")
CASES = [
    ("green", "ready", now(), totals()),
    ("green", "well", now(stage=Stage.ALL), WELL),
    ("green", "partly", now(stage=Stage.FIVE), WELL),
    ("green", "shadow", now(stage=Stage.SHADOW), WELL),
    ("red", "stale", now(stale=GONE, guard=TRIPPED), WELL),
    ("red", "tripped", now(guard=TRIPPED, breaker=Circuit.OPEN), WELL),
    ("red", "breaker", now(breaker=Circuit.OPEN, breaker_why="refused"), WELL),
    ("red", "breaker", now(breaker=Circuit.OPEN, fallback="http://other"), WELL),
    ("red", "failing", now(), totals([served(n, status=502 if n % 10 == 0 else 200) for n in range(100)])),
    ("yellow", "degraded", now(degraded=(Because.stated("the disk is full."),)), WELL),
    (
        "yellow",
        "probing",
        now(guard=guard(Phase.PROBING, Because.of(Cause.PROBES_TEST, test="canaries"), probed=7)),
        WELL,
    ),
    ("yellow", "half_open", now(breaker=Circuit.HALF_OPEN), WELL),
    ("yellow", "signs", now(guard=guard(evidence=300.0)), WELL),
    (
        "yellow",
        "shaky",
        now(),
        totals([served(n, why=FallbackReason.TIMEOUT if n == 5 else FallbackReason.NONE) for n in range(50)]),
    ),
    ("yellow", "busy", now(queued=40), WELL),
    ("yellow", "costing", now(), totals([served(n, thinking_tokens=900) for n in range(50)])),
    ("yellow", "uncertified", now(decision="pilot"), WELL),
]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("colour", "state", "at", "seen"), CASES, ids=[f"{c[1]}-{n}" for n, c in enumerate(CASES)]
)
def test_the_light_says_what_is_and_what_to_do(colour, state, at, seen, lang):
    found = health(View.of(at, seen, (), lang))
    assert (found.colour, found.state) == (colour, state)
    assert found.headline
    assert found.action
    assert "{" not in found.headline + found.action
    assert f'class="signal {colour}"' in page(at, seen, (), lang)


def test_little_evidence_and_few_requests_light_nothing():
    assert health(View.of(now(guard=guard(evidence=200.0)), WELL, (), "en")).state == "partly"
    assert (
        health(View.of(now(), totals([served(n, status=502) for n in range(5)]), (), "en")).state == "partly"
    )


def test_the_sentence_names_what_was_found():
    action = health(View.of(now(guard=TRIPPED), WELL, (), "en")).action
    assert "Thinking is no longer as long as in the recording." in action
    other = health(
        View.of(now(breaker=Circuit.OPEN, breaker_why="refused", fallback="http://b:1"), WELL, (), "en")
    )
    assert "http://b:1 answers" in other.action
    assert "Last failure: refused" in other.action


def test_both_languages_have_the_same_sentences_with_the_same_places():
    def places(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert list(en.TEXT) == list(ja.TEXT)
    assert {k: places(v) for k, v in en.TEXT.items()} == {k: places(v) for k, v in ja.TEXT.items()}


def test_no_english_is_left_in_the_japanese_sentences():
    kept = (
        "OpenAI",
        "karui",
        "serve",
        "metrics",
        "api",
        "state",
        "ID",
        "price",
        "output",
        "currency",
        "JPY",
        "rollout reset",
        "full-share",
        "RAPL",
        "NVML",
        "GPU",
        "J",
    )
    for key, sentence in ja.TEXT.items():
        bare = "".join(literal for literal, _, _, _ in Formatter().parse(sentence))
        for word in kept:
            bare = bare.replace(word, "")
        assert not any(c.isascii() and c.isalpha() for c in bare) or key == "title", (key, sentence)


VALUES = {
    "text": "as somebody said",
    "requests": 200,
    "good": 29,
    "probes": 30,
    "model": "m",
    "field": "id",
    "before": "a",
    "now": "b",
    "file": "h.db",
    "error": "disk full",
    "waiting": 3,
    "lost": 4,
    "rows": 5,
    "count": 12,
    "hours": 0.5,
    "share": 0.67,
    "wanted": 0.85,
    "plan": "trial-confidence",
    "shares": "full 10%, trial-confidence 90%",
}


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_its_sentence_in_both_languages(cause):
    for test in DriftTest if cause in {Cause.TEST, Cause.PROBES_TEST, Cause.ARM_DRIFT} else [None]:
        because = Because(cause, VALUES | {"test": test.value} if test else VALUES)
        told = {lang: text.because(MonitorTranslator(lang), because) for lang in LANGUAGES}
        assert "{" not in "".join(told.values()) + str(because)
        if cause is Cause.STATED:
            assert set(told.values()) == {"as somebody said"}
        else:
            assert any(ord(c) > 0x3000 for c in told["ja"]), told
            assert not any(ord(c) > 0x3000 for c in told["en"]), told


@pytest.mark.parametrize("kind", [k for k in EventKind if k is not EventKind.OTHER])
@pytest.mark.parametrize("actor", Actor)
def test_every_change_is_told_in_both_languages(kind, actor):
    for stage in Stage if kind is EventKind.STAGE_SET else [None]:
        event = Event(kind, 1.0, actor, Because.of(Cause.REST_OVER), name="aoi", stage=stage)
        assert any(ord(c) > 0x3000 for c in text.what(MonitorTranslator("ja"), event))
        assert not any(ord(c) > 0x3000 for c in text.what(MonitorTranslator("en"), event))
        told = text.who(MonitorTranslator("ja"), event)
        assert any(ord(c) > 0x3000 for c in told) or actor is Actor.KARUI
        assert "aoi" in told or actor is not Actor.OPERATOR
    assert "{" not in event.what + event.who + event.why


@pytest.mark.parametrize("done", FALLBACKS)
def test_every_action_of_the_table_is_told_in_both_languages(done):
    assert any(ord(c) > 0x3000 for c in text.action(MonitorTranslator("ja"), done))
    assert text.action(MonitorTranslator("en"), done)


def test_what_a_stage_waits_for_is_one_line():
    needs = (Because.of(Cause.NEEDS_GUARD), Because.of(Cause.NEEDS_AGREEMENT, share=0.666, wanted=0.85))
    assert text.needs(MonitorTranslator("en"), needs) == (
        "the guard finds all well; 67% of the silent runs agree with full thinking, 85% needed"
    )
    assert needs_in_words(needs) == (
        "Waits for: the guard finds all well; 67% of the runs say what full thinking says, 85% wanted."
    )
    assert needs_in_words(()) == ""


@pytest.mark.parametrize(
    ("asked", "accepted", "lang"),
    [
        (None, None, "en"),
        ("ja", "en", "ja"),
        ("xx", "ja,en;q=0.8", "ja"),
        (None, "fr, ja-JP;q=0.7, en;q=0.9", "en"),
        (None, "ja-JP", "ja"),
        (None, "de;q=oops,*", "en"),
    ],
)
def test_the_language_is_the_readers(asked, accepted, lang):
    assert language(asked, accepted) == lang


def test_money_is_what_the_stated_price_makes_of_the_tokens():
    records = [served(n, at=1000.0 + 9 * n, thinking_tokens=85) for n in range(100)]
    seen = totals(records)
    price = Price(per_million=2.0, currency="EUR")
    costs = Costs.of(View.of(now(price=price), seen, (), "en"))
    hours = (2000 - 1000) / 3600
    assert costs.hour == pytest.approx(2e-6 * 100 * 100 / hours)
    assert costs.full_hour == pytest.approx(2e-6 * 100 * 400 / hours)
    assert costs.saved_hour == pytest.approx(costs.full_hour - costs.hour)
    assert costs.saved_ever == pytest.approx(2e-6 * 100 * 300)
    assert costs.room == 4.0
    machine = Costs.of(View.of(now(price=Price(per_machine_hour=3.0)), seen, (), "en"))
    assert (machine.hour, machine.saved_ever, machine.room) == (3.0, None, 4.0)
    assert machine.thousand == pytest.approx(3.0 * hours * 10)
    nothing = Costs.of(View.of(now(price=Price()), seen, (), "en"))
    assert (nothing.hour, nothing.saved_ever) == (None, None)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    "price", [Price(), Price(1.2, None, "EUR"), Price(180.0, None, "JPY"), Price(None, 2.4, "USD")]
)
def test_an_estimate_says_so_and_the_price_stands_beside_it(lang, price):
    made = page(now(price=price), WELL, (), lang)
    w = MonitorTranslator(lang)
    assert w("estimate") in made
    if price == Price():
        assert w("price_none") in re.sub(r"<[^>]+>", "", made)  # options are kept from breaking
    else:
        assert w("estimate_note") in made
        assert (price.currency if price.currency != "JPY" or lang == "en" else "円") in made


def test_the_state_says_in_plain_english_what_it_said_before():
    needs = (Because.of(Cause.NEEDS_GUARD), Because.of(Cause.NEEDS_REQUESTS, count=12))
    table = ((FallbackReason.GUARD, Action.FULL), (FallbackReason.BREAKER, Action.REFUSE))
    told = figures(
        now(needs=needs, guard=TRIPPED, stale=GONE, table=table, keep_hours=24.0, degraded=(GONE,)), WELL, ()
    )["now"]
    assert {k: told[k] for k in ("stage", "stage_next", "stale", "keeping", "degraded", "table")} == {
        "stage": "25",
        "stage_next": "Waits for: the guard finds all well; 12 more requests answered.",
        "stale": "m is no longer served",
        "keeping": "24 hours",
        "degraded": ["m is no longer served"],
        "table": [
            ["guard tripped", "full thinking of the served model"],
            ["circuit open", "refused with status 503 and Retry-After"],
        ],
    }
    assert (told["guard"]["reason"], told["guard"]["sights"][0]["name"]) == ("thinking", "thinking")


def test_the_state_is_plain_json_and_brings_the_page_along_on_request():
    because = Because.of(Cause.RULE_HOLDS, requests=200)
    events = [
        Event(EventKind.STAGE_SET, 1500.0, Actor.RULE, because, stage=Stage.QUARTER, via=Via(request="r7"))
    ]
    records = [served(0, first_token_seconds=float("nan"))]
    told = json.loads(json.dumps(figures(now(), totals(records), events), allow_nan=False))
    assert told["light"]["state"] == "partly"
    assert told["totals"]["window"]["requests"] == 1
    assert told["totals"]["first_token"] is None
    assert told["events"] == [
        {
            "at": 1500.0,
            "what": "stage 25",
            "who": "rule",
            "why": "the rule holds after 200 requests",
            "kind": "stage_set",
            "by": "rule",
            "name": "",
            "stage": "25",
            "cause": "rule_holds",
            "values": {"requests": 200},
            "request": "r7",
            "key": "",
            "origin": "",
        }
    ]
    assert "shown" not in told
    assert set(figures(now(), totals(records), events, "ja")["shown"]) >= {"light", "tiles", "guard"}


EVIL = "<script>window.pwned=1</script>\"'&"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_text_is_markup(lang):
    stated = Because.stated(EVIL)
    poisoned = replace(
        now(degraded=(stated,), stale=stated, breaker=Circuit.OPEN, breaker_why=EVIL),
        plan=EVIL,
        model=EVIL,
        upstream=EVIL,
        needs=(stated,),
        guard=guard(Phase.TRIPPED, stated),
        price=Price(1.0, None, EVIL),
    )
    seen = totals([served(0, id=EVIL, model=EVIL)])
    event = Event(EventKind.OTHER, 1.0, Actor.OPERATOR, stated, name=EVIL, text=EVIL)
    made = page(poisoned, seen, [event], lang)
    assert EVIL not in made
    assert "<script>window" not in made


def test_large_numbers_are_short():
    assert [short(v, "en") for v in (0, 9999, 12345, 1.2e6, 345.6e6, 7.8e9, -20000)] == [
        *("0", "9,999", "12.3 k", "1.2 M", "346 M", "7.8 B", "−20.0 k")
    ]
    assert [short(v, "ja") for v in (9999, 12345, 1.2e6, 3.4e8)] == ["9,999", "1.2万", "120万", "3.4億"]
