"""One footing for plans over one model and over several: every figure by hand."""

from dataclasses import replace

import numpy as np
import pytest

from karui.core.engine import ModelInfo
from karui.core.errors import InputError
from karui.core.outcome import Outcome, Outcomes, ResourceUse, Span, Throughput
from karui.core.plan import Plan
from karui.core.study import PartFigures
from karui.core.study.choice import Axis
from karui.core.usage import TokenUsage
from karui.measure.cost import MachinePrice, TokenPrices
from karui.measure.cost_model import CostModel
from karui.measure.flops import Shape, decode, prefill
from karui.measure.interaction import interaction, triples
from karui.measure.measurement import compare, measure
from tests.helpers.traces import trace

CONFIG = {
    "model_type": "qwen3",
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "intermediate_size": 128,
    "vocab_size": 100,
    "tie_word_embeddings": True,
}
LITTLE = {**CONFIG, "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64}
LARGE_CARD = ModelInfo("large", "L", dtype="float32", config=CONFIG, weight_bytes=4000)
SMALL_CARD = ModelInfo("small", "S", dtype="bfloat16", config=LITTLE, weight_bytes=500)
CARDS = {"main": LARGE_CARD, "small": SMALL_CARD}
PACES = {"main": Throughput(0.01, 1000.0), "small": Throughput(0.002, 8000.0)}
PLAN = Plan()


def bill(prompt, generated):
    """Of one trace without trials: each token attends to all before it and itself."""
    seen = prompt + generated
    return TokenUsage(prompt=prompt, thinking=generated, attended=seen * (seen + 1) // 2)


def outcome(**spent):
    """One run in which each model generated so many tokens after a prompt of 10, one after the other."""
    return Outcome(
        question="q",
        answer="7",
        correct=True,
        confidence=1.0,
        bills={m: bill(10, tokens) for m, tokens in spent.items()},
        time=sum(spent.values()),
        held={m: 10 + tokens for m, tokens in spent.items()},
        busy=dict(spent),
    )


def outcomes(*runs, models=CARDS, paces=PACES, plan=PLAN):
    return Outcomes.of(plan, [("q", "", runs)], live=False, models=models, paces=paces)


BOTH = outcomes(outcome(small=40), outcome(small=40, main=100))
ALONE = outcomes(outcome(main=100), models={"main": LARGE_CARD}, paces={"main": PACES["main"]})


def whole(card, prompt, generated):
    """FLOPs of one trace by the formulas of `flops`, with the head's pass as the bill counts it."""
    shape = Shape.from_config(card.config)
    return prefill(shape, prompt, logits=0) + decode(shape, prompt, generated)


def test_flops_are_each_models_own():
    footing = CostModel()
    assert footing.flops(ALONE)[0] == pytest.approx(whole(LARGE_CARD, 10, 100))
    small, large = whole(SMALL_CARD, 10, 40), whole(LARGE_CARD, 10, 100)
    assert footing.flops(BOTH)[0] == pytest.approx(small + large / 2)  # the second run alone asked main
    assert footing.flops(BOTH, "small")[0] == pytest.approx(small)
    assert footing.flops(BOTH, "main")[0] == pytest.approx(large / 2)
    assert small < large / 8


def test_memory_is_all_weights_and_both_caches():
    footing = CostModel()
    per_token = {"main": 2 * 4 * 2 * 16 * 4, "small": 2 * 2 * 2 * 16 * 2}  # fp32 and bf16 values
    assert footing.weight_bytes(BOTH) == 4500
    assert footing.kv_bytes(BOTH)[0] == 50 * per_token["small"] + 110 / 2 * per_token["main"]
    assert footing.memory_bytes(BOTH)[0] == 4500 + footing.kv_bytes(BOTH)[0]
    asleep = outcomes(outcome(small=40))  # main was never asked, and has to be there all the same
    assert footing.weight_bytes(asleep) == 4500
    twice = outcomes(outcome(small=40, main=100), models={"main": LARGE_CARD, "small": LARGE_CARD})
    assert footing.weight_bytes(twice) == 4000


def test_seconds_are_exact_where_models_work_one_after_the_other():
    assert CostModel().seconds(BOTH).tolist() == [[pytest.approx(0.08), pytest.approx(0.08 + 1.0)]]
    assert CostModel().seconds(ALONE).tolist() == [[pytest.approx(1.0)]]
    measured = measure(BOTH, CostModel())
    assert measured.seconds[0] == pytest.approx((0.08 + 1.08) / 2)
    # Side by side for 40 of 100 steps: the whole time at the mean pace of what was running.
    overlapping = replace(outcome(small=40, main=100), time=100)
    mean = (40 * 0.002 + 100 * 0.01) / 140
    assert CostModel().seconds(outcomes(overlapping))[0, 0] == pytest.approx(100 * mean)


def test_token_prices_are_common_unless_a_model_has_its_own():
    common, own = TokenPrices(1.0, 1.0, 10.0, "EUR"), TokenPrices(0.1, 0.1, 1.0, "EUR")
    small, large = 10 + 40 * 10, (10 + 100 * 10) / 2
    assert CostModel(common).cost(BOTH)[0] == pytest.approx((small + large) / 1000)
    assert CostModel(common, {"small": own}).cost(BOTH)[0] == pytest.approx((small / 10 + large) / 1000)
    assert CostModel(None, {"small": own}).cost(BOTH) is None  # the main model's is not invented
    assert CostModel().cost(BOTH) is None


def test_a_machine_is_paid_for_the_time_its_tokens_take():
    footing = CostModel(machine=MachinePrice(3.6, "EUR"))
    seconds = 40 / 8000 + 50 / 1000
    assert footing.cost(BOTH)[0] == pytest.approx(1000 * seconds * 3.6 / 3600)
    unknown = outcomes(outcome(small=40), paces={})
    assert footing.cost(unknown) is None


def test_every_axis_measures_all_plans_alike():
    studied = [ALONE, BOTH]
    footing = CostModel()
    on = {axis: footing.measure(axis, studied) for axis in Axis}
    assert on[Axis.TOKENS](BOTH)[0] == on[Axis.COST](BOTH)[0] == 90
    assert on[Axis.LATENCY](BOTH)[0] == pytest.approx(0.58)  # seconds: the models differ
    assert footing.measure(Axis.LATENCY, [ALONE])(ALONE)[0] == 100  # token-time: there is only one
    assert on[Axis.FLOPS](BOTH)[0] == footing.flops(BOTH)[0]
    assert on[Axis.MEMORY](ALONE)[0] == 4000 + 110 * 2 * 4 * 2 * 16 * 4
    priced = CostModel(TokenPrices(1.0, 1.0, 10.0, "EUR"))
    assert priced.measure(Axis.COST, studied)(ALONE)[0] == priced.cost(ALONE)[0]


@pytest.mark.parametrize(
    ("axis", "lacking", "said"),
    [
        (Axis.FLOPS, {"config": {}}, "The shape"),
        (Axis.MEMORY, {"weight_bytes": 0}, "size of the weights"),
        (Axis.LATENCY, {"digest": "other"}, "time that a token takes"),
    ],
)
def test_what_one_plan_lacks_is_refused_for_all(axis, lacking, said):
    less = outcomes(outcome(main=50), models={"main": replace(LARGE_CARD, **lacking)}, paces={})
    with pytest.raises(InputError, match="cannot be measured") as refused:
        CostModel().measure(axis, [ALONE, less])
    assert said in refused.value.why
    assert CostModel().measure(Axis.TOKENS, [ALONE, less])(less)[0] == 50


def test_a_measurement_shows_each_model():
    shown = measure(BOTH, CostModel()).models
    assert (shown["small"].asked, shown["main"].asked) == (1.0, 0.5)
    assert (shown["small"].tokens, shown["main"].tokens) == (40, 50)
    found = compare(ALONE, BOTH, CostModel())
    assert found.seconds_ratio == pytest.approx(0.58)
    memory = [CostModel().memory_bytes(o)[0] for o in (BOTH, ALONE)]
    assert found.memory_ratio == pytest.approx(memory[0] / memory[1])
    assert found.flops_ratio == pytest.approx(CostModel().flops(BOTH)[0] / CostModel().flops(ALONE)[0])


def test_spans_are_counted_by_model():
    one, two = trace("7", 40), trace("7", 90)  # 10 prompt tokens and 5 of answer each
    spans = [Span("small", 0, one), Span("small", 20, one), Span("main", 65, two), Span("main", 300, two)]
    account = ResourceUse.of(spans)
    assert account.busy == {"small": 65, "main": 190}
    assert account.held == {"small": 110, "main": 105}
    assert account.bills == {"small": one.usage + one.usage, "main": two.usage + two.usage}
    assert ResourceUse.of(spans[:1]).busy == {"small": 45}
    assert ResourceUse.of([]) == ({}, {}, {})


# --- interactions ------------------------------------------------------------------------------------------


def part(plan, tokens, right=1.0):
    from karui import catalog

    made = outcomes(outcome(main=tokens), models={"main": LARGE_CARD}, plan=catalog.parse(plan))
    return replace(made, correct=np.full_like(made.correct, right))


def test_an_interaction_is_the_product_if_independent_against_what_is_reached():
    base, a, b = ALONE, part("token-budget:tokens=50", 50), part("token-cap:tokens=80", 80, 0.5)
    both = part("token-budget:tokens=50 + token-cap:tokens=80", 45, 0.5)
    found = interaction(base, a, b, both, CostModel())
    assert found.axes[Axis.TOKENS] == PartFigures(0.5, 0.8, 0.45)
    assert found.expected(Axis.TOKENS) == pytest.approx(0.4)
    assert found.loss == PartFigures(0.0, 0.5, 0.5)
    assert Axis.COST not in found.axes  # no price was stated
    a_cache, base_cache = 60 * 2 * 4 * 2 * 16 * 4, 110 * 2 * 4 * 2 * 16 * 4
    assert found.axes[Axis.MEMORY].a == pytest.approx((4000 + a_cache) / (4000 + base_cache))
    with pytest.raises(ValueError, match="same questions"):
        interaction(replace(base, questions=("other",)), a, b, both, CostModel())


def test_triples_are_found_in_any_split():
    labels = [
        "full thinking",
        "token-budget:tokens=50",
        "token-cap:tokens=80",
        "exit-entropy",
        "token-budget:tokens=50 + token-cap:tokens=80",
        "token-cap:tokens=80 + token-budget:tokens=50",
        "token-budget:tokens=50 + token-cap:tokens=80 + exit-entropy",
        "token-budget:tokens=60 + token-cap:tokens=80",
    ]
    found = {(o := part(words, 10)).plan.id: o for words in labels}
    names = {tuple(found[key].plan.label for key in triple) for triple in triples(found)}
    of = {words: part(words, 10).plan.label for words in labels}
    budget, cap, leave = (of[labels[n]] for n in (1, 2, 3))
    assert names == {
        (budget, cap, of[labels[4]]),
        (cap, budget, of[labels[5]]),
        (of[labels[4]], leave, of[labels[6]]),
    }
