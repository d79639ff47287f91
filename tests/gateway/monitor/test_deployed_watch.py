"""Alert rules and dashboard: every series and label that they ask for is one that the gateway gives."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from karui.gateway.monitor.metrics import Metrics
from karui.gateway.records.record import FallbackReason
from tests.helpers.gateway_records import now, served

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = [
    rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
PANELS = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
SERIES = re.compile(r"(karui:[a-z_0-9]+)(?:\{([^}]*)\})?")


@pytest.fixture(scope="module")
def given():
    """Label values by series, after one request of each kind."""
    metrics = Metrics({"karui/plan"})
    metrics.see(served(0))
    metrics.see(served(1, status=502, ran="full", why=FallbackReason.UPSTREAM))
    metrics.see(served(3, team="search"))
    metrics.see(served(4, team="search", status=429, ran="full"))
    metrics.see(served(2, shadow=True, agrees=True))
    found = {}
    for family in text_string_to_metric_families(metrics.text(now()).decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def asked(expression):
    for name, matchers in SERIES.findall(expression):
        yield name, [m.groups() for m in re.finditer(r'(\w+)(=~?)"([^"]*)"', matchers)]


EXPRESSIONS = [(r["alert"], r["expr"]) for r in RULES]
EXPRESSIONS += [(p["title"], target["expr"]) for p in PANELS for target in p["targets"]]


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS)
def test_what_is_asked_for_is_given(given, name, expression):
    wanted = list(asked(expression))
    assert wanted
    for series, matchers in wanted:
        assert series in given
        for label, how, value in matchers:
            values = given[series][label]
            assert any(re.fullmatch(value, v) if how == "=~" else v == value for v in values)


@pytest.mark.parametrize("name", [r["alert"] for r in RULES])
def test_each_alert_says_how_bad_it_is_and_what_to_do(name):
    rule = next(r for r in RULES if r["alert"] == name)
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]


def test_panels_do_not_overlap():
    places = {(p["gridPos"]["x"], p["gridPos"]["y"]) for p in PANELS}
    assert len(places) == len(PANELS) == len({p["id"] for p in PANELS})
