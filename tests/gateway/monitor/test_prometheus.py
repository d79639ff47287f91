"""A real Prometheus scrapes a real gateway with its key: rules are healthy, and every panel has figures."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from karui.gateway.records.stage import Stage
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened, until

DEPLOY = Path(__file__).parents[3] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana.json").read_text())
TEAM = "sk-search-0123456789"
KEYS = f'[teams.search]\nkey = "{TEAM}"\nrequests_per_minute = 6'


def tool(name):
    """Returns a program of Prometheus's; skips where it is not, and fails in continuous integration."""
    found = shutil.which(name)
    if found is None:
        missing = f"No {name} on the PATH (Debian and Ubuntu: apt-get install prometheus)."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.mark.parametrize("command", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_promtool_is_content_with_the_rules_and_their_own_tests(command):
    done = subprocess.run(
        [tool("promtool"), *command], cwd=DEPLOY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout + done.stderr


def test_each_rule_has_a_test():
    told = (DEPLOY / "alerts_test.yml").read_text()
    for line in (DEPLOY / "alerts.yml").read_text().splitlines():
        name = line.partition("alert: ")[2]
        assert not name or told.count(f"alertname: {name}") >= 2, name


def test_grafanas_own_model_reads_every_field_of_the_dashboard():
    sdk = pytest.importorskip("grafana_foundation_sdk.models.dashboard")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins

    register_default_plugins()
    read = json.loads(JSONEncoder(sort_keys=True).encode(sdk.Dashboard.from_json(DASHBOARD)))
    assert list(lost(DASHBOARD, read)) == []


def lost(wanted, found, path=""):
    """Yields the fields that a model does not know, or reads as something else."""
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            if name in found:
                yield from lost(value, found[name], f"{path}/{name}")
            else:
                yield f"{path}/{name}"
    elif isinstance(wanted, list):
        for n, (one, two) in enumerate(zip(wanted, found, strict=True)):
            yield from lost(one, two, f"{path}/{n}")
    elif wanted != found:
        yield path


@contextmanager
def prometheus(target, key):
    """Runs Prometheus with the alert rules; yields what asks it."""
    program = tool("prometheus")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        scrape = {
            "job_name": "karui",
            "scrape_interval": "200ms",
            "authorization": {"credentials": key},
            "static_configs": [{"targets": [target]}],
        }
        config = {"rule_files": [str(DEPLOY / "alerts.yml")], "scrape_configs": [scrape]}
        (Path(folder) / "prometheus.json").write_text(
            json.dumps(config | {"global": {"evaluation_interval": "1s"}})
        )
        command = [program, f"--config.file={folder}/prometheus.json", f"--storage.tsdb.path={folder}/data"]
        with (
            (Path(folder) / "log").open("w+") as log,
            subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
            ) as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=20) as client,
        ):

            def ask(path, **params):
                reply = client.get(path, params=params)
                assert reply.status_code == 200, (params, reply.text)
                return reply.json()["data"]

            def up():
                assert process.poll() is None, (Path(folder) / "log").read_text()
                try:
                    reply = client.get("/query", params={"query": "up"})
                except httpx.TransportError:
                    return False
                return reply.status_code == 200 and reply.json()["data"]["result"]

            try:
                until(up)
                yield ask
            finally:
                process.terminate()
                process.wait(20)


SERIES = [(p["title"], t["expr"]) for p in DASHBOARD["panels"] for t in p["targets"]]


@pytest.fixture(scope="module")
def asked():
    """What Prometheus answers on a gateway that answered, refused and failed some requests."""
    tool("prometheus")
    patch = pytest.MonkeyPatch()
    patch.setenv("KARUI_KEYS", KEYS)
    patch.setenv("KARUI_METRICS_KEY", "sk-metrics")
    patch.setenv("KARUI_OPERATOR_KEY", "sk-operator")
    body = {"model": "karui/plan", "messages": [{"role": "user", "content": "What is 3 and 4?"}]}

    with serving() as fake, opened(fake, stage="25") as house:

        def post(model="karui/plan", key=TEAM):
            told = {"authorization": f"Bearer {key}"}
            with house.recorded():
                return house.http.post("/v1/chat/completions", json={**body, "model": model}, headers=told)

        target = house.url.removeprefix("http://")
        house.gateway.rollout.command("shadow", "me", "to see silent runs", 0.0)
        post()
        until(lambda: any(r.shadow for r in house.records))
        house.gateway.rollout.rollout.resume(Stage.ALL, 0.0)
        post()
        post("karui/full")
        with prometheus(target, "sk-metrics") as ask:
            seen = 'sum(karui:requests_total{job="karui"})'
            until(lambda: ask("/query", query=f"{seen} >= 3")["result"])
            post()  # a rate wants two scrapes that differ
            post("karui/full")
            fake.behaviour.faults[:] = [(500, "boom")] * 4
            assert post("karui/full").status_code == 502
            fake.behaviour.faults.clear()
            while post().status_code != 429:
                pass
            until(lambda: ask("/query", query='sum(karui:team_requests_total{status="429"}) >= 1')["result"])
            yield ask
    patch.undo()


def test_the_scrape_gives_its_key_and_no_series_is_dropped(asked):
    (target,) = asked("/targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_every_rule_is_healthy_and_none_fires_by_itself(asked):
    (group,) = asked("/rules")["groups"]
    assert len(group["rules"]) == (DEPLOY / "alerts.yml").read_text().count("- alert:")
    until(lambda: all(rule["health"] == "ok" for rule in asked("/rules")["groups"][0]["rules"]))
    assert {rule["state"] for rule in asked("/rules")["groups"][0]["rules"]} <= {"inactive", "pending"}


@pytest.mark.parametrize(("title", "expression"), SERIES)
def test_a_panels_query_gives_figures(asked, title, expression):
    until(lambda: asked("/query", query=expression)["result"])
