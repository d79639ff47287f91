"""What the measurement of both HTTP clients asks for and concludes."""

import importlib
import json
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("http_clients")


def test_a_load_counts_what_the_upstream_sends(bench):
    stream = bench.Load("streams", 4, 3, 10, 0.02)
    assert stream.units == 4 * 3 * (10 + 2)
    assert bench.Load("whole", 4, 3, 10, stream=False).units == 4 * 3
    asked = json.loads(stream.body(3))
    script = importlib.import_module("_upstream").Script.of(asked)
    assert (asked["stream"], script.tokens, script.gap) == (True, 10, 0.02)
    assert script.first == pytest.approx(0.015)
    assert stream.schedule == pytest.approx(3 * (script.first + 10 * script.gap))


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ((1.2, 1.4), "aiohttp is clearly cheaper"),
        ((0.8, 1.19), "the own transport stays"),
        ((1.1, 1.3), "it depends"),
    ],
)
def test_aiohttp_is_clearly_cheaper_only_where_it_is_on_every_load(bench, ratios, said):
    assert bench.verdict(ratios).startswith(said)
