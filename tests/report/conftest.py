"""Synthetic studies, made of karui's own nouns, so that the report is tested on what it will be given."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from karui.codec.values import decode, encode
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Sampling
from karui.core.recording import Manifest
from karui.core.study import (
    ActionTaken,
    Assumptions,
    Comparison,
    Example,
    Interval,
    KindFigures,
    LiveRun,
    MeasuredPlan,
    Measurement,
    ReferenceRun,
    Side,
    Study,
)
from karui.core.study.choice import Choice, Confirmation, Decision, Rejected, Rule, Tested, Verdict
from karui.core.study.domain import DomainSummary, Outskirts, Region
from karui.core.study.failure import BaselineFailure, Cause, FailedReply, FailureKind, LikelyCause
from karui.core.study.limits import Finding, Measure, Promise
from karui.core.study.reasons import Because, Reason
from karui.core.trace import End

DOMAIN = DomainSummary(
    questions=400,
    reference=261,
    calibration=139,
    above=3,
    rate=0.05,
    confidence=0.95,
    kinds=("orders", "refunds", "tax"),
    length=(48.0, 310.0),
    scripts=(("latin", 0.91), ("han", 0.02)),
    digest="0a1b2c3d4e5f6a7b",
)
PROMISES = (
    Promise(Measure.FIRST_ANSWER, 2.0, Finding.KEPT, 1.41, 1.63, 300, 0.003, machine="API", streams=32.0),
    Promise(Measure.COST, 0.3, Finding.KEPT, 0.21, 0.24, 300, 0.003, currency="EUR", prices=(0.3, 1.2)),
)
KINDS = ("orders", "refunds", "shipping dates", "discounts", "stock counts", "tax")
EVIL = "<script>window.pwned=1</script>"


def interval(value, half, n=300, low=0.0, high=1.0):
    return Interval(value, max(low, value - half), min(high, value + half), 0.95, "t", n)


OUTSKIRTS = Outskirts(
    Region(30, interval(0.8, 0.14, 30), 0.93, interval(0.83, 0.13, 30)),
    Region(270, interval(0.921, 0.03, 270), 0.94, interval(0.922, 0.03, 270)),
)


def measurement(
    plan, label, spec, families, accuracy, tokens, *, traces=1.0, seed=0, live=False, kinds=KINDS
):
    random = np.random.default_rng(seed)
    by_kind = {}
    for kind in kinds:
        value = float(np.clip(accuracy + random.normal(0, 0.03), 0, 1))
        by_kind[kind] = KindFigures(
            questions=50,
            accuracy=interval(value, 0.06, 50),
            tokens=tokens * float(random.uniform(0.7, 1.3)),
            truncated=0.004,
        )
    trial = 0.0 if plan == "base" else 14.0
    return Measurement(
        plan=plan,
        label=label,
        spec=spec,
        families=families,
        questions=300,
        runs=10,
        live=live,
        accuracy=interval(accuracy, 0.028),
        answered=0.995,
        truncated=0.006,
        traces=traces,
        confident_wrong=0.021,
        brier=0.06,
        ece=0.034,
        tokens=Interval(tokens, tokens * 0.95, tokens * 1.05, 0.95, "t", 300),
        bill={
            "prompt": 120.0 * traces,
            "cached": 0.0,
            "thinking": tokens - 32 - trial,
            "answer": 32.0,
            "trial": trial,
            "dropped": 0.0,
        },
        flops=tokens * 3.1e9,
        kv_bytes=(120 + tokens) * 3072.0 * traces,
        weight_bytes=39_400_000,
        time=(tokens / traces, tokens / traces * 2.1),
        seconds=(tokens / traces * 0.006, tokens / traces * 0.0126),
        first_answer_seconds=(tokens * 0.005, tokens * 0.011) if live else None,
        cost=tokens * 0.0006 + 0.02,
        kinds=by_kind,
    )


def comparison(plan, loss, ratio, *, low=None, high=None):
    return Comparison(
        plan=plan,
        loss=Interval(
            loss, loss - 0.014 if low is None else low, loss + 0.014 if high is None else high, 0.95, "t", 300
        ),
        token_ratio=Interval(ratio, ratio * 0.94, ratio * 1.06, 0.95, "linearised", 300),
        flops_ratio=ratio * 1.02,
        time_ratio=ratio,
        cost_ratio=ratio,
        kv_ratio=ratio,
        confident_wrong_rise=Interval(0.003, -0.004, 0.01, 0.95, "t", 300),
        worst_kind=("shipping dates", 0.031, 50),
        lost_questions=6,
        won_questions=4,
        aes=0.41,
    )


FAMILIES = {
    "trial-confidence": ("faster",),
    "trial-stability": ("faster",),
    "adaptive-consistency": ("faster",),
    "token-budget": ("control",),
    "random-exit": ("control",),
    "chain-of-draft": ("shorter",),
    "concise-cot": ("shorter",),
    "chain-of-draft + trial-confidence": ("shorter", "faster"),
}


def entries(count=300, base=0.913, base_tokens=412.0, seed=3):
    """Plans that look like plans: the more tokens the better, with noise; votes beyond the baseline."""
    random = np.random.default_rng(seed)
    made = []
    for i in range(count):
        technique, families = list(FAMILIES.items())[i % len(FAMILIES)]
        vote = technique == "adaptive-consistency"
        ratio = float(np.exp(random.uniform(0.1, 2.0) if vote else random.uniform(-2.3, 0.05)))
        skill = {"control": 0.10, "shorter": 0.06}.get(families[0], 0.035) * (
            1 if len(families) == 1 else 0.8
        )
        accuracy = base - skill * max(0.0, -math.log(ratio)) ** 1.7 + float(random.normal(0, 0.006))
        accuracy = min(0.99, accuracy + (0.018 * math.log(ratio) if vote else 0))
        plan = f"{i:012x}"
        spec = [{"technique": t, "threshold": round(ratio, 3)} for t in technique.split(" + ")]
        label = " + ".join(f"{t}(threshold={ratio:.3g})" for t in technique.split(" + "))
        made.append(
            MeasuredPlan(
                measurement(
                    plan,
                    label,
                    spec,
                    families,
                    max(0.02, accuracy),
                    ratio * base_tokens,
                    seed=i,
                    traces=3.0 if vote else 1.0,
                ),
                comparison(plan, base - accuracy, ratio),
            )
        )
    return tuple(made)


def manifest(name="karui-mini"):
    return Manifest(
        model=ModelInfo(name, "9f2c1ab47d03", 19_700_000, "float32", {}, 39_400_000),
        engine="transformers",
        task="orders",
        task_digest="51be09aa13f2",
        style=(),
        sampling=Sampling(max_tokens=1024),
        rule=CheckpointPolicy(),
        suffix="\n</think>\n\n\\boxed{",
        suffix_tokens=5,
        samples=4,
        seed=0,
        versions={"karui": "0.1.0", "torch": "2.13.0", "transformers": "5.17.0"},
        machine="2 cores, 16 GiB",
        seconds_per_token=0.006,
        tokens_per_second=850.0,
    )


@cache
def make(decision="adopt", *, agreement=False, count=300, name="karui-mini"):
    """Returns a whole study with the decision wished for."""
    base = measurement("base", "full thinking", [], ("baseline",), 0.913, 412.0, seed=99)
    plans = list(entries(count))
    spec = [{"technique": "trial-confidence", "threshold": 0.95, "every": 64}]
    label = "trial-confidence(threshold=0.95, every=64)"
    chosen = measurement("c0ffee123456", label, spec, ("faster",), 0.909, 157.0, seed=98)
    plans.append(MeasuredPlan(chosen, comparison("c0ffee123456", 0.004, 0.381)))
    certified = decision in {"adopt", "withdrawn"}
    top = Tested(
        "c0ffee123456",
        label,
        spec,
        0.012 if certified else 0.21,
        Verdict.CERTIFIED if certified else Verdict.PROMISING,
        0.004,
        -0.006,
        0.0152 if certified else 0.031,
        0.619,
        None if certified else 470,
        promises=PROMISES if certified else (),
    )
    tested = (
        Tested(
            "0000000000aa",
            "trial-confidence(threshold=0.99)",
            spec,
            0.004,
            Verdict.CERTIFIED,
            0.001,
            -0.008,
            0.011,
            0.44,
            reason=Because(Reason.CERTIFIED_SAVES_MORE),
        ),
        top,
        Tested(
            "0000000000bb",
            "trial-stability(equal=3)",
            spec,
            0.32,
            Verdict.NOT_SUPPORTED,
            0.027,
            0.009,
            0.047,
            0.7,
            None,
            Because(Reason.LOSS_EXCEEDS_MARGIN),
        ),
        Tested(
            "0000000000cc",
            "trial-stability(equal=2)",
            spec,
            None,
            Verdict.PROMISING,
            0.012,
            -0.004,
            0.04,
            0.74,
            900,
            Because(Reason.NOT_TESTED),
        ),
    )
    nothing = decision == "nothing"
    reasons = (Because(Reason.SAVES_NOTHING), Because(Reason.PILOT_LOSS))
    rejected = (
        *(
            Rejected(f"r{i}", f"token-budget(tokens={i})", (*reasons, risky(i / 9))[i % 3], 0.05, 0.5)
            for i in range(140)
        ),
        Rejected(
            "x",
            "sampling(temperature=1)",
            Because(Reason.NOT_REPLAYABLE, text="The recording holds no such sampling."),
        ),
    )
    choice = Choice(
        model=manifest(name).model,
        task="orders",
        task_digest="51be09aa13f2",
        agreement=agreement,
        rule=Rule(),
        spec=spec if certified else [],
        plan="c0ffee123456" if certified else "base",
        label=label if certified else "full thinking",
        decision=Decision.ADOPT if certified else Decision(decision),
        verdict=Verdict.CERTIFIED if certified else Verdict.BASELINE,
        questions=300 if decision != "collect" else 96,
        pilot_questions=100,
        traces=4.0,
        fewest=149,
        tested=() if nothing else tested,
        rejected=rejected,
        space=len(plans),
        candidate=None if certified or nothing else top,
        confirmation=Confirmation(60, 0.004, -0.02, 0.03, 0.39, 0.905, 0.909, withdrawn=False)
        if certified
        else None,
        recordings={"test": "b77aa0c3d2", "pilot": "0d11fe22aa"},
        domain=DOMAIN,
    )
    if decision == "fix":
        choice = replace(
            choice,
            domain=None,
            tested=(),
            rejected=(),
            space=0,
            candidate=None,
            pilot_questions=0,
            failure=failure(),
        )
        plans = []
    if decision == "withdrawn":
        choice = replace(
            choice, confirmation=Confirmation(60, 0.11, 0.035, 0.18, 0.4, 0.8, 0.91, withdrawn=True)
        )
    live = LiveRun(
        measurement("base", "full thinking", [], ("baseline",), 0.909, 420.0, live=True),
        measurement("c0ffee123456", label, spec, ("faster",), 0.905, 164.0, live=True),
        comparison("c0ffee123456", 0.004, 0.39),
        at_once=8,
    )
    shipped = ReferenceRun(
        "karui-mini, 1,000 questions × 8 traces",
        manifest(),
        replace(base, questions=1000),
        (*entries(60, seed=8), *plans[-1:]),
    )
    vote = measurement(
        "5c16",
        "self-consistency(k=16)",
        [{"technique": "self-consistency", "k": 16}],
        ("faster",),
        0.957,
        6590.0,
        traces=16.0,
    )
    return Study(
        made="2026-11-24",
        manifest=manifest(name),
        choice=choice,
        baseline=base,
        plans=tuple(plans),
        live=live if certified else None,
        shipped=shipped,
        examples=tuple(example(i) for i in range(6)),
        assumptions=Assumptions(
            currency="EUR",
            price_prompt=0.3,
            price_cached=0.03,
            price_output=1.2,
            questions_per_month=1_000_000.0,
            machine_price_per_hour=2.4,
            peak_questions_per_second=12.0,
            machine_tokens_per_second=850.0,
            one_off=4000.0,
            stated=("price_output", "questions_per_month"),
        ),
        commands=(
            "karui poc --model karui-mini --questions orders.jsonl --max-drop 2",
            "karui report runs/poc --lang ja",
        ),
        baselines_extra=(MeasuredPlan(vote, comparison("5c16", -0.044, 16.0)),),
        outskirts=None if decision == "fix" else OUTSKIRTS,
    )


def risky(points):
    return Because(Reason.CONFIDENTLY_WRONG, {"points": points / 100})


def failure():
    """A baseline near chance, with every reason there is and replies of every shape."""
    codes = {
        "embedded": "karui-mini",
        "unread": "choice",
        "empty": "",
        "unmatched": "choice",
        "partial": "exact",
        "truncated": "4096",
        "loops": "",
        "timeouts": "math",
        "alike": "A",
        "unthought": "",
        "guessing": "",
        "wrong": "",
    }
    reasons = tuple(
        LikelyCause(Cause(code), 400 - 30 * n, 1200, detail) for n, (code, detail) in enumerate(codes.items())
    )
    asked = "Which of these is an even number? (A) 3 (B) 5 (C) 8 (D) 9"
    replies = (
        FailedReply(
            asked,
            "The last one is divisible by two, so I take the third of the four.",
            False,
            None,
            "C",
            End.FINISHED,
        ),
        FailedReply(asked, "wait, let me check that again, " * 12, True, None, "C", End.TRUNCATED),
        FailedReply(asked, EVIL + " \\boxed{A}", False, "A", "C", End.FINISHED),
    )
    return BaselineFailure(
        FailureKind.NEAR_CHANCE, 0.262, 0.215, 0.314, 0.1, 0.25, 300, 1200, 314, reasons, replies
    )


def example(i):
    thinking = "\n\n".join(
        f"Step {n + 1}: the order holds {n + 3} boxes of {i + 4} pens, which makes {(n + 3) * (i + 4)}. "
        + ("Wait, let me check that again." if n > 2 else "Now add the next box.")
        for n in range(9)
    )
    right, kept = i % 3 != 2, i % 4 != 1
    return Example(
        question=f"A shop sells {i + 4} pens in a box. A customer orders {i + 3} boxes and returns 2 "
        "pens. How many pens are left?",
        kind=KINDS[i % len(KINDS)],
        reference=str((i + 4) * (i + 3) - 2),
        full=Side(
            thinking=thinking,
            text=f"\\boxed{{{(i + 4) * (i + 3) - 2}}}",
            answer=str((i + 4) * (i + 3) - 2),
            correct=right,
            tokens=402 + i,
        ),
        plan=Side(
            thinking_chars=300 + 40 * i,
            text="\\boxed{26}",
            answer="26",
            correct=kept,
            tokens=121 + i,
            actions=(ActionTaken(End.ANSWERED, 108),),
        ),
    )


@pytest.fixture(scope="session")
def study_of():
    """The maker of studies."""
    return make


@pytest.fixture(scope="session")
def study():
    return make()


@pytest.fixture(scope="session")
def bare():
    """What an imported recording leaves: no text, signals, prices, kinds, configuration or live run."""
    full = make("nothing", count=6)

    def strip(m):
        return replace(
            m,
            flops=None,
            kv_bytes=None,
            weight_bytes=0,
            seconds=None,
            cost=None,
            kinds={},
            confident_wrong=None,
            brier=None,
            ece=None,
        )

    def thin(x):
        return replace(
            x, flops_ratio=None, cost_ratio=None, kv_ratio=None, confident_wrong_rise=None, worst_kind=None
        )

    plans = tuple(MeasuredPlan(strip(e.measurement), thin(e.comparison)) for e in full.plans)
    return replace(
        full,
        baseline=strip(full.baseline),
        plans=plans,
        live=None,
        shipped=None,
        examples=(),
        assumptions=Assumptions(),
        commands=(),
        baselines_extra=(),
    )


@pytest.fixture(scope="session")
def evil():
    """A study whose every text tries to be markup."""

    def poison(value):
        if isinstance(value, dict):
            return {k: poison(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [poison(v) for v in value]
        return (
            value + EVIL + "\"'`|</script><img src=x onerror=window.pwned=1>"
            if value in {"karui-mini", "orders", "refunds"}
            or (isinstance(value, str) and ("pens" in value or "threshold=" in value))
            else value
        )

    study = decode(Study, poison(encode(make(count=20))))
    return replace(
        study,
        shipped=replace(study.shipped, title=EVIL),
        commands=(EVIL,),
        assumptions=replace(study.assumptions, currency="<b>"),
    )


@pytest.fixture(scope="module")
def browser(chromium):
    """One headless browser for all tests of the page.

    Not for the session: while playwright is open its event loop counts as running, and no test after it in
    the same process could run one.
    """
    sync_api = pytest.importorskip("playwright.sync_api")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(chromium), args=switches)
        yield made
        made.close()
