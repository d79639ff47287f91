"""Which light, and what it says, by what the gateway is."""

import json
from dataclasses import replace
from string import Formatter

import pytest

from karui.gateway.monitor.costs import Costs
from karui.gateway.monitor.health import light
from karui.gateway.monitor.page import figures, page
from karui.gateway.monitor.phrases import _SHAPES, reason, said, why
from karui.gateway.monitor.view import View, short
from karui.gateway.records.events import Event
from karui.gateway.records.record import FallbackReason
from karui.gateway.records.request_store import RequestStore
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.drift_guard import Guard, Phase
from karui.gateway.rollout.stages import Rollout, Stage, StageRule
from karui.gateway.routing.fallback_policy import FallbackPolicy
from karui.gateway.status import Price
from karui.i18n.monitor import LANGUAGES, Words, en, ja, language
from tests.helpers.gateway_records import guard, now, served
from tests.helpers.gateways import chosen


def totals(records=(), at=2000.0):
    history = RequestStore(None, clock=lambda: at)
    for record in records:
        history.see(record)
    return history.totals(0.0)


WELL = totals([served(n) for n in range(100)])
TRIPPED = guard(Phase.TRIPPED, "thinking", evidence=812.0, probe_at=2300.0)
CASES = [
    ("green", "ready", now(), totals()),
    ("green", "well", now(stage="100"), WELL),
    ("green", "partly", now(stage="5"), WELL),
    ("green", "shadow", now(stage="shadow"), WELL),
    ("red", "stale", now(stale="m is no longer served", guard=TRIPPED), WELL),
    ("red", "tripped", now(guard=TRIPPED, breaker="open"), WELL),
    ("red", "breaker", now(breaker="open", breaker_why="refused"), WELL),
    ("red", "breaker", now(breaker="open", fallback="http://other"), WELL),
    ("red", "failing", now(), totals([served(n, status=502 if n % 10 == 0 else 200) for n in range(100)])),
    ("yellow", "degraded", now(degraded=("the disk is full.",)), WELL),
    ("yellow", "probing", now(guard=guard(Phase.PROBING, "canaries", probed=7)), WELL),
    ("yellow", "half_open", now(breaker="half-open"), WELL),
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
    found = light(View.of(at, seen, (), lang))
    assert (found.colour, found.state) == (colour, state)
    assert found.headline
    assert found.action
    assert "{" not in found.headline + found.action
    text = page(at, seen, (), lang)
    assert f'class="signal {colour}"' in text


def test_little_evidence_and_few_requests_light_nothing():
    assert light(View.of(now(guard=guard(evidence=200.0)), WELL, (), "en")).state == "partly"
    assert (
        light(View.of(now(), totals([served(n, status=502) for n in range(5)]), (), "en")).state == "partly"
    )


def test_the_sentence_names_what_was_found():
    action = light(View.of(now(guard=TRIPPED), WELL, (), "en")).action
    assert "Thinking is no longer as long as in the recording." in action
    other = light(View.of(now(breaker="open", breaker_why="refused", fallback="http://b:1"), WELL, (), "en"))
    assert "http://b:1 answers" in other.action
    assert "Last failure: refused" in other.action


def test_both_languages_have_the_same_sentences_with_the_same_places():
    def places(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert list(en.TEXT) == list(ja.TEXT)
    assert {k: places(v) for k, v in en.TEXT.items()} == {k: places(v) for k, v in ja.TEXT.items()}


def test_no_english_is_left_in_the_japanese_sentences():
    kept = ("OpenAI", "karui", "serve", "metrics", "api", "state", "ID", "price", "output", "currency", "JPY")
    for key, text in ja.TEXT.items():
        bare = "".join(literal for literal, _, _, _ in Formatter().parse(text))
        for word in kept:
            bare = bare.replace(word, "")
        assert not any(c.isascii() and c.isalpha() for c in bare) or key == "title", (key, text)


SENTENCES = (
    "Waits for: the guard finds all well; 12 more requests answered; 0.5 more hours.",
    "stage 25",
    "guard tripped",
    "breaker half-open",
    "operator aoi",
    "the rule holds after 200 requests",
    "29 of 30 probes were as recorded",
    "id was a and is b",
    "full thinking of the served model",
    "refused with status 503 and Retry-After",
    "24 hours",
    "h.db cannot be written: database or disk is full (3 rows wait, 0 are lost)",
    "h.db is written again; 4 rows were lost",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentences_of_other_parts_are_said_in_both_languages(sentence):
    told = said(Words("ja"), sentence)
    assert told != sentence
    assert any(ord(c) > 0x3000 for c in told)
    assert said(Words("en"), sentence)
    for w in map(Words, LANGUAGES):
        assert said(w, "something nobody foresaw") == "something nobody foresaw"
        assert why(w, "probes: only 5 of 30 probes were as recorded") == w(
            "trip probes", reason=w("trip few", good=5, n=30)
        )
        assert reason(w, "canaries") == w("trip canaries")


def test_every_shape_has_its_sentence():
    assert {key for _, key in _SHAPES} <= set(en.TEXT)


def test_what_the_history_says_of_itself_is_known(tmp_path):
    (tmp_path / "h.db").mkdir()
    history = RequestStore(tmp_path / "h.db")
    history.see(served())
    history.flush()
    history.close()
    for sentence in (history.degraded, *(e.why for e in history.events())):
        assert said(Words("ja"), sentence) != sentence


def test_what_the_roll_out_and_the_fallback_table_say_is_known():
    rule = StageRule(requests=3, hours=1.0)
    sentences = [
        done
        for _, done in (
            *FallbackPolicy.of({}, server=False).rows(),
            *FallbackPolicy.of({}, server=True).rows(),
        )
    ]
    for stage in Stage:
        rollout = Rollout(stage, 1000.0, rule, 0.95)
        rollout.see(served(stage=stage, shadow=stage is Stage.SHADOW, agrees=False))
        sentences += [rollout.missing(1001.0, watching=well) for well in (True, False)]
        sentences.append(rollout.back(stage, 1001.0, "operator aoi", "the rest is over").what)
    watch = Guard(chosen().expectation)
    journal = []
    rolling = RolloutController(
        watch, Rollout(Stage.QUARTER, 0.0, rule, 0.95), type("J", (), {"note": journal.append})
    )
    rolling.resume([], [], stage=Stage.QUARTER)
    assert (journal[0].what, journal[0].who) == ("stage 25", "operator, by option")
    rolling.resume([], journal, stage=None)
    assert len(journal) == 1
    rolling.mark_stale("m is no longer served", 1.0)
    rolling.mark_stale("", 2.0)
    rolling.command("trip", "aoi", "thinking", 3.0)
    rolling.command("reset", "aoi", "the rest is over", 4.0)
    for n in range(3):
        rolling.see(served(n, at=5000.0 + n, plan="other", stage="25"))
    sentences += [text for event in journal for text in (event.what, event.who, why(Words("ja"), event.why))]
    assert len(journal) >= 4
    for sentence in filter(None, sentences):
        told = why(Words("ja"), sentence)
        assert any(ord(c) > 0x3000 for c in told), sentence


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
    text = page(now(price=price), WELL, (), lang)
    w = Words(lang)
    assert w("estimate") in text
    if price == Price():
        assert w("price_none") in text
    else:
        assert w("estimate_note") in text
        assert (price.currency if price.currency != "JPY" or lang == "en" else "円") in text


def test_the_state_is_plain_json_and_brings_the_page_along_on_request():
    events = [Event(1500.0, "stage 25", "rule", "the rule holds after 200 requests")]
    records = [served(0, first_token_seconds=float("nan"))]
    told = json.loads(json.dumps(figures(now(), totals(records), events), allow_nan=False))
    assert told["light"]["state"] == "partly"
    assert told["totals"]["window"]["requests"] == 1
    assert told["totals"]["first_token"] is None
    assert told["events"][0]["what"] == "stage 25"
    assert "shown" not in told
    assert set(figures(now(), totals(records), events, "ja")["shown"]) >= {"light", "tiles", "guard"}


EVIL = "<script>window.pwned=1</script>\"'&"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_text_is_markup(lang):
    poisoned = replace(
        now(keeping=EVIL, degraded=(EVIL,), stale=EVIL, table=((EVIL, EVIL),)),
        plan=EVIL,
        model=EVIL,
        upstream=EVIL,
        stage_next=EVIL,
        guard=guard(Phase.TRIPPED, EVIL),
        price=Price(1.0, None, EVIL),
    )
    seen = totals([served(0, id=EVIL, model=EVIL)])
    text = page(poisoned, seen, [Event(1.0, EVIL, EVIL, EVIL)], lang)
    assert EVIL not in text
    assert "<script>window" not in text


def test_large_numbers_are_short():
    assert [short(v, "en") for v in (0, 9999, 12345, 1.2e6, 345.6e6, 7.8e9, -20000)] == [
        *("0", "9,999", "12.3 k", "1.2 M", "346 M", "7.8 B", "−20.0 k")
    ]
    assert [short(v, "ja") for v in (9999, 12345, 1.2e6, 3.4e8)] == ["9,999", "1.2万", "120万", "3.4億"]
